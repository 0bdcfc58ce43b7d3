//! A whole life of a store, with a fault at every operation in turn: whatever was acknowledged is
//! there afterwards, bit for bit, nothing is there in part or twice, and doing it all again ends
//! with the same bytes and no stray file.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod double;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use checkpoint_store::{
    Checkpoint, Error, Result, Status, Store, TensorShape, TrainingState, verify,
};

use double::{Double, Fault, Survivors};

const RECIPE: &str = "lr = 0.03\n";
const PARAMETERS: usize = 3;
const SHARDS: [[u64; 2]; 2] = [[0, 1], [2, 3]];
const EPOCHS: u32 = 3;

fn column(run: u64, epoch: u32) -> [f32; PARAMETERS] {
    [run as f32, epoch as f32, 0.1]
}

/// What was acknowledged.
#[derive(Debug, Default)]
struct Acknowledged {
    checkpoints: Vec<(u64, u32)>,
    next_epoch: BTreeMap<u32, u32>,
    compacted: bool,
}

fn state(shard: u32, next_epoch: u32) -> TrainingState {
    let runs = SHARDS[shard as usize];
    TrainingState {
        shard,
        next_epoch,
        runs: runs.to_vec(),
        weights: runs
            .iter()
            .flat_map(|&run| column(run, next_epoch - 1))
            .collect(),
        velocity: vec![next_epoch as f32; 2 * PARAMETERS],
    }
}

/// Trains, stores and compacts, from wherever it was interrupted. Acknowledgements survive an
/// error in `acknowledged`.
fn live(storage: &Double, directory: &Path, acknowledged: &mut Acknowledged) -> Result<()> {
    let layout = [TensorShape::new("w", [PARAMETERS as u64])];
    let open = || Store::create_on(Arc::new(storage.clone()), directory, RECIPE, &layout);
    open()?;
    // What a writer that was killed long ago left behind.
    fs::write(directory.join("1-00000000000000ff-0.unfinished"), b"torn").unwrap();
    let store = open()?;
    let already = store.checkpoints()?;
    for epoch in 0..EPOCHS {
        for (shard, runs) in (0..).zip(SHARDS) {
            if already
                .iter()
                .any(|label| (label.run, label.epoch) == (runs[0], epoch))
                && store
                    .load_state(shard)?
                    .is_some_and(|state| state.next_epoch > epoch)
            {
                continue;
            }
            let labels = runs.map(|run| Checkpoint::new(run, epoch));
            let columns: Vec<f32> = runs.iter().flat_map(|&run| column(run, epoch)).collect();
            store.publish(shard, epoch, &labels, &columns)?;
            acknowledged
                .checkpoints
                .extend(runs.map(|run| (run, epoch)));
            store.save_state(&state(shard, epoch + 1))?;
            acknowledged.next_epoch.insert(shard, epoch + 1);
        }
    }
    store.compact(0..EPOCHS, &SHARDS.concat())?;
    acknowledged.compacted = true;
    Ok(())
}

/// Checks that everything acknowledged is there, whole, once.
fn check(directory: &Path, acknowledged: &Acknowledged, case: &str) {
    let store = match Store::open(directory) {
        Err(Error::NotAStore { .. }) if acknowledged.checkpoints.is_empty() => return,
        other => other.unwrap_or_else(|error| panic!("{case}: {error}")),
    };
    let report = verify(directory).unwrap();
    assert!(report.is_sound(), "{case}: {report:?}");
    let labels = store.checkpoints().unwrap();
    assert!(
        labels.windows(2).all(|pair| pair[0].key() < pair[1].key()),
        "{case}: a checkpoint twice"
    );
    for runs in SHARDS {
        for epoch in 0..EPOCHS {
            let there = runs.map(|run| {
                labels
                    .iter()
                    .any(|label| (label.run, label.epoch) == (run, epoch))
            });
            assert_eq!(there[0], there[1], "{case}: half an epoch");
        }
    }
    for key in &acknowledged.checkpoints {
        assert!(
            labels.iter().any(|label| (label.run, label.epoch) == *key),
            "{case}: {key:?} was acknowledged and is gone"
        );
    }
    if !labels.is_empty() {
        let loaded = store.load().unwrap();
        assert_eq!(loaded.checkpoints(), labels, "{case}");
        for (label, weights) in labels.iter().zip(loaded.matrix().column_iter()) {
            assert_eq!(weights.as_slice(), column(label.run, label.epoch), "{case}");
        }
        assert!(!acknowledged.compacted || loaded.is_mapped(), "{case}");
    }
    for (&shard, &next_epoch) in &acknowledged.next_epoch {
        let found = store.load_state(shard).unwrap().unwrap();
        assert!(found.next_epoch >= next_epoch, "{case}: an older state");
        assert_eq!(found, state(shard, found.next_epoch), "{case}");
    }
}

/// The names and bytes of all files in a directory.
fn contents(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect()
}

/// Checks what is there after a fault, lives on without one, and compares with a life without.
fn check_and_finish(
    directory: &Path,
    acknowledged: &Acknowledged,
    undisturbed: &BTreeMap<String, Vec<u8>>,
    case: &str,
) {
    check(directory, acknowledged, case);
    let mut again = Acknowledged::default();
    live(&Double::new(0, Fault::None), directory, &mut again)
        .unwrap_or_else(|error| panic!("{case}: {error}"));
    check(directory, acknowledged, case);
    assert!(
        contents(directory) == *undisturbed,
        "{case}: ends differently"
    );
}

