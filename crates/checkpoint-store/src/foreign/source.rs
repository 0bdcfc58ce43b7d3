//! One foreign file, read at positions, and the errors that name it.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::memory::Shared;
use crate::limits::Limits;
use crate::{Error, Fault, LimitMet, Result};

/// What is read.
#[derive(Debug, Clone)]
enum Data {
    File(Arc<File>),
    Memory(Shared),
    #[cfg(feature = "remote")]
    Remote(Arc<crate::remote::Object>),
}

/// A file that is open for reading, with the length it had then, on this machine or elsewhere; or an
/// array in memory, as one.
///
/// Reads are positioned, so that threads can share one.
#[derive(Debug)]
pub(super) struct Source {
    data: Data,
    path: PathBuf,
    /// Where it begins in the file: zero but for a part of one.
    base: u64,
    len: u64,
    modified: Option<SystemTime>,
}

impl Source {
    /// Opens a regular file. One that lies elsewhere is known by its listing, and costs no request.
    ///
    /// # Errors
    /// What the operating system answers; [`Fault::NotACheckpoint`] for anything but a file,
    /// which opening might block on.
    pub(super) fn open(path: &Path) -> Result<Self> {
        #[cfg(feature = "remote")]
        if crate::files::is_remote(path) {
            let object = crate::remote::open(path)?;
            return Ok(Self {
                path: path.to_path_buf(),
                base: 0,
                len: object.len(),
                modified: None,
                data: Data::Remote(object),
            });
        }
        let metadata = std::fs::metadata(path).map_err(|source| Error::io("open", path, source))?;
        if !metadata.is_file() {
            return Err(foreign(
                path,
                Fault::NotACheckpoint,
                "this is not a regular file",
                "Name a file, a folder or a glob",
            ));
        }
        let file = File::open(path).map_err(|source| Error::io("open", path, source))?;
        let metadata = file
            .metadata()
            .map_err(|source| Error::io("inspect", path, source))?;
        Ok(Self {
            data: Data::File(Arc::new(file)),
            path: path.to_path_buf(),
            base: 0,
            len: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }

    /// The bytes of an array of the checkpoint of this name.
    pub(super) fn in_memory(path: &Path, bytes: &Shared) -> Self {
        Self {
            path: path.to_path_buf(),
            base: 0,
            len: bytes.0.length(),
            modified: None,
            data: Data::Memory(bytes.clone()),
        }
    }

    /// The array that it is, if it is one.
    pub(super) fn memory(&self) -> Option<&Shared> {
        match &self.data {
            Data::Memory(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// What tells it from every other version, if it lies elsewhere and its server says.
    pub(super) fn version(&self) -> Option<&str> {
        match &self.data {
            #[cfg(feature = "remote")]
            Data::Remote(object) => object.version(),
            _ => None,
        }
    }

    /// A part of the file, which was checked to lie inside it, as a file of its own.
    pub(super) fn part(&self, offset: u64, len: u64) -> Self {
        Self {
            data: self.data.clone(),
            path: self.path.clone(),
            base: self.base.saturating_add(offset),
            len,
            modified: self.modified,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The length of the file when it was opened, in bytes.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// When it was last changed, if the system tells.
    pub(super) fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// Fills the buffer with the bytes at this offset.
    ///
    /// # Errors
    /// [`Fault::Damaged`] if the file ends before, [`Error::Io`] for everything else.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let offset = offset.saturating_add(self.base);
        let read = match &self.data {
            Data::File(file) => read_exact_at(file, buffer, offset),
            Data::Memory(bytes) => bytes.0.read(buffer, offset),
            #[cfg(feature = "remote")]
            Data::Remote(object) => match offset.checked_add(buffer.len() as u64) {
                Some(end) if end <= object.len() => return Ok(object.read(buffer, offset)?),
                _ => Err(io::ErrorKind::UnexpectedEof.into()),
            },
        };
        read.map_err(|source| {
            if source.kind() == io::ErrorKind::UnexpectedEof {
                self.damaged(format!(
                    "it ends before byte {}",
                    offset.saturating_add(buffer.len() as u64)
                ))
            } else {
                Error::io("read", &self.path, source)
            }
        })
    }

    /// Reads a part of the file that describes the rest, after checking that it lies inside the
    /// file and within the limit.
    pub(super) fn read_description(
        &self,
        what: &str,
        offset: u64,
        len: u64,
        limits: &Limits,
    ) -> Result<Vec<u8>> {
        self.check_inside(what, offset, len)?;
        self.check_header(what, len, limits)?;
        // It lies within the file and the limit, which is memory well spent.
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        self.read(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// Checks that a part of the file that describes the rest is within the limit.
    pub(super) fn check_header(&self, what: &str, len: u64, limits: &Limits) -> Result<()> {
        if len > limits.largest_header {
            let met = LimitMet {
                name: "largest_header",
                enough: len,
            };
            return Err(exceeds(
                &self.path,
                what,
                len,
                limits.largest_header,
                Some(met),
            ));
        }
        Ok(())
    }

    /// Checks that a range lies inside the file.
    pub(super) fn check_inside(&self, what: &str, offset: u64, len: u64) -> Result<()> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len => Ok(()),
            Some(end) => Err(self.damaged(format!(
                "{what} should end at byte {end}, and the file has {} bytes",
                self.len
            ))),
            None => Err(self.damaged(format!("{what} begins at byte {offset} and never ends"))),
        }
    }

    /// The file ends early or contradicts itself.
    pub(super) fn damaged(&self, what: impl Into<String>) -> Error {
        damaged(&self.path, what)
    }

    /// The file is sound, as far as it shows, but written in a way that is not read.
    pub(super) fn unsupported(
        &self,
        what: impl Into<String>,
        way_out: impl Into<Cow<'static, str>>,
    ) -> Error {
        foreign(&self.path, Fault::Unsupported, what, way_out)
    }

    /// A limit is exceeded.
    pub(super) fn too_large(&self, what: &str, found: u64, limit: u64) -> Error {
        exceeds(
            &self.path,
            what,
            found,
            limit,
            met(what, found, limit, self.len),
        )
    }
}

/// Which limit of [`Limits`] is met where this is too large in a file of so many bytes, and how large
/// it has to be.
fn met(what: &str, found: u64, limit: u64, file: u64) -> Option<LimitMet> {
    // Who counts stops at the limit: twice as many may be there.
    let counted = if found <= limit.saturating_add(1) {
        limit.saturating_mul(2)
    } else {
        found
    };
    // Beyond 64 MiB, so many times the size of the file.
    let times = found.saturating_sub(64 << 20).div_ceil(file.max(1));
    // Beyond twice the size of the file, but no more than another limit has it.
    let is_most = limit >= Limits::default().most_memory;
    let memory = if is_most {
        "most_memory"
    } else {
        "spare_memory"
    };
    let known: [(&str, &'static str, u64); 9] = [
        ("the number of tensors", "most_tensors", counted),
        ("the size of a tensor,", "largest_tensor", found),
        ("the size of all its tensors", "most_expansion", times),
        ("what the archive unpacks to", "most_expansion", times),
        ("the number of values", "most_values", counted),
        ("the nesting", "deepest_nesting", counted),
        ("the size of its pickle", "largest_header", found),
        ("the length of the names", memory, found.saturating_mul(4)),
        ("the memory", memory, found),
    ];
    let known = known
        .into_iter()
        .find(|(start, ..)| what.starts_with(start));
    let (name, enough) = match known {
        Some((_, name, enough)) => (name, enough),
        None if what.starts_with("the size in bytes of a tensor") => (memory, found),
        None => return None,
    };
    Some(LimitMet { name, enough })
}

/// An error about a foreign file.
pub(super) fn foreign(
    path: &Path,
    fault: Fault,
    what: impl Into<String>,
    way_out: impl Into<Cow<'static, str>>,
) -> Error {
    Error::Foreign {
        path: path.to_path_buf(),
        fault,
        what: what.into(),
        way_out: way_out.into(),
        limit: None,
    }
}

/// The file ends early or contradicts itself.
pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Error {
    foreign(
        path,
        Fault::Damaged,
        what,
        "It is damaged or not written to its end: wait for the program that writes it, or copy it again",
    )
}

/// A limit is exceeded, of something that has no file of its own.
pub(super) fn too_large(path: &Path, what: &str, found: u64, limit: u64) -> Error {
    exceeds(path, what, found, limit, met(what, found, limit, 0))
}

fn exceeds(path: &Path, what: &str, found: u64, limit: u64, met: Option<LimitMet>) -> Error {
    let way_out = match &met {
        Some(met) => format!(
            "If you trust the file, raise the limit {} to {}",
            met.name, met.enough
        ),
        None => "No more is read, whatever the file is: name a part of it".to_owned(),
    };
    Error::Foreign {
        path: path.to_path_buf(),
        fault: Fault::TooLarge,
        what: format!("{what} is {found}, and at most {limit} is read"),
        way_out: way_out.into(),
        limit: met,
    }
}

/// Quotes a name out of a file: cut short and on one line, since it may be anything.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", shown(name))
}

/// A name out of a file, cut short and on one line.
pub(super) fn shown(name: &str) -> String {
    let mut shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    if name.chars().nth(80).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buffer.is_empty() {
        match file.seek_read(buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = buffer.get_mut(read..).unwrap_or_default();
                offset = offset.saturating_add(read as u64);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
