//! PyTorch's files: the zip archives of 1.6 and later, and the form before.

use std::collections::HashMap;
use std::io::Read;

use super::archive::Archive;
use super::contents::Contents;
use super::element::whole_number;
use super::format::LEGACY_MAGIC;
use super::part::Part;
use super::pickle::{self, Numbers, Tensor, Value, Values};
use super::place::{Container, Order, Place};
use super::shape::{count, span};
use super::source::{Source, quoted, shown};
use super::state_dict::{self, StateDict};
use super::stored::{Made, NOT_SUPPORTED, Raw, RawBytes, Stored};
use super::tensor::{Declared, ForeignTensor, Unread, role};
use crate::Result;
use crate::limits::{Limits, MAX_FOREIGN_DIMENSIONS};

/// The version of the form before 1.6: the only one there was.
const LEGACY_VERSION: i64 = 1001;

/// Where the bytes of a storage lie in the file.
#[derive(Debug, Clone, Copy)]
struct Extent {
    offset: u64,
    bytes: u64,
}

/// Reads the description in a zip archive: a pickle, and one entry for each storage.
pub(super) fn open(source: &Source, archive: &Archive, limits: &Limits) -> Result<Contents> {
    let mut find =
        |values: &Values, root| state_dict::find(values, root, source, &stem(source), limits);
    open_with(source, archive, limits, &mut find)
}

/// Reads the description in a zip archive, of the tensors that are found so among its values.
pub(super) fn open_with(
    source: &Source,
    archive: &Archive,
    limits: &Limits,
    find: &mut dyn FnMut(&Values, Value) -> Result<StateDict>,
) -> Result<Contents> {
    let pickles = archive
        .entries()
        .iter()
        .filter(|entry| entry.name.ends_with("/data.pkl"));
    let Some(described) = pickles.min_by_key(|entry| entry.name.len()) else {
        return Err(source.damaged("the archive lacks its `data.pkl`"));
    };
    let stored = |entry: &super::archive::Entry| {
        if entry.is_stored() && entry.stored == entry.size {
            return Ok(());
        }
        Err(source.unsupported(
            format!(
                "the zip entry {} is compressed, which torch.save never does",
                quoted(&entry.name)
            ),
            "Save it again with torch.save",
        ))
    };
    stored(described)?;
    let prefix = described.name.trim_end_matches("data.pkl");
    let mut big_endian = false;
    if let Some(order) = archive.get(&format!("{prefix}byteorder")) {
        let mut text = String::new();
        let read = order.unpack(source)?.take(16).read_to_string(&mut text);
        big_endian = match (read, text.as_str()) {
            (Ok(_), "little") => false,
            (Ok(_), "big") => true,
            _ => return Err(source.damaged("its order of bytes is neither little nor big")),
        };
    }
    let offset = described.offset(source)?;
    let (values, root, taken) = pickle::read(source, offset, described.size, limits)?;
    if taken != described.size {
        return Err(source.damaged("its pickle ends before its entry does"));
    }
    let found = find(&values, root)?;
    let extent = |key: &str| {
        let entry = archive.get(&format!("{prefix}data/{key}"));
        let entry = entry.ok_or_else(|| {
            source.damaged(format!("the bytes of storage {} are missing", quoted(key)))
        })?;
        stored(entry)?;
        Ok(Extent {
            offset: entry.offset(source)?,
            bytes: entry.size,
        })
    };
    describe(source, &values, found, extent, big_endian, limits)
}

