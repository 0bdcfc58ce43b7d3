//! Merges that are no single combination of their parents: SLERP, and TIES.
//!
//! **SLERP** goes from A to C on the sphere, tensor by tensor: b = (sin((1 − t)Ω)·a + sin(tΩ)·c) / sin Ω
//! with the angle Ω between a and c. **TIES** (P. Yadav et al., *TIES-Merging*, 2023) takes a base and
//! what each parent changed in it; of each value it keeps the mean of those changes that were not
//! trimmed and have the elected sign, times λ.

use super::super::{Tensor, by_name};
use super::RESIDUAL;
use crate::Error;
use crate::compare::rounding::Format;
use serde::{Deserialize, Serialize};

/// Largest difference of t between the tensors of one merge.
const SAME_T: f64 = 0.02;
/// Least angle between the parents of a tensor from which t can be told from a straight line.
const LEAST_ANGLE: f64 = 0.02;
/// Most parents whose combinations are tried for each value.
const MOST_PARENTS: usize = 4;
/// Values that λ is found from, and that the rest is checked by.
const SAMPLED: usize = 200_000;
/// Relative width of what counts as one λ.
const SAME_LAMBDA: f64 = 2e-3;
/// Least share of the values that TIES must explain.
const EXPLAINED: f64 = 0.99;

/// A merge on the sphere.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slerp {
    /// How far from the first parent to the second, 0 to 1.
    pub t: f64,
    /// Largest part of the distance to the nearer parent that a tensor leaves unexplained.
    pub residual: f64,
}

/// A merge of elected signs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ties {
    /// What the elected mean was multiplied by.
    pub lambda: f64,
    /// Share of the values that are not the base's.
    pub density: f64,
    /// Share of the values that are explained.
    pub explained: f64,
}

/// How far the target is from the first to the second of two parents on the sphere; none if it is not
/// on the way, or their tensors are too near each other to tell a sphere from a line.
///
/// O(n) for n values.
///
/// # Errors
/// Those of [`fit`](super::fit).
pub fn slerp(target: &[Tensor<'_>], parents: [&[Tensor<'_>]; 2]) -> Result<Option<Slerp>, Error> {
    let [first, second] = [by_name(parents[0])?, by_name(parents[1])?];
    let (mut low, mut high, mut worst) = (f64::INFINITY, f64::NEG_INFINITY, 0.0_f64);
    for tensor in target {
        let (Some(a), Some(c)) = (first.get(tensor.name), second.get(tensor.name)) else {
            continue;
        };
        if a.shape != tensor.shape || c.shape != tensor.shape {
            continue;
        }
        let (a, b, c) = (a.values, tensor.values, c.values);
        let [aa, cc, ac, ab, bc] = [(a, a), (c, c), (a, c), (a, b), (b, c)].map(|(x, y)| dot(x, y));
        if a == c {
            if a != b {
                return Ok(None);
            }
            continue;
        }
        let angle = (ac / (aa * cc).sqrt()).clamp(-1.0, 1.0).acos();
        if angle.is_nan() || angle <= LEAST_ANGLE {
            continue;
        }
        let determinant = aa * cc - ac * ac;
        let (of_a, of_c) = (
            (ab * cc - bc * ac) / determinant,
            (bc * aa - ab * ac) / determinant,
        );
        // sin(tΩ) / sin((1 − t)Ω) = of_c / of_a.
        let t = (of_c * angle.sin()).atan2(of_a + of_c * angle.cos()) / angle;
        let [weight_a, weight_c] = [(1.0 - t) * angle, t * angle].map(|x| x.sin() / angle.sin());
        let (mut left, mut near_a, mut near_c) = (0.0, 0.0, 0.0);
        for ((&a, &b), &c) in a.iter().zip(b).zip(c) {
            let (a, b, c) = (f64::from(a), f64::from(b), f64::from(c));
            left += (b - weight_a * a - weight_c * c).powi(2);
            near_a += (b - a).powi(2);
            near_c += (b - c).powi(2);
        }
        let rounding = Format::of_storage(b).rounding_power(b);
        let nearest = near_a.min(near_c);
        if left > RESIDUAL * RESIDUAL * nearest + 2.0 * rounding {
            return Ok(None);
        }
        worst = worst.max((left / nearest).sqrt());
        (low, high) = (low.min(t), high.max(t));
    }
    let is_between = low > 0.0 && high < 1.0 && high - low <= SAME_T;
    Ok(is_between.then_some(Slerp {
        t: 0.5 * (low + high),
        residual: worst,
    }))
}

