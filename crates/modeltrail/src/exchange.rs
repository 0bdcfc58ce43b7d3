//! Checkpoints from one form into another: [`export`] to files of other programs, [`import`] into a
//! store, [`sketch`](mod@sketch) to a few kilobytes each.

pub mod export;
pub mod import;
pub mod imported;
mod names;
mod plan;
pub mod sketch;

pub use plan::LabelError;

use crate::collection::Inventory;
use crate::coverage::Coverage;

/// What of what was listed cannot be read or is skipped; no weights were read yet.
fn coverage(inventory: &Inventory) -> Coverage {
    Coverage {
        skipped: inventory.left_out.skipped(inventory.passed_over),
        ..Coverage::of_one(0, inventory.unread.clone())
    }
}
