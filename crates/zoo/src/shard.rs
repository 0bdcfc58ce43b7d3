//! Parts of a zoo, for machines that train it together.

use crate::Error;
use std::ops::Range;
use std::str::FromStr;
use zoo_training::Recipe;

/// The models of a zoo that one process trains: part `number` of `parts`, counted from 1.
///
/// Parts are even but for one model, and need not know of each other: they may train at the same
/// time, into one directory or into several whose files are copied into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: usize,
    parts: usize,
}

impl Shard {
    /// All models.
    pub const WHOLE: Self = Self {
        number: 1,
        parts: 1,
    };

    /// The seeds of its models. None where there are more parts than models.
    pub(crate) fn seeds(self, recipe: &Recipe) -> Range<u64> {
        let first = |part: usize| {
            let models = part as u128 * recipe.seeds as u128 / self.parts as u128;
            recipe.first_seed + models as u64
        };
        first(self.number - 1)..first(self.number)
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let numbers = text
            .split_once('/')
            .and_then(|(number, parts)| Some((number.parse().ok()?, parts.parse().ok()?)));
        match numbers {
            Some((number, parts)) if (1..=parts).contains(&number) => Ok(Self { number, parts }),
            _ => Err(Error::NoSuchShard {
                given: text.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_cover_every_model_once_and_differ_by_at_most_one() {
        let recipe = Recipe {
            seeds: 10,
            first_seed: 7,
            ..Recipe::preset_or_file("mlp").unwrap()
        };
        for parts in 1..=12 {
            let shards = (1..=parts).map(|number| Shard { number, parts }.seeds(&recipe));
            let shards: Vec<Range<u64>> = shards.collect();
            assert!(shards.iter().cloned().flatten().eq(7..17));
            let sizes = shards.iter().map(|seeds| seeds.end - seeds.start);
            assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
        }
    }

    #[test]
    fn what_is_no_part_of_a_whole_is_refused() {
        assert_eq!("1/1".parse::<Shard>().unwrap(), Shard::WHOLE);
        for text in ["", "1", "0/4", "5/4", "a/b", "1/0", "-1/4", "1/4/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