/// An undisturbed life: its files, and how many operations it takes.
fn undisturbed() -> (BTreeMap<String, Vec<u8>>, usize) {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("new").join("zoo");
    let storage = Double::new(0, Fault::None);
    let mut acknowledged = Acknowledged::default();
    live(&storage, &directory, &mut acknowledged).unwrap();
    check(&directory, &acknowledged, "undisturbed");
    let files = contents(&directory);
    // The description, two states and the compacted segment.
    assert_eq!(files.len(), 4, "{:?}", files.keys());
    (files, storage.operations())
}

#[test]
fn a_process_killed_at_any_operation_leaves_the_old_state_or_the_new() {
    let (files, operations) = undisturbed();
    assert!(operations > 80, "{operations}");
    for at in 0..operations {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("new").join("zoo");
        let mut acknowledged = Acknowledged::default();
        let error = live(&Double::new(at, Fault::Stop), &directory, &mut acknowledged).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
        check_and_finish(
            &directory,
            &acknowledged,
            &files,
            &format!("killed at {at}"),
        );
    }
}

#[test]
fn an_error_at_any_operation_is_typed_and_leaves_no_stray_file() {
    let (files, operations) = undisturbed();
    for kind in [
        ErrorKind::StorageFull,
        ErrorKind::PermissionDenied,
        ErrorKind::Other,
    ] {
        for at in 0..operations {
            let root = tempfile::tempdir().unwrap();
            let directory = root.path().join("new").join("zoo");
            let mut acknowledged = Acknowledged::default();
            let error = live(
                &Double::new(at, Fault::Error(kind)),
                &directory,
                &mut acknowledged,
            )
            .unwrap_err();
            match (&error, kind) {
                (Error::StorageFull { source, .. }, ErrorKind::StorageFull) => {
                    assert_eq!(source.kind(), kind)
                }
                (Error::Io { source, .. }, _) => assert_eq!(source.kind(), kind),
                _ => panic!("{kind} at {at}: {error}"),
            }
            if let Ok(report) = verify(&directory) {
                let planted = "1-00000000000000ff-0.unfinished";
                let stray = report
                    .files
                    .iter()
                    .find(|file| file.status == Status::Unfinished && file.name != planted);
                assert_eq!(stray, None, "{kind} at {at}");
            }
            check_and_finish(
                &directory,
                &acknowledged,
                &files,
                &format!("{kind} at {at}"),
            );
        }
    }
}

#[test]
fn a_loss_of_power_at_any_operation_leaves_the_old_state_or_the_new() {
    let (files, operations) = undisturbed();
    for survivors in [Survivors::Synced, Survivors::AllNames] {
        for at in 0..=operations {
            let root = tempfile::tempdir().unwrap();
            let (before, after) = (root.path().join("before"), root.path().join("after"));
            fs::create_dir(&before).unwrap();
            fs::create_dir(&after).unwrap();
            let storage = Double::new(at, Fault::Stop);
            let mut acknowledged = Acknowledged::default();
            let outcome = live(&storage, &before.join("new").join("zoo"), &mut acknowledged);
            assert_eq!(outcome.is_ok(), at == operations);
            storage.lose_power(&before, &after, survivors);
            let case = format!("power lost at {at}, {survivors:?}");
            check_and_finish(&after.join("new").join("zoo"), &acknowledged, &files, &case);
        }
    }
}

#[test]
fn what_is_acknowledged_after_an_earlier_failure_survives_a_loss_of_power() {
    let (files, operations) = undisturbed();
    for at in 0..operations {
        let root = tempfile::tempdir().unwrap();
        let (before, after) = (root.path().join("before"), root.path().join("after"));
        fs::create_dir(&before).unwrap();
        fs::create_dir(&after).unwrap();
        let directory = before.join("new").join("zoo");
        let storage = Double::new(at, Fault::Error(ErrorKind::Other));
        let mut acknowledged = Acknowledged::default();
        live(&storage, &directory, &mut acknowledged).unwrap_err();
        // The same disk, on which some names are visible and not durable.
        live(&storage, &directory, &mut acknowledged).unwrap();
        storage.lose_power(&before, &after, Survivors::Synced);
        let case = format!("failed at {at}, then power lost");
        check_and_finish(&after.join("new").join("zoo"), &acknowledged, &files, &case);
    }
}

#[test]
fn a_segment_published_again_after_a_failure_is_durable_at_once() {
    let layout = [TensorShape::new("w", [PARAMETERS as u64])];
    let publish = |storage: &Double, directory: &Path| {
        let store = Store::create_on(Arc::new(storage.clone()), directory, RECIPE, &layout)?;
        store.publish(0, 0, &[Checkpoint::new(0, 0)], &column(0, 0))
    };
    for at in 0.. {
        let root = tempfile::tempdir().unwrap();
        let (before, after) = (root.path().join("before"), root.path().join("after"));
        fs::create_dir(&before).unwrap();
        fs::create_dir(&after).unwrap();
        let storage = Double::new(at, Fault::Error(ErrorKind::Other));
        let directory = before.join("new").join("zoo");
        if publish(&storage, &directory).is_ok() {
            assert!(at > 12, "{at}");
            break;
        }
        publish(&storage, &directory).unwrap();
        storage.lose_power(&before, &after, Survivors::Synced);
        let store = Store::open(after.join("new").join("zoo")).unwrap();
        assert_eq!(
            store.load().unwrap().matrix().column(0).as_slice(),
            column(0, 0),
            "failed at {at}"
        );
    }
}
