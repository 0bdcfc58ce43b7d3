//! The series that answers are scored on: a file of each family, a tensor of each run.

use anyhow::{Context, Result, bail, ensure};
use checkpoint_store::export::{Labels, Safetensors};
use checkpoint_store::foreign::{ForeignCheckpoint, Limits, discover};
use checkpoint_store::{NewFile, TensorShape};
use nalgebra::DMatrix;
use std::path::Path;
use trajectory::shift::Cause;
use trajectory::whitening::Tensor;
use zoo_training::dataset::Images;
use zoo_training::{Architecture, Backend, Dataset, Engine, Population, Recipe};

/// Seeds that no zoo has.
const FIRST_SEED: u64 = 130_000;
/// Added to a seed for another shuffle.
const OTHER_SHUFFLE: u64 = 1 << 32;
const TRUNK: &str = "trunk";
/// Epochs of a trunk.
const EPOCHS: u32 = 16;
/// Epochs that a branch goes on for.
const FURTHER: usize = 3;

/// A branch: its name, the epoch that it leaves its trunk after, what a watcher should say of it,
/// and what is changed.
struct Branch {
    name: &'static str,
    after: u32,
    cause: Cause,
    images: fn(&Images) -> Images,
    models: fn(&mut Population),
}

const UNCHANGED: Branch = Branch {
    name: "",
    after: 12,
    cause: Cause::Nothing,
    images: Images::clone,
    models: |_| (),
};

const BRANCHES: [Branch; 7] = [
    Branch {
        name: "turned-45",
        after: 6,
        cause: Cause::Data,
        images: |images| images.rotated(45.0),
        ..UNCHANGED
    },
    Branch {
        name: "shuffled",
        after: 9,
        models: |models| models.seeds.iter_mut().for_each(|s| *s += OTHER_SHUFFLE),
        ..UNCHANGED
    },
    Branch {
        name: "turned-90",
        cause: Cause::Data,
        images: |images| images.rotated(90.0),
        ..UNCHANGED
    },
    Branch {
        name: "turned-15",
        cause: Cause::Data,
        images: |images| images.rotated(15.0),
        ..UNCHANGED
    },
    Branch {
        name: "label-noise",
        cause: Cause::Data,
        images: |images| images.with_label_noise(0.2, 1),
        ..UNCHANGED
    },
    Branch {
        name: "rate-x3",
        cause: Cause::RateUp,
        models: |models| models.recipe.learning_rate *= 3.0,
        ..UNCHANGED
    },
    Branch {
        name: "rate-x0.3",
        cause: Cause::RateDown,
        models: |models| models.recipe.learning_rate *= 0.3,
        ..UNCHANGED
    },
];

/// The families: name of the file, preset, runs, epochs left out at the beginning, and whether
/// there are branches. `hard` is a plateau of noise.
const FAMILIES: [(&str, &str, usize, u32, bool); 3] = [
    ("mlp", "mlp", 3, 0, true),
    ("cnn", "cnn", 3, 0, true),
    ("hard", "mlp-hard", 4, 8, false),
];

/// One run.
pub(super) struct Run {
    /// Its model; a branch has that of its trunk.
    pub(super) seed: usize,
    /// Of a branch: the number of its trunk's checkpoints that lie behind it, and what a watcher
    /// should say of its first checkpoint.
    pub(super) left: Option<(usize, Cause)>,
    /// A checkpoint a column, the oldest first.
    pub(super) weights: DMatrix<f32>,
}

/// Runs of one recipe.
pub(super) struct Family {
    pub(super) name: &'static str,
    /// What a checkpoint is made of.
    pub(super) tensors: Vec<Tensor>,
    pub(super) runs: Vec<Run>,
}

impl Family {
    pub(super) fn trunks(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| run.left.is_none())
    }

    /// The branches of a trunk.
    pub(super) fn branches(&self, trunk: &Run) -> impl Iterator<Item = &Run> {
        let seed = trunk.seed;
        let branches = self.runs.iter().filter(|run| run.left.is_some());
        branches.filter(move |run| run.seed == seed)
    }
}

/// All of them.
pub(super) struct Series {
    pub(super) families: Vec<Family>,
}

impl Series {
    pub(super) fn read(directory: &Path) -> Result<Self> {
        let families = FAMILIES.iter().map(|&(name, preset, ..)| {
            let path = directory.join(format!("{name}.safetensors"));
            let shown = path.display().to_string();
            let architecture = Recipe::preset(preset)?.architecture;
            Ok(Family {
                name,
                tensors: tensors(architecture),
                runs: read(&path, architecture).with_context(|| {
                    format!(
                        "{shown}: run this in the root of the repository, or train with --train"
                    )
                })?,
            })
        });
        Ok(Self {
            families: families.collect::<Result<_>>()?,
        })
    }
}

fn tensors(architecture: Architecture) -> Vec<Tensor> {
    let layout = architecture.layout().iter();
    layout
        .map(|tensor| Tensor::of_shape(tensor.shape))
        .collect()
}

