//! Tensors that are cut into pieces along any of their dimensions, put together as they are streamed.
//!
//! The pieces form a grid. In row-major order of the whole, the values of each piece come in its own
//! row-major order, so every piece is read once from its beginning to its end, and what is kept of it
//! is one small buffer.

mod pull;

use std::collections::BTreeSet;

use super::shape::count;
use super::source::Source;
use super::stored::Piece;
use super::stream;
use crate::Result;
use crate::limits::{Limits, STREAM_BYTES};
use pull::{Chunk, Pull};

/// Most pieces that are read side by side.
const MOST_PIECES: usize = 4096;
/// Least bytes that are read of a piece at a time.
const LEAST_BYTES: usize = 4 << 10;

/// Why pieces are not put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    /// Some values are in none of them, or in several.
    NotWhole,
    /// They cover the tensor, and not as a grid.
    NotGrid,
    /// There are more than are read side by side.
    TooMany,
}

impl Gap {
    /// For whoever asks why a tensor is not read.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::NotWhole => "its parts have more or fewer values than it",
            Self::NotGrid => "it is cut into parts that form no grid",
            Self::TooMany => "it is cut into too many parts",
        }
    }
}

/// Sorts the pieces of a tensor of this shape, and drops empty ones.
///
/// # Errors
/// Why they are not put together.
pub(super) fn arrange(shape: &[u64], pieces: &mut Vec<Piece>) -> std::result::Result<(), Gap> {
    let is_like = |piece: &Piece| piece.at.len() == shape.len() && piece.shape.len() == shape.len();
    if !pieces.iter().all(is_like) {
        return Err(Gap::NotWhole);
    }
    let elements = count(shape).ok_or(Gap::NotWhole)?;
    pieces.retain(|piece| !piece.shape.contains(&0));
    let covered = pieces
        .iter()
        .try_fold(0_u64, |sum, piece| sum.checked_add(count(&piece.shape)?));
    if covered != Some(elements) {
        return Err(Gap::NotWhole);
    }
    pieces.sort_by(|a, b| a.at.cmp(&b.at));
    let grid = Grid::of(shape, pieces);
    if !grid.holds(shape, pieces) {
        return Err(Gap::NotGrid);
    }
    if grid.split > 0 && pieces.len() > MOST_PIECES {
        return Err(Gap::TooMany);
    }
    Ok(())
}

/// Where a tensor is cut.
struct Grid {
    /// Where the pieces begin along each dimension, sorted.
    starts: Vec<Vec<u64>>,
    /// The last dimension along which it is cut; the first, if it is not.
    split: usize,
}

impl Grid {
    fn of(shape: &[u64], pieces: &[Piece]) -> Self {
        let starts: Vec<Vec<u64>> = (0..shape.len())
            .map(|dimension| {
                let starts = pieces.iter().filter_map(|piece| piece.at.get(dimension));
                starts.copied().collect::<BTreeSet<u64>>()
            })
            .map(|starts| starts.into_iter().collect())
            .collect();
        let split = starts.iter().rposition(|starts| starts.len() > 1);
        Self {
            starts,
            split: split.unwrap_or(0),
        }
    }

    /// Whether the sorted pieces are its cells, each once.
    fn holds(&self, shape: &[u64], pieces: &[Piece]) -> bool {
        let cells = self
            .starts
            .iter()
            .try_fold(1_usize, |cells, starts| cells.checked_mul(starts.len()));
        if pieces.is_empty() {
            return true;
        }
        if cells != Some(pieces.len()) {
            return false;
        }
        let mut cell = vec![0_usize; shape.len()];
        for piece in pieces {
            for (dimension, &index) in cell.iter().enumerate() {
                let starts = self.starts.get(dimension).map_or(&[][..], Vec::as_slice);
                let start = starts.get(index).copied();
                let end = starts
                    .get(index + 1)
                    .or(shape.get(dimension))
                    .copied()
                    .unwrap_or(0);
                let is_first = index > 0 || start == Some(0);
                let size = piece.shape.get(dimension).copied();
                let fits = start.and_then(|start| end.checked_sub(start));
                if !is_first || piece.at.get(dimension).copied() != start || size != fits {
                    return false;
                }
            }
            for (dimension, index) in cell.iter_mut().enumerate().rev() {
                *index += 1;
                if *index < self.starts.get(dimension).map_or(0, Vec::len) {
                    break;
                }
                *index = 0;
            }
        }
        true
    }
}

