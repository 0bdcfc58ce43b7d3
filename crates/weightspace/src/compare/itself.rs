//! What B is by itself, beside how it came from A: sparse, stored in a narrow format, on a grid.

use super::change::{Change, Comparison};
use super::grid::{Grid, own_grid};
use super::rounding::{Format, NARROW};
use super::slices::{Pairs, Slice, all, each};
use serde::{Deserialize, Serialize};

/// Least share of zeros that is said.
pub const SPARSE: f64 = 0.1;
/// Least share of the weights of matrices that lie on one kind of grid for it to be said.
pub const MOSTLY: f64 = 0.5;

/// What is true of B and was not of A.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Itself {
    /// The share of its values that are zero, at least twice that of A.
    pub zeros: Option<f64>,
    /// The narrowest format that holds all of its values.
    pub format: Option<Format>,
    /// The grid that most values of its matrices lie on.
    pub grid: Option<Grid>,
}

impl Itself {
    /// Whether there is anything to say.
    pub fn is_something(&self) -> bool {
        *self != Self::default()
    }
}

/// Looks at B alone, and leaves out what holds of A as well. `comparison` is that of the same pairs.
///
/// O(n log n) for n values; where there is no grid, what a few rows of each tensor cost.
///
/// # Errors
/// When values cannot be read.
pub fn itself<P: Pairs>(pairs: &P, comparison: &Comparison) -> Result<Itself, P::Error> {
    let total = &comparison.total;
    let share = |zeros: usize| zeros as f64 / total.elements.max(1) as f64;
    let (before, zeros) = (share(total.zeros_a), share(total.zeros_b));
    let format = format_of(pairs, total, Side::B)?;
    let format = match format {
        Some(format) if holds(pairs, total, Side::A, format)? => None,
        other => other,
    };
    Ok(Itself {
        zeros: (zeros >= SPARSE && zeros >= 2.0 * before).then_some(zeros),
        grid: match format {
            None => grid_of(pairs)?,
            Some(_) => None,
        },
        format,
    })
}

/// Which of the two.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    A,
    B,
}

impl Side {
    fn values<'a>(self, slice: &Slice<'a>) -> &'a [f32] {
        match self {
            Self::A => slice.pair.a,
            Self::B => slice.pair.b,
        }
    }
}

/// The narrowest format that holds all values.
fn format_of<P: Pairs>(pairs: &P, total: &Change, side: Side) -> Result<Option<Format>, P::Error> {
    for format in NARROW {
        if holds(pairs, total, side, format)? {
            return Ok(Some(format));
        }
    }
    Ok(None)
}

/// Whether a format holds all values.
fn holds<P: Pairs>(
    pairs: &P,
    total: &Change,
    side: Side,
    format: Format,
) -> Result<bool, P::Error> {
    let [a, b] = total.bits;
    if !format.may_hold(if side == Side::A { a } else { b }) {
        return Ok(false);
    }
    if format == Format::Bf16 {
        return Ok(true);
    }
    let which: Vec<usize> = (0..pairs.count()).collect();
    let found = all(pairs, &which, |slice| {
        let mut values = side.values(slice).iter();
        values.all(|&value| format.holds(value)).then_some(())
    })?;
    Ok(found.is_some())
}

/// Values of a tensor that show whether it may be on a grid at all.
const FIRST: usize = 1 << 16;

fn grid_of<P: Pairs>(pairs: &P) -> Result<Option<Grid>, P::Error> {
    let is_matrix = |pair: &usize| {
        let shape = pairs.header(*pair).1;
        let rows = shape.first().copied().unwrap_or_default();
        rows > 1 && shape.iter().skip(1).product::<usize>() > 1
    };
    let matrices: Vec<usize> = (0..pairs.count()).filter(is_matrix).collect();
    let everything: usize = matrices.iter().map(|&pair| pairs.elements_of(pair)).sum();
    // Of most tensors the first rows show that they are on none.
    let mut hopeful = Vec::new();
    for &index in &matrices {
        let shape = pairs.header(index).1;
        let row: usize = shape.iter().skip(1).product();
        let rows = (FIRST / row).max(1).min(shape[0]);
        let mut first = shape.to_vec();
        first[0] = rows;
        let mut is_on_grid = false;
        pairs.read(index, 0..rows * row, &mut |_, b| {
            is_on_grid = own_grid(&first, b).is_some();
        })?;
        if is_on_grid {
            hopeful.push(index);
        }
    }
    let slices = each(pairs, &hopeful, |slice| {
        let grid = own_grid(slice.pair.shape, slice.pair.b)?;
        (own_grid(slice.pair.shape, slice.pair.a) != Some(grid)).then_some(grid)
    })?;
    let mut found = Vec::<(Grid, usize)>::new();
    for (slices, &index) in slices.into_iter().zip(&hopeful) {
        let together = slices.into_iter().reduce(|a, b| a?.with(b?));
        let Some(grid) = together.flatten() else {
            continue;
        };
        let count = pairs.elements_of(index);
        match found.iter_mut().find(|(known, _)| *known == grid) {
            Some((_, values)) => *values += count,
            None => found.push((grid, count)),
        }
    }
    let most = found.into_iter().max_by_key(|(_, values)| *values);
    let is_most = |values: usize| values as f64 >= MOSTLY * everything as f64;
    Ok(most.and_then(|(grid, values)| is_most(values).then_some(grid)))
}

#[cfg(test)]
mod tests {
    use super::super::cases::{Model, model, tuned};
    use super::super::{Paired, compare};
    use super::*;

    fn found(a: &Model, b: &Model) -> Itself {
        let (a, b) = (a.views(), b.views());
        let paired = Paired::new(&a, &b).unwrap();
        itself(&paired, &compare(&paired).unwrap()).unwrap()
    }

    fn on_levels(values: &[f32], levels: f32) -> Vec<f32> {
        let most = values.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        let step = 2.0 * most / levels;
        values.iter().map(|x| (x / step).round() * step).collect()
    }

    #[test]
    fn a_tuned_model_that_was_quantised_pruned_or_rounded_afterwards_is_both() {
        let base = model(3);
        let tuned = tuned(&base, 0.1, 4);
        assert!(!found(&base, &tuned).is_something());
        let grid = tuned.each(|shape, values| match shape.len() {
            1 => values.to_vec(),
            _ => on_levels(values, 14.0),
        });
        let grid = found(&base, &grid).grid;
        assert!(
            matches!(grid, Some(Grid::Uniform { levels, .. }) if levels <= 16),
            "{grid:?}"
        );
        let sparse = found(&base, &tuned.map(|w| if w.abs() < 0.07 { 0.0 } else { w }));
        assert!(sparse.zeros.is_some_and(|share| share > 0.3));
        let rounded = tuned.map(|w| Format::Bf16.rounded(w));
        assert_eq!(found(&base, &rounded).format, Some(Format::Bf16));
    }

    #[test]
    fn what_holds_of_both_is_not_said() {
        let base = model(3).map(|w| Format::Bf16.rounded(w));
        let tuned = tuned(&base, 0.1, 4).map(|w| Format::Bf16.rounded(w));
        assert!(!found(&base, &tuned).is_something());
    }
}
