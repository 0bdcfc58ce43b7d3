//! The forces of the optimiser, eight at a time.
//!
//! With s the squared distance of two points in the picture and q = a sᵇ, the curve is 1 / (1 + q)
//! and the slopes of the cross entropy are, times the difference of the points,
//!
//! ```text
//! pull = −2b/s · q / (1 + q)        push = 2b / ((0.001 + s) (1 + q))
//! ```
//!
//! The power is taken as 2^(b log₂ s) from two short series: no call and no table, so eight fit into
//! the lanes of a processor, and only operations that every processor rounds alike.

use super::curve::Curve;

/// Forces computed together.
pub(super) const LANES: usize = 8;

/// One number for each of [`LANES`] pairs of points.
pub(super) type Lanes = [f32; LANES];

/// No coordinate moves farther than this by one force at full learning rate.
const MOST_FORCE: f32 = 4.0;
/// Keeps the push between points that almost coincide finite.
const SOFTENING: f32 = 1e-3;
/// Squared distances outside of this are treated as the nearest bound.
const LEAST: f32 = 1.0 / (1u32 << 24) as f32;
const MOST: f32 = (1u32 << 24) as f32;

/// The forces of one curve.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forces {
    a: f32,
    b: f32,
}

impl Forces {
    pub(super) fn new(curve: &Curve) -> Self {
        Self {
            a: curve.a as f32,
            b: curve.b as f32,
        }
    }

    /// How far a point moves towards another at full learning rate, given its difference from it.
    #[inline(always)]
    pub(super) fn pull(&self, dx: Lanes, dy: Lanes) -> [Lanes; 2] {
        step(dx, dy, |squared| {
            let q = self.a * power(squared, self.b);
            -2.0 * self.b * q / (squared * (1.0 + q))
        })
    }

    /// How far a point moves away from another at full learning rate, given its difference from it.
    #[inline(always)]
    pub(super) fn push(&self, dx: Lanes, dy: Lanes) -> [Lanes; 2] {
        step(dx, dy, |squared| {
            let q = self.a * power(squared, self.b);
            2.0 * self.b / ((SOFTENING + squared) * (1.0 + q))
        })
    }
}

#[inline(always)]
fn step(dx: Lanes, dy: Lanes, force: impl Fn(f32) -> f32) -> [Lanes; 2] {
    let (mut x, mut y) = ([0.0; LANES], [0.0; LANES]);
    for lane in 0..LANES {
        let squared = dx[lane] * dx[lane] + dy[lane] * dy[lane];
        let force = force(between(squared, LEAST, MOST));
        x[lane] = between(force * dx[lane], -MOST_FORCE, MOST_FORCE);
        y[lane] = between(force * dy[lane], -MOST_FORCE, MOST_FORCE);
    }
    [x, y]
}

/// `clamp`, in the form that has an instruction.
#[inline(always)]
fn between(x: f32, least: f32, most: f32) -> f32 {
    let x = if x > least { x } else { least };
    if x < most { x } else { most }
}

/// xᵇ of a normal number, to within 6·10⁻⁵ · b + 5·10⁻⁵ of it.
#[inline(always)]
fn power(x: f32, b: f32) -> f32 {
    exp2(b * log2(x))
}

/// log₂ x of a normal number above zero, to within 9·10⁻⁵.
#[inline(always)]
fn log2(x: f32) -> f32 {
    // x = 2^exponent · m, with m between √½ and √2.
    const SQRT_HALF: i32 = std::f32::consts::FRAC_1_SQRT_2.to_bits() as i32;
    let bits = x.to_bits() as i32;
    let exponent = (bits - SQRT_HALF) >> 23;
    let m = f32::from_bits((bits - (exponent << 23)) as u32);
    // ln m = 2 artanh t = 2 (t + t³/3 + …), |t| < 0.172
    let t = (m - 1.0) / (m + 1.0);
    exponent as f32 + 2.0 * std::f32::consts::LOG2_E * t * (1.0 + t * t * (1.0 / 3.0))
}

