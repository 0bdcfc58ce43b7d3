//! What was done to read checkpoints that are not simply files of weights.

use crate::text::counted;
use checkpoint_store::foreign::{Description, Format};
use std::collections::BTreeMap;

/// How many checkpoints of each kind there are.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// Of folders whose files were joined, by what wrote them.
    joined: BTreeMap<Format, usize>,
    /// Of files of formats that models are converted to.
    converted: BTreeMap<Format, usize>,
    /// Of adapters, by their kind.
    adapters: BTreeMap<String, usize>,
    /// Of models with an adapter that was not merged.
    unmerged: usize,
}

impl Noted {
    pub(super) fn add(&mut self, description: &Description) {
        let format = description.format();
        if matches!(format, Format::TorchDistributed | Format::DeepSpeedZero) {
            *self.joined.entry(format).or_default() += 1;
        }
        if format.is_converted() {
            *self.converted.entry(format).or_default() += 1;
        }
        match description.adapter() {
            Some(adapter) if adapter.has_base => self.unmerged += 1,
            Some(adapter) => *self.adapters.entry(adapter.kind.clone()).or_default() += 1,
            None => {}
        }
    }

    /// A sentence for each kind.
    pub(super) fn into_notes(self) -> Vec<String> {
        let joined = self.joined.into_iter().map(|(format, count)| {
            let folders = counted(count, "folder");
            format!("{folders} of {format} read as one checkpoint each")
        });
        let converted = self.converted.into_iter().map(|(format, count)| {
            let checkpoints = counted(count, "checkpoint");
            format!("{checkpoints} read as {format}")
        });
        let adapters = self.adapters.into_iter().map(|(kind, count)| {
            let adapters = counted(count, "adapter");
            format!("{adapters} ({kind}): compared are the products of their factors")
        });
        let unmerged = (self.unmerged > 0).then(|| {
            let models = counted(self.unmerged, "model");
            format!("{models} with an adapter that is not merged: how much it counts is not known")
        });
        let joined = joined.chain(converted);
        joined.chain(adapters).chain(unmerged).collect()
    }
}
