//! Weights that programs pack into integers, told by the tensors beside them.
//!
//! Such integers are weights, whatever their type: what stands in them is only known to the program
//! that packed them, so they are not read, and say so.

use std::collections::HashSet;

use super::contents::{Contents, Stored};
use super::tensor::Role;

/// Last parts of the names under which a layer keeps what it learns.
const WEIGHTS: [&str; 6] = ["weight", "bias", "kernel", "embedding", "w", "b"];

/// Moves integers that hold weights to the tensors that are not read.
pub(super) fn set_apart(contents: &mut Contents) {
    if contents.tensors.iter().all(|stored| !is_integer(stored)) {
        return;
    }
    let names: HashSet<String> = contents
        .tensors
        .iter()
        .map(|stored| stored.tensor.name.clone())
        .collect();
    let parents: HashSet<&str> = names
        .iter()
        .filter_map(|name| name.split_once(".quant_state."))
        .map(|(packed, _)| packed)
        .collect();
    let (mut read, mut packed) = (Vec::new(), Vec::new());
    for stored in std::mem::take(&mut contents.tensors) {
        match reason(&stored, &names, &parents) {
            Some(reason) => packed.push(stored.unread(reason)),
            None => read.push(stored),
        }
    }
    contents.tensors = read;
    contents.unread.extend(packed);
}

fn is_integer(stored: &Stored) -> bool {
    stored.tensor.role == Role::NotFloat
}

/// Why an integer tensor is one of weights; none if it is not.
fn reason(
    stored: &Stored,
    names: &HashSet<String>,
    parents: &HashSet<&str>,
) -> Option<&'static str> {
    if !is_integer(stored) {
        return None;
    }
    let name = stored.tensor.name.as_str();
    let (layer, last) = name.rsplit_once(['.', '/']).unwrap_or(("", name));
    let beside = |other: &str| {
        names.contains(&format!("{layer}.{other}")) || (layer.is_empty() && names.contains(other))
    };
    if parents.contains(name) || names.contains(&format!("{name}.absmax")) {
        return Some("its weights are packed into integers by bitsandbytes");
    }
    match last {
        "qweight" | "qzeros" => Some("its weights are packed into integers by GPTQ or AWQ"),
        "weight_packed" | "packed_weight" => Some("its weights are packed into integers"),
        _ if beside("SCB") || beside(&format!("{last}_scale")) => {
            Some("its weights are integers, to be multiplied by a scale")
        }
        _ if WEIGHTS.contains(&last) => Some("its weights are stored as integers"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::contents::Made;
    use super::super::element::Element;
    use super::super::place::{Container, Order, Place};
    use super::super::tensor::{Declared, ForeignTensor, role};
    use super::*;

    fn set_apart_of(tensors: &[(&str, Element)]) -> Vec<String> {
        let stored = tensors.iter().map(|&(name, element)| Stored {
            tensor: ForeignTensor {
                name: name.to_owned(),
                shape: vec![4],
                element,
                role: role(name, &[4], element, Declared::Nothing),
            },
            place: Place {
                file: 0,
                container: Container::File { offset: 0 },
                order: Order::RowMajor,
                big_endian: false,
            },
            made: Made::Whole,
        });
        let mut contents = Contents {
            tensors: stored.collect(),
            ..Contents::default()
        };
        set_apart(&mut contents);
        assert_eq!(contents.count(), tensors.len());
        let unread = contents.unread.into_iter();
        unread.map(|raw| raw.unread.name).collect()
    }

    #[test]
    fn integers_that_hold_weights_are_not_read() {
        let names = set_apart_of(&[
            ("a.qweight", Element::I32),
            ("a.qzeros", Element::I32),
            ("a.scales", Element::F16),
            ("a.g_idx", Element::I32),
            ("b.weight", Element::U8),
            ("b.weight.absmax", Element::F32),
            ("b.weight.quant_state.bitsandbytes__nf4", Element::U8),
            ("c.weight", Element::I8),
            ("c.SCB", Element::F32),
            ("d.proj", Element::I8),
            ("d.proj_scale", Element::F32),
        ]);
        assert_eq!(
            names,
            ["a.qweight", "a.qzeros", "b.weight", "c.weight", "d.proj"]
        );
    }

    #[test]
    fn counters_masks_and_indices_stay_what_they_are() {
        let names = set_apart_of(&[
            ("bn.num_batches_tracked", Element::I64),
            ("attn.mask", Element::Bool),
            ("position_ids", Element::I64),
            ("a.weight", Element::F8E4M3),
        ]);
        assert!(names.is_empty(), "{names:?}");
    }
}
