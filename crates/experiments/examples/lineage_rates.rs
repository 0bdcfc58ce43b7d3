//! How often the tests of `modeltrail lineage` are wrong, and how often they find what is there:
//! the tables of docs/lineage.md.
//!
//! ```sh
//! cargo run --release -p experiments --example lineage_rates -- zoos/mlp
//! ```
//!
//! Every run of the store is a training of its own. Unrelated pairs are final checkpoints of two
//! runs, related ones are two checkpoints of one. Permuted suspects get the order of an unrelated model.

use anyhow::{Context, Result};
use checkpoint_store::{Checkpoints, Store, TensorShape};
use rayon::prelude::*;
use std::collections::BTreeMap;
use weightspace::compare::{Paired, Tensor};
use weightspace::distance::distance;
use weightspace::matching::align;
use weightspace::relation::units::test;
use weightspace::relation::unrelated::outlier;

/// Runs that pairs are made of.
const RUNS: usize = 100;
/// Runs that a suspect is searched in.
const SEARCHED: usize = 10;

struct Zoo {
    checkpoints: Checkpoints,
    layout: Vec<(String, Vec<usize>)>,
    /// Columns of every run, by epoch.
    runs: Vec<Vec<usize>>,
}

fn main() -> Result<()> {
    let path = std::env::args().nth(1).context("name a store")?;
    let store = Store::open(&path)?;
    let zoo = Zoo::new(&store)?;
    let first = zoo.runs.first().context("the store is empty")?;
    println!(
        "{path}: {} runs taken, {} epochs each",
        zoo.runs.len(),
        first.len()
    );
    for (name, shape) in &zoo.layout {
        print!("{name} {shape:?}  ");
    }
    println!();
    unrelated(&zoo);
    related(&zoo);
    searched(&zoo, false);
    searched(&zoo, true);
    Ok(())
}

impl Zoo {
    fn new(store: &Store) -> Result<Self> {
        let checkpoints = store.load()?;
        let mut runs: BTreeMap<u64, Vec<(u32, usize)>> = BTreeMap::new();
        let matrix = checkpoints.matrix();
        for (column, label) in checkpoints.checkpoints().iter().enumerate() {
            runs.entry(label.run)
                .or_default()
                .push((label.epoch, column));
        }
        let is_finite = |run: &Vec<(u32, usize)>| {
            run.iter()
                .all(|&(_, column)| matrix.column(column).iter().all(|w| w.is_finite()))
        };
        let runs = runs
            .into_values()
            .filter(is_finite)
            .take(RUNS)
            .map(|mut run| {
                run.sort_unstable();
                run.into_iter().map(|(_, column)| column).collect()
            });
        let shape = |tensor: &TensorShape| {
            let sides = tensor.shape.iter().map(|&side| side as usize);
            (tensor.name.clone(), sides.collect())
        };
        Ok(Self {
            runs: runs.collect(),
            layout: store.layout().iter().map(shape).collect(),
            checkpoints,
        })
    }

    fn column(&self, column: usize) -> Vec<f32> {
        self.checkpoints
            .matrix()
            .column(column)
            .iter()
            .copied()
            .collect()
    }

    fn tensors<'a>(&'a self, mut values: &'a [f32]) -> Vec<Tensor<'a>> {
        let tensor = |(name, shape): &'a (String, Vec<usize>)| {
            let (own, rest) = values.split_at(shape.iter().product());
            values = rest;
            Tensor {
                name,
                shape,
                values: own,
            }
        };
        self.layout.iter().map(tensor).collect()
    }

    /// log₁₀ of the exact p-value.
    fn p(&self, a: usize, b: usize) -> f64 {
        let (a, b) = (self.column(a), self.column(b));
        let paired = Paired::new(&self.tensors(&a), &self.tensors(&b)).unwrap_or_default();
        test(&paired, 0).map_or(f64::NAN, |found| found.ln_p / std::f64::consts::LN_10)
    }

    fn last(&self, run: usize) -> usize {
        *self.runs[run].last().unwrap_or(&0)
    }

    /// ‖a − b‖ / √(‖a‖² + ‖b‖²), with b's units put in a's order if wanted.
    fn apart(&self, a: usize, b: &[f32], aligned: bool) -> f64 {
        let a = self.column(a);
        let norm = |values: &[f32]| values.iter().map(|&w| f64::from(w).powi(2)).sum::<f64>();
        let apart = if aligned {
            align(&self.tensors(&a), &self.tensors(b)).map_or(f64::NAN, |found| found.after)
        } else {
            distance(&a, b)
        };
        apart / (norm(&a) + norm(b)).sqrt()
    }

    /// A checkpoint with its hidden units in the order that is best for another.
    fn reordered(&self, column: usize, other: usize) -> Vec<f32> {
        let (values, other) = (self.column(column), self.column(other));
        let found = align(&self.tensors(&other), &self.tensors(&values));
        found.map_or(values, |found| {
            found.aligned.into_iter().flat_map(|(_, v)| v).collect()
        })
    }
}

