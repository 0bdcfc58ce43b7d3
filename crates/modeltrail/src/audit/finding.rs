//! One defect, as it is said.

use super::series::{Series, Step};
use crate::collection::Unit;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// One defect: what is wrong, where, and what helps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The claimed run, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// What is wrong.
    pub kind: Kind,
    /// The claimed positions that are wrong, ascending.
    #[serde(flatten, serialize_with = "step_or_steps")]
    pub steps: Vec<u64>,
    /// What they count.
    pub unit: Unit,
    /// The checkpoints, in the same order; empty where they are missing.
    pub checkpoints: Vec<String>,
    /// Which tensors of them.
    pub tensors: Affected,
    /// The files that hold these tensors and little else, where a checkpoint has several.
    pub shards: Vec<String>,
    /// The position whose bits they have.
    pub equals: Option<u64>,
    /// The position that they are near to, or that training goes on from, where bits do not say it.
    pub nearest: Option<u64>,
    /// How sure it is.
    pub confidence: Confidence,
    /// What was seen, in a few words.
    pub evidence: String,
}

/// Either one step or several.
fn step_or_steps<S: Serializer>(steps: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap;
    let mut map = serializer.serialize_map(Some(1))?;
    match steps {
        [step] => map.serialize_entry("step", step)?,
        steps => map.serialize_entry("steps", steps)?,
    }
    map.end()
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// All bits of another step.
    Copy,
    /// Nothing changes any more.
    Standstill,
    /// Two steps in each other's place.
    Swapped,
    /// Far from both neighbours.
    Misplaced,
    /// Training goes on from an earlier step than the one before.
    Restarted,
    /// The same, and the step has that one's bits.
    FellBack,
    /// Made of its neighbours.
    Average,
    /// Some tensors are those of another step.
    Chimera,
    /// Some tensors are those of the step before: their update was not saved.
    Stale,
    /// Some tensors do not move for several steps.
    Still,
    /// Some tensors are related to no other step.
    Foreign,
    /// Some tensors begin anew.
    Reinitialised,
    /// The values of some tensors are those that belong there, in another order.
    Rearranged,
    /// Some tensors are zero in part.
    Zeros,
    /// Some values are NaN or infinite.
    NotFinite,
    /// Stored in, or rounded to, another number type than the others.
    Dtype,
    /// Tensors are missing, or have another shape.
    Layout,
    /// Two tensors that are equal elsewhere differ.
    Tied,
    /// Regular steps lack some.
    Missing,
    /// Two checkpoints of different weights claim one step.
    Conflict,
    /// Tensors that should change never do.
    NeverMoved,
    /// Tensors that should not change do.
    Moved,
    /// A moving average has the bits of the weights themselves.
    AverageEqualsRaw,
}

impl Kind {
    /// Its name in JSON, and in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Standstill => "standstill",
            Self::Swapped => "swapped",
            Self::Misplaced => "misplaced",
            Self::Restarted => "restarted",
            Self::FellBack => "fell_back",
            Self::Average => "average",
            Self::Chimera => "chimera",
            Self::Stale => "stale",
            Self::Still => "still",
            Self::Foreign => "foreign",
            Self::Reinitialised => "reinitialised",
            Self::Rearranged => "rearranged",
            Self::Zeros => "zeros",
            Self::NotFinite => "not_finite",
            Self::Dtype => "dtype",
            Self::Layout => "layout",
            Self::Tied => "tied",
            Self::Missing => "missing",
            Self::Conflict => "conflict",
            Self::NeverMoved => "never_moved",
            Self::Moved => "moved",
            Self::AverageEqualsRaw => "average_equals_raw",
        }
    }
}

/// Which tensors a defect concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Affected {
    /// All of them.
    All,
    /// These, by name.
    Some(Vec<String>),
}

impl Serialize for Affected {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str("all"),
            Self::Some(names) => names.serialize(serializer),
        }
    }
}

/// How sure a finding is. How often each holds is measured: `results/audit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// A statistic is beyond its line, by less than twice.
    Moderate,
    /// It is beyond twice its line.
    High,
    /// Bits, counts or claims say it.
    Exact,
}

impl Confidence {
    /// By how many times a statistic is beyond its line; none where bits say it.
    pub(super) fn of(margin: Option<f64>) -> Self {
        match margin {
            None => Self::Exact,
            Some(margin) if margin >= 2.0 => Self::High,
            Some(_) => Self::Moderate,
        }
    }
}

impl Finding {
    /// A finding about steps of a series, exact and about all tensors until it says otherwise.
    pub(super) fn new(kind: Kind, series: &Series<'_>, steps: &[usize]) -> Self {
        let names = steps.iter().filter_map(|&step| series.steps.get(step));
        Self {
            run: None,
            kind,
            steps: series.positions(steps),
            unit: series.unit,
            checkpoints: names.map(Step::name).collect(),
            tensors: Affected::All,
            shards: Vec::new(),
            equals: None,
            nearest: None,
            confidence: Confidence::Exact,
            evidence: String::new(),
        }
    }
}

/// What a finding says, but for its steps: kind, tensors, what it equals and is nearest to, evidence.
type Said = (Kind, Vec<String>, Option<u64>, Option<u64>, String);

/// Without tied tensors that differ only since one of them is wrong by another finding.
pub(super) fn explained(findings: Vec<Finding>) -> Vec<Finding> {
    let is_wrong = |names: &[String], step: u64| {
        findings.iter().any(|other| {
            let is_about = other.kind != Kind::Tied && other.steps.contains(&step);
            is_about
                && match &other.tensors {
                    Affected::All => true,
                    Affected::Some(found) => names.iter().any(|name| found.contains(name)),
                }
        })
    };
    let is_kept = |finding: &Finding| match (&finding.tensors, finding.kind) {
        (Affected::Some(names), Kind::Tied) => {
            !finding.steps.iter().all(|&step| is_wrong(names, step))
        }
        _ => true,
    };
    let kept: Vec<bool> = findings.iter().map(is_kept).collect();
    let all = findings.into_iter().zip(kept);
    all.filter_map(|(finding, is_kept)| is_kept.then_some(finding))
        .collect()
}

/// Findings that say the same of several steps, as one each; by their first step.
pub(super) fn merged(findings: Vec<Finding>) -> Vec<Finding> {
    let mut kept: Vec<Finding> = Vec::new();
    let mut known: BTreeMap<Said, usize> = BTreeMap::new();
    for finding in findings {
        let is_merged = matches!(
            finding.kind,
            Kind::Copy | Kind::Dtype | Kind::Layout | Kind::Tied | Kind::NotFinite | Kind::Chimera
        );
        let names = match &finding.tensors {
            Affected::All => Vec::new(),
            Affected::Some(names) => names.clone(),
        };
        let key = (
            finding.kind,
            names,
            finding.equals,
            finding.nearest,
            finding.evidence.clone(),
        );
        let place = known.get(&key).copied().filter(|_| is_merged);
        match place.and_then(|place| kept.get_mut(place)) {
            Some(one) if one.shards == finding.shards => {
                one.steps.extend(finding.steps);
                one.checkpoints.extend(finding.checkpoints);
                one.confidence = one.confidence.min(finding.confidence);
            }
            _ => {
                known.insert(key, kept.len());
                kept.push(finding);
            }
        }
    }
    kept.sort_by_key(|finding| (finding.steps.first().copied(), finding.kind));
    kept
}
