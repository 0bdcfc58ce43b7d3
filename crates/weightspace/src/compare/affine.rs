//! Tensors that were multiplied by a number, or to which one was added: folded scales, gains stored as
//! their difference from 1.

use super::kind::SCALED;
use super::paired::Pair;
use super::rounding::Format;
use serde::{Deserialize, Serialize};

/// What was done to every value of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Affine {
    /// It was multiplied by this.
    Times(f64),
    /// This was added to it.
    Plus(f64),
}

/// What a slice of a tensor says of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sums {
    count: f64,
    products: f64,
    a_squares: f64,
    b_squares: f64,
    apart: f64,
    /// Σ (b − f·a)² and Σ (b − a − s)² about the slice's own factor and summand.
    left: [f64; 2],
    /// Rounding power of A and of B, if they were stored in each format.
    rounding: [Stored; 2],
    /// The first value, and whether there are others.
    first: f32,
    is_constant: bool,
}

/// What rounding may have moved, by the format that values were stored in.
#[derive(Debug, Clone, Copy)]
struct Stored {
    format: Format,
    powers: [f64; 3],
}

const FORMATS: [Format; 3] = [Format::Bf16, Format::Fp16, Format::F32];

impl Stored {
    fn of(values: &[f32]) -> Self {
        Self {
            format: Format::of_storage(values),
            powers: FORMATS.map(|format| format.rounding_power(values)),
        }
    }

    fn and(self, other: Self) -> Self {
        let both = self.powers.iter().zip(other.powers);
        let mut powers = [0.0; 3];
        powers
            .iter_mut()
            .zip(both)
            .for_each(|(sum, (a, b))| *sum = a + b);
        // What is bf16 here and fp16 there is held by f32 alone.
        let format = match (self.format, other.format) {
            (a, b) if a == b => a,
            _ => Format::F32,
        };
        Self { format, powers }
    }

    fn power(&self) -> f64 {
        let known = FORMATS.iter().zip(self.powers);
        known
            .filter(|(format, _)| **format == self.format)
            .map(|(_, power)| power)
            .sum()
    }
}

impl Sums {
    /// Of a slice; none if it is far from both.
    pub(super) fn of(pair: &Pair<'_>) -> Option<Self> {
        let first = *pair.a.first()?;
        let (mut products, mut a_squares, mut b_squares, mut apart) = (0.0, 0.0, 0.0, 0.0);
        for (&a, &b) in pair.a.iter().zip(pair.b) {
            let (a, b) = (f64::from(a), f64::from(b));
            products += a * b;
            a_squares += a * a;
            b_squares += b * b;
            apart += b - a;
        }
        let count = pair.a.len() as f64;
        let left = |of: &dyn Fn(f64) -> f64| -> f64 {
            let both = pair.a.iter().zip(pair.b);
            both.map(|(&a, &b)| (f64::from(b) - of(f64::from(a))).powi(2))
                .sum()
        };
        let factor = if a_squares > 0.0 {
            products / a_squares
        } else {
            0.0
        };
        let summand = apart / count;
        let left = [left(&|a| factor * a), left(&|a| a + summand)];
        // More than any format's rounding leaves.
        let coarse = COARSE * (a_squares + b_squares);
        if left.iter().all(|left| *left > coarse) {
            return None;
        }
        Some(Self {
            count,
            products,
            a_squares,
            b_squares,
            apart,
            left,
            rounding: [pair.a, pair.b].map(Stored::of),
            first,
            is_constant: pair.a.iter().all(|a| *a == first),
        })
    }

    /// Of two slices of one tensor. What each leaves about its own factor is orthogonal to it, so that
    /// what is left about another adds up.
    pub(super) fn and(self, other: Self) -> Self {
        let products = self.products + other.products;
        let a_squares = self.a_squares + other.a_squares;
        let count = self.count + other.count;
        let apart = self.apart + other.apart;
        let factor = if a_squares > 0.0 {
            products / a_squares
        } else {
            0.0
        };
        let summand = apart / count;
        let mut left = [0.0; 2];
        for part in [&self, &other] {
            let own = if part.a_squares > 0.0 {
                part.products / part.a_squares
            } else {
                0.0
            };
            left[0] += part.left[0] + (own - factor).powi(2) * part.a_squares;
            left[1] += part.left[1] + (part.apart / part.count - summand).powi(2) * part.count;
        }
        let [a, b] = self.rounding;
        let [other_a, other_b] = other.rounding;
        Self {
            count,
            products,
            a_squares,
            b_squares: self.b_squares + other.b_squares,
            apart,
            left,
            rounding: [a.and(other_a), b.and(other_b)],
            first: self.first,
            is_constant: self.is_constant && other.is_constant && self.first == other.first,
        }
    }

    /// The factor or the summand that turns A into B but for rounding.
    pub(super) fn affine(&self) -> Option<Affine> {
        if self.is_constant {
            return None;
        }
        let [rounding_a, rounding_b] = self.rounding.map(|stored| stored.power());
        let allowed = 2.0 * rounding_b + SCALED * SCALED * self.b_squares;
        let (factor, summand) = (self.products / self.a_squares, self.apart / self.count);
        // What moved must stand out from what is allowed.
        let is_factor = factor != 0.0 && (factor - 1.0).powi(2) * self.a_squares > 100.0 * allowed;
        if is_factor && self.left[0] <= allowed {
            return Some(Affine::Times(factor));
        }
        let is_summand = summand.powi(2) * self.count > 100.0 * allowed;
        // What was lost of A when the sum was rounded, and what is lost of B.
        (is_summand && self.left[1] <= allowed + 2.0 * rounding_a).then_some(Affine::Plus(summand))
    }
}

/// Largest part of what two slices hold that rounding to eight bits of mantissa may leave, generously.
const COARSE: f64 = 1e-3;

/// The factor or the summand that turns A into B but for rounding; none if neither does, or the tensor
/// has fewer than two different values, which any two numbers would fit.
pub fn affine(pair: &Pair<'_>) -> Option<Affine> {
    Sums::of(pair)?.affine()
}

#[cfg(test)]
mod tests {
    use super::super::cases::normal;
    use super::*;

    fn found(change: impl Fn(f32) -> f32) -> Option<Affine> {
        let a = normal(300, 9);
        let b: Vec<f32> = a.iter().map(|&x| change(x)).collect();
        let (name, shape) = ("w", &[300][..]);
        affine(&Pair {
            name,
            shape,
            a: &a,
            b: &b,
        })
    }

    #[test]
    fn factors_and_summands_are_found_beside_rounding() {
        assert!(matches!(found(|x| 0.25 * x), Some(Affine::Times(f)) if (f - 0.25).abs() < 1e-9));
        assert!(matches!(found(|x| -x), Some(Affine::Times(f)) if (f + 1.0).abs() < 1e-9));
        assert!(matches!(found(|x| x + 1.0), Some(Affine::Plus(s)) if (s - 1.0).abs() < 1e-6));
        let in_bf16 = |x: f32| Format::Bf16.rounded(x - 1.0);
        assert!(matches!(found(in_bf16), Some(Affine::Plus(s)) if (s + 1.0).abs() < 1e-3));
    }

    #[test]
    fn other_changes_and_constants_are_neither() {
        assert_eq!(found(|x| x), None);
        assert_eq!(found(|x| 2.0 * x + 1.0), None);
        assert_eq!(found(|x| x * x), None);
        let constant = Pair {
            name: "w",
            shape: &[2],
            a: &[1.0, 1.0],
            b: &[2.0, 2.0],
        };
        assert_eq!(affine(&constant), None);
    }
}
