//! One segment in place of many.

use crate::checkpoints::Gathering;
use crate::directory::Entry;
use crate::error::{Error, Result};
use crate::header::Checkpoint;
use crate::names;
use crate::new_file::sync_dir;
use crate::segment::Segment;
use crate::store::Store;

impl Store {
    /// Writes a finished store into one segment, which maps as one matrix, then removes the
    /// segments it was made from. Returns the one.
    ///
    /// The store is finished if it holds every one of `epochs` of every one of `runs`; what it
    /// holds beyond them is kept, too. The result depends on the content only, byte for byte.
    /// Memory: labels, and what the operating system keeps of the mapped segments.
    ///
    /// Killed at any moment, the store shows the same checkpoints, each once; compacting again
    /// finishes. A segment is removed only after each of its columns and labels was found bit for
    /// bit in the new one, verified on disk. Of two processes that compact at the same time, both
    /// succeed.
    ///
    /// # Errors
    /// [`Error::Incomplete`]; [`Error::Overlap`] if a segment contradicts another one;
    /// and as [`load`](Self::load) and [`publish`](Self::publish).
    pub fn compact(&self, epochs: impl IntoIterator<Item = u32>, runs: &[u64]) -> Result<Segment> {
        let (listing, segments) = self.open_segments()?;
        self.expect_complete(&listing.checkpoints(), epochs, runs)?;
        let done = match listing.current.as_slice() {
            [] => return Err(self.empty()),
            [only] => only.is_compacted(),
            _ => false,
        };
        let path = if done {
            listing.current[0].path.clone()
        } else {
            let Gathering { labels, pieces } = Gathering::of(&segments);
            let frame = self.segment_frame(labels, pieces)?;
            self.publish_segment(&names::compacted(frame.digest()), &frame)?
                .path
        };
        // Windows does not remove mapped files.
        drop(segments);
        let whole = Segment::open(&path)?;
        let others: Vec<&Entry> = listing
            .current
            .iter()
            .chain(&listing.superseded)
            .filter(|entry| entry.path != path)
            .collect();
        self.remove_contained(&whole, &others)?;
        Ok(whole)
    }

    /// Refuses a store that lacks one of the checkpoints.
    fn expect_complete(
        &self,
        present: &[Checkpoint],
        epochs: impl IntoIterator<Item = u32>,
        runs: &[u64],
    ) -> Result<()> {
        let mut first = None;
        let mut missing = 0;
        for epoch in epochs {
            for &run in runs {
                if present
                    .binary_search_by_key(&(epoch, run), Checkpoint::key)
                    .is_err()
                {
                    first.get_or_insert((run, epoch));
                    missing += 1;
                }
            }
        }
        match first {
            None => Ok(()),
            Some((run, epoch)) => Err(Error::Incomplete {
                path: self.directory.clone(),
                missing,
                run,
                epoch,
            }),
        }
    }

    /// Removes segments, after every column of every one of them was found in `whole`.
    fn remove_contained(&self, whole: &Segment, others: &[&Entry]) -> Result<()> {
        for entry in others {
            let small = match Segment::open(&entry.path) {
                // Another process that compacts was faster.
                Err(error) if error.is_vanished() => continue,
                other => other?,
            };
            if let Some(label) = first_missing(&small, whole) {
                return Err(Error::Overlap {
                    run: label.run,
                    epoch: label.epoch,
                    first: whole.path().to_path_buf(),
                    second: entry.path.clone(),
                });
            }
        }
        for entry in others {
            match self.storage.remove(&entry.path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                other => other.map_err(|source| Error::io("remove", &entry.path, source))?,
            }
        }
        if others.is_empty() {
            return Ok(());
        }
        sync_dir(self.storage.as_ref(), &self.directory)
    }
}

/// The first checkpoint of `small` that is not, bit for bit, in `whole`.
pub(crate) fn first_missing(small: &Segment, whole: &Segment) -> Option<Checkpoint> {
    small
        .checkpoints()
        .iter()
        .enumerate()
        .find_map(|(index, label)| {
            let found = whole
                .checkpoints()
                .binary_search_by_key(&label.key(), Checkpoint::key)
                .is_ok_and(|at| {
                    same_bits(&whole.checkpoints()[at], label)
                        && column(whole, at) == column(small, index)
                });
            (!found).then_some(*label)
        })
}

/// The bytes of one column: bytes, since NaN differs from itself.
fn column(segment: &Segment, index: usize) -> &[u8] {
    let rows = segment.parameters();
    bytemuck::cast_slice(&segment.weights()[index * rows..(index + 1) * rows])
}

/// Whether two labels are the same, with NaN equal to the same NaN.
fn same_bits(a: &Checkpoint, b: &Checkpoint) -> bool {
    let bits = |label: &Checkpoint| {
        let metrics = [label.train_loss, label.test_loss, label.test_accuracy];
        (
            label.key(),
            label.finite,
            metrics.map(|metric| metric.map(f32::to_bits)),
        )
    };
    bits(a) == bits(b)
}
