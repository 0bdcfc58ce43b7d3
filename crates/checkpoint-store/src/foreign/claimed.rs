//! What a checkpoint says of its run and its step: in its metadata, or by its name.

mod aside;
mod beside;
mod claim;
mod names;
mod series;
mod words;

pub(super) use beside::claimed_beside;
pub use claim::{Aside, Claim, Claimed, Origin};
pub(super) use names::is_telling_folder;
pub(super) use series::{Series, series};
