//! Euclidean distances between checkpoints, exact to the last bits of f64.
//!
//! The textbook form `‖a‖² + ‖b‖² − 2·a·b` cancels for neighbouring checkpoints: their distance
//! is a few hundredths of their norm. Every distance that decides anything is therefore the sum
//! of squared differences, taken in f64 in one fixed order of summation, so that it has the same
//! bits on every machine, for any number of threads, and for (a, b) as for (b, a).

use pulp::{Arch, Simd, WithSimd};

/// Partial sums kept side by side. Part of the definition: changing it changes last bits.
const LANES: usize = 32;

/// Squared Euclidean distance of two points, in f64.
///
/// Differences of f32 are exact enough in f64 that the result is within
/// `(len/32 + 10) · 2⁻⁵³` of the true value, relatively. Costs one pass over both points.
///
/// If the slices differ in length the excess of the longer one is ignored.
pub fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    Arch::new().dispatch(SquaredDistance { a, b })
}

/// Euclidean distance of two points, in f64: the square root of [`squared_distance`].
pub fn distance(a: &[f32], b: &[f32]) -> f64 {
    squared_distance(a, b).sqrt()
}

/// A lower bound on [`distance`], within some parts in 10⁵ of it where nothing underflows.
///
/// Taken in f32, in half the time. A difference, its square and the sum are each rounded by at most
/// `2⁻²⁴` an operation, so that all is off by at most `(len/64 + 10) · 2⁻²⁴`, relatively, and what
/// underflows by at most `2⁻¹⁴⁹` a parameter.
pub fn distance_at_least(a: &[f32], b: &[f32]) -> f64 {
    let length = a.len().min(b.len()) as f64;
    let square = f64::from(Arch::new().dispatch(RoundedSquare { a, b }));
    if !square.is_finite() {
        return distance(a, b);
    }
    let relative = 1.01 * (length / 64.0 + 12.0) * 2f64.powi(-24);
    let absolute = length * 2f64.powi(-148);
    (square * (1.0 - relative) - absolute).max(0.0).sqrt()
}

/// [`distance`], or none as soon as it is certain to exceed `limit`; some that exceed it are found.
pub(crate) fn distance_within(a: &[f32], b: &[f32], limit: f64) -> Option<f64> {
    // What rounding could add to a sum is a far smaller share of it.
    let limit = limit * limit * (1.0 + 1e-6);
    Arch::new()
        .dispatch(SquareWithin { a, b, limit })
        .map(f64::sqrt)
}

struct SquareWithin<'a> {
    a: &'a [f32],
    b: &'a [f32],
    limit: f64,
}

impl WithSimd for SquareWithin<'_> {
    type Output = Option<f64>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Option<f64> {
        /// Parameters after which the sum is looked at.
        const STRETCH: usize = 8 * LANES;
        let length = self.a.len().min(self.b.len());
        let mut sums = [0.0f64; LANES];
        let a = self.a[..length].chunks(STRETCH);
        let b = self.b[..length].chunks(STRETCH);
        for (a, b) in a.zip(b) {
            add_squared_differences(&mut sums, a, b);
            if total(sums) > self.limit {
                return None;
            }
        }
        Some(total(sums))
    }
}

struct RoundedSquare<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl WithSimd for RoundedSquare<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f32 {
        const LANES: usize = 64;
        let length = self.a.len().min(self.b.len());
        let (a_blocks, a_rest) = self.a[..length].as_chunks::<LANES>();
        let (b_blocks, b_rest) = self.b[..length].as_chunks::<LANES>();
        let mut sums = [0.0f32; LANES];
        for (a, b) in a_blocks.iter().zip(b_blocks) {
            for lane in 0..LANES {
                let difference = a[lane] - b[lane];
                sums[lane] += difference * difference;
            }
        }
        for (sum, (a, b)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
            *sum += (a - b) * (a - b);
        }
        let mut width = LANES / 2;
        while width > 0 {
            for lane in 0..width {
                sums[lane] += sums[lane + width];
            }
            width /= 2;
        }
        sums[0]
    }
}

