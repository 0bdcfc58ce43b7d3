//! Checkpoints from one form into another: [`export`] to files of other programs, [`import`] into a
//! store, [`sketch`](mod@sketch) to a few kilobytes each.

pub mod export;
pub mod import;
pub mod imported;
mod names;
mod plan;
pub mod sketch;

pub use crate::error::LabelError;

use crate::collection::Inventory;
use crate::coverage::{Coverage, Unread};
use crate::error::{Error, Result};

/// Refuses to go on without tensors that could not be read, unless that is allowed.
///
/// # Errors
/// Names the first of them.
fn refuse_losses(unread: &[Unread], allowed: bool) -> Result<()> {
    match unread.first() {
        Some(first) if !allowed => Err(Error::WouldLose {
            checkpoint: first.checkpoint.clone(),
            tensor: first.tensor.clone(),
            dtype: first.dtype.clone(),
            reason: first.reason.clone(),
            others: unread.len() - 1,
        }),
        _ => Ok(()),
    }
}

/// What of what was listed cannot be read or is skipped; no weights were read yet.
fn coverage(inventory: &Inventory) -> Coverage {
    Coverage {
        skipped: inventory.left_out.skipped(inventory.passed_over),
        ..Coverage::of_one(0, inventory.unread.clone())
    }
}
