//! Many models of one recipe, trained side by side.

use crate::{Error, Recipe};

/// M models of one recipe: their weights and velocities, one column each.
///
/// To let models go on in another way, change the fields between two epochs: the recipe's
/// hyperparameters, the seeds (the next epochs are then shuffled by the new ones), the velocity
/// (zeros, as after a lost optimiser state), or the data set that the engine is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    /// How they are trained.
    pub recipe: Recipe,
    /// Seed of each model.
    pub seeds: Vec<u64>,
    /// Epochs that lie behind them.
    pub epoch: u32,
    /// Parameters x models, column after column.
    pub weights: Vec<f32>,
    /// SGD's momentum buffer, in the shape of the weights.
    pub velocity: Vec<f32>,
}

impl Population {
    /// The models of all seeds of the recipe, before their first step.
    ///
    /// # Errors
    /// [`Error::Recipe`] when the recipe is not valid.
    pub fn initial(recipe: &Recipe) -> Result<Self, Error> {
        recipe.validate()?;
        Ok(Self::of_seeds(recipe, recipe.seed_range().collect()))
    }

    /// The models of the given seeds, before their first step.
    pub fn of_seeds(recipe: &Recipe, seeds: Vec<u64>) -> Self {
        let initial = |&seed| {
            let seed = recipe.initial_seed.unwrap_or(seed);
            recipe.architecture.initial_weights(seed)
        };
        let weights: Vec<f32> = seeds.iter().flat_map(initial).collect();
        Self {
            recipe: recipe.clone(),
            seeds,
            epoch: 0,
            velocity: vec![0.0; weights.len()],
            weights,
        }
    }

    /// A population that trained before, from its saved state.
    ///
    /// # Errors
    /// [`Error::Recipe`] when the recipe is not valid, [`Error::Shape`] when weights or velocity
    /// have another size than recipe and seeds demand.
    pub fn resumed(
        recipe: &Recipe,
        seeds: Vec<u64>,
        epoch: u32,
        weights: Vec<f32>,
        velocity: Vec<f32>,
    ) -> Result<Self, Error> {
        recipe.validate()?;
        let expected = seeds.len() * recipe.architecture.parameters();
        for (what, found) in [("weights", weights.len()), ("velocity", velocity.len())] {
            if found != expected {
                let recipe = recipe.name.clone();
                return Err(Error::Shape {
                    recipe,
                    models: seeds.len(),
                    what,
                    expected,
                    found,
                });
            }
        }
        Ok(Self {
            recipe: recipe.clone(),
            seeds,
            epoch,
            weights,
            velocity,
        })
    }

    /// Number of models.
    pub fn models(&self) -> usize {
        self.seeds.len()
    }

    /// Parameters of one model.
    pub fn parameters(&self) -> usize {
        self.recipe.architecture.parameters()
    }

    /// The weights of one model.
    pub fn model(&self, index: usize) -> &[f32] {
        &self.weights[index * self.parameters()..][..self.parameters()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_initial_weights_do_not_depend_on_its_neighbours() {
        let recipe = Recipe {
            seeds: 5,
            ..Recipe::preset("cnn").unwrap()
        };
        let together = Population::initial(&recipe).unwrap();
        let alone = Population::of_seeds(&recipe, vec![3]);
        assert_eq!(together.model(3), alone.model(0));
        assert_ne!(together.model(2), alone.model(0));
    }

    #[test]
    fn models_that_share_initial_weights_part_by_their_shuffles() {
        use crate::Engine;
        let recipe = Recipe {
            initial_seed: Some(9),
            ..Recipe::preset("mlp").unwrap()
        };
        let mut shared = Population::of_seeds(&recipe, vec![0, 1]);
        assert_eq!(shared.model(0), recipe.architecture.initial_weights(9));
        assert_eq!(shared.model(0), shared.model(1));
        let data = crate::Dataset::mnist14().unwrap().take(120, 10);
        let engine = crate::fused::Fused::new();
        engine.train_epoch(&mut shared, &data, &|_| ()).unwrap();
        assert_ne!(shared.model(0), shared.model(1));
    }

    #[test]
    fn a_state_of_another_shape_is_refused() {
        let recipe = Recipe::preset("mlp").unwrap();
        let short = Population::resumed(&recipe, vec![0], 1, vec![0.0; 2160], vec![0.0; 1376]);
        assert!(short.unwrap_err().to_string().contains("velocity"));
    }
}
