//! What matching looks at of a checkpoint.

use crate::error::Result;
use checkpoint_store::TensorShape;
use std::borrow::Cow;

/// One of two checkpoints that are matched.
pub(crate) trait Side {
    /// Its weights: names unique, shapes with the slowest axis first.
    fn tensors(&self) -> &[TensorShape];

    /// The values of the tensor at this place.
    ///
    /// # Errors
    /// When they cannot be read, or only a sketch is left of them.
    fn values(&self, place: usize) -> Result<Cow<'_, [f32]>>;

    /// Whether values can be looked at.
    fn has_values(&self) -> bool;

    /// Whether looking at values costs next to nothing.
    fn is_in_memory(&self) -> bool;
}
