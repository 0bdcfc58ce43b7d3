//! Small sound files of every format, cut off anywhere and with any bits flipped.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::sample::Index;

use crate::read_all;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign/fixtures")
}

/// One of each format and form.
const SOUND: [&str; 26] = [
    "safetensors/odd.safetensors",
    "torch/odd.pt",
    "torch/odd_legacy.pt",
    "torch/whole.pt",
    "torch/nested/model.pt",
    "torch/nested/legacy.pt",
    "torch/protocol4.bin",
    "seed-7/model_0010.npz",
    "numpy/compressed.npz",
    "numpy/fortran.npy",
    "burn/model.bpk",
    "gguf/types.gguf",
    "gguf/gemma2.gguf",
    "gguf/neox.gguf",
    "packed/bitsandbytes-nf4-nested.safetensors",
    "packed/compressed-int4-zero-points.safetensors",
    "packed/compressed-mxfp8.safetensors",
    "packed/mxfp4.safetensors",
    "packed/torchao-int8.pt",
    "onnx/types.onnx",
    "onnx/net.onnx",
    "keras/model.keras",
    "keras/earliest.h5",
    "keras/latest.h5",
    "flax/state.msgpack",
    "flax/chunked.msgpack",
];

/// Reads bytes as a file of that name; whatever comes of it, it must be no panic and no error
/// without the path. Memory is measured on the corpus.
fn try_read(bytes: &[u8]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mutated.pt");
    fs::write(&path, bytes).unwrap();
    let outcome = read_all(&path);
    if let Err(error) = &outcome {
        assert!(error.to_string().contains("mutated.pt"), "{error}");
    }
    outcome.is_ok()
}

#[test]
fn no_file_that_is_cut_off_is_read_as_if_it_were_whole() {
    for name in SOUND {
        let bytes = fs::read(fixtures().join(name)).unwrap();
        let step = (bytes.len() / 200).max(1);
        for len in (0..bytes.len()).step_by(step) {
            assert!(!try_read(&bytes[..len]), "{name} cut to {len} bytes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bits_never_panic(
        name in prop::sample::select(&SOUND[..]),
        flips in prop::collection::vec((any::<Index>(), 0..8_u32), 1..4),
        near_the_start in any::<bool>(),
    ) {
        let mut bytes = fs::read(fixtures().join(name)).unwrap();
        for (index, bit) in flips {
            // Most of what can go wrong stands in the first bytes.
            let within = if near_the_start { bytes.len().min(600) } else { bytes.len() };
            bytes[index.index(within)] ^= 1 << bit;
        }
        try_read(&bytes);
    }

    #[test]
    fn parts_of_two_files_never_panic(
        first in prop::sample::select(&SOUND[..]),
        second in prop::sample::select(&SOUND[..]),
        cut in any::<Index>(),
        go_on in any::<Index>(),
    ) {
        let first = fs::read(fixtures().join(first)).unwrap();
        let second = fs::read(fixtures().join(second)).unwrap();
        let mut bytes = first[..cut.index(first.len())].to_vec();
        bytes.extend(&second[go_on.index(second.len())..]);
        try_read(&bytes);
    }
}
