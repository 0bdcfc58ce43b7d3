//! Tensors that are stored twice: an output layer that is the embedding again. One file may keep both
//! names, another only one of them.

use super::names::size;
use super::state::{How, State};
use crate::error::Result;
use std::collections::BTreeMap;

/// Most tensors of one shape among which ties are looked for.
const MOST_ALIKE: usize = 9;

/// A tensor, and the one that it is again.
pub(super) type Tie = (usize, usize);

/// Sets aside what is another tensor of the same checkpoint again, before the rest is matched by its
/// values. Returns those of A and those of B.
///
/// # Errors
/// When values cannot be read.
pub(super) fn set_aside(state: &mut State<'_>) -> Result<(Vec<Tie>, Vec<Tie>)> {
    let own = ties(state, true)?;
    let others = ties(state, false)?;
    for (tensor, _) in &own {
        state.take_a(*tensor);
    }
    for (tensor, _) in &others {
        state.take_b(*tensor);
    }
    Ok((own, others))
}

/// Matches what was set aside, and what turned out to be stored twice since, with what the tensor that
/// it is again was matched with. Returns the ties of B.
///
/// # Errors
/// When values cannot be read.
pub(super) fn settle(state: &mut State<'_>, own: &[Tie], others: &[Tie]) -> Result<Vec<Tie>> {
    let mut own = own.to_vec();
    let mut others = others.to_vec();
    if own.is_empty() && others.is_empty() && state.has_values() {
        (own, others) = set_aside(state)?;
    }
    for (tensor, same) in own {
        let pair = state.pairs.iter().find(|pair| pair.a == same);
        if let Some((recipe, rows)) = pair.map(|pair| (pair.b.clone(), pair.rows)) {
            state.pair_rows(tensor, recipe, rows, How::Tied);
        } else {
            state.give_back_a(tensor);
        }
    }
    let mut settled = Vec::new();
    for (tensor, same) in others {
        let is_matched = state
            .pairs
            .iter()
            .any(|pair| pair.b.tensors().contains(&same));
        if is_matched {
            settled.push((tensor, same));
        } else {
            state.give_back_b(tensor);
        }
    }
    Ok(settled)
}

/// The free matrices of one checkpoint that have the bits of another of its tensors.
fn ties(state: &State<'_>, is_a: bool) -> Result<Vec<Tie>> {
    let (free, tensors) = if is_a {
        (state.free_a(), state.tensors_a())
    } else {
        (state.free_b(), state.tensors_b())
    };
    let mut by_shape: BTreeMap<&[u64], Vec<usize>> = BTreeMap::new();
    for (place, tensor) in tensors.iter().enumerate() {
        by_shape.entry(&tensor.shape).or_default().push(place);
    }
    let values = |place| {
        if is_a {
            state.values_a(place)
        } else {
            state.values_b(place)
        }
    };
    let mut found: Vec<Tie> = Vec::new();
    for (place, tensor) in free.iter() {
        let alike = by_shape.get(tensor.shape.as_slice());
        // Many of one shape are the layers of a model, and no ties.
        let alike = alike.filter(|alike| (2..=MOST_ALIKE).contains(&alike.len()));
        if tensor.shape.len() != 2 || size(&tensor.shape) < 4 || alike.is_none() {
            continue;
        }
        let others = alike.into_iter().flatten().copied();
        let is_candidate =
            |other: &usize| *other != place && found.iter().all(|(tied, _)| tied != other);
        let others: Vec<usize> = others.filter(is_candidate).collect();
        let own = values(place)?;
        let first = own.first().copied().unwrap_or_default();
        if own.iter().all(|value| *value == first) {
            continue;
        }
        for other in others {
            let theirs = values(other)?;
            let mut same = own.iter().zip(theirs.iter());
            if same.all(|(a, b)| a.to_bits() == b.to_bits()) {
                found.push((place, other));
                break;
            }
        }
    }
    Ok(found)
}
