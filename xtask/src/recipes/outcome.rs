//! One recipe: trained, analysed in the paper's spaces, and held against the paper's table.

use super::candidates::{Candidate, Shuffles};
use anyhow::{Context, Result};
use nalgebra::{DMatrix, DMatrixView};
use report::paper::{PaperRow, TABLE_2, TABLE_3};
use serde::{Deserialize, Serialize};
use std::time::Instant;
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use trajectory::ordering::by_merge_height;
use trajectory::scoring::{
    ClusterOrder, OrderScores, by_merge_height_with_leaked_ties, score_each_order,
};
use trajectory::spanning_tree::SpanningTree;
use weightspace::space::PAPER;
use weightspace::svd;
use zoo::figures::{Counting, Figures, distance};
use zoo_training::fused::Fused;
use zoo_training::{Architecture, Dataset, Engine, Population};

/// How mutual nearest neighbours, which merge at one height, fall in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ties {
    /// At random.
    Random,
    /// As the truth has them.
    Leaked,
    /// Against the truth.
    Reversed,
}

impl Ties {
    pub(super) const ALL: [Self; 3] = [Self::Random, Self::Leaked, Self::Reversed];
}

/// A way to count, and how far from the paper's table its figures are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Counted {
    pub(super) ties: Ties,
    pub(super) purity: String,
    pub(super) own_pairs: bool,
    pub(super) distance: f64,
    /// Space by space: purity, ordered initial epochs, share of ordered epochs.
    pub(super) figures: Vec<Figures>,
}

/// What came of a recipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    #[serde(flatten)]
    pub(super) candidate: Candidate,
    /// Of the models after the last epoch.
    pub(super) test_accuracy: f64,
    /// To the paper's table, with ties at random and counted as the reproduction compares itself.
    pub(super) distance: f64,
    /// The same over the row of all weights alone, which does not depend on the number of models.
    pub(super) distance_in_full_space: f64,
    /// That row: purity, ordered initial epochs, share of ordered epochs.
    pub(super) full_space: Figures,
    /// Standard errors of the two orders in that row.
    pub(super) standard_errors: [Option<f64>; 2],
    pub(super) counted: Vec<Counted>,
    pub(super) wall_s: f64,
}

/// Seed of ties.
const SEED: u64 = 0;
/// Test images that are looked at before the last epoch: their answers are not used.
const FEW: usize = 16;

impl Outcome {
    pub(super) fn of(candidate: &Candidate, data: &Dataset) -> Result<Self> {
        let start = Instant::now();
        let recipe = &candidate.recipe;
        let (trail, test_accuracy) = train(candidate, data)?;
        let mut by_ties = [const { Vec::new() }; 3];
        let rank = PAPER.iter().map(|space| space.dimension(0)).max();
        let svd = svd::truncated(trail.points.as_view(), rank.unwrap_or(1))?;
        for space in PAPER {
            let projected = space.project_with(trail.points.as_view(), &svd)?;
            let models = recipe.seeds;
            for (list, clusters) in
                by_ties
                    .iter_mut()
                    .zip(orders(projected.matrix(), &trail, models)?)
            {
                list.push(clusters);
            }
        }
        let paper = table(recipe.architecture);
        let mut counted = Vec::new();
        for (ties, spaces) in Ties::ALL.into_iter().zip(&by_ties) {
            for counting in Counting::all() {
                let figures: Vec<Figures> =
                    spaces.iter().map(|one| counting.figures(one)).collect();
                counted.push(Counted {
                    ties,
                    purity: counting.purity.name().to_owned(),
                    own_pairs: counting.own_pairs,
                    distance: distance(&figures, paper),
                    figures,
                });
            }
        }
        let ours = counted.iter().find(|one| one.is_ours());
        let ours = ours.context("our own way of counting is among them")?;
        let full_space = ours.figures[0];
        let [random, ..] = &by_ties;
        let scores = OrderScores::average(&random[0]);
        Ok(Self {
            candidate: candidate.clone(),
            test_accuracy,
            distance: ours.distance,
            distance_in_full_space: distance(&[full_space], &paper[..1]),
            full_space,
            standard_errors: [
                scores.initial.standard_error,
                scores.fraction_of_run.standard_error,
            ],
            counted,
            wall_s: start.elapsed().as_secs_f64().round(),
        })
    }

    pub(super) fn line(&self) -> String {
        format!(
            "{}: {:.3} from the paper, accuracy {:.3}, {} s",
            self.candidate.name(),
            self.distance,
            self.test_accuracy,
            self.wall_s
        )
    }
}

impl Counted {
    /// Whether this is how the reproduction compares itself with the paper.
    pub(super) fn is_ours(&self) -> bool {
        self.ties == Ties::Random
            && self.purity == Counting::PAPERS.purity.name()
            && self.own_pairs == Counting::PAPERS.own_pairs
    }
}

/// The paper's table for an architecture.
fn table(architecture: Architecture) -> &'static [PaperRow] {
    match architecture {
        Architecture::Mlp => &TABLE_2,
        Architecture::Cnn => &TABLE_3,
    }
}

/// Checkpoints of as many epochs as the recipe has, as columns.
struct Trail {
    points: DMatrix<f32>,
    runs: Vec<u32>,
    epochs: Vec<u32>,
}

fn train(candidate: &Candidate, data: &Dataset) -> Result<(Trail, f64)> {
    let recipe = &candidate.recipe;
    let engine = Fused::new();
    let mut population = Population::initial(recipe)?;
    if candidate.shuffles == Shuffles::Shared {
        // Once the initial weights are drawn, seeds do nothing but shuffle.
        population.seeds.fill(recipe.first_seed);
    }
    let quick = data.take(data.train.len(), FEW);
    let models = population.models();
    let mut points = DMatrix::zeros(population.parameters(), models * recipe.epochs as usize);
    let (mut runs, mut epochs) = (Vec::new(), Vec::new());
    for kept in 0..recipe.epochs {
        if kept > 0 || !candidate.from_initial_weights {
            engine.train_epoch(&mut population, &quick, &|_| ())?;
        }
        for model in 0..models {
            let column = kept as usize * models + model;
            points
                .column_mut(column)
                .copy_from_slice(population.model(model));
            runs.push(model as u32);
            epochs.push(kept + 1);
        }
    }
    let tested = engine.test(&population, data)?;
    let right: f64 = tested.iter().map(|one| f64::from(one.test_accuracy)).sum();
    let trail = Trail {
        points,
        runs,
        epochs,
    };
    Ok((trail, right / models as f64))
}

/// The paper's order of every cluster, scored, with ties as [`Ties::ALL`] has them.
fn orders(
    points: DMatrixView<'_, f32>,
    trail: &Trail,
    models: usize,
) -> Result<[Vec<ClusterOrder>; 3]> {
    let edges = minimum_spanning_tree(points)?;
    let dendrogram = Dendrogram::of(&SpanningTree::new(points.ncols(), &edges)?);
    let clusters = dendrogram.cut_into(models)?;
    let backwards: Vec<u32> = trail.epochs.iter().map(|epoch| u32::MAX - epoch).collect();
    let random = by_merge_height(&dendrogram, &clusters, SEED)?;
    let leaked = by_merge_height_with_leaked_ties(&dendrogram, &clusters, &trail.epochs)?;
    let reversed = by_merge_height_with_leaked_ties(&dendrogram, &clusters, &backwards)?;
    let score = |orders: &[Vec<u32>]| score_each_order(orders, &trail.runs, &trail.epochs);
    Ok([score(&random)?, score(&leaked)?, score(&reversed)?])
}
