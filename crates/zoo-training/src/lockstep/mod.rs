//! Training in Burn's tensor operations with its automatic differentiation: all models of a group
//! in lockstep, as the leading dimension of every tensor.
//!
//! The oracle of [`fused`](crate::fused), and the way onto a GPU.

mod network;
mod table;
mod training;

use crate::engine::Progress;
use crate::{Dataset, Engine, Error, Metrics, Population};
use burn::tensor::{Device, TensorReadError};
use rayon::prelude::*;
use table::Table;
use training::{Group, Trained, test, train, upload};

/// Most models of a group on a CPU: more of them no longer spread the cost of a call any thinner.
#[cfg(any(feature = "ndarray", feature = "flex"))]
const ON_A_CPU: usize = 128;
/// Most models of a group on a GPU: a step has enough to do, and an epoch's order of 60,000
/// images stays below 128 MiB.
#[cfg(feature = "wgpu")]
const ON_A_GPU: usize = 500;

/// Burn on the CPU, through ndarray.
#[cfg(feature = "ndarray")]
#[allow(
    deprecated,
    reason = "this release of Burn is the last to have it; flex stands beside it"
)]
pub(crate) fn ndarray() -> Result<Box<dyn Engine>, Error> {
    Ok(on_the_cpu("ndarray", Device::ndarray()))
}

/// Burn on the CPU, through flex.
#[cfg(feature = "flex")]
pub(crate) fn flex() -> Result<Box<dyn Engine>, Error> {
    Ok(on_the_cpu("flex", Device::flex()))
}

#[cfg(any(feature = "ndarray", feature = "flex"))]
fn on_the_cpu(backend: &'static str, device: Device) -> Box<dyn Engine> {
    let name = format!("burn-{backend}");
    Box::new(Lockstep {
        backend,
        name,
        device,
        largest_group: ON_A_CPU,
        groups_at_once: true,
    })
}

/// Burn on the GPU that wgpu prefers.
#[cfg(feature = "wgpu")]
pub(crate) fn wgpu() -> Result<Box<dyn Engine>, Error> {
    use std::sync::OnceLock;
    // A device can be initialised once in a process.
    static DEVICE: OnceLock<Result<(Device, String), String>> = OnceLock::new();
    let initialise = || {
        let (device, setup) = Device::wgpu_options()
            .init_with_setup()
            .map_err(|error| error.to_string())?;
        let adapter = setup.adapter.get_info();
        Ok((
            device,
            format!("burn-wgpu ({}, {})", adapter.name, adapter.backend),
        ))
    };
    let (device, name) = DEVICE.get_or_init(initialise).clone().map_err(|reason| {
        Error::Backend {
            backend: "wgpu",
            reason: format!(
                "{reason}; install a driver for Vulkan, Metal or DX12 (on Debian without a GPU: \
             mesa-vulkan-drivers), or use `--backend fused`"
            ),
        }
    })?;
    Ok(Box::new(Lockstep {
        backend: "wgpu",
        name,
        device,
        largest_group: ON_A_GPU,
        groups_at_once: false,
    }))
}

struct Lockstep {
    backend: &'static str,
    name: String,
    device: Device,
    largest_group: usize,
    /// Whether each thread trains a group, or one thread all of them.
    groups_at_once: bool,
}

impl Lockstep {
    fn failure(&self) -> impl Fn(TensorReadError) -> Error {
        let backend = self.backend;
        move |error| Error::Backend {
            backend,
            reason: format!("{error}; train fewer models, or use `--backend fused`"),
        }
    }

    /// Models a group: as few as leave every thread one.
    fn group(&self, models: usize) -> usize {
        let threads = if self.groups_at_once {
            rayon::current_num_threads()
        } else {
            1
        };
        models.div_ceil(threads).clamp(1, self.largest_group)
    }
}

impl Engine for Lockstep {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn train_epoch(
        &self,
        population: &mut Population,
        data: &Dataset,
        progress: Progress<'_>,
    ) -> Result<Vec<Metrics>, Error> {
        let Population {
            recipe,
            seeds,
            epoch,
            weights,
            velocity,
        } = &*population;
        let epoch = epoch + 1;
        let (models, parameters) = (self.group(seeds.len()), population.parameters());
        let [train_table, test_table] =
            [&data.train, &data.test].map(|images| Table::new(recipe, images, &self.device));
        let groups: Vec<_> = seeds
            .chunks(models)
            .zip(
                weights
                    .chunks(models * parameters)
                    .zip(velocity.chunks(models * parameters)),
            )
            .map(|(seeds, (weights, velocity))| Group {
                recipe,
                epoch,
                seeds,
                weights,
                velocity,
            })
            .collect();
        let train = |group| train(group, &train_table, &test_table, &self.device, progress);
        let trained: Result<Vec<Trained>, _> = if self.groups_at_once {
            groups.par_iter().map(train).collect()
        } else {
            groups.iter().map(train).collect()
        };
        let trained = trained.map_err(self.failure())?;

        population.epoch = epoch;
        population.weights = trained
            .iter()
            .flat_map(|group| &group.weights)
            .copied()
            .collect();
        population.velocity = trained
            .iter()
            .flat_map(|group| &group.velocity)
            .copied()
            .collect();
        Ok(trained
            .into_iter()
            .flat_map(|group| group.metrics)
            .collect())
    }

    fn test(&self, population: &Population, data: &Dataset) -> Result<Vec<Metrics>, Error> {
        let architecture = population.recipe.architecture;
        let table = Table::new(&population.recipe, &data.test, &self.device);
        let columns = self.group(population.models()) * population.parameters();
        let groups: Vec<_> = population.weights.chunks(columns).collect();
        let test = |&group: &&[f32]| {
            test(
                architecture,
                &upload(architecture, group, &self.device),
                &table,
            )
        };
        let tested: Result<Vec<_>, _> = if self.groups_at_once {
            groups.par_iter().map(test).collect()
        } else {
            groups.iter().map(test).collect()
        };
        Ok(tested.map_err(self.failure())?.concat())
    }
}
