//! Tensors of two checkpoints wherever they lie, looked at slice by slice, so that memory follows the
//! slices and not the models.
//!
//! A tensor of at most [`VALUES`] values is one slice; a larger one is cut into whole rows, always at
//! the same places. What is found is therefore the same whatever the memory and the number of threads.

use super::paired::{Pair, Paired};
use crate::Error;
use rayon::prelude::*;
use std::ops::Range;

/// Most values of a slice, unless a single row is longer.
pub const VALUES: usize = 1 << 22;

/// Pairs of tensors of the same name and shape, wherever they lie.
pub trait Pairs: Sync {
    /// Why values could not be had.
    type Error: From<Error> + Send;

    /// How many there are.
    fn count(&self) -> usize;

    /// The name of one, and its shape, output units first.
    fn header(&self, pair: usize) -> (&str, &[usize]);

    /// Hands over the values of both in this range, row-major.
    ///
    /// # Errors
    /// When they cannot be read.
    fn read(
        &self,
        pair: usize,
        range: Range<usize>,
        look: &mut dyn FnMut(&[f32], &[f32]),
    ) -> Result<(), Self::Error>;

    /// Most values of a slice: more takes more memory, less makes some answers less exact.
    fn longest_slice(&self) -> usize {
        VALUES
    }

    /// Number of values of one.
    fn elements_of(&self, pair: usize) -> usize {
        self.header(pair).1.iter().product()
    }
}

impl Pairs for Paired<'_> {
    type Error = Error;

    fn count(&self) -> usize {
        self.pairs.len()
    }

    fn header(&self, pair: usize) -> (&str, &[usize]) {
        let pair = self.pairs.get(pair);
        pair.map_or(("", &[]), |pair| (pair.name, pair.shape))
    }

    fn read(
        &self,
        pair: usize,
        range: Range<usize>,
        look: &mut dyn FnMut(&[f32], &[f32]),
    ) -> Result<(), Error> {
        if let Some(pair) = self.pairs.get(pair)
            && let (Some(a), Some(b)) = (pair.a.get(range.clone()), pair.b.get(range))
        {
            look(a, b);
        }
        Ok(())
    }
}

/// Some rows of a pair, or all of it.
#[derive(Debug, Clone, Copy)]
pub struct Slice<'a> {
    /// Which pair.
    pub index: usize,
    /// Its values here; the shape is that of the rows that are here.
    pub pair: Pair<'a>,
    /// The place of the first value in the tensor.
    pub start: usize,
    /// The shape of the whole tensor.
    pub whole: &'a [usize],
}

impl<'a> Slice<'a> {
    /// All of a pair.
    pub fn whole(pair: &Pair<'a>) -> Self {
        Self {
            index: 0,
            pair: *pair,
            start: 0,
            whole: pair.shape,
        }
    }

    /// Whether it is all of the tensor.
    pub fn is_whole(&self) -> bool {
        self.pair.shape == self.whole
    }

    /// Values of the tensor that share an index of its first dimension.
    pub fn row(&self) -> usize {
        self.whole.iter().skip(1).product()
    }
}

/// The places of the values of each slice of a tensor.
fn cuts(shape: &[usize], most: usize) -> impl Iterator<Item = Range<usize>> {
    let all: usize = shape.iter().product();
    let row: usize = shape.iter().skip(1).product();
    let length = if all <= most {
        all.max(1)
    } else {
        (most / row.max(1)).max(1) * row
    };
    // One of no values has a slice, too.
    let starts = (0..all.max(1)).step_by(length);
    starts.map(move |start| start..(start + length).min(all))
}

