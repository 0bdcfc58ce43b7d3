//! How many elements a shape has.

/// The number of elements of a shape, if it fits into 64 bits.
pub(super) fn count(shape: &[u64]) -> Option<u64> {
    // A zero anywhere makes it zero, whatever the rest multiplies to.
    if shape.contains(&0) {
        return Some(0);
    }
    shape
        .iter()
        .try_fold(1_u64, |product, &size| product.checked_mul(size))
}

/// The number of elements from the first to the last one of a strided tensor, both included, if
/// it fits into 64 bits.
pub(super) fn span(shape: &[u64], strides: &[u64]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape
        .iter()
        .zip(strides)
        .try_fold(1_u64, |span, (&size, &stride)| {
            span.checked_add((size - 1).checked_mul(stride)?)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_spans_that_overflow_are_none() {
        assert_eq!(count(&[u64::MAX, 2]), None);
        assert_eq!(count(&[u64::MAX, 2, 0]), Some(0));
        assert_eq!(span(&[2, 3], &[1, 2]), Some(6));
        assert_eq!(span(&[3, 2], &[u64::MAX, 1]), None);
    }
}
