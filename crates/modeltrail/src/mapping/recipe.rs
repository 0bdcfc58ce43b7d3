//! How a tensor is made of those that a checkpoint stores.

use super::axes::{Order, turned, turned_shape};
use crate::error::{Error, Result};
use crate::source::TensorSource;
use checkpoint_store::TensorShape;
use std::borrow::Cow;
use std::ops::Range;

/// Rows of a stored tensor: all of them or some, its axes in its own order or in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Its place among the tensors of the checkpoint.
    pub(crate) tensor: usize,
    /// The order of axes to bring it into first.
    pub(crate) order: Option<Order>,
    /// Rows, along the first axis of the order.
    pub(crate) rows: Option<Range<u64>>,
}

/// Pieces, one after the other along the first axis, and then brought into another order of axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipe {
    pub(crate) pieces: Vec<Piece>,
    pub(crate) order: Option<Order>,
}

impl Recipe {
    /// A tensor as it is stored.
    pub(crate) fn whole(tensor: usize) -> Self {
        Self::ordered(tensor, None)
    }

    /// A tensor with its axes in this order.
    pub(crate) fn ordered(tensor: usize, order: Option<Order>) -> Self {
        Self {
            pieces: vec![Piece {
                tensor,
                order,
                rows: None,
            }],
            order: None,
        }
    }

    /// The same, but only so many of its first rows.
    pub(crate) fn first_rows(mut self, rows: u64) -> Self {
        if let [piece] = self.pieces.as_mut_slice() {
            let start = piece.rows.as_ref().map_or(0, |rows| rows.start);
            piece.rows = Some(start..start + rows);
        }
        self
    }

    /// The tensor that it is, if it is one as it is stored.
    pub(crate) fn as_stored(&self) -> Option<usize> {
        match self.pieces.as_slice() {
            [piece] if self.order.is_none() && piece.order.is_none() && piece.rows.is_none() => {
                Some(piece.tensor)
            }
            _ => None,
        }
    }

    /// The tensor that it is made of, if it is one.
    pub(crate) fn only(&self) -> Option<usize> {
        let mut tensors = self.pieces.iter().map(|piece| piece.tensor);
        let first = tensors.next()?;
        tensors.all(|tensor| tensor == first).then_some(first)
    }

    /// The tensors that it is made of, each once.
    pub(crate) fn tensors(&self) -> Vec<usize> {
        let mut tensors: Vec<usize> = Vec::new();
        for piece in &self.pieces {
            if !tensors.contains(&piece.tensor) {
                tensors.push(piece.tensor);
            }
        }
        tensors
    }

    /// Whether axes are in another order than they are stored in.
    pub(crate) fn is_turned(&self) -> bool {
        self.order.is_some() || self.pieces.iter().any(|piece| piece.order.is_some())
    }

    /// Makes it. `stored` has the shapes, `values` the values of each tensor.
    ///
    /// # Errors
    /// When values cannot be read, or are not as many as the shapes say.
    pub(crate) fn make<'a>(
        &self,
        stored: &[TensorShape],
        values: &dyn Fn(usize) -> Result<Cow<'a, [f32]>>,
    ) -> Result<Cow<'a, [f32]>> {
        let mut made: Option<Cow<'a, [f32]>> = None;
        let mut known: Option<(usize, Cow<'a, [f32]>)> = None;
        let mut shape: Vec<u64> = Vec::new();
        for piece in &self.pieces {
            let all = match known.take() {
                Some((tensor, values)) if tensor == piece.tensor => values,
                _ => values(piece.tensor)?,
            };
            let own = piece.shape(stored)?;
            let (part, rows) = piece.part(&own, all.clone(), stored)?;
            known = Some((piece.tensor, all));
            made = Some(match made {
                None => {
                    shape = own;
                    if let Some(side) = shape.first_mut() {
                        *side = rows;
                    }
                    part
                }
                Some(before) => {
                    if let Some(side) = shape.first_mut() {
                        *side += rows;
                    }
                    let mut joined = before.into_owned();
                    joined.extend_from_slice(&part);
                    Cow::Owned(joined)
                }
            });
        }
        let made = made.unwrap_or(Cow::Borrowed(&[]));
        Ok(match self.order {
            Some(order) => Cow::Owned(turned(&made, &shape, order)),
            None => made,
        })
    }

    /// Streams it out of a source: a slice at a time where it is rows as they are stored, and else
    /// with the tensors that it is made of in memory.
    ///
    /// # Errors
    /// As [`make`](Self::make).
    pub(crate) fn read(
        &self,
        source: &dyn TensorSource,
        sink: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        if let Some(tensor) = self.as_stored() {
            return source.read(tensor, sink);
        }
        let is_plain = self.order.is_none() && self.pieces.iter().all(|p| p.order.is_none());
        if is_plain && self.pieces.len() <= 4 {
            for piece in &self.pieces {
                piece.read(source, sink)?;
            }
            return Ok(());
        }
        let values = |tensor| whole(source, tensor).map(Cow::Owned);
        let made = self.make(source.tensors(), &values)?;
        if !made.is_empty() {
            sink(&made);
        }
        Ok(())
    }
}

impl Recipe {
    /// Streams the values at these places of what it makes: from where they lie if that is one tensor as
    /// it is stored, and else out of all of it.
    ///
    /// # Errors
    /// As [`make`](Self::make).
    pub(crate) fn read_range(
        &self,
        source: &dyn TensorSource,
        range: Range<u64>,
        sink: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        if let Some(tensor) = self.as_stored() {
            return source.read_range(tensor, range, sink);
        }
        Made {
            recipe: self,
            source,
        }
        .read_range(0, range, sink)
    }
}

