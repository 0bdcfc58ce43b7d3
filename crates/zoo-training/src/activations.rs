//! What each layer of a trained model answers to given images.
//!
//! A plain forward pass, one image after the other, for measures that compare models by what they
//! do rather than by their weights. Engines are many times faster, but keep no activations.

use crate::dataset::{Images, PIXELS, SIDE};
use crate::{Architecture, Error, Inputs};

/// The answers of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Name of the weight tensor that feeds it.
    pub name: &'static str,
    /// Number of units; those of a convolution are its channels x rows x columns after pooling.
    pub units: usize,
    /// Units x images, image after image: what the layer hands on, after its nonlinearity. The
    /// last layer has none.
    pub values: Vec<f32>,
}

/// The activations of every layer of one model, the outputs last.
///
/// Takes about 2 thousand (MLP) or 12 thousand (CNN) multiplications an image. A model that
/// diverged has activations that are not finite.
///
/// # Errors
/// [`Error::Shape`] when `weights` are not one model's.
pub fn activations(
    architecture: Architecture,
    inputs: Inputs,
    weights: &[f32],
    images: &Images,
) -> Result<Vec<Layer>, Error> {
    if weights.len() != architecture.parameters() {
        return Err(Error::Shape {
            recipe: architecture.name().to_owned(),
            models: 1,
            what: "weights",
            expected: architecture.parameters(),
            found: weights.len(),
        });
    }
    let mut rest = weights;
    let mut tensors = [&[][..]; 3];
    let mut layers = Vec::new();
    for (tensor, own) in architecture.layout().iter().zip(&mut tensors) {
        let (these, others) = rest.split_at(tensor.parameters());
        (*own, rest) = (these, others);
        layers.push(Layer {
            name: tensor.name,
            units: 0,
            values: Vec::new(),
        });
    }
    let mut pixels = [0.0_f32; PIXELS];
    for index in 0..images.len() {
        for (pixel, &grey) in pixels.iter_mut().zip(images.image(index)) {
            *pixel = (f32::from(grey) / 255.0 - inputs.mean) / inputs.standard_deviation;
        }
        let (first, second) = match architecture {
            Architecture::Mlp => {
                let first = sigmoid(linear(&pixels, tensors[0]));
                let second = sigmoid(linear(&first, tensors[1]));
                (first, second)
            }
            Architecture::Cnn => {
                let first = convolution(&pixels, SIDE, 1, tensors[0]);
                let second = convolution(&first, 3, 16, tensors[1]);
                (first, second)
            }
        };
        let outputs = linear(&second, tensors[2]);
        for (layer, values) in layers.iter_mut().zip([first, second, outputs]) {
            layer.units = values.len();
            layer.values.extend(values);
        }
    }
    Ok(layers)
}

fn linear(input: &[f32], weights: &[f32]) -> Vec<f32> {
    let rows = weights.chunks_exact(input.len());
    rows.map(|row| row.iter().zip(input).map(|(w, x)| w * x).sum())
        .collect()
}

fn sigmoid(mut values: Vec<f32>) -> Vec<f32> {
    for x in &mut values {
        *x = 1.0 / (1.0 + libm::expf(-*x));
    }
    values
}

/// 3x3, stride 2, padding 1; then the largest of each 2x2, an odd last row and column dropped; then
/// a leaky ReLU.
fn convolution(input: &[f32], side: usize, channels: usize, weights: &[f32]) -> Vec<f32> {
    let half = side.div_ceil(2);
    let pooled = half / 2;
    let mut output = Vec::with_capacity(weights.len() / (channels * 9) * pooled * pooled);
    for filter in weights.chunks_exact(channels * 9) {
        let at = |row: usize, column: usize| -> f32 {
            let mut sum = 0.0;
            for (channel, taps) in filter.chunks_exact(9).enumerate() {
                let plane = &input[channel * side * side..][..side * side];
                for (tap, weight) in taps.iter().enumerate() {
                    // One more than the true place, so that the padding is at 0.
                    let (y, x) = (2 * row + tap / 3, 2 * column + tap % 3);
                    if (1..=side).contains(&y) && (1..=side).contains(&x) {
                        sum += weight * plane[(y - 1) * side + x - 1];
                    }
                }
            }
            sum
        };
        for place in 0..pooled * pooled {
            let (row, column) = (2 * (place / pooled), 2 * (place % pooled));
            let largest = at(row, column)
                .max(at(row, column + 1))
                .max(at(row + 1, column))
                .max(at(row + 1, column + 1));
            output.push(if largest < 0.0 {
                0.01 * largest
            } else {
                largest
            });
        }
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::CLASSES;
    use crate::{Dataset, Engine, Population, Recipe};

    #[test]
    fn the_outputs_have_the_loss_and_the_accuracy_that_the_engine_reports() {
        let data = Dataset::mnist14().unwrap().take(1200, 300);
        let engine = crate::fused::Fused::new();
        for name in ["mlp", "cnn", "mlp-hard"] {
            let recipe = Recipe {
                seeds: 3,
                ..Recipe::preset(name).unwrap()
            };
            let mut population = Population::initial(&recipe).unwrap();
            let metrics = engine.train_epoch(&mut population, &data, &|_| ()).unwrap();
            for (model, metrics) in metrics.iter().enumerate() {
                let layers = activations(
                    recipe.architecture,
                    recipe.inputs,
                    population.model(model),
                    &data.test,
                )
                .unwrap();
                let (mut loss, mut right) = (0.0, 0);
                let outputs = layers[2].values.chunks_exact(CLASSES);
                for (outputs, &label) in outputs.zip(&data.test.labels) {
                    let label = usize::from(label);
                    for (class, &y) in outputs.iter().enumerate() {
                        loss += (f64::from(y) - f64::from(u8::from(class == label))).powi(2);
                    }
                    right += usize::from(outputs.iter().all(|&y| y <= outputs[label]));
                }
                loss /= (data.test.len() * CLASSES) as f64;
                let accuracy = right as f32 / data.test.len() as f32;
                let error = (loss / f64::from(metrics.test_loss) - 1.0).abs();
                assert!(error < 1e-5, "{name}: {loss} and {}", metrics.test_loss);
                assert_eq!(accuracy, metrics.test_accuracy, "{name}");
            }
        }
    }

    #[test]
    fn every_layer_has_the_units_of_the_table() {
        let images = Dataset::mnist14().unwrap().test.take(2);
        for (architecture, units) in [
            (Architecture::Mlp, [10, 10, 10]),
            (Architecture::Cnn, [144, 8, 10]),
        ] {
            let weights = architecture.initial_weights(0);
            let layers = activations(architecture, Inputs::UNIT, &weights, &images).unwrap();
            assert_eq!([0, 1, 2].map(|i| layers[i].units), units);
            assert!(layers.iter().all(|l| l.values.len() == 2 * l.units));
            let none = activations(architecture, Inputs::UNIT, &weights, &Images::default());
            assert!(none.unwrap().iter().all(|l| l.values.is_empty()));
            let short = activations(architecture, Inputs::UNIT, &weights[1..], &images);
            assert!(matches!(short, Err(Error::Shape { .. })));
        }
    }
}
