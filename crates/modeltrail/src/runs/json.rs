//! The answer as JSON.

use super::{Apart, Beside, CollectionRuns, Count, Family, Place, Run, RunEvent, Runs};
use crate::audit::Finding;
use crate::collection::{Aside, From, NotFinite, PositionClaim, RunClaim, Space, Taken};
use crate::coverage::{Coverage, LeftOut, NotCompared};
use crate::error::Problem;
use crate::runs::claims::{Agreement, Contradiction};
use crate::runs::gaps::Gap;
use crate::runs::origins::Origin;
use serde::Serialize;
use trajectory::ordering::Direction;
use trajectory::runs::{Runs as Separation, Verdict};

/// What this document is; a change that breaks readers gets another number.
const SCHEMA: &str = "modeltrail.runs/2";
/// The same of one group.
const SCHEMA_OF_GROUP: &str = "modeltrail.group-runs/2";

impl serde::Serialize for CollectionRuns {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        document(self).serialize(serializer)
    }
}

impl serde::Serialize for Runs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        of_group(self).serialize(serializer)
    }
}

#[derive(Serialize)]
pub(crate) struct Document<'a> {
    schema: &'static str,
    groups: Vec<GroupOut<'a>>,
    problems: &'a [Problem],
    not_finite: &'a [NotFinite],
    left_out: LeftOut,
    files_passed_over: usize,
    coverage: &'a Coverage,
}

/// A group alone.
#[derive(Serialize)]
pub(crate) struct GroupDocument<'a> {
    schema: &'static str,
    #[serde(flatten)]
    group: GroupOut<'a>,
    coverage: &'a Coverage,
}

#[derive(Serialize)]
pub(crate) struct GroupOut<'a> {
    checkpoints: usize,
    parameters: u64,
    tensors: Vec<TensorOut<'a>>,
    space: Space,
    /// Relative standard error of distances; 0 for exact ones.
    distance_error: f64,
    /// Which of the checkpoints are related, the largest family first.
    families: Vec<FamilyOut<'a>>,
    runs: Vec<RunOut<'a>>,
    /// Averages, and copies of checkpoints that are not there: in no order.
    beside: Vec<BesideOut<'a>>,
    /// What an audit of the claimed steps finds.
    #[serde(skip_serializing_if = "<[Finding]>::is_empty")]
    findings: &'a [Finding],
    /// How some were taken into the group: the group is A, and they are B.
    #[serde(skip_serializing_if = "<[Taken]>::is_empty")]
    taken: &'a [Taken],
    /// What some have beside the tensors that are compared.
    #[serde(skip_serializing_if = "<[NotCompared]>::is_empty")]
    not_compared: &'a [NotCompared],
}

#[derive(Serialize)]
struct FamilyOut<'a> {
    /// As in the list of runs, from 0.
    runs: Vec<usize>,
    /// Distinct ones.
    checkpoints: usize,
    /// How the number of its runs was found.
    verdict: VerdictOut,
    gap: Option<&'a Separation>,
    branches: usize,
    /// Parts that the weights separate, and that continue others.
    joined: usize,
    /// The weakest link of the chain that connects it.
    weakest: Option<&'a Apart>,
    /// Natural logarithm of the p-value of that link, if both were trained independently.
    ln_p: Option<f64>,
    /// About the nearest checkpoint of another family.
    nearest: Option<&'a Apart>,
}

#[derive(Serialize)]
pub(crate) struct BesideOut<'a> {
    name: &'a str,
    path: String,
    /// What it claims to be, and where that stands.
    kind: Option<Aside>,
    from: Option<From>,
    /// The checkpoint of a run that it is nearest to.
    nearest: Option<&'a str>,
    distance: Option<f64>,
    copies: Vec<&'a str>,
}

#[derive(Serialize)]
struct TensorOut<'a> {
    name: &'a str,
    shape: &'a [u64],
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VerdictOut {
    Separated,
    NoGap,
    Given,
    TooFew,
}

#[derive(Serialize)]
struct RunOut<'a> {
    claimed_run: Option<&'a str>,
    /// Claimed runs that the weights do not separate, and how many checkpoints claim each.
    mixed: &'a [(String, usize)],
    /// Whether the weights show an order at all.
    ordered: bool,
    /// What the weights say, before the order was turned as claimed.
    direction: Direction,
    direction_confidence: f64,
    agreement: Agreement,
    contradicted: bool,
    gaps: &'a [Gap],
    /// What happened along it; none where it is not known which way it went.
    events: &'a [RunEvent],
    /// None if forks were not looked for.
    origin: Option<OriginOut<'a>>,
    checkpoints: Vec<PlaceOut<'a>>,
}

