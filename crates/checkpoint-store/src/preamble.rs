//! Reading a file back: from bytes that may be anything to parts that can be trusted.

use std::ops::Range;
use std::path::Path;

use blake3::Hash;

use crate::error::{Error, Result};
use crate::frame::{
    DIGEST_BYTES, Extent, FORMAT_VERSION, Kind, MAGIC, PREAMBLE_BYTES, PREAMBLE_HASHED, hash_header,
};
use crate::limits::{MAX_CHECKPOINTS, MAX_HEADER_BYTES};

/// The preamble of a file, consistent in itself and with the file's length.
#[derive(Debug, Clone)]
pub(crate) struct Preamble {
    pub(crate) kind: Kind,
    pub(crate) rows: u64,
    pub(crate) columns: u64,
    /// Where the header lies in the file.
    pub(crate) header: Range<usize>,
    /// Where the weights lie in the file.
    pub(crate) weights: Range<usize>,
    header_digest: [u8; 32],
}

/// How a preamble was refused.
pub(crate) enum Refusal {
    /// The version is not ours. Whether it is a newer one or a damaged ours, only the digest at
    /// the end of the file can tell.
    Version(u32),
    /// The file is damaged.
    Damaged(Error),
}

impl Preamble {
    /// Reads the preamble from the first bytes of a file of `file_bytes` bytes.
    pub(crate) fn parse(path: &Path, front: &[u8], file_bytes: u64) -> Result<Self, Refusal> {
        let damaged = |offset, what: String| Refusal::Damaged(Error::damaged(path, offset, what));
        let smallest = (PREAMBLE_BYTES + DIGEST_BYTES) as u64;
        if file_bytes < smallest || front.len() < PREAMBLE_BYTES {
            return Err(damaged(
                file_bytes,
                format!("it ends after {file_bytes} bytes, and the smallest file has {smallest}"),
            ));
        }
        if front[..MAGIC.len()] != MAGIC {
            return Err(damaged(
                0,
                "it does not begin as a modeltrail file does".to_owned(),
            ));
        }
        let word = |offset: usize| -> u32 {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&front[offset..offset + 4]);
            u32::from_le_bytes(bytes)
        };
        let long = |offset: usize| u64::from(word(offset)) | u64::from(word(offset + 4)) << 32;
        match word(8) {
            FORMAT_VERSION => {}
            version => return Err(Refusal::Version(version)),
        }
        let kind = Kind::from_code(word(12))
            .ok_or_else(|| damaged(12, format!("it is of the unknown kind {}", word(12))))?;
        let (header_bytes, weights_offset, rows, columns) =
            (long(16), long(24), long(32), long(40));
        if header_bytes > MAX_HEADER_BYTES {
            return Err(damaged(
                16,
                format!(
                    "it claims a header of {header_bytes} bytes, and at most {MAX_HEADER_BYTES} are allowed"
                ),
            ));
        }
        if rows == 0 {
            return Err(damaged(
                32,
                "it claims models without parameters".to_owned(),
            ));
        }
        if columns > MAX_CHECKPOINTS {
            return Err(damaged(
                40,
                format!("it claims {columns} columns, and at most {MAX_CHECKPOINTS} are allowed"),
            ));
        }
        let extent = Extent::new(header_bytes, rows, columns).ok_or_else(|| {
            damaged(
                32,
                format!("it claims {rows} x {columns} weights, more than any file holds"),
            )
        })?;
        if weights_offset != extent.weights.start {
            return Err(damaged(
                24,
                format!(
                    "it claims weights at byte {weights_offset}, and they belong at {}",
                    extent.weights.start
                ),
            ));
        }
        if long(48) != extent.file {
            return Err(damaged(
                48,
                format!(
                    "it claims {} bytes, and its parts add up to {}",
                    long(48),
                    extent.file
                ),
            ));
        }
        if long(56) != 0 {
            return Err(damaged(56, "a reserved field is not zero".to_owned()));
        }
        if file_bytes < extent.file {
            return Err(damaged(
                file_bytes,
                format!(
                    "it is truncated: {file_bytes} of {} bytes are there",
                    extent.file
                ),
            ));
        }
        if file_bytes > extent.file {
            return Err(damaged(
                extent.file,
                format!("{} bytes follow its end", file_bytes - extent.file),
            ));
        }
        // The whole file is mapped, so on a 32-bit machine its offsets must fit, too.
        let in_memory = |range: &Range<u64>| {
            Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
        };
        let (Some(header), Some(weights)) = (in_memory(&extent.header), in_memory(&extent.weights))
        else {
            return Err(Refusal::Damaged(Error::TooLarge {
                what: "the length of a file in bytes",
                found: extent.file,
                limit: usize::MAX as u64,
            }));
        };
        let mut header_digest = [0; 32];
        header_digest.copy_from_slice(&front[PREAMBLE_HASHED..PREAMBLE_BYTES]);
        Ok(Self {
            kind,
            rows,
            columns,
            header,
            weights,
            header_digest,
        })
    }

    /// Checks the header's own digest; `front` is the file up to the end of its header, or more.
    pub(crate) fn check_header(&self, path: &Path, front: &[u8]) -> Result<()> {
        if hash_header(front, &front[self.header.clone()]) == self.header_digest {
            return Ok(());
        }
        Err(Error::damaged(
            path,
            self.header.start as u64,
            "its preamble and header do not have the BLAKE3 they had when written",
        ))
    }
}

