//! Training and testing of one group of models on one device.

use super::network::{Matrices, join, outputs, split};
use super::table::Table;
use crate::dataset::CLASSES;
use crate::engine::{Metrics, Progress};
use crate::random::visiting_order;
use crate::{Architecture, Recipe};
use burn::tensor::{Device, Int, Tensor, TensorData, TensorReadError};

/// Models x images of one product at a test: bounds the memory, about 40 MB a tensor.
const TESTED_AT_ONCE: usize = 1 << 14;
/// Steps that may be queued on a device before their losses are read.
const STEPS_BETWEEN_READS: usize = 100;

/// Models that train in the same tensors.
pub(super) struct Group<'a> {
    pub(super) recipe: &'a Recipe,
    /// The epoch to train: 1, 2, 3, …
    pub(super) epoch: u32,
    pub(super) seeds: &'a [u64],
    pub(super) weights: &'a [f32],
    pub(super) velocity: &'a [f32],
}

/// A group after an epoch.
pub(super) struct Trained {
    pub(super) weights: Vec<f32>,
    pub(super) velocity: Vec<f32>,
    pub(super) metrics: Vec<Metrics>,
}

/// Trains every model for one epoch, then tests it.
pub(super) fn train(
    group: &Group<'_>,
    train: &Table,
    test: &Table,
    device: &Device,
    progress: Progress<'_>,
) -> Result<Trained, TensorReadError> {
    let Group { recipe, seeds, .. } = group;
    let (models, images) = (seeds.len(), train.len());
    let mut weights = upload(recipe.architecture, group.weights, device);
    let mut velocity = upload(recipe.architecture, group.velocity, device);
    let order = order(group, images, device);
    let none = Tensor::zeros([models], device);

    let (mut losses, mut unread, mut steps) = (vec![0.0; models], none.clone(), 0);
    for start in (0..images).step_by(recipe.batch_size) {
        let batch = recipe.batch_size.min(images - start);
        let rows = order.clone().narrow(0, start * models, batch * models);
        let pick = |table: &Tensor<2>| {
            let width = table.dims()[1];
            table
                .clone()
                .select(0, rows.clone())
                .reshape([models, batch, width])
        };
        let (inputs, targets) = (pick(&train.inputs), pick(&train.targets));
        unread = unread + step(recipe, &mut weights, &mut velocity, inputs, targets);
        steps += 1;
        if steps == STEPS_BETWEEN_READS || start + batch == images {
            add(&mut losses, std::mem::replace(&mut unread, none.clone()))?;
            progress((steps * models) as u64);
            steps = 0;
        }
    }

    let mut metrics = self::test(recipe.architecture, &weights, test)?;
    for (metrics, loss) in metrics.iter_mut().zip(losses) {
        metrics.train_loss = (loss / (images * CLASSES) as f64) as f32;
    }
    Ok(Trained {
        weights: download(weights)?,
        velocity: download(velocity)?,
        metrics,
    })
}

/// One step of SGD on inputs [M, B, _] and one-hot targets [M, B, classes]; returns each model's
/// sum of squared errors, [M].
fn step(
    recipe: &Recipe,
    weights: &mut Matrices,
    velocity: &mut Matrices,
    inputs: Tensor<3>,
    targets: Tensor<3>,
) -> Tensor<1> {
    let tracked = weights
        .clone()
        .map(|matrix| matrix.autodiff().require_grad());
    let squares = (outputs(recipe.architecture, &tracked, inputs) - targets).square();
    let [_, batch, classes] = squares.dims();
    let errors = squares.clone().inner().sum_dims_squeeze(&[1, 2]);
    // The sum over models keeps them apart: no term depends on the weights of two.
    let mut gradients = (squares.sum() / (batch * classes) as f32).backward();

    for ((weights, velocity), tracked) in weights.iter_mut().zip(velocity).zip(tracked) {
        // A loss that does not depend on a matrix has no entry for it.
        let gradient = tracked
            .grad_remove(&mut gradients)
            .unwrap_or_else(|| weights.zeros_like());
        drop(tracked);
        let gradient = gradient + weights.clone() * recipe.weight_decay;
        velocity.inplace(|velocity| velocity * recipe.momentum + gradient);
        weights.inplace(|weights| weights - velocity.clone() * recipe.learning_rate);
    }
    errors
}

/// Tests every model; the training loss is NaN.
pub(super) fn test(
    architecture: Architecture,
    weights: &Matrices,
    table: &Table,
) -> Result<Vec<Metrics>, TensorReadError> {
    let (models, images) = (weights[0].dims()[0], table.len());
    let at_once = (TESTED_AT_ONCE / models).max(1);
    let (mut losses, mut hits) = (vec![0.0; models], vec![0.0; models]);
    for start in (0..images).step_by(at_once) {
        let batch = at_once.min(images - start);
        let shared = |table: &Tensor<2>| table.clone().narrow(0, start, batch).unsqueeze::<3>();
        let targets = shared(&table.targets);
        let outputs = outputs(architecture, weights, shared(&table.inputs));
        let answers = outputs.clone().argmax(2);
        let hit = answers.equal(targets.clone().argmax(2).expand([models, batch, 1]));
        add(&mut hits, hit.float().sum_dims_squeeze(&[1, 2]))?;
        add(
            &mut losses,
            (outputs - targets).square().sum_dims_squeeze(&[1, 2]),
        )?;
    }
    let metrics = losses.iter().zip(hits).map(|(loss, hits)| Metrics {
        train_loss: f32::NAN,
        test_loss: (loss / (images * CLASSES) as f64) as f32,
        test_accuracy: (hits / images as f64) as f32,
    });
    Ok(metrics.collect())
}

/// The images that each step visits, step after step, model after model.
fn order(group: &Group<'_>, images: usize, device: &Device) -> Tensor<1, Int> {
    let order_of = |&seed| visiting_order(seed, group.epoch, images);
    let orders: Vec<Vec<u32>> = group.seeds.iter().map(order_of).collect();
    let mut steps = Vec::with_capacity(images * orders.len());
    for start in (0..images).step_by(group.recipe.batch_size) {
        let end = images.min(start + group.recipe.batch_size);
        steps.extend(
            orders
                .iter()
                .flat_map(|order| &order[start..end])
                .map(|&image| image as i32),
        );
    }
    let length = steps.len();
    Tensor::from_data(TensorData::new(steps, [length]), device)
}

/// Puts columns of weights, or of velocities, on a device.
pub(super) fn upload(architecture: Architecture, columns: &[f32], device: &Device) -> Matrices {
    let parameters = architecture.parameters();
    let data = TensorData::new(columns.to_vec(), [columns.len() / parameters, parameters]);
    split(architecture, &Tensor::from_data(data, device))
}

fn download(matrices: Matrices) -> Result<Vec<f32>, TensorReadError> {
    join(matrices).try_into_vec_as()
}

/// Waits for the device, and adds in f64 what it has summed up in f32.
fn add(sums: &mut [f64], terms: Tensor<1>) -> Result<(), TensorReadError> {
    for (sum, term) in sums.iter_mut().zip(terms.try_into_vec_as::<f32>()?) {
        *sum += f64::from(term);
    }
    Ok(())
}