/// What a recipe makes, as the only tensor of a source.
#[derive(Debug)]
struct Made<'a> {
    recipe: &'a Recipe,
    source: &'a dyn TensorSource,
}

impl TensorSource for Made<'_> {
    fn tensors(&self) -> &[TensorShape] {
        &[]
    }

    fn read(&self, _: usize, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        self.recipe.read(self.source, sink)
    }
}

impl Piece {
    /// The shape of the tensor in its order of axes.
    fn shape(&self, stored: &[TensorShape]) -> Result<Vec<u64>> {
        let tensor = stored.get(self.tensor);
        let shape = &tensor
            .ok_or(Error::NoSuchTensor { index: self.tensor })?
            .shape;
        Ok(match self.order {
            Some(order) => turned_shape(shape, order),
            None => shape.clone(),
        })
    }

    /// Its rows among all values, and how many there are.
    fn part<'a>(
        &self,
        shape: &[u64],
        all: Cow<'a, [f32]>,
        stored: &[TensorShape],
    ) -> Result<(Cow<'a, [f32]>, u64)> {
        let wrong = || Error::NoSuchTensor { index: self.tensor };
        let all = match (self.order, stored.get(self.tensor)) {
            (Some(order), Some(tensor)) => Cow::Owned(turned(&all, &tensor.shape, order)),
            _ => all,
        };
        let rows = shape.first().copied().unwrap_or(1);
        let Some(wanted) = &self.rows else {
            return Ok((all, rows));
        };
        let per_row = all.len().checked_div(rows as usize).unwrap_or(0);
        let range = wanted.start as usize * per_row..wanted.end as usize * per_row;
        let count = wanted.end - wanted.start;
        Ok((
            match all {
                Cow::Borrowed(all) => Cow::Borrowed(all.get(range).ok_or_else(wrong)?),
                Cow::Owned(all) => Cow::Owned(all.get(range).ok_or_else(wrong)?.to_vec()),
            },
            count,
        ))
    }

    /// Streams rows as they are stored.
    fn read(&self, source: &dyn TensorSource, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        let Some(rows) = &self.rows else {
            return source.read(self.tensor, sink);
        };
        let tensor = source.tensors().get(self.tensor);
        let shape = &tensor
            .ok_or(Error::NoSuchTensor { index: self.tensor })?
            .shape;
        let per_row = shape
            .iter()
            .skip(1)
            .fold(1, |all: u64, &side| all.saturating_mul(side));
        let wanted = rows.start.saturating_mul(per_row)..rows.end.saturating_mul(per_row);
        source.read_range(self.tensor, wanted, sink)
    }
}

/// All values of a tensor.
///
/// # Errors
/// When they cannot be read.
pub(crate) fn whole(source: &dyn TensorSource, tensor: usize) -> Result<Vec<f32>> {
    let mut values = Vec::new();
    source.read(tensor, &mut |slice| values.extend_from_slice(slice))?;
    Ok(values)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::source::Tensors;

    fn source() -> Tensors {
        let mut tensors = Tensors::new();
        let values = |count: u16| (0..count).map(f32::from).collect::<Vec<_>>();
        tensors.add("qkv", &[6, 2], values(12)).unwrap();
        tensors.add("turned", &[2, 3], values(6)).unwrap();
        tensors
    }

    /// Made in memory and streamed, which has to be the same.
    fn both(recipe: &Recipe) -> Vec<f32> {
        let source = source();
        let mut streamed = Vec::new();
        recipe
            .read(&source, &mut |slice| streamed.extend_from_slice(slice))
            .unwrap();
        let values = |tensor| whole(&source, tensor).map(Cow::Owned);
        assert_eq!(recipe.make(source.tensors(), &values).unwrap(), streamed);
        streamed
    }

    #[test]
    fn rows_of_a_tensor_are_a_part_of_it() {
        assert_eq!(both(&Recipe::whole(0).first_rows(2)), [0.0, 1.0, 2.0, 3.0]);
        let rows = Recipe {
            pieces: vec![Piece {
                tensor: 0,
                order: None,
                rows: Some(2..4),
            }],
            order: None,
        };
        assert_eq!(both(&rows), [4.0, 5.0, 6.0, 7.0]);
        assert_eq!((rows.as_stored(), rows.only()), (None, Some(0)));
        assert_eq!(Recipe::whole(1).as_stored(), Some(1));
    }

    #[test]
    fn pieces_are_joined_and_turned() {
        let turned = Recipe::ordered(1, Some(&[1, 0]));
        assert_eq!(both(&turned), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        let joined = Recipe {
            pieces: vec![
                Piece {
                    tensor: 1,
                    order: Some(&[1, 0]),
                    rows: None,
                },
                Piece {
                    tensor: 0,
                    order: None,
                    rows: Some(0..1),
                },
            ],
            order: Some(&[1, 0]),
        };
        // Four rows of two, transposed.
        assert_eq!(both(&joined), [0.0, 1.0, 2.0, 0.0, 3.0, 4.0, 5.0, 1.0]);
        assert_eq!(joined.tensors(), [1, 0]);
    }

    #[test]
    fn rows_that_are_not_there_are_an_error() {
        let source = source();
        let values = |tensor| whole(&source, tensor).map(Cow::Owned);
        let recipe = Recipe::whole(0).first_rows(7);
        assert!(recipe.make(source.tensors(), &values).is_err());
    }
}
