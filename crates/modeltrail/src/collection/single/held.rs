//! Values in memory, and those that are read when they are asked for.

use crate::error::Result;
use crate::source::TensorSource;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Values of a sum that are made at once.
const AT_ONCE: usize = 1 << 20;

/// The values of a tensor.
#[derive(Debug, Clone)]
pub(super) enum Held {
    /// In memory, perhaps shared with another checkpoint.
    Here(Arc<Vec<f32>>),
    /// Where its source has it: a model may be larger than memory.
    There {
        source: Arc<dyn TensorSource>,
        index: usize,
        elements: usize,
    },
    /// A weight with what an adapter adds to it.
    Sum(Arc<Sum>),
}

/// A weight, and what is added to it.
#[derive(Debug)]
pub(super) struct Sum {
    pub(super) own: Held,
    pub(super) added: Held,
    /// Rows and columns of the weight, if what is added is transposed.
    pub(super) turned: Option<[usize; 2]>,
}

impl Held {
    pub(super) fn here(values: Vec<f32>) -> Self {
        Self::Here(Arc::new(values))
    }

    /// Whether it is in memory.
    pub(super) fn is_here(&self) -> bool {
        matches!(self, Self::Here(_))
    }

    fn elements(&self) -> usize {
        match self {
            Self::Here(values) => values.len(),
            Self::There { elements, .. } => *elements,
            Self::Sum(sum) => sum.own.elements(),
        }
    }

    /// All values.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn all(&self) -> Result<Cow<'_, [f32]>> {
        self.range(0..self.elements())
    }

    /// The values at these places, row-major: fewer where there are no more.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn range(&self, range: Range<usize>) -> Result<Cow<'_, [f32]>> {
        if let Self::Here(values) = self {
            return Ok(Cow::Borrowed(values.get(range).unwrap_or_default()));
        }
        let mut values = Vec::with_capacity(range.len());
        self.add_to(&mut values, range)?;
        Ok(Cow::Owned(values))
    }

    /// Streams all values.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn stream(&self, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        match self {
            Self::Here(values) => sink(values),
            Self::There { source, index, .. } => source.read(*index, sink)?,
            Self::Sum(_) => {
                let all = self.elements();
                for start in (0..all).step_by(AT_ONCE) {
                    sink(&self.range(start..(start + AT_ONCE).min(all))?);
                }
            }
        }
        Ok(())
    }

    /// Appends the values at these places.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn add_to(&self, values: &mut Vec<f32>, range: Range<usize>) -> Result<()> {
        match self {
            Self::Here(own) => values.extend_from_slice(own.get(range).unwrap_or_default()),
            Self::There { source, index, .. } => {
                let wanted = range.start as u64..range.end as u64;
                source.read_range(*index, wanted, &mut |part| values.extend_from_slice(part))?;
            }
            Self::Sum(sum) => values.extend(sum.range(range)?),
        }
        Ok(())
    }
}

impl Sum {
    fn range(&self, range: Range<usize>) -> Result<Vec<f32>> {
        let own = self.own.range(range.clone())?;
        let mut values = own.into_owned();
        match self.turned {
            None => {
                let added = self.added.range(range)?;
                let both = values.iter_mut().zip(added.iter());
                both.for_each(|(own, change)| *own += change);
            }
            Some([rows, columns]) => {
                let added = self.added.all()?;
                for (place, own) in range.zip(&mut values) {
                    let (row, column) = (place / columns, place % columns);
                    *own += added.get(column * rows + row).copied().unwrap_or_default();
                }
            }
        }
        Ok(values)
    }
}
