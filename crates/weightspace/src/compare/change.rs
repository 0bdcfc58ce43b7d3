//! How much changed: norms, distance, angle and counts.

use pulp::{Arch, Simd, WithSimd};
use serde::{Deserialize, Serialize};

use super::paired::Pair;
use super::slices::{Pairs, each};

/// Partial sums kept side by side; part of the definition of the last bits.
const LANES: usize = 8;

/// What changed from A to B, in one tensor or in all. Positions where either is NaN or infinite are
/// counted and excluded from every sum.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Change {
    /// Number of values.
    pub elements: usize,
    /// ‖a‖.
    pub norm_a: f64,
    /// ‖b‖.
    pub norm_b: f64,
    /// ‖b − a‖.
    pub distance: f64,
    /// Largest absolute change of a value.
    pub largest: f64,
    /// Values whose bits differ.
    pub changed: usize,
    /// Values of A that are zero.
    pub zeros_a: usize,
    /// Values of B that are zero.
    pub zeros_b: usize,
    /// Positions where either is NaN or infinite.
    pub non_finite: usize,
    /// All bits that any value of A, and of B, has: which mantissas are never used.
    #[serde(skip)]
    pub(crate) bits: [u32; 2],
}

impl Change {
    /// ‖b − a‖ / ‖a‖; none if a is zero.
    pub fn relative(&self) -> Option<f64> {
        (self.norm_a > 0.0).then(|| self.distance / self.norm_a)
    }

    /// The angle between a and b in radians; none if either is zero.
    ///
    /// From the distance, not from the cosine, so that small angles keep their digits: with
    /// chord c, sin²(θ/2) = (c² − (‖a‖ − ‖b‖)²) / (4 ‖a‖ ‖b‖).
    pub fn angle(&self) -> Option<f64> {
        let product = self.norm_a * self.norm_b;
        (product > 0.0).then(|| {
            let across = self.distance.powi(2) - (self.norm_a - self.norm_b).powi(2);
            2.0 * (across / (4.0 * product)).clamp(0.0, 1.0).sqrt().asin()
        })
    }

    /// ‖b‖ / ‖a‖ − 1; none if a is zero.
    pub fn norm_change(&self) -> Option<f64> {
        (self.norm_a > 0.0).then(|| self.norm_b / self.norm_a - 1.0)
    }

    /// Share of the values whose bits differ.
    pub fn share_changed(&self) -> f64 {
        self.changed as f64 / self.elements.max(1) as f64
    }

    /// Whether all bits are the same: a frozen tensor.
    pub fn identical(&self) -> bool {
        self.changed == 0
    }

    fn with(self, other: &Self) -> Self {
        Self {
            elements: self.elements + other.elements,
            norm_a: self.norm_a.hypot(other.norm_a),
            norm_b: self.norm_b.hypot(other.norm_b),
            distance: self.distance.hypot(other.distance),
            largest: self.largest.max(other.largest),
            changed: self.changed + other.changed,
            zeros_a: self.zeros_a + other.zeros_a,
            zeros_b: self.zeros_b + other.zeros_b,
            non_finite: self.non_finite + other.non_finite,
            bits: [self.bits[0] | other.bits[0], self.bits[1] | other.bits[1]],
        }
    }
}

/// What changed in one tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TensorChange {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// What changed.
    pub change: Change,
}

/// What changed in every tensor and in all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Tensors that both have, in the order of A.
    pub tensors: Vec<TensorChange>,
    /// All of these together.
    pub total: Change,
}

/// Compares tensor by tensor, in parallel. One pass over both; the same bits for any number of threads.
///
/// # Errors
/// When values cannot be read.
pub fn compare<P: Pairs>(pairs: &P) -> Result<Comparison, P::Error> {
    let which: Vec<usize> = (0..pairs.count()).collect();
    let sums = each(pairs, &which, |slice| Sums::of(&slice.pair))?;
    Ok(Comparison::of(pairs, sums))
}

impl Comparison {
    /// Of the sums of every slice of every pair.
    pub fn of<P: Pairs>(pairs: &P, sums: impl IntoIterator<Item = Vec<Sums>>) -> Self {
        let tensors = sums.into_iter().enumerate().map(|(index, slices)| {
            let (name, shape) = pairs.header(index);
            let whole = slices.into_iter().reduce(Sums::and);
            TensorChange {
                name: name.to_owned(),
                shape: shape.to_vec(),
                change: whole.map_or_else(Change::default, Sums::change),
            }
        });
        let tensors: Vec<TensorChange> = tensors.collect();
        let total = tensors.iter().fold(Change::default(), |total, tensor| {
            total.with(&tensor.change)
        });
        Self { tensors, total }
    }
}

/// What changed in one tensor.
pub fn change(pair: &Pair<'_>) -> Change {
    Sums::of(pair).change()
}

/// What is added up over the slices of a tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sums {
    /// Σ a², Σ b² and Σ (b − a)².
    squares: [f64; 3],
    /// What needs no root.
    counted: Change,
}

impl Sums {
    /// Of one slice.
    pub fn of(pair: &Pair<'_>) -> Self {
        Arch::new().dispatch(OfSlice {
            a: pair.a,
            b: pair.b,
        })
    }

    /// Of two slices of one tensor.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let [a, b, change] = self.squares;
        let [other_a, other_b, other_change] = other.squares;
        Self {
            squares: [a + other_a, b + other_b, change + other_change],
            // Its norms are none yet.
            counted: self.counted.with(&other.counted),
        }
    }

    /// Of the whole tensor.
    pub fn change(self) -> Change {
        let [norm_a, norm_b, distance] = self.squares.map(f64::sqrt);
        Change {
            norm_a,
            norm_b,
            distance,
            ..self.counted
        }
    }
}

