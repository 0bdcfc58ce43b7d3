//! Whether the values of B lie on a grid that those of A did not: quantisation.
//!
//! Three kinds are looked for, the first that fits is named.
//!
//! - **Float**: every value of B is one of a narrow float format, most of A's are not, and no value
//!   moved by more than the format's spacing.
//! - **Uniform**: within each group the values are min + k·step with whole k ≤ 255. Every number of
//!   steps q is tried, the fewest first; whether the grid is symmetric, has a zero point, or is
//!   cut short makes no difference. Random values pass with probability (2·tolerance)^(n−2) per q
//!   for n different values; over groups the logarithms add up, and [`EVIDENCE`] is asked for.
//! - **Codebook**: divided by the largest of their group, all values of the tensor are one of 16
//!   (NF4, FP4, k-means).
//!
//! Groups are the tensor, its rows (output units), its columns, and blocks of 32 to 256 values.

use serde::{Deserialize, Serialize};

use super::paired::Pair;
use super::rounding::{Format, NARROW};

/// Values that scales are shared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// The whole tensor.
    Tensor,
    /// The first dimension: output units.
    Row,
    /// All but the first dimension.
    Column,
    /// So many consecutive values.
    Block(usize),
}

/// The grid that a tensor's values lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grid {
    /// A narrow float format.
    Float(Format),
    /// Evenly spaced values.
    Uniform {
        /// At most so many in a group: up to 16 is int4, up to 256 int8.
        levels: usize,
        /// What shares one scale.
        per: Group,
    },
    /// Few values, unevenly spaced.
    Codebook {
        /// So many.
        values: usize,
        /// What shares one scale.
        per: Group,
    },
}

impl Grid {
    /// The grid of a tensor, of whose slices one is on this and another on that.
    pub(super) fn with(self, other: Self) -> Option<Self> {
        match (self, other) {
            (
                Self::Uniform { levels, per },
                Self::Uniform {
                    levels: more,
                    per: same,
                },
            ) if per == same => {
                let levels = levels.max(more);
                Some(Self::Uniform { levels, per })
            }
            (
                Self::Codebook { values, per },
                Self::Codebook {
                    values: more,
                    per: same,
                },
            ) if per == same => {
                let values = values.max(more);
                Some(Self::Codebook { values, per })
            }
            (one, other) => (one == other).then_some(one),
        }
    }
}

/// Fewest values that a grid is looked for in.
pub const FEWEST: usize = 16;

/// log₁₀ of the odds against chance that a uniform grid must have: one in a billion tensors.
pub const EVIDENCE: f64 = 9.0;

/// How far from a whole number of steps a value may be. A grid of 16 levels that was stored in bf16
/// is off by 7·2⁻⁹ = 0.014, one of 256 levels in fp16 by 127·2⁻¹¹ = 0.06. 256 levels in bf16 are off
/// by a quarter, and not recognised.
fn tolerance(steps: usize) -> f64 {
    if steps <= 15 { 0.02 } else { 0.1 }
}

/// Share of A's values that may happen to lie on a float grid that B was rounded to.
const ALREADY: f64 = 0.5;

/// How near the values of one code lie, relative to the largest of the group: value and largest may
/// each be rounded to bf16, either way.
const SAME_CODE: f64 = 1e-2;

/// Most values of a codebook.
const CODES: usize = 16;

/// Values looked at before a codebook is given up.
const FIRST_LOOK: usize = 4096;

const BLOCKS: [usize; 4] = [32, 64, 128, 256];

/// The grid that B lies on and A does not; none if there is none or too little to tell.
///
/// O(n log n) for n values; a few times n if there is no grid, which shows early.
pub fn grid(pair: &Pair<'_>) -> Option<Grid> {
    if pair.a.len() < FEWEST || pair.a == pair.b {
        return None;
    }
    if let Some(format) = NARROW.into_iter().find(|&format| rounded_to(pair, format)) {
        return Some(Grid::Float(format));
    }
    let groups = groups(pair);
    let uniform = groups.iter().find_map(|&per| {
        let levels = uniform(pair, per)?;
        Some(Grid::Uniform { levels, per })
    });
    uniform.or_else(|| {
        groups.iter().find_map(|&per| {
            let values = codes(pair.b, size(pair, per)?)?;
            let own = codes(pair.a, size(pair, per)?);
            own.is_none().then_some(Grid::Codebook { values, per })
        })
    })
}

