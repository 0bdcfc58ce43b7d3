//! Files of a store whose digests are right and whose lengths lie: only the checks behind the digests
//! can find that.

use super::{Broken, Expect, Reader};

/// Where the digest of the header lies, and where the header begins.
const HEADER_DIGEST: usize = 64;
const HEADER: usize = 96;

/// Gives a file the digests that its bytes ask for, as if the check of them were not there.
pub fn reseal(bytes: &mut [u8]) {
    let mut length = [0; 8];
    if bytes.len() < HEADER + 32 {
        return;
    }
    length.copy_from_slice(&bytes[16..24]);
    let header = usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX);
    if let Some(header) = bytes.get(HEADER..HEADER.saturating_add(header)) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&bytes[..HEADER_DIGEST]).update(header);
        let digest = hasher.finalize();
        bytes[HEADER_DIGEST..HEADER].copy_from_slice(digest.as_bytes());
    }
    let end = bytes.len() - 32;
    let digest = blake3::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(digest.as_bytes());
}

/// A sound segment of one checkpoint of four weights, byte by byte as docs/format.md has it.
#[must_use]
pub fn segment() -> Vec<u8> {
    let mut header = Vec::new();
    let text = |header: &mut Vec<u8>, text: &str| {
        header.extend((text.len() as u64).to_le_bytes());
        header.extend(text.bytes());
    };
    text(&mut header, "a = 1");
    header.extend(1_u64.to_le_bytes());
    text(&mut header, "w");
    for number in [1_u64, 4, 1, 7] {
        header.extend(number.to_le_bytes());
    }
    header.extend(3_u32.to_le_bytes());
    header.extend([0, 0, 0, 1]);
    let weights = (HEADER + header.len()).next_multiple_of(4096);
    let mut file = b"\x89MTW\r\n\x1a\n".to_vec();
    file.extend(1_u32.to_le_bytes());
    file.extend(2_u32.to_le_bytes());
    for number in [header.len(), weights, 4, 1, weights + 16 + 32, 0] {
        file.extend((number as u64).to_le_bytes());
    }
    file.resize(HEADER, 0);
    file.extend(header);
    file.resize(weights, 0);
    for weight in [1.0_f32, -2.0, 0.5, 8.0] {
        file.extend(weight.to_le_bytes());
    }
    file.extend([0; 32]);
    reseal(&mut file);
    file
}

pub(super) fn files() -> Vec<Broken> {
    let mut all = Vec::new();
    let mut push = |class: &str, bytes: Vec<u8>, expect| {
        all.push(Broken {
            class: class.to_owned(),
            files: vec![("a.segment".to_owned(), bytes)],
            reader: Reader::Store,
            expect,
        });
    };
    push("a sound segment", segment(), Expect::Read);
    for field in [12_usize, 16, 24, 32, 40, 48, 56] {
        for value in [
            0_u64,
            1,
            1 << 20,
            1 << 31,
            1 << 32,
            1 << 62,
            1 << 63,
            u64::MAX,
        ] {
            let mut bytes = segment();
            let width = if field == 12 { 4 } else { 8 };
            bytes[field..field + width].copy_from_slice(&value.to_le_bytes()[..width]);
            if bytes == segment() {
                continue;
            }
            reseal(&mut bytes);
            // Digests that match are no reason to believe a length.
            let same = (field, value) == (40, 1) || (field, value) == (56, 0);
            push(
                "a segment whose preamble lies, with digests that match",
                bytes,
                if same { Expect::Read } else { Expect::Refused },
            );
        }
    }
    // Every length in the header: of the recipe, of the layout, of a name, of a shape, of the rows.
    for at in [0_usize, 13, 21, 30, 38, 46] {
        for value in [1_u64 << 20, 1 << 32, 1 << 62, u64::MAX] {
            let mut bytes = segment();
            let at = HEADER + at;
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
            reseal(&mut bytes);
            push(
                "a segment whose header lies, with digests that match",
                bytes,
                Expect::Refused,
            );
        }
    }
    for length in [0_usize, 1, 8, 95, 96, 127, 128, 4096, 4111] {
        let mut bytes = segment();
        bytes.truncate(length);
        reseal(&mut bytes);
        push(
            "a segment cut off, with digests that match",
            bytes,
            Expect::Refused,
        );
    }
    all
}
