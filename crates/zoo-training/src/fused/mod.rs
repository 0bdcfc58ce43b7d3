//! Our own kernels: forward, backward and SGD step of one model in one pass.
//!
//! Models are spread over threads; inside a step there is neither a thread nor an allocation.
//! A model's weights come out with the same bits whatever the instruction set, the number of
//! threads and the models beside it.

mod cnn;
mod instruction_set;
mod mlp;
mod network;
mod peak;
mod portable;
mod sgd;
mod sigmoid;
mod simd;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;

use crate::engine::{Engine, Metrics, Progress};
use crate::random::visiting_order;
use crate::{Architecture, Dataset, Error, Population};
use network::{Arranged, Epoch, Network, Test};
use rayon::prelude::*;

pub use instruction_set::InstructionSet;
pub use peak::multiply_add;

/// The default engine: trains on the CPU, each model in its own order.
#[derive(Clone, Copy, Debug)]
pub struct Fused {
    instruction_set: InstructionSet,
}

impl Default for Fused {
    fn default() -> Self {
        Self::new()
    }
}

impl Fused {
    /// With the best instruction set that this machine offers.
    pub fn new() -> Self {
        Self::on(InstructionSet::available()[0])
    }

    /// With the given instruction set, or plain Rust where this machine lacks it.
    pub fn on(instruction_set: InstructionSet) -> Self {
        Self { instruction_set }
    }

    fn train<N: Network>(
        self,
        population: &mut Population,
        data: &Dataset,
        progress: Progress<'_>,
    ) -> Vec<Metrics> {
        let (train, test) = (
            Arranged::new::<N>(&data.train),
            Arranged::new::<N>(&data.test),
        );
        let parameters = population.parameters();
        let Population {
            recipe,
            seeds,
            epoch,
            weights,
            velocity,
        } = population;
        *epoch += 1;
        let columns = weights
            .par_chunks_exact_mut(parameters)
            .zip(velocity.par_chunks_exact_mut(parameters))
            .zip(&*seeds);
        let metrics = columns.map_init(
            Box::<N>::default,
            |network, ((weights, velocity), &seed)| {
                let order = visiting_order(seed, *epoch, data.train.len());
                network.load(recipe.inputs, weights, velocity);
                let train_loss = self.instruction_set.run(Epoch {
                    network: &mut **network,
                    recipe,
                    data: &train,
                    order: &order,
                });
                network.save(weights, velocity);
                canonicalise_nan(weights);
                canonicalise_nan(velocity);
                let tested = self.instruction_set.run(Test {
                    network: &mut **network,
                    data: &test,
                });
                progress(recipe.steps_per_epoch(data.train.len()) as u64);
                Metrics {
                    train_loss,
                    ..tested
                }
            },
        );
        metrics.collect()
    }

    fn test<N: Network>(self, population: &Population, data: &Dataset) -> Vec<Metrics> {
        let test = Arranged::new::<N>(&data.test);
        let models = population.weights.par_chunks_exact(population.parameters());
        let metrics = models.map_init(Box::<N>::default, |network, weights| {
            network.load(population.recipe.inputs, weights, weights);
            self.instruction_set.run(Test {
                network: &mut **network,
                data: &test,
            })
        });
        metrics.collect()
    }
}

/// Which NaN an operation yields is the compiler's choice; ours is always the same.
fn canonicalise_nan(numbers: &mut [f32]) {
    for number in numbers {
        if number.is_nan() {
            *number = f32::NAN;
        }
    }
}

impl Engine for Fused {
    fn name(&self) -> String {
        format!("fused-{}", self.instruction_set.name())
    }

    fn train_epoch(
        &self,
        population: &mut Population,
        data: &Dataset,
        progress: Progress<'_>,
    ) -> Result<Vec<Metrics>, Error> {
        Ok(match population.recipe.architecture {
            Architecture::Mlp => self.train::<mlp::Mlp>(population, data, progress),
            Architecture::Cnn => self.train::<cnn::Cnn>(population, data, progress),
        })
    }

    fn test(&self, population: &Population, data: &Dataset) -> Result<Vec<Metrics>, Error> {
        Ok(match population.recipe.architecture {
            Architecture::Mlp => Fused::test::<mlp::Mlp>(*self, population, data),
            Architecture::Cnn => Fused::test::<cnn::Cnn>(*self, population, data),
        })
    }
}
