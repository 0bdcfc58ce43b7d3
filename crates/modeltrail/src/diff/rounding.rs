//! Whether two checkpoints are the same to the rounding of the types that they are stored in, which is
//! what a converter has to leave.
//!
//! A type rounds a weight by so much at most: half the distance of its neighbours for floats, a share of
//! the largest weight of the block for codes that share a scale. The shares are those of half a step of the
//! codes, and somewhat more for programs that choose codes by what they do to the layer. A change that is
//! smaller than that cannot be told from rounding.

use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::mapping::Alike;
use checkpoint_store::foreign::{Element, Packing};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use weightspace::compare::Comparison;
use weightspace::compare::rounding::Format;

/// Least share of the weights that must be as near as rounding for the rest to be named as an exception.
const MOST: f64 = 0.5;
/// Steps of f32 that two programs may differ by where they compute the same.
const STEPS: f64 = 4.0;
/// What adding 1 to a gain and taking it away again leaves.
const SHIFTED: f64 = 1.2e-7;

/// What was found.
#[derive(Debug, Serialize)]
pub(super) struct Rounded {
    /// The types whose rounding it is.
    types: Vec<String>,
    /// Tensors that are further apart.
    apart: Vec<String>,
}

impl Rounded {
    /// Whether all tensors are the same to the rounding.
    pub(super) fn is_all(&self) -> bool {
        self.apart.is_empty()
    }

    /// In words.
    pub(super) fn to_note(&self, name: &dyn Fn(&[String]) -> String) -> String {
        let types = self.types.join(", ");
        if self.is_all() {
            return format!(
                "the same model to the rounding of {types}: no weight is further from that of A than these \
                 round"
            );
        }
        format!(
            "not the same model to the rounding of {types}: the weights of {} differ by more ({}), and those \
             of all others do not",
            crate::text::counted(self.apart.len(), "tensor"),
            name(&self.apart)
        )
    }
}

/// Compares every pair with what its types round; none where most are further apart, and the types say
/// nothing.
///
/// # Errors
/// When weights cannot be read.
pub(super) fn rounded(
    (a, b): (&Checkpoint, &Checkpoint),
    alike: &Alike<'_>,
    comparison: &Comparison,
) -> Result<Option<Rounded>> {
    let Some(pairs) = types_of((a, b), alike) else {
        return Ok(None);
    };
    let changed = comparison.tensors.iter().enumerate();
    let changed = changed.filter(|(_, tensor)| !tensor.change.identical());
    let changed: Vec<usize> = changed.map(|(place, _)| place).collect();
    let counts = comparison
        .tensors
        .iter()
        .map(|tensor| tensor.change.elements);
    let all: usize = counts.sum();
    let far = AtomicUsize::new(0);
    let nothing = (false, Vec::new(), Element::F32);
    let looked = weightspace::compare::slices::all(alike, &changed, |slice| {
        let (is_turned, others, own) = pairs.get(slice.index).unwrap_or(&nothing);
        let pair = &slice.pair;
        let is_near = others
            .iter()
            .all(|&other| is_near(pair.a, pair.b, pair.shape, *is_turned, (*own, other)));
        if !is_near {
            // Most changes are training's, and show soon that they are.
            let count = pair.a.len();
            let off = far.fetch_add(count, Ordering::Relaxed) + count;
            if off as f64 > (1.0 - MOST) * all as f64 {
                return None;
            }
        }
        Some(is_near)
    })?;
    let Some(looked) = looked else {
        return Ok(None);
    };
    let mut types = BTreeSet::new();
    let mut apart = Vec::new();
    let mut near = all;
    for (slices, &place) in looked.iter().zip(&changed) {
        let (_, others, own) = pairs.get(place).unwrap_or(&nothing);
        types.extend(others.iter().chain([own]).map(Element::to_string));
        if !slices.iter().all(|near| *near)
            && let Some(tensor) = comparison.tensors.get(place)
        {
            near -= tensor.change.elements;
            apart.push(tensor.name.clone());
        }
    }
    let is_most = near as f64 >= MOST * all as f64 && near > 0;
    // Where no type is another, what is apart was changed and not converted.
    let is_converted = pairs
        .iter()
        .any(|(_, others, own)| others.iter().any(|other| other != own));
    // The exact type is none that rounds.
    if types.len() > 1 {
        types.remove("f32");
    }
    let is_said = is_most && !types.is_empty() && (is_converted || apart.is_empty());
    Ok(is_said.then(|| Rounded {
        types: types.into_iter().collect(),
        apart,
    }))
}