/// Hands over words that hold the elements of a tensor of this shape, little-endian, chunk by chunk,
/// from pieces that were arranged. `sources` are the files that they lie in.
pub(super) fn stream(
    sources: &[Source],
    pieces: &[Piece],
    (size, shape): (u64, &[u64]),
    limits: &Limits,
    sink: &mut dyn FnMut(&[u64], usize),
) -> Result<()> {
    let grid = Grid::of(shape, pieces);
    let source = |piece: &Piece| {
        let source = sources.get(piece.place.file);
        source.ok_or_else(|| crate::Error::invalid("a piece lies in a file that is not open"))
    };
    if grid.split == 0 {
        // One after the other.
        for piece in pieces {
            let numbers = (size, piece.shape.as_slice());
            stream::chunks(source(piece)?, &piece.place, numbers, limits, sink)?;
        }
        return Ok(());
    }
    let buffer = (STREAM_BYTES / pieces.len().max(1)).max(LEAST_BYTES);
    let mut open: Vec<Option<Pull<'_>>> = pieces.iter().map(|_| None).collect();
    let mut chunk = Chunk::new(size, sink);
    let columns = grid.starts.get(grid.split).map_or(1, Vec::len);
    let inner = shape.get(grid.split + 1..).unwrap_or_default();
    let inner = count(inner).unwrap_or(0).saturating_mul(size);
    let outer = shape.get(..grid.split).unwrap_or_default();
    let mut rows = Rows::new(outer, &grid.starts);
    let mut left = count(outer).unwrap_or(0);
    while left > 0 {
        left -= 1;
        let first = rows.cell().saturating_mul(columns);
        for number in first..first.saturating_add(columns) {
            let (Some(piece), Some(slot)) = (pieces.get(number), open.get_mut(number)) else {
                continue;
            };
            let wide = piece.shape.get(grid.split).copied().unwrap_or(0);
            let pull = match slot {
                Some(pull) => pull,
                None => slot.insert(Pull::new(source(piece)?, piece, size, buffer, limits)?),
            };
            if pull.copy(wide.saturating_mul(inner), &mut chunk)? {
                let ended = slot.take();
                ended.map_or(Ok(()), Pull::finish)?;
            }
        }
        rows.advance();
    }
    chunk.flush();
    Ok(())
}

/// The dimensions before the last that is cut, walked through in row-major order.
struct Rows<'a> {
    shape: &'a [u64],
    starts: &'a [Vec<u64>],
    index: Vec<u64>,
    /// In which interval of each dimension the index is.
    cell: Vec<usize>,
}

impl<'a> Rows<'a> {
    fn new(shape: &'a [u64], starts: &'a [Vec<u64>]) -> Self {
        Self {
            shape,
            starts,
            index: vec![0; shape.len()],
            cell: vec![0; shape.len()],
        }
    }

    /// The number of the cells that the index is in, among those of these dimensions.
    fn cell(&self) -> usize {
        let cells = self.cell.iter().zip(self.starts);
        cells.fold(0, |number, (cell, starts)| number * starts.len() + cell)
    }

    fn advance(&mut self) {
        let dimensions = self.index.iter_mut().zip(&mut self.cell);
        let dimensions = dimensions.zip(self.shape).zip(self.starts);
        for (((index, cell), &size), starts) in dimensions.rev() {
            *index += 1;
            if *index < size {
                if starts.get(*cell + 1) == Some(index) {
                    *cell += 1;
                }
                break;
            }
            (*index, *cell) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::{Container, Order, Place};
    use super::*;

    fn piece(at: &[u64], shape: &[u64]) -> Piece {
        Piece {
            place: Place {
                file: 0,
                container: Container::File { offset: 0 },
                order: Order::RowMajor,
                big_endian: false,
            },
            at: at.to_vec(),
            shape: shape.to_vec(),
        }
    }

    fn arranged(shape: &[u64], pieces: &[(&[u64], &[u64])]) -> std::result::Result<usize, Gap> {
        let mut pieces: Vec<Piece> = pieces.iter().map(|(at, shape)| piece(at, shape)).collect();
        arrange(shape, &mut pieces).map(|()| pieces.len())
    }

    #[test]
    fn grids_of_any_number_of_dimensions_are_put_together_in_any_order() {
        assert_eq!(
            arranged(&[4, 3], &[(&[2, 0], &[2, 3]), (&[0, 0], &[2, 3])]),
            Ok(2)
        );
        let four: [(&[u64], &[u64]); 4] = [
            (&[0, 2], &[3, 2]),
            (&[3, 0], &[1, 2]),
            (&[0, 0], &[3, 2]),
            (&[3, 2], &[1, 2]),
        ];
        assert_eq!(arranged(&[4, 4], &four), Ok(4));
        assert_eq!(arranged(&[3], &[(&[0], &[3]), (&[3], &[0])]), Ok(1));
        assert_eq!(arranged(&[], &[(&[], &[])]), Ok(1));
        assert_eq!(arranged(&[0, 3], &[]), Ok(0));
    }

    #[test]
    fn gaps_overlaps_and_other_tilings_are_told() {
        assert_eq!(arranged(&[4], &[(&[0], &[2])]), Err(Gap::NotWhole));
        assert_eq!(
            arranged(&[4], &[(&[0], &[2]), (&[1], &[2])]),
            Err(Gap::NotGrid)
        );
        assert_eq!(
            arranged(&[4], &[(&[0], &[2]), (&[0], &[2])]),
            Err(Gap::NotGrid)
        );
        let wheel: [(&[u64], &[u64]); 5] = [
            (&[0, 0], &[1, 2]),
            (&[0, 2], &[2, 1]),
            (&[2, 1], &[1, 2]),
            (&[1, 0], &[2, 1]),
            (&[1, 1], &[1, 1]),
        ];
        assert_eq!(arranged(&[3, 3], &wheel), Err(Gap::NotGrid));
        assert_eq!(arranged(&[4], &[(&[0, 0], &[4, 1])]), Err(Gap::NotWhole));
        assert_eq!(arranged(&[2], &[(&[u64::MAX], &[2])]), Err(Gap::NotGrid));
    }
}
