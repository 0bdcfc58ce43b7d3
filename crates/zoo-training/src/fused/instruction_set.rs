//! Which instruction set a kernel runs on.

#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use super::avx512::Avx512;
use super::portable::Portable;
use super::simd::{Kernel, Simd};
use serde::{Deserialize, Serialize};

/// What the fused engine's kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstructionSet {
    /// Plain Rust: runs everywhere, and is vectorised where fused multiply-add is part of the
    /// base instruction set, as on 64-bit Arm.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F.
    Avx512,
}

impl InstructionSet {
    /// What this machine offers, best first.
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if Avx512::detect().is_some() {
                sets.push(Self::Avx512);
            }
            if Avx2::detect().is_some() {
                sets.push(Self::Avx2);
            }
        }
        sets.push(Self::Portable);
        sets
    }

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Runs the kernel on this instruction set, or on plain Rust where the machine lacks it.
    pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => match Avx512::detect() {
                Some(token) => token.run(kernel),
                None => Portable.run(kernel),
            },
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => match Avx2::detect() {
                Some(token) => token.run(kernel),
                None => Portable.run(kernel),
            },
            _ => Portable.run(kernel),
        }
    }
}