/// The uniform grid or codebook that the values of a tensor lie on, whatever they were before; none if
/// there is none or too little to tell.
///
/// Costs what [`grid`] does.
pub fn own_grid(shape: &[usize], values: &[f32]) -> Option<Grid> {
    let name = "";
    let pair = Pair {
        name,
        shape,
        a: values,
        b: values,
    };
    if values.len() < FEWEST {
        return None;
    }
    let groups = groups(&pair);
    let uniform = groups.iter().find_map(|&per| {
        let levels = lattice(values, size(&pair, per)?)?.levels;
        Some(Grid::Uniform { levels, per })
    });
    uniform.or_else(|| {
        groups.iter().find_map(|&per| {
            let values = codes(values, size(&pair, per)?)?;
            Some(Grid::Codebook { values, per })
        })
    })
}

fn rounded_to(pair: &Pair<'_>, format: Format) -> bool {
    let held = pair.a.iter().filter(|&&a| format.holds(a)).count();
    (held as f64) < ALREADY * pair.a.len() as f64
        && pair.a.iter().zip(pair.b).all(|(&a, &b)| {
            format.holds(b) && (f64::from(b) - f64::from(a)).abs() <= format.spacing(a)
        })
}

fn groups(pair: &Pair<'_>) -> Vec<Group> {
    let mut groups = vec![Group::Tensor];
    if pair.matrix().is_some() {
        groups.extend([Group::Row, Group::Column]);
    }
    let blocks = BLOCKS.into_iter().filter(|&block| block < pair.a.len());
    groups.extend(blocks.map(Group::Block));
    groups
}

/// Length of a group of consecutive values; none for columns, which are not consecutive.
fn size(pair: &Pair<'_>, per: Group) -> Option<usize> {
    match per {
        Group::Tensor => Some(pair.a.len()),
        Group::Row => pair.matrix().map(|(_, columns)| columns),
        Group::Column => None,
        Group::Block(block) => Some(block),
    }
}

/// Most levels in any group, if all groups are uniform grids and A's rounding error fits.
fn uniform(pair: &Pair<'_>, per: Group) -> Option<usize> {
    let transposed = |values: &[f32]| {
        let (rows, columns) = pair.matrix()?;
        let at = |i: usize| values.get(i % rows * columns + i / rows).copied();
        (0..values.len()).map(at).collect::<Option<Vec<f32>>>()
    };
    let (turned_a, turned_b);
    let (a, b, size) = match size(pair, per) {
        Some(size) => (pair.a, pair.b, size),
        None => {
            (turned_a, turned_b) = (transposed(pair.a)?, transposed(pair.b)?);
            (&turned_a[..], &turned_b[..], pair.matrix()?.0)
        }
    };
    let lattice = lattice(b, size)?;
    let moved: f64 = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| (f64::from(b) - f64::from(a)).powi(2))
        .sum();
    // Rounding to nearest moves by step/√12, methods that round by their effect by somewhat more.
    let near = moved <= lattice.squared_steps;
    (near && self::lattice(a, size).is_none()).then_some(lattice.levels)
}

struct Lattice {
    levels: usize,
    /// Sum over values of the square of their group's step.
    squared_steps: f64,
}

