//! Every limit, what was measured, and whether it holds.

use super::budget::Budget;
use super::history::History;
use super::measured::{Measured, Moved};
use anyhow::{Result, ensure};
use serde::Serialize;

/// One limit held against what was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Judged {
    /// `total`, or the glob of tensor names.
    pub of: String,
    /// What the number counts.
    pub unit: Unit,
    /// The most that is within.
    pub limit: f64,
    /// What was measured; of several tensors the worst. None if weights are not finite, or if
    /// something moved away from zero.
    pub measured: Option<f64>,
    /// Relative standard error of what was measured, at most.
    pub error: f64,
    /// Measured × (1 + error): what is held against the limit.
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
    Strangers,
}

impl Unit {
    /// As in a budget.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relative => "relative",
            Self::Steps => "steps",
            Self::Strangers => "strangers",
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
    /// Weights are not finite; counts as over.
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

/// Holds a budget against what was measured; nothing was where weights are not finite. `has_history`
/// says whether one was given, which is not read for an accredited checkpoint that is not finite;
/// `names` are those of all tensors.
///
/// # Errors
/// When a limit is in steps and there is no history, or a glob means no tensor.
pub fn judge(
    budget: &Budget,
    measured: Option<&Measured>,
    history: Option<&History>,
    has_history: bool,
    names: &[&str],
) -> Result<Vec<Judged>> {
    let mut judged = Vec::new();
    let all = measured.map(|measured| &measured.total);
    if let Some(limit) = budget.total.relative {
        let found = all.map(|all| (all.relative(), all.error));
        judged.push(held("total", Unit::Relative, limit, found));
    }
    if let Some(limit) = budget.total.steps {
        ensure!(
            has_history,
            "the budget has a limit in steps: give checkpoints of the run with --history"
        );
        let found = all
            .zip(history)
            .map(|(all, run)| (all.over(run.recent_step), in_steps(all.error, run.error)));
        judged.push(held("total", Unit::Steps, limit, found));
    }
    if let Some(limit) = budget.total.strangers {
        let found = all.map(|all| (all.over(all.norm_a.hypot(all.norm_b)), all.error));
        judged.push(held("total", Unit::Strangers, limit, found));
    }
    for rule in &budget.tensors {
        let pattern = rule.pattern()?;
        let meant = names.iter().filter(|name| pattern.matches(name)).count();
        ensure!(
            meant > 0,
            "no tensor is named like {:?}, as the budget says: `modeltrail diff` lists all names",
            rule.name
        );
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
        judged.push(Judged {
            worst: worst.map(|worst| worst.name.clone()),
            tensors: Some(Tensors {
                meant,
                over: tensors.len() - tensors.iter().filter(within).count(),
            }),
            ..held(&rule.name, Unit::Relative, rule.relative, found)
        });
    }
    Ok(judged)
}

/// Both errors are of one random map and may add up: (1 + e) / (1 − s) at worst.
fn in_steps(distance: f64, step: f64) -> f64 {
    (1.0 + distance) / (1.0 - step) - 1.0
}

fn held(of: &str, unit: Unit, limit: f64, found: Option<(f64, f64)>) -> Judged {
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
        let status = |error| held("total", Unit::Relative, 0.1, Some((0.099, error))).status;
        assert_eq!(status(0.0), Status::Within);
        assert_eq!(status(0.022), Status::Over);
    }

    #[test]
    fn what_is_not_a_number_is_never_within() {
        let status = |found| held("total", Unit::Steps, 1e9, found).status;
        assert_eq!(status(Some((f64::NAN, 0.0))), Status::Over);
        assert_eq!(status(Some((f64::INFINITY, 0.0))), Status::Over);
        assert_eq!(status(None), Status::NotMeasured);
        assert_eq!(status(Some((1e9, 0.0))), Status::Within);
    }
}
