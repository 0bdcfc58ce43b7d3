//! Checkpoints made up for the tests: random ones, trained ones, and changes of known kind.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::Tensor;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Owned {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Model {
    pub(crate) tensors: Vec<Owned>,
}

impl Model {
    pub(crate) fn new(tensors: Vec<(&str, Vec<usize>, Vec<f32>)>) -> Self {
        let owned = |(name, shape, values): (&str, Vec<usize>, Vec<f32>)| Owned {
            name: name.to_owned(),
            shape,
            values,
        };
        Self {
            tensors: tensors.into_iter().map(owned).collect(),
        }
    }

    pub(crate) fn views(&self) -> Vec<Tensor<'_>> {
        let tensors = self.tensors.iter();
        tensors
            .map(
                |Owned {
                     name,
                     shape,
                     values,
                 }| Tensor {
                    name,
                    shape,
                    values,
                },
            )
            .collect()
    }

    pub(crate) fn map(&self, mut change: impl FnMut(f32) -> f32) -> Self {
        self.each(|_, values| values.iter().map(|&w| change(w)).collect())
    }

    pub(crate) fn each(&self, mut change: impl FnMut(&[usize], &[f32]) -> Vec<f32>) -> Self {
        let mut model = self.clone();
        for tensor in &mut model.tensors {
            tensor.values = change(&tensor.shape, &tensor.values);
        }
        model
    }
}

/// Standard normal numbers (Box and Muller).
pub(crate) fn normal(count: usize, seed: u64) -> Vec<f32> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut unit = || (f64::from(random.next_u32()) + 0.5) / 2f64.powi(32);
    let one = |_| ((-2.0 * unit().ln()).sqrt() * (std::f64::consts::TAU * unit()).cos()) as f32;
    (0..count).map(one).collect()
}

/// A convolution, two linear layers, biases, a normalisation.
pub(crate) fn model(seed: u64) -> Model {
    let shapes: [(&str, &[usize]); 7] = [
        ("conv.weight", &[16, 8, 3, 3]),
        ("conv.bias", &[16]),
        ("norm.weight", &[16]),
        ("fc1.weight", &[64, 100]),
        ("fc1.bias", &[64]),
        ("fc2.weight", &[100, 64]),
        ("fc2.bias", &[100]),
    ];
    let tensors = shapes.iter().enumerate().map(|(i, &(name, shape))| {
        let count: usize = shape.iter().product();
        let scale = 1.0 / ((count / shape[0]) as f32).sqrt();
        let values = normal(count, 100 * seed + i as u64);
        let values = values
            .iter()
            .map(|z| scale * z + if i == 2 { 1.0 } else { 0.0 });
        (name, shape.to_vec(), values.collect())
    });
    Model::new(tensors.collect())
}

/// A change as training makes it: heavy-tailed directions of falling size, and a little noise.
pub(crate) fn tuned(base: &Model, relative: f32, seed: u64) -> Model {
    let mut place = 0;
    base.each(|shape, values| {
        place += 1;
        let seed = 1_000_000 + 1000 * seed + 50 * place;
        let rows = *shape.first().unwrap_or(&1);
        let columns = values.len() / rows;
        let mut step: Vec<f32> = normal(values.len(), seed).iter().map(|z| 0.1 * z).collect();
        for direction in 0..20 {
            let left = normal(rows, seed + 2 * direction + 1);
            let right = normal(columns, seed + 2 * direction + 2);
            let size = 0.7f32.powi(direction as i32);
            for (i, step) in step.iter_mut().enumerate() {
                *step += size * left[i / columns] * right[i % columns];
            }
        }
        let norm = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
        let size = relative * norm(values) / norm(&step);
        values
            .iter()
            .zip(&step)
            .map(|(w, d)| w + size * d)
            .collect()
    })
}

/// How a net is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rule {
    Sgd,
    Adam,
}

/// A net of 16 inputs, two hidden layers of 32 and 4 outputs, trained on a random teacher in
/// batches of 32; one checkpoint every 50 steps.
pub(crate) fn trained(seed: u64, checkpoints: usize, rule: Rule) -> Vec<Model> {
    const SIDES: [usize; 4] = [16, 32, 32, 4];
    let names = ["fc0.weight", "fc1.weight", "fc2.weight"];
    let mut weights: Vec<Vec<f32>> = (0..3)
        .map(|l| {
            let scale = (2.0 / SIDES[l] as f32).sqrt();
            let z = normal(SIDES[l] * SIDES[l + 1], 10 * seed + l as u64);
            z.iter().map(|z| z * scale).collect()
        })
        .collect();
    let teacher = normal(SIDES[0] * SIDES[3], 77);
    let mut memory: Vec<Vec<(f32, f32)>> =
        weights.iter().map(|w| vec![(0.0, 0.0); w.len()]).collect();
    let mut saved = Vec::new();
    for step in 1..=50 * checkpoints {
        let mut gradients: Vec<Vec<f32>> = weights.iter().map(|w| vec![0.0; w.len()]).collect();
        let inputs = normal(32 * SIDES[0], 1_000_000 * (seed + 1) + step as u64);
        for input in inputs.chunks(SIDES[0]) {
            let mut layers = vec![input.to_vec()];
            for (l, weight) in weights.iter().enumerate() {
                let below = &layers[l];
                let rows = weight.chunks(SIDES[l]);
                let sums = rows.map(|row| row.iter().zip(below).map(|(w, x)| w * x).sum::<f32>());
                layers.push(if l < 2 {
                    sums.map(|s| s.max(0.0)).collect()
                } else {
                    sums.collect()
                });
            }
            let targets = teacher.chunks(SIDES[0]).map(|row| {
                row.iter()
                    .zip(input)
                    .map(|(w, x)| w * x)
                    .sum::<f32>()
                    .tanh()
            });
            let mut errors: Vec<f32> = layers[3].iter().zip(targets).map(|(y, t)| y - t).collect();
            for l in (0..3).rev() {
                let mut below = vec![0.0; SIDES[l]];
                for (i, error) in errors.iter().enumerate() {
                    for j in 0..SIDES[l] {
                        gradients[l][i * SIDES[l] + j] += error * layers[l][j] / 32.0;
                        below[j] += error * weights[l][i * SIDES[l] + j];
                    }
                }
                errors = below;
                errors.iter_mut().zip(&layers[l]).for_each(|(e, x)| {
                    if *x <= 0.0 && l > 0 {
                        *e = 0.0;
                    }
                });
            }
        }
        for (l, gradient) in gradients.iter().enumerate() {
            for (i, &g) in gradient.iter().enumerate() {
                let (mean, square) = &mut memory[l][i];
                *mean = 0.9 * *mean + 0.1 * g;
                *square = 0.99 * *square + 0.01 * g * g;
                weights[l][i] -= match rule {
                    Rule::Sgd => 0.2 * *mean,
                    Rule::Adam => 0.003 * *mean / (square.sqrt() + 1e-6),
                };
            }
        }
        if step % 50 == 0 {
            let tensors =
                (0..3).map(|l| (names[l], vec![SIDES[l + 1], SIDES[l]], weights[l].clone()));
            saved.push(Model::new(tensors.collect()));
        }
    }
    saved
}
