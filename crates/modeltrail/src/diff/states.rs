//! Tensors that must not have changed: which did, and why that is believed.

use crate::checkpoint::Buffers;
use crate::coverage::Unread;
use crate::error::{Error, Result};
use crate::mapping::ComparedBytes;
use glob::Pattern;
use serde::Serialize;
use std::collections::HashSet;
use weightspace::compare::Comparison;

/// A tensor that should be frozen and is not.
#[derive(Debug, Serialize)]
pub(super) struct Frozen {
    pub(super) tensor: String,
    /// Whether it is no weight.
    pub(super) is_buffer: bool,
    pub(super) why: String,
}

/// A tensor, and why it is not the same bits in both.
pub(super) struct State<'a> {
    name: &'a str,
    is_buffer: bool,
    why: Option<String>,
}

impl<'a> State<'a> {
    pub(super) fn weights(name: &'a str, why: Option<String>) -> Self {
        Self {
            name,
            is_buffer: false,
            why,
        }
    }
}

pub(super) fn states_of_buffers(buffers: &Buffers) -> impl Iterator<Item = State<'_>> {
    buffers.names.iter().map(|name| State {
        name,
        is_buffer: true,
        why: buffers
            .changed
            .iter()
            .find(|one| one.buffer == *name)
            .map(|one| one.why.clone()),
    })
}

/// What is known of every tensor. `apart` are names of those that are not in both, and why.
pub(super) fn states<'a>(
    comparison: &'a Comparison,
    apart: &[(&'a [String], &str)],
    bytes: &'a ComparedBytes,
    unread: &'a [Unread],
) -> Vec<State<'a>> {
    let mut states = Vec::new();
    let more: HashSet<&str> = bytes.more_digits.iter().map(String::as_str).collect();
    let unknown: HashSet<&str> = bytes.unknown_digits.iter().map(String::as_str).collect();
    for tensor in &comparison.tensors {
        let changed = tensor.change.changed;
        let name = tensor.name.as_str();
        let why = match changed {
            0 if more.contains(name) => Some("digits beyond f32 changed".to_owned()),
            0 if unknown.contains(name) => {
                Some("its digits beyond f32 could not be compared".to_owned())
            }
            0 => None,
            _ => Some(format!(
                "{changed} of {} values changed",
                tensor.change.elements
            )),
        };
        states.push(State::weights(name, why));
    }
    for (names, why) in apart {
        let names = names.iter();
        states.extend(names.map(|name| State::weights(name, Some((*why).to_owned()))));
    }
    let same = bytes.unread.same.iter();
    states.extend(same.map(|name| State::weights(name, None)));
    for name in &bytes.unread.changed {
        let why = "its bytes changed; it could not be read".to_owned();
        states.push(State::weights(name, Some(why)));
    }
    let unknown: HashSet<&str> = bytes.unread.unknown.iter().map(String::as_str).collect();
    let unread = unread.iter();
    let unread: Vec<&Unread> = unread
        .filter(|tensor| unknown.contains(tensor.tensor.as_str()))
        .collect();
    states.extend(states_of_unread(unread));
    states
}

/// Of a tensor that could not be read nobody knows whether it changed.
pub(super) fn states_of_unread<'a>(
    unread: impl IntoIterator<Item = &'a Unread>,
) -> impl Iterator<Item = State<'a>> {
    unread.into_iter().map(|tensor| {
        let why = format!("it could not be read: {}, {}", tensor.dtype, tensor.reason);
        State::weights(&tensor.tensor, Some(why))
    })
}

/// The tensors that a pattern means and that are not the same bits in both.
///
/// # Errors
/// When a pattern means no tensor: it would never be broken.
pub(super) fn broken(patterns: &[Pattern], states: Vec<State<'_>>) -> Result<Vec<Frozen>> {
    for pattern in patterns {
        if !states.iter().any(|state| pattern.matches(state.name)) {
            return Err(Error::NoTensorMatches {
                pattern: pattern.to_string(),
            });
        }
    }
    let meant = states
        .into_iter()
        .filter(|state| patterns.iter().any(|pattern| pattern.matches(state.name)));
    Ok(meant
        .filter_map(|state| {
            Some(Frozen {
                tensor: state.name.to_owned(),
                is_buffer: state.is_buffer,
                why: state.why?,
            })
        })
        .collect())
}
