//! Each format's reader, by what a file is.

use super::contents::Contents;
use super::sniff::Sniffed;
use super::source::Source;
use super::{burnpack, flax, gguf, hdf5, npy, npz, onnx, safetensors, torch};
use crate::Result;
use crate::limits::Limits;

/// Reads one file's description.
pub(super) fn read(sniffed: &Sniffed, source: &Source, limits: &Limits) -> Result<Contents> {
    match sniffed {
        Sniffed::Safetensors => safetensors::open(source, limits),
        Sniffed::Torch(archive) => torch::open(source, archive, limits),
        Sniffed::TorchLegacy => torch::open_legacy(source, limits),
        Sniffed::Npz(archive) => npz::open(source, archive, limits),
        Sniffed::Npy => npy::open(source, limits),
        Sniffed::Burnpack => burnpack::open(source, limits),
        Sniffed::Gguf => gguf::open(source, limits),
        Sniffed::Onnx => onnx::open(source, limits),
        Sniffed::Flax => flax::open(source, limits),
        Sniffed::Hdf5 => hdf5::open(source, limits),
        Sniffed::Keras(archive) => hdf5::open_archive(source, archive, limits),
    }
}
