//! What goes into a store comes out of it, bit for bit, however it went in.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use checkpoint_store::{Checkpoint, Error, Segment, Store, TensorShape, TrainingState, verify};
use proptest::prelude::*;

const LAYOUT: [u64; 2] = [2, 3];

fn layout() -> Vec<TensorShape> {
    vec![
        TensorShape::new("hidden", LAYOUT),
        TensorShape::new("output", [1]),
    ]
}

/// Publishes these columns as one segment, marked finite or not as they are.
fn publish(store: &Store, shard: u32, epoch: u32, columns: &BTreeMap<u64, Vec<f32>>) {
    let labels: Vec<Checkpoint> = columns
        .iter()
        .map(|(&run, column)| Checkpoint {
            train_loss: Some(run as f32 / 3.0),
            finite: column.iter().all(|weight| weight.is_finite()),
            ..Checkpoint::new(run, epoch)
        })
        .collect();
    store
        .publish(
            shard,
            epoch,
            &labels,
            &columns.values().flatten().copied().collect::<Vec<_>>(),
        )
        .unwrap();
}

/// The names of the segments in a directory.
fn segments(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".segment")).collect()
}

/// Epoch, then run, to the bits of the weights.
type Content = BTreeMap<u32, BTreeMap<u64, Vec<u32>>>;

fn content() -> impl Strategy<Value = Content> {
    let column = || prop::collection::vec(any::<u32>(), 7);
    let epoch = prop::collection::btree_map(any::<u64>(), column(), 1..6);
    prop::collection::btree_map(any::<u32>(), epoch, 1..5)
}

/// Publishes some content, each epoch split by `shard_of`.
fn fill(directory: &Path, content: &Content, shard_of: impl Fn(u64) -> u32) -> Store {
    let store = Store::create(directory, "lr = 1", &layout()).unwrap();
    for (&epoch, runs) in content {
        let mut shards: BTreeMap<u32, BTreeMap<u64, Vec<f32>>> = BTreeMap::new();
        for (&run, bits) in runs {
            let column = bits.iter().copied().map(f32::from_bits).collect();
            shards.entry(shard_of(run)).or_default().insert(run, column);
        }
        for (shard, columns) in shards {
            publish(&store, shard, epoch, &columns);
        }
    }
    store
}

/// Everything in the store, as plainly as possible.
fn dump(store: &Store) -> Content {
    let loaded = store.load().unwrap();
    let mut content = Content::new();
    for (label, column) in loaded
        .checkpoints()
        .iter()
        .zip(loaded.matrix().column_iter())
    {
        let bits = column.iter().map(|weight| weight.to_bits()).collect();
        assert!(
            content
                .entry(label.epoch)
                .or_default()
                .insert(label.run, bits)
                .is_none()
        );
    }
    content
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_weights_come_back_bit_for_bit_before_and_after_compaction(content in content(), shards in 1_u64..4) {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let store = fill(one.path(), &content, |run| (run % shards) as u32);
        prop_assert_eq!(&dump(&store), &content);
        let hash = store.hash().unwrap();

        let whole = store.compact([], &[]).unwrap();
        prop_assert_eq!(&whole.hash(), &hash);
        prop_assert_eq!(store.hash().unwrap(), hash);
        prop_assert_eq!(&dump(&store), &content);
        prop_assert!(store.load().unwrap().is_mapped());
        prop_assert_eq!(segments(one.path()).len(), 1);
        prop_assert!(verify(one.path()).unwrap().is_sound());

        // The same content, split otherwise, makes the same bytes under the same name.
        let again = fill(other.path(), &content, |_| 9).compact([], &[]).unwrap();
        prop_assert_eq!(again.path().file_name(), whole.path().file_name());
        prop_assert_eq!(fs::read(again.path()).unwrap(), fs::read(whole.path()).unwrap());
    }

    #[test]
    fn a_range_of_epochs_is_what_filtering_the_labels_gives(content in content(), bounds in any::<(u32, u32)>()) {
        let root = tempfile::tempdir().unwrap();
        let loaded = fill(root.path(), &content, |_| 0).load().unwrap();
        let epochs: Vec<u32> = content.keys().copied().collect();
        for (low, high) in [bounds, (epochs[0], epochs[epochs.len() - 1]), (0, u32::MAX)] {
            let expected: Vec<(u32, u64)> = loaded.checkpoints().iter().map(Checkpoint::key)
                .filter(|(epoch, _)| (low..high).contains(epoch)).collect();
            let view = loaded.epochs(low..high);
            prop_assert_eq!(view.checkpoints.iter().map(Checkpoint::key).collect::<Vec<_>>(), expected);
            prop_assert_eq!(view.matrix.ncols(), view.checkpoints.len());
            for (label, column) in view.checkpoints.iter().zip(view.matrix.column_iter()) {
                let bits: Vec<u32> = column.iter().map(|weight| weight.to_bits()).collect();
                prop_assert_eq!(&bits, &content[&label.epoch][&label.run]);
            }
        }
    }

    #[test]
    fn a_training_state_comes_back_bit_for_bit(bits in prop::collection::vec(any::<u32>(), 28), next_epoch in any::<u32>()) {
        let root = tempfile::tempdir().unwrap();
        let store = Store::create(root.path(), "", &layout()).unwrap();
        let floats: Vec<f32> = bits.iter().copied().map(f32::from_bits).collect();
        let state = TrainingState {
            shard: 3, next_epoch, runs: vec![8, 2],
            weights: floats[..14].to_vec(), velocity: floats[14..].to_vec(),
        };
        store.save_state(&state).unwrap();
        let found = store.load_state(3).unwrap().unwrap();
        prop_assert_eq!((found.shard, found.next_epoch, found.runs), (3, next_epoch, vec![8, 2]));
        let found: Vec<u32> = found.weights.iter().chain(&found.velocity).map(|x| x.to_bits()).collect();
        prop_assert_eq!(found, bits);
        prop_assert_eq!(store.load_state(4).unwrap(), None);
    }
}

