//! Which runs come too near to each other to be strangers.

use super::fork::Parameters;
use weightspace::distance::{distance, squared_distance};

/// Checkpoints of a run whose distances to a newcomer bound all others'.
const PIVOTS: usize = 3;
/// Rounding of a bound, as a share of it: a bound that is nearer to the limit decides nothing.
const ROUNDING: f64 = 1e-6;

/// A run, prepared for the question whether it is related to a checkpoint.
pub(super) struct Kin<'a> {
    points: &'a [&'a [f32]],
    squared_norms: Vec<f64>,
    pivots: Vec<Pivot<'a>>,
}

struct Pivot<'a> {
    point: &'a [f32],
    /// Distance to each of the run's points.
    reach: Vec<f64>,
}

impl<'a> Kin<'a> {
    /// O(checkpoints · parameters).
    pub(super) fn new(points: &'a [&'a [f32]]) -> Self {
        let last = points.len().saturating_sub(1);
        let pivot = |number: usize| {
            let point = points[number * last / (PIVOTS - 1)];
            Pivot {
                point,
                reach: points.iter().map(|other| distance(point, other)).collect(),
            }
        };
        Self {
            points,
            squared_norms: points.iter().map(|point| squared_norm(point)).collect(),
            pivots: (0..PIVOTS).map(pivot).collect(),
        }
    }

    /// Whether any of the run's points is nearer to this one than a share of the distance of
    /// strangers.
    ///
    /// By the triangle inequality a point is no nearer than a pivot less the distance of the two;
    /// between strangers that mostly says enough, and few distances are computed.
    pub(super) fn is_related(&self, to: &[f32], parameters: &Parameters) -> bool {
        let norm = squared_norm(to);
        let from_pivots: Vec<f64> = self.pivots.iter().map(|p| distance(p.point, to)).collect();
        (0..self.points.len()).any(|place| {
            let strangers = match parameters.strangers {
                Some(strangers) => strangers * strangers,
                None => norm + self.squared_norms[place],
            };
            let limit = parameters.related * parameters.related * strangers;
            let bounds = std::iter::zip(&self.pivots, &from_pivots);
            let least = bounds
                .map(|(pivot, to_pivot)| to_pivot - pivot.reach[place])
                .fold(0.0, f64::max);
            if least * (1.0 - ROUNDING) > limit.sqrt() {
                return false;
            }
            let squared = squared_distance(to, self.points[place]);
            squared == 0.0 || squared < limit
        })
    }
}

fn squared_norm(point: &[f32]) -> f64 {
    point.iter().map(|&x| f64::from(x) * f64::from(x)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_change_no_answer() {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        let parameters = Parameters::default();
        let mut related = 0;
        for trial in 0..400 {
            let mut point: Vec<f32> = (0..20).map(|_| next()).collect();
            let run: Vec<Vec<f32>> = (0..9)
                .map(|_| {
                    point.iter_mut().for_each(|x| *x += 0.2 * next());
                    point.clone()
                })
                .collect();
            let views: Vec<&[f32]> = run.iter().map(Vec::as_slice).collect();
            let near = (trial % 10) as f32 / 10.0;
            let to: Vec<f32> = run[4]
                .iter()
                .map(|x| (1.0 - near) * x + near * next())
                .collect();
            let naive = run.iter().any(|point| {
                let limit = parameters.related.powi(2) * (squared_norm(&to) + squared_norm(point));
                squared_distance(&to, point) < limit || point == &to
            });
            assert_eq!(Kin::new(&views).is_related(&to, &parameters), naive);
            related += usize::from(naive);
        }
        assert!((50..350).contains(&related), "{related}");
    }
}
