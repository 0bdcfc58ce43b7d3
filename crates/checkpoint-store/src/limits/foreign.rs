//! The limits on reading the checkpoints of other programs.

/// Most dimensions of one tensor in a foreign checkpoint.
///
/// PyTorch knows 64, NumPy too, and no network needs more than a few.
pub const MAX_FOREIGN_DIMENSIONS: usize = 32;

/// Bytes read at a time when a tensor of a foreign checkpoint is streamed: 256 KiB.
///
/// Small enough to stay in the cache between the read and the widening to f32.
pub const STREAM_BYTES: usize = 256 << 10;

/// What reading one foreign checkpoint may take before it is refused.
///
/// The defaults fit every checkpoint that the known formats write in practice, and bound what a
/// hostile file can take: two seconds, and 64 MiB plus four times its own size in memory. Whoever
/// trusts a file that exceeds one of them can raise it.
///
/// # Example
/// ```
/// use checkpoint_store::limits::Limits;
///
/// let limits = Limits { largest_header: 256 << 20, ..Limits::default() };
/// assert_eq!(limits.deepest_nesting, 64);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest description of the tensors, in bytes: the header of a safetensors or Burn file,
    /// the pickle of a PyTorch file, the directory of a zip archive, an index of shards. 64 MiB.
    pub largest_header: u64,
    /// Largest tensor, in bytes as stored and unpacked. 64 GiB.
    pub largest_tensor: u64,
    /// Most tensors in one checkpoint, over all its shards. 131,072.
    pub most_tensors: usize,
    /// Most values of a pickle that are looked through for tensors: each as often as there are ways to
    /// it. 1,048,576.
    pub most_values: usize,
    /// Deepest nesting of dictionaries, lists or modules. 64.
    pub deepest_nesting: usize,
    /// Memory for what cannot be streamed (the values of a pickle, a tensor stored in another
    /// order than row-major), in bytes, beyond twice the size of the file. 32 MiB.
    pub spare_memory: u64,
    /// Most memory for what cannot be streamed, in bytes, however large the file. 1 GiB.
    pub most_memory: u64,
    /// How many times its size an archive may unpack to, beyond the first 64 MiB. 64.
    pub most_expansion: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            largest_header: 64 << 20,
            largest_tensor: 64 << 30,
            most_tensors: 1 << 17,
            most_values: 1 << 20,
            deepest_nesting: 64,
            spare_memory: 32 << 20,
            most_memory: 1 << 30,
            most_expansion: 64,
        }
    }
}

impl Limits {
    /// The memory that a file of so many bytes may take for what cannot be streamed, in bytes:
    /// twice its size and [`spare_memory`](Self::spare_memory), and
    /// [`most_memory`](Self::most_memory) at most.
    #[must_use]
    pub fn memory_for(&self, file_bytes: u64) -> u64 {
        file_bytes
            .saturating_mul(2)
            .saturating_add(self.spare_memory)
            .min(self.most_memory)
    }

    /// How many bytes an archive of so many bytes may unpack to.
    #[must_use]
    pub fn unpacked_for(&self, file_bytes: u64) -> u64 {
        file_bytes
            .saturating_mul(self.most_expansion)
            .saturating_add(64 << 20)
    }
}
