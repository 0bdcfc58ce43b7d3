//! Which tensor of one checkpoint is which of another: their names, their shapes and their values
//! decide, in this order.
//!
//! | submodule | does |
//! |---|---|
//! | `names` | names, and what wrappers put before them |
//! | `shapes` | one name and two shapes: other orders of axes, and rows that were added |
//! | `fused`, `roles` | projections that are stored together or apart |
//! | `content`, `classes`, `prints` | what no name matches: by values, shape and order |
//! | `ties` | tensors that are stored once or twice |
//! | `table` | a file that says what is called what |
//! | `axes`, `recipe` | how a tensor is made of those that are stored |
//! | `side`, `find` | what is looked at of a checkpoint, and in which order |
//! | `state`, `matched` | what was matched, while it is looked for and after |
//! | `beside` | buffers and unread tensors, whose names follow those of the weights |
//! | `held` | checkpoints in memory, and two brought to the same tensors |
//! | `view` | checkpoints of a collection, shown with the tensors of others |
//! | `said` | what is said of it |
//!
//! What could be matched in several ways is not matched, and said. What shape and order alone match,
//! with no name and no value to support it, is not taken for the same tensor: unrelated models of one
//! architecture under other names stay different models.

mod axes;
mod beside;
mod classes;
mod content;
mod find;
mod fused;
mod held;
mod matched;
mod names;
mod prints;
mod recipe;
mod roles;
mod said;
mod shapes;
mod side;
mod state;
mod table;
mod ties;
mod view;

pub(crate) use beside::Unreads;
pub use beside::{ComparedBytes, UnreadBytes};
pub use find::Map;
pub(crate) use find::find;
pub(crate) use held::{Alike, Held, Whole, alike, sketches};
pub use matched::LEAST_SHARE;
pub(crate) use matched::{Mapping, Unsupported};
pub use names::Rule;
pub(crate) use recipe::Recipe;
pub use said::Said;
pub(crate) use side::Side;
pub use state::How;
pub use table::Table;
pub(crate) use view::{Representative, View, hash_of};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
