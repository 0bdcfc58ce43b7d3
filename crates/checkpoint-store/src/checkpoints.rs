//! The checkpoints of a store as one matrix, with their labels beside it.

use std::ops::{Bound, Range, RangeBounds};

use nalgebra::DMatrixView;

use crate::header::Checkpoint;
use crate::segment::Segment;

/// All checkpoints of a store: a matrix of shape (parameters, checkpoints), and one label per
/// column. Columns ascend by (epoch, run).
#[derive(Debug)]
pub struct Checkpoints {
    weights: Weights,
}

#[derive(Debug)]
enum Weights {
    Mapped(Segment),
    Gathered {
        parameters: usize,
        labels: Vec<Checkpoint>,
        columns: Vec<f32>,
    },
}

/// Some neighbouring columns of [`Checkpoints`], not copied.
#[derive(Debug, Clone, Copy)]
pub struct CheckpointsView<'a> {
    /// The weights, of shape (parameters, checkpoints).
    pub matrix: DMatrixView<'a, f32>,
    /// The labels of the columns.
    pub checkpoints: &'a [Checkpoint],
}

impl Checkpoints {
    pub(crate) fn mapped(segment: Segment) -> Self {
        Self {
            weights: Weights::Mapped(segment),
        }
    }

    /// Copies the columns of several segments into one matrix.
    pub(crate) fn gathered(segments: &[Segment], parameters: usize) -> Self {
        let Gathering { labels, pieces } = Gathering::of(segments);
        Self {
            weights: Weights::Gathered {
                parameters,
                labels,
                columns: pieces.concat(),
            },
        }
    }

    /// The weights, of shape (parameters, checkpoints).
    #[must_use]
    pub fn matrix(&self) -> DMatrixView<'_, f32> {
        self.all().matrix
    }

    /// The labels of the columns.
    #[must_use]
    pub fn checkpoints(&self) -> &[Checkpoint] {
        match &self.weights {
            Weights::Mapped(segment) => segment.checkpoints(),
            Weights::Gathered { labels, .. } => labels,
        }
    }

    /// All columns.
    #[must_use]
    pub fn all(&self) -> CheckpointsView<'_> {
        self.view(0..self.checkpoints().len())
    }

    /// The columns of a range of epochs; `epochs(1..)` leaves out the initialisation. Two binary
    /// searches, no copy.
    #[must_use]
    pub fn epochs(&self, range: impl RangeBounds<u32>) -> CheckpointsView<'_> {
        let labels = self.checkpoints();
        let start = match range.start_bound() {
            Bound::Included(&first) => labels.partition_point(|label| label.epoch < first),
            Bound::Excluded(&before) => labels.partition_point(|label| label.epoch <= before),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => labels.partition_point(|label| label.epoch <= last),
            Bound::Excluded(&after) => labels.partition_point(|label| label.epoch < after),
            Bound::Unbounded => labels.len(),
        };
        self.view(start..end.max(start))
    }

    /// Only the columns whose label passes. Copies them, unless all pass.
    ///
    /// What is left out is the caller's to count: a diverged model should be missed, not lost.
    #[must_use]
    pub fn retain(self, mut keep: impl FnMut(&Checkpoint) -> bool) -> Self {
        let kept: Vec<bool> = self.checkpoints().iter().map(&mut keep).collect();
        if kept.iter().all(|&kept| kept) {
            return self;
        }
        let (parameters, all) = self.columns();
        let mut labels = Vec::new();
        let mut columns =
            Vec::with_capacity(parameters * kept.iter().filter(|&&kept| kept).count());
        for (column, label) in self.checkpoints().iter().enumerate() {
            if kept[column] {
                labels.push(*label);
                columns.extend_from_slice(&all[column * parameters..(column + 1) * parameters]);
            }
        }
        Self {
            weights: Weights::Gathered {
                parameters,
                labels,
                columns,
            },
        }
    }

    /// Whether the weights are those in a file, rather than a copy in memory.
    #[must_use]
    pub fn is_mapped(&self) -> bool {
        matches!(self.weights, Weights::Mapped(_))
    }

    /// Parameters per model, and all weights.
    fn columns(&self) -> (usize, &[f32]) {
        match &self.weights {
            Weights::Mapped(segment) => (segment.parameters(), segment.weights()),
            Weights::Gathered {
                parameters,
                columns,
                ..
            } => (*parameters, columns),
        }
    }

    fn view(&self, range: Range<usize>) -> CheckpointsView<'_> {
        let (parameters, columns) = self.columns();
        CheckpointsView {
            matrix: DMatrixView::from_slice(
                &columns[range.start * parameters..range.end * parameters],
                parameters,
                range.len(),
            ),
            checkpoints: &self.checkpoints()[range],
        }
    }
}

/// The columns of several segments in the order of one: ascending by (epoch, run).
///
/// Neighbours that stay neighbours are one piece, so nothing is copied column by column.
pub(crate) struct Gathering<'a> {
    pub(crate) labels: Vec<Checkpoint>,
    pub(crate) pieces: Vec<&'a [f32]>,
}

impl<'a> Gathering<'a> {
    /// Orders the columns of segments that share no checkpoint. O(n log n) for n checkpoints.
    pub(crate) fn of(segments: &'a [Segment]) -> Self {
        let mut columns: Vec<(Checkpoint, usize, usize)> = segments
            .iter()
            .enumerate()
            .flat_map(|(segment, opened)| {
                let labels = opened.checkpoints().iter().enumerate();
                labels.map(move |(column, label)| (*label, segment, column))
            })
            .collect();
        columns.sort_unstable_by_key(|(label, ..)| label.key());
        let pieces = columns
            .chunk_by(|&(_, segment, column), &(_, next_segment, next)| {
                next_segment == segment && next == column + 1
            })
            .map(|piece| {
                let (_, segment, first) = piece[0];
                let rows = segments[segment].parameters();
                &segments[segment].weights()[first * rows..(first + piece.len()) * rows]
            })
            .collect();
        Self {
            labels: columns.iter().map(|(label, ..)| *label).collect(),
            pieces,
        }
    }
}
