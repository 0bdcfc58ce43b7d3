//! Ranges of one file behind a web address, each checked to be what was asked for.

use std::fmt::Debug;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use super::client::{Answer, Client, Wrong, in_words};
use super::count_received;
use super::trouble::Trouble;
use super::url::Url;
use crate::Fault;

/// What gives ranges of a remote file.
pub(super) trait Ranges: Debug + Send + Sync {
    /// Exactly these bytes, which lie inside the file, of the version that was listed.
    ///
    /// # Errors
    /// When they cannot be had, after everything that may help was tried.
    fn get(&self, range: Range<u64>) -> Result<Vec<u8>, Trouble>;
}

/// Largest file that is taken whole from a server that knows no ranges.
const MOST_WHOLE: u64 = 8 << 20;
/// Bytes that must have come for an attempt to count as no failure: a server that sends a byte now and
/// then is given up.
const PROGRESS: usize = 64 << 10;
/// Bytes read at a time.
const READ: usize = 64 << 10;

/// A file behind a web address.
#[derive(Debug)]
pub(super) struct WebFile {
    client: Arc<Client>,
    /// What errors are about.
    path: PathBuf,
    url: Url,
    len: u64,
    seen: Mutex<Seen>,
}

/// What earlier answers said of the version.
#[derive(Debug, Default)]
struct Seen {
    /// Where redirects led; asked directly until that is refused.
    direct: Option<Url>,
    /// The hash that the hub names beside its redirects.
    linked: Option<String>,
    /// What the server that sends the bytes calls the version, and its host.
    tag: Option<(String, String)>,
}