fn unrelated(zoo: &Zoo) {
    let pairs: Vec<(usize, usize)> = (0..zoo.runs.len())
        .flat_map(|a| (a + 1..zoo.runs.len()).map(move |b| (a, b)))
        .collect();
    let logs: Vec<f64> = pairs
        .par_iter()
        .map(|&(a, b)| zoo.p(zoo.last(a), zoo.last(b)))
        .collect();
    print!("unrelated, exact test, {} pairs:", logs.len());
    for level in [0.5f64, 0.1, 0.05, 0.01, 0.001] {
        let below = logs.iter().filter(|&&log| log <= level.log10()).count();
        print!("  p <= {level}: {below}");
    }
    println!();
    let count = |is: fn(&(f64, f64)) -> bool| -> usize {
        let near = pairs.par_iter().map(|&(a, b)| {
            let values = zoo.column(zoo.last(b));
            let [stored, aligned] =
                [false, true].map(|aligned| zoo.apart(zoo.last(a), &values, aligned));
            (stored, aligned / stored)
        });
        near.filter(is).count()
    };
    println!(
        "unrelated, nearer than 0.65 of the distance of unrelated models: {}; fall to half by alignment: {}, to 0.3: {}",
        count(|pair| pair.0 <= 0.65),
        count(|pair| pair.1 <= 0.5),
        count(|pair| pair.1 <= 0.3)
    );
}

fn related(zoo: &Zoo) {
    let epochs = zoo.runs.first().map_or(0, Vec::len);
    for (from, to) in [
        (0, 1),
        (0, epochs / 4),
        (0, epochs - 1),
        (epochs / 2, epochs - 1),
    ] {
        let mut logs: Vec<f64> = zoo
            .runs
            .par_iter()
            .map(|run| zoo.p(run[from], run[to]))
            .collect();
        logs.sort_by(f64::total_cmp);
        let found = logs.iter().filter(|&&log| log <= -4.0).count();
        println!(
            "one run, place {from} and {to}, exact test: {found} of {} with p <= 1e-4, median log10 p {:.1}, largest {:.1}",
            logs.len(),
            logs[logs.len() / 2],
            logs[logs.len() - 1]
        );
    }
}

/// Suspects against the middle checkpoints of some runs, with and without the suspect's own.
fn searched(zoo: &Zoo, aligned: bool) {
    let how = if aligned {
        "permuted, aligned"
    } else {
        "as stored"
    };
    let suspects: Vec<usize> = (0..zoo.runs.len()).collect();
    for own in [false, true] {
        let found: Vec<Option<(f64, bool)>> = suspects
            .par_iter()
            .map(|&suspect| {
                let count = zoo.runs.len();
                let others = (1..).map(|step| (suspect + step) % count);
                let mut runs: Vec<usize> = others.take(SEARCHED - usize::from(own)).collect();
                let unrelated = (suspect + SEARCHED + 5) % count;
                let values = if aligned {
                    zoo.reordered(zoo.last(suspect), zoo.last(unrelated))
                } else {
                    zoo.column(zoo.last(suspect))
                };
                if own {
                    runs.push(suspect);
                }
                let middle = |run: usize| zoo.runs[run][zoo.runs[run].len() / 2];
                let mut apart: Vec<(f64, usize)> = runs
                    .iter()
                    .map(|&run| (zoo.apart(middle(run), &values, aligned), run))
                    .collect();
                apart.sort_by(|a, b| a.0.total_cmp(&b.0));
                let others: Vec<f64> = apart.iter().skip(1).map(|a| a.0).collect();
                let found = outlier(apart[0].0, &others)?;
                Some((found.ln_p, apart[0].1 == suspect))
            })
            .collect();
        let found: Vec<(f64, bool)> = found.into_iter().flatten().collect();
        print!(
            "{how}, against {SEARCHED} runs {} its own, {} suspects:",
            if own { "with" } else { "without" },
            found.len()
        );
        for level in [0.1f64, 0.05, 0.01, 0.001] {
            let below = found.iter().filter(|(ln_p, _)| *ln_p <= level.ln()).count();
            print!("  p <= {level}: {below}");
        }
        let right = found.iter().filter(|(_, right)| *right).count();
        println!("  own run nearest: {right}");
    }
}
