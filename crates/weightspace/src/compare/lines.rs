//! Changes that lie in few rows or columns: an edited embedding, a pruned unit, a flipped sign.

use super::paired::Pair;
use super::slices::{Pairs, Slice, all};
use crate::statistics::median;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// What a slice of a tensor says of its lines.
#[derive(Debug)]
pub(super) struct Changed {
    shape: Vec<usize>,
    /// Rows that changed, with what they were and are; none if there are too many.
    rows: Option<BTreeMap<usize, [Vec<f32>; 2]>>,
    /// Columns that changed; none if there are too many.
    columns: Option<Columns>,
}

/// Columns by their places.
#[derive(Debug)]
struct Columns {
    changed: BTreeMap<usize, [Vec<f32>; 2]>,
    /// Columns that changed in some slice and were not kept of others.
    is_partial: bool,
}

impl Changed {
    /// Of a slice; none if neither rows nor columns are few.
    pub(super) fn of(slice: &Slice<'_>) -> Option<Self> {
        let pair = &slice.pair;
        let columns = slice.row().max(1);
        let rows = pair.a.len() / columns;
        let (mut in_rows, mut in_columns) = (vec![false; rows], vec![false; columns]);
        let both = pair.a.chunks(columns).zip(pair.b.chunks(columns));
        let mut row_count = 0;
        for ((a, b), in_row) in both.zip(&mut in_rows) {
            for ((a, b), in_column) in a.iter().zip(b).zip(&mut in_columns) {
                let is_changed = a.to_bits() != b.to_bits();
                *in_row |= is_changed;
                *in_column |= is_changed;
            }
            row_count += usize::from(*in_row);
            // Most tensors that changed show early that all of it did.
            if row_count > MOST && in_columns.iter().filter(|changed| **changed).count() > MOST {
                return None;
            }
        }
        let few = |changed: &[bool], along| {
            let lines = changed.iter().enumerate().filter(|(_, changed)| **changed);
            let lines: Vec<usize> = lines.map(|(line, _)| line).collect();
            (lines.len() <= MOST).then(|| {
                let line = |line: usize| {
                    (
                        line,
                        [pair.a, pair.b].map(|v| of_line(v, along, line, columns)),
                    )
                };
                lines.into_iter().map(line).collect::<BTreeMap<_, _>>()
            })
        };
        let first = slice.start / columns;
        let rows = few(&in_rows, Along::Rows);
        Some(Self {
            shape: slice.whole.to_vec(),
            rows: rows.map(|rows| {
                rows.into_iter()
                    .map(|(row, of)| (first + row, of))
                    .collect()
            }),
            columns: few(&in_columns, Along::Columns).map(|changed| Columns {
                changed,
                is_partial: false,
            }),
        })
    }

    /// Of two slices, one after the other.
    pub(super) fn and(self, other: Self) -> Self {
        let rows = self.rows.zip(other.rows).map(|(mut rows, more)| {
            rows.extend(more);
            rows
        });
        let columns = self.columns.zip(other.columns).map(|(mut own, more)| {
            own.is_partial |= more.is_partial || !own.changed.keys().eq(more.changed.keys());
            for (column, [a, b]) in more.changed {
                let known = own.changed.entry(column).or_default();
                known[0].extend(a);
                known[1].extend(b);
            }
            own
        });
        Self {
            shape: self.shape,
            rows: rows.filter(|rows| rows.len() <= MOST),
            columns: columns.filter(|columns| columns.changed.len() <= MOST),
        }
    }

    /// Whether its rows or its columns are few enough.
    fn has_few(&self) -> bool {
        let rows = self.shape.first().copied().unwrap_or_default();
        let columns = self.shape.iter().skip(1).product();
        let rows = self
            .rows
            .as_ref()
            .is_some_and(|lines| is_few(lines.len(), rows));
        let few = |columns_: &Columns| is_few(columns_.changed.len(), columns);
        rows || self.columns.as_ref().is_some_and(few)
    }

