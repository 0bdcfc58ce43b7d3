//! Families that are known because they were trained here, and what was found of them.

use crate::world::World;
use anyhow::Result;
use nalgebra::DMatrix;
use rayon::prelude::*;
use trajectory::forks::{Family, Fork, Origin, Parameters, family};
use zoo_training::dataset::Images;
use zoo_training::{Dataset, Population, Recipe};

/// Seeds of other shuffles, away from all others.
const OTHER_SHUFFLE: u64 = 1 << 32;
/// Seeds that no zoo has.
const FIRST_SEED: u64 = 120_000;

/// How a branch differs from its parent.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Turned45,
    Turned15,
    LabelNoise,
    NoThrees,
    Inverted,
    /// A branch of the branch with label noise.
    OfAFork,
    Shuffle,
    /// No fork was recorded: only the first weights are shared, and they are left out.
    SharedStart,
    /// The same with the shared first weights among the checkpoints.
    SharedStartKept,
    Unrelated,
}

impl Kind {
    const BRANCHES: [Self; 6] = [
        Self::Turned45,
        Self::Turned15,
        Self::LabelNoise,
        Self::NoThrees,
        Self::Inverted,
        Self::Shuffle,
    ];
    pub(super) const ALL: [Self; 10] = [
        Self::Turned45,
        Self::Turned15,
        Self::LabelNoise,
        Self::NoThrees,
        Self::Inverted,
        Self::OfAFork,
        Self::Shuffle,
        Self::SharedStart,
        Self::SharedStartKept,
        Self::Unrelated,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Turned45 => "turned by 45°",
            Self::Turned15 => "turned by 15°",
            Self::LabelNoise => "label noise 20 %",
            Self::NoThrees => "one class dropped",
            Self::Inverted => "inverted",
            Self::OfAFork => "fork of a fork",
            Self::Shuffle => "shuffle only",
            Self::SharedStart => "shared start, not stored",
            Self::SharedStartKept => "shared start, stored",
            Self::Unrelated => "trunks and strangers",
        }
    }

    pub(super) fn is_of_other_data(self) -> bool {
        !matches!(
            self,
            Self::OfAFork
                | Self::Shuffle
                | Self::SharedStart
                | Self::SharedStartKept
                | Self::Unrelated
        )
    }

    fn of(self, images: &Images) -> Images {
        match self {
            Self::Turned45 => images.rotated(45.0),
            Self::Turned15 | Self::OfAFork => images.rotated(15.0),
            Self::LabelNoise => images.with_label_noise(0.2, 0),
            // As many images as before, so that the number of steps is no cue.
            Self::NoThrees => images.only(|_, label| label != 3).repeated(images.len()),
            Self::Inverted => images.inverted(),
            _ => images.clone(),
        }
    }
}

/// What was found of one run whose origin is known.
pub(super) struct Outcome {
    pub(super) kind: Kind,
    pub(super) seed: usize,
    /// Epoch of the fork, 0 where there is none.
    pub(super) epoch: usize,
    /// Whether parent, or the lack of one, is right.
    pub(super) parent: bool,
    /// Estimated minus true place of the fork, if the parent is right.
    pub(super) error: Option<i64>,
    /// Whether the interval holds the truth, if the parent is right.
    pub(super) covered: bool,
    /// Whether the answer was called certain.
    pub(super) certain: bool,
    pub(super) confidence: f64,
}

impl Outcome {
    pub(super) fn is_within_1(&self) -> bool {
        self.parent && self.error.is_none_or(|error| error.abs() <= 1)
    }

    pub(super) fn is_certain_and_wrong(&self) -> bool {
        self.certain && !self.is_within_1()
    }
}

/// Checkpoints of several models: `[checkpoint][model]`, one after the other.
pub(super) struct Run {
    pub(super) kind: Kind,
    epoch: usize,
    pub(super) weights: Vec<Vec<f32>>,
}