/// The grid that all groups of `size` values lie on.
fn lattice(values: &[f32], size: usize) -> Option<Lattice> {
    let (mut levels, mut squared_steps, mut evidence) = (0, 0.0, 0.0);
    for group in values.chunks(size.max(1)) {
        let distinct = distinct(group)?;
        let (steps, step) = steps(&distinct)?;
        let count = distinct.len();
        levels = levels.max(steps + 1);
        squared_steps += step * step * group.len() as f64;
        if count > 2 {
            let per_value = -(2.0 * tolerance(steps)).log10();
            // A decade off for each group, so that chance alone loses evidence.
            evidence += per_value * (count - 2) as f64 - (steps as f64).log10() - 1.0;
        }
        // Values that repeat are evidence of their own: f32 weights hardly do.
        let nonzero = group.iter().filter(|value| **value != 0.0).count();
        if count > 2 && nonzero >= 8 * count {
            evidence += EVIDENCE;
        }
    }
    (evidence >= EVIDENCE).then_some(Lattice {
        levels,
        squared_steps,
    })
}

/// The different values, ascending; none if there are more than 256.
fn distinct(values: &[f32]) -> Option<Vec<f32>> {
    let mut found: Vec<f32> = Vec::new();
    for value in values {
        if let Err(place) = found.binary_search_by(|known| known.total_cmp(value)) {
            if found.len() == 256 {
                return None;
            }
            found.insert(place, *value);
        }
    }
    found.dedup();
    Some(found)
}

/// Fewest equal steps from the least to the largest value that meet all others, and their size.
fn steps(distinct: &[f32]) -> Option<(usize, f64)> {
    let (Some(&least), Some(&most)) = (distinct.first(), distinct.last()) else {
        return Some((0, 0.0));
    };
    let (least, range) = (f64::from(least), f64::from(most) - f64::from(least));
    if range <= 0.0 {
        return Some((0, 0.0));
    }
    (distinct.len() - 1..=255).find_map(|steps| {
        let step = range / steps as f64;
        let place = |value: f32| (f64::from(value) - least) / step;
        let off = |place: f64| (place - place.round()).abs();
        // The ends are rounded too, so what is only half as good may yet fit.
        let near = distinct
            .iter()
            .all(|&v| off(place(v)) <= 2.0 * tolerance(steps));
        if !near {
            return None;
        }
        let line = line(distinct.iter().map(|&v| (place(v).round(), place(v))));
        let fits = |&v: &f32| {
            (place(v) - line.0 - line.1 * place(v).round()).abs() <= tolerance(steps) * line.1
        };
        distinct.iter().all(fits).then_some((steps, step * line.1))
    })
}

/// Intercept and slope of the least-squares line; needs two different x.
fn line(points: impl Iterator<Item = (f64, f64)>) -> (f64, f64) {
    let sums = points.fold([0.0; 5], |[n, x, y, xx, xy], (px, py)| {
        [n + 1.0, x + px, y + py, xx + px * px, xy + px * py]
    });
    let [n, x, y, xx, xy] = sums;
    let slope = (n * xy - x * y) / (n * xx - x * x);
    ((y - slope * x) / n, slope)
}

/// How many values there are once each group is divided by its largest, if at most [`CODES`].
fn codes(values: &[f32], size: usize) -> Option<usize> {
    let first = values.len().min(FIRST_LOOK.max(size));
    if first < values.len() {
        clusters(values.get(..first)?, size)?;
    }
    clusters(values, size)
}

fn clusters(values: &[f32], size: usize) -> Option<usize> {
    let mut scaled: Vec<f64> = Vec::with_capacity(values.len());
    for group in values.chunks(size.max(1)) {
        let largest = group
            .iter()
            .fold(0.0f32, |most, value| most.max(value.abs()));
        if largest > 0.0 {
            scaled.extend(
                group
                    .iter()
                    .map(|&value| f64::from(value) / f64::from(largest)),
            );
        }
    }
    scaled.sort_by(f64::total_cmp);
    let mut count = 0;
    let mut start = f64::NEG_INFINITY;
    for &value in &scaled {
        if value - start > SAME_CODE {
            count += 1;
            start = value;
        }
    }
    // Enough values that few codes cannot be a matter of there being few values.
    (count > 2 && count <= CODES && scaled.len() >= 8 * CODES).then_some(count)
}

#[cfg(test)]
mod tests;