struct SquaredDistance<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl WithSimd for SquaredDistance<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        sum_of_squared_differences(self.a, self.b)
    }
}

#[inline(always)]
fn sum_of_squared_differences(a: &[f32], b: &[f32]) -> f64 {
    let length = a.len().min(b.len());
    let mut sums = [0.0f64; LANES];
    add_squared_differences(&mut sums, &a[..length], &b[..length]);
    total(sums)
}

/// Adds to each sum the squared differences of every [`LANES`]th parameter.
#[inline(always)]
fn add_squared_differences(sums: &mut [f64; LANES], a: &[f32], b: &[f32]) {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            let difference = f64::from(a[lane]) - f64::from(b[lane]);
            sums[lane] += difference * difference;
        }
    }
    for (sum, (a, b)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        let difference = f64::from(*a) - f64::from(*b);
        *sum += difference * difference;
    }
}

#[inline(always)]
fn total(mut sums: [f64; LANES]) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pythagorean_triangle_has_its_textbook_side() {
        assert_eq!(distance(&[0.0, 0.0], &[3.0, 4.0]), 5.0);
    }

    #[test]
    fn neighbouring_points_far_from_the_origin_keep_their_distance() {
        let a = vec![1000.0f32; 2160];
        let mut b = a.clone();
        b[7] = 1000.0001;
        let step = f64::from(b[7]) - 1000.0;
        assert_eq!(distance(&a, &b), step);
    }

    proptest! {
        #[test]
        fn within_a_limit_it_is_the_same_and_beyond_it_there_is_none(
            pairs in prop::collection::vec((-1e3f32..1e3, -1e3f32..1e3), 0..2000),
            share in 0.5f64..1.5,
        ) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let exact = distance(&a, &b);
            for limit in [0.0, share * exact, exact, f64::INFINITY] {
                let within = distance_within(&a, &b, limit);
                if exact <= limit {
                    prop_assert_eq!(within, Some(exact));
                } else if exact > 1.001 * limit {
                    prop_assert_eq!(within, None);
                }
            }
        }

        #[test]
        fn the_lower_bound_holds_and_is_near(
            pairs in prop::collection::vec((-1f32..1.0, -1f32..1.0), 1..300),
            exponent in -45i32..39,
        ) {
            let unit = 10f64.powi(exponent);
            let scaled = |x: &f32| (f64::from(*x) * unit) as f32;
            let a: Vec<f32> = pairs.iter().map(|(a, _)| scaled(a)).collect();
            let b: Vec<f32> = pairs.iter().map(|(_, b)| scaled(b)).collect();
            let (bound, exact) = (distance_at_least(&a, &b), distance(&a, &b));
            prop_assert!(bound <= exact);
            // Squares of less than f32's smallest numbers leave nothing but zero.
            if exponent > -15 {
                prop_assert!(bound >= exact * (1.0 - 1e-5) - unit * 1e-12, "{bound} {exact}");
            }
        }

        #[test]
        fn it_is_the_plain_sum_of_squares(
            pairs in prop::collection::vec((-1e3f32..1e3, -1e3f32..1e3), 0..200)
        ) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let plain: f64 = pairs
                .iter()
                .map(|&(a, b)| (f64::from(a) - f64::from(b)).powi(2))
                .sum();
            let ours = squared_distance(&a, &b);
            prop_assert!((ours - plain).abs() <= 1e-13 * plain);
            prop_assert_eq!(ours.to_bits(), squared_distance(&b, &a).to_bits());
            prop_assert_eq!(squared_distance(&a, &a), 0.0);
            // The instruction set must not show in the result.
            prop_assert_eq!(ours.to_bits(), sum_of_squared_differences(&a, &b).to_bits());
        }
    }
}
