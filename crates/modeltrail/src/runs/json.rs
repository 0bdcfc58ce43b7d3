//! The answer as JSON.

use super::GroupRuns;
use crate::collection::{Collection, LeftOut, NotFinite, PositionClaim, Problem, RunClaim, Space};
use crate::runs::claims::{Agreement, Contradiction};
use crate::runs::gaps::Gap;
use crate::runs::origins::Origin;
use crate::runs::{Count, Place, Run};
use serde::Serialize;
use trajectory::ordering::Direction;
use trajectory::runs::{Runs, Verdict};
use weightspace::sketch::relative_error;

/// What this document is; a change that breaks readers gets another number.
const SCHEMA: &str = "modeltrail.runs/1";

#[derive(Serialize)]
pub(crate) struct Document<'a> {
    schema: &'static str,
    groups: Vec<GroupOut<'a>>,
    problems: &'a [Problem],
    not_finite: &'a [NotFinite],
    left_out: LeftOut,
    files_passed_over: usize,
}

#[derive(Serialize)]
struct GroupOut<'a> {
    checkpoints: usize,
    parameters: u64,
    tensors: Vec<TensorOut<'a>>,
    space: Space,
    /// Relative standard error of distances; 0 for exact ones.
    distance_error: f64,
    /// How the number of runs was found.
    verdict: VerdictOut,
    gap: Option<&'a Runs>,
    branches: usize,
    runs: Vec<RunOut<'a>>,
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
    /// Claimed runs that the weights do not tell apart, and how many checkpoints claim each.
    mixed: &'a [(String, usize)],
    /// What the weights say, before the order was turned as claimed.
    direction: Direction,
    direction_confidence: f64,
    agreement: Agreement,
    contradicted: bool,
    gaps: &'a [Gap],
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

pub(crate) fn document<'a>(found: &'a [GroupRuns], collection: &'a Collection) -> Document<'a> {
    Document {
        schema: SCHEMA,
        groups: found.iter().map(group).collect(),
        problems: &collection.problems,
        not_finite: &collection.not_finite,
        left_out: collection.left_out,
        files_passed_over: collection.passed_over,
    }
}

pub(crate) fn verdict(count: &Count) -> VerdictOut {
    match count {
        Count::Found(runs) if runs.verdict == Verdict::Separated => VerdictOut::Separated,
        Count::Found(_) => VerdictOut::NoGap,
        Count::Given => VerdictOut::Given,
        Count::TooFew(_) => VerdictOut::TooFew,
    }
}

fn group(found: &GroupRuns) -> GroupOut<'_> {
    let GroupRuns { group, answer } = found;
    let gap = match &answer.count {
        Count::Found(runs) => Some(runs),
        Count::Given | Count::TooFew(_) => None,
    };
    let tensors = group.layout.iter().map(|tensor| TensorOut {
        name: &tensor.name,
        shape: &tensor.shape,
    });
    let runs = answer.runs.iter().enumerate();
    GroupOut {
        checkpoints: group.members.len(),
        parameters: group.parameters(),
        tensors: tensors.collect(),
        space: group.space,
        distance_error: match group.space {
            Space::Weights => 0.0,
            Space::Sketches => relative_error(group.points.nrows()),
        },
        verdict: verdict(&answer.count),
        gap,
        branches: answer.branches,
        runs: runs
            .map(|(index, run)| out(run, answer.origins.get(index), found))
            .collect(),
    }
}

fn out<'a>(run: &'a Run, origin: Option<&'a Origin>, found: &'a GroupRuns) -> RunOut<'a> {
    let place = |place: &'a Place| {
        let member = found.group.members.get(place.member)?;
        let copies = place.copies.iter();
        let copies = copies.filter_map(|&copy| found.group.members.get(copy));
        Some(PlaceOut {
            name: &member.name,
            path: member.path.to_string_lossy().into_owned(),
            claimed_run: member.claims.run.as_ref(),
            claimed_position: member.claims.position,
            next_confidence: place.next,
            copies: copies.map(|member| member.name.as_str()).collect(),
            contradictions: &place.contradictions,
        })
    };
    RunOut {
        claimed_run: run.claimed.as_deref(),
        mixed: &run.mixed,
        direction: run.direction,
        direction_confidence: run.confidence,
        agreement: run.agreement,
        contradicted: run.has_contradictions(),
        gaps: &run.gaps,
        origin: origin.and_then(|origin| origin_out(origin, found)),
        checkpoints: run.places.iter().filter_map(place).collect(),
    }
}

fn origin_out<'a>(origin: &'a Origin, found: &'a GroupRuns) -> Option<OriginOut<'a>> {
    let name = |member: usize| Some(found.group.members.get(member)?.name.as_str());
    Some(match origin {
        Origin::Root => OriginOut::Root,
        Origin::Siblings(runs) => OriginOut::Siblings { runs },
        Origin::Fork(fork) => OriginOut::Fork {
            parent: fork.parent,
            after: name(fork.after)?,
            between: [name(fork.between.0)?, name(fork.between.1)?],
            certain: fork.is_certain,
            confidence: fork.confidence,
        },
    })
}
