//! Changes that lie in few rows or columns: an edited embedding, a pruned unit, a flipped sign.

use super::paired::{Pair, Paired};
use crate::Error;
use crate::statistics::median;
use serde::{Deserialize, Serialize};

/// Largest share of a tensor's rows, or columns, that is few.
pub const FEW: f64 = 0.25;
/// Most of them that are few, however many there are.
pub const MOST: usize = 64;
/// Largest difference, relative to a line's norm, of what counts as the same but for rounding.
const SAME: f64 = 1e-6;

/// In which direction lines are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Along {
    /// The first dimension: output units, tokens of an embedding, values of a vector.
    Rows,
    /// All other dimensions together.
    Columns,
}

/// What was done to all of some lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// Every sign was turned.
    Flipped,
    /// Every value became zero.
    Zeroed,
    /// They were put in each other's places.
    Exchanged,
    /// Something else.
    Changed,
}

/// The lines of a tensor that changed, where they are few.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// The tensor.
    pub tensor: String,
    /// Rows or columns.
    pub along: Along,
    /// Which, from 0, ascending.
    pub lines: Vec<usize>,
    /// Of so many.
    pub of: usize,
    /// What was done to them.
    pub edit: Edit,
}

/// The lines that hold all that changed in a tensor; none if nothing did, or they are not few.
///
/// One pass, and one over the lines that changed for each of them.
pub fn lines(pair: &Pair<'_>) -> Option<Lines> {
    let rows = *pair.shape.first()?;
    let columns = pair.a.len().checked_div(rows)?;
    let (mut in_rows, mut in_columns) = (vec![false; rows], vec![false; columns]);
    for (place, (a, b)) in pair.a.iter().zip(pair.b).enumerate() {
        if a.to_bits() != b.to_bits() {
            in_rows[place / columns] = true;
            in_columns[place % columns] = true;
        }
    }
    let few = |changed: &[bool]| -> Option<Vec<usize>> {
        let lines = changed.iter().enumerate().filter(|(_, changed)| **changed);
        let lines: Vec<usize> = lines.map(|(line, _)| line).collect();
        let most = MOST.min((FEW * changed.len() as f64) as usize);
        (!lines.is_empty() && lines.len() <= most).then_some(lines)
    };
    let found = |along: Along, lines: Vec<usize>, of: usize| {
        let line = |values: &[f32], line: usize| -> Vec<f32> {
            let places = match along {
                Along::Rows => (line * columns..(line + 1) * columns).step_by(1),
                Along::Columns => (line..values.len()).step_by(columns),
            };
            places.map(|place| values[place]).collect()
        };
        let before: Vec<Vec<f32>> = lines.iter().map(|&at| line(pair.a, at)).collect();
        let after: Vec<Vec<f32>> = lines.iter().map(|&at| line(pair.b, at)).collect();
        Lines {
            tensor: pair.name.to_owned(),
            along,
            edit: edit(&before, &after),
            lines,
            of,
        }
    };
    let by_rows = few(&in_rows).map(|lines| found(Along::Rows, lines, rows));
    by_rows.or_else(|| few(&in_columns).map(|lines| found(Along::Columns, lines, columns)))
}

/// The row or column of a matrix that moved most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MostMoved {
    /// Rows or columns.
    pub along: Along,
    /// Which, from 0.
    pub line: usize,
    /// How far it moved, ÷ its norm in A or the median norm of all such lines, whichever is more: a line
    /// of nearly nothing may move by many times its norm and change nothing.
    pub relative: f64,
}

/// The row or column that moved most; none for tensors that are no matrices or all zero.
///
/// Two passes. A sign that is turned is 2, two lines in each other's places are about √2, a line that
/// becomes zero is 1.
pub fn most_moved(pair: &Pair<'_>) -> Option<MostMoved> {
    let (rows, columns) = pair.matrix()?;
    let mut sums = [vec![[0.0; 2]; rows], vec![[0.0; 2]; columns]];
    for (place, (&a, &b)) in pair.a.iter().zip(pair.b).enumerate() {
        let (a, b) = (f64::from(a), f64::from(b));
        let (norm, moved) = (a * a, (b - a) * (b - a));
        for (sums, line) in sums.iter_mut().zip([place / columns, place % columns]) {
            sums[line][0] += norm;
            sums[line][1] += moved;
        }
    }
    let each = [Along::Rows, Along::Columns].into_iter().zip(&sums);
    let found = each.filter_map(|(along, sums)| {
        let usual = median(sums.iter().map(|[norm, _]| norm.sqrt()));
        let lines = sums.iter().enumerate().filter_map(|(line, [norm, moved])| {
            let whole = norm.sqrt().max(usual);
            let relative = moved.sqrt() / whole;
            (whole > 0.0).then_some(MostMoved {
                along,
                line,
                relative,
            })
        });
        lines.max_by(|x, y| x.relative.total_cmp(&y.relative))
    });
    found.max_by(|x, y| x.relative.total_cmp(&y.relative))
}

