//! The paper's figures 3 to 9, the geometry of the trajectories, and the training curves.

use crate::zoos::SEED;
use anyhow::Result;
use experiments::Figure;
use modeltrail_cli::progress::Stages;
use nalgebra::DMatrix;
use report::Scale;
use report::figure::{
    self, Embedding, Leaf, ModelStatistics, RunDendrogram, Trajectory, TrajectoryPoint,
    WeightStatistics, ZooDendrogram, ZooGeometry, ZooTraining,
};
use report::linkage::{Linkage, Merge};
use trajectory::dendrogram::Dendrogram;
use trajectory::geometry::of_runs;
use trajectory::spread::{Spread, over_runs};
use weightspace::moments::moments;
use weightspace::space::Space;
use weightspace::umap::{Parameters, embed};
use zoo::{Analysed, analyse};

/// Stages of [`draw`]: three layouts and the rest.
pub(super) const STAGES: usize = 4;
/// Runs of the paper's figure 4.
const FEW: usize = 5;
/// Dimension of the paper's figure 7.
const REDUCED: usize = 50;

/// All figures, and the layouts for the interactive one.
pub(super) fn draw(
    zoos: &[Analysed],
    controls: &[Analysed],
    stages: &Stages,
) -> Result<(Vec<Figure>, Vec<Embedding>)> {
    let mut views = Vec::new();
    for zoo in zoos {
        views.push(stages.stage("UMAP", || layout(zoo, Space::Full))?);
    }
    if let Some(cnn) = zoos.last() {
        // Few checkpoints have few dimensions.
        let rank = cnn.svd.singular_values().len().min(REDUCED);
        views.push(stages.stage("UMAP", || layout(cnn, Space::Svd(rank)))?);
    }
    let figures = stages.stage("figures", || {
        let mut figures = vec![statistics(zoos)?, few_runs(zoos)?];
        figures.extend(
            views
                .iter()
                .zip(["5", "6", "7"])
                .map(|(view, number)| drawn(view, number)),
        );
        for (zoo, number) in zoos.iter().zip(["8", "9"]) {
            figures.push(dendrogram(zoo, number)?);
        }
        figures.push(geometry(zoos)?);
        figures.push(training(zoos, "training-curves")?);
        if !controls.is_empty() {
            figures.push(training(controls, "training-curves-controls")?);
        }
        anyhow::Ok(figures)
    })?;
    Ok((figures, views))
}

fn layout(zoo: &Analysed, space: Space) -> Result<Embedding> {
    let projected = space.project_with(zoo.points.matrix(), &zoo.svd)?;
    let parameters = Parameters {
        seed: SEED,
        ..Parameters::default()
    };
    let layout = embed(projected.matrix(), &parameters)?;
    let in_space = match space {
        Space::Full => "full weight space".to_owned(),
        Space::Svd(rank) => format!("SVD to {rank} dimensions"),
    };
    let point = |&point: &u32| {
        let checkpoint = &zoo.points.checkpoints()[point as usize];
        let [x, y] = layout.positions[point as usize];
        TrajectoryPoint {
            x: f64::from(x),
            y: f64::from(y),
            epoch: checkpoint.epoch,
            accuracy: checkpoint.test_accuracy.map_or(f64::NAN, f64::from),
        }
    };
    Ok(Embedding {
        title: format!(
            "{}, {in_space}: {} runs",
            zoo.architecture(),
            zoo.points.runs().len()
        ),
        x_label: "UMAP 1".to_owned(),
        y_label: "UMAP 2".to_owned(),
        ticks: false,
        trajectories: zoo
            .points
            .true_order()
            .iter()
            .zip(zoo.points.runs())
            .map(|(order, seed)| Trajectory {
                run: format!("seed {seed}"),
                points: order.iter().map(point).collect(),
            })
            .collect(),
    })
}

fn drawn(view: &Embedding, number: &str) -> Figure {
    Figure {
        name: format!("figure-{number}-umap"),
        caption: format!(
            "The paper's figure {number}: UMAP, {}. One colour a run; points grow and gain colour \
             with the epoch. Distances between far-apart groups mean nothing in such a picture.",
            view.title
        ),
        svg: figure::embedding(view, &[0, 1, 2, 3, 4]),
    }
}

fn statistics(zoos: &[Analysed]) -> Result<Figure> {
    let mut panels = Vec::new();
    for zoo in zoos.iter().rev() {
        let last = zoo.zoo.recipe.epochs;
        let models = zoo
            .points
            .checkpoints()
            .iter()
            .zip(moments(zoo.points.matrix())?);
        panels.push(WeightStatistics {
            title: format!("{}, epoch {last}", zoo.architecture()),
            models: models
                .filter(|(checkpoint, _)| checkpoint.epoch == last)
                .map(|(checkpoint, moments)| ModelStatistics {
                    mean: moments.mean,
                    standard_deviation: moments.standard_deviation,
                    accuracy: checkpoint.test_accuracy.map_or(f64::NAN, f64::from),
                })
                .collect(),
        });
    }
    Ok(Figure {
        name: "figure-3-weight-statistics".to_owned(),
        caption: "The paper's figure 3: mean and standard deviation of all weights of each model \
                  after the last epoch, coloured by test accuracy."
            .to_owned(),
        svg: figure::weight_statistics(&panels),
    })
}

