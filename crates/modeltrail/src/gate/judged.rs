//! Every limit, what was measured, and whether it holds.

use super::budget::{Budget, Origin, Rule};
use super::history::History;
use super::measured::{Measured, Moved};
use super::statistics::Statistics;
use crate::coverage::Unread;
use crate::error::{Error, Result};
use serde::Serialize;
use std::collections::BTreeSet;
use trajectory::shift::Verdict;
use weightspace::compare::lines::{Along, MostMoved};

/// By the default budget a row or column may move so many times as far as the most moved of the run's
/// own recent steps, and at least by so much.
const TIMES: f64 = 3.0;
const LEAST_LINE: f64 = 0.05;

/// One limit, and what was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// `total`, or the glob of tensor names.
    pub of: String,
    /// What the number counts.
    pub unit: Unit,
    /// The most that is within.
    pub limit: f64,
    /// What was measured; of several tensors the worst. None if weights are not finite or were not
    /// read, or if something moved away from zero.
    pub measured: Option<f64>,
    /// Relative standard error of what was measured, at most.
    pub error: f64,
    /// Measured × (1 + error): what is compared with the limit.
    pub counted: Option<f64>,
    /// Whether the limit holds.
    pub status: Status,
    /// The tensor that counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst: Option<String>,
    /// How many tensors the glob means, and how many of them are over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tensors: Option<Tensors>,
}

/// How many tensors a limit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Tensors {
    /// The glob means so many.
    pub meant: usize,
    /// So many are over.
    pub over: usize,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// ‖b − a‖ / ‖a‖.
    Relative,
    /// Recent steps of the run.
    Steps,
    /// Distances of independent weights of these norms.
    Unrelated,
    /// Standard deviations of channels.
    MeanShift,
    /// New ÷ old variance of channels, or the other way round.
    VarianceRatio,
    /// How unlike a step is to those before it, in standard deviations of their forecasts.
    UnlikeRun,
}

impl Unit {
    /// As in a budget.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relative => "relative",
            Self::Steps => "steps",
            Self::Unrelated => "unrelated",
            Self::MeanShift => "mean shift",
            Self::VarianceRatio => "variance ratio",
            Self::UnlikeRun => "unlike the run",
        }
    }
}

/// Whether a limit holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It does.
    Within,
    /// It does not.
    Over,
    /// Weights are not finite, or some that it is about were not read.
    NotMeasured,
}

impl Status {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Within => "within",
            Self::Over => "OVER",
            Self::NotMeasured => "not measured",
        }
    }
}

/// Compares a budget with what was measured; nothing was where weights are not finite. `names` are
/// those of the tensors that were read. Of tensors that were not read it says nothing: a limit on all
/// weights is then not measured, and one on single tensors only if a tensor that was read is over it.
///
/// # Errors
/// When a limit is in steps and there is no history, or a glob matches no tensor.
pub(crate) fn judge(
    budget: &Budget,
    measured: Option<&Measured>,
    history: Option<&History>,
    names: &[&str],
    unread: &[Unread],
) -> Result<Vec<Judged>> {
    let mut judged = Vec::new();
    let all = measured
        .filter(|_| unread.is_empty())
        .map(|measured| &measured.total);
    if let Some(limit) = budget.total.relative {
        let found = all.map(|all| (all.relative(), all.error));
        judged.push(compared("total", Unit::Relative, limit, found));
    }
    if let Some(limit) = budget.total.steps {
        let history = history.ok_or(Error::HistoryMissing)?;
        let found = all.map(|all| {
            let error = in_steps(all.error, history.error);
            (all.over(history.recent_step), error)
        });
        judged.push(compared("total", Unit::Steps, limit, found));
    }
    if let Some(limit) = budget.total.unrelated {
        let found = all.map(|all| (all.over(all.norm_a.hypot(all.norm_b)), all.error));
        judged.push(compared("total", Unit::Unrelated, limit, found));
    }
    judged.extend(of_lines(budget, measured, history, unread.is_empty()));
    for rule in &budget.tensors {
        judged.push(of_tensors(rule, measured, names, unread)?);
    }
    Ok(judged)
}

/// The limit of rows and columns. By the default budget it is three times the most that the history
/// shows, if that is less than the convention; there is none where only sketches are known.
fn of_lines(
    budget: &Budget,
    measured: Option<&Measured>,
    history: Option<&History>,
    is_all_read: bool,
) -> Option<Judged> {
    let mut limit = budget.lines.relative?;
    let is_usual = budget.origin == Origin::Convention;
    if let (true, Some(line)) = (
        is_usual,
        history.and_then(|history| history.most_moved_line),
    ) {
        limit = limit.min((TIMES * line).max(LEAST_LINE));
    }
    let lines = measured.and_then(|measured| measured.lines.as_ref());
    if is_usual && measured.is_some() && lines.is_none() {
        return None;
    }
    let worst = lines.and_then(|lines| {
        let by_size = |x: &&(String, MostMoved), y: &&(String, MostMoved)| {
            x.1.relative.total_cmp(&y.1.relative)
        };
        lines.iter().max_by(by_size)
    });
    let found = match (lines, worst) {
        (Some(_), Some((_, worst))) => Some((worst.relative, 0.0)),
        (Some(_), None) => Some((0.0, 0.0)),
        (None, _) => None,
    };
    let mut judged = Judged {
        worst: worst
            .filter(|(_, line)| line.relative > 0.0)
            .map(|(name, line)| {
                let along = match line.along {
                    Along::Rows => "row",
                    Along::Columns => "column",
                };
                format!("{name}, {along} {}", line.line)
            }),
        ..compared("rows and columns", Unit::Relative, limit, found)
    };
    if judged.status == Status::Within && !is_all_read {
        judged.status = Status::NotMeasured;
    }
    Some(judged)
}

