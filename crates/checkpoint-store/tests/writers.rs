//! Several writers and readers at once: whole epochs only, each once, and nobody's file removed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use checkpoint_store::{Checkpoint, Store, TensorShape, verify};

const PARAMETERS: u64 = 300;
const RUNS: u64 = 5;
const EPOCHS: u32 = 12;

fn create(directory: &Path) -> Store {
    Store::create(directory, "lr = 1", &[TensorShape::new("w", [PARAMETERS])]).unwrap()
}

fn write(directory: &Path, shard: u32) {
    // Each writer opens the store for itself, as a process would.
    let store = create(directory);
    let runs: Vec<u64> = (0..RUNS).map(|run| run + u64::from(shard) * RUNS).collect();
    for epoch in 0..EPOCHS {
        let labels: Vec<Checkpoint> = runs
            .iter()
            .map(|&run| Checkpoint::new(run, epoch))
            .collect();
        let columns: Vec<f32> = runs
            .iter()
            .flat_map(|&run| vec![(run * 100) as f32 + epoch as f32; PARAMETERS as usize])
            .collect();
        store.publish(shard, epoch, &labels, &columns).unwrap();
    }
}

/// Reads the whole store and checks it; returns how many checkpoints there are.
fn read(store: &Store) -> usize {
    let labels = match store.load() {
        Err(checkpoint_store::Error::Empty { .. }) => return 0,
        loaded => {
            let loaded = loaded.unwrap();
            for (label, column) in loaded
                .checkpoints()
                .iter()
                .zip(loaded.matrix().column_iter())
            {
                assert!(
                    column
                        .iter()
                        .all(|&weight| weight == (label.run * 100) as f32 + label.epoch as f32)
                );
            }
            loaded.checkpoints().to_vec()
        }
    };
    assert!(labels.windows(2).all(|pair| pair[0].key() < pair[1].key()));
    assert_eq!(labels.len() % RUNS as usize, 0, "a part of an epoch");
    labels.len()
}

#[test]
fn writers_of_different_shards_and_readers_do_not_disturb_each_other() {
    const WRITERS: u32 = 4;
    let root = tempfile::tempdir().unwrap();
    let directory = root.path();
    create(directory);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|shard| scope.spawn(move || write(directory, shard)))
            .collect();
        // Opens for writing, and so cleans up, again and again.
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                create(root.path());
            }
        });
        scope.spawn(|| {
            let store = Store::open(root.path()).unwrap();
            let mut seen = 0;
            while !done.load(Ordering::Relaxed) {
                let now = read(&store);
                assert!(now >= seen, "checkpoints vanished");
                seen = now;
            }
        });
        let outcomes: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(outcomes.iter().all(Result::is_ok), "a writer failed");
    });
    let store = Store::open(root.path()).unwrap();
    assert_eq!(
        read(&store),
        WRITERS as usize * RUNS as usize * EPOCHS as usize
    );
    assert!(verify(root.path()).unwrap().is_sound());
}

#[test]
fn readers_see_every_checkpoint_once_while_two_writers_compact() {
    for _ in 0..10 {
        let root = tempfile::tempdir().unwrap();
        for shard in 0..2 {
            write(root.path(), shard);
        }
        let store = create(root.path());
        let runs: Vec<u64> = (0..2 * RUNS).collect();
        let all = runs.len() * EPOCHS as usize;
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut rounds = 0;
                while !done.load(Ordering::Relaxed) || rounds == 0 {
                    assert_eq!(read(&store), all);
                    assert_eq!(store.checkpoints().unwrap().len(), all);
                    rounds += 1;
                }
            });
            let compact = || store.compact(0..EPOCHS, &runs).unwrap().hash();
            let other = scope.spawn(compact);
            let hash = compact();
            let outcome = other.join();
            done.store(true, Ordering::Relaxed);
            assert_eq!(outcome.unwrap(), hash);
            reader.join().unwrap();
        });
        assert!(store.load().unwrap().is_mapped());
    }
}