/// Looks at all slices of these pairs, in parallel. For each pair what was found in its slices, in their
/// order.
///
/// # Errors
/// When values cannot be read.
pub fn each<P: Pairs, R: Send>(
    pairs: &P,
    which: &[usize],
    look: impl Fn(&Slice<'_>) -> R + Sync,
) -> Result<Vec<Vec<R>>, P::Error> {
    let found = all(pairs, which, |slice| Some(look(slice)))?;
    Ok(found.unwrap_or_default())
}

/// As [`each`], until something is found to be none: that ends it, and there is no answer. What shows soon
/// costs little, so the smallest pairs come first.
///
/// # Errors
/// When values cannot be read.
pub fn all<P: Pairs, R: Send>(
    pairs: &P,
    which: &[usize],
    look: impl Fn(&Slice<'_>) -> Option<R> + Sync,
) -> Result<Option<Vec<Vec<R>>>, P::Error> {
    let mut work: Vec<(usize, Range<usize>)> = Vec::new();
    let mut by_size: Vec<usize> = (0..which.len()).collect();
    by_size.sort_by_key(|&place| pairs.elements_of(which[place]));
    for &place in &by_size {
        let cuts = cuts(pairs.header(which[place]).1, pairs.longest_slice());
        work.extend(cuts.map(|range| (place, range)));
    }
    // One after the other from the front, not by halves: what comes first ends it first.
    let found = work
        .par_iter()
        .with_max_len(1)
        .map(|(place, range)| {
            let index = which[*place];
            let (name, whole) = pairs.header(index);
            let mut shape = whole.to_vec();
            let row: usize = whole.iter().skip(1).product();
            if let Some(rows) = shape.first_mut() {
                *rows = range.len().checked_div(row).unwrap_or(*rows);
            }
            let mut found = None;
            pairs
                .read(index, range.clone(), &mut |a, b| {
                    let shape = shape.as_slice();
                    found = look(&Slice {
                        index,
                        pair: Pair { name, shape, a, b },
                        start: range.start,
                        whole,
                    });
                })
                .map_err(Stop::Error)?;
            let found = found.ok_or(Stop::None)?;
            Ok((*place, range.start, found))
        })
        .collect::<Result<Vec<_>, Stop<P::Error>>>();
    let mut found = match found {
        Ok(found) => found,
        Err(Stop::None) => return Ok(None),
        Err(Stop::Error(error)) => return Err(error),
    };
    found.sort_by_key(|(place, start, _)| (*place, *start));
    let mut by_pair: Vec<Vec<R>> = which.iter().map(|_| Vec::new()).collect();
    for (place, _, found) in found {
        by_pair[place].push(found);
    }
    Ok(Some(by_pair))
}

/// Why no more slices are looked at.
enum Stop<E> {
    None,
    Error(E),
}

#[cfg(test)]
mod tests {
    use super::super::Tensor;
    use super::*;

    #[test]
    fn large_tensors_are_cut_into_whole_rows_and_small_ones_are_not() {
        let cut = |shape: &[usize]| -> Vec<(usize, usize)> {
            let ranges = cuts(shape, 1000);
            ranges.map(|range| (range.start, range.end)).collect()
        };
        assert_eq!(cut(&[3, 4]), [(0, 12)]);
        assert_eq!(cut(&[5, 300]), [(0, 900), (900, 1500)]);
        // A row is never cut.
        assert_eq!(cut(&[2, 5000]), [(0, 5000), (5000, 10_000)]);
        assert_eq!(cut(&[]), [(0, 1)]);
        assert_eq!(cut(&[0, 7]), [(0, 0)]);
    }

    #[test]
    fn what_is_found_comes_in_the_order_of_the_pairs_and_none_ends_it() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let tensors = [("a", &[6][..], &values[..]), ("b", &[2], &values[..2])];
        let tensors = tensors.map(|(name, shape, values)| Tensor {
            name,
            shape,
            values,
        });
        let paired = Paired::new(&tensors, &tensors).unwrap();
        let names = each(&paired, &[0, 1], |slice| slice.pair.name.to_owned());
        assert_eq!(names, Ok(vec![vec!["a".to_owned()], vec!["b".to_owned()]]));
        let small = all(&paired, &[0, 1], |slice| {
            (slice.pair.a.len() < 3).then_some(())
        });
        assert_eq!(small, Ok(None));
    }
}
