//! Every flipped byte and every truncation is found, by opening and by verifying.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use checkpoint_store::{
    Checkpoint, Error, Result, Segment, Status, Store, TensorShape, TrainingState, verify,
};

/// A store with one file of each kind.
fn store(directory: &Path) -> Store {
    let layout = [TensorShape::new("w", [2, 2])];
    let store = Store::create(directory, "lr = 0.03", &layout).unwrap();
    let labels = [Checkpoint::new(3, 1), Checkpoint::new(5, 1)];
    store
        .publish(0, 1, &labels, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])
        .unwrap();
    let state = TrainingState {
        shard: 0,
        next_epoch: 2,
        runs: vec![3],
        weights: vec![1.0; 4],
        velocity: vec![2.0; 4],
    };
    store.save_state(&state).unwrap();
    store
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert_eq!(files.len(), 3);
    files
}

/// Reads everything that a program can read from a store.
fn read_all(directory: &Path) -> Result<()> {
    let store = Store::open(directory)?;
    store.load()?;
    store.load_state(0)?;
    Ok(())
}

/// Checks that verification names this file and no other, and that reading fails.
fn assert_found(directory: &Path, path: &Path, case: &str) {
    let report = verify(directory).unwrap();
    assert!(!report.is_sound(), "{case}");
    for file in &report.files {
        let this = directory.join(&file.name) == path;
        assert_eq!(file.status.is_problem(), this, "{case}: {file:?}");
    }
    let error = read_all(directory).expect_err(case);
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{case}: {error}"
    );
}

#[test]
fn every_flipped_byte_of_every_file_is_found_and_its_file_named() {
    let root = tempfile::tempdir().unwrap();
    store(root.path());
    for path in files(root.path()) {
        let sound = fs::read(&path).unwrap();
        let mut bytes = sound.clone();
        for at in 0..bytes.len() {
            bytes[at] ^= 1 << (at % 8);
            fs::write(&path, &bytes).unwrap();
            assert_found(
                root.path(),
                &path,
                &format!("byte {at} of {}", path.display()),
            );
            bytes[at] = sound[at];
        }
        fs::write(&path, sound).unwrap();
    }
    assert!(verify(root.path()).unwrap().is_sound());
    read_all(root.path()).unwrap();
}

#[test]
fn every_truncation_of_every_file_is_found_and_its_file_named() {
    let root = tempfile::tempdir().unwrap();
    store(root.path());
    for path in files(root.path()) {
        let sound = fs::read(&path).unwrap();
        for length in 0..sound.len() {
            fs::write(&path, &sound[..length]).unwrap();
            assert_found(
                root.path(),
                &path,
                &format!("{length} bytes of {}", path.display()),
            );
        }
        fs::write(&path, sound).unwrap();
    }
}

#[test]
fn a_flipped_byte_is_told_by_region() {
    let root = tempfile::tempdir().unwrap();
    let segment = store(root.path())
        .publish(1, 7, &[Checkpoint::new(9, 7)], &[0.0; 4])
        .unwrap();
    let sound = fs::read(&segment.path).unwrap();
    for (at, region) in [
        (0, "begin as"),
        (100, "preamble and header"),
        (4000, "padding"),
        (4100, "weights"),
    ] {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x40;
        fs::write(&segment.path, &bytes).unwrap();
        let error = Segment::open(&segment.path).unwrap_err();
        assert!(error.to_string().contains(region), "byte {at}: {error}");
    }
}

#[test]
fn a_damaged_segment_is_not_published_over() {
    let root = tempfile::tempdir().unwrap();
    let store = store(root.path());
    let labels = [Checkpoint::new(9, 7)];
    let segment = store.publish(1, 7, &labels, &[0.0; 4]).unwrap();
    let mut bytes = fs::read(&segment.path).unwrap();
    bytes[4097] ^= 1;
    fs::write(&segment.path, &bytes).unwrap();
    let error = store.publish(1, 7, &labels, &[0.0; 4]).unwrap_err();
    assert!(error.is_damage(), "{error}");
    assert_eq!(fs::read(&segment.path).unwrap(), bytes);
}

