//! What B is by itself, beside how it came from A: sparse, stored in a narrow format, on a grid.

use super::grid::{Grid, own_grid};
use super::paired::{Pair, Paired};
use super::rounding::{Format, NARROW};
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

/// Looks at B alone, and leaves out what holds of A as well. O(n log n) for n values; a few times n
/// where there is no grid.
pub fn itself(paired: &Paired<'_>) -> Itself {
    let count = paired.elements().max(1) as f64;
    let share = |of: for<'a> fn(&Pair<'a>) -> &'a [f32]| {
        let values = paired.pairs.iter().flat_map(of);
        values.filter(|value| **value == 0.0).count() as f64 / count
    };
    let (before, zeros) = (share(|pair| pair.a), share(|pair| pair.b));
    let holds = |format: Format, of: for<'a> fn(&Pair<'a>) -> &'a [f32]| {
        let mut values = paired.pairs.iter().flat_map(of);
        values.all(|&value| format.holds(value))
    };
    let format = NARROW
        .into_iter()
        .find(|&format| holds(format, |pair| pair.b));
    let format = format.filter(|&format| !holds(format, |pair| pair.a));
    Itself {
        zeros: (zeros >= SPARSE && zeros >= 2.0 * before).then_some(zeros),
        grid: format.is_none().then(|| grid_of(paired)).flatten(),
        format,
    }
}

fn grid_of(paired: &Paired<'_>) -> Option<Grid> {
    let matrices = paired.pairs.iter().filter(|pair| pair.matrix().is_some());
    let (mut all, mut found) = (0, Vec::<(Grid, usize)>::new());
    for pair in matrices {
        all += pair.b.len();
        let Some(grid) = own_grid(pair.shape, pair.b) else {
            // Most of the values can no longer be on one.
            continue;
        };
        if own_grid(pair.shape, pair.a) == Some(grid) {
            continue;
        }
        match found.iter_mut().find(|(known, _)| *known == grid) {
            Some((_, values)) => *values += pair.b.len(),
            None => found.push((grid, pair.b.len())),
        }
    }
    let (grid, values) = found.into_iter().max_by_key(|(_, values)| *values)?;
    (values as f64 >= MOSTLY * all as f64).then_some(grid)
}

#[cfg(test)]
mod tests {
    use super::super::cases::{Model, model, tuned};
    use super::*;

    fn found(a: &Model, b: &Model) -> Itself {
        itself(&Paired::new(&a.views(), &b.views()).unwrap())
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
