//! Weights that programs pack into integers, told by the tensors beside them.
//!
//! Such integers are weights, whatever their type. Those that [`packed`](super::packed) does not know how
//! to read are set apart as unread, and say so; and so are floats of eight bits with scales beside them
//! that are not understood.

use std::collections::HashSet;

use super::contents::Contents;
use super::element::Element;
use super::stored::Stored;
use super::tensor::{ForeignTensor, Role};

/// Last parts of the names under which a layer keeps what it learns.
const WEIGHTS: [&str; 6] = ["weight", "bias", "kernel", "embedding", "w", "b"];
/// What the last part of a name has in it where integers are weights in another form.
const PACKED: [&str; 9] = [
    "weight", "kernel", "packed", "blocks", "qdata", "codes", "quant", "qidx", "w_q",
];
/// What names have in them of numbers that packed weights are to be multiplied with, or shifted by.
const SCALES: [&str; 7] = [
    "scale",
    "absmax",
    "scb",
    "zero_point",
    "qzeros",
    "codebook",
    "quant_state",
];
/// What names of masks have in them; GPT-2 calls its own `attn.bias`.
const MASKS: [&str; 3] = ["mask", "causal", "tril"];

/// Moves integers that hold weights to the tensors that are not read.
pub(super) fn set_apart(contents: &mut Contents) {
    let may_be_packed = |stored: &Stored| is_integer(stored) || is_narrow(stored);
    if !contents.tensors.iter().any(may_be_packed) {
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
    // Layers that have a scale of some kind.
    let scaled: HashSet<&str> = names
        .iter()
        .map(|name| split(name))
        .filter(|(_, last)| {
            let lower = last.to_ascii_lowercase();
            SCALES.iter().any(|scale| lower.contains(scale))
        })
        .map(|(layer, _)| layer)
        .collect();
    let (mut read, mut packed) = (Vec::new(), Vec::new());
    for stored in std::mem::take(&mut contents.tensors) {
        match reason(&stored, &names, &parents, &scaled) {
            Some(reason) => packed.push(stored.unread(reason)),
            None => read.push(stored),
        }
    }
    contents.tensors = read;
    contents.unread.extend(packed);
}

fn is_integer(stored: &Stored) -> bool {
    stored.tensor.role == Role::NotFloat && stored.tensor.element != Element::Bool
}

/// Whether these are floats of eight bits, whose range is too small for most weights without a scale.
fn is_narrow(stored: &Stored) -> bool {
    let element = stored.tensor.element;
    element.is_float() && element.bytes() == 1
}

/// Why a tensor is one of packed weights; none if it is not.
fn reason(
    stored: &Stored,
    names: &HashSet<String>,
    parents: &HashSet<&str>,
    scaled: &HashSet<&str>,
) -> Option<&'static str> {
    let is_scaled = |name: &str| {
        let ends = ["_scale", "_scale_inv"];
        ends.iter()
            .any(|end| names.contains(&format!("{name}{end}")))
    };
    if is_narrow(stored) && !stored.tensor.shape.is_empty() {
        let name = stored.tensor.name.as_str();
        let is_scaled = is_scaled(name.strip_suffix("_qdata").unwrap_or(name));
        return is_scaled.then_some("how a scale beside it belongs to its numbers is not known");
    }
    if !is_integer(stored) {
        return None;
    }
    let ForeignTensor {
        name,
        shape,
        element,
        ..
    } = &stored.tensor;
    let name = name.as_str();
    let (layer, last) = split(name);
    let beside = |other: &str| {
        names.contains(&format!("{layer}.{other}")) || (layer.is_empty() && names.contains(other))
    };
    if parents.contains(name) || names.contains(&format!("{name}.absmax")) {
        return Some("its weights are packed into integers by bitsandbytes");
    }
    let lower = last.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    let is_flat = shape.len() < 2;
    // One number counts something.
    let is_one = shape.iter().all(|&side| side == 1);
    if is_one || has(&MASKS) || is_square(shape) && lower == "bias" {
        return None;
    }
    match last {
        "qweight" | "qzeros" => Some(
            "its weights are packed into integers by GPTQ or AWQ, and no `config.json` beside it has a \
             `quantization_config` that says how",
        ),
        "weight_packed" | "packed_weight" => Some("its weights are packed into integers"),
        _ if beside("SCB") || beside(&format!("{last}_scale")) => {
            Some("its weights are integers, to be multiplied by a scale")
        }
        _ if WEIGHTS.contains(&last) || has(&PACKED) => Some("its weights are stored as integers"),
        _ if has(&SCALES) => Some("the scales of packed weights are stored as integers"),
        _ if !is_flat && scaled.contains(layer) => {
            Some("it is stored as integers beside a scale, as packed weights are")
        }
        _ if !is_flat && matches!(element, Element::U8 | Element::I8) => {
            Some("weights may be packed into its bytes, and nothing says how")
        }
        _ => None,
    }
}

/// The name of the layer, and the rest.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once(['.', '/']).unwrap_or(("", name))
}

/// Whether this is the shape of a mask: a square, for every head or for all.
fn is_square(shape: &[u64]) -> bool {
    matches!(shape, [leading @ .., rows, columns]
        if rows == columns && leading.iter().all(|&side| side == 1))
}

#[cfg(test)]
mod tests {
    use super::super::place::{Container, Order, Place};
    use super::super::stored::Made;
    use super::super::tensor::{Declared, role};
    use super::*;

    fn set_apart_of(tensors: &[(&str, Element)]) -> Vec<String> {
        let flat: Vec<_> = tensors
            .iter()
            .map(|&(name, element)| (name, element, &[4][..]))
            .collect();
        set_apart_of_shapes(&flat)
    }

    fn set_apart_of_shapes(tensors: &[(&str, Element, &[u64])]) -> Vec<String> {
        let stored = tensors.iter().map(|&(name, element, shape)| Stored {
            tensor: ForeignTensor {
                name: name.to_owned(),
                shape: shape.to_vec(),
                element,
                role: role(name, shape, element, Declared::Nothing),
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
    fn weights_in_other_integers_are_known_by_their_shapes_and_by_the_scales_beside_them() {
        let names = set_apart_of_shapes(&[
            ("mlp.gate_proj_blocks", Element::U8, &[4, 90, 16]),
            ("mlp.gate_proj_scales", Element::U8, &[4, 90]),
            ("a.W_q", Element::U8, &[16, 32]),
            ("b.codes", Element::I16, &[8, 8, 2]),
            ("c.Qidxs", Element::I16, &[8, 8]),
            ("d.trellis", Element::I16, &[8, 8]),
            ("d.suh_scale", Element::F16, &[8]),
            ("e.data", Element::I8, &[8, 8]),
        ]);
        let expected = [
            "mlp.gate_proj_blocks",
            "mlp.gate_proj_scales",
            "a.W_q",
            "b.codes",
            "c.Qidxs",
            "d.trellis",
            "e.data",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn masks_and_indices_of_more_than_one_dimension_are_no_weights() {
        let names = set_apart_of_shapes(&[
            ("h.0.attn.bias", Element::U8, &[1, 1, 64, 64]),
            ("h.0.attn.bias", Element::Bool, &[1, 1, 64, 64]),
            ("causal_mask", Element::U8, &[64, 64]),
            ("attn.relative_position_index", Element::I64, &[49, 49]),
            ("embeddings.position_ids", Element::I64, &[1, 512]),
            ("weight_mask", Element::U8, &[8, 8]),
            ("num_blocks", Element::I64, &[]),
            ("observer.scale_steps", Element::I64, &[1]),
        ]);
        assert!(names.is_empty(), "{names:?}");
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
