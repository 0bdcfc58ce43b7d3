//! The bytes on disk are those that docs/format.md describes, and stay so.
//!
//! `golden/v1` was written once and is never written again. If a test here fails, the format has
//! changed: give it a new version, and keep reading this one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use checkpoint_store::{Checkpoint, FORMAT_VERSION, Store, TensorShape, TrainingState, verify};

const SEGMENT: &str = "shard-00007-epoch-000001.segment";
const COMPACTED: &str = "zoo-*.segment";

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1")
}

fn labels() -> [Checkpoint; 2] {
    let first = Checkpoint {
        train_loss: Some(0.25),
        test_loss: None,
        test_accuracy: Some(0.5),
        ..Checkpoint::new(3, 1)
    };
    let second = Checkpoint {
        finite: false,
        ..Checkpoint::new(u64::MAX, 1)
    };
    [first, second]
}

/// Writes what lies in `golden/v1`.
fn write(directory: &Path) -> Store {
    let layout = [TensorShape::new("w", [2]), TensorShape::new("scale", [])];
    let store = Store::create(directory, "lr = 0.03\n", &layout).unwrap();
    let weights = [
        1.0,
        -2.0,
        0.5,
        f32::from_bits(0x7FC0_1234),
        f32::NEG_INFINITY,
        -0.0,
    ];
    store.publish(7, 1, &labels(), &weights).unwrap();
    let state = TrainingState {
        shard: 7,
        next_epoch: 2,
        runs: vec![3],
        weights: vec![1.0, -2.0, 0.5],
        velocity: vec![0.0, 4.0, 8.0],
    };
    store.save_state(&state).unwrap();
    store
}

#[test]
fn what_is_written_today_is_byte_for_byte_what_was_written_then() {
    let root = tempfile::tempdir().unwrap();
    write(root.path());
    let mut compared = 0;
    for entry in fs::read_dir(golden()).unwrap() {
        let name = entry.unwrap().file_name();
        let (then, now) = (
            fs::read(golden().join(&name)).unwrap(),
            fs::read(root.path().join(&name)).unwrap(),
        );
        assert!(then == now, "{name:?} differs");
        compared += 1;
    }
    assert_eq!(compared, 3);
}

#[test]
fn what_was_written_then_is_read_today() {
    let report = verify(golden()).unwrap();
    assert!(report.is_sound(), "{report:?}");
    let store = Store::open(golden()).unwrap();
    assert_eq!(store.recipe(), "lr = 0.03\n");
    let loaded = store.load().unwrap();
    assert_eq!(loaded.checkpoints(), labels());
    assert_eq!(loaded.matrix()[(0, 1)].to_bits(), 0x7FC0_1234);
    let state = store.load_state(7).unwrap().unwrap();
    assert_eq!((state.next_epoch, state.velocity), (2, vec![0.0, 4.0, 8.0]));
}

#[test]
fn a_segment_has_the_documented_bytes() {
    let bytes = fs::read(golden().join(SEGMENT)).unwrap();
    let long = |offset: usize| u64::from_le_bytes(bytes[offset..offset + 8].try_into().unwrap());

    // Preamble.
    assert_eq!(&bytes[0..8], b"\x89MTW\r\n\x1a\n");
    assert_eq!(bytes[8..12], [1, 0, 0, 0]);
    assert_eq!(FORMAT_VERSION, 1);
    assert_eq!(bytes[12..16], [2, 0, 0, 0]);
    let header_bytes = long(16) as usize;
    assert_eq!(long(24), 4096);
    assert_eq!((long(32), long(40)), (3, 2));
    assert_eq!(long(48), 4096 + 3 * 2 * 4 + 32);
    assert_eq!(bytes.len() as u64, long(48));
    assert_eq!(long(56), 0);
    let hashed = [&bytes[..64], &bytes[96..96 + header_bytes]].concat();
    assert_eq!(&bytes[64..96], blake3::hash(&hashed).as_bytes());

    // Header.
    let parts: [&[u8]; 26] = [
        &10_u64.to_le_bytes(),
        b"lr = 0.03\n",
        &2_u64.to_le_bytes(),
        &1_u64.to_le_bytes(),
        b"w",
        &1_u64.to_le_bytes(),
        &2_u64.to_le_bytes(),
        &5_u64.to_le_bytes(),
        b"scale",
        &0_u64.to_le_bytes(),
        &2_u64.to_le_bytes(),
        // Run 3, epoch 1, with a training loss and a test accuracy, finite.
        &3_u64.to_le_bytes(),
        &1_u32.to_le_bytes(),
        &[1],
        &0.25_f32.to_le_bytes(),
        &[0],
        &[1],
        &0.5_f32.to_le_bytes(),
        &[1],
        // Run 2^64 - 1, epoch 1, nothing measured, diverged.
        &u64::MAX.to_le_bytes(),
        &1_u32.to_le_bytes(),
        &[0],
        &[0],
        &[0],
        &[0],
        // Padding begins here.
        &[],
    ];
    let header = parts.concat();
    assert_eq!(bytes[96..96 + header_bytes], header);
    assert!(bytes[96 + header_bytes..4096].iter().all(|&byte| byte == 0));

    // Weights, column after column.
    let weights = [
        0x3F80_0000_u32,
        0xC000_0000,
        0x3F00_0000,
        0x7FC0_1234,
        0xFF80_0000,
        0x8000_0000,
    ];
    assert_eq!(bytes[4096..4120], weights.map(u32::to_le_bytes).concat());

    // Digest.
    assert_eq!(&bytes[4120..], blake3::hash(&bytes[..4120]).as_bytes());
}

#[test]
fn a_state_has_the_documented_bytes() {
    let bytes = fs::read(golden().join("shard-00007-next-000002.state")).unwrap();
    assert_eq!(bytes[12..16], [3, 0, 0, 0]);
    assert_eq!(bytes[32..48], [3_u64, 2].map(u64::to_le_bytes).concat());
    // What follows recipe and layout: shard, next epoch, runs.
    let end = 96 + u64::from_le_bytes(bytes[16..24].try_into().unwrap()) as usize;
    let tail = [
        &7_u32.to_le_bytes()[..],
        &2_u32.to_le_bytes(),
        &1_u64.to_le_bytes(),
        &3_u64.to_le_bytes(),
    ]
    .concat();
    assert_eq!(bytes[end - tail.len()..end], tail);
    let columns = [1.0_f32, -2.0, 0.5, 0.0, 4.0, 8.0];
    assert_eq!(bytes[4096..4120], columns.map(f32::to_le_bytes).concat());
}

#[test]
fn a_description_is_a_file_without_columns() {
    let bytes = fs::read(golden().join("zoo.description")).unwrap();
    assert_eq!(bytes[12..16], [1, 0, 0, 0]);
    assert_eq!(bytes[32..48], [3_u64, 0].map(u64::to_le_bytes).concat());
    assert_eq!(bytes.len(), 4096 + 32);
}

#[test]
fn a_compacted_segment_is_named_by_its_digest_and_equals_one_written_whole() {
    let root = tempfile::tempdir().unwrap();
    let store = write(root.path());
    let whole = store.compact([1], &[3, u64::MAX]).unwrap();
    let name = COMPACTED.replace('*', &whole.hash()[..16]);
    assert_eq!(whole.path().file_name().unwrap(), name.as_str());
    assert_eq!(
        fs::read(whole.path()).unwrap(),
        fs::read(golden().join(SEGMENT)).unwrap()
    );
}