/// Sums of a slice by the widest instructions that there are; the same bits by all of them.
struct OfSlice<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl WithSimd for OfSlice<'_> {
    type Output = Sums;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Sums {
        let mut lanes = Lanes::default();
        let (a, a_rest) = self.a.as_chunks::<LANES>();
        let (b, b_rest) = self.b.as_chunks::<LANES>();
        for (a, b) in a.iter().zip(b) {
            lanes.add(a, b);
        }
        let rest = a_rest.len().min(b_rest.len());
        let [mut a, mut b] = [[0.0; LANES]; 2];
        a[..rest].copy_from_slice(&a_rest[..rest]);
        b[..rest].copy_from_slice(&b_rest[..rest]);
        lanes.add(&a, &b);
        lanes.sums(self.a.len().min(self.b.len()), LANES - rest)
    }
}

/// Partial sums and counts. Counts fit 32 bits: slices that are longer than a row are not.
#[derive(Default)]
struct Lanes {
    squares: [[f64; LANES]; 3],
    largest: [f64; LANES],
    changed: [u32; LANES],
    zeros: [[u32; LANES]; 2],
    bits: [[u32; LANES]; 2],
    non_finite: [u32; LANES],
}

impl Lanes {
    #[inline(always)]
    fn add(&mut self, a: &[f32; LANES], b: &[f32; LANES]) {
        for lane in 0..LANES {
            let (a, b) = (a[lane], b[lane]);
            self.changed[lane] += u32::from(a.to_bits() != b.to_bits());
            self.zeros[0][lane] += u32::from(a == 0.0);
            self.zeros[1][lane] += u32::from(b == 0.0);
            self.bits[0][lane] |= a.to_bits();
            self.bits[1][lane] |= b.to_bits();
            let finite = a.is_finite() & b.is_finite();
            self.non_finite[lane] += u32::from(!finite);
            let a = f64::from(if finite { a } else { 0.0 });
            let b = f64::from(if finite { b } else { 0.0 });
            let difference = b - a;
            self.squares[0][lane] += a * a;
            self.squares[1][lane] += b * b;
            self.squares[2][lane] += difference * difference;
            let size = difference.abs();
            // Not `f64::max`, which would also have to look for NaN.
            if size > self.largest[lane] {
                self.largest[lane] = size;
            }
        }
    }

    /// All lanes together, of so many values; so many zeros were added to both.
    fn sums(&self, elements: usize, padding: usize) -> Sums {
        let count = |lanes: &[u32; LANES]| lanes.iter().map(|&n| n as usize).sum::<usize>();
        let together = |lanes: &[u32; LANES]| lanes.iter().fold(0, |all, bits| all | bits);
        Sums {
            squares: self.squares.map(|lanes| lanes.iter().sum()),
            counted: Change {
                elements,
                changed: count(&self.changed),
                zeros_a: count(&self.zeros[0]) - padding,
                zeros_b: count(&self.zeros[1]) - padding,
                non_finite: count(&self.non_finite),
                largest: self.largest.iter().copied().fold(0.0, f64::max),
                bits: [together(&self.bits[0]), together(&self.bits[1])],
                ..Change::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pair<'a>(a: &'a [f32], b: &'a [f32]) -> Pair<'a> {
        let (name, shape) = ("w", &[][..]);
        Pair { name, shape, a, b }
    }

    #[test]
    fn a_worked_example() {
        let change = change(&pair(&[3.0, 0.0, 0.0], &[3.0, 4.0, 0.0]));
        assert_eq!(
            (change.norm_a, change.norm_b, change.distance),
            (3.0, 5.0, 4.0)
        );
        assert_eq!((change.changed, change.zeros_a, change.zeros_b), (1, 2, 1));
        assert_eq!(change.largest, 4.0);
        assert!((change.angle().unwrap() - 0.6f64.acos()).abs() < 1e-12);
        assert!((change.relative().unwrap() - 4.0 / 3.0).abs() < 1e-15);
        assert!((change.norm_change().unwrap() - 2.0 / 3.0).abs() < 1e-15);
        assert!(!change.identical());
    }

    #[test]
    fn small_angles_keep_their_digits() {
        // 2⁻²³ beside 1: the cosine is 1 to the last bit.
        let angle = change(&pair(&[1.0, 0.0], &[1.0, f32::EPSILON]))
            .angle()
            .unwrap();
        assert!(
            (angle / f64::from(f32::EPSILON) - 1.0).abs() < 1e-6,
            "{angle}"
        );
    }

    #[test]
    fn values_that_are_not_finite_are_counted_and_left_out() {
        let nan = f32::NAN;
        let change = change(&pair(&[nan, 1.0, 2.0], &[nan, f32::INFINITY, 4.0]));
        assert_eq!((change.non_finite, change.changed), (2, 2));
        assert_eq!((change.norm_a, change.distance), (2.0, 2.0));
        let nothing = super::change(&pair(&[], &[]));
        assert_eq!((nothing.relative(), nothing.angle()), (None, None));
        assert!(nothing.identical());
    }

    proptest! {
        #[test]
        fn it_is_the_plain_sum(
            pairs in prop::collection::vec((-1e3f32..1e3, -1e3f32..1e3), 1..100)
        ) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let there = change(&pair(&a, &b));
            let back = change(&pair(&b, &a));
            let plain = crate::distance::distance(&a, &b);
            prop_assert!((there.distance - plain).abs() <= 1e-12 * plain);
            prop_assert_eq!(there.distance, back.distance);
            prop_assert_eq!((there.norm_a, there.zeros_a), (back.norm_b, back.zeros_b));
            prop_assert_eq!(there.angle(), back.angle());
        }
    }
}