#[test]
fn the_payload_of_a_nan_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::create(root.path(), "", &layout()).unwrap();
    let bits = [
        0x7FC0_0001,
        0xFFC1_2345,
        0x7F80_0001,
        0xFF80_0000,
        0x8000_0000,
        1,
        0x7FFF_FFFF,
    ];
    publish(
        &store,
        0,
        0,
        &BTreeMap::from([(0, bits.map(f32::from_bits).to_vec())]),
    );
    assert_eq!(dump(&store)[&0][&0], bits);
    assert!(!store.checkpoints().unwrap()[0].finite);
    assert_eq!(verify(root.path()).unwrap().diverged, 1);
}

fn three_epochs(directory: &Path) -> Store {
    let store = Store::create(directory, "lr = 0.03", &layout()).unwrap();
    for epoch in 0..3 {
        publish(
            &store,
            0,
            epoch,
            &BTreeMap::from([(0, vec![epoch as f32; 7]), (1, vec![0.5; 7])]),
        );
    }
    store
}

#[test]
fn publishing_the_same_again_is_fine_and_something_else_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::create(root.path(), "", &layout()).unwrap();
    let labels = [Checkpoint::new(0, 1)];
    let first = store.publish(0, 1, &labels, &[1.0; 7]).unwrap();
    assert_eq!(store.publish(0, 1, &labels, &[1.0; 7]).unwrap(), first);
    let error = store.publish(0, 1, &labels, &[2.0; 7]).unwrap_err();
    assert!(matches!(error, Error::Conflict { .. }), "{error}");
    assert_eq!(dump(&store)[&1][&0], [1.0_f32.to_bits(); 7]);
    assert_eq!(Segment::open(first.path).unwrap().hash(), first.hash);
}

#[test]
fn a_store_of_another_recipe_or_layout_is_refused_and_unchanged() {
    let root = tempfile::tempdir().unwrap();
    three_epochs(root.path());
    let error = Store::create(root.path(), "lr = 0.1", &layout()).unwrap_err();
    assert!(
        matches!(&error, Error::WrongRecipe { stored, wanted, .. } if stored == "lr = 0.03" && wanted == "lr = 0.1")
    );
    let other = [TensorShape::new("hidden", [7])];
    let error = Store::create(root.path(), "lr = 0.03", &other).unwrap_err();
    assert!(matches!(&error, Error::WrongLayout { stored, wanted, .. }
        if stored == "hidden [2, 3], output [1]" && wanted == "hidden [7]"));
    Store::create(root.path(), "lr = 0.03", &layout()).unwrap();
    assert_eq!(
        Store::open(root.path())
            .unwrap()
            .checkpoints()
            .unwrap()
            .len(),
        6
    );
}

#[test]
fn a_store_is_not_begun_among_other_files() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("thesis.tex"), "").unwrap();
    let error = Store::create(root.path(), "", &layout()).unwrap_err();
    assert!(matches!(error, Error::NotEmpty { .. }), "{error}");
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    let error = Store::create(root.path().join("thesis.tex"), "", &layout()).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
}

#[test]
fn what_is_no_store_or_empty_is_named() {
    let root = tempfile::tempdir().unwrap();
    assert!(matches!(
        Store::open(root.path()),
        Err(Error::NotAStore { .. })
    ));
    assert!(matches!(
        Store::open(root.path().join("missing")),
        Err(Error::NotAStore { .. })
    ));
    let store = Store::create(root.path(), "", &layout()).unwrap();
    assert!(matches!(store.load(), Err(Error::Empty { .. })));
    assert!(matches!(store.hash(), Err(Error::Empty { .. })));
    assert!(matches!(store.compact([], &[]), Err(Error::Empty { .. })));
    assert!(store.checkpoints().unwrap().is_empty());
}

