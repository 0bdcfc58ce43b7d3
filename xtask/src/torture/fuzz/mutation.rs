//! A file changed in a few places, as damage and malice would.

use hostile::disk::Chance;

/// Changes a file in a few places.
pub(super) fn mutate(bytes: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    /// Values at which lengths and counts go wrong.
    const EDGES: [u64; 10] = [
        0,
        1,
        0x7F,
        0xFF,
        0x7FFF,
        0xFFFF,
        0x7FFF_FFFF,
        0xFFFF_FFFF,
        1 << 63,
        u64::MAX,
    ];
    for _ in 0..1 + chance.draw() % 4 {
        let length = bytes.len().max(1) as u64;
        // Most of what can go wrong stands in the first bytes.
        let within = if chance.draw().is_multiple_of(2) {
            length.min(200)
        } else {
            length
        };
        let at = (chance.draw() % within) as usize;
        let edge = EDGES[(chance.draw() % 10) as usize].to_le_bytes();
        match chance.draw() % 8 {
            0 | 1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (chance.draw() % 8);
                }
            }
            2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = chance.draw() as u8;
                }
            }
            3 | 4 => {
                let width = 1 << (chance.draw() % 4);
                for (byte, value) in bytes.iter_mut().skip(at).zip(&edge[..width]) {
                    *byte = *value;
                }
            }
            5 => {
                let count = (chance.draw() % 16) as usize;
                let end = (at + count).min(bytes.len());
                if at < end {
                    bytes.drain(at..end);
                }
            }
            6 => {
                let from = (chance.draw() % other.len().max(1) as u64) as usize;
                let piece: Vec<u8> = other.iter().skip(from).take(24).copied().collect();
                let at = at.min(bytes.len());
                bytes.splice(at..at, piece);
            }
            _ => bytes.truncate(at + 1),
        }
    }
}
