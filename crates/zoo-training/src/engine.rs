//! What trains a population.

use crate::{Dataset, Error, Population};
use serde::{Deserialize, Serialize};

/// How one model did in one epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean squared error over the images of the epoch, each at the step that learnt from it;
    /// NaN before the first epoch.
    pub train_loss: f32,
    /// Mean squared error over the test images, after the epoch.
    pub test_loss: f32,
    /// Share of test images whose largest output is their label's, after the epoch.
    pub test_accuracy: f32,
}

/// Is told how many model-steps have just been done; may be called from any thread.
pub type Progress<'a> = &'a (dyn Fn(u64) + Sync);

/// Trains populations.
///
/// All engines do the same: SGD as PyTorch defines it (`g += wd·w; v = m·v + g; w -= lr·v`) on
/// the mean squared error over batch x classes, every model in its own
/// [`visiting_order`](crate::random::visiting_order).
pub trait Engine: Send + Sync {
    /// Name and, where it matters, instruction set or device.
    fn name(&self) -> String;

    /// Trains every model for one epoch, then tests it. A model that diverges keeps its
    /// non-finite weights; it does not disturb the others.
    ///
    /// # Errors
    /// When the device fails; the population is then unchanged.
    fn train_epoch(
        &self,
        population: &mut Population,
        data: &Dataset,
        progress: Progress<'_>,
    ) -> Result<Vec<Metrics>, Error>;

    /// Tests every model as it stands; the training loss is NaN.
    ///
    /// # Errors
    /// When the device fails.
    fn test(&self, population: &Population, data: &Dataset) -> Result<Vec<Metrics>, Error>;
}
