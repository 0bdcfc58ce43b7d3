//! What a command was pointed at: anybody's checkpoints, grouped by their tensors and shuffled.
//!
//! Paths name stores, files, folders, globs and files of sketches. Checkpoints with the same tensors,
//! by name and shape, form a group; each group is a matrix of points. Nothing that a checkpoint
//! claims of itself reaches the points: their order is drawn from a seed, and claims travel beside.

mod aside;
mod claims;
mod inventory;
mod joined;
pub(crate) mod listing;
mod noted;
mod points;
pub(crate) mod shared;
mod single;
pub mod sketches;
pub(crate) mod source;

pub use aside::{Aside, AsideClaim};
pub use claims::{Claims, From, PositionClaim, RunClaim, Unit};
pub use inventory::{Alike, Inventory, Item, only};
pub use points::identity;
pub(crate) use points::{identity_of_sketch, identity_of_weights};
pub use single::Buffer;
pub use single::{Single, single};
pub(crate) use source::Stored;

use crate::coverage::{Coverage, NotCompared, Skipped, Unread};
use crate::error::{Error, escaped};
use crate::mapping::{Map, Said, View};
use crate::progress::{Progress, Silent};
use crate::source::{TensorSource, Tensors};
use checkpoint_store::TensorShape;
pub use checkpoint_store::foreign::{Companion, OtherFormat};
use checkpoint_store::foreign::{Limits, natural};
use listing::Listing;
use nalgebra::DMatrix;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How to read.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most memory for weights, in bytes. What does not fit is sketched.
    pub memory: u64,
    /// Seed of the shuffle.
    pub seed: u64,
    /// What reading one foreign checkpoint may take.
    pub limits: Limits,
    /// Of what lies in folders, only checkpoints whose file, or whose folder, has a name that matches
    /// this; with a `/` in it, whose whole path below the folder does.
    pub only: Option<glob::Pattern>,
    /// How tensors of different checkpoints are matched.
    pub map: Map,
}

impl Default for Options {
    /// 2 GiB.
    fn default() -> Self {
        Self {
            memory: 2 << 30,
            seed: 0,
            limits: Limits::default(),
            only: None,
            map: Map::Auto,
        }
    }
}

/// Everything that was found.
#[derive(Debug)]
pub struct Collection {
    /// Checkpoints by their tensors, the largest group first.
    pub groups: Vec<Group>,
    /// What could not be read; the rest went on.
    pub problems: Vec<Problem>,
    /// Checkpoints left out because weights are NaN or infinite.
    pub not_finite: Vec<NotFinite>,
    /// What the checkpoints hold beside weights.
    pub left_out: LeftOut,
    /// Files passed over that a training writes beside the weights.
    pub passed_over: usize,
    /// Files of formats that are known and not supported, which lie in the folders.
    pub others: Vec<OtherFormat>,
    /// Tensors that could not be read.
    pub unread: Vec<Unread>,
    /// What was done to read them, where they are not simply files of weights: sentences without their
    /// full stops.
    pub notes: Vec<String>,
}

impl Options {
    /// Most memory for weights, in bytes.
    #[must_use]
    pub fn memory(self, memory: u64) -> Self {
        Self { memory, ..self }
    }

    /// Seed of the shuffle.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// What reading one foreign checkpoint may take.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// How tensors of different checkpoints are matched.
    #[must_use]
    pub fn map(self, map: Map) -> Self {
        Self { map, ..self }
    }

    /// Reads what the paths stand for: see [`collect`].
    pub fn read<P: Into<PathBuf>>(&self, paths: impl IntoIterator<Item = P>) -> Collection {
        let paths: Vec<PathBuf> = paths.into_iter().map(Into::into).collect();
        collect(&paths, self)
    }
}

impl Collection {
    /// How to read: `Collection::options().memory(1 << 30).read(["checkpoints/"])`.
    pub fn options() -> Options {
        Options::default()
    }

    /// Checkpoints in memory, each with a name. The names claim nothing: what they are is read off
    /// the weights alone.
    ///
    /// # Errors
    /// When there is none.
    pub fn from_tensors(
        checkpoints: impl IntoIterator<Item = (impl Into<String>, Tensors)>,
    ) -> Result<Self, Error> {
        let sources = checkpoints.into_iter().map(|(name, tensors)| {
            let source: Arc<dyn TensorSource> = Arc::new(tensors);
            (name, source)
        });
        Self::from_sources(sources, &Options::default(), &Silent)
    }

    /// Checkpoints wherever their owner has them, each with a name.
    ///
    /// # Errors
    /// When there is none.
    pub fn from_sources(
        checkpoints: impl IntoIterator<Item = (impl Into<String>, Arc<dyn TensorSource>)>,
        options: &Options,
        progress: &dyn Progress,
    ) -> Result<Self, Error> {
        let mut listing = Listing::default();
        for (name, source) in checkpoints {
            listing.add_own(name.into(), source);
        }
        if listing.groups.is_empty() {
            return Err(Error::NothingRead);
        }
        listing.groups = joined::join(listing.groups, &options.map);
        Ok(read(listing, options, progress))
    }

    /// How much of the checkpoints was read.
    pub fn coverage(&self) -> Coverage {
        let read: u64 = self.groups.iter().map(Group::weights_read).sum();
        let not_compared = self.groups.iter().flat_map(|group| &group.not_compared);
        let unread = self.unread.iter().filter_map(|tensor| tensor.elements);
        Coverage {
            weights_read: read,
            weights_in_all: read + unread.sum::<u64>(),
            unread: self.unread.clone(),
            skipped: self.skipped(),
            not_compared: not_compared.cloned().collect(),
        }
    }

