//! The recipes that are tried.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use zoo_training::{Inputs, Recipe};

/// In which order the models see the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Shuffles {
    /// Every model in an order of its own.
    Own,
    /// All models in the same order, another one every epoch.
    Shared,
}

/// A recipe, and what of a training no recipe says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Candidate {
    pub(super) recipe: Recipe,
    pub(super) shuffles: Shuffles,
    /// Whether the initial weights count as the first of the epochs, which ends one epoch earlier.
    pub(super) from_initial_weights: bool,
}

impl Candidate {
    pub(super) fn name(&self) -> &str {
        &self.recipe.name
    }
}

/// All of them, each a preset but for what its name says, with `seeds` models from `first_seed` on.
///
/// A loss that is summed in place of averaged is not among them: over k outputs or images it is the
/// averaged one with k times the rate and a k-th of the decay, and rate and decay are tried by
/// themselves.
pub(super) fn all(seeds: usize, first_seed: u64) -> Result<Vec<Candidate>> {
    let preset = |name: &str| {
        anyhow::Ok(Candidate {
            recipe: Recipe::preset(name)?,
            shuffles: Shuffles::Own,
            from_initial_weights: false,
        })
    };
    let (cnn, paper, mlp) = (preset("cnn")?, preset("cnn-paper")?, preset("mlp")?);
    let with = |from: &Candidate, name: &str, change: &dyn Fn(&mut Candidate)| {
        let mut candidate = from.clone();
        change(&mut candidate);
        candidate.recipe.name = format!("{}, {name}", from.name());
        candidate
    };
    let decayed = |name: &str, decay: f32, rate: f32| {
        with(&cnn, name, &|one| {
            (one.recipe.weight_decay, one.recipe.learning_rate) = (decay, rate);
        })
    };
    let variants = |from: &Candidate| {
        [
            with(from, "shared shuffles", &|one| {
                one.shuffles = Shuffles::Shared;
            }),
            with(from, "epochs from 0", &|one| {
                one.from_initial_weights = true
            }),
        ]
    };
    let mut all = vec![
        cnn.clone(),
        decayed("decay 1.5e-3", 1.5e-3, 3e-4),
        decayed("decay 3e-3", 3e-3, 3e-4),
        decayed("decay 4.5e-3", 4.5e-3, 3e-4),
        decayed("decay 4.5e-3, rate 1.5e-4", 4.5e-3, 1.5e-4),
        decayed("decay 4.5e-3, rate 6e-4", 4.5e-3, 6e-4),
        with(&cnn, "decay 4.5e-3, batch 8", &|one| {
            (one.recipe.weight_decay, one.recipe.batch_size) = (4.5e-3, 8);
        }),
        paper.clone(),
    ];
    all.extend(variants(&paper));
    all.push(mlp.clone());
    all.extend(variants(&mlp));
    all.push(with(&mlp, "standardised inputs", &|one| {
        one.recipe.inputs = Inputs::STANDARDISED;
    }));
    for one in &mut all {
        (one.recipe.seeds, one.recipe.first_seed) = (seeds, first_seed);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_candidate_can_be_trained_and_has_a_name_of_its_own() {
        let all = all(3, 250).unwrap();
        let names: std::collections::BTreeSet<_> = all.iter().map(Candidate::name).collect();
        assert_eq!(names.len(), all.len());
        for one in &all {
            one.recipe.validate().unwrap();
            assert_eq!((one.recipe.seeds, one.recipe.first_seed), (3, 250));
        }
    }
}