/// Of every pair: whether it is turned in B, the types of what it is made of there, and its type in A. None
/// where a type is not known.
fn types_of(
    (a, b): (&Checkpoint, &Checkpoint),
    alike: &Alike<'_>,
) -> Option<Vec<(bool, Vec<Element>, Element)>> {
    let (order_a, order_b) = (a.in_order(), b.in_order());
    let pairs = alike.mapping.pairs.iter().map(|pair| {
        let own = a.element(order_a.get(pair.a)?.0)?;
        let others = pair.b.tensors().into_iter();
        let others = others.map(|place| b.element(order_b.get(place)?.0));
        Some((pair.b.is_turned(), others.collect::<Option<Vec<_>>>()?, own))
    });
    pairs.collect()
}

/// Whether no weight is further from its counterpart than the types round.
fn is_near(
    a: &[f32],
    b: &[f32],
    shape: &[usize],
    is_turned: bool,
    (own, other): (Element, Element),
) -> bool {
    let shift = if shape.len() < 2 { SHIFTED } else { 0.0 };
    let block = |element: Element| match element {
        Element::Packed(packing) if own != other => Some(share(packing)),
        _ => None,
    };
    let blocks = [own, other].map(block);
    let row = shape.last().copied().unwrap_or(1).max(1);
    // What was turned has its blocks along another axis.
    let size = if is_turned { a.len().max(1) } else { row };
    let sizes = blocks.iter().flatten().filter_map(|(size, _)| *size);
    let size = sizes
        .max()
        .filter(|own| !is_turned && row % own == 0)
        .unwrap_or(size);
    let share: f64 = blocks.iter().flatten().map(|(_, share)| share).sum();
    a.chunks(size).zip(b.chunks(size)).all(|(a, b)| {
        let largest = a
            .iter()
            .chain(b)
            .fold(0.0_f32, |most, value| most.max(value.abs()));
        let of_block = share * f64::from(largest);
        a.iter().zip(b).all(|(&a, &b)| {
            let larger = a.abs().max(b.abs());
            let mut allowed = STEPS * Format::F32.spacing(larger) + shift + of_block;
            for element in [own, other] {
                if let Some(format) = narrow(element).filter(|_| own != other) {
                    allowed += format.spacing(larger);
                }
            }
            (f64::from(a) - f64::from(b)).abs() <= allowed
        })
    })
}

/// The format of floats narrower than f32.
fn narrow(element: Element) -> Option<Format> {
    Some(match element {
        Element::F16 => Format::Fp16,
        Element::Bf16 => Format::Bf16,
        Element::F8E4M3 | Element::F8E4M3Fnuz => Format::E4m3,
        Element::F8E5M2 | Element::F8E5M2Fnuz => Format::E5m2,
        _ => return None,
    })
}

/// How many weights share a scale, all of a row where it is not known; and by which share of the largest
/// of them one may be rounded.
fn share(packing: Packing) -> (Option<usize>, f64) {
    match packing {
        // The largest is stored exactly, those of the other sign may be a whole step off.
        Packing::Q4_0 => (Some(32), 0.13),
        Packing::Q4_1 => (Some(32), 0.08),
        Packing::Q5_0 => (Some(32), 0.07),
        Packing::Q5_1 => (Some(32), 0.04),
        Packing::Q8_0 => (Some(32), 0.006),
        Packing::Q2K => (Some(256), 0.5),
        Packing::Q3K => (Some(256), 0.3),
        Packing::Q4K => (Some(256), 0.12),
        Packing::Q5K => (Some(256), 0.06),
        Packing::Q6K => (Some(256), 0.035),
        Packing::Iq4Nl => (Some(32), 0.15),
        Packing::Iq4Xs => (Some(256), 0.15),
        Packing::Mxfp4 => (Some(32), 0.27),
        Packing::Nvfp4 => (Some(16), 0.2),
        Packing::Nf4 | Packing::Fp4 => (Some(64), 0.2),
        Packing::Fp8 => (None, 0.07),
        Packing::Int(bits) => (
            None,
            1.2 / f64::from(1_u32 << bits.min(8).saturating_sub(1)),
        ),
        _ => (None, 0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_may_be_as_far_as_its_type_rounds_and_no_further() {
        let near = |a: f32, b: f32, own, other| {
            is_near(&[a, 1.0], &[b, 1.0], &[1, 2], false, (own, other))
        };
        let (f32, bf16) = (Element::F32, Element::Bf16);
        assert!(near(0.100_1, 0.100_097_656, f32, bf16));
        assert!(!near(0.11, 0.100_097_656, f32, bf16));
        // Of one type, there is no rounding but that of computing.
        assert!(!near(0.100_1, 0.100_097_656, bf16, bf16));
        assert!(near(0.1, 0.100_000_01, f32, f32));
        let q8 = Element::Packed(Packing::Q8_0);
        assert!(near(0.102, 0.1, f32, q8) && !near(0.12, 0.1, f32, q8));
        assert!(!near(std::primitive::f32::NAN, 0.1, f32, q8));
    }
}
