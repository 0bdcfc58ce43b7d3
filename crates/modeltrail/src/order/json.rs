//! The orders as JSON.

use super::Orders;
use crate::collection::{NotFinite, PositionClaim, RunClaim};
use crate::coverage::Coverage;
use crate::error::Problem;
use crate::runs::Run;
use crate::runs::json::{BesideOut, VerdictOut, beside, verdict};
use crate::runs::scores::Scores;
use serde::Serialize;
use trajectory::ordering::Direction;

/// What this document is; a change that breaks readers gets another number.
const SCHEMA: &str = "modeltrail.order/1";

#[derive(Serialize)]
pub(super) struct Document<'a> {
    schema: &'static str,
    space: String,
    left_out_runs: usize,
    untrained: usize,
    groups: Vec<GroupOut<'a>>,
    problems: &'a [Problem],
    not_finite: &'a [NotFinite],
    coverage: &'a Coverage,
}

#[derive(Serialize)]
struct GroupOut<'a> {
    checkpoints: usize,
    parameters: u64,
    /// How the number of orders was found.
    verdict: VerdictOut,
    /// Against claimed positions.
    scores: Option<&'a Scores>,
    orders: Vec<OrderOut<'a>>,
    /// Averages, and copies of checkpoints that are not there: in no order.
    beside: Vec<BesideOut<'a>>,
}

#[derive(Serialize)]
struct OrderOut<'a> {
    claimed_run: Option<&'a str>,
    /// What the weights say.
    direction: Direction,
    direction_confidence: f64,
    /// Whether the order was turned round as most claimed positions have it.
    turned_as_claimed: bool,
    checkpoints: Vec<PlaceOut<'a>>,
}

#[derive(Serialize)]
struct PlaceOut<'a> {
    name: &'a str,
    claimed_run: Option<&'a RunClaim>,
    claimed_position: Option<PositionClaim>,
    /// Distance to the next in the list.
    step: Option<f64>,
    /// Probability that the next in the list came right after, or before, this one.
    next_confidence: Option<f64>,
    copies: Vec<&'a str>,
}

impl serde::Serialize for Orders {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        document(self).serialize(serializer)
    }
}

fn document(orders: &Orders) -> Document<'_> {
    let trained = &orders.trained;
    let groups = orders.ordered().map(|ordered| GroupOut {
        checkpoints: ordered.group.members.len(),
        parameters: ordered.group.parameters(),
        verdict: verdict(ordered.answer),
        scores: ordered.scores,
        orders: ordered.answer.runs.iter().map(order).collect(),
        beside: ordered.answer.beside.iter().map(beside).collect(),
    });
    Document {
        schema: SCHEMA,
        space: trained.space.to_string(),
        left_out_runs: trained.diverged,
        untrained: trained.untrained,
        groups: groups.collect(),
        problems: &trained.collection.problems,
        not_finite: &trained.collection.not_finite,
        coverage: &trained.coverage,
    }
}

fn order(run: &Run) -> OrderOut<'_> {
    let places = run.places.iter().enumerate().map(|(at, place)| PlaceOut {
        name: place.name(),
        claimed_run: place.claims().run.as_ref(),
        claimed_position: place.claims().position,
        step: run.geometry.step_length.get(at).copied(),
        next_confidence: place.next,
        copies: place.copies().collect(),
    });
    OrderOut {
        claimed_run: run.claimed.as_deref(),
        direction: run.direction,
        direction_confidence: run.confidence,
        turned_as_claimed: run.agreement.is_turned,
        checkpoints: places.collect(),
    }
}
