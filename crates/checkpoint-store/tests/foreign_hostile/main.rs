//! Hostile and broken files: each a clear error, quickly, within little memory, and no panic.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod mutations;

use cpu_time::ThreadTime;
use hostile::reading::weights;
use hostile::{bytes, corpus};
use std::fs;
use std::path::Path;
use std::time::Duration;

use checkpoint_store::foreign::Limits;
use checkpoint_store::{Error, Result};

/// Reads everything, as a program would. Returns the number of values.
fn read_all(path: &Path) -> Result<u64> {
    weights(path, &Limits::default())
}

/// The most memory that this process had since the last call, and what it has now, in bytes.
/// None where the system does not say.
fn memory() -> Option<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        let kilobytes = line.split_whitespace().nth(1)?;
        Some(kilobytes.parse::<u64>().ok()? << 10)
    };
    let memory = (field("VmHWM:")?, field("VmRSS:")?);
    fs::write("/proc/self/clear_refs", "5").ok()?;
    Some(memory)
}

/// One test for all, since memory is measured for the whole process.
#[test]
fn every_hostile_file_is_refused_quickly_within_little_memory() {
    let temporary = tempfile::tempdir().unwrap();
    let cases = corpus::cases();
    assert!(cases.len() >= 80, "{}", cases.len());
    let (mut slowest, mut largest) = ((Duration::ZERO, ""), (0, ""));
    for case in &cases {
        let folder = temporary.path().join("case");
        fs::create_dir_all(&folder).unwrap();
        let mut size = 0;
        for (name, bytes) in &case.files {
            fs::write(folder.join(name), bytes).unwrap();
            size += bytes.len() as u64;
        }
        let path = folder.join(case.files[0].0);
        let before = memory();
        let begin = ThreadTime::now();
        let error = read_all(&path).expect_err(case.name);
        let took = begin.elapsed();
        let after = memory();
        fs::remove_dir_all(&folder).unwrap();

        let Error::Foreign { fault, way_out, .. } = &error else {
            panic!("{}: {error}", case.name);
        };
        assert_eq!(*fault, case.fault, "{}: {error}", case.name);
        assert!(!way_out.is_empty(), "{}: {error}", case.name);
        let message = error.to_string();
        assert!(
            message.contains(folder.to_str().unwrap()) && message.lines().count() == 1,
            "{}: {message}",
            case.name
        );
        assert!(message.len() < 1000, "{}: {message}", case.name);
        assert!(took < Duration::from_secs(2), "{}: {took:?}", case.name);
        slowest = slowest.max((took, case.name));
        if let (Some((_, before)), Some((peak, _))) = (before, after) {
            let used = peak.saturating_sub(before);
            assert!(used <= (64 << 20) + 4 * size, "{}: {used} bytes", case.name);
            largest = largest.max((used >> 20, case.name));
        }
    }
    println!(
        "{} hostile files; slowest {slowest:?}; most memory {} MiB ({})",
        cases.len(),
        largest.0,
        largest.1
    );
}

/// The corpus is built from these; what it changes about them is what must be refused.
#[test]
fn the_same_files_without_a_lie_are_read() {
    use hostile::bytes::{
        Entry, burnpack, burnpack_map, dictionary, gguf, gguf_tensor, legacy, npy, onnx, protobuf,
        protobuf_number, safetensors, tensor, text,
    };

    let weights = dictionary("w", &tensor("0", 4, 0, &[4], &[1]));
    let mut storages = b"\x80\x02](".to_vec();
    storages.extend(text("0"));
    storages.extend(b"e.");
    storages.extend(4_i64.to_le_bytes());
    storages.extend([0; 16]);
    let header = "{\"w\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}";
    let array = npy("(4,)", 16);
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("a.pt", bytes::torch(&weights)),
        ("a.pth", legacy(&weights, &storages)),
        ("a.safetensors", safetensors(header, 16)),
        ("a.npy", array.clone()),
        ("a.npz", bytes::zip(&[Entry::new("a.npy", &array)])),
        ("b.npz", bytes::zip(&[Entry::deflated("a.npy", &array)])),
        ("a.bpk", burnpack(1, &burnpack_map(&[4], 0, 16), 16)),
        (
            "a.onnx",
            onnx(&protobuf(
                5,
                &[
                    protobuf_number(1, 4),
                    protobuf_number(2, 1),
                    protobuf(8, b"w"),
                    protobuf(9, &[0; 16]),
                ]
                .concat(),
            )),
        ),
        ("a.h5", corpus::sound_hdf5()),
        ("a.gguf", gguf(&[], &[gguf_tensor("w", &[4], 0, 0)], 16)),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        assert_eq!(read_all(&path).unwrap(), 4, "{name}");
    }
}
