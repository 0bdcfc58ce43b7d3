//! The answer as JSON; `docs/gate.md` says what each field is.

use super::budget::Origin;
use super::{Judgement, NotFinite, Verdict};
use crate::checkpoint::Buffers;
use crate::coverage::{Coverage, LeftOut};
use crate::gate::judged::Judged;
use crate::gate::measured::Moved;
use crate::mapping::{ComparedBytes, Said};
use serde::Serialize;
use std::borrow::Cow;

/// What this document is; a change that breaks readers gets another number.
const SCHEMA: &str = "modeltrail.gate/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    verdict: Verdict,
    accredited: &'a str,
    candidate: &'a str,
    /// Its file, if it is of one.
    budget: Option<Cow<'a, str>>,
    from_sketches: bool,
    identical: Option<bool>,
    limits: &'a [Judged],
    not_finite: &'a [NotFinite],
    total: Option<Row<'a>>,
    tensors: Vec<Row<'a>>,
    history: Option<History>,
    not_looked_at: LeftOut,
    buffers: &'a Buffers,
    coverage: &'a Coverage,
    /// Tensors that only one has, or in another shape.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    other_tensors: &'a [String],
    /// How tensors of other names, or stored in another way, were matched.
    #[serde(skip_serializing_if = "Said::is_empty")]
    mapping: &'a Said,
    /// Tensors whose bytes were compared, since f32 does not hold them.
    #[serde(skip_serializing_if = "ComparedBytes::is_empty")]
    bytes: &'a ComparedBytes,
}

#[derive(Serialize)]
struct Row<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    distance: f64,
    norm_accredited: f64,
    norm_candidate: f64,
    relative: f64,
    error: f64,
}

#[derive(Serialize)]
struct History {
    checkpoints: usize,
    steps: usize,
    recent_step: f64,
    error: f64,
    order_from: &'static str,
    has_accredited: bool,
    other_architectures: usize,
}

impl Serialize for Judgement {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        document(self).serialize(serializer)
    }
}

fn document<'a>(found: &'a Judgement) -> Document<'a> {
    let measured = found.measured.as_ref();
    Document {
        schema: SCHEMA,
        verdict: found.verdict(),
        accredited: &found.accredited,
        candidate: &found.candidate,
        budget: match &found.budget {
            Origin::File(path) => Some(path.to_string_lossy()),
            Origin::Convention | Origin::Program => None,
        },
        from_sketches: found.is_sketched,
        identical: measured.map(|measured| measured.is_identical),
        limits: &found.limits,
        not_finite: &found.not_finite,
        total: measured.map(|measured| row(&measured.total)),
        tensors: measured
            .iter()
            .flat_map(|measured| measured.tensors.iter().map(row))
            .collect(),
        history: found.history.as_ref().map(|run| History {
            checkpoints: run.checkpoints,
            steps: run.steps,
            recent_step: run.recent_step,
            error: run.error,
            order_from: if run.is_claimed { "claims" } else { "weights" },
            has_accredited: run.has_accredited,
            other_architectures: run.others,
        }),
        not_looked_at: found.left_out,
        buffers: &found.buffers,
        coverage: &found.coverage,
        other_tensors: &found.differences,
        mapping: &found.said,
        bytes: &found.bytes,
    }
}

fn row(moved: &Moved) -> Row<'_> {
    Row {
        name: &moved.name,
        distance: moved.distance,
        norm_accredited: moved.norm_a,
        norm_candidate: moved.norm_b,
        relative: moved.relative(),
        error: moved.error,
    }
}
