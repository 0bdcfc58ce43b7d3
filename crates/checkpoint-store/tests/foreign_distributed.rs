//! Folders of torch.distributed.checkpoint that are broken anywhere: an error, and no panic.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use checkpoint_store::foreign::{Limits, discover};
use checkpoint_store::{Error, Result};

fn copy() -> tempfile::TempDir {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixture = fixture.join("tests/foreign/fixtures/distributed/three");
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(fixture).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    folder
}

/// Reads all that the folder holds. Returns the number of values.
fn read(folder: &Path) -> Result<usize> {
    let limits = Limits::default();
    let mut discovery = discover(&[folder.to_path_buf()], &limits);
    if let Some(problem) = discovery.problems.pop() {
        return Err(problem.error);
    }
    let mut values = 0;
    for found in &discovery.checkpoints {
        let checkpoint = found.describe(&limits)?.open()?;
        for index in 0..checkpoint.tensors().len() {
            checkpoint.read(index, &mut |part| values += part.len())?;
        }
    }
    Ok(values)
}

#[test]
fn changed_bytes_and_truncations_are_read_or_refused() {
    let folder = copy();
    assert_eq!(read(folder.path()).unwrap(), 70);
    let mut refused = 0;
    for (name, every) in [(".metadata", 5), ("__1_0.distcp", 31)] {
        let path = folder.path().join(name);
        let sound = fs::read(&path).unwrap();
        for at in (0..sound.len()).step_by(every) {
            let mut changed = sound.clone();
            changed[at] ^= 0x41;
            for bytes in [&changed[..], &sound[..at]] {
                fs::write(&path, bytes).unwrap();
                match read(folder.path()) {
                    Ok(values) => assert!(values <= 140, "{name}, byte {at}: {values} values"),
                    Err(Error::Foreign { .. }) => refused += 1,
                    Err(error) => panic!("{name}, byte {at}: {error}"),
                }
            }
        }
        fs::write(&path, sound).unwrap();
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn a_part_that_is_missing_is_named() {
    let folder = copy();
    fs::remove_file(folder.path().join("__1_0.distcp")).unwrap();
    let message = read(folder.path()).unwrap_err().to_string();
    assert!(message.contains("__1_0.distcp"), "{message}");
}

#[test]
fn a_folder_that_changes_after_it_was_described_is_refused() {
    let folder = copy();
    let discovery = discover(&[PathBuf::from(folder.path())], &Limits::default());
    let described = discovery.checkpoints[0]
        .describe(&Limits::default())
        .unwrap();
    assert!(described.open().is_ok());
    let path = folder.path().join("__0_0.distcp");
    let mut bytes = fs::read(&path).unwrap();
    bytes.push(0);
    fs::write(&path, bytes).unwrap();
    let error = described.open().unwrap_err();
    assert!(error.to_string().contains("changed after"), "{error}");
}