/// Trained families of one recipe.
pub(super) struct Families {
    pub(super) name: String,
    pub(super) seeds: usize,
    pub(super) forks: Vec<usize>,
    parameters: usize,
    pub(super) trunk: Vec<Vec<f32>>,
    pub(super) branches: Vec<Run>,
    /// One start for all, epoch 0 first.
    shared: Vec<Vec<f32>>,
}

impl Families {
    pub(super) fn new(world: &World, name: &str) -> Result<Self> {
        let (seeds, epochs, forks, further) = match world.quick {
            true => (6, 12, vec![3, 6], 4),
            false => (24, 50, vec![5, 10, 25, 40], 4),
        };
        let recipe = Recipe {
            seeds,
            first_seed: FIRST_SEED,
            ..Recipe::preset(name)?
        };
        let images = if world.quick { 6_000 } else { usize::MAX };
        let data = world.data.take(images, 10);
        let changed: Vec<(Kind, Dataset)> = Kind::BRANCHES
            .iter()
            .map(|&kind| {
                let train = kind.of(&data.train);
                (
                    kind,
                    Dataset {
                        train,
                        ..data.clone()
                    },
                )
            })
            .collect();
        let train = |population: &mut Population, data: &Dataset, epochs: usize| {
            (0..epochs)
                .map(|_| {
                    world.engine.train_epoch(population, data, &|_| ())?;
                    Ok(population.weights.clone())
                })
                .collect::<Result<Vec<_>>>()
        };
        let mut population = Population::initial(&recipe)?;
        let (mut trunk, mut branches) = (Vec::new(), Vec::new());
        for epoch in 1..=epochs {
            trunk.extend(train(&mut population, &data, 1)?);
            if !forks.contains(&epoch) {
                continue;
            }
            for (kind, data) in &changed {
                let mut branch = population.clone();
                if *kind == Kind::Shuffle {
                    branch.seeds.iter_mut().for_each(|s| *s += OTHER_SHUFFLE);
                }
                let mut weights = train(&mut branch, data, further / 2)?;
                if *kind == Kind::LabelNoise && epoch == forks[1] {
                    let turned = &changed[1].1;
                    let twig = train(&mut branch.clone(), turned, further)?;
                    branches.push(Run {
                        kind: Kind::OfAFork,
                        epoch: further / 2,
                        weights: twig,
                    });
                }
                weights.extend(train(&mut branch, data, further - further / 2)?);
                branches.push(Run {
                    kind: *kind,
                    epoch,
                    weights,
                });
            }
        }
        let mut sharing = Population::initial(&Recipe {
            initial_seed: Some(FIRST_SEED),
            ..recipe.clone()
        })?;
        let mut shared = vec![sharing.weights.clone()];
        shared.extend(train(&mut sharing, &data, 2 * further)?);
        Ok(Self {
            name: recipe.name.clone(),
            seeds,
            forks,
            parameters: recipe.architecture.parameters(),
            trunk,
            branches,
            shared,
        })
    }

    /// Room for checkpoints.
    pub(super) fn pool(&self) -> Pool {
        Pool::new(self.parameters)
    }

    /// The outcomes of the families of these seeds.
    pub(super) fn outcomes(
        &self,
        seeds: impl Fn(usize) -> bool + Sync,
        parameters: &Parameters,
    ) -> Result<Vec<Outcome>> {
        let chosen: Vec<usize> = (0..self.seeds).filter(|&seed| seeds(seed)).collect();
        let each: Vec<Result<Vec<Outcome>>> = chosen
            .par_iter()
            .map(|&seed| {
                let mut outcomes = self.of_seed(seed, parameters)?;
                outcomes.extend(self.of_shared_start(seed, parameters)?);
                Ok(outcomes)
            })
            .collect();
        let each = each.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(each.into_iter().flatten().collect())
    }