    /// The lines that hold all that changed; none if nothing did, or they are not few.
    pub(super) fn lines(self, name: &str) -> Option<Lines> {
        let rows = *self.shape.first()?;
        let columns = self.shape.iter().skip(1).product::<usize>();
        let found = |along, lines: BTreeMap<usize, [Vec<f32>; 2]>, of: usize, is_partial| {
            if !is_few(lines.len(), of) {
                return None;
            }
            let places = lines.keys().copied().collect();
            let (before, after): (Vec<_>, Vec<_>) =
                lines.into_values().map(|[a, b]| (a, b)).unzip();
            Some(Lines {
                tensor: name.to_owned(),
                along,
                edit: if is_partial {
                    Edit::Changed
                } else {
                    edit(&before, &after)
                },
                lines: places,
                of,
            })
        };
        let by_rows = self
            .rows
            .and_then(|lines| found(Along::Rows, lines, rows, false));
        by_rows.or_else(|| {
            let lines = self.columns?;
            found(Along::Columns, lines.changed, columns, lines.is_partial)
        })
    }
}

/// Whether so many lines of so many are few, and some.
fn is_few(lines: usize, of: usize) -> bool {
    lines > 0 && lines <= MOST.min((FEW * of as f64) as usize)
}

/// The values of a row or of a column.
fn of_line(values: &[f32], along: Along, line: usize, columns: usize) -> Vec<f32> {
    let (skip, step, count) = match along {
        Along::Rows => (line * columns, 1, columns),
        Along::Columns => (line, columns, values.len()),
    };
    values
        .iter()
        .skip(skip)
        .step_by(step)
        .take(count)
        .copied()
        .collect()
}

/// The lines that hold all that changed in a tensor; none if nothing did, or they are not few.
///
/// One pass, and one over the lines that changed for each of them.
pub fn lines(pair: &Pair<'_>) -> Option<Lines> {
    Changed::of(&Slice::whole(pair))?.lines(pair.name)
}

/// The lines of these tensors, which changed, if all that changed lies in few of each.
///
/// # Errors
/// When values cannot be read.
pub fn of_changed<P: Pairs>(pairs: &P, changed: &[usize]) -> Result<Option<Vec<Lines>>, P::Error> {
    let found = all(pairs, changed, |slice| {
        let found = Changed::of(slice)?;
        (!slice.is_whole() || found.has_few()).then_some(found)
    })?;
    Ok(found.and_then(|found| {
        let each = found.into_iter().zip(changed);
        let each = each.map(|(slices, &index)| {
            let whole = slices.into_iter().reduce(Changed::and)?;
            whole.lines(pairs.header(index).0)
        });
        each.collect::<Option<Vec<_>>>()
    }))
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

/// How far every row and column moved.
#[derive(Debug, Clone)]
pub struct LineSums {
    /// Of each row, and of each column: Σ a² and Σ (b − a)².
    rows: Vec<[f64; 2]>,
    columns: Vec<[f64; 2]>,
}

impl LineSums {
    /// Of a slice; none if it is of no matrix.
    pub fn of(slice: &Slice<'_>) -> Option<Self> {
        let width = slice.row();
        let of = *slice.whole.first()?;
        if of < 2 || width < 2 {
            return None;
        }
        let pair = &slice.pair;
        let mut columns = vec![[0.0; 2]; width];
        let rows = pair.a.chunks(width).zip(pair.b.chunks(width));
        let rows = rows.map(|(a, b)| {
            let mut row = [0.0; 2];
            for ((&a, &b), column) in a.iter().zip(b).zip(&mut columns) {
                let (a, b) = (f64::from(a), f64::from(b));
                let (norm, moved) = (a * a, (b - a) * (b - a));
                row[0] += norm;
                row[1] += moved;
                column[0] += norm;
                column[1] += moved;
            }
            row
        });
        Some(Self {
            rows: rows.collect(),
            columns,
        })
    }

    /// Of two slices, one after the other.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.rows.extend(other.rows);
        for (own, more) in self.columns.iter_mut().zip(other.columns) {
            own[0] += more[0];
            own[1] += more[1];
        }
        self
    }

    /// The row or column that moved most; none if all are zero.
    ///
    /// A sign that is turned is 2, two lines in each other's places are about √2, a line that becomes
    /// zero is 1.
    pub fn most_moved(&self) -> Option<MostMoved> {
        let each = [(Along::Rows, &self.rows), (Along::Columns, &self.columns)];
        let found = each.into_iter().filter_map(|(along, sums)| {
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
}

/// The row or column of a tensor that moved most; none for tensors that are no matrices or all zero.
pub fn most_moved(pair: &Pair<'_>) -> Option<MostMoved> {
    LineSums::of(&Slice::whole(pair))?.most_moved()
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
