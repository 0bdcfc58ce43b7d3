//! Fields and names in zip archives.

use super::{Broken, Expect, broken};
use crate::bytes::{Entry, npy, zip};

pub(super) fn files() -> Vec<Broken> {
    let mut all = Vec::new();
    let whole = zip(&[Entry::new("a.npy", &npy("(4,)", 16))]);
    let directory = whole.len() - 22 - (46 + 5);
    // Every field of the entry, of the directory and of the end.
    let local = (4..30).step_by(2);
    let central = (directory + 4..directory + 46).step_by(2);
    let end = (whole.len() - 18..whole.len()).step_by(2);
    for at in local.chain(central).chain(end) {
        for value in [0xFFFF_u16, 0] {
            let mut bytes = whole.clone();
            bytes[at..at + 2].copy_from_slice(&value.to_le_bytes());
            if bytes != whole {
                all.push(broken(
                    "a zip archive with a wrong field",
                    "a.npz",
                    bytes,
                    Expect::Either,
                ));
            }
        }
    }
    for name in [
        "../a.npy",
        "/a.npy",
        "..\\a.npy",
        "C:\\a.npy",
        "a/../../b.npy",
        "\0.npy",
        "a\n.npy",
    ] {
        let bytes = zip(&[Entry::new(name, &npy("(4,)", 16))]);
        all.push(broken(
            "an entry whose name is a path",
            "a.npz",
            bytes,
            Expect::Either,
        ));
    }
    all
}