    /// One trunk with all its branches, and two unrelated trunks.
    fn of_seed(&self, seed: usize, parameters: &Parameters) -> Result<Vec<Outcome>> {
        let mut pool = self.pool();
        for branch in &self.branches {
            pool.add(&branch.weights, seed);
        }
        let trunk = pool.add(&self.trunk, seed);
        for other in 1..=2 {
            pool.add(&self.trunk, (seed + other) % self.seeds);
        }
        let found = pool.family(parameters)?;
        let noisy = |run: &Run| run.kind == Kind::LabelNoise && run.epoch == self.forks[1];
        let mut outcomes: Vec<Outcome> = self
            .branches
            .iter()
            .enumerate()
            .map(|(run, branch)| {
                let parent = match branch.kind {
                    Kind::OfAFork => self.branches.iter().position(noisy).unwrap_or(trunk),
                    _ => trunk,
                };
                let fork = found.fork(run).filter(|fork| fork.parent == parent);
                let after = branch.epoch - 1;
                let within = |fork: &Fork| fork.interval.0 <= after && after <= fork.interval.1;
                Outcome {
                    kind: branch.kind,
                    seed,
                    epoch: branch.epoch,
                    parent: fork.is_some(),
                    error: fork.map(|fork| fork.after as i64 - after as i64),
                    covered: fork.is_some_and(within),
                    ..of_any(&found, run)
                }
            })
            .collect();
        outcomes.extend((trunk..trunk + 3).map(|run| Outcome {
            kind: Kind::Unrelated,
            seed,
            parent: found.origins()[run] == Origin::Root,
            ..of_any(&found, run)
        }));
        Ok(outcomes)
    }

    /// Three runs from one start, without it and with it.
    fn of_shared_start(&self, seed: usize, parameters: &Parameters) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::new();
        for (kind, kept) in [
            (Kind::SharedStart, &self.shared[1..]),
            (Kind::SharedStartKept, &self.shared[..]),
        ] {
            let mut pool = self.pool();
            for run in 0..3 {
                pool.add(kept, (seed + run) % self.seeds);
            }
            let found = pool.family(parameters)?;
            // The first of them is the trunk, if there is any.
            outcomes.extend((1..3).map(|run| {
                let parent = match (kind, &found.origins()[run]) {
                    (Kind::SharedStart, Origin::Siblings(with)) => with.len() == 2,
                    (Kind::SharedStartKept, Origin::Fork(fork)) => {
                        fork.interchangeable && fork.after == 0
                    }
                    _ => false,
                };
                Outcome {
                    kind,
                    seed,
                    parent,
                    ..of_any(&found, run)
                }
            }));
        }
        Ok(outcomes)
    }
}

/// What holds of every run, its origin aside.
fn of_any(found: &Family, run: usize) -> Outcome {
    let fork = found.fork(run);
    Outcome {
        kind: Kind::Unrelated,
        seed: 0,
        epoch: 0,
        parent: false,
        error: None,
        covered: false,
        certain: fork.is_some_and(Fork::is_certain),
        confidence: fork.map_or(0.0, |fork| fork.confidence),
    }
}

/// Runs of single models, side by side in one matrix.
pub(super) struct Pool {
    parameters: usize,
    values: Vec<f32>,
    runs: Vec<Vec<u32>>,
}

impl Pool {
    fn new(parameters: usize) -> Self {
        Self {
            parameters,
            values: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// Adds the checkpoints of one model; its number in the pool.
    pub(super) fn add(&mut self, checkpoints: &[Vec<f32>], model: usize) -> usize {
        let first = self.values.len() / self.parameters;
        for weights in checkpoints {
            let own = &weights[model * self.parameters..][..self.parameters];
            self.values.extend(own);
        }
        let end = self.values.len() / self.parameters;
        self.runs.push((first as u32..end as u32).collect());
        self.runs.len() - 1
    }

    /// The checkpoints in the order in which they were added.
    pub(super) fn points(&self) -> DMatrix<f32> {
        let columns = self.values.len() / self.parameters;
        DMatrix::from_column_slice(self.parameters, columns, &self.values)
    }

    fn family(&self, parameters: &Parameters) -> Result<Family> {
        Ok(family(self.points().as_view(), &self.runs, parameters)?)
    }
}
