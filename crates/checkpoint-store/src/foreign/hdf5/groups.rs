//! Groups whose names stand in a tree, with a heap of texts.

use super::{Reader, long, short};
use crate::Result;

/// Deepest tree of names.
const DEEPEST: u8 = 16;
/// Bytes of a node before its entries, and of an entry.
const NODE: u64 = 24;
const NODE_ENTRY: u64 = 16;
/// The same of a list of names.
const LIST: u64 = 8;
const LIST_ENTRY: u64 = 40;
/// Longest name, in bytes.
const LONGEST: usize = 1024;

impl Reader<'_> {
    /// The names of a group, and where the headers of what is called so lie.
    pub(super) fn table(&mut self, tree: u64, heap: u64) -> Result<Vec<(String, u64)>> {
        let head = self.bytes("a heap of names", heap, 32)?;
        let (Some(len), Some(at)) = (long(&head, 8), long(&head, 24)) else {
            return Err(self.source.damaged("a heap of names is cut off"));
        };
        if !head.starts_with(b"HEAP") {
            return Err(self.source.damaged("a heap of names is none"));
        }
        let texts = self.bytes("a heap of names", at, len)?;
        let mut found = Vec::new();
        self.node(tree, DEEPEST, &texts, &mut found)?;
        Ok(found)
    }

    fn node(
        &mut self,
        address: u64,
        depth: u8,
        texts: &[u8],
        found: &mut Vec<(String, u64)>,
    ) -> Result<()> {
        if !self.seen.insert(address) {
            return Err(self.source.damaged("a tree of names leads back to itself"));
        }
        let head = self.bytes("a tree of names", address, NODE)?;
        if head.starts_with(b"SNOD") {
            return self.list(address, texts, found);
        }
        let count = short(&head, 6).unwrap_or(0);
        let is_group = head.starts_with(b"TREE") && head.get(4) == Some(&0);
        if !is_group || depth == 0 {
            return Err(self.source.damaged("a tree of names is none"));
        }
        let len = u64::from(count) * NODE_ENTRY;
        let entries = self.bytes("a tree of names", address.saturating_add(NODE), len)?;
        for entry in entries.chunks_exact(NODE_ENTRY as usize) {
            let child = long(entry, 8).unwrap_or(u64::MAX);
            self.node(child, depth - 1, texts, found)?;
        }
        Ok(())
    }

    fn list(&mut self, address: u64, texts: &[u8], found: &mut Vec<(String, u64)>) -> Result<()> {
        let head = self.bytes("a list of names", address, LIST)?;
        let len = u64::from(short(&head, 6).unwrap_or(0)) * LIST_ENTRY;
        let entries = self.bytes("a list of names", address.saturating_add(LIST), len)?;
        for entry in entries.chunks_exact(LIST_ENTRY as usize) {
            let (Some(name), Some(header)) = (long(entry, 0), long(entry, 8)) else {
                continue;
            };
            let text = usize::try_from(name).ok().and_then(|at| texts.get(at..));
            let text = text.unwrap_or_default();
            let end = text
                .iter()
                .position(|&byte| byte == 0)
                .filter(|&end| end <= LONGEST);
            let Some(name) = end.and_then(|end| text.get(..end)) else {
                return Err(self.source.damaged("a name in a group does not end"));
            };
            found.push((String::from_utf8_lossy(name).into_owned(), header));
        }
        Ok(())
    }
}
