//! Tensors that every process has whole.

use std::collections::{BTreeSet, HashMap};

use crate::Result;
use crate::foreign::contents::Contents;
use crate::foreign::source::Source;
use crate::foreign::stored::Stored;
use crate::foreign::stream;
use crate::limits::Limits;

/// Of the tensors that every process has whole, keeps one each.
///
/// # Errors
/// When they cannot be read.
pub(super) fn once(sources: &[Source], contents: &mut Contents, limits: &Limits) -> Result<()> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut kept: Vec<Stored> = Vec::new();
    let mut differing = BTreeSet::new();
    for stored in std::mem::take(&mut contents.tensors) {
        let place = places.get(&stored.tensor.name).copied();
        let Some(own) = place.and_then(|place| kept.get(place)) else {
            places.insert(stored.tensor.name.clone(), kept.len());
            kept.push(stored);
            continue;
        };
        let is_like =
            own.tensor.shape == stored.tensor.shape && own.tensor.element == stored.tensor.element;
        if !is_like || hash(sources, own, limits)? != hash(sources, &stored, limits)? {
            differing.insert(stored.tensor.name);
        }
    }
    for stored in kept {
        if differing.contains(&stored.tensor.name) {
            let reason = "it is not the same in the files of all processes";
            contents.unread.push(stored.unread(reason));
        } else {
            contents.tensors.push(stored);
        }
    }
    let mut seen = BTreeSet::new();
    contents
        .unread
        .retain(|raw| seen.insert(raw.unread.name.clone()));
    Ok(())
}

/// Of the values of a whole tensor.
fn hash(sources: &[Source], stored: &Stored, limits: &Limits) -> Result<Option<blake3::Hash>> {
    let Some(source) = sources.get(stored.place.file) else {
        return Ok(None);
    };
    let mut hasher = blake3::Hasher::new();
    let numbers = (
        stored.tensor.element.bytes(),
        stored.tensor.shape.as_slice(),
    );
    stream::bytes(source, &stored.place, numbers, limits, &mut |bytes| {
        hasher.update(bytes);
    })?;
    Ok(Some(hasher.finalize()))
}