/// 2ˣ for |x| < 126, to within 5 parts in 10⁵.
#[inline(always)]
fn exp2(x: f32) -> f32 {
    // A float of this size has no room for a fraction: adding it leaves the nearest integer in the
    // last bits.
    const ROUND: f32 = 1.5 * (1u32 << 23) as f32;
    let rounded = x + ROUND;
    let integer = rounded.to_bits() as i32 - ROUND.to_bits() as i32;
    let y = std::f32::consts::LN_2 * (x - (rounded - ROUND));
    // eʸ, |y| < 0.347
    let series = 1.0 + y * (1.0 + y * (1.0 / 2.0 + y * (1.0 / 6.0 + y * (1.0 / 24.0))));
    series * f32::from_bits(((integer + 127) << 23) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The forces along a difference, in f64 and by the formulas: the oracle.
    fn exact(curve: &Curve, distance: f64) -> [f64; 2] {
        let squared = distance * distance;
        let q = curve.a * squared.powf(curve.b);
        let pull = -2.0 * curve.a * curve.b * squared.powf(curve.b - 1.0) / (1.0 + q);
        let push = 2.0 * curve.b / ((1e-3 + squared) * (1.0 + q));
        [pull, push].map(|force| (force * distance).clamp(-4.0, 4.0))
    }

    fn curves() -> Vec<Curve> {
        [(0.1, 1.0), (0.0, 1.0), (1.0, 1.0), (0.01, 0.1), (5.0, 20.0)]
            .map(|(min_dist, spread)| Curve::fit(min_dist, spread))
            .to_vec()
    }

    #[test]
    fn all_lanes_follow_the_formulas_within_three_parts_in_ten_thousand() {
        for curve in curves() {
            let forces = Forces::new(&curve);
            for step in 0..40_000 {
                let distance = 2f64.powf(-11.9 + 23.8 * f64::from(step) / 40_000.0) as f32;
                // In a different direction in each lane.
                let angles: [f32; LANES] = std::array::from_fn(|lane| 0.7 * lane as f32);
                let (dx, dy) = (
                    angles.map(|angle| distance * angle.cos()),
                    angles.map(|angle| distance * angle.sin()),
                );
                let exact = exact(&curve, f64::from(distance));
                for (found, exact) in [forces.pull(dx, dy), forces.push(dx, dy)].iter().zip(exact) {
                    // Cutting is by coordinate: the first lane has but one.
                    let along = f64::from(found[0][0]);
                    assert!(
                        (along - exact).abs() <= 3e-4 * exact.abs(),
                        "{curve:?} {distance}"
                    );
                    for (lane, angle) in angles.iter().enumerate() {
                        let (x, y) = (found[0][lane], found[1][lane]);
                        assert!(x.abs() <= 4.0 && y.abs() <= 4.0);
                        if exact.abs() < 3.9 {
                            let length = f64::from(x.hypot(y));
                            assert!((length - exact.abs()).abs() <= 4e-4 * exact.abs());
                            assert!(x * angle.cos() * exact as f32 >= -1e-6);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn points_at_one_place_or_out_of_sight_stay_finite() {
        for curve in curves() {
            let forces = Forces::new(&curve);
            for distance in [0.0, f32::MIN_POSITIVE, 1e-20, 1e18, 1e30] {
                let (dx, dy) = ([distance; LANES], [-distance; LANES]);
                for [x, y] in [forces.pull(dx, dy), forces.push(dx, dy)] {
                    assert!(x.iter().chain(&y).all(|step| step.is_finite()));
                    assert!(distance > 0.0 || x == [0.0; LANES]);
                }
            }
        }
    }

    #[test]
    fn forces_are_the_slopes_of_the_cross_entropy() {
        // An edge costs −ln v, a non-edge −ln (1 − v), v the strength.
        let curve = Curve::fit(0.1, 1.0);
        // Not so near that the push is cut.
        for distance in [0.5, 1.0, 4.0] {
            let h = 1e-6;
            let slope =
                |cost: &dyn Fn(f64) -> f64| (cost(distance + h) - cost(distance - h)) / (2.0 * h);
            let edge = slope(&|d| -curve.strength(d * d).ln());
            let non_edge = slope(&|d| -(1.0 - curve.strength(d * d)).ln());
            let [pull, push] = exact(&curve, distance);
            assert!((pull + edge).abs() < 1e-5 * edge.abs());
            // Softening takes some of the push between near points.
            let softened = distance * distance / (distance * distance + 1e-3);
            assert!((push + softened * non_edge).abs() < 1e-5 * non_edge.abs());
        }
    }
}
