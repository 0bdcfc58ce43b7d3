//! Tensors that several processes hold parts of, each in a file of its own, put together.
//!
//! A distributed tensor says how it lies on a mesh of processes: along each dimension of the mesh it is
//! replicated, or sharded along one of its own. A sharded tensor of older versions says where its parts
//! begin.

mod missing;
mod once;

use std::collections::{BTreeMap, BTreeSet};

use super::contents::Contents;
use super::element::Element;
use super::part::Part;
use super::source::Source;
use super::stored::{Made, Piece, Stored};
use super::tensor::{Declared, role};
use super::tiles::{self, Gap};
use crate::Result;
use crate::limits::Limits;
use missing::Missing;
use once::once;

/// Puts the parts together, of all files.
///
/// # Errors
/// [`Fault::Missing`] naming the processes whose files are not there.
pub(super) fn join(sources: &[Source], contents: &mut Contents, limits: &Limits) -> Result<()> {
    if contents.parts.is_empty() {
        return Ok(());
    }
    let Some(first) = sources.first() else {
        return Ok(());
    };
    let total = sources.iter().map(Source::len).fold(0, u64::saturating_add);
    let mut left = limits.unpacked_for(total);
    let mut groups: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    let mut order = Vec::new();
    for part in std::mem::take(&mut contents.parts) {
        let group = groups.entry(part.name.clone()).or_default();
        if group.is_empty() {
            order.push(part.name.clone());
        }
        group.push(part);
    }
    once(sources, contents, limits)?;
    for name in order {
        let Some(parts) = groups.remove(&name) else {
            continue;
        };
        let Some(part) = parts.first().cloned() else {
            continue;
        };
        let missing = Missing::of(&parts);
        match joined(&name, &part, parts) {
            Ok(stored) => {
                let bytes = stored.tensor.elements();
                let bytes = bytes.saturating_mul(stored.tensor.element.bytes());
                left = left.checked_sub(bytes).ok_or_else(|| {
                    first.too_large("the size of all its tensors, in bytes,", bytes, left)
                })?;
                contents.tensors.push(stored);
            }
            Err(_) if missing.count > 0 => return Err(missing.error(first, &name)),
            Err(reason) => {
                let mut raw = part.stored.unread(reason);
                raw.unread.name = name;
                raw.unread.elements = super::shape::count(&part.shape);
                raw.unread.shape = Some(part.shape);
                raw.unread.bytes = None;
                raw.bytes = None;
                contents.unread.push(raw);
            }
        }
    }
    Ok(())
}

/// The tensor that these are the parts of, or why it is none.
fn joined(name: &str, first: &Part, parts: Vec<Part>) -> std::result::Result<Stored, &'static str> {
    let element: Element = first.stored.tensor.element;
    let is_like = |part: &Part| {
        part.shape == first.shape
            && part.stored.tensor.element == element
            && part.stored.made == Made::Whole
    };
    if !parts.iter().all(is_like) {
        return Err("its parts have different types or shapes");
    }
    let mut pieces = Vec::with_capacity(parts.len());
    let mut seen = BTreeSet::new();
    for part in parts {
        let local = part.stored.tensor.shape;
        let (at, shape) = match part.cut.at {
            Some(at) => (at, local.clone()),
            None => {
                let place = part.cut.place(&first.shape, part.file as u64);
                // One that has the shape of the whole is the whole, however many processes there are.
                let is_whole = local == first.shape && !part.cut.is_sum();
                let whole = is_whole.then(|| (vec![0; local.len()], local.clone()));
                place
                    .or(whole)
                    .ok_or("how it is cut into parts is not known")?
            }
        };
        let is_empty = shape.contains(&0) && local.contains(&0);
        if shape != local && !is_empty {
            return Err("a part has another shape than its place says");
        }
        // Of replicas the first is taken.
        if !is_empty && seen.insert(at.clone()) {
            let place = part.stored.place;
            pieces.push(Piece { place, at, shape });
        }
    }
    tiles::arrange(&first.shape, &mut pieces).map_err(Gap::reason)?;
    let mut tensor = first.stored.tensor.clone();
    let declared = Declared::Nothing;
    tensor.role = role(name, &first.shape, element, declared);
    name.clone_into(&mut tensor.name);
    tensor.shape.clone_from(&first.shape);
    let place = pieces
        .first()
        .map_or_else(|| first.stored.place.clone(), |piece| piece.place.clone());
    let made = match pieces.len() {
        0 | 1 => Made::Whole,
        _ => Made::Pieces(pieces),
    };
    Ok(Stored {
        tensor,
        place,
        made,
    })
}
