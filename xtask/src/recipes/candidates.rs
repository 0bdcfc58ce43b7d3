//! The recipes that are tried.

use anyhow::Result;
use zoo_training::Recipe;

/// All of them, each a preset but for what its name says, with `seeds` models from `first_seed` on.
pub(super) fn all(seeds: usize, first_seed: u64) -> Result<Vec<Recipe>> {
    let cnn = Recipe::preset("cnn")?;
    let with = |name: &str, change: &dyn Fn(&mut Recipe)| {
        let mut recipe = cnn.clone();
        change(&mut recipe);
        recipe.name = name.to_owned();
        recipe
    };
    let mut all = vec![
        cnn.clone(),
        with("cnn, decay 1.5e-3", &|one| one.weight_decay = 1.5e-3),
        with("cnn, decay 3e-3", &|one| one.weight_decay = 3e-3),
        with("cnn, decay 4.5e-3", &|one| one.weight_decay = 4.5e-3),
        with("cnn, decay 4.5e-3, rate 1.5e-4", &|one| {
            (one.weight_decay, one.learning_rate) = (4.5e-3, 1.5e-4);
        }),
        with("cnn, decay 4.5e-3, rate 6e-4", &|one| {
            (one.weight_decay, one.learning_rate) = (4.5e-3, 6e-4);
        }),
        with("cnn, decay 4.5e-3, batch 8", &|one| {
            (one.weight_decay, one.batch_size) = (4.5e-3, 8);
        }),
        Recipe::preset("cnn-paper")?,
        Recipe::preset("mlp")?,
    ];
    for recipe in &mut all {
        (recipe.seeds, recipe.first_seed) = (seeds, first_seed);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_candidate_can_be_trained_and_has_a_name_of_its_own() {
        let all = all(3, 250).unwrap();
        let names: std::collections::BTreeSet<_> = all.iter().map(|one| &one.name).collect();
        assert_eq!(names.len(), all.len());
        for recipe in &all {
            recipe.validate().unwrap();
            assert_eq!((recipe.seeds, recipe.first_seed), (3, 250));
        }
    }
}
