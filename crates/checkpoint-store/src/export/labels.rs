//! What is written beside the values, and what is checked of them.

use crate::error::{Error, Result};
use crate::{NewFile, TensorShape};

/// What a file says of the checkpoint in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// The run.
    pub run: Option<String>,
    /// The epoch.
    pub epoch: Option<u64>,
    /// The step.
    pub step: Option<u64>,
}

/// Number of values of a tensor.
///
/// # Errors
/// [`Error::Invalid`] if its bytes exceed a `u64`.
pub(super) fn elements(tensor: &TensorShape) -> Result<u64> {
    let count = tensor
        .shape
        .iter()
        .try_fold(1_u64, |product, &extent| product.checked_mul(extent));
    count
        .filter(|count| count.checked_mul(4).is_some())
        .ok_or_else(|| Error::invalid(format!("the tensor {tensor} has more than 2^62 values")))
}

/// Refuses a checkpoint of which more or fewer values came than its tensors have.
pub(super) fn expect_all(file: &NewFile, came: u64, wanted: u64) -> Result<()> {
    if came == wanted {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{came} values came for {}, whose tensors have {wanted}",
        file.target().display()
    )))
}
