//! Sketches of everything that paths stand for.

use super::file::{Kept, SCHEMA, Sketches};
use crate::collection::listing::Listing;
use crate::collection::options::Options;
use crate::collection::points;
use crate::coverage::{LeftOut, Unread};
use crate::error::Problem;
use std::path::PathBuf;

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
}

/// Sketches everything that the paths stand for.
pub fn sketch(paths: &[PathBuf], options: &Options) -> Sketched {
    let mut listing = Listing::of(paths, options);
    let unread_of = |unread: &[Unread], name: &str| -> Vec<Unread> {
        let own = unread.iter().filter(|tensor| tensor.checkpoint == name);
        own.cloned().collect()
    };
    let mut checkpoints = Vec::new();
    for pending in &listing.groups {
        for (entry, sketch) in points::sketches(pending) {
            match sketch {
                Ok(sketch) => checkpoints.push(Kept {
                    name: entry.name.clone(),
                    claims: entry.claims.clone(),
                    sketch,
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
    }
}
