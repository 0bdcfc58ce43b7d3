//! What is said of an adapter.

use std::collections::BTreeMap;

/// What an adapter is to the model that it was trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// What kind it is, as its library calls it: `LoRA`.
    pub kind: String,
    /// The largest rank of its changes.
    pub rank: u64,
    /// What its changes are multiplied by, if all count the same; none where that is not known.
    pub scale: Option<f64>,
    /// Its changes by their names among the tensors, each with the name of the weight of the model that it
    /// is added to. The other tensors stand in the place of those of the model.
    pub added: BTreeMap<String, String>,
    /// Whether the weights of the model are in the file, too.
    pub has_base: bool,
    /// The model that it was trained on, as its configuration names it.
    pub base: Option<String>,
    /// Why it cannot be put onto that model, in a few words.
    pub not_applicable: Option<String>,
}