/// The limits of running statistics: not measured where they are not known. None where there are none, and
/// by the default budget of sketches, which keep none.
pub(super) fn of_statistics(
    budget: &Budget,
    statistics: &Statistics,
    is_sketched: bool,
) -> Vec<Judged> {
    let moved = match statistics {
        Statistics::None => return Vec::new(),
        Statistics::Unknown if is_sketched && budget.origin == Origin::Convention => {
            return Vec::new();
        }
        Statistics::Unknown => None,
        Statistics::Moved(moved) => Some(moved),
    };
    let one = |of: &str, unit, limit: Option<f64>, found: Option<&(String, f64)>| {
        let found_value = found.map(|(_, value)| (*value, 0.0));
        Some(Judged {
            worst: found.map(|(name, _)| name.clone()),
            ..compared(of, unit, limit?, found_value)
        })
    };
    let limits = budget.statistics;
    [
        one(
            "running statistics",
            Unit::MeanShift,
            limits.mean_shift,
            moved.map(|moved| &moved.mean_shift),
        ),
        one(
            "running statistics",
            Unit::VarianceRatio,
            limits.variance_ratio,
            moved.map(|moved| &moved.variance_ratio),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether a step is unlike those of the run, as its detector finds: over the threshold if it raises an
/// alarm. A step of less than half the usual length changes less than the run does by itself, and is not
/// held against it.
pub(super) fn of_run(verdict: &Verdict, evidence: &str, threshold: f64, is_short: bool) -> Judged {
    let is_over = verdict.alarm && !is_short;
    Judged {
        status: if is_over {
            Status::Over
        } else {
            Status::Within
        },
        worst: verdict.alarm.then(|| {
            if is_short {
                return "less than half a usual step, and so not held against it".to_owned();
            }
            let first = evidence.split(',').next().unwrap_or_default();
            format!("{} ({first})", verdict.cause.description())
        }),
        ..compared(
            "step",
            Unit::UnlikeRun,
            threshold,
            Some((verdict.score, 0.0)),
        )
    }
}

/// The limit of single tensors.
fn of_tensors(
    rule: &Rule,
    measured: Option<&Measured>,
    names: &[&str],
    unread: &[Unread],
) -> Result<Judged> {
    let pattern = rule.pattern()?;
    let unread = unread.iter().map(|tensor| tensor.tensor.as_str());
    let unread: BTreeSet<&str> = unread.filter(|name| pattern.matches(name)).collect();
    let read = names.iter().copied().filter(|name| pattern.matches(name));
    let meant = read.collect::<BTreeSet<&str>>().union(&unread).count();
    if meant == 0 {
        return Err(Error::NoTensorMatches {
            pattern: rule.name.clone(),
        });
    }
    let tensors: Vec<&Moved> = measured
        .iter()
        .flat_map(|measured| &measured.tensors)
        .filter(|tensor| pattern.matches(&tensor.name))
        .collect();
    let counted = |tensor: &Moved| tensor.relative() * (1.0 + tensor.error);
    let worst = tensors
        .iter()
        .max_by(|a, b| counted(a).total_cmp(&counted(b)));
    let found = worst.map(|worst| (worst.relative(), worst.error));
    let within = |tensor: &&&Moved| counted(tensor) <= rule.relative;
    let mut judged = Judged {
        worst: worst.map(|worst| worst.name.clone()),
        tensors: Some(Tensors {
            meant,
            over: tensors.len() - tensors.iter().filter(within).count(),
        }),
        ..compared(&rule.name, Unit::Relative, rule.relative, found)
    };
    if judged.status == Status::Within && !unread.is_empty() {
        judged.status = Status::NotMeasured;
    }
    Ok(judged)
}

/// Both errors are of one random map and may add up: (1 + e) / (1 − s) at worst.
fn in_steps(distance: f64, step: f64) -> f64 {
    (1.0 + distance) / (1.0 - step) - 1.0
}

fn compared(of: &str, unit: Unit, limit: f64, found: Option<(f64, f64)>) -> Judged {
    let counted = found.map(|(measured, error)| measured * (1.0 + error));
    let finite = |value: &f64| value.is_finite();
    Judged {
        of: of.to_owned(),
        unit,
        limit,
        measured: found.map(|(measured, _)| measured).filter(finite),
        error: found.map_or(0.0, |(_, error)| error),
        counted: counted.filter(finite),
        status: match counted {
            None => Status::NotMeasured,
            Some(counted) if counted <= limit => Status::Within,
            Some(_) => Status::Over,
        },
        worst: None,
        tensors: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_sketch_counts_against_the_budget() {
        let status = |error| compared("total", Unit::Relative, 0.1, Some((0.099, error))).status;
        assert_eq!(status(0.0), Status::Within);
        assert_eq!(status(0.022), Status::Over);
    }

    #[test]
    fn what_is_not_a_number_is_never_within() {
        let status = |found| compared("total", Unit::Steps, 1e9, found).status;
        assert_eq!(status(Some((f64::NAN, 0.0))), Status::Over);
        assert_eq!(status(Some((f64::INFINITY, 0.0))), Status::Over);
        assert_eq!(status(None), Status::NotMeasured);
        assert_eq!(status(Some((1e9, 0.0))), Status::Within);
    }
}
