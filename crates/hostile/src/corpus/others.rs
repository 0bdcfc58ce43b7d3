//! Files of other kinds, or of none.

use super::{Case, case};
use crate::bytes::{Entry, zip};
use checkpoint_store::Fault;

pub(super) fn files() -> Vec<Case> {
    let not = Fault::NotACheckpoint;
    let lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    vec![
        case("an empty file", "a.pt", [], Fault::Damaged),
        case("a file of zeros", "a.pt", [0; 4096], Fault::Damaged),
        case("a pointer of Git LFS", "a.safetensors", lfs, not),
        case(
            "a page of HTML",
            "a.bin",
            "\n<!DOCTYPE html><html>404</html>",
            not,
        ),
        case("plain text", "a.pt", "these are no weights", not),
        case("one byte", "a.npz", "x", not),
        case("gzip", "a.pt", "\x1f\u{8b}\x08\0", not),
        case("GGML", "a.bin", "tjgg\x03\0\0\0", not),
        case("a plain pickle", "a.pt", b"\x80\x04K\x01.".to_vec(), not),
        case(
            "an archive of something else",
            "a.pt",
            zip(&[Entry::new("a.txt", b"hi")]),
            not,
        ),
    ]
}
