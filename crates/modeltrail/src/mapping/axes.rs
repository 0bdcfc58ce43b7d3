//! Orders of axes: linear layers stored as [in, out] beside [out, in], convolutions with their
//! channels last.

/// Axis `i` of what is wanted is axis `order[i]` of what is stored.
pub(crate) type Order = &'static [usize];

/// The orders that libraries differ in: linear layers (Keras, Burn, GPT-2's Conv1D), convolutions
/// along one axis, and along two with the channels last, in both directions.
const ORDERS: [Order; 4] = [&[1, 0], &[2, 1, 0], &[3, 2, 0, 1], &[2, 3, 1, 0]];

/// The shape after bringing the axes into this order.
pub(crate) fn turned_shape(shape: &[u64], order: Order) -> Vec<u64> {
    let sides = order.iter().filter_map(|&axis| shape.get(axis).copied());
    sides.collect()
}

/// The orders that make one shape of the other.
pub(crate) fn orders<'a>(stored: &'a [u64], wanted: &'a [u64]) -> impl Iterator<Item = Order> + 'a {
    ORDERS.into_iter().filter(move |order| {
        order.len() == stored.len()
            && stored.len() == wanted.len()
            && turned_shape(stored, order) == wanted
    })
}

/// Whether two shapes are the same but for sides of 1.
pub(crate) fn is_alike(a: &[u64], b: &[u64]) -> bool {
    let longer = |shape: &[u64]| -> Vec<u64> {
        let sides = shape.iter().copied();
        sides.filter(|&side| side != 1).collect()
    };
    a == b || longer(a) == longer(b)
}

/// The values with their axes in this order, row-major; as they are where the shape does not fit.
pub(crate) fn turned(values: &[f32], shape: &[u64], order: Order) -> Vec<f32> {
    let sides: Vec<usize> = shape.iter().map(|&side| side as usize).collect();
    let count = sides
        .iter()
        .try_fold(1_usize, |all, &side| all.checked_mul(side));
    if sides.len() != order.len() || count != Some(values.len()) {
        return values.to_vec();
    }
    let mut strides = vec![1; sides.len()];
    for axis in (1..sides.len()).rev() {
        strides[axis - 1] = strides[axis] * sides[axis];
    }
    let wanted: Vec<(usize, usize)> = order
        .iter()
        .map(|&axis| (sides[axis], strides[axis]))
        .collect();
    let Some((&(last, step), outer)) = wanted.split_last() else {
        return values.to_vec();
    };
    let mut turned = Vec::with_capacity(values.len());
    if values.is_empty() {
        return turned;
    }
    let mut place = vec![0; outer.len()];
    let mut start = 0;
    loop {
        turned.extend((0..last).filter_map(|along| values.get(start + along * step)));
        // The next place of the outer axes, the last of them first.
        let mut axis = outer.len();
        loop {
            if axis == 0 {
                return turned;
            }
            axis -= 1;
            let (side, stride) = outer[axis];
            place[axis] += 1;
            start += stride;
            if place[axis] < side {
                break;
            }
            start -= side * stride;
            place[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_is_transposed_and_back() {
        let values: Vec<f32> = (0..6).map(|value| value as f32).collect();
        let there = turned(&values, &[2, 3], &[1, 0]);
        assert_eq!(there, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(turned(&there, &[3, 2], &[1, 0]), values);
    }

    #[test]
    fn a_convolution_with_channels_last_is_brought_into_the_order_of_pytorch_and_back() {
        let shape = [3, 2, 5, 7];
        let values: Vec<f32> = (0..210).map(|value| value as f32).collect();
        let there = turned(&values, &shape, &[3, 2, 0, 1]);
        // Out 6, in 4, at (2, 1): place ((2·2 + 1)·5 + 4)·7 + 6 of what is stored.
        assert_eq!(
            there[((6 * 5 + 4) * 3 + 2) * 2 + 1],
            ((5 * 5 + 4) * 7 + 6) as f32
        );
        assert_eq!(turned_shape(&shape, &[3, 2, 0, 1]), [7, 5, 3, 2]);
        assert_eq!(turned(&there, &[7, 5, 3, 2], &[2, 3, 1, 0]), values);
    }

    #[test]
    fn shapes_say_which_orders_are_possible() {
        let possible = |a: &[u64], b: &[u64]| orders(a, b).count();
        assert_eq!(possible(&[2, 3], &[3, 2]), 1);
        assert_eq!(possible(&[3, 3], &[3, 3]), 1);
        assert_eq!(possible(&[2, 3], &[2, 3]), 0);
        assert_eq!(possible(&[3], &[3]), 0);
        assert!(is_alike(&[1, 4, 1], &[4]) && !is_alike(&[4, 2], &[2, 4]));
    }

    #[test]
    fn what_is_empty_stays_empty() {
        assert!(turned(&[], &[0, 3], &[1, 0]).is_empty());
        assert!(turned(&[], &[3, 0], &[1, 0]).is_empty());
    }
}