fn read(path: &Path, architecture: Architecture) -> Result<Vec<Run>> {
    let limits = Limits::default();
    let found = discover(&[path.to_owned()], &limits);
    let [file] = found.checkpoints.as_slice() else {
        bail!("there is no such file of safetensors");
    };
    let file = ForeignCheckpoint::open(file, &limits)?;
    let parameters = architecture.parameters();
    let mut runs = Vec::new();
    for (number, tensor) in file.tensors().iter().enumerate() {
        let mut values = Vec::new();
        file.read(number, &mut |some| values.extend_from_slice(some))?;
        ensure!(values.len() % parameters == 0, "{} is cut off", tensor.name);
        let columns = values.len() / parameters;
        let (seed, left) = parse(&tensor.name)
            .with_context(|| format!("`{}` is the name of no run", tensor.name))?;
        runs.push(Run {
            seed,
            left,
            weights: DMatrix::from_vec(parameters, columns, values),
        });
    }
    Ok(runs)
}

/// `model-2/trunk`, or `model-2/turned-45`.
fn parse(name: &str) -> Option<(usize, Option<(usize, Cause)>)> {
    let (model, run) = name.strip_prefix("model-")?.split_once('/')?;
    let left = match run {
        TRUNK => None,
        _ => {
            let branch = BRANCHES.iter().find(|branch| branch.name == run)?;
            Some((branch.after as usize, branch.cause))
        }
    };
    Some((model.parse().ok()?, left))
}

/// Trains all families and writes their files.
pub(super) fn train(directory: &Path) -> Result<()> {
    let engine = Backend::Fused.engine()?;
    let data = Dataset::mnist14()?;
    let data = Dataset {
        test: data.test.take(10),
        ..data
    };
    NewFile::create_folder(directory)?;
    for (name, preset, seeds, skipped, branching) in FAMILIES {
        let recipe = Recipe {
            seeds,
            first_seed: FIRST_SEED,
            ..Recipe::preset(preset)?
        };
        let mut models = Population::initial(&recipe)?;
        epochs(engine.as_ref(), &mut models, &data, skipped as usize)?;
        let mut trunk = Vec::new();
        let mut runs = Vec::new();
        for epoch in 1..=EPOCHS {
            trunk.extend(epochs(engine.as_ref(), &mut models, &data, 1)?);
            let leaving = BRANCHES.iter();
            let leaving = leaving.filter(|branch| branching && branch.after == epoch);
            for branch in leaving {
                let mut models = models.clone();
                (branch.models)(&mut models);
                let data = Dataset {
                    train: (branch.images)(&data.train),
                    ..data.clone()
                };
                let weights = epochs(engine.as_ref(), &mut models, &data, FURTHER)?;
                runs.push((branch.name, weights));
            }
        }
        runs.insert(0, (TRUNK, trunk));
        write(
            &directory.join(format!("{name}.safetensors")),
            &runs,
            recipe.architecture.parameters(),
        )?;
    }
    Ok(())
}

/// The weights of all models after each of some epochs.
fn epochs(
    engine: &dyn Engine,
    models: &mut Population,
    data: &Dataset,
    count: usize,
) -> Result<Vec<Vec<f32>>> {
    let epochs = (0..count).map(|_| {
        engine.train_epoch(models, data, &|_| ())?;
        Ok(models.weights.clone())
    });
    epochs.collect()
}

fn write(path: &Path, runs: &[(&str, Vec<Vec<f32>>)], parameters: usize) -> Result<()> {
    let models = runs
        .first()
        .and_then(|(_, epochs)| epochs.first())
        .map_or(0, |weights| weights.len() / parameters);
    let each = (0..models).flat_map(|model| runs.iter().map(move |run| (model, run)));
    let layout: Vec<TensorShape> = each
        .clone()
        .map(|(model, (name, epochs))| {
            let shape = [epochs.len() as u64, parameters as u64];
            TensorShape::new(format!("model-{model}/{name}"), shape)
        })
        .collect();
    let file = NewFile::create(path, true)?;
    let mut file = Safetensors::begin(file, &layout, &Labels::default())?;
    for (model, (_, epochs)) in each {
        for weights in epochs {
            file.values(&weights[model * parameters..][..parameters]);
        }
    }
    Ok(file.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("series.safetensors");
        let parameters = Architecture::Mlp.parameters();
        let epoch = |first: f32| (0..2 * parameters).map(|i| first + i as f32).collect();
        let runs = [
            (TRUNK, vec![epoch(0.0), epoch(0.5)]),
            ("shuffled", vec![epoch(0.25)]),
        ];
        write(&path, &runs, parameters).unwrap();
        let read = read(&path, Architecture::Mlp).unwrap();
        let shapes = read
            .iter()
            .map(|run| (run.seed, run.left, run.weights.ncols()));
        let left = Some((9, Cause::Nothing));
        assert_eq!(
            shapes.collect::<Vec<_>>(),
            [(0, None, 2), (0, left, 1), (1, None, 2), (1, left, 1)]
        );
        assert_eq!(read[2].weights[(1, 1)], parameters as f32 + 1.5);
        assert_eq!(parse("model-1/nonsense"), None);
    }
}
