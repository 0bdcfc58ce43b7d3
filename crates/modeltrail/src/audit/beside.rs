//! What an audit of the claimed steps finds in checkpoints that were read for another question.

use super::finding::{Finding, Kind};
use super::{AuditOptions, of_kept};
use crate::collection::sketches::Kept;
use crate::collection::{Group, Member, Space};
use crate::runs::Runs;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use weightspace::sketch::{Parameters, Sketcher};

/// Numbers that are kept of a tensor: enough for whole steps, and for most tensors.
const NUMBERS: usize = 32;
/// Longer claimed runs are left to an audit of their own, which takes time with the square of the steps.
const MOST_STEPS: usize = 1000;

/// Findings about the claimed runs of a group whose weights are in memory, without the checkpoints whose
/// claims the runs contradict already, and but for what runs say themselves: gaps, types, weights that are
/// not finite. Empty where checkpoints are compared by sketches, or claim nothing.
pub(crate) fn of_group(group: &Group, runs: &Runs) -> Vec<Finding> {
    if group.space != Space::Weights {
        return Vec::new();
    }
    let mut claimed: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    let run = |member: &Member| member.claims.run.as_ref().map(|run| run.value.clone());
    for member in &group.members {
        let run = member.claims.run.as_ref().map(|run| run.value.as_str());
        *claimed.entry(run).or_default() += 1;
    }
    let told = contradicted(runs);
    let is_told = |member: &Member| told.contains(member.name.as_str());
    let is_short = |member: &Member| claimed.get(&run(member).as_deref()) <= Some(&MOST_STEPS);
    let members: Vec<usize> = (0..group.members.len())
        .filter(|&index| {
            let member = group.members.get(index);
            member.is_some_and(|member| is_short(member) && !is_told(member))
        })
        .collect();
    let kept: Vec<Kept> = members
        .par_iter()
        .filter_map(|&index| kept(group, index))
        .collect();
    // Checkpoints that claim no step are no series.
    let Ok(audit) = of_kept(&kept, &AuditOptions::default()) else {
        return Vec::new();
    };
    let is_new = |finding: &Finding| {
        !matches!(
            finding.kind,
            Kind::Missing | Kind::Conflict | Kind::Layout | Kind::Dtype | Kind::NotFinite
        )
    };
    audit.findings.into_iter().filter(is_new).collect()
}

/// Names of checkpoints whose claims the runs contradict.
fn contradicted(runs: &Runs) -> BTreeSet<&str> {
    let places = runs.runs().iter().flat_map(|run| run.places.iter());
    let wrong = places.filter(|place| !place.contradictions().is_empty());
    wrong
        .flat_map(|place| std::iter::once(place.name()).chain(place.copies()))
        .collect()
}

/// What is kept of a member.
fn kept(group: &Group, index: usize) -> Option<Kept> {
    let member = group.members.get(index)?;
    let parameters = Parameters {
        tensor_dimensions: NUMBERS,
        ..Parameters::default()
    };
    let mut sketcher = Sketcher::new(parameters).ok()?;
    let column = group.points.column(index);
    let mut rest = column.as_slice();
    for tensor in &group.layout {
        let shape: Vec<usize> = tensor.shape.iter().map(|&size| size as usize).collect();
        let (values, behind) = rest.split_at_checked(shape.iter().product())?;
        let mut part = sketcher.tensor(&tensor.name, &shape);
        part.feed(values);
        sketcher.add(part.finish()).ok()?;
        rest = behind;
    }
    Some(Kept {
        name: member.name.clone(),
        claims: member.claims.clone(),
        sketch: sketcher.finish(),
        stored: Vec::new(),
        unread: Vec::new(),
    })
}