/// Reads the description in the form before 1.6: four pickles, a list of the storages, and the
/// bytes of each after their number.
pub(super) fn open_legacy(source: &Source, limits: &Limits) -> Result<Contents> {
    let mut at = LEGACY_MAGIC.len() as u64;
    let mut next = || {
        let left = source.len().saturating_sub(at);
        let (values, root, taken) = pickle::read(source, at, left, limits)?;
        at = at.saturating_add(taken);
        Ok::<_, crate::Error>((values, root))
    };
    let (_, version) = next()?;
    if version != Value::Int(LEGACY_VERSION) {
        return Err(source.damaged("its version is not the one that there was"));
    }
    let (system, system_root) = next()?;
    let little = system.get(system_root, "little_endian");
    let big_endian = little == Some(Value::Bool(false));
    let (values, root) = next()?;
    let (keys, keys_root) = next()?;
    let Some(keys_root) = keys.sequence(keys_root) else {
        return Err(source.damaged("it lacks the list of its storages"));
    };

    let sizes: HashMap<&str, u64> = values
        .storages
        .iter()
        .map(|storage| (values.text(storage.key), storage.numbers.bytes()))
        .collect();
    let mut extents: HashMap<&str, Extent> = HashMap::with_capacity(keys_root.len());
    for key in keys_root {
        let Value::Text(key) = key else {
            return Err(source.damaged("a storage in its list has no name"));
        };
        let key = keys.text(*key);
        let Some(&size) = sizes.get(key) else {
            return Err(source.damaged(format!("no tensor uses the storage {}", quoted(key))));
        };
        // Where the next one begins would not be known.
        if size == 0 {
            return Err(source.unsupported(
                format!("the storage {} has numbers of an unknown size", quoted(key)),
                "Save it again with a newer PyTorch",
            ));
        }
        source.check_inside("the size of a storage", at, 8)?;
        let mut count = [0; 8];
        source.read(&mut count, at)?;
        if big_endian {
            count.reverse();
        }
        let offset = at.saturating_add(8);
        let bytes = u64::from_le_bytes(count).saturating_mul(size);
        source.check_inside("a storage", offset, bytes)?;
        extents.insert(key, Extent { offset, bytes });
        at = offset.saturating_add(bytes);
    }
    let found = state_dict::find(&values, root, source, &stem(source), limits)?;
    let extent = |key: &str| {
        extents.get(key).copied().ok_or_else(|| {
            source.damaged(format!("the bytes of storage {} are missing", quoted(key)))
        })
    };
    describe(source, &values, found, extent, big_endian, limits)
}

