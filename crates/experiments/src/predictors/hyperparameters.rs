//! Hyperparameters from weight statistics, of populations trained with many of them.

use super::{features, halves};
use crate::world::World;
use anyhow::Result;
use nalgebra::{DMatrix, DMatrixView};
use report::table::{Column, Table};
use serde_json::{Map, Value, json};
use weightspace::statistics::{Ridge, with_products};
use zoo_training::{Architecture, Dataset, Population, Recipe};

/// Factors of the recipe's learning rate and batch size, and what replaces its weight decay and
/// momentum.
const LEARNING_RATES: [f32; 3] = [0.3, 1.0, 3.0];
const BATCHES: [usize; 2] = [1, 4];
const WEIGHT_DECAYS: [f32; 2] = [0.0, 3e-4];
const MOMENTA: [f32; 2] = [0.8, 0.9];

/// What is predicted, and the number of values it may have.
const QUESTIONS: [(&str, usize); 4] = [
    ("learning rate", LEARNING_RATES.len()),
    ("batch size", BATCHES.len()),
    ("weight decay", WEIGHT_DECAYS.len()),
    ("momentum", MOMENTA.len()),
];

/// Models trained with all combinations.
struct Varied {
    statistics: DMatrix<f64>,
    seeds: Vec<u64>,
    /// By model, the number of the value for each question.
    answers: Vec<[usize; 4]>,
    diverged: usize,
}

/// The numbers of the values of every combination.
fn combinations() -> Vec<[usize; 4]> {
    let [rates, batches, decays, momenta] = QUESTIONS.map(|(_, values)| values);
    (0..rates * batches * decays * momenta)
        .map(|i| {
            let (i, momentum) = (i / momenta, i % momenta);
            let (i, decay) = (i / decays, i % decays);
            [i / batches, i % batches, decay, momentum]
        })
        .collect()
}

impl Varied {
    fn train(world: &World, recipe: &Recipe, epochs: u32) -> Result<Self> {
        let seeds = if world.quick { 6 } else { 30 };
        let data = world
            .data
            .take(if world.quick { 2_400 } else { usize::MAX }, 10);
        let mut varied = Self {
            statistics: DMatrix::zeros(0, 0),
            seeds: Vec::new(),
            answers: Vec::new(),
            diverged: 0,
        };
        let mut weights = Vec::new();
        for (number, answers) in combinations().into_iter().enumerate() {
            let trained = population(world, recipe, number, &answers, seeds, epochs, &data)?;
            for model in 0..trained.models() {
                let own = trained.model(model);
                if own.iter().all(|w| w.is_finite()) {
                    weights.extend_from_slice(own);
                    varied.seeds.push(trained.seeds[model]);
                    varied.answers.push(answers);
                } else {
                    varied.diverged += 1;
                }
            }
        }
        let parameters = recipe.architecture.parameters();
        let points = DMatrixView::from_slice(&weights, parameters, varied.seeds.len());
        varied.statistics = features(recipe.architecture, points)?;
        Ok(varied)
    }
}

fn population(
    world: &World,
    recipe: &Recipe,
    number: usize,
    &[rate, batch, decay, momentum]: &[usize; 4],
    seeds: usize,
    epochs: u32,
    data: &Dataset,
) -> Result<Population> {
    let recipe = Recipe {
        learning_rate: recipe.learning_rate * LEARNING_RATES[rate],
        batch_size: recipe.batch_size * BATCHES[batch],
        weight_decay: WEIGHT_DECAYS[decay],
        momentum: MOMENTA[momentum],
        seeds,
        // No two combinations share an initialisation, which would give it away.
        first_seed: (100_000 + 1_000 * number) as u64,
        ..recipe.clone()
    };
    let mut population = Population::initial(&recipe)?;
    for _ in 0..epochs {
        world.engine.train_epoch(&mut population, data, &|_| ())?;
    }
    Ok(population)
}

/// Share of the reported models whose value has the greatest prediction.
fn accuracy(varied: &Varied, features: &DMatrix<f64>, question: usize) -> Result<f64> {
    let (learnt, reported) = halves(&varied.seeds);
    let values = QUESTIONS[question].1;
    let targets = DMatrix::from_fn(learnt.len(), values, |i, value| {
        f64::from(u8::from(varied.answers[learnt[i]][question] == value))
    });
    let groups: Vec<usize> = (0..learnt.len()).collect();
    let fit = Ridge::fit(&features.select_rows(&learnt), &targets, &groups)?;
    let predicted = fit.predict(&features.select_rows(&reported));
    let right = predicted
        .row_iter()
        .zip(&reported)
        .filter(|(row, model)| row.transpose().argmax().0 == varied.answers[**model][question]);
    Ok(right.count() as f64 / reported.len() as f64)
}

/// Share of the reported models that have the value most frequent among those learnt from.
fn majority(varied: &Varied, question: usize) -> f64 {
    let (learnt, reported) = halves(&varied.seeds);
    let count = |rows: &[usize], value: usize| {
        let same = rows
            .iter()
            .filter(|&&row| varied.answers[row][question] == value);
        same.count()
    };
    let most = (0..QUESTIONS[question].1).max_by_key(|&value| count(&learnt, value));
    count(&reported, most.unwrap_or(0)) as f64 / reported.len() as f64
}

pub(super) fn table(world: &World) -> Result<(Table, Value)> {
    let epochs = if world.quick { 1 } else { 3 };
    let mut rows = Vec::new();
    let mut json = Map::new();
    for architecture in [Architecture::Mlp, Architecture::Cnn] {
        let recipe = Recipe::preset(architecture.name())?;
        let varied = Varied::train(world, &recipe, epochs)?;
        let products = with_products(&varied.statistics);
        let reported = halves(&varied.seeds).1.len();
        for (number, (question, _)) in QUESTIONS.into_iter().enumerate() {
            let found = [
                majority(&varied, number),
                accuracy(&varied, &varied.statistics, number)?,
                accuracy(&varied, &products, number)?,
            ];
            let mut row = vec![architecture.name().to_owned(), question.to_owned()];
            row.extend(found.map(|share| format!("{share:.3}")));
            row.push(reported.to_string());
            rows.push(row);
            let value = json!({
                "majority": found[0], "statistics": found[1], "statistics_and_products": found[2],
                "n": reported, "diverged": varied.diverged,
            });
            json.insert(format!("{}: {question}", architecture.name()), value);
        }
    }
    let table = Table {
        caption: format!(
            "Hyperparameters predicted from weight statistics after {epochs} epochs: share right, on \
             seeds that were not learnt from"
        ),
        columns: vec![
            Column::text("network"),
            Column::text("hyperparameter"),
            Column::number("most frequent value", ""),
            Column::number("statistics", ""),
            Column::number("with squares and products", ""),
            Column::number("n", ""),
        ],
        rows,
    };
    Ok((table, Value::Object(json)))
}