    /// What was left aside on purpose.
    pub(crate) fn skipped(&self) -> Vec<Skipped> {
        let mut skipped = self.left_out.skipped(self.passed_over);
        let count = self.others.iter().map(|other| other.count).sum();
        if count > 0 {
            skipped.push(Skipped {
                what: "files of other formats",
                count,
                reason: "their format is not supported",
            });
        }
        skipped
    }
}

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

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The path it is about.
    #[serde(serialize_with = "crate::path::serialize")]
    pub path: PathBuf,
    /// What kind of trouble it is: [`Error::kind`].
    pub kind: &'static str,
    /// What is wrong, on one line, with the path and the way out.
    pub message: String,
    /// The limit that it meets, if raising one helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
}

/// A limit on reading files, and a value that allows what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// Its name.
    pub name: &'static str,
    /// A value that is enough.
    pub enough: u64,
}

impl Problem {
    /// What is wrong with a path.
    pub fn new(path: &Path, error: &Error) -> Self {
        Self {
            path: path.to_path_buf(),
            kind: error.kind(),
            message: error.to_line(),
            limit: error.limit().map(|limit| Limit {
                name: limit.name,
                enough: limit.enough,
            }),
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
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

/// How many tensors, over all checkpoints, are not looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Floating-point numbers that are not learned: running means, position tables.
    pub buffers: usize,
    /// Integers and booleans.
    pub not_float: usize,
    /// Averaged copies of the weights that stand beside them in the same files.
    pub averaged: usize,
    /// Everything else: the state of optimisers, pickled objects.
    pub others: usize,
}

impl LeftOut {
    /// This and that of another checkpoint.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            buffers: self.buffers + other.buffers,
            not_float: self.not_float + other.not_float,
            averaged: self.averaged + other.averaged,
            others: self.others + other.others,
        }
    }

    /// The same, as what was skipped, beside so many companion files.
    pub fn skipped(self, companions: usize) -> Vec<Skipped> {
        let kinds = [
            ("buffers", self.buffers, "they are not learned"),
            (
                "integers or booleans",
                self.not_float,
                "they are not weights",
            ),
            (
                "averaged copies",
                self.averaged,
                "they are averages of the weights beside them",
            ),
            (
                "other entries",
                self.others,
                "they are no tensors of the model",
            ),
            (
                "companion files",
                companions,
                "they lie beside the checkpoints",
            ),
        ];
        let some = kinds.into_iter().filter(|(_, count, _)| *count > 0);
        some.map(|(what, count, reason)| Skipped {
            what,
            count,
            reason,
        })
        .collect()
    }
}

/// Reads what the paths stand for. Costs one pass over all weights.
///
/// Weights are kept as long as they fit half of the memory, since analyses need as much again;
/// smaller groups first. Other groups are sketched. The result depends on the files and the seed
/// alone.
pub fn collect(paths: &[PathBuf], options: &Options) -> Collection {
    collect_watched(paths, options, &Silent)
}

/// As [`collect`], told checkpoint by checkpoint.
pub fn collect_watched(paths: &[PathBuf], options: &Options, work: &dyn Progress) -> Collection {
    let mut listing = Listing::of(paths, options);
    listing.groups = joined::join(listing.groups, &options.map);
    listing.set_aside();
    read(listing, options, work)
}

/// Reads what was listed.
fn read(mut listing: Listing, options: &Options, work: &dyn Progress) -> Collection {
    let spaces = spaces(&listing.groups, options.memory / 2);
    let entries = listing.groups.iter().map(|group| group.entries.len());
    work.add(entries.sum::<usize>() as u64);
    let mut groups = Vec::new();
    let mut not_finite = Vec::new();
    for (pending, space) in std::mem::take(&mut listing.groups).into_iter().zip(spaces) {
        let read = points::read(pending, space, options, work);
        listing.problems.extend(read.problems);
        not_finite.extend(read.not_finite);
        groups.extend(read.group);
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.members.len()));
    listing.problems.sort_by(|a, b| natural(&a.path, &b.path));
    listing.problems.dedup_by(|a, b| a.path == b.path);
    Collection {
        groups,
        problems: listing.problems,
        not_finite,
        left_out: listing.left_out,
        passed_over: listing.companions.len(),
        others: listing.others,
        unread: listing.unread,
        notes: listing.noted.into_notes(),
    }
}

/// Which groups keep their weights.
fn spaces(groups: &[listing::Pending], budget: u64) -> Vec<Space> {
    let bytes = |group: &listing::Pending| {
        let columns = group.entries.len() as u64;
        parameters(&group.layout)
            .saturating_mul(4)
            .saturating_mul(columns)
    };
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|&index| groups.get(index).map(bytes));
    let mut left = budget;
    let mut spaces = vec![Space::Sketches; groups.len()];
    for index in order {
        let (Some(group), Some(space)) = (groups.get(index), spaces.get_mut(index)) else {
            continue;
        };
        let is_sketched = group.entries.iter().any(|entry| entry.source.is_sketch());
        if !is_sketched && bytes(group) <= left {
            left -= bytes(group);
            *space = Space::Weights;
        }
    }
    spaces
}

/// Number of weights of a checkpoint.
pub fn parameters(layout: &[TensorShape]) -> u64 {
    layout.iter().map(elements).fold(0, u64::saturating_add)
}

/// Number of values of a tensor.
fn elements(tensor: &TensorShape) -> u64 {
    tensor
        .shape
        .iter()
        .fold(1, |product, &side| u64::saturating_mul(product, side))
}

/// A name out of a file system or a file, on one line.
pub fn printable(name: &str) -> String {
    escaped(name)
}