fn stem(source: &Source) -> String {
    let stem = source.path().file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// Checks every tensor against the bytes of its storage, and says where its values lie.
fn describe<'a>(
    source: &Source,
    values: &'a Values,
    found: StateDict,
    mut extent: impl FnMut(&'a str) -> Result<Extent>,
    big_endian: bool,
    limits: &Limits,
) -> Result<Contents> {
    let mut extents: HashMap<&str, Extent> = HashMap::new();
    let mut contents = Contents {
        left_out: found.left_out,
        claimed: found.claimed,
        settings: found.settings,
        metadata: found.metadata,
        ..Contents::default()
    };
    let unread = found.unread.into_iter();
    contents.unread.extend(unread.map(|unread| Raw {
        unread,
        bytes: None,
    }));
    let mut locate = |name: &str, tensor: u32| -> Result<(Tensor, Laid)> {
        let wrong = |what: &str| source.damaged(format!("the tensor {} {what}", quoted(name)));
        let tensor = values
            .tensors
            .get(tensor as usize)
            .ok_or_else(|| wrong("is not described"))?;
        let storage = values
            .storages
            .get(tensor.storage as usize)
            .ok_or_else(|| wrong("has no storage"))?;
        let key = values.text(storage.key);
        let extent = match extents.get(key) {
            Some(&extent) => extent,
            None => {
                let extent = extent(key)?;
                extents.insert(key, extent);
                extent
            }
        };
        let (shape, strides) = shape_and_strides(values, tensor)
            .ok_or_else(|| wrong("has dimensions that are no numbers, or too many"))?;
        let size = tensor.numbers.bytes();
        // In bytes: a storage without a type is counted in bytes, its tensors in elements.
        let storage_size = storage.numbers.bytes();
        let declared_bytes = storage
            .start
            .saturating_add(storage.elements)
            .saturating_mul(storage_size);
        // More than the tensors need may be missing, and it is missing.
        if declared_bytes > extent.bytes {
            return Err(wrong(&format!(
                "lies on a storage of {declared_bytes} bytes, of which {} are there",
                extent.bytes
            )));
        }
        let start = storage
            .start
            .checked_mul(storage_size)
            .zip(tensor.offset.checked_mul(size))
            .and_then(|(start, offset)| start.checked_add(offset));
        let end = span(&shape, &strides)
            .and_then(|span| span.checked_mul(size))
            .zip(start)
            .and_then(|(bytes, start)| start.checked_add(bytes));
        let (Some(start), Some(end)) = (start, end) else {
            return Err(wrong("is too large"));
        };
        if end > declared_bytes {
            return Err(wrong(&format!(
                "ends at byte {end} of a storage of {declared_bytes} bytes"
            )));
        }
        let elements = count(&shape);
        let bytes = elements.and_then(|count| count.checked_mul(size));
        let (Some(elements), Some(bytes)) = (elements, bytes) else {
            return Err(wrong("is too large"));
        };
        if bytes > limits.largest_tensor {
            let what = "the size of a tensor, in bytes,";
            return Err(source.too_large(what, bytes, limits.largest_tensor));
        }
        let laid = Laid {
            order: Order::of_strides(&shape, &strides),
            offset: extent.offset.saturating_add(start),
            shape,
            elements,
            bytes,
        };
        Ok((*tensor, laid))
    };
    let mut total = 0_u64;
    for (name, tensor, declared) in found.tensors {
        let (tensor, laid) = locate(&name, tensor)?;
        // Tensors may share bytes, and repeat them: what a small file may claim has an end.
        total = total.saturating_add(laid.bytes);
        let limit = limits.unpacked_for(source.len());
        if total > limit {
            return Err(source.too_large("the size of all its tensors, in bytes,", total, limit));
        }
        let place = Place {
            file: 0,
            container: Container::File {
                offset: laid.offset,
            },
            order: laid.order,
            big_endian,
        };
        let (shape, size) = (laid.shape, tensor.numbers.bytes());
        let declared = match tensor.parameter {
            true => Declared::Parameter,
            false => declared,
        };
        match tensor.numbers {
            Numbers::Read(element) => contents.tensors.push(Stored {
                place,
                made: Made::Whole,
                tensor: ForeignTensor {
                    role: role(&name, &shape, element, declared),
                    name,
                    shape,
                    element,
                },
            }),
            Numbers::Unread { name: dtype, .. } => contents.unread.push(Raw {
                unread: Unread {
                    name,
                    dtype: shown(values.text(dtype)),
                    shape: Some(shape.clone()),
                    elements: Some(laid.elements),
                    bytes: (size > 0).then_some(laid.bytes),
                    reason: NOT_SUPPORTED.to_owned(),
                },
                bytes: (size > 0).then_some(RawBytes { place, size, shape }),
            }),
        }
    }
    for part in found.parts {
        let (tensor, laid) = locate(&part.name, part.tensor)?;
        total = total.saturating_add(laid.bytes);
        let limit = limits.unpacked_for(source.len());
        if total > limit {
            return Err(source.too_large("the size of all its tensors, in bytes,", total, limit));
        }
        let Numbers::Read(element) = tensor.numbers else {
            let dtype = match tensor.numbers {
                Numbers::Unread { name, .. } => shown(values.text(name)),
                Numbers::Read(_) => String::new(),
            };
            contents.unread.push(Raw {
                unread: Unread {
                    name: part.name,
                    dtype,
                    elements: count(&part.shape),
                    shape: Some(part.shape),
                    bytes: None,
                    reason: NOT_SUPPORTED.to_owned(),
                },
                bytes: None,
            });
            continue;
        };
        let place = Place {
            file: 0,
            container: Container::File {
                offset: laid.offset,
            },
            order: laid.order,
            big_endian,
        };
        let name = part.name.clone();
        contents.parts.push(Part {
            shape: part.shape,
            stored: Stored {
                tensor: ForeignTensor {
                    role: role(&name, &laid.shape, element, Declared::Nothing),
                    name,
                    shape: laid.shape,
                    element,
                },
                place,
                made: Made::Whole,
            },
            cut: part.cut,
            name: part.name,
            file: 0,
        });
    }
    for (key, tensor) in found.counters {
        let (tensor, laid) = locate(&key, tensor)?;
        if let (Numbers::Read(element), 1) = (tensor.numbers, laid.elements) {
            let mut bytes = vec![0; laid.bytes as usize];
            source.read(&mut bytes, laid.offset)?;
            if big_endian {
                bytes.reverse();
            }
            if let Some(number) = whole_number(element, &bytes) {
                contents.claimed.add_number(&key, number);
                contents.metadata.add(&key, &number.to_string());
            }
        }
    }
    Ok(contents)
}

/// Where the values of a tensor lie, checked.
struct Laid {
    shape: Vec<u64>,
    order: Order,
    offset: u64,
    elements: u64,
    bytes: u64,
}

fn shape_and_strides(values: &Values, tensor: &Tensor) -> Option<(Vec<u64>, Vec<u64>)> {
    let shape = values.shape(tensor)?;
    let strides = values.strides(tensor)?;
    (shape.len() == strides.len() && shape.len() <= MAX_FOREIGN_DIMENSIONS)
        .then_some((shape, strides))
}