/// Checks all bytes of a file, and says where its parts are and which digest it has.
///
/// # Errors
/// [`Error::Damaged`] for anything but exactly what was written, [`Error::NewerFormat`] for a
/// sound file of a later version.
pub(crate) fn check(path: &Path, bytes: &[u8]) -> Result<(Preamble, Hash)> {
    let preamble = match Preamble::parse(path, bytes, bytes.len() as u64) {
        Ok(preamble) => preamble,
        Err(Refusal::Damaged(error)) => return Err(error),
        Err(Refusal::Version(found)) => return Err(check_version(path, bytes, found)),
    };
    preamble.check_header(path, bytes)?;
    let padding = preamble.header.end..preamble.weights.start;
    if let Some(at) = bytes[padding.clone()].iter().position(|&byte| byte != 0) {
        return Err(Error::damaged(
            path,
            (padding.start + at) as u64,
            "the padding before the weights is not zero",
        ));
    }
    let (content, digest) = bytes.split_at(preamble.weights.end);
    let hash = blake3::hash(content);
    if hash.as_bytes() != digest {
        return Err(Error::damaged(
            path,
            preamble.weights.start as u64,
            "its weights do not have the BLAKE3 they had when written (its header does)",
        ));
    }
    Ok((preamble, hash))
}

/// What to say of a version that is not ours. In every version the digest of everything before it
/// ends the file, so a later version can be told from damage.
fn check_version(path: &Path, bytes: &[u8], found: u32) -> Error {
    let (content, digest) = bytes.split_at(bytes.len() - DIGEST_BYTES);
    if found > FORMAT_VERSION && blake3::hash(content).as_bytes() == digest {
        return Error::NewerFormat {
            path: path.to_path_buf(),
            found,
            supported: FORMAT_VERSION,
        };
    }
    Error::damaged(path, 8, format!("it claims format version {found}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;
    use crate::limits::WEIGHTS_ALIGNMENT;

    const WEIGHTS: [f32; 6] = [1.0, -2.0, 3.5, f32::INFINITY, -0.0, 1e-42];

    fn bytes() -> Vec<u8> {
        let frame = Frame::new(
            Kind::Segment,
            b"header",
            3,
            vec![&WEIGHTS[..2], &WEIGHTS[2..]],
        )
        .unwrap();
        frame.pieces().flatten().copied().collect()
    }

    /// Makes bytes that are sound but for what was changed in them on purpose.
    fn seal(bytes: &mut [u8]) {
        let header_digest = hash_header(bytes, &bytes[PREAMBLE_BYTES..PREAMBLE_BYTES + 6]);
        bytes[PREAMBLE_HASHED..PREAMBLE_BYTES].copy_from_slice(header_digest.as_bytes());
        let end = bytes.len() - DIGEST_BYTES;
        let digest = blake3::hash(&bytes[..end]);
        bytes[end..].copy_from_slice(digest.as_bytes());
    }

    #[test]
    fn what_was_framed_is_found_again() {
        let bytes = bytes();
        let (preamble, hash) = check(Path::new("f"), &bytes).unwrap();
        assert_eq!((preamble.rows, preamble.columns), (3, 2));
        assert_eq!(preamble.kind, Kind::Segment);
        assert_eq!(&bytes[preamble.header.clone()], b"header");
        assert_eq!(
            &bytes[preamble.weights.clone()],
            bytemuck::cast_slice::<f32, u8>(&WEIGHTS)
        );
        assert_eq!(preamble.weights.start as u64 % WEIGHTS_ALIGNMENT, 0);
        assert_eq!(hash, blake3::hash(&bytes[..bytes.len() - DIGEST_BYTES]));
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let mut bytes = bytes();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                assert!(
                    check(Path::new("f"), &bytes).is_err(),
                    "bit {bit} of byte {at}"
                );
                bytes[at] ^= 1 << bit;
            }
        }
    }

    #[test]
    fn every_truncation_and_trailing_bytes_are_found() {
        let mut bytes = bytes();
        for length in 0..bytes.len() {
            assert!(
                check(Path::new("f"), &bytes[..length]).is_err(),
                "{length} bytes"
            );
        }
        bytes.push(0);
        let error = check(Path::new("f"), &bytes).unwrap_err();
        assert!(
            error.to_string().contains("1 bytes follow its end"),
            "{error}"
        );
    }

    #[test]
    fn hostile_lengths_are_refused_though_the_digests_match() {
        // header bytes, weights offset, rows, columns, file bytes, reserved
        for offset in [16, 24, 32, 40, 48, 56] {
            for value in [1, 7, 1 << 31, 1 << 62, 1 << 63, u64::MAX] {
                let mut bytes = bytes();
                bytes[offset..offset + 8].copy_from_slice(&value.to_le_bytes());
                seal(&mut bytes);
                let error = check(Path::new("f"), &bytes).unwrap_err();
                assert!(
                    matches!(error, Error::Damaged { .. }),
                    "{value} at {offset}: {error}"
                );
            }
        }
    }

    #[test]
    fn a_newer_version_is_told_from_a_damaged_one() {
        let mut newer = bytes();
        newer[8] = 2;
        assert!(matches!(
            check(Path::new("f"), &newer),
            Err(Error::Damaged { offset: 8, .. })
        ));
        seal(&mut newer);
        assert!(matches!(
            check(Path::new("f"), &newer),
            Err(Error::NewerFormat {
                found: 2,
                supported: 1,
                ..
            })
        ));
        newer[8] = 0;
        seal(&mut newer);
        assert!(matches!(
            check(Path::new("f"), &newer),
            Err(Error::Damaged { offset: 8, .. })
        ));
    }

    #[test]
    fn padding_that_hides_something_is_refused() {
        let mut bytes = bytes();
        bytes[200] = 1;
        seal(&mut bytes);
        assert!(matches!(
            check(Path::new("f"), &bytes),
            Err(Error::Damaged { offset: 200, .. })
        ));
    }
}
