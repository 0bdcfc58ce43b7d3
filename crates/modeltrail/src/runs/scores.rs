//! How right orders are, compared with claimed positions: the answer's, those of simpler methods, and
//! a random one.

use super::distinct::Distinct;
use super::{RunOptions, Runs};
use crate::collection::{From, Group, Member, Unit};
use crate::error::Result;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use trajectory::assignment::Clusters;
use trajectory::ordering::{along_tree, by_merge_height, direct, random_order};
use trajectory::scoring::{OrderScores, score_orders};

/// Scores of one group. Claimed positions count by rank within their claimed run: "consecutive" is
/// among the checkpoints that are there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// Checkpoints whose claims the orders are compared with.
    pub claimed: usize,
    /// What claimed positions count.
    pub unit: Unit,
    /// The order of the answer, as the weights have it: not turned round because claims say so.
    pub recommended: OrderScores,
    /// Along the spanning tree.
    pub along_tree: OrderScores,
    /// The paper's: by decreasing height of first merge.
    pub by_merge_height: OrderScores,
    /// The floor.
    pub random: OrderScores,
}

/// Scores an answer; none if fewer than two checkpoints claim a position. Costs what the simpler
/// orders do: O(distinct · parameters), and the projection again.
///
/// # Errors
/// None for an answer about this group in this space.
pub fn score(group: &Group, answer: &Runs, options: &RunOptions) -> Result<Option<Scores>> {
    let Some(truth) = Truth::of(group, answer) else {
        return Ok(None);
    };
    let distinct = Distinct::of(group);
    let own = distinct.points(group);
    let projected = options.space.project(own.view())?;
    let leaf_of: BTreeMap<usize, u32> = answer.leaves.iter().copied().zip(0..).collect();
    let recommended: Vec<Vec<u32>> = answer
        .runs
        .iter()
        .map(|run| {
            let members = run.places.iter().map(|place| place.member);
            let mut leaves: Vec<u32> = members.filter_map(|m| leaf_of.get(&m).copied()).collect();
            if run.agreement.is_turned {
                leaves.reverse();
            }
            leaves
        })
        .collect();
    let mut labels = vec![0; answer.leaves.len()];
    for (run, leaves) in (0..).zip(&recommended) {
        for &leaf in leaves {
            if let Some(label) = labels.get_mut(leaf as usize) {
                *label = run;
            }
        }
    }
    let clusters = Clusters::from_labels(&labels)?;
    let along = along_tree(&answer.tree, &clusters, options.seed)?;
    let along = direct(projected.matrix(), &along)?;
    let heights = by_merge_height(&answer.dendrogram, &clusters, options.seed)?;
    let random = random_order(&clusters, options.seed);
    Ok(Some(Scores {
        claimed: truth.runs.len(),
        unit: truth.unit,
        recommended: truth.score(&recommended)?,
        along_tree: truth.score(&along)?,
        by_merge_height: truth.score(&heights)?,
        random: truth.score(&random)?,
    }))
}

/// What the leaves claim, without those that claim nothing.
struct Truth {
    unit: Unit,
    /// The place of each leaf in the lists below.
    index: Vec<Option<u32>>,
    runs: Vec<u32>,
    /// Ranks from 1.
    epochs: Vec<u32>,
}

impl Truth {
    fn of(group: &Group, answer: &Runs) -> Option<Self> {
        let claims: Vec<Option<(Label<'_>, Unit, u64)>> = answer
            .leaves
            .iter()
            .map(|&leaf| {
                let member = group.members.get(leaf)?;
                let position = member.claims.position?;
                Some((label(member), position.unit, position.value))
            })
            .collect();
        let count = |unit: Unit| {
            claims
                .iter()
                .flatten()
                .filter(|claim| claim.1 == unit)
                .count()
        };
        // Steps and epochs do not compare.
        let unit = match count(Unit::Step) > count(Unit::Epoch) {
            true => Unit::Step,
            false => Unit::Epoch,
        };
        let of_unit = || claims.iter().flatten().filter(|claim| claim.1 == unit);
        let mut positions: BTreeMap<Label<'_>, BTreeSet<u64>> = BTreeMap::new();
        for &(run, _, value) in of_unit() {
            positions.entry(run).or_default().insert(value);
        }
        let mut truth = Self {
            unit,
            index: Vec::new(),
            runs: Vec::new(),
            epochs: Vec::new(),
        };
        let mut taken = BTreeSet::new();
        for claim in &claims {
            let claim = claim.filter(|claim| claim.1 == unit);
            let place = claim.and_then(|(label, _, value)| {
                let run = positions.keys().position(|other| *other == label)?;
                let rank = positions.get(&label)?.range(..value).count() + 1;
                // Two that claim one position cannot both be right.
                taken.insert((run, rank)).then_some((run, rank))
            });
            truth.index.push(place.map(|_| truth.runs.len() as u32));
            if let Some((run, rank)) = place {
                truth.runs.push(run as u32);
                truth.epochs.push(rank as u32);
            }
        }
        (truth.runs.len() > 1).then_some(truth)
    }

    fn score(&self, orders: &[impl AsRef<[u32]>]) -> Result<OrderScores> {
        let known = |order: &[u32]| -> Vec<u32> {
            let leaves = order.iter().map(|&leaf| leaf as usize);
            leaves
                .filter_map(|leaf| self.index.get(leaf).copied().flatten())
                .collect()
        };
        let orders = orders.iter().map(|order| known(order.as_ref()));
        let orders: Vec<Vec<u32>> = orders.filter(|order| !order.is_empty()).collect();
        Ok(score_orders(&orders, &self.runs, &self.epochs)?)
    }
}

/// A claimed run; stores number theirs each for itself.
pub type Label<'a> = (Option<&'a Path>, Option<&'a str>);

/// The run that a checkpoint claims.
pub fn label(member: &Member) -> Label<'_> {
    let run = member.claims.run.as_ref();
    let store = run.filter(|run| run.from == From::Store);
    (
        store.map(|_| member.path.as_path()),
        run.map(|run| run.value.as_str()),
    )
}
