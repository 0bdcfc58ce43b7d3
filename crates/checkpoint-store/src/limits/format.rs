//! The limits of the store's own format, which are fixed.

/// Largest encoded header, in bytes: 64 MiB.
///
/// Decoded, a header takes at most about 4.5 times its encoded size (a vector of empty tensor
/// shapes, while it grows), so reading any file stays within 64 MiB plus four times its size.
pub const MAX_HEADER_BYTES: u64 = 64 << 20;

/// Most checkpoints (columns) in one segment: two million.
///
/// At 28 bytes a row they fill [`MAX_HEADER_BYTES`] to nine tenths.
pub const MAX_CHECKPOINTS: u64 = 1 << 21;

/// Largest recipe text, in bytes: 1 MiB.
pub const MAX_RECIPE_BYTES: usize = 1 << 20;

/// Most tensors in one parameter layout.
pub const MAX_TENSORS: usize = 1 << 16;

/// Longest tensor name, in bytes.
pub const MAX_TENSOR_NAME_BYTES: usize = 1024;

/// Most dimensions of one tensor.
pub const MAX_DIMENSIONS: usize = 16;

/// Most files looked at in one store directory: one million.
pub const MAX_FILES: usize = 1 << 20;

/// Alignment of the weights in a file, in bytes: one page on most machines.
pub const WEIGHTS_ALIGNMENT: u64 = 4096;