/// Whether the target is the base with the elected means of what two to four parents changed in it.
///
/// O(n·2ᵏ) for k parents and n values, of which at most 200,000 are looked at.
///
/// # Errors
/// Those of [`fit`](super::fit).
pub fn ties(
    target: &[Tensor<'_>],
    base: &[Tensor<'_>],
    parents: &[&[Tensor<'_>]],
) -> Result<Option<Ties>, Error> {
    if !(2..=MOST_PARENTS).contains(&parents.len()) {
        return Ok(None);
    }
    let base = by_name(base)?;
    let maps = parents.iter().map(|parent| by_name(parent));
    let maps = maps.collect::<Result<Vec<_>, Error>>()?;
    let count: usize = target.iter().map(|tensor| tensor.values.len()).sum();
    let every = count.div_ceil(SAMPLED).max(1);
    let mut samples: Vec<Sample> = Vec::new();
    for tensor in target {
        let others = maps.iter().map(|map| map.get(tensor.name));
        let (Some(base), Some(others)) =
            (base.get(tensor.name), others.collect::<Option<Vec<_>>>())
        else {
            continue;
        };
        let all_alike = others.iter().all(|other| other.shape == tensor.shape);
        if base.shape != tensor.shape || !all_alike {
            continue;
        }
        let format = Format::of_storage(tensor.values);
        for place in (0..tensor.values.len()).step_by(every) {
            let from = f64::from(base.values[place]);
            samples.push(Sample {
                moved: f64::from(tensor.values[place]) - from,
                changes: others
                    .iter()
                    .map(|other| f64::from(other.values[place]) - from)
                    .collect(),
                rounding: format.spacing(tensor.values[place]),
            });
        }
    }
    let moved = samples
        .iter()
        .filter(|sample| sample.moved.abs() > sample.rounding)
        .count();
    if moved < 100 {
        return Ok(None);
    }
    let Some(lambda) = lambda(&samples) else {
        return Ok(None);
    };
    let explained = samples
        .iter()
        .filter(|sample| sample.is_explained(lambda))
        .count();
    let found = Ties {
        lambda,
        density: moved as f64 / samples.len() as f64,
        explained: explained as f64 / samples.len() as f64,
    };
    Ok((found.explained >= EXPLAINED).then_some(found))
}

/// One value: how far it is from the base, and how far each parent is.
struct Sample {
    moved: f64,
    changes: Vec<f64>,
    rounding: f64,
}

impl Sample {
    /// Whether it did not move, or moved by λ times the mean of changes in its own direction.
    fn is_explained(&self, lambda: f64) -> bool {
        let allowed = self.rounding + 1e-3 * self.moved.abs();
        if self.moved.abs() <= self.rounding {
            return true;
        }
        let own: Vec<f64> = self
            .changes
            .iter()
            .copied()
            .filter(|change| change * self.moved * lambda > 0.0)
            .collect();
        (1_u32..1 << own.len()).any(|chosen| {
            let is_chosen = |place: &usize| chosen >> place & 1 == 1;
            let places = (0..own.len()).filter(is_chosen);
            let sum: f64 = places.map(|place| own[place]).sum();
            (lambda * sum / f64::from(chosen.count_ones()) - self.moved).abs() <= allowed
        })
    }
}

/// The ratio of movement and change that most values of single parents agree on.
fn lambda(samples: &[Sample]) -> Option<f64> {
    let mut ratios: Vec<f64> = samples
        .iter()
        .filter(|sample| sample.moved.abs() > 20.0 * sample.rounding)
        .flat_map(|sample| sample.changes.iter().map(|change| sample.moved / change))
        .filter(|ratio| ratio.is_finite() && *ratio > 0.01)
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    let within = |start: usize| {
        let most = ratios[start] * (1.0 + SAME_LAMBDA);
        ratios.partition_point(|ratio| *ratio <= most) - start
    };
    let start = (0..ratios.len()).max_by_key(|&start| within(start))?;
    let cluster = &ratios[start..start + within(start)];
    Some(cluster[cluster.len() / 2])
}

fn dot(x: &[f32], y: &[f32]) -> f64 {
    let products = x.iter().zip(y).map(|(&x, &y)| f64::from(x) * f64::from(y));
    products.sum()
}

#[cfg(test)]
mod tests {
    use super::super::super::cases::{self, Model, tuned};
    use super::*;

    fn each(models: &[&Model], of: impl Fn(&[&[f32]]) -> Vec<f32>) -> Model {
        let mut result = models[0].clone();
        for (place, tensor) in result.tensors.iter_mut().enumerate() {
            let values: Vec<&[f32]> = models
                .iter()
                .map(|model| &model.tensors[place].values[..])
                .collect();
            tensor.values = of(&values);
        }
        result
    }

    fn spherical(a: &Model, c: &Model, t: f64) -> Model {
        each(&[a, c], |values| {
            let (a, c) = (values[0], values[1]);
            let angle = (dot(a, c) / (dot(a, a) * dot(c, c)).sqrt()).acos();
            let weights = [(1.0 - t) * angle, t * angle].map(|x| x.sin() / angle.sin());
            let both = a.iter().zip(c);
            both.map(|(&a, &c)| (weights[0] * f64::from(a) + weights[1] * f64::from(c)) as f32)
                .collect()
        })
    }

    /// The largest changes of each parent, the sign of their sum elected, the mean of those that have it.
    fn elected(base: &Model, parents: &[&Model], lambda: f32, kept: f32) -> Model {
        let models: Vec<&Model> = std::iter::once(base)
            .chain(parents.iter().copied())
            .collect();
        each(&models, |values| {
            let changes: Vec<Vec<f32>> = values[1..]
                .iter()
                .map(|own| {
                    let change: Vec<f32> = own.iter().zip(values[0]).map(|(x, y)| x - y).collect();
                    let mut sizes: Vec<f32> = change.iter().map(|x| x.abs()).collect();
                    sizes.sort_by(|x, y| y.total_cmp(x));
                    let least = sizes[((kept * sizes.len() as f32) as usize).min(sizes.len() - 1)];
                    change
                        .iter()
                        .map(|&x| if x.abs() > least { x } else { 0.0 })
                        .collect()
                })
                .collect();
            let merged = (0..values[0].len()).map(|place| {
                let own = changes.iter().map(|change| change[place]);
                let sign = own.clone().sum::<f32>().signum();
                let chosen: Vec<f32> = own.filter(|&x| x * sign > 0.0).collect();
                let mean = chosen.iter().sum::<f32>() / chosen.len().max(1) as f32;
                values[0][place] + lambda * mean
            });
            merged.collect()
        })
    }

    #[test]
    fn merges_on_the_sphere_give_t_back_and_others_do_not() {
        let (one, two) = (cases::model(1), cases::model(2));
        for t in [0.25, 0.5, 0.8] {
            let merged = spherical(&one, &two, t);
            let found = slerp(&merged.views(), [&one.views(), &two.views()]).unwrap();
            assert!(
                found.is_some_and(|found| (found.t - t).abs() < 1e-3),
                "{found:?}"
            );
        }
        let third = cases::model(3);
        for other in [&third, &one, &tuned(&one, 0.1, 4)] {
            let found = slerp(&other.views(), [&one.views(), &two.views()]).unwrap();
            assert_eq!(found, None);
        }
    }

    #[test]
    fn elected_means_give_their_factor_back_and_others_do_not() {
        let base = cases::model(1);
        let tunes: Vec<Model> = (0..3).map(|seed| tuned(&base, 0.1, seed)).collect();
        let parents: Vec<&Model> = tunes.iter().collect();
        let views: Vec<Vec<Tensor<'_>>> = tunes.iter().map(Model::views).collect();
        let views: Vec<&[Tensor<'_>]> = views.iter().map(|view| &view[..]).collect();
        for (lambda, kept) in [(1.0, 0.2), (0.7, 0.5), (1.0, 1.0)] {
            let merged = elected(&base, &parents, lambda, kept);
            let found = ties(&merged.views(), &base.views(), &views).unwrap();
            let found = found.unwrap_or_else(|| panic!("{lambda} {kept}"));
            assert!((found.lambda - f64::from(lambda)).abs() < 0.01, "{found:?}");
        }
        for other in [
            &cases::model(9),
            &tuned(&tunes[0], 0.05, 8),
            &tuned(&base, 0.1, 77),
        ] {
            assert_eq!(ties(&other.views(), &base.views(), &views).unwrap(), None);
        }
    }
}
