//! `.npz`: a zip archive with one array per entry.

use std::io::Read;

use super::archive::{Archive, Entry};
use super::contents::Contents;
use super::element::{swap_bytes, whole_number};
use super::npy::{Array, MAX_HEADER_BYTES, Numbers, OBJECTS, Trouble};
use super::place::Container;
use super::source::{Source, quoted};
use super::stored::Raw;
use super::tensor::{LeftOut, Unread};
use crate::Result;
use crate::limits::Limits;

/// Parts of names under which an optimiser keeps its state, as Flax and Optax users call them.
const OPTIMISER_GROUPS: [&str; 4] = ["opt_state", "optimizer", "optimizer_state", "optim"];

/// Reads the header of every array in the archive.
pub(super) fn open(source: &Source, archive: &Archive, limits: &Limits) -> Result<Contents> {
    let entries = archive.entries();
    if entries.len() > limits.most_tensors {
        return Err(source.too_large(
            "the number of tensors",
            entries.len() as u64,
            limits.most_tensors as u64,
        ));
    }
    let mut contents = Contents::default();
    for entry in entries {
        let name = entry.name.strip_suffix(".npy").unwrap_or(&entry.name);
        let start = start_of(entry, source)?;
        let array = match Array::parse(&start) {
            Ok(array) => array,
            Err(Trouble::NotNumbers(why)) => {
                let name = name.to_owned();
                contents.left_out.push(LeftOut { name, why });
                continue;
            }
            Err(Trouble::Objects(shape)) => {
                contents.unread.push(Raw {
                    unread: Unread {
                        name: name.to_owned(),
                        dtype: "object".to_owned(),
                        shape: Some(shape),
                        elements: None,
                        bytes: None,
                        reason: OBJECTS.to_owned(),
                    },
                    bytes: None,
                });
                continue;
            }
            Err(Trouble::Damaged(what)) => {
                return Err(source.damaged(format!("{}: {what}", quoted(name))));
            }
        };
        let Some(bytes) = entry
            .size
            .checked_sub(array.values)
            .filter(|&bytes| array.fits(bytes))
        else {
            return Err(source.damaged(format!(
                "the array {} has another size than its shape and type need",
                quoted(name)
            )));
        };
        if name
            .split(['/', '.'])
            .any(|part| OPTIMISER_GROUPS.contains(&part))
        {
            contents.left_out.push(LeftOut {
                name: name.to_owned(),
                why: "state of the optimiser".to_owned(),
            });
            continue;
        }
        if array.shape.is_empty()
            && let Some(value) = scalar(&array, &start)
        {
            contents.claimed.add_number(name, value);
            contents.metadata.add(name, &value.to_string());
        }
        let container = Container::Entry {
            skip: array.values,
            entry: entry.clone(),
        };
        array.add(
            name.to_owned(),
            (container, bytes),
            &mut contents,
            source,
            limits,
        )?;
    }
    if contents.tensors.is_empty() {
        leave_out_objects(&mut contents);
    }
    Ok(contents)
}

/// Objects beside arrays may be arrays of different sizes; alone they are no model.
fn leave_out_objects(contents: &mut Contents) {
    let left_out = &mut contents.left_out;
    contents.unread.retain(|raw| {
        let is_object = raw.unread.reason == OBJECTS;
        if is_object {
            left_out.push(LeftOut {
                name: raw.unread.name.clone(),
                why: OBJECTS.to_owned(),
            });
        }
        !is_object
    });
}

/// The first bytes of what an entry unpacks to: all of a header, whatever follows.
fn start_of(entry: &Entry, source: &Source) -> Result<Vec<u8>> {
    let mut start = Vec::new();
    let mut unpacked = entry.unpack(source)?;
    // Most headers take 128 bytes.
    let mut want = 128;
    loop {
        let before = start.len();
        unpacked
            .by_ref()
            .take(want)
            .read_to_end(&mut start)
            .map_err(|error| {
                source.damaged(format!(
                    "the entry {} cannot be unpacked ({error})",
                    quoted(&entry.name)
                ))
            })?;
        let header = header_len(&start).unwrap_or(MAX_HEADER_BYTES);
        let missing = header.min(MAX_HEADER_BYTES).saturating_sub(start.len());
        if missing == 0 || start.len() == before {
            return Ok(start);
        }
        want = missing as u64;
    }
}

/// How long the header that begins like this is, with a scalar after it.
fn header_len(start: &[u8]) -> Option<usize> {
    let len = match start.get(6)? {
        1 => 10 + usize::from(u16::from_le_bytes(*start.get(8..)?.first_chunk()?)),
        _ => usize::try_from(u32::from_le_bytes(*start.get(8..)?.first_chunk()?))
            .ok()?
            .checked_add(12)?,
    };
    len.checked_add(8)
}

/// The value of an array of one whole number that is not negative.
fn scalar(array: &Array, start: &[u8]) -> Option<u64> {
    let Numbers::Read(element) = array.numbers else {
        return None;
    };
    let values = usize::try_from(array.values).ok()?;
    let bytes = usize::try_from(element.bytes()).ok()?;
    let mut stored = start.get(values..)?.get(..bytes)?.to_vec();
    if array.big_endian {
        swap_bytes(element.bytes(), &mut stored);
    }
    whole_number(element, &stored)
}