#[test]
fn checkpoints_that_contradict_themselves_are_not_stored() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::create(root.path(), "", &layout()).unwrap();
    let label = |run| Checkpoint::new(run, 1);
    let refused = [
        store.publish(0, 1, &[], &[]),
        store.publish(0, 1, &[label(0)], &[0.0; 6]),
        store.publish(0, 1, &[label(0)], &[0.0; 14]),
        store.publish(0, 2, &[label(0)], &[0.0; 7]),
        store.publish(0, 1, &[label(1), label(0)], &[0.0; 14]),
        store.publish(0, 1, &[label(0), label(0)], &[0.0; 14]),
        store.publish(0, 1, &[label(0)], &[0.0, 0.0, 0.0, f32::NAN, 0.0, 0.0, 0.0]),
    ];
    for (case, outcome) in refused.into_iter().enumerate() {
        assert!(matches!(outcome, Err(Error::Invalid { .. })), "{case}");
    }
    let state = TrainingState {
        shard: 0,
        next_epoch: 1,
        runs: vec![0],
        weights: vec![0.0; 7],
        velocity: vec![0.0; 6],
    };
    assert!(matches!(
        store.save_state(&state),
        Err(Error::Invalid { .. })
    ));
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
}

#[test]
fn a_store_that_lacks_something_is_not_compacted() {
    let root = tempfile::tempdir().unwrap();
    let store = three_epochs(root.path());
    let error = store.compact(0..=3, &[0, 1]).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Incomplete {
                missing: 2,
                run: 0,
                epoch: 3,
                ..
            }
        ),
        "{error}"
    );
    let error = store.compact(0..=2, &[0, 1, 7]).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Incomplete {
                missing: 3,
                run: 7,
                epoch: 0,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(segments(root.path()).len(), 3);
}

#[test]
fn a_compacted_store_grows_and_is_compacted_again() {
    let root = tempfile::tempdir().unwrap();
    let store = three_epochs(root.path());
    let first = store.compact(0..=2, &[0, 1]).unwrap();
    let again = store.compact(0..=2, &[0, 1]).unwrap();
    assert_eq!(first.path(), again.path());

    publish(&store, 5, 3, &BTreeMap::from([(1, vec![3.0; 7])]));
    assert!(!store.load().unwrap().is_mapped());
    let second = store.compact(0..=2, &[0, 1]).unwrap();
    assert_eq!(second.checkpoints().len(), 7);
    assert_eq!(segments(root.path()).len(), 1);
    // A map outlives the file's name.
    assert_eq!(first.matrix().ncols(), 6);
    assert_eq!(first.matrix()[(0, 4)], 2.0);
}

#[test]
fn a_filter_that_keeps_all_copies_nothing_and_one_that_does_not_keeps_the_rest() {
    let root = tempfile::tempdir().unwrap();
    let store = three_epochs(root.path());
    store.compact(0..=2, &[0, 1]).unwrap();
    assert!(store.load().unwrap().retain(|_| true).is_mapped());
    let kept = store.load().unwrap().retain(|label| label.run == 0);
    assert!(!kept.is_mapped());
    assert_eq!(
        kept.checkpoints()
            .iter()
            .map(Checkpoint::key)
            .collect::<Vec<_>>(),
        [(0, 0), (1, 0), (2, 0)]
    );
    assert_eq!(
        kept.matrix().row(0).iter().copied().collect::<Vec<f32>>(),
        [0.0, 1.0, 2.0]
    );
    let none = kept.retain(|_| false);
    assert_eq!(none.matrix().shape(), (7, 0));
}

#[test]
fn the_newest_state_replaces_the_older_one() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::create(root.path(), "", &layout()).unwrap();
    let state = |shard, next_epoch| TrainingState {
        shard,
        next_epoch,
        runs: vec![0],
        weights: vec![next_epoch as f32; 7],
        velocity: vec![0.5; 7],
    };
    for next_epoch in 1..4 {
        store.save_state(&state(0, next_epoch)).unwrap();
        store.save_state(&state(1, 1)).unwrap();
    }
    assert_eq!(store.load_state(0).unwrap(), Some(state(0, 3)));
    assert_eq!(store.load_state(1).unwrap(), Some(state(1, 1)));
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 3);
    store.remove_states().unwrap();
    assert_eq!(store.load_state(0).unwrap(), None);
    assert_eq!(store.load_state(1).unwrap(), None);
}
