//! What trains a population, chosen at run time.

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

/// The engines there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// Our own kernels, on the CPU: the default.
    Fused,
    /// Burn on the CPU, through ndarray.
    Ndarray,
    /// Burn on the CPU, through flex.
    Flex,
    /// Burn on a GPU, through Vulkan, Metal or DX12.
    Wgpu,
}

impl std::str::FromStr for Backend {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|backend| backend.name() == name);
        known.ok_or_else(|| Error::UnknownBackend {
            name: name.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}

impl Backend {
    /// Every backend, built in or not.
    pub const ALL: [Self; 4] = [Self::Fused, Self::Ndarray, Self::Flex, Self::Wgpu];

    /// Name on the command line; also the cargo feature that builds it in.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fused => "fused",
            Self::Ndarray => "ndarray",
            Self::Flex => "flex",
            Self::Wgpu => "wgpu",
        }
    }

    /// Whether this build has it.
    pub fn is_built_in(self) -> bool {
        match self {
            Self::Fused => true,
            Self::Ndarray => cfg!(feature = "ndarray"),
            Self::Flex => cfg!(feature = "flex"),
            Self::Wgpu => cfg!(feature = "wgpu"),
        }
    }

    /// The engine itself.
    ///
    /// # Errors
    /// [`Error::BackendNotBuilt`] when this build lacks it, [`Error::Backend`] when it has no device.
    pub fn engine(self) -> Result<Box<dyn Engine>, Error> {
        match self {
            Self::Fused => Ok(Box::new(crate::fused::Fused::new())),
            #[cfg(feature = "ndarray")]
            Self::Ndarray => crate::lockstep::ndarray(),
            #[cfg(feature = "flex")]
            Self::Flex => crate::lockstep::flex(),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => crate::lockstep::wgpu(),
            #[allow(
                unreachable_patterns,
                reason = "unreachable only when every feature is on"
            )]
            absent => Err(Error::BackendNotBuilt {
                backend: absent.name(),
            }),
        }
    }
}
