//! The comparison as JSON.

use super::lines::SCHEMA;
use super::merged::Merge;
use super::rounding::Rounded;
use super::states::Frozen;
use super::verdict::Verdict;
use super::{Diff, Exact, Summary};
use crate::checkpoint::{Applied, Buffers};
use crate::coverage::{Coverage, LeftOut};
use crate::mapping::{ComparedBytes, Said};
use serde::Serialize;
use std::collections::HashSet;
use weightspace::compare::Change;
use weightspace::compare::itself::Itself;
use weightspace::matching::{Alignment, Break};

impl Serialize for Diff {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exact(exact) => document(exact).serialize(serializer),
            Self::Sketched(sketched) => sketched.serialize(serializer),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Document<'a> {
    schema: &'static str,
    from_sketches: bool,
    a: Compared<'a>,
    b: Compared<'a>,
    total: Row<'a>,
    tensors: Vec<Row<'a>>,
    only_a: &'a [String],
    only_b: &'a [String],
    reshaped: &'a [String],
    verdict: Option<&'a Verdict>,
    /// Whether both are the same to the rounding of their types.
    #[serde(skip_serializing_if = "Option::is_none")]
    rounding: Option<&'a Rounded>,
    /// What B is by itself, where A is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    itself: Option<&'a Itself>,
    alignment: Option<Aligned<'a>>,
    /// Bytes of memory that looking for hidden units in another order would have taken, where that is more
    /// than might be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_aligned_for_memory: Option<u64>,
    merge: Option<&'a Merge>,
    /// Bytes of memory that fitting a merge would take, if that is more than there may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_fitted_for_memory: Option<u64>,
    not_frozen: &'a [Frozen],
    buffers: &'a Buffers,
    coverage: &'a Coverage,
    /// How tensors of other names, or stored in another way, were matched.
    #[serde(skip_serializing_if = "Said::is_empty")]
    mapping: &'a Said,
    /// Tensors whose bytes were compared, since f32 does not hold them.
    #[serde(skip_serializing_if = "ComparedBytes::is_empty")]
    bytes: &'a ComparedBytes,
    /// Share of the weights of the larger one that both have, where that is not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    share_in_both: Option<f64>,
}

#[derive(Serialize)]
struct Compared<'a> {
    name: &'a str,
    left_out: LeftOut,
    /// The type that most of its weights are stored in, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    stored_as: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adapter: Option<&'a Applied>,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<&'a [usize]>,
    /// ‖b − a‖ / ‖a‖.
    relative_distance: Option<f64>,
    angle_degrees: Option<f64>,
    /// ‖b‖ / ‖a‖ − 1.
    norm_change: Option<f64>,
    share_changed: f64,
    frozen: bool,
    change: &'a Change,
}

#[derive(Serialize)]
struct Aligned<'a> {
    is_permuted: bool,
    distance_before: f64,
    distance_after: f64,
    layers: Vec<Layer<'a>>,
    breaks: &'a [Break],
}

#[derive(Serialize)]
struct Layer<'a> {
    layer: &'a str,
    units: usize,
    moved: usize,
}

fn document<'a>(found: &'a Exact) -> Document<'a> {
    let tensors = found.comparison.tensors.iter();
    let more: HashSet<&String> = found.bytes.more_digits.iter().collect();
    Document {
        schema: SCHEMA,
        from_sketches: false,
        a: compared(&found.a),
        b: compared(&found.b),
        total: Row {
            frozen: found.comparison.total.identical() && more.is_empty(),
            ..row(None, None, &found.comparison.total)
        },
        tensors: tensors
            .map(|tensor| Row {
                frozen: tensor.change.identical() && !more.contains(&tensor.name),
                ..row(Some(&tensor.name), Some(&tensor.shape), &tensor.change)
            })
            .collect(),
        only_a: &found.only_a,
        only_b: &found.only_b,
        reshaped: &found.reshaped,
        verdict: found.verdict.as_ref(),
        rounding: found.rounded.as_ref(),
        itself: Some(&found.itself).filter(|itself| itself.is_something()),
        alignment: found.alignment.as_ref().map(aligned),
        not_aligned_for_memory: found.not_aligned,
        merge: found.merge.as_ref(),
        not_fitted_for_memory: found.not_fitted,
        not_frozen: &found.frozen,
        buffers: &found.buffers,
        coverage: &found.coverage,
        mapping: &found.said,
        bytes: &found.bytes,
        share_in_both: Some(found.share).filter(|share| *share < 1.0),
    }
}

fn compared(checkpoint: &Summary) -> Compared<'_> {
    Compared {
        name: &checkpoint.name,
        left_out: checkpoint.left_out,
        stored_as: checkpoint.stored_as.as_deref(),
        adapter: checkpoint.adapter.as_ref(),
    }
}

fn row<'a>(name: Option<&'a str>, shape: Option<&'a [usize]>, change: &'a Change) -> Row<'a> {
    Row {
        name,
        shape,
        relative_distance: change.relative(),
        angle_degrees: change.angle().map(f64::to_degrees),
        norm_change: change.norm_change(),
        share_changed: change.share_changed(),
        frozen: change.identical(),
        change,
    }
}

fn aligned(alignment: &Alignment) -> Aligned<'_> {
    let layers = alignment.groups.iter().map(|group| Layer {
        layer: &group.layer,
        units: group.permutation.len(),
        moved: group.moved(),
    });
    Aligned {
        is_permuted: alignment.is_permuted(),
        distance_before: alignment.before,
        distance_after: alignment.after,
        layers: layers.collect(),
        breaks: &alignment.breaks,
    }
}
