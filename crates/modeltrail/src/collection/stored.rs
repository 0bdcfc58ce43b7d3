//! Tensors by the bytes that are stored, where f32 does not show them.

/// A tensor as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    /// Its number type, as the file names it.
    pub(crate) dtype: String,
    /// Of its bytes; none where it is not known where they lie.
    pub(crate) hash: Option<blake3::Hash>,
    /// Whether it could not be read as numbers.
    pub(crate) is_unread: bool,
}

impl Stored {
    /// Whether it is known to be the same bits as another of its type; none if that cannot be told.
    pub(crate) fn is_same(&self, other: &Self) -> Option<bool> {
        let same = self.hash.zip(other.hash).map(|(own, other)| own == other);
        same.filter(|_| self.dtype == other.dtype)
    }
}
