//! What a reader makes of one file.

use super::claimed::Claimed;
use super::gguf::names::Architecture;
use super::metadata::Metadata;
use super::part::Part;
use super::source::Source;
use super::stored::{Raw, Stored};
use super::tensor::LeftOut;

/// What a format's reader makes of a file.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) tensors: Vec<Stored>,
    pub(super) unread: Vec<Raw>,
    pub(super) left_out: Vec<LeftOut>,
    /// Parts of tensors, which the files of other processes have the rest of.
    pub(super) parts: Vec<Part>,
    /// What its own fields say of its run and step.
    pub(super) claimed: Claimed,
    /// What the settings of the training in it say, which count where nothing else does.
    pub(super) settings: Claimed,
    /// What it says of the network, if its names are to be brought to those of another library.
    pub(super) architecture: Option<Architecture>,
    /// Other files that tensors lie in: those of place 1 in the first of them.
    pub(super) beside: Vec<Source>,
    /// Texts and numbers in it, for whoever asks what is there.
    pub(super) metadata: Metadata,
}

impl Contents {
    /// Notes in which of a checkpoint's files everything lies: in this one, and what lies in others
    /// beside it in those from a number on.
    pub(super) fn lies_in(&mut self, file: usize, others: usize) {
        for stored in &mut self.tensors {
            let own = stored.place.file;
            stored.lies_in(if own == 0 { file } else { others + own - 1 });
        }
        for part in &mut self.parts {
            part.stored.lies_in(file);
            part.file = file;
        }
        for bytes in self.unread.iter_mut().filter_map(|raw| raw.bytes.as_mut()) {
            let own = bytes.place.file;
            bytes.place.file = if own == 0 { file } else { others + own - 1 };
        }
    }

    /// How many tensors there are, read or not; each part of one counts.
    pub(super) fn count(&self) -> usize {
        let whole = self.tensors.len().saturating_add(self.unread.len());
        whole.saturating_add(self.parts.len())
    }

    /// The names of all tensors, read or not.
    pub(super) fn names(&mut self) -> Vec<&mut String> {
        let read = self
            .tensors
            .iter_mut()
            .map(|stored| &mut stored.tensor.name);
        let unread = self.unread.iter_mut().map(|raw| &mut raw.unread.name);
        read.chain(unread).collect()
    }
}
