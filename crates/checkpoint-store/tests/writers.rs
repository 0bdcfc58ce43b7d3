//! Several writers and readers at once: whole epochs only, each once, and nobody's file removed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use checkpoint_store::{Error, Store, verify};
use hostile::shared::Shared;

const SHARED: Shared = Shared {
    parameters: 300,
    runs: 5,
};
const EPOCHS: u32 = 12;

fn create(directory: &Path) -> Store {
    SHARED.open(directory).unwrap()
}

fn write(directory: &Path, shard: u32) {
    // Each writer opens the store for itself, as a process would.
    let store = create(directory);
    for epoch in 0..EPOCHS {
        SHARED.publish(&store, shard, epoch).unwrap();
    }
}

/// Reads the whole store and checks it; returns how many checkpoints there are.
fn read(store: &Store) -> usize {
    match store.load() {
        Err(Error::Empty { .. }) => 0,
        loaded => SHARED.check(&loaded.unwrap()).unwrap(),
    }
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
        WRITERS as usize * SHARED.runs as usize * EPOCHS as usize
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
        let runs: Vec<u64> = (0..2 * SHARED.runs).collect();
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
