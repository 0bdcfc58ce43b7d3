//! Sketches of everything that paths stand for.

use super::file::{Kept, SCHEMA, Sketches};
use crate::collection::listing::Listing;
use crate::collection::options::Options;
use crate::collection::points;
use crate::coverage::{LeftOut, Unread};
use crate::error::Problem;
use crate::progress::{Progress, Silent};
use checkpoint_store::foreign::OtherFormat;
use std::path::PathBuf;
use weightspace::sketch::Parameters;

/// What was sketched, and what was not.
#[derive(Debug)]
pub struct Sketched {
    /// The sketches.
    pub file: Sketches,
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// What the checkpoints hold beside weights.
    pub left_out: LeftOut,
    /// Tensors that could not be read.
    pub unread: Vec<Unread>,
    /// Files passed over that a training writes beside the weights.
    pub passed_over: usize,
    /// Files of formats that are known and not supported.
    pub others: Vec<OtherFormat>,
}

/// Sketches everything that the paths stand for.
pub fn sketch(paths: &[PathBuf], options: &Options, parameters: Parameters) -> Sketched {
    sketch_watched(paths, options, parameters, &Silent)
}

/// As [`sketch`], told checkpoint by checkpoint.
pub fn sketch_watched(
    paths: &[PathBuf],
    options: &Options,
    parameters: Parameters,
    work: &dyn Progress,
) -> Sketched {
    let mut listing = Listing::of(paths, options);
    let count = listing.groups.iter().map(|group| group.entries.len());
    work.add(count.sum::<usize>() as u64);
    listing.tell_transfer(work);
    let unread_of = |unread: &[Unread], name: &str| -> Vec<Unread> {
        let own = unread.iter().filter(|tensor| tensor.checkpoint == name);
        own.cloned().collect()
    };
    let mut checkpoints = Vec::new();
    for pending in &listing.groups {
        for (entry, sketch) in points::sketches(pending, parameters, work) {
            match sketch {
                Ok(sketch) => checkpoints.push(Kept {
                    name: entry.name.clone(),
                    claims: entry.claims.clone(),
                    sketch,
                    stored: entry.stored(),
                    unread: unread_of(&listing.unread, &entry.name),
                }),
                Err(error) => listing.problems.push(Problem::new(&entry.path, &error)),
            }
        }
    }
    let file = Sketches {
        schema: SCHEMA.to_owned(),
        checkpoints,
    };
    Sketched {
        file,
        problems: listing.problems,
        left_out: listing.left_out,
        unread: listing.unread,
        passed_over: listing.companions.len(),
        others: listing.others,
    }
}
