//! Vectors in which many weights lie one after the other.

use crate::Result;
use crate::foreign::element::Element;
use crate::foreign::place::{Container, Order, Place};
use crate::foreign::source::Source;
use crate::foreign::stored::{Made, Piece, Stored};

/// A vector in a file.
#[derive(Debug, Clone)]
pub(super) struct Flat {
    place: Place,
    offset: u64,
    element: Element,
    elements: u64,
}

impl Flat {
    /// # Errors
    /// When its values do not lie one after the other in a file.
    pub(super) fn of(source: &Source, stored: Stored) -> Result<Self> {
        let (Container::File { offset }, Order::RowMajor, Made::Whole) =
            (&stored.place.container, &stored.place.order, &stored.made)
        else {
            return Err(source.unsupported(
                "the parts of its weights do not lie one value after the other",
                "Join it with `zero_to_fp32.py`, which lies beside it",
            ));
        };
        Ok(Self {
            offset: *offset,
            element: stored.tensor.element,
            elements: stored.tensor.elements(),
            place: stored.place,
        })
    }
}

/// Vectors that follow each other.
#[derive(Debug)]
pub(super) struct Row<'a> {
    parts: Vec<&'a Flat>,
    /// Where each ends, counted from the beginning of the first.
    ends: Vec<u64>,
}

impl<'a> Row<'a> {
    pub(super) fn of(parts: Vec<&'a Flat>) -> Self {
        let ends = parts.iter().scan(0_u64, |end, part| {
            *end = end.saturating_add(part.elements);
            Some(*end)
        });
        Self {
            ends: ends.collect(),
            parts,
        }
    }

    /// How many values there are in all.
    pub(super) fn total(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The runs that so many values take from here on; none if the vectors end before.
    pub(super) fn runs(&self, at: u64, wanted: u64) -> Option<Vec<(Element, Piece)>> {
        let (mut at, mut left) = (at, wanted);
        let mut runs = Vec::new();
        let first = self.ends.partition_point(|&end| end <= at);
        let parts = self.parts.iter().zip(&self.ends).skip(first);
        for (part, &end) in parts {
            if left == 0 {
                break;
            }
            let skip = part.elements.checked_sub(end.checked_sub(at)?)?;
            let now = left.min(end - at);
            if now > 0 {
                let mut place = part.place.clone();
                let offset = skip.checked_mul(part.element.bytes())?;
                let offset = part.offset.checked_add(offset)?;
                place.container = Container::File { offset };
                let piece = Piece {
                    place,
                    at: vec![0],
                    shape: vec![now],
                };
                runs.push((part.element, piece));
            }
            (at, left) = (end, left - now);
        }
        (left == 0).then_some(runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(offset: u64, elements: u64) -> Flat {
        Flat {
            place: Place {
                file: 0,
                container: Container::File { offset },
                order: Order::RowMajor,
                big_endian: false,
            },
            offset,
            element: Element::F32,
            elements,
        }
    }

    #[test]
    fn runs_go_on_in_the_next_vector_and_end_with_the_last() {
        let (a, b, c) = (flat(100, 3), flat(200, 0), flat(300, 4));
        let row = Row::of(vec![&a, &b, &c]);
        assert_eq!(row.total(), 7);
        let runs = |at, wanted| {
            let runs = row.runs(at, wanted)?;
            let runs = runs.into_iter().map(|(_, piece)| {
                let Container::File { offset } = piece.place.container else {
                    return (0, 0);
                };
                (offset, piece.shape[0])
            });
            Some(runs.collect::<Vec<_>>())
        };
        assert_eq!(runs(0, 3), Some(vec![(100, 3)]));
        assert_eq!(runs(2, 3), Some(vec![(108, 1), (300, 2)]));
        assert_eq!(runs(4, 3), Some(vec![(304, 3)]));
        assert_eq!(runs(7, 0), Some(vec![]));
        assert_eq!(runs(4, 4), None);
        assert_eq!(runs(u64::MAX, 1), None);
    }
}
