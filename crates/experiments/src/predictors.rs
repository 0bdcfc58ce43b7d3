//! What simple statistics of the weights predict: the test accuracy, and the hyperparameters.

mod accuracy;
mod hyperparameters;

use super::world::World;
use crate::findings::Findings;
use anyhow::Result;
use nalgebra::{DMatrix, DMatrixView};
use serde_json::{Map, Value};
use weightspace::statistics::statistics;
use zoo_training::Architecture;

const TEXT: &str = "\
After Unterthiner et al. (2020), the test accuracy of a model is predicted from 21 numbers: mean, \
variance and five quantiles of each of its three weight tensors. After Eilertsen et al. (2020), so are \
the hyperparameters it was trained with. Both by ridge regression, of the statistics alone and with all \
their squares and products; the penalty is chosen by cross-validation over seeds. Models of even seeds \
are learnt from, those of odd seeds are reported on.\n\n\
Over all epochs an R\u{b2} is high for anything that knows how far training has come. \"Beyond the epoch\" \
takes the mean of each epoch away first: 0 is what knowing the epoch alone gives. The authors \
predicted over zoos of many hyperparameters; here seed and epoch are all that differs, which is harder.";

pub(super) fn run(world: &World) -> Result<Findings> {
    let mut json = Map::new();
    let mut tables = Vec::new();
    for name in ["mlp", "cnn"] {
        let (table, found) = accuracy::table(world.zoo(name)?)?;
        tables.push(table);
        json.insert(format!("accuracy_{name}"), found);
    }
    let (table, found) = hyperparameters::table(world)?;
    tables.push(table);
    json.insert("hyperparameters".into(), found);
    Ok(Findings {
        title: "Related predictors: accuracy and hyperparameters from weight statistics",
        text: TEXT.into(),
        tables,
        json: Value::Object(json),
        ..Findings::default()
    })
}

/// Checkpoints x statistics.
fn features(architecture: Architecture, points: DMatrixView<'_, f32>) -> Result<DMatrix<f64>> {
    let layout = architecture.layout().iter();
    let tensors: Vec<usize> = layout.map(|tensor| tensor.parameters()).collect();
    Ok(statistics(points, &tensors)?.transpose())
}

/// Rows of the first kind, then those of the second.
fn halves(seeds: &[u64]) -> (Vec<usize>, Vec<usize>) {
    (0..seeds.len()).partition(|&row| seeds[row].is_multiple_of(2))
}