#[test]
fn garbage_after_the_end_is_found() {
    let root = tempfile::tempdir().unwrap();
    store(root.path());
    for path in files(root.path()) {
        let sound = fs::read(&path).unwrap();
        fs::write(&path, [&sound[..], &[0]].concat()).unwrap();
        assert_found(root.path(), &path, "one zero");
        fs::write(&path, [&sound[..], &sound[..]].concat()).unwrap();
        assert_found(root.path(), &path, "itself");
        fs::write(&path, sound).unwrap();
    }
}

#[test]
fn files_that_are_no_files_and_foreign_ones_are_told_apart() {
    let root = tempfile::tempdir().unwrap();
    let store = store(root.path());
    let segment = store.directory().join("shard-00000-epoch-000001.segment");
    let status_of = |name: &str| {
        let report = verify(root.path()).unwrap();
        report
            .files
            .into_iter()
            .find(|file| file.name == name)
            .unwrap()
            .status
    };

    fs::create_dir(root.path().join("directory.segment")).unwrap();
    assert!(matches!(
        status_of("directory.segment"),
        Status::Damaged { .. }
    ));
    fs::remove_dir(root.path().join("directory.segment")).unwrap();

    fs::write(root.path().join("notes.txt"), "mine").unwrap();
    assert_eq!(status_of("notes.txt"), Status::Unknown);
    fs::write(root.path().join("7-00000000000000aa-0.unfinished"), "torn").unwrap();
    assert_eq!(
        status_of("7-00000000000000aa-0.unfinished"),
        Status::Unfinished
    );
    assert!(verify(root.path()).unwrap().is_sound());

    fs::copy(&segment, root.path().join("shard-00000-next-000009.state")).unwrap();
    assert!(matches!(
        status_of("shard-00000-next-000009.state"),
        Status::Foreign { .. }
    ));
    assert!(matches!(store.load_state(0), Err(Error::WrongKind { .. })));
    fs::remove_file(root.path().join("shard-00000-next-000009.state")).unwrap();

    let other = tempfile::tempdir().unwrap();
    let foreign = Store::create(other.path(), "lr = 0.1", store.layout()).unwrap();
    let foreign = foreign
        .publish(4, 4, &[Checkpoint::new(0, 4)], &[0.0; 4])
        .unwrap();
    fs::copy(
        foreign.path,
        root.path().join("shard-00004-epoch-000004.segment"),
    )
    .unwrap();
    assert!(matches!(
        status_of("shard-00004-epoch-000004.segment"),
        Status::Foreign { .. }
    ));
    assert!(matches!(store.load(), Err(Error::WrongRecipe { .. })));
}

#[test]
fn two_segments_that_contradict_each_other_are_named() {
    let root = tempfile::tempdir().unwrap();
    let store = store(root.path());
    let labels = [Checkpoint::new(3, 1), Checkpoint::new(5, 1)];
    // The same labels as shard 0 has, with other weights.
    store.publish(1, 1, &labels, &[0.0; 8]).unwrap();
    let report = verify(root.path()).unwrap();
    assert!(!report.is_sound());
    assert!(report.problems[0].contains("contradicts"), "{report:?}");
    let error = store.compact([1], &[3, 5]).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Overlap {
                run: 3,
                epoch: 1,
                ..
            }
        ),
        "{error}"
    );
    // Nothing was removed.
    assert!(
        root.path()
            .join("shard-00000-epoch-000001.segment")
            .exists()
    );
    assert!(
        root.path()
            .join("shard-00001-epoch-000001.segment")
            .exists()
    );
}

#[test]
fn a_directory_that_is_no_store_is_not_verified() {
    let root = tempfile::tempdir().unwrap();
    assert!(matches!(verify(root.path()), Err(Error::NotAStore { .. })));
    assert!(matches!(
        verify(root.path().join("missing")),
        Err(Error::NotAStore { .. })
    ));
}
