//! Values in memory, and those that are read when they are asked for.

use crate::error::Result;
use checkpoint_store::foreign::ForeignCheckpoint;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// The values of a tensor.
#[derive(Debug, Clone)]
pub(super) enum Held {
    /// In memory, perhaps shared with another checkpoint.
    Here(Arc<Vec<f32>>),
    /// Still in the file: what an adapter adds is as large as the weight that it is added to, and of no
    /// use once that is done.
    Later(Arc<Later>),
}

/// A tensor of a file that is open.
#[derive(Debug)]
pub(super) struct Later {
    checkpoint: Arc<ForeignCheckpoint>,
    index: usize,
    elements: usize,
    read: OnceLock<Vec<f32>>,
}

impl Held {
    pub(super) fn here(values: Vec<f32>) -> Self {
        Self::Here(Arc::new(values))
    }

    /// The tensor at this index of a checkpoint, of so many values.
    pub(super) fn later(
        checkpoint: &Arc<ForeignCheckpoint>,
        index: usize,
        elements: usize,
    ) -> Self {
        Self::Later(Arc::new(Later {
            checkpoint: Arc::clone(checkpoint),
            index,
            elements,
            read: OnceLock::new(),
        }))
    }

    /// The values, which stay in memory from now on. Where they cannot be read any more they are NaN,
    /// and no verdict rests on those.
    pub(super) fn slice(&self) -> &[f32] {
        match self {
            Self::Here(values) => values,
            Self::Later(later) => later.read.get_or_init(|| {
                let values = later.values();
                values.unwrap_or_else(|_| vec![f32::NAN; later.elements])
            }),
        }
    }

    /// The values, which do not stay in memory if they are not there.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn once(&self) -> Result<Cow<'_, [f32]>> {
        match self {
            Self::Here(values) => Ok(Cow::Borrowed(values)),
            Self::Later(later) => match later.read.get() {
                Some(values) => Ok(Cow::Borrowed(values)),
                None => later.values().map(Cow::Owned),
            },
        }
    }
}

impl Later {
    fn values(&self) -> Result<Vec<f32>> {
        let mut values = Vec::with_capacity(self.elements);
        self.checkpoint
            .read(self.index, &mut |part| values.extend_from_slice(part))?;
        Ok(values)
    }
}
