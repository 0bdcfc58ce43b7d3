//! Whether checkpoints of one run can be told from those of another, by each measure.

use super::measures::{Measure, Measured};
use crate::world::World;
use anyhow::Result;
use rayon::prelude::*;
use report::figure::chart::{Axis, Panel, Series};
use report::figure::matrix::Matrix;
use report::table::{Column, Table};
use serde_json::{Map, Value, json};
use trajectory::spread::over_runs;
use weightspace::statistics::auroc;
use zoo::Trained;
use zoo_training::dataset::Images;

/// Epochs between the two checkpoints compared.
const LAGS: [usize; 3] = [1, 5, 20];
/// Epochs of the earlier one.
const STARTS: [usize; 5] = [1, 5, 10, 20, 30];

/// The measured checkpoints of some runs, by run and epoch.
pub(super) struct Zoo {
    pub(super) name: String,
    runs: Vec<Vec<Measured>>,
}

impl Zoo {
    pub(super) fn new(world: &World, trained: &Trained, images: &Images) -> Result<Self> {
        let recipe = &trained.zoo.recipe;
        let matrix = trained.points.matrix();
        let order = trained.points.true_order();
        let count = if world.quick { 10 } else { 50 };
        let measured = |&point: &u32| {
            let weights: Vec<f32> = matrix.column(point as usize).iter().copied().collect();
            Measured::new(recipe.architecture, recipe.inputs, &weights, images)
        };
        let runs = order.par_iter().take(count);
        Ok(Self {
            name: recipe.name.clone(),
            runs: runs
                .map(|points| points.iter().map(measured).collect())
                .collect::<Result<_>>()?,
        })
    }

    fn epochs(&self) -> usize {
        self.runs.iter().map(Vec::len).min().unwrap_or(0)
    }

    /// `[run][other]`: the difference of the run after `early` epochs and of the other after
    /// `late`.
    fn block(&self, measure: Measure, early: usize, late: usize) -> Result<Vec<Vec<f64>>> {
        let rows = self.runs.par_iter().map(|run| {
            let others = self.runs.iter();
            others
                .map(|other| measure.difference(&run[early - 1], &other[late - 1]))
                .collect()
        });
        rows.collect()
    }

    /// Mean difference of checkpoints of two runs after as many epochs.
    pub(super) fn unrelated(&self, measure: Measure, epoch: usize) -> Result<f64> {
        let block = self.block(measure, epoch, epoch)?;
        let (_, unrelated) = parted(&block);
        Ok(mean(&unrelated))
    }

    /// Length of all tails over all layers and checkpoints, a layer.
    pub(super) fn mean_tail(&self) -> f64 {
        let tails: Vec<f64> = self.runs.iter().flatten().map(|m| m.tail as f64).collect();
        mean(&tails) / 3.0
    }
}

