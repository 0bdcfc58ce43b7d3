//! What a run has done so far, and how far its newest step is from that.

use super::exact::Exact;
use super::forecast::{FEWEST, Forecast};
use super::pace::Pace;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use weightspace::statistics::{median, quantile};

/// Steps that must lie behind the one that is judged first.
pub const WARM_UP: usize = 10;
/// Newest steps that a forecast is made from: few, since trainings bend.
pub const WINDOW: usize = 6;
/// Newest steps of a tensor whose median is what is usual for it.
const USUAL: usize = 5;
/// Fewest tensors whose changes have a spread.
const FEWEST_TENSORS: usize = 4;

/// Scatter that every run is taken to have, of the logarithms and of the spread.
const FLOOR: f64 = 0.04;
const SPREAD_FLOOR: f64 = 0.25;
/// Added to a spread before its logarithm is taken: below this, tensors change alike.
const ALIKE: f64 = 0.02;
/// While a run is measured anew after an event, a step this many times longer than any before is an
/// event of its own.
const BEYOND: f64 = 3.0;

/// How far a step is from the forecast that the run's own past makes, each in standard deviations of
/// the run's own scatter, drawn to the scale of the normal distribution.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Of ln(step length).
    pub step: f64,
    /// Of ln(length outside the span of the last steps).
    pub outside: f64,
    /// Of ln(tan(angle to that span)).
    pub turn: f64,
    /// Of how differently the tensors changed: ln(interquartile range of ln(step ÷ usual step)) over
    /// them. `None` of fewer than four tensors.
    pub spread: Option<f64>,
}

impl Scores {
    /// The largest of them: a spread that is small is no news.
    pub fn largest(&self) -> f64 {
        let spread = self.spread.unwrap_or(0.0);
        let others = [self.step, self.outside, self.turn].map(f64::abs);
        others.into_iter().fold(spread, f64::max)
    }
}

/// How a step compares with what was forecast, as ratios: 1 is as forecast.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ratios {
    /// Step length ÷ forecast.
    pub step: f64,
    /// Length outside the span ÷ forecast.
    pub outside: f64,
    /// Tangent of the angle to the span ÷ forecast.
    pub turn: f64,
}

/// A step against the forecast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Comparison {
    pub(super) scores: Scores,
    pub(super) ratios: Ratios,
}

/// What is forecast of each step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Row {
    logarithms: [Exact; 3],
    spread: Exact,
}

/// The steps of a run since its last event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct History {
    rows: VecDeque<Row>,
    /// Rows before the last event, which may turn out to have been one step.
    before: Option<VecDeque<Row>>,
    pace: Pace,
    /// ln(step length) of each tensor over the newest steps.
    tensors: VecDeque<Vec<Exact>>,
    /// The largest logarithms of a step after the warm-up.
    longest: Option<Exact>,
    /// Steps in all.
    steps: usize,
}

/// The newest step, not yet taken into the history.
#[derive(Debug, Clone)]
pub(super) struct Newest {
    raw: [f64; 3],
    interval: f64,
    row: Row,
    tensors: Vec<Exact>,
}

impl History {
    /// Takes note of the logarithms of a step over this interval and of ln(step length) of every tensor,
    /// NaN of one that did not move.
    pub(super) fn newest(&self, interval: f64, raw: [f64; 3], tensors: &[f64]) -> Newest {
        let logarithms = self.pace.even(interval, raw).map(Exact);
        let spread = Exact(self.spread(tensors));
        Newest {
            raw,
            interval,
            row: Row { logarithms, spread },
            tensors: tensors.iter().copied().map(Exact).collect(),
        }
    }

    /// Holds a step against the forecast; `None` before there is evidence enough.
    pub(super) fn compare(&self, newest: &Newest) -> Option<Comparison> {
        (self.steps >= WARM_UP).then(|| compare(&self.rows, &newest.row))?
    }

    /// Holds a step against the forecast that was made before the last event.
    pub(super) fn compare_with_before(&self, newest: &Newest) -> Option<Comparison> {
        compare(self.before.as_ref()?, &newest.row)
    }

    /// Whether a step is far longer than any since the warm-up.
    pub(super) fn is_beyond_all(&self, newest: &Newest) -> bool {
        let longest = self.longest.filter(|_| self.steps >= WARM_UP);
        longest.is_some_and(|longest| newest.row.logarithms[0].0 > longest.0 + BEYOND.ln())
    }

    /// Takes a step in that is as the ones before.
    pub(super) fn take(&mut self, newest: Newest) {
        self.pace.learn(newest.interval, newest.raw);
        self.push(newest);
    }

    /// Takes a step in that is an event, and measures anew from the next one on.
    pub(super) fn take_event(&mut self, newest: Newest) {
        self.before = Some(std::mem::take(&mut self.rows));
        self.note(&newest);
    }

    /// Goes on from before the last event, since the run does.
    pub(super) fn forget_event(&mut self) {
        if let Some(before) = self.before.take() {
            self.rows = before;
        }
    }

    fn push(&mut self, newest: Newest) {
        if self.rows.len() == WINDOW {
            self.rows.pop_front();
        }
        self.rows.push_back(newest.row);
        self.note(&newest);
    }

    fn note(&mut self, newest: &Newest) {
        if self.steps >= WARM_UP / 2 {
            let now = newest.row.logarithms[0].0;
            self.longest = Some(Exact(self.longest.map_or(now, |before| before.0.max(now))));
        }
        if self.tensors.len() == USUAL {
            self.tensors.pop_front();
        }
        self.tensors.push_back(newest.tensors.clone());
        self.steps += 1;
    }

    /// ln of the interquartile range, over tensors, of ln(step ÷ its usual length); NaN without enough.
    fn spread(&self, tensors: &[f64]) -> f64 {
        if self.tensors.len() < USUAL {
            return f64::NAN;
        }
        let change = |(index, &now): (usize, &f64)| {
            let past = self.tensors.iter().filter_map(|row| row.get(index));
            let usual = median(past.map(|value| value.0).filter(|value| value.is_finite()));
            Some(now - usual).filter(|change| change.is_finite())
        };
        let changes: Vec<f64> = tensors.iter().enumerate().filter_map(change).collect();
        if changes.len() < FEWEST_TENSORS {
            return f64::NAN;
        }
        let quartile = |share| quantile(changes.iter().copied(), share);
        (quartile(0.75) - quartile(0.25) + ALIKE).ln()
    }
}

fn compare(rows: &VecDeque<Row>, newest: &Row) -> Option<Comparison> {
    if rows.len() < FEWEST {
        return None;
    }
    let of = |kind: usize| -> Option<(f64, f64)> {
        let past: Vec<f64> = rows.iter().map(|row| row.logarithms[kind].0).collect();
        let now = newest.logarithms[kind].0;
        let forecast = Forecast::of(&past, FLOOR)?;
        Some((forecast.score(now), (now - forecast.centre).exp()))
    };
    let [step, outside, turn] = [of(0)?, of(1)?, of(2)?];
    let past: Vec<f64> = rows.iter().map(|row| row.spread.0).collect();
    let spread = Forecast::of(&past, SPREAD_FLOOR).map(|forecast| forecast.score(newest.spread.0));
    Some(Comparison {
        scores: Scores {
            step: step.0,
            outside: outside.0,
            turn: turn.0,
            spread: spread.filter(|spread| spread.is_finite()),
        },
        ratios: Ratios {
            step: step.1,
            outside: outside.1,
            turn: turn.1,
        },
    })
}
