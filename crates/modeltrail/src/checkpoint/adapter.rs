//! Adapters beside the models that they change.

use super::{Checkpoint, Contents};
use crate::error::Result;
use checkpoint_store::foreign::Adapter;
use serde::Serialize;

/// What was compared in the place of an adapter, for whoever reads the answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Applied {
    /// What kind it is: `LoRA`.
    pub(crate) kind: String,
    /// The largest rank of its changes.
    pub(crate) rank: u64,
    /// What its changes are multiplied by, if all count the same and that is known.
    pub(crate) scale: Option<f64>,
    /// How many weights it changes.
    pub(crate) tensors: usize,
    /// Whether the model with its changes was compared; else it is not merged, and its model was
    /// compared without it.
    pub(crate) merged: bool,
}

impl Applied {
    fn of(adapter: &Adapter, merged: bool) -> Self {
        Self {
            kind: adapter.kind.clone(),
            rank: adapter.rank,
            scale: adapter.scale,
            tensors: adapter.added.len(),
            merged,
        }
    }

    /// In a sentence about the checkpoint of this letter, of which the other is the model.
    pub(crate) fn to_note(&self, own: &str, other: Option<&str>) -> String {
        let Self {
            kind,
            rank,
            scale,
            tensors,
            ..
        } = self;
        let tensors = crate::text::counted(*tensors, "tensor");
        let scale = match scale {
            Some(scale) => {
                let digits = format!("{scale:.4}");
                let digits = digits.trim_end_matches('0').trim_end_matches('.');
                format!(", scale {digits}")
            }
            None => String::new(),
        };
        let what = format!("{kind} of rank {rank}{scale}, in {tensors}");
        match other {
            Some(other) => format!(
                "{own} is an adapter ({what}): {other} with what it adds is compared with {other}"
            ),
            None if self.merged => {
                format!("{own} is an adapter ({what}): compared are the products of its factors")
            }
            None => format!(
                "{own} holds an adapter that is not merged ({what}): how much it counts does not stand in \
                 the file, so its model is compared without it"
            ),
        }
    }
}

impl Checkpoint {
    /// What it is to the model that it changes, if it is an adapter, or holds one that was not merged.
    pub fn adapter(&self) -> Option<&Adapter> {
        self.weights()?.adapter.as_deref()
    }

    /// What an answer says of it, if it is an adapter, or holds one.
    pub(crate) fn applied(&self) -> Option<Applied> {
        let adapter = self.adapter()?;
        Some(Applied::of(adapter, !adapter.has_base))
    }

    /// Whether it holds changes only, and no model.
    pub(crate) fn is_adapter(&self) -> bool {
        self.adapter().is_some_and(|adapter| !adapter.has_base)
    }

    /// The model that it makes of another, if it is an adapter and the other is none.
    ///
    /// # Errors
    /// When it cannot be put onto that.
    pub(crate) fn onto(&self, base: &Self) -> Result<Option<Self>> {
        let (Some(own), Some(adapter)) = (self.weights(), self.adapter()) else {
            return Ok(None);
        };
        let Some(model) = base.weights() else {
            return Ok(None);
        };
        if adapter.has_base || base.is_adapter() {
            return Ok(None);
        }
        let merged = own.onto(adapter, model)?;
        Ok(Some(Self {
            name: self.name.clone(),
            unread: merged.unread.clone(),
            contents: Contents::Weights(merged.into()),
        }))
    }
}
