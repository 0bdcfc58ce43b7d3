//! Matching: what names cost nothing to say first, and values last.

use super::matched::{Mapping, Unsupported};
use super::side::Side;
use super::state::State;
use super::table::Table;
use super::{classes, content, fused, shapes, ties};
use crate::error::Result;
use std::sync::Arc;

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
