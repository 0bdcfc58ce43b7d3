//! What stands beside the runs of a group, and what it is nearest to.

use super::distinct::Distinct;
use crate::collection::{AsideClaim, Group, Member};
use weightspace::distance::distance;

/// A checkpoint that is in no order, since it is an average, or a copy of one that is not there.
#[derive(Debug, Clone)]
pub struct Beside {
    pub(crate) about: Member,
    pub(crate) copies: Vec<Member>,
    pub(crate) nearest: Option<Nearest>,
}

/// The checkpoint of a run that is nearest to another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    /// Its name.
    pub name: String,
    /// How far away it is, in the units of the weights.
    pub distance: f64,
}

impl Beside {
    /// What it is called.
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// What it claims to be.
    pub fn claim(&self) -> Option<AsideClaim> {
        self.about.aside
    }

    /// Names of the others with the same bits.
    pub fn copies(&self) -> impl Iterator<Item = &str> {
        self.copies.iter().map(|copy| copy.name.as_str())
    }

    /// The checkpoint of a run that it is nearest to; none if there is none.
    pub fn nearest(&self) -> Option<&Nearest> {
        self.nearest.as_ref()
    }
}

/// What stands beside the runs of a group. O(those · checkpoints · parameters).
pub(super) fn find(group: &Group, distinct: &Distinct) -> Vec<Beside> {
    let leaves = distinct.leaves();
    let each = distinct.aside().iter().filter_map(|members| {
        let (&first, copies) = members.split_first()?;
        let copies = copies.iter().filter_map(|&copy| group.members.get(copy));
        Some(Beside {
            about: group.members.get(first)?.clone(),
            copies: copies.cloned().collect(),
            nearest: nearest(group, first, &leaves),
        })
    });
    each.collect()
}

fn nearest(group: &Group, member: usize, leaves: &[usize]) -> Option<Nearest> {
    let column = |member: usize| {
        let is_there = member < group.points.ncols();
        is_there.then(|| group.points.column(member))
    };
    let own = column(member)?;
    let distances = leaves.iter().filter_map(|&leaf| {
        let other = column(leaf)?;
        Some((leaf, distance(own.as_slice(), other.as_slice())))
    });
    let (leaf, distance) = distances.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let name = group.members.get(leaf)?.name.clone();
    Some(Nearest { name, distance })
}
