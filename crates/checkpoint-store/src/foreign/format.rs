//! The formats that are read, and what their files begin with.

use std::fmt;

/// The format of a foreign checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Format {
    /// A `.safetensors` file, or several that belong together.
    Safetensors,
    /// PyTorch's zip archive, as `torch.save` writes it since 1.6, or several.
    Torch,
    /// PyTorch's form before 1.6: pickles, then the bytes of the tensors.
    TorchLegacy,
    /// A folder that `torch.distributed.checkpoint` wrote.
    TorchDistributed,
    /// A folder that DeepSpeed's ZeRO wrote: the files of all its processes.
    DeepSpeedZero,
    /// NumPy's `.npz`: one array per entry of a zip archive.
    Npz,
    /// NumPy's `.npy`: one array.
    Npy,
    /// Burn's burnpack (`.bpk`).
    Burnpack,
    /// No file: arrays in memory.
    Memory,
    /// llama.cpp's GGUF.
    Gguf,
    /// ONNX, with the files that its tensors lie in.
    Onnx,
    /// HDF5, and Keras's archives with HDF5 in them.
    Hdf5,
    /// Flax's msgpack.
    Flax,
}

impl Format {
    /// Whether models are converted to it, so that names, axes or values may be others than those that were
    /// trained.
    pub fn is_converted(self) -> bool {
        matches!(self, Self::Gguf | Self::Onnx | Self::Hdf5 | Self::Flax)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Safetensors => "safetensors",
            Self::Torch => "PyTorch",
            Self::TorchLegacy => "PyTorch before 1.6",
            Self::TorchDistributed => "torch.distributed.checkpoint",
            Self::DeepSpeedZero => "DeepSpeed ZeRO",
            Self::Npz => "npz",
            Self::Npy => "npy",
            Self::Burnpack => "burnpack",
            Self::Memory => "memory",
            Self::Gguf => "GGUF",
            Self::Onnx => "ONNX",
            Self::Hdf5 => "HDF5 (Keras)",
            Self::Flax => "Flax msgpack",
        })
    }
}

/// What npy files begin with.
pub(super) const NPY_MAGIC: &[u8] = b"\x93NUMPY";
/// What burnpack files begin with: `BURN` as a little-endian number.
pub(super) const BURNPACK_MAGIC: &[u8] = b"NRUB";
/// What files of PyTorch before 1.6 begin with: a pickle of its magic number.
pub(super) const LEGACY_MAGIC: &[u8] = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.";

/// What is read, for whoever named something else.
pub(super) const READ_KINDS: &str = "Supported formats are safetensors, PyTorch (.pt, .pth, .th, .bin, .ckpt), NumPy (.npz, .npy), Burn (.bpk), GGUF (.gguf), ONNX (.onnx), Keras (.keras, .h5) and Flax (.msgpack)";