fn linkage(dendrogram: &Dendrogram) -> Result<Linkage> {
    let merges = dendrogram.merges().iter().map(|merge| Merge {
        left: merge.left as usize,
        right: merge.right as usize,
        height: merge.height,
    });
    Ok(Linkage::new(dendrogram.leaves(), merges.collect())?)
}

fn few_runs(zoos: &[Analysed]) -> Result<Figure> {
    let mut panels = Vec::new();
    for zoo in zoos {
        let truth = zoo.points.truth();
        let mut columns: Vec<usize> = (0..truth.runs.len()).collect();
        columns.retain(|&point| (truth.runs[point] as usize) < FEW);
        let points: DMatrix<f32> = zoo.points.matrix().select_columns(&columns);
        let runs: Vec<u32> = columns.iter().map(|&point| truth.runs[point]).collect();
        let epochs: Vec<u32> = columns.iter().map(|&point| truth.epochs[point]).collect();
        let few = zoo::Truth {
            runs: &runs,
            epochs: &epochs,
        };
        let count = FEW.min(zoo.points.runs().len());
        let found = analyse(points.as_view(), few, count, SEED)?;
        panels.push(RunDendrogram {
            title: zoo.architecture(),
            linkage: linkage(&found.dendrogram)?,
            leaves: runs
                .iter()
                .zip(&epochs)
                .map(|(&run, &epoch)| Leaf {
                    run: run as usize,
                    epoch,
                })
                .collect(),
            run_names: zoo.points.runs()[..count]
                .iter()
                .map(|seed| format!("seed {seed}"))
                .collect(),
            detail: 0,
        });
    }
    Ok(Figure {
        name: "figure-4-dendrogram-of-5-runs".to_owned(),
        caption: format!(
            "The paper's figure 4: single-linkage dendrograms of {FEW} models, one of them in \
             detail with its epochs beneath."
        ),
        svg: figure::run_dendrograms(&panels)?,
    })
}

fn dendrogram(zoo: &Analysed, number: &str) -> Result<Figure> {
    let (_, found) = &zoo.spaces[0];
    let runs = zoo.points.runs().len();
    let title = format!(
        "{}: {} checkpoints of {runs} runs, full weight space",
        zoo.architecture(),
        zoo.points.checkpoints().len()
    );
    Ok(Figure {
        name: format!("figure-{number}-dendrogram"),
        caption: format!(
            "The paper's figure {number}: dendrogram of {title}. Clusters of one run have its \
             colour, mixed ones are black, what joins them is grey."
        ),
        svg: figure::zoo_dendrogram(&ZooDendrogram {
            title,
            linkage: linkage(&found.dendrogram)?,
            leaf_runs: zoo
                .points
                .truth()
                .runs
                .iter()
                .map(|&run| run as usize)
                .collect(),
            clusters: runs,
            scale: Scale::Linear,
        })?,
    })
}

fn geometry(zoos: &[Analysed]) -> Result<Figure> {
    let mut panels = Vec::new();
    for zoo in zoos {
        let geometry = of_runs(zoo.points.matrix(), &zoo.points.true_order())?;
        let last = zoo.zoo.recipe.epochs;
        panels.push(ZooGeometry {
            name: zoo.architecture(),
            step_epochs: (2..=last).collect(),
            step_lengths: quantiles(geometry.iter().map(|run| run.step_length.clone()))?,
            turn_epochs: (2..last).collect(),
            turning_angles: quantiles(geometry.iter().map(|run| {
                let angles = run.turning_angle.iter();
                angles.map(|angle| angle.to_degrees()).collect()
            }))?,
        });
    }
    Ok(Figure {
        name: "steps-and-turns".to_owned(),
        caption: "Length of the step that ends at each epoch, and the angle between the steps \
                  before and after it: median over runs, quartiles, and 10 to 90 %."
            .to_owned(),
        svg: figure::geometry(&panels),
    })
}

fn training(zoos: &[Analysed], name: &str) -> Result<Figure> {
    let zoos: Result<Vec<ZooTraining>> = zoos
        .iter()
        .map(|zoo| {
            let orders = zoo.points.true_order();
            let metric = |of: fn(&checkpoint_store::Checkpoint) -> Option<f32>| {
                let value = |&point: &u32| {
                    of(&zoo.points.checkpoints()[point as usize]).map_or(f64::NAN, f64::from)
                };
                quantiles(orders.iter().map(|order| order.iter().map(value).collect()))
            };
            Ok(ZooTraining {
                name: zoo.name().to_owned(),
                epochs: (1..=zoo.zoo.recipe.epochs).collect(),
                training_loss: metric(|checkpoint| checkpoint.train_loss)?,
                test_loss: metric(|checkpoint| checkpoint.test_loss)?,
                test_accuracy: metric(|checkpoint| checkpoint.test_accuracy)?,
            })
        })
        .collect();
    Ok(Figure {
        name: name.to_owned(),
        caption: "Loss and test accuracy per epoch: median over runs, quartiles, and 10 to 90 %."
            .to_owned(),
        svg: figure::training_curves(&zoos?),
    })
}

/// The 10, 25, 50, 75 and 90 % quantiles over runs at every position of their series, of the values
/// that are finite.
fn quantiles(runs: impl Iterator<Item = Vec<f64>>) -> Result<Vec<[f64; 5]>> {
    let known = |value: f64| if value.is_finite() { value } else { f64::NAN };
    let runs = runs.map(|run| run.into_iter().map(known).collect());
    let spreads = over_runs(&runs.collect::<Vec<Vec<f64>>>())?;
    Ok(spreads.iter().map(Spread::quantiles).collect())
}