/// The differences within runs, and those between runs.
fn parted(block: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let (mut own, mut unrelated) = (Vec::new(), Vec::new());
    for (i, row) in block.iter().enumerate() {
        for (j, &difference) in row.iter().enumerate() {
            let side = if i == j { &mut own } else { &mut unrelated };
            side.push(difference);
        }
    }
    (own, unrelated)
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// How well runs are told apart at one lag.
struct Separation {
    auroc: f64,
    /// Share of checkpoints whose least different checkpoint at the lag is of their own run.
    found: f64,
    /// Mean difference within a run, and between runs.
    own: f64,
    unrelated: f64,
    samples: usize,
}

fn separation(zoo: &Zoo, measure: Measure, lag: usize) -> Result<Option<Separation>> {
    let (mut areas, mut found, mut own, mut others) = (vec![], vec![], vec![], vec![]);
    for start in STARTS.into_iter().filter(|s| s + lag <= zoo.epochs()) {
        let block = zoo.block(measure, start, start + lag)?;
        let (within, between) = parted(&block);
        areas.push(auroc(&within, &between));
        for (i, row) in block.iter().enumerate() {
            let least = row.iter().copied().fold(f64::INFINITY, f64::min);
            let nearest = row.iter().filter(|&&d| d <= least).count();
            // A tie is a draw.
            found.push(if row[i] <= least {
                1.0 / nearest as f64
            } else {
                0.0
            });
        }
        own.extend(within);
        others.extend(between);
    }
    Ok((!areas.is_empty()).then(|| Separation {
        auroc: mean(&areas),
        found: mean(&found),
        own: mean(&own),
        unrelated: mean(&others),
        samples: found.len(),
    }))
}

/// How often the own run is the nearest at the longest lag, and of how many checkpoints.
pub(super) type Nearest = Vec<(Measure, (f64, usize))>;

/// The table of one zoo, its numbers, and those that sum it up.
pub(super) fn table(zoo: &Zoo) -> Result<(Table, Value, Nearest)> {
    let mut nearest = Nearest::new();
    let mut rows = Vec::new();
    let mut json = Map::new();
    let mut lags_shown = Vec::new();
    for measure in Measure::ALL {
        let mut by_lag = Vec::new();
        for lag in LAGS {
            by_lag.extend(separation(zoo, measure, lag)?.map(|s| (lag, s)));
        }
        lags_shown = by_lag.iter().map(|(lag, _)| *lag).collect();
        let mut row = vec![measure.name().to_owned()];
        row.extend(by_lag.iter().map(|(_, s)| format!("{:.3}", s.auroc)));
        row.extend(by_lag.iter().map(|(_, s)| format!("{:.3}", s.found)));
        if let Some((_, s)) = by_lag.last() {
            row.extend([s.own, s.unrelated].map(|d| format!("{d:.3}")));
            nearest.push((measure, (s.found, s.samples)));
        }
        rows.push(row);
        let numbers = by_lag.iter().map(|(lag, s)| {
            let value = json!({
                "auroc": s.auroc, "same_run_is_nearest": s.found,
                "difference_same_run": s.own, "difference_other_runs": s.unrelated,
                "n": s.samples,
            });
            (format!("lag_{lag}"), value)
        });
        json.insert(measure.key().into(), Value::Object(numbers.collect()));
    }
    let lag = |lag: &usize| match lag {
        1 => "1 epoch".to_owned(),
        lag => format!("{lag} epochs"),
    };
    let mut columns = vec![Column::text("compared by")];
    for group in ["AUROC, own run or other", "own run is the nearest"] {
        columns.extend(lags_shown.iter().map(|l| Column::number(group, &lag(l))));
    }
    let last = lags_shown.last().map(&lag).unwrap_or_default();
    let group = format!("mean difference after {last}");
    columns.push(Column::number(&group, "own run"));
    columns.push(Column::number(&group, "other runs"));
    let caption = format!(
        "{}: telling a checkpoint of the same run from one of {} other runs, some epochs later",
        zoo.name,
        zoo.runs.len() - 1
    );
    let table = Table {
        caption,
        columns,
        rows,
    };
    Ok((table, Value::Object(json), nearest))
}

/// Similarity of every checkpoint to the last one of its own run and of others.
pub(super) fn panel(zoo: &Zoo) -> Result<Panel> {
    let last = zoo.epochs();
    let epochs: Vec<u32> = (1..=last as u32).collect();
    let mut series = Vec::new();
    for (measure, name) in [
        (Measure::LastHiddenCka, "CKA"),
        (Measure::LastHiddenSvcca, "SVCCA"),
    ] {
        // Each run beside the one that comes after it.
        let to_the_last = |offset: usize| -> Result<Vec<Vec<f64>>> {
            let count = zoo.runs.len();
            let similarities = (0..count).into_par_iter().map(|run| {
                let end = &zoo.runs[run][last - 1];
                let other = zoo.runs[(run + offset) % count].iter().take(last);
                other
                    .map(|early| Ok(1.0 - measure.difference(end, early)?))
                    .collect()
            });
            similarities.collect()
        };
        let (own, unrelated) = (to_the_last(0)?, to_the_last(1)?);
        for (whose, values) in [("same run", &own), ("other runs", &unrelated)] {
            let name = format!("{name}, {whose}");
            let spread = over_runs(values)?;
            let points = epochs
                .iter()
                .zip(&spread)
                .map(|(&e, s)| (f64::from(e), s.median));
            let bands = spread.iter().map(|s| (s.quantile_10, s.quantile_90));
            series.push(Series::new(&name, points.collect()).with_intervals(bands.collect()));
        }
    }
    Ok(Panel {
        title: zoo.name.clone(),
        x: Axis::linear("epoch"),
        y: Axis::linear("similarity to the last epoch").within(0.0, 1.0),
        series,
        references: vec![],
    })
}

/// CKA of all checkpoints of two runs with each other.
pub(super) fn matrix(zoo: &Zoo) -> Result<Matrix> {
    let shown: Vec<&Measured> = zoo.runs.iter().take(2).flatten().collect();
    let names = zoo.runs.iter().take(2).enumerate();
    let names: Vec<String> = names
        .flat_map(|(run, points)| (1..=points.len()).map(move |e| format!("{run}: {e}")))
        .collect();
    let rows = shown.par_iter().map(|a| {
        let row = shown.iter();
        row.map(|b| Ok(1.0 - Measure::LastHiddenCka.difference(a, b)?))
            .collect::<Result<Vec<f64>>>()
    });
    Ok(Matrix {
        title: zoo.name.clone(),
        row_label: "run: epoch".into(),
        column_label: "run: epoch".into(),
        values: rows.collect::<Result<_>>()?,
        rows: names.clone(),
        columns: names,
        range: Some((0.0, 1.0)),
        value_label: "CKA, last hidden layer".into(),
        ..Matrix::default()
    })
}