impl WebFile {
    /// A file of so many bytes; `linked` is the hash that the hub lists for it, and the tag what a server
    /// has called its version.
    pub(super) fn new(
        client: Arc<Client>,
        path: &Path,
        url: Url,
        len: u64,
        linked: Option<String>,
        tag: Option<(String, String)>,
    ) -> Self {
        Self {
            client,
            path: path.to_path_buf(),
            url,
            len,
            seen: Mutex::new(Seen {
                linked,
                tag,
                ..Seen::default()
            }),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for what is still missing of a range, and takes what comes of it.
    fn attempt(&self, range: &Range<u64>, bytes: &mut Vec<u8>) -> Result<(), Wrong> {
        let from = range.start.saturating_add(bytes.len() as u64);
        let wanted = from..range.end;
        let direct = self.seen().direct.clone();
        let mut answer = match direct {
            Some(direct) => match self.client.ask(&direct, Some(&wanted)) {
                // What was signed expires: where it is now is asked for again.
                Ok(answer) if (400..500).contains(&answer.status) && answer.status != 429 => {
                    self.seen().direct = None;
                    self.client.ask(&self.url, Some(&wanted))?
                }
                Err(wrong) => {
                    self.seen().direct = None;
                    return Err(wrong);
                }
                Ok(answer) => answer,
            },
            None => self.client.ask(&self.url, Some(&wanted))?,
        };
        match answer.status {
            206 => {
                self.check_range(&answer, &wanted)?;
                self.check_version(&answer)?;
                take(&mut answer, 0, range, bytes)
            }
            200 => {
                self.check_version(&answer)?;
                self.check_whole(&answer)?;
                take(&mut answer, wanted.start, range, bytes)
            }
            416 => {
                let host = &answer.from.host;
                Err(self.changed(&format!("{host} says that it is shorter than it was")))
            }
            _ => Err(self.client.refusal(&answer)),
        }
    }

    /// That an answer says that it is the range that was asked for, or begins as that.
    fn check_range(&self, answer: &Answer, wanted: &Range<u64>) -> Result<(), Wrong> {
        let host = &answer.from.host;
        let said = answer.header("content-range").and_then(ContentRange::parse);
        let Some(said) = said else {
            return Err(Wrong::again(format!(
                "{host} sends a part of the file and does not say which"
            )));
        };
        if let Some(len) = said.len.filter(|len| *len != self.len) {
            let what = format!(
                "it had {} bytes, and {host} says that it has {len}",
                self.len
            );
            return Err(self.changed(&what));
        }
        if said.first != wanted.start || said.last >= wanted.end || said.last < said.first {
            return Err(Wrong::again(format!(
                "{host} sends bytes {} to {} of the file, and {} to {} were asked for",
                said.first,
                said.last,
                wanted.start,
                wanted.end.saturating_sub(1)
            )));
        }
        let length = said.last - said.first + 1;
        if answer.length().is_some_and(|is| is != length) {
            return Err(Wrong::again(format!(
                "{host} sends another number of bytes than its range has"
            )));
        }
        is_as_it_is(answer)
    }

    /// That an answer that is the whole file may be taken in place of a range.
    fn check_whole(&self, answer: &Answer) -> Result<(), Wrong> {
        let host = &answer.from.host;
        if let Some(len) = answer.length().filter(|len| *len != self.len) {
            let what = format!(
                "it had {} bytes, and {host} says that it has {len}",
                self.len
            );
            return Err(self.changed(&what));
        }
        if self.len > MOST_WHOLE {
            return Err(Wrong::last(
                Fault::Unsupported,
                format!("{host} sends the whole file where a part was asked for"),
                "Such a server cannot be read from: download the file, and name that",
            ));
        }
        is_as_it_is(answer)
    }

    /// That it is the version that earlier answers had.
    fn check_version(&self, answer: &Answer) -> Result<(), Wrong> {
        let mut seen = self.seen();
        if let Some(linked) = answer.linked.as_deref().map(plain) {
            match &seen.linked {
                Some(known) if known != linked => {
                    let host = &self.url.host;
                    return Err(self.changed(&format!("{host} names another version of it")));
                }
                _ => seen.linked = Some(linked.to_owned()),
            }
        }
        if let Some(tag) = tag(answer) {
            match &seen.tag {
                Some((host, known)) if *host == answer.from.host && *known != tag => {
                    return Err(self.changed(&format!("{host} names another version of it")));
                }
                _ => seen.tag = Some((answer.from.host.clone(), tag)),
            }
        }
        if answer.from != self.url {
            seen.direct = Some(answer.from.clone());
        }
        Ok(())
    }

    /// Whether a file that came whole has the SHA-256 that the hub lists, if it lists one.
    fn is_as_listed(&self, range: &Range<u64>, bytes: &[u8]) -> bool {
        let linked = self.seen().linked.clone();
        let sum = linked.filter(|sum| sum.len() == 64 && *range == (0..self.len));
        sum.is_none_or(|sum| {
            let own = Sha256::digest(bytes);
            let own: Vec<String> = own.iter().map(|byte| format!("{byte:02x}")).collect();
            own.concat().eq_ignore_ascii_case(&sum)
        })
    }

    fn changed(&self, how: &str) -> Wrong {
        let trouble = Trouble::changed(&self.path, format!("it changed while it was read: {how}"));
        Wrong::last(trouble.fault, trouble.what, trouble.way_out)
    }
}

impl Ranges for WebFile {
    fn get(&self, range: Range<u64>) -> Result<Vec<u8>, Trouble> {
        let wanted = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(wanted);
        let mut patience = self.client.patience();
        while bytes.len() < wanted {
            let before = bytes.len();
            let attempt = self.attempt(&range, &mut bytes);
            if bytes.len() - before >= PROGRESS {
                patience.renew();
            }
            match attempt {
                Ok(()) if bytes.len() == wanted => {
                    if self.is_as_listed(&range, &bytes) {
                        break;
                    }
                    bytes.clear();
                    let host = &self.url.host;
                    let what = format!("{host} sends other bytes than those that it lists");
                    patience.after(Wrong::again(what), &self.path)?;
                }
                // A part of the range is one of the answers that are allowed.
                Ok(()) if bytes.len() - before >= PROGRESS => {}
                Ok(()) => patience.after(
                    Wrong::again(format!("{} sends less than was asked for", self.url.host)),
                    &self.path,
                )?,
                Err(wrong) => patience.after(wrong, &self.path)?,
            }
        }
        Ok(bytes)
    }
}

/// The first bytes of an answer that begins as the file does; none if they did not all come.
pub(super) fn beginning(answer: &mut Answer, wanted: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    match take(answer, 0, &(0..wanted), &mut bytes) {
        Ok(()) if bytes.len() as u64 == wanted => bytes,
        _ => Vec::new(),
    }
}

/// Takes the body of an answer, after so many bytes of it, for what is missing of a range. What came
/// before a failure stays: it was the right bytes.
fn take(
    answer: &mut Answer,
    mut skip: u64,
    range: &Range<u64>,
    bytes: &mut Vec<u8>,
) -> Result<(), Wrong> {
    let host = answer.from.host.clone();
    let announced = answer.length();
    let mut came = 0_u64;
    let wanted = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let mut reader = answer.body.with_config().limit(u64::MAX).reader();
    let mut buffer = vec![0_u8; READ];
    loop {
        let missing = wanted - bytes.len();
        // One more at the end, so that a connection that is through can be used again.
        let most = (missing as u64).saturating_add(skip).clamp(1, READ as u64) as usize;
        let read = match reader.read(buffer.get_mut(..most).unwrap_or_default()) {
            Ok(read) => read,
            // All that was wanted is there.
            Err(_) if missing == 0 => break,
            Err(error) => return Err(cut(&host, &error)),
        };
        count_received(read);
        came += read as u64;
        if read == 0 {
            break;
        }
        let skipped = skip.min(read as u64);
        skip -= skipped;
        let part = buffer.get(skipped as usize..read).unwrap_or_default();
        if part.len() > missing {
            // Of a whole file, what comes after the range; more than a range has was refused before.
            bytes.extend_from_slice(part.get(..missing).unwrap_or_default());
            break;
        }
        bytes.extend_from_slice(part);
    }
    if bytes.len() < wanted && announced.is_some_and(|announced| came < announced) {
        return Err(Wrong::again(format!(
            "{host} ends the connection after {came} of the bytes that it announced"
        )));
    }
    if skip > 0 {
        return Err(Wrong::again(format!("{host} sends less than the file has")));
    }
    Ok(())
}

/// What a failed read of a body means.
pub(super) fn cut(host: &str, error: &std::io::Error) -> Wrong {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(ureq::Error::Timeout(_)) => Wrong::again(format!("{host} stops sending")),
        _ if error.kind() == std::io::ErrorKind::TimedOut => {
            Wrong::again(format!("{host} stops sending"))
        }
        _ => Wrong::again(format!(
            "the connection to {host} ended in the middle of an answer ({})",
            in_words(error)
        )),
    }
}

/// What a server calls a version, if it does so strongly: its ETag, or the time of the last change.
pub(super) fn tag(answer: &Answer) -> Option<String> {
    let strong = answer
        .header("etag")
        .filter(|tag| !tag.starts_with("W/"))
        .map(|tag| plain(tag).to_owned());
    strong.or_else(|| answer.header("last-modified").map(str::to_owned))
}

/// A tag without what stands around it.
pub(super) fn plain(tag: &str) -> &str {
    tag.trim_start_matches("W/").trim_matches('"')
}

/// That the bytes are those of the file, not compressed ones.
pub(super) fn is_as_it_is(answer: &Answer) -> Result<(), Wrong> {
    match answer.header("content-encoding") {
        None | Some("" | "identity") => Ok(()),
        Some(_) => Err(Wrong::last(
            Fault::Unsupported,
            format!("{} sends it compressed", answer.from.host),
            "Such a server cannot be read from: download the file, and name that",
        )),
    }
}

/// `bytes 0-99/1234`: which part of a file an answer is (RFC 9110, section 14.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentRange {
    pub(super) first: u64,
    /// The last byte that it has.
    pub(super) last: u64,
    /// The length of the whole, if it says.
    pub(super) len: Option<u64>,
}

impl ContentRange {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.trim().strip_prefix("bytes")?.trim_start();
        let (range, len) = rest.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let len = match len.trim() {
            "*" => None,
            len => Some(len.parse().ok()?),
        };
        Some(Self {
            first: first.trim().parse().ok()?,
            last: last.trim().parse().ok()?,
            len,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_an_answer_is_read_or_refused() {
        let range = |text: &str| {
            let range = ContentRange::parse(text)?;
            Some((range.first, range.last, range.len))
        };
        assert_eq!(range("bytes 0-99/1234"), Some((0, 99, Some(1234))));
        assert_eq!(range("bytes 5-5/*"), Some((5, 5, None)));
        for wrong in [
            "",
            "bytes",
            "bytes */1234",
            "items 0-1/2",
            "bytes 0-x/2",
            "bytes 1",
        ] {
            assert_eq!(range(wrong), None, "{wrong}");
        }
    }
}
