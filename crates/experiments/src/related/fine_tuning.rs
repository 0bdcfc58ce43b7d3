//! What each measure sees when training goes on, on the same data or on other data.

use super::identity::{Zoo, mean};
use super::measures::{Measure, Measured};
use crate::world::World;
use anyhow::Result;
use rayon::prelude::*;
use report::figure::chart::{Axis, Panel, Reference, Series, Style};
use report::table::{Column, Table};
use serde_json::{Map, Value, json};
use weightspace::statistics::auroc;
use zoo_training::dataset::Images;
use zoo_training::{Dataset, Population, Recipe};

/// Seeds of the continuations' shuffles, away from all others.
const OTHER_SHUFFLE: u64 = 1 << 32;

/// How training goes on.
#[derive(Clone, Copy, PartialEq)]
enum Change {
    Nothing,
    Shuffle,
    LabelNoise,
    NoThrees,
    SlightTurn,
    QuarterTurn,
    Labels,
}

impl Change {
    const ALL: [Self; 7] = [
        Self::Nothing,
        Self::Shuffle,
        Self::LabelNoise,
        Self::NoThrees,
        Self::SlightTurn,
        Self::QuarterTurn,
        Self::Labels,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "as before",
            Self::Shuffle => "new shuffle",
            Self::LabelNoise => "label noise 20 %",
            Self::NoThrees => "one class dropped",
            Self::SlightTurn => "turned by 15°",
            Self::QuarterTurn => "turned by 90°",
            Self::Labels => "labels permuted",
        }
    }

    fn of(self, images: &Images) -> Images {
        match self {
            Self::Nothing | Self::Shuffle => images.clone(),
            Self::LabelNoise => images.with_label_noise(0.2, 0),
            // As many images as before, so that the number of steps is no cue.
            Self::NoThrees => images.only(|_, label| label != 3).repeated(images.len()),
            Self::SlightTurn => images.rotated(15.0),
            Self::QuarterTurn => images.rotated(90.0),
            Self::Labels => images.with_permuted_labels(),
        }
    }
}

/// Differences of one continuation.
struct Branch {
    change: Change,
    /// `[measure][run]`: of the checkpoints before and after the first epoch on.
    first_step: Vec<Vec<f64>>,
    /// `[measure][epochs since]`: to the checkpoint at the change, mean over runs.
    since: Vec<Vec<f64>>,
}

pub(super) struct FineTuning {
    pub(super) name: String,
    runs: usize,
    epoch: usize,
    /// `[measure][run]`: of the last two checkpoints before the change.
    before: Vec<Vec<f64>>,
    branches: Vec<Branch>,
}

impl FineTuning {
    pub(super) fn new(world: &World, recipe: &Recipe, images: &Images) -> Result<Self> {
        let (runs, epoch, further) = if world.quick { (10, 4, 2) } else { (32, 25, 6) };
        // Seeds that no zoo has.
        let recipe = Recipe {
            seeds: runs,
            first_seed: 10_000,
            ..recipe.clone()
        };
        let data = if world.quick {
            world.data.take(6_000, 10)
        } else {
            world.data.take(usize::MAX, 10)
        };
        let measured = |population: &Population| -> Result<Vec<Measured>> {
            (0..runs)
                .into_par_iter()
                .map(|run| {
                    let weights = population.model(run);
                    Measured::new(recipe.architecture, recipe.inputs, weights, images)
                })
                .collect()
        };
        let mut trunk = Population::initial(&recipe)?;
        for _ in 1..epoch {
            world.engine.train_epoch(&mut trunk, &data, &|_| ())?;
        }
        let earlier = measured(&trunk)?;
        world.engine.train_epoch(&mut trunk, &data, &|_| ())?;
        let fork = measured(&trunk)?;
        let mut branches = Vec::new();
        for change in Change::ALL {
            let mut branch = trunk.clone();
            if change == Change::Shuffle {
                branch.seeds.iter_mut().for_each(|s| *s += OTHER_SHUFFLE);
            }
            let data = Dataset {
                train: change.of(&data.train),
                ..data.clone()
            };
            let mut first_step = Vec::new();
            let mut since = vec![vec![0.0]; Measure::ALL.len()];
            for step in 1..=further {
                world.engine.train_epoch(&mut branch, &data, &|_| ())?;
                let differences = differences(&fork, &measured(&branch)?)?;
                for (values, by_run) in since.iter_mut().zip(&differences) {
                    values.push(mean(by_run));
                }
                if step == 1 {
                    first_step = differences;
                }
            }
            branches.push(Branch {
                change,
                first_step,
                since,
            });
        }
        Ok(Self {
            name: recipe.name.clone(),
            runs,
            epoch,
            before: differences(&earlier, &fork)?,
            branches,
        })
    }

