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
mod fused;
mod held;
mod matched;
mod names;
mod prints;
mod recipe;
mod roles;
mod said;
mod shapes;
mod state;
mod table;
mod ties;
mod view;

pub(crate) use beside::Unreads;
pub use beside::{ComparedBytes, UnreadBytes};
pub(crate) use held::{Alike, Held, alike, sketches};
pub(crate) use matched::Mapping;
pub use names::Rule;
pub(crate) use recipe::Recipe;
pub use said::Said;
pub use state::How;
pub use table::Table;
pub(crate) use view::{Representative, View, hash_of};

use crate::error::Result;
use checkpoint_store::TensorShape;
use state::State;
use std::borrow::Cow;
use std::sync::Arc;

/// Least share of the weights of the larger of two checkpoints that both must have. With less in
/// common they are of different architectures, and no comparison of the rest speaks for the whole.
pub const LEAST_SHARE: f64 = 0.5;

/// How tensors of two checkpoints are matched.
#[derive(Debug, Clone, Default)]
pub enum Map {
    /// By name, by what wrappers add to names, and by shapes, order and values.
    #[default]
    Auto,
    /// By name and shape alone.
    Exact,
    /// As a file says, and otherwise by name.
    Table(Arc<Table>),
}

/// One of two checkpoints that are matched.
pub(crate) trait Side {
    /// Its weights: names unique, shapes with the slowest axis first.
    fn tensors(&self) -> &[TensorShape];

    /// The values of the tensor at this place.
    ///
    /// # Errors
    /// When they cannot be read, or only a sketch is left of them.
    fn values(&self, place: usize) -> Result<Cow<'_, [f32]>>;

    /// Whether values can be looked at.
    fn has_values(&self) -> bool;

    /// Whether looking at values costs next to nothing.
    fn is_in_memory(&self) -> bool;
}

/// What may be said of two checkpoints that nothing but shapes and order matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsupported {
    /// That they are different.
    Drop,
    /// Whether a test that needs no names finds a relation.
    Keep,
}

/// Matches the tensors of two checkpoints.
///
/// Names cost nothing. Values are read of tensors that no name matches, of matrices that could be
/// stored either way, and of tensors that have more rows in one of the two.
///
/// # Errors
/// When values cannot be read.
pub(crate) fn find(
    a: &dyn Side,
    b: &dyn Side,
    map: &Map,
    unsupported: Unsupported,
) -> Result<Mapping> {
    let mut state = State::new(a, b);
    let mut tied_b = Vec::new();
    match map {
        Map::Exact => shapes::exact(&mut state),
        Map::Table(table) => {
            table.apply(&mut state)?;
            shapes::by_name(&mut state)?;
            tied_b = ties::settle(&mut state, &[], &[])?;
        }
        Map::Auto => {
            shapes::by_name(&mut state)?;
            shapes::by_rules(&mut state)?;
            shapes::check_turned(&mut state)?;
            fused::match_fused(&mut state)?;
            if state.has_values() && classes::is_worth_reading(&state) {
                let (own, others) = ties::set_aside(&mut state)?;
                content::match_by_content(&mut state)?;
                fused::match_fused(&mut state)?;
                shapes::drop_replaced(&mut state)?;
                tied_b = ties::settle(&mut state, &own, &others)?;
            }
        }
    }
    if !matches!(map, Map::Exact) {
        shapes::turn_squares(&mut state, a.is_in_memory() && b.is_in_memory())?;
    }
    Ok(Mapping::of(state, tied_b, unsupported))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
