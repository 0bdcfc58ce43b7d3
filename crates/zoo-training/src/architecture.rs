//! The two architectures of the paper (its Table 1), without biases.

use crate::random::{Purpose, fill_normal, stream};
use serde::{Deserialize, Serialize};

/// A network shape. Parameters are laid out as PyTorch lays them out: tensor after tensor, each
/// row-major.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// 196 → 10 → 10 → 10 with sigmoids between: 2160 parameters.
    Mlp,
    /// conv 1→16 → max-pool → leaky ReLU → conv 16→8 → max-pool → leaky ReLU → linear 8→10:
    /// 1376 parameters. Both convolutions are 3x3, stride 2, padding 1; both pools 2x2; the
    /// leaky slope is 0.01.
    Cnn,
}

/// Name and shape of one weight tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// Name, as PyTorch would call it.
    pub name: &'static str,
    /// Shape, outermost first.
    pub shape: &'static [usize],
}

impl Tensor {
    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.shape.iter().product()
    }

    /// Inputs of one output unit.
    fn fan_in(&self) -> usize {
        self.shape[1..].iter().product()
    }
}

impl Architecture {
    /// The weight tensors in the order in which a checkpoint stores them.
    pub fn layout(self) -> &'static [Tensor] {
        const fn tensor(name: &'static str, shape: &'static [usize]) -> Tensor {
            Tensor { name, shape }
        }
        match self {
            Self::Mlp => {
                const {
                    &[
                        tensor("fc1.weight", &[10, 196]),
                        tensor("fc2.weight", &[10, 10]),
                        tensor("fc3.weight", &[10, 10]),
                    ]
                }
            }
            Self::Cnn => {
                const {
                    &[
                        tensor("conv1.weight", &[16, 1, 3, 3]),
                        tensor("conv2.weight", &[8, 16, 3, 3]),
                        tensor("fc.weight", &[10, 8]),
                    ]
                }
            }
        }
    }

    /// Number of parameters: 2160 or 1376.
    pub fn parameters(self) -> usize {
        self.layout().iter().map(Tensor::parameters).sum()
    }

    /// Name in recipes and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mlp => "mlp",
            Self::Cnn => "cnn",
        }
    }

    /// Initial weights of one model: Kaiming normal, fan-in, gain √2 (He et al. 2015).
    pub fn initial_weights(self, seed: u64) -> Vec<f32> {
        let mut rng = stream(seed, Purpose::Initialisation, 0);
        let mut weights = vec![0.0; self.parameters()];
        let mut rest = weights.as_mut_slice();
        for tensor in self.layout() {
            let (own, others) = rest.split_at_mut(tensor.parameters());
            fill_normal(own, (2.0 / tensor.fan_in() as f64).sqrt(), &mut rng);
            rest = others;
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_counts_are_the_papers() {
        assert_eq!(Architecture::Mlp.parameters(), 2160);
        assert_eq!(Architecture::Cnn.parameters(), 1376);
    }

    #[test]
    fn initial_weights_have_kaiming_variance_in_every_tensor() {
        for architecture in [Architecture::Mlp, Architecture::Cnn] {
            let models: Vec<_> = (0..200)
                .map(|seed| architecture.initial_weights(seed))
                .collect();
            let mut start = 0;
            for tensor in architecture.layout() {
                let range = start..start + tensor.parameters();
                start = range.end;
                let n = (models.len() * tensor.parameters()) as f64;
                let variance = models
                    .iter()
                    .flat_map(|m| &m[range.clone()])
                    .map(|&w| f64::from(w).powi(2))
                    .sum::<f64>()
                    / n;
                let expected = 2.0 / tensor.fan_in() as f64;
                assert!(
                    (variance / expected - 1.0).abs() < 0.05,
                    "{}: {variance} vs {expected}",
                    tensor.name
                );
            }
        }
    }
}
