//! How many weights the tensors of a checkpoint have.

use checkpoint_store::TensorShape;

/// Number of weights of a checkpoint.
pub fn parameters(layout: &[TensorShape]) -> u64 {
    layout.iter().map(elements).fold(0, u64::saturating_add)
}

/// Number of values of a tensor.
pub(crate) fn elements(tensor: &TensorShape) -> u64 {
    tensor
        .shape
        .iter()
        .fold(1, |product, &side| u64::saturating_mul(product, side))
}
