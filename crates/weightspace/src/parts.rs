//! How matrix products are divided among threads.

/// Parts into which faer divides its work. Last bits depend on it, so it is not the number of
/// threads, which is free to be anything.
pub(crate) const PARTS: usize = 4;
