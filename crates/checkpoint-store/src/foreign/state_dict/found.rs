//! What a search for the model finds.

use super::sharded::Sharded;
use crate::foreign::claimed::Claimed;
use crate::foreign::metadata::Metadata;
use crate::foreign::tensor::{Declared, LeftOut, Unread};

/// The tensors of a model.
#[derive(Debug, Default)]
pub(in crate::foreign) struct StateDict {
    /// Name, number among the tensors of the pickle, and what kind it was saved as.
    pub(in crate::foreign) tensors: Vec<(String, u32, Declared)>,
    /// Tensors of kinds that are not read: sparse, nested, subclasses.
    pub(in crate::foreign) unread: Vec<Unread>,
    pub(in crate::foreign) left_out: Vec<LeftOut>,
    /// Parts of tensors of which other processes hold the rest.
    pub(in crate::foreign) parts: Vec<Sharded>,
    /// What fields beside the model say.
    pub(in crate::foreign) claimed: Claimed,
    /// What the settings of the training say.
    pub(in crate::foreign) settings: Claimed,
    /// Texts and numbers beside the model.
    pub(in crate::foreign) metadata: Metadata,
    /// Fields beside the model that are tensors of one number: their keys, and the numbers of the
    /// tensors.
    pub(in crate::foreign) counters: Vec<(String, u32)>,
}