    /// AUROC of the first epoch on against the first epoch of an unchanged training: of the
    /// difference itself, and of its ratio to the difference of the epoch before.
    fn separation(&self, measure: usize, branch: &Branch) -> (f64, f64) {
        let relative = |steps: &[f64]| -> Vec<f64> {
            let pairs = steps.iter().zip(&self.before[measure]);
            // Two equal spectra make a ratio of nothing by nothing.
            pairs.map(|(now, before)| now / before.max(1e-12)).collect()
        };
        let normal = &self.branches[0].first_step[measure];
        let changed = &branch.first_step[measure];
        let plain = auroc(normal, changed);
        (plain, auroc(&relative(normal), &relative(changed)))
    }

    pub(super) fn table(&self) -> (Table, Value) {
        let changes = &self.branches[1..];
        let mut columns = vec![Column::text("compared by")];
        let names = changes.iter().map(|b| b.change.name());
        columns.extend(names.map(|name| Column::number("", name)));
        let mut rows = Vec::new();
        let mut json = Map::new();
        for (number, measure) in Measure::ALL.into_iter().enumerate() {
            let areas = changes.iter().map(|b| self.separation(number, b));
            let (plain, relative): (Vec<f64>, Vec<f64>) = areas.unzip();
            for (values, what) in [(&plain, ""), (&relative, ", by the epoch before")] {
                let mut row = vec![format!("{}{what}", measure.name())];
                row.extend(values.iter().map(|a| format!("{a:.3}")));
                rows.push(row);
            }
            let of_branches = changes.iter().zip(plain.iter().zip(&relative)).map(
                |(branch, (plain, relative))| {
                    let value = json!({
                        "auroc": plain, "auroc_relative": relative,
                        "difference_by_epochs_since": branch.since[number],
                    });
                    (branch.change.name().to_owned(), value)
                },
            );
            json.insert(measure.key().into(), Value::Object(of_branches.collect()));
        }
        json.insert("n".into(), json!(self.runs));
        let caption = format!(
            "{}: AUROC of one epoch after a change at epoch {} against one epoch more without it, \
             {} runs each",
            self.name, self.epoch, self.runs
        );
        let table = Table {
            caption,
            columns,
            rows,
        };
        (table, Value::Object(json))
    }

    /// Similarity to the checkpoint at the change, beside that of two runs that never met.
    pub(super) fn similarities(&self, zoo: &Zoo) -> Result<Table> {
        const SHOWN: [(usize, Measure, &str); 2] = [
            (1, Measure::LastHiddenCka, "CKA, last hidden layer"),
            (2, Measure::LastHiddenSvcca, "SVCCA, last hidden layer"),
        ];
        let further = self.branches[0].since[0].len() - 1;
        let mut columns = vec![Column::text("training goes on")];
        for (_, _, group) in SHOWN {
            columns.push(Column::number(group, "1 epoch"));
            columns.push(Column::number(group, &format!("{further} epochs")));
        }
        let mut rows = Vec::new();
        for branch in &self.branches {
            let mut row = vec![branch.change.name().to_owned()];
            for (number, ..) in SHOWN {
                let since = &branch.since[number];
                row.extend([since[1], since[further]].map(|d| format!("{:.3}", 1.0 - d)));
            }
            rows.push(row);
        }
        let mut row = vec!["two runs that never met".to_owned()];
        for (_, measure, _) in SHOWN {
            let similarity = format!("{:.3}", 1.0 - zoo.unrelated(measure, self.epoch)?);
            row.extend([similarity.clone(), similarity]);
        }
        rows.push(row);
        Ok(Table {
            caption: format!(
                "{}: similarity to the checkpoint at epoch {}, mean of {} runs",
                self.name, self.epoch, self.runs
            ),
            columns,
            rows,
        })
    }

    /// Similarity to the checkpoint at the change, by epochs since.
    pub(super) fn panel(&self, measure: Measure, zoo: &Zoo) -> Result<Panel> {
        let number = Measure::ALL.iter().position(|&m| m == measure).unwrap_or(0);
        let series = self.branches.iter().map(|branch| {
            let points = branch.since[number].iter().enumerate();
            let points = points.map(|(i, d)| (i as f64, 1.0 - d)).collect();
            let series = Series::new(branch.change.name(), points).styled(Style::LineAndMarkers);
            match branch.change {
                Change::Nothing | Change::Shuffle => series.styled(Style::Line).as_baseline(),
                _ => series,
            }
        });
        let unrelated = 1.0 - zoo.unrelated(measure, self.epoch)?;
        Ok(Panel {
            title: format!("{}: {}", self.name, measure.name()),
            x: Axis::linear("epochs since the change"),
            y: Axis::linear("similarity to the fork"),
            series: series.collect(),
            references: vec![Reference::horizontal("two runs that never met", unrelated)],
        })
    }
}

/// `[measure][run]`.
fn differences(before: &[Measured], after: &[Measured]) -> Result<Vec<Vec<f64>>> {
    let of_measure = |measure: Measure| {
        let pairs = before.par_iter().zip(after);
        pairs.map(|(a, b)| measure.difference(a, b)).collect()
    };
    Measure::ALL.into_iter().map(of_measure).collect()
}
