//! Where the values of a tensor lie in a file.

use super::archive::Entry;

/// Where the values of one tensor lie.
///
/// Whoever makes one has checked that it lies inside its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Which of the checkpoint's files, by index; whoever opens several sets it.
    pub(super) file: usize,
    pub(super) container: Container,
    pub(super) order: Order,
    pub(super) big_endian: bool,
}

impl Place {
    /// Where the values begin that follow so many bytes of these; none if they have to be read one after
    /// the other.
    pub(super) fn after(&self, bytes: u64) -> Option<Self> {
        let (Container::File { offset }, Order::RowMajor) = (&self.container, &self.order) else {
            return None;
        };
        Some(Self {
            container: Container::File {
                offset: offset.checked_add(bytes)?,
            },
            ..self.clone()
        })
    }
}

/// What the values lie in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Container {
    /// The file itself: the values begin at this byte.
    File { offset: u64 },
    /// An entry of a zip archive, stored or deflated: the values begin at this byte of what it
    /// unpacks to, and end with it.
    Entry { entry: Entry, skip: u64 },
}

/// In which order the values lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    /// The last index is the fastest.
    RowMajor,
    /// The distance of neighbours along each dimension, in elements.
    Strided(Box<[u64]>),
}

impl Order {
    /// The order with these strides, in elements; row-major if it is that.
    pub(super) fn of_strides(shape: &[u64], strides: &[u64]) -> Self {
        let mut expected = 1_u64;
        let mut row_major = true;
        for (&size, &stride) in shape.iter().zip(strides).rev() {
            // Along a dimension of one there are no neighbours.
            if size == 1 {
                continue;
            }
            row_major &= stride == expected;
            expected = expected.saturating_mul(size);
        }
        if row_major || shape.contains(&0) {
            Self::RowMajor
        } else {
            Self::Strided(strides.into())
        }
    }

    /// Column-major order, as Fortran has it.
    pub(super) fn column_major(shape: &[u64]) -> Self {
        let strides: Vec<u64> = shape
            .iter()
            .scan(1_u64, |product, &size| {
                let stride = *product;
                *product = product.saturating_mul(size);
                Some(stride)
            })
            .collect();
        Self::of_strides(shape, &strides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_of_row_major_order_are_recognised_whatever_those_of_single_elements() {
        assert_eq!(Order::of_strides(&[2, 1, 3], &[3, 99, 1]), Order::RowMajor);
        assert_eq!(Order::of_strides(&[], &[]), Order::RowMajor);
        assert_eq!(
            Order::of_strides(&[2, 3], &[1, 2]),
            Order::Strided([1, 2].into())
        );
        assert_eq!(Order::column_major(&[5]), Order::RowMajor);
    }
}
