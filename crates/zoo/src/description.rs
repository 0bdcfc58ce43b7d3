//! What determines a zoo's weights.

use crate::Error;
use checkpoint_store::{Store, TensorShape};
use serde::{Deserialize, Serialize};
use zoo_training::{Backend, Dataset, Recipe};

/// Everything that determines a zoo's weights, as its store records it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zoo {
    /// What trained it.
    pub backend: Backend,
    /// Name of the data set.
    pub dataset: String,
    /// BLAKE3 of its pixels and labels.
    pub dataset_blake3: String,
    /// How it was trained.
    pub recipe: Recipe,
}

impl Zoo {
    /// A zoo of this recipe on this data, which is hashed.
    pub(crate) fn new(recipe: Recipe, backend: Backend, data: &Dataset) -> Self {
        Self {
            backend,
            dataset: data.name.clone(),
            dataset_blake3: data.content_hash(),
            recipe,
        }
    }

    /// The zoo that a store holds.
    ///
    /// # Errors
    /// [`Error::NotAZoo`] when the store was not written by a zoo training.
    pub fn of(store: &Store) -> Result<Self, Error> {
        toml::from_str(store.recipe()).map_err(|source| Error::NotAZoo {
            path: store.directory().to_owned(),
            source: Box::new(source),
        })
    }

    /// Checkpoints of a finished training: every model before its first epoch and after each.
    pub fn checkpoints(&self) -> u64 {
        self.recipe.seeds as u64 * (u64::from(self.recipe.epochs) + 1)
    }

    pub(crate) fn to_toml(&self) -> String {
        format!(
            "backend = \"{}\"\ndataset = {}\ndataset_blake3 = \"{}\"\n\n[recipe]\n{}",
            self.backend.name(),
            toml::Value::from(self.dataset.as_str()),
            self.dataset_blake3,
            self.recipe.to_toml()
        )
    }

    pub(crate) fn layout(&self) -> Vec<TensorShape> {
        let tensors = self.recipe.architecture.layout().iter();
        tensors
            .map(|tensor| {
                let shape: Vec<u64> = tensor.shape.iter().map(|&side| side as u64).collect();
                TensorShape::new(tensor.name, shape)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_store_records_reads_back_as_it_was() {
        let data = Dataset {
            name: "a \"quoted\" name".to_owned(),
            ..Dataset::mnist14().unwrap().take(3, 1)
        };
        let zoo = Zoo::new(Recipe::preset("cnn").unwrap(), Backend::Flex, &data);
        assert_eq!(toml::from_str::<Zoo>(&zoo.to_toml()).unwrap(), zoo);
    }
}
