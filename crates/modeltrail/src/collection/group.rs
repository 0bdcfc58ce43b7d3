//! Checkpoints with the same tensors, as points.

use super::claims::{AsideClaim, Claims};
use super::layout::parameters;
use crate::coverage::{Coverage, NotCompared, Unread};
use crate::mapping::{Said, View};
use checkpoint_store::TensorShape;
use nalgebra::DMatrix;
use serde::Serialize;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Checkpoints with the same tensors.
#[derive(Debug)]
pub struct Group {
    /// The tensors that make up a checkpoint, in the order of the first one.
    pub layout: Vec<TensorShape>,
    /// One per point.
    pub members: Vec<Member>,
    /// Shape (parameters, checkpoints), or (dimensions of the sketches, checkpoints).
    pub points: DMatrix<f32>,
    /// Which of the two.
    pub space: Space,
    /// How some of the checkpoints were taken into the group, where their tensors have other names or
    /// are stored in another way.
    pub taken: Vec<Taken>,
    /// What some of the checkpoints have and others do not: it is in no point.
    pub not_compared: Vec<NotCompared>,
}

/// How checkpoints with tensors of other names, or stored in another way, were taken into a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// How many.
    pub checkpoints: usize,
    /// The first of them.
    pub example: String,
    /// How their tensors were matched with those of the group, which is called A here.
    pub mapping: Said,
}

impl Group {
    /// Weights that were read of its checkpoints: those that are compared, and others.
    pub(crate) fn weights_read(&self) -> u64 {
        let beside = self.not_compared.iter().filter(|one| one.was_read);
        let beside = beside.map(|one| one.weights.saturating_mul(one.checkpoints as u64));
        let compared = self.parameters().saturating_mul(self.members.len() as u64);
        compared.saturating_add(beside.fold(0, u64::saturating_add))
    }

    /// Number of weights of a checkpoint.
    pub fn parameters(&self) -> u64 {
        parameters(&self.layout)
    }
}

/// What the points of a group are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Space {
    /// All weights, exactly.
    Weights,
    /// Sketches: distances hold within a stated error.
    Sketches,
}

/// One checkpoint.
#[derive(Debug, Clone)]
pub struct Member {
    /// What to call it: its path without the folders that all have in common, or its store, run
    /// and epoch.
    pub name: String,
    /// The file, or the store.
    pub path: PathBuf,
    /// What it says of itself.
    pub claims: Claims,
    /// That it stands beside a run of this group rather than in it: an average, or a copy of the
    /// run's best or last checkpoint. None where nothing but such checkpoints is there.
    pub aside: Option<AsideClaim>,
    /// Equal for bit-identical weights, and but for a chance of about 10⁻¹⁹ a pair for no others. Where
    /// one has tensors that the other does not have, these do not count.
    pub identity: u64,
    /// How it is shown, if that is not as it is stored.
    pub(crate) view: Option<Arc<View>>,
}

/// A checkpoint with weights that are NaN or infinite.
#[derive(Debug, Clone, Serialize)]
pub struct NotFinite {
    /// The checkpoint.
    pub name: String,
    /// Its tensors that have any, and how many.
    pub tensors: Vec<(String, u64)>,
    /// The file, or the store.
    #[serde(skip)]
    pub path: PathBuf,
    /// What it says of itself.
    #[serde(skip)]
    pub claims: Claims,
}

/// What was read of groups, and what of their checkpoints was not.
pub(crate) fn coverage(groups: &[Group], unread: &[Unread]) -> Coverage {
    let members: HashSet<&str> = groups
        .iter()
        .flat_map(|group| &group.members)
        .map(|member| member.name.as_str())
        .collect();
    let unread = unread.iter();
    let unread: Vec<Unread> = unread
        .filter(|tensor| members.contains(tensor.checkpoint.as_str()))
        .cloned()
        .collect();
    let weights = groups.iter().map(Group::weights_read);
    let not_compared = groups.iter().flat_map(|group| &group.not_compared);
    Coverage {
        not_compared: not_compared.cloned().collect(),
        ..Coverage::of_one(weights.sum(), unread)
    }
}