/// The lines of every tensor that changed, if all that changed lies in few of each.
///
/// # Errors
/// [`Error::NonFiniteTensor`].
pub fn all_lines(paired: &Paired<'_>) -> Result<Option<Vec<Lines>>, Error> {
    paired.check_finite()?;
    let changed = paired.pairs.iter().filter(|pair| !pair.is_same());
    let all: Option<Vec<Lines>> = changed.map(lines).collect();
    Ok(all.filter(|all| !all.is_empty()))
}

/// What was done to lines, if the same was done to all.
fn edit(before: &[Vec<f32>], after: &[Vec<f32>]) -> Edit {
    let both = || before.iter().zip(after);
    if both().all(|(a, b)| is_near(a, b, -1.0)) {
        return Edit::Flipped;
    }
    if after.iter().flatten().all(|value| *value == 0.0) {
        return Edit::Zeroed;
    }
    // Each line of one is a line of the other.
    let is_moved = |b: &Vec<f32>| before.iter().any(|a| is_near(a, b, 1.0));
    let has_width = before.iter().all(|line| line.len() > 1);
    if before.len() > 1 && has_width && after.iter().all(is_moved) {
        return Edit::Exchanged;
    }
    Edit::Changed
}

/// Whether b is a times a factor, but for rounding.
fn is_near(a: &[f32], b: &[f32], factor: f64) -> bool {
    let (mut apart, mut whole) = (0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a), f64::from(b));
        apart += (b - factor * a).powi(2);
        whole += a * a;
    }
    whole > 0.0 && apart <= SAME * SAME * whole
}

#[cfg(test)]
mod tests {
    use super::super::cases::normal;
    use super::*;

    fn found(shape: &[usize], change: impl Fn(&mut [f32])) -> Option<Lines> {
        let a = normal(shape.iter().product(), 5);
        let mut b = a.clone();
        change(&mut b);
        lines(&Pair {
            name: "w",
            shape,
            a: &a,
            b: &b,
        })
    }

    #[test]
    fn rows_columns_and_single_values_are_named_with_what_was_done_to_them() {
        let flip = |b: &mut [f32]| b[30..40].iter_mut().for_each(|x| *x = -*x);
        let rows = found(&[20, 10], flip).unwrap();
        assert_eq!((rows.along, rows.edit), (Along::Rows, Edit::Flipped));
        assert_eq!((rows.lines.as_slice(), rows.of), (&[3][..], 20));
        let zero = |b: &mut [f32]| b.iter_mut().skip(7).step_by(10).for_each(|x| *x = 0.0);
        let columns = found(&[20, 10], zero).unwrap();
        assert_eq!(
            (columns.along, columns.edit),
            (Along::Columns, Edit::Zeroed)
        );
        assert_eq!((columns.lines.as_slice(), columns.of), (&[7][..], 10));
        let one = found(&[30], |b| b[4] += 1.0).unwrap();
        assert_eq!((one.edit, one.lines.as_slice()), (Edit::Changed, &[4][..]));
    }

    #[test]
    fn two_rows_in_each_others_place_are_exchanged() {
        let swapped = found(&[20, 10], |b| {
            let (front, back) = b.split_at_mut(100);
            front[20..30].swap_with_slice(&mut back[50..60]);
        });
        let swapped = swapped.unwrap();
        assert_eq!(
            (swapped.edit, swapped.lines.as_slice()),
            (Edit::Exchanged, &[2, 15][..])
        );
    }

    #[test]
    fn the_line_that_moved_most_is_found_beside_lines_of_nearly_nothing() {
        let mut a = normal(200, 5);
        a[..10].iter_mut().for_each(|x| *x *= 1e-6);
        let mut b = a.clone();
        b[..10].iter_mut().for_each(|x| *x += 1e-3);
        b[50..60].iter_mut().for_each(|x| *x = -*x);
        let (name, shape) = ("w", &[20, 10][..]);
        let pair = Pair {
            name,
            shape,
            a: &a,
            b: &b,
        };
        let found = most_moved(&pair).unwrap();
        assert_eq!((found.along, found.line), (Along::Rows, 5));
        assert!((1.0..=2.0).contains(&found.relative), "{found:?}");
        let vector = Pair {
            shape: &[200],
            ..pair
        };
        assert_eq!(most_moved(&vector), None);
    }

    #[test]
    fn many_rows_are_not_few_and_nothing_is_none() {
        assert_eq!(
            found(&[20, 10], |b| b.iter_mut().for_each(|x| *x += 1.0)),
            None
        );
        assert_eq!(found(&[20, 10], |_| ()), None);
        assert_eq!(found(&[3, 2], |b| b[0] += 1.0), None);
        assert_eq!(found(&[], |b| b[0] += 1.0), None);
    }
}
