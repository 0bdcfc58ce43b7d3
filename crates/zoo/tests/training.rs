//! Training into a store, through the public API.
#![allow(clippy::unwrap_used)]

use zoo::{Error, Shard, Trainer, Zoo};
use zoo_training::{Dataset, Recipe};

fn recipe() -> Recipe {
    Recipe {
        seeds: 4,
        epochs: 2,
        ..Recipe::preset("cnn").unwrap()
    }
}

fn data(images: usize) -> Dataset {
    Dataset::mnist14().unwrap().take(images, 10)
}

#[test]
fn a_store_records_the_hash_of_the_images_that_it_was_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(32);
    let store = Trainer::new(recipe(), &data)
        .store(folder.path().join("zoo"))
        .train()
        .unwrap();
    let zoo = Zoo::of(&store).unwrap();
    assert_eq!(zoo.dataset_blake3, data.content_hash());
    assert_eq!(zoo.recipe, recipe());
    assert_eq!(store.checkpoints().unwrap().len() as u64, zoo.checkpoints());
}

#[test]
fn other_images_under_the_same_name_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let train = |images: usize| {
        Trainer::new(recipe(), &data(images))
            .store(folder.path().join("zoo"))
            .train()
    };
    let whole = train(32).unwrap().hash().unwrap();
    assert!(matches!(train(33), Err(Error::Store(_))));
    assert_eq!(train(32).unwrap().hash().unwrap(), whole);
}

#[test]
fn shards_trained_one_by_one_fill_the_same_store() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(32);
    let train = |shard: Shard, name: &str| {
        Trainer::new(recipe(), &data)
            .shard(shard)
            .store(folder.path().join(name))
            .train()
            .unwrap()
    };
    let whole = train(Shard::WHOLE, "whole").hash().unwrap();
    for shard in ["2/3", "1/3"] {
        train(shard.parse().unwrap(), "parts");
    }
    let parts = train("3/3".parse().unwrap(), "parts");
    assert_eq!(parts.hash().unwrap(), whole);
}

#[test]
fn a_store_of_something_else_is_no_zoo() {
    let folder = tempfile::tempdir().unwrap();
    let layout = [checkpoint_store::TensorShape::new("w", [2])];
    let store = checkpoint_store::Store::create(folder.path(), "learning rate 0.03", &layout);
    let error = Zoo::of(&store.unwrap()).unwrap_err();
    assert_eq!(error.kind(), "not_a_zoo");
    assert_eq!(error.path(), Some(folder.path()));
}
