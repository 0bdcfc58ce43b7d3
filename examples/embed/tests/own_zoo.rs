//! A zoo trained with Burn's ndarray backend by another tool, stored, and read back into runs.

use modeltrail::Collection;
use zoo::Trainer;
use zoo_training::{Backend, Dataset, Recipe};

#[test]
fn a_zoo_trained_with_the_ndarray_backend_is_stored_and_its_runs_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("zoo");
    let recipe = Recipe {
        seeds: 3,
        epochs: 5,
        ..Recipe::preset("mlp").unwrap()
    };
    let data = Dataset::mnist14().unwrap().take(200, 50);
    let trainer = Trainer::new(recipe, &data).backend(Backend::Ndarray);
    let store = trainer.store(&directory).train().unwrap();
    // Three networks, each with its initialisation and five epochs.
    assert_eq!(store.checkpoints().unwrap().len(), 18);
    let collection = Collection::options().read([&directory]);
    assert!(collection.problems.is_empty());
    assert!(collection.coverage().is_complete());
    assert_eq!(collection.groups.len(), 1);
    assert_eq!(collection.groups[0].members.len(), 18);
}
