//! What a command was pointed at: anybody's checkpoints, grouped by their tensors and shuffled.
//!
//! Paths name stores, files, folders, globs and files of sketches. Checkpoints with the same tensors,
//! by name and shape, form a group; each group is a matrix of points. Nothing that a checkpoint
//! claims of itself reaches the points: their order is drawn from a seed, and claims travel beside.

mod aside;
mod cache;
mod claims;
pub(crate) mod copies;
mod group;
mod in_memory;
mod inventory;
mod joined;
mod layout;
pub(crate) mod listing;
mod noted;
mod options;
mod points;
pub(crate) mod shared;
mod single;
pub mod sketches;
pub(crate) mod source;
mod stored;

pub use crate::coverage::LeftOut;
pub use crate::error::{Limit, Problem};
pub use crate::printable::printable;
pub use checkpoint_store::foreign::{Companion, OtherFormat};
pub use claims::{Aside, AsideClaim, Claims, From, PositionClaim, RunClaim, Unit};
pub(crate) use group::coverage;
pub use group::{Group, Member, NotFinite, Space, Taken};
pub use in_memory::InMemory;
pub use inventory::{Alike, Inventory, Item, only};
pub(crate) use layout::elements;
pub use layout::parameters;
pub use options::Options;
pub use points::identity;
pub(crate) use points::{identity_of_sketch, identity_of_weights};
pub(crate) use single::in_store;
pub use single::{Buffer, Single, single};
pub(crate) use stored::Stored;

use crate::coverage::{Coverage, Skipped, Unread};
use crate::error::Error;
use crate::progress::{Progress, Silent};
use crate::source::{TensorSource, Tensors};
use checkpoint_store::foreign::natural;
use listing::Listing;
use std::path::PathBuf;
use std::sync::Arc;

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
    listing.tell_transfer(work);
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
