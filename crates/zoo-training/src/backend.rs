//! The engines that there are, chosen at run time.

use crate::{Engine, Error};
use serde::{Deserialize, Serialize};

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
