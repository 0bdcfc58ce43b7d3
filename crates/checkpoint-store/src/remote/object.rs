//! One remote file: read at positions, as a file is, out of windows that are fetched as they are needed.
//!
//! A read that goes on where another one ended doubles what is fetched at a time, from [`UNIT`] up to
//! [`LARGEST`], and has the next windows fetched meanwhile ([`ahead`](super::ahead)). Windows are let go
//! once they were read to their end; small ones, which descriptions are read out of, when all windows of
//! the process together hold more than [`MOST_HELD`].

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use super::ahead;
use super::ranges::Ranges;
use super::trouble::{Failure, Trouble};

/// What windows begin and end at, in bytes.
const UNIT: u64 = 16 << 10;
/// The first window of a file: most descriptions lie in it whole.
pub(super) const HEAD: u64 = 64 << 10;
/// The largest window.
const LARGEST: u64 = 4 << 20;
/// Windows that are fetched before they are asked for, of each sequence of reads.
const AHEAD: u64 = 3;
/// After how many windows a sequence is one of values: a description has one or two.
const LONG: u32 = 3;
/// What windows may hold before those that were not asked for yet are no longer fetched.
const MOST_AHEAD: u64 = 40 << 20;
/// What windows may hold before the oldest are let go.
const MOST_HELD: u64 = 56 << 20;
/// Sequences of reads that are told apart in one file.
const MOST_SEQUENCES: usize = 64;

/// Bytes that all windows hold, or will.
static HELD: AtomicU64 = AtomicU64::new(0);
/// All windows that hold bytes, the oldest first; some are gone by now.
static OLDEST: Mutex<VecDeque<(Weak<Object>, u64)>> = Mutex::new(VecDeque::new());

