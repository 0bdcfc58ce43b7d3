//! What a part of the page is made of.

use crate::collection::Group;
use crate::runs::Runs;

/// What one part of the page is about: runs, and the weights that pictures are made of.
pub(super) struct Source<'a> {
    pub(super) group: &'a Group,
    pub(super) runs: &'a Runs,
}
