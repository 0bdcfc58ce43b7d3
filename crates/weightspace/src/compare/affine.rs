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

/// The factor or the summand that turns A into B but for rounding; none if neither does, or the tensor
/// has fewer than two different values, which any two numbers would fit.
pub fn affine(pair: &Pair<'_>) -> Option<Affine> {
    let first = pair.a.first()?;
    if pair.a.iter().all(|a| a == first) {
        return None;
    }
    let (mut products, mut a_squares, mut b_squares, mut apart) = (0.0, 0.0, 0.0, 0.0);
    for (&a, &b) in pair.a.iter().zip(pair.b) {
        let (a, b) = (f64::from(a), f64::from(b));
        products += a * b;
        a_squares += a * a;
        b_squares += b * b;
        apart += b - a;
    }
    let rounding = Format::of_storage(pair.b).rounding_power(pair.b);
    let allowed = 2.0 * rounding + SCALED * SCALED * b_squares;
    let count = pair.a.len() as f64;
    let (factor, summand) = (products / a_squares, apart / count);
    let left = |of: &dyn Fn(f64) -> f64| -> f64 {
        let both = pair.a.iter().zip(pair.b);
        both.map(|(&a, &b)| (f64::from(b) - of(f64::from(a))).powi(2))
            .sum()
    };
    // What moved must stand out from what is allowed.
    let is_factor = factor != 0.0 && (factor - 1.0).powi(2) * a_squares > 100.0 * allowed;
    if is_factor && left(&|a| factor * a) <= allowed {
        return Some(Affine::Times(factor));
    }
    let is_summand = summand.powi(2) * count > 100.0 * allowed;
    // What was lost of A when the sum was rounded, and what is lost of B.
    let rounding = Format::of_storage(pair.a).rounding_power(pair.a);
    (is_summand && left(&|a| a + summand) <= allowed + 2.0 * rounding)
        .then_some(Affine::Plus(summand))
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