/// A remote file.
#[derive(Debug)]
pub(crate) struct Object {
    path: PathBuf,
    len: u64,
    /// What tells it from every other version, if the server says.
    version: Option<String>,
    ranges: Box<dyn Ranges>,
    failure: Failure,
    windows: Mutex<Windows>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Windows {
    /// By their first byte; none overlaps another.
    held: BTreeMap<u64, Window>,
    /// Sequences of reads, the latest last.
    sequences: Vec<Sequence>,
}

#[derive(Debug)]
enum Window {
    /// It is being fetched, up to this byte.
    Coming(u64),
    Here(Arc<Vec<u8>>),
}

/// Reads that go on where the last one ended.
#[derive(Debug, Clone, Copy)]
struct Sequence {
    /// Where the windows end that are there or coming.
    next: u64,
    /// How large the last of them was.
    size: u64,
    /// How many there were.
    windows: u32,
}

/// What a read found.
enum Found {
    Here(u64, Arc<Vec<u8>>),
    Coming,
    Nothing,
}

impl Object {
    pub(super) fn new(
        path: &Path,
        len: u64,
        version: Option<String>,
        ranges: Box<dyn Ranges>,
        failure: Failure,
    ) -> Self {
        Self {
            path: path.to_path_buf(),
            len,
            version,
            ranges,
            failure,
            windows: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// What tells it from every other version, if its server says.
    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    fn windows(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills the buffer with the bytes at this offset, which lie inside the file.
    ///
    /// # Errors
    /// When they could not be had; whatever else failed under the same root.
    pub(crate) fn read(
        self: &Arc<Self>,
        mut buffer: &mut [u8],
        mut offset: u64,
    ) -> Result<(), Trouble> {
        while !buffer.is_empty() {
            let (start, bytes) = self.window(offset, buffer.len() as u64)?;
            let skip = usize::try_from(offset - start).unwrap_or(usize::MAX);
            let part = bytes.get(skip..).unwrap_or_default();
            let now = part.len().min(buffer.len());
            let (target, rest) = std::mem::take(&mut buffer).split_at_mut(now);
            target.copy_from_slice(part.get(..now).unwrap_or_default());
            buffer = rest;
            offset = offset.saturating_add(now as u64);
            if skip + now == bytes.len() && bytes.len() as u64 > HEAD {
                self.let_go(start, true);
            }
        }
        Ok(())
    }

    /// Has the beginning fetched, if it is not there. What fails fails when it is read.
    pub(super) fn warm(self: &Arc<Self>) {
        if self.len > 0 {
            let _ = self.window(0, 1);
        }
    }

    /// Asks for the first byte anew, so that a version that came once and is not the server's shows.
    pub(super) fn confirm(&self) {
        if self.len > 0
            && self.failure.check().is_ok()
            && let Err(trouble) = self.ranges.get(0..1)
        {
            self.failure.note(&trouble);
        }
    }

    /// Puts the first bytes in, which came on the way.
    pub(super) fn begin_with(&self, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let end = bytes.len() as u64;
        HELD.fetch_add(end, Ordering::Relaxed);
        let mut windows = self.windows();
        windows.held.insert(0, Window::Here(Arc::new(bytes)));
        windows.sequences.push(Sequence {
            next: end,
            size: end,
            windows: 1,
        });
    }

    /// The window that holds this byte: as it is there, or fetched.
    fn window(self: &Arc<Self>, offset: u64, wanted: u64) -> Result<(u64, Arc<Vec<u8>>), Trouble> {
        let mut windows = self.windows();
        loop {
            self.failure.check()?;
            match windows.find(offset) {
                Found::Here(start, bytes) => {
                    let end = start.saturating_add(bytes.len() as u64);
                    let coming = windows.ahead(end, self.len);
                    drop(windows);
                    self.send_for(coming);
                    return Ok((start, bytes));
                }
                Found::Coming => {
                    windows = self
                        .changed
                        .wait(windows)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                Found::Nothing => {
                    let Some(range) = windows.begin(offset, wanted, self.len) else {
                        // Nobody asks for what lies behind the end.
                        return Err(Trouble::changed(&self.path, "it ends early"));
                    };
                    let coming = windows.ahead(range.end, self.len);
                    drop(windows);
                    self.send_for(coming);
                    self.fetch(range)?;
                    windows = self.windows();
                }
            }
        }
    }

    /// Has windows fetched by others.
    fn send_for(self: &Arc<Self>, coming: Vec<Range<u64>>) {
        for range in coming {
            let start = range.start;
            if !ahead::later(Arc::clone(self), range) {
                self.let_go(start, false);
            }
        }
    }

    /// Fetches a window that is marked as coming.
    pub(super) fn fetch(self: &Arc<Self>, range: Range<u64>) -> Result<(), Trouble> {
        // Whatever happens, nobody waits for it for ever.
        let guard = Coming {
            object: self,
            start: range.start,
        };
        self.failure.check()?;
        let bytes = self.ranges.get(range.clone());
        let bytes = bytes.inspect_err(|trouble| self.failure.note(trouble))?;
        if bytes.len() as u64 != range.end - range.start {
            let trouble = Trouble::changed(&self.path, "other bytes came than were asked for");
            self.failure.note(&trouble);
            return Err(trouble);
        }
        let mut windows = self.windows();
        // Otherwise it was taken back meanwhile.
        if let Some(window) = windows.held.get_mut(&range.start)
            && matches!(window, Window::Coming(end) if *end == range.end)
        {
            *window = Window::Here(Arc::new(bytes));
        }
        drop(windows);
        std::mem::forget(guard);
        self.changed.notify_all();
        let mut oldest = OLDEST.lock().unwrap_or_else(PoisonError::into_inner);
        oldest.push_back((Arc::downgrade(self), range.start));
        drop(oldest);
        let_go_oldest();
        Ok(())
    }

    /// Lets a window go; only one that is there, or also one that is still coming.
    fn let_go(&self, start: u64, only_here: bool) {
        let mut windows = self.windows();
        let is_meant = match windows.held.get(&start) {
            Some(Window::Here(_)) => true,
            Some(Window::Coming(_)) => !only_here,
            None => false,
        };
        if is_meant && let Some(window) = windows.held.remove(&start) {
            HELD.fetch_sub(window.bytes(start), Ordering::Relaxed);
        }
        drop(windows);
        self.changed.notify_all();
    }
}

impl Window {
    /// How many bytes it has, or will have, if it begins here.
    fn bytes(&self, start: u64) -> u64 {
        match self {
            Self::Coming(end) => end.saturating_sub(start),
            Self::Here(bytes) => bytes.len() as u64,
        }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        let windows = self
            .windows
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        for (start, window) in &windows.held {
            HELD.fetch_sub(window.bytes(*start), Ordering::Relaxed);
        }
    }
}

/// Takes a window back that did not come.
struct Coming<'a> {
    object: &'a Object,
    start: u64,
}

impl Drop for Coming<'_> {
    fn drop(&mut self) {
        self.object.let_go(self.start, false);
    }
}

/// Lets the oldest windows go where all together hold too much.
fn let_go_oldest() {
    loop {
        let is_much = HELD.load(Ordering::Relaxed) > MOST_HELD;
        let mut oldest = OLDEST.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_much {
            // Those that are gone, now and then.
            if oldest.len() > 4096 {
                oldest.retain(|(object, _)| object.strong_count() > 0);
            }
            return;
        }
        let Some((object, start)) = oldest.pop_front() else {
            return;
        };
        drop(oldest);
        if let Some(object) = object.upgrade() {
            object.let_go(start, true);
        }
    }
}

impl Windows {
    /// The window that holds this byte.
    fn find(&self, offset: u64) -> Found {
        let before = self.held.range(..=offset).next_back();
        match before {
            Some((&start, Window::Here(bytes))) if offset - start < bytes.len() as u64 => {
                Found::Here(start, Arc::clone(bytes))
            }
            Some((_, &Window::Coming(end))) if offset < end => Found::Coming,
            _ => Found::Nothing,
        }
    }

    /// Marks a window as coming that begins at or before this byte, and tells which; none behind the
    /// end.
    fn begin(&mut self, offset: u64, wanted: u64, len: u64) -> Option<Range<u64>> {
        let before = self.held.range(..=offset).next_back();
        let end_before = before.map_or(0, |(&start, window)| match window {
            Window::Coming(end) => *end,
            Window::Here(bytes) => start.saturating_add(bytes.len() as u64),
        });
        let start = (offset / UNIT * UNIT).max(end_before);
        let known = self.sequences.iter().position(|known| known.next == start);
        let (size, before) = match known.map(|place| self.sequences.remove(place)) {
            Some(sequence) => (sequence.size.saturating_mul(2), sequence.windows),
            None if start == 0 => (HEAD, 0),
            None => (UNIT, 0),
        };
        if self.sequences.len() >= MOST_SEQUENCES {
            self.sequences.remove(0);
        }
        let needed = offset.saturating_sub(start).saturating_add(wanted);
        let size = size.max(needed.next_multiple_of(UNIT)).min(LARGEST);
        let range = self.mark(start, size, len)?;
        self.sequences.push(Sequence {
            next: range.end,
            size,
            windows: before.saturating_add(1),
        });
        Some(range)
    }

    /// Marks further windows as coming, where reads go on one after the other and have come to a window
    /// that ends here.
    fn ahead(&mut self, end: u64, len: u64) -> Vec<Range<u64>> {
        let mut coming = Vec::new();
        let place = self.sequences.iter().rposition(|sequence| {
            let reach = sequence.size.saturating_mul(AHEAD);
            sequence.windows >= LONG && (end..=end.saturating_add(reach)).contains(&sequence.next)
        });
        let Some(mut sequence) = place.and_then(|place| self.sequences.get(place).copied()) else {
            return coming;
        };
        while sequence.next < len
            && sequence.next < end.saturating_add(sequence.size.saturating_mul(AHEAD))
            && HELD.load(Ordering::Relaxed) < MOST_AHEAD
        {
            let size = sequence.size.saturating_mul(2).min(LARGEST);
            if !matches!(self.find(sequence.next), Found::Nothing) {
                break;
            }
            let Some(range) = self.mark(sequence.next, size, len) else {
                break;
            };
            sequence = Sequence {
                next: range.end,
                size,
                windows: sequence.windows.saturating_add(1),
            };
            coming.push(range);
        }
        if let Some(known) = place.and_then(|place| self.sequences.get_mut(place)) {
            *known = sequence;
        }
        coming
    }

    /// Marks a window as coming: so long, or as long as there is room before the next one and the end.
    fn mark(&mut self, start: u64, size: u64, len: u64) -> Option<Range<u64>> {
        let next = self.held.range(start..).next().map(|(&next, _)| next);
        let end = start
            .saturating_add(size)
            .min(len)
            .min(next.unwrap_or(u64::MAX));
        if end <= start {
            return None;
        }
        HELD.fetch_add(end - start, Ordering::Relaxed);
        self.held.insert(start, Window::Coming(end));
        Some(start..end)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Fault;
    use std::sync::atomic::AtomicUsize;

    /// Bytes that follow from their places, and fail from one on.
    #[derive(Debug)]
    struct Made {
        asked: Arc<Mutex<Vec<Range<u64>>>>,
        fails: Arc<AtomicUsize>,
    }

    fn byte(place: u64) -> u8 {
        (place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8
    }

    impl Ranges for Made {
        fn get(&self, range: Range<u64>) -> Result<Vec<u8>, Trouble> {
            let mut asked = self.asked.lock().unwrap();
            asked.push(range.clone());
            if asked.len() > self.fails.load(Ordering::SeqCst) {
                return Err(Trouble::new(
                    Path::new("made"),
                    Fault::Unreachable,
                    "it failed",
                    "Try again",
                ));
            }
            Ok(range.map(byte).collect())
        }
    }

    type Asked = Arc<Mutex<Vec<Range<u64>>>>;

    fn made(len: u64, fails: usize) -> (Arc<Object>, Asked) {
        let asked = Asked::default();
        let ranges = Made {
            asked: Arc::clone(&asked),
            fails: Arc::new(AtomicUsize::new(fails)),
        };
        let failure = Failure::default();
        let object = Object::new(Path::new("made"), len, None, Box::new(ranges), failure);
        (Arc::new(object), asked)
    }

    fn read(object: &Arc<Object>, offset: u64, count: usize) -> Vec<u8> {
        let mut buffer = vec![0; count];
        object.read(&mut buffer, offset).unwrap();
        buffer
    }

    #[test]
    fn every_byte_is_the_one_at_its_place_whatever_is_asked_for_first() {
        let len = 9_000_001;
        let (object, _) = made(len, usize::MAX);
        for (offset, count) in [
            (8_999_990, 11),
            (0, 8),
            (8, 70_000),
            (5_000_000, 3_000_000),
            (0, 9_000_001),
            (65_535, 2),
            (4_999_999, 2),
        ] {
            let wanted: Vec<u8> = (offset..offset + count as u64).map(byte).collect();
            assert!(read(&object, offset, count) == wanted, "{offset} {count}");
        }
    }

    #[test]
    fn reading_on_asks_for_more_at_a_time_and_for_nothing_twice() {
        let len = 20 << 20;
        let (object, asked) = made(len, usize::MAX);
        for offset in (0..len).step_by(256 << 10) {
            read(&object, offset, 256 << 10);
        }
        let mut asked = asked.lock().unwrap().clone();
        asked.sort_by_key(|range| range.start);
        assert!(asked.len() < 14, "{}", asked.len());
        let mut at = 0;
        for range in asked {
            assert_eq!(range.start, at);
            at = range.end;
        }
        assert_eq!(at, len);
    }

    #[test]
    fn looking_here_and_there_asks_for_little() {
        let (object, asked) = made(1 << 30, usize::MAX);
        for place in 0..50_u64 {
            read(&object, place * 20_000_000, 30);
        }
        let asked = asked.lock().unwrap();
        let bytes: u64 = asked.iter().map(|range| range.end - range.start).sum();
        assert!(bytes <= 51 * HEAD, "{bytes}");
    }

    #[test]
    fn threads_that_read_one_file_get_its_bytes() {
        let len = 6_000_000;
        let (object, _) = made(len, usize::MAX);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let object = &object;
                scope.spawn(move || {
                    for step in 0..40_u64 {
                        let offset = (thread * 700_001 + step * 130_003) % (len - 100_000);
                        let wanted: Vec<u8> = (offset..offset + 100_000).map(byte).collect();
                        assert!(read(object, offset, 100_000) == wanted);
                    }
                });
            }
        });
    }

    #[test]
    fn what_failed_once_fails_from_then_on() {
        let (object, asked) = made(50 << 20, 1);
        read(&object, 0, 100);
        let mut buffer = vec![0; 100];
        for _ in 0..3 {
            let error = object.read(&mut buffer, 30 << 20).unwrap_err();
            assert_eq!(error.what, "it failed");
        }
        // What is there is not given out either.
        assert!(object.read(&mut buffer, 0).is_err());
        assert_eq!(asked.lock().unwrap().len(), 2);
    }
}
