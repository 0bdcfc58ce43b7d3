//! Where the weights of one checkpoint lie, and reading them tensor by tensor.

use anyhow::{Result, anyhow};
use checkpoint_store::foreign::{ForeignCheckpoint, Found, Limits, Role};
use checkpoint_store::{Checkpoints, TensorShape};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use weightspace::sketch::Sketch;

/// Where the weights of one checkpoint lie.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// In files of another program.
    Foreign(Box<Found>),
    /// In a column of a store, with these tensors.
    Store(Arc<Checkpoints>, usize, Arc<[TensorShape]>),
    /// They are gone; a sketch is left.
    Sketch(Arc<Sketch>),
}

impl Source {
    pub(super) fn is_sketch(&self) -> bool {
        matches!(self, Self::Sketch(_))
    }

    /// Opens it for reading tensors of this layout.
    ///
    /// # Errors
    /// When a file cannot be read, or changed since it was listed.
    pub(super) fn open(&self, layout: &[TensorShape], limits: &Limits) -> Result<Reader> {
        Ok(match self {
            Self::Foreign(found) => {
                let checkpoint = Box::new(ForeignCheckpoint::open(found, limits)?);
                let tensors = places(&checkpoint, layout);
                let tensors = tensors.ok_or_else(|| {
                    anyhow!(
                        "{}: its tensors changed while it was read. Wait for the program that \
                         writes it",
                        found.path.display()
                    )
                })?;
                Reader::Foreign {
                    checkpoint,
                    tensors,
                }
            }
            Self::Store(checkpoints, column, own) => {
                let column = checkpoints.matrix().column(*column).into_owned();
                let mut end = 0_usize;
                let places = own.iter().map(|tensor| {
                    let length = usize::try_from(super::elements(tensor)).unwrap_or(usize::MAX);
                    let start = end;
                    end = start.saturating_add(length);
                    (tensor.name.as_str(), start..end)
                });
                let places: HashMap<&str, Range<usize>> = places.collect();
                let ranges = layout.iter().map(|tensor| {
                    let range = places.get(tensor.name.as_str()).cloned();
                    range.unwrap_or_default()
                });
                Reader::Store(ranges.collect(), column.data.into())
            }
            Self::Sketch(_) => return Err(anyhow!("only a sketch is left of these weights")),
        })
    }
}

/// Where each tensor of the layout is in the checkpoint; none if one is missing or has another shape.
fn places(checkpoint: &ForeignCheckpoint, layout: &[TensorShape]) -> Option<Vec<usize>> {
    let tensors = checkpoint.tensors().iter().enumerate();
    let places: HashMap<&str, usize> = tensors
        .filter(|(_, tensor)| tensor.role == Role::Weight)
        .map(|(index, tensor)| (tensor.name.as_str(), index))
        .collect();
    let place = |wanted: &TensorShape| {
        let index = *places.get(wanted.name.as_str())?;
        let shape = &checkpoint.tensors().get(index)?.shape;
        (*shape == wanted.shape).then_some(index)
    };
    layout.iter().map(place).collect()
}

/// A checkpoint that is open.
pub(super) enum Reader {
    Foreign {
        checkpoint: Box<ForeignCheckpoint>,
        /// Indices into its tensors, in the order of the layout.
        tensors: Vec<usize>,
    },
    /// Where each tensor is in the values.
    Store(Vec<Range<usize>>, Vec<f32>),
}

impl Reader {
    /// Streams the values of a tensor of the layout, row-major.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn read(&self, tensor: usize, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        match self {
            Self::Foreign {
                checkpoint,
                tensors,
            } => {
                // One that is not there is refused by the checkpoint.
                let index = tensors.get(tensor).copied().unwrap_or(usize::MAX);
                checkpoint.read(index, sink)?;
            }
            Self::Store(ranges, values) => {
                let range = ranges.get(tensor).cloned().unwrap_or_default();
                let values = values.get(range).unwrap_or_default();
                if !values.is_empty() {
                    sink(values);
                }
            }
        }
        Ok(())
    }
}