/// Runs are numbered from 0, as in the list.
#[derive(Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum OriginOut<'a> {
    Root,
    Fork {
        parent: usize,
        after: &'a str,
        between: [&'a str; 2],
        certain: bool,
        confidence: f64,
    },
    Siblings {
        runs: &'a [usize],
    },
}

#[derive(Serialize)]
struct PlaceOut<'a> {
    name: &'a str,
    path: String,
    claimed_run: Option<&'a RunClaim>,
    claimed_position: Option<PositionClaim>,
    /// Probability that the next in the list came right after, or before, this one.
    next_confidence: Option<f64>,
    copies: Vec<&'a str>,
    contradictions: &'a [Contradiction],
}

pub(crate) fn document(found: &CollectionRuns) -> Document<'_> {
    Document {
        schema: SCHEMA,
        groups: found.groups.iter().map(group).collect(),
        problems: &found.problems,
        not_finite: &found.not_finite,
        left_out: found.left_out,
        files_passed_over: found.passed_over,
        coverage: &found.coverage,
    }
}

pub(crate) fn of_group(found: &Runs) -> GroupDocument<'_> {
    GroupDocument {
        schema: SCHEMA_OF_GROUP,
        group: group(found),
        coverage: &found.coverage,
    }
}

/// How the number of runs of a group was found: of one family, or since there are several.
pub(crate) fn verdict(found: &Runs) -> VerdictOut {
    match found.families.as_slice() {
        [family] => of_family(&family.count),
        _ => VerdictOut::Separated,
    }
}

fn of_family(count: &Count) -> VerdictOut {
    match count {
        Count::Found(runs) if runs.verdict == Verdict::Separated => VerdictOut::Separated,
        Count::Found(_) => VerdictOut::NoGap,
        Count::Given => VerdictOut::Given,
        Count::TooFew(_) => VerdictOut::TooFew,
    }
}

fn family(found: &Family) -> FamilyOut<'_> {
    let gap = match &found.count {
        Count::Found(runs) => Some(runs),
        Count::Given | Count::TooFew(_) => None,
    };
    FamilyOut {
        runs: found.runs.clone().collect(),
        checkpoints: found.checkpoints,
        verdict: of_family(&found.count),
        gap,
        branches: found.branches,
        joined: found.joined,
        weakest: found.weakest.as_ref(),
        ln_p: found.ln_p,
        nearest: found.nearest.as_ref(),
    }
}

fn group(found: &Runs) -> GroupOut<'_> {
    let described = &found.described;
    let tensors = described.layout.iter().map(|tensor| TensorOut {
        name: &tensor.name,
        shape: &tensor.shape,
    });
    let runs = found.runs.iter().enumerate();
    GroupOut {
        checkpoints: described.checkpoints,
        parameters: described.parameters(),
        tensors: tensors.collect(),
        space: described.space,
        distance_error: described.distance_error(),
        families: found.families.iter().map(family).collect(),
        runs: runs
            .map(|(index, run)| out(run, found.origins.get(index)))
            .collect(),
        beside: found.beside.iter().map(beside).collect(),
        findings: &found.findings,
        taken: &described.taken,
        not_compared: &described.not_compared,
    }
}

pub(crate) fn beside(found: &Beside) -> BesideOut<'_> {
    let nearest = found.nearest();
    BesideOut {
        name: found.name(),
        path: crate::path::write(&found.about.path),
        kind: found.claim().map(|claim| claim.value),
        from: found.claim().map(|claim| claim.from),
        nearest: nearest.map(|nearest| nearest.name.as_str()),
        distance: nearest.map(|nearest| nearest.distance),
        copies: found.copies().collect(),
    }
}

fn out<'a>(run: &'a Run, origin: Option<&'a Origin>) -> RunOut<'a> {
    let place = |place: &'a Place| PlaceOut {
        name: place.name(),
        path: crate::path::write(place.path()),
        claimed_run: place.claims().run.as_ref(),
        claimed_position: place.claims().position,
        next_confidence: place.next,
        copies: place.copies().collect(),
        contradictions: &place.contradictions,
    };
    RunOut {
        claimed_run: run.claimed.as_deref(),
        mixed: &run.mixed,
        ordered: run.is_ordered,
        direction: run.direction,
        direction_confidence: run.confidence,
        agreement: run.agreement,
        contradicted: run.has_contradictions(),
        gaps: &run.gaps,
        events: &run.events,
        origin: origin.map(origin_out),
        checkpoints: run.places.iter().map(place).collect(),
    }
}

fn origin_out(origin: &Origin) -> OriginOut<'_> {
    match origin {
        Origin::Root => OriginOut::Root,
        Origin::Siblings(runs) => OriginOut::Siblings { runs },
        Origin::Fork(fork) => OriginOut::Fork {
            parent: fork.parent,
            after: &fork.after,
            between: [&fork.between.0, &fork.between.1],
            certain: fork.is_certain,
            confidence: fork.confidence,
        },
    }
}
