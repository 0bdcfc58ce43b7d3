//! Checkpoints in a collection as they would be with the names, shapes and tensors of others.

use super::matched::Mapping;
use super::recipe::{Recipe, whole};
use super::ties::Tie;
use crate::collection::{Single, Stored};
use crate::error::{Error, Result};
use crate::source::TensorSource;
use checkpoint_store::TensorShape;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// How checkpoints with tensors of their own show those of a group.
#[derive(Debug)]
pub(crate) struct View {
    /// What they store.
    own: Vec<TensorShape>,
    /// What they show.
    layout: Vec<TensorShape>,
    recipes: Vec<Recipe>,
    /// Tensors that they store and do not show, or not all of, by place.
    beside: Vec<usize>,
    /// Of these, those that are another tensor again, if a checkpoint stores them so.
    ties: Vec<Tie>,
    /// Names of what they show, by the names of what they store, where that is the same values.
    names: HashMap<String, String>,
    /// Names of what could not be read, if they are known.
    mapping: Option<Mapping>,
}

impl View {
    /// What B shows of A: the tensors at these places among the pairs, so many rows of each.
    pub(crate) fn of_b(
        own: &[TensorShape],
        a: &[TensorShape],
        mapping: Mapping,
        shown: &[(usize, Option<u64>)],
    ) -> Self {
        let pairs: BTreeMap<usize, &Recipe> =
            mapping.pairs.iter().map(|pair| (pair.a, &pair.b)).collect();
        let recipes = shown.iter().filter_map(|&(place, rows)| {
            let recipe = pairs.get(&place).copied()?.clone();
            Some((place, cut(recipe, a.get(place)?, rows), rows))
        });
        let recipes: Vec<(usize, Recipe, Option<u64>)> = recipes.collect();
        let ties = mapping.tied_b.clone();
        let rows: HashMap<usize, Option<u64>> = shown.iter().copied().collect();
        // Of each tensor that some pair is made of, whether all of it is shown.
        let mut whole: HashMap<usize, bool> = HashMap::new();
        for pair in &mapping.pairs {
            let rows = rows.get(&pair.a);
            for tensor in pair.b.tensors() {
                let is_all = rows.is_some_and(|rows| rows.is_none() || is_all(own, tensor, *rows));
                *whole.entry(tensor).or_insert(true) &= is_all;
            }
        }
        let is_shown = |tensor: usize| whole.get(&tensor).is_some_and(|whole| *whole);
        let beside = (0..own.len()).filter(|&tensor| !is_shown(tensor)).collect();
        Self::new(own, a, recipes, (beside, ties), Some(mapping))
    }

    /// What A shows: the tensors at these places, so many rows of each.
    pub(crate) fn of_a(own: &[TensorShape], shown: &[(usize, Option<u64>)]) -> Self {
        let recipes = shown.iter().filter_map(|&(place, rows)| {
            let recipe = Recipe::whole(place);
            Some((place, cut(recipe, own.get(place)?, rows), rows))
        });
        let recipes = recipes.collect();
        let rows: HashMap<usize, Option<u64>> = shown.iter().copied().collect();
        let is_shown = |tensor: usize| {
            let rows = rows.get(&tensor);
            rows.is_some_and(|rows| rows.is_none() || is_all(own, tensor, *rows))
        };
        let beside = (0..own.len()).filter(|&tensor| !is_shown(tensor)).collect();
        Self::new(own, own, recipes, (beside, Vec::new()), None)
    }

    fn new(
        own: &[TensorShape],
        shown: &[TensorShape],
        recipes: Vec<(usize, Recipe, Option<u64>)>,
        (beside, ties): (Vec<usize>, Vec<Tie>),
        mapping: Option<Mapping>,
    ) -> Self {
        let mut layout = Vec::with_capacity(recipes.len());
        let mut names = HashMap::new();
        for (place, recipe, rows) in &recipes {
            let Some(tensor) = shown.get(*place) else {
                continue;
            };
            let mut tensor = tensor.clone();
            if let (Some(rows), Some(side)) = (rows, tensor.shape.first_mut()) {
                *side = *rows;
            }
            if let Some(stored) = recipe.as_stored().and_then(|stored| own.get(stored)) {
                names.insert(stored.name.clone(), tensor.name.clone());
            }
            layout.push(tensor);
        }
        Self {
            own: own.to_vec(),
            layout,
            recipes: recipes.into_iter().map(|(_, recipe, _)| recipe).collect(),
            beside,
            ties,
            names,
            mapping,
        }
    }

    /// What the checkpoints store.
    pub(crate) fn own(&self) -> &[TensorShape] {
        &self.own
    }

    /// What they show.
    pub(crate) fn layout(&self) -> &[TensorShape] {
        &self.layout
    }

    /// Tensors that are stored and not shown, or not all of.
    pub(crate) fn beside(&self) -> impl Iterator<Item = (usize, &TensorShape)> {
        let places = self.beside.iter();
        places.filter_map(|&place| Some((place, self.own.get(place)?)))
    }

    /// The tensor that this one is again, if the checkpoint stores it so.
    pub(crate) fn tie(&self, tensor: usize) -> Option<usize> {
        let mut ties = self.ties.iter();
        ties.find(|(tied, _)| *tied == tensor)
            .map(|(_, same)| *same)
    }

    /// Streams a tensor that is shown.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read(
        &self,
        index: usize,
        source: &dyn TensorSource,
        sink: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        let recipe = self.recipes.get(index);
        let recipe = recipe.ok_or(Error::NoSuchTensor { index })?;
        recipe.read(source, sink)
    }

    /// Streams the values at these places of a tensor that is shown.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn read_range(
        &self,
        index: usize,
        source: &dyn TensorSource,
        range: Range<u64>,
        sink: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        let recipe = self.recipes.get(index);
        let recipe = recipe.ok_or(Error::NoSuchTensor { index })?;
        recipe.read_range(source, range, sink)
    }

    /// The tensors that a checkpoint shows, in memory.
    ///
    /// # Errors
    /// When it does not store what it should, or cannot be read.
    pub(crate) fn shown(&self, single: &Single) -> Result<Vec<Vec<f32>>> {
        let names = single.names().into_iter().enumerate();
        let known: HashMap<&str, usize> = names.map(|(place, name)| (name, place)).collect();
        let values = |place: usize| {
            let tensor = self.own.get(place);
            let stored = tensor.and_then(|tensor| known.get(tensor.name.as_str()));
            single.all_values(*stored.ok_or(Error::NoSuchTensor { index: place })?)
        };
        let recipes = self.recipes.iter();
        recipes
            .map(|recipe| Ok(recipe.make(&self.own, &values)?.into_owned()))
            .collect()
    }

    /// What f32 does not show of them, under the names that they show. Of a tensor that is shown in
    /// another way than it is stored nobody knows it.
    pub(crate) fn stored(&self, stored: BTreeMap<String, Stored>) -> BTreeMap<String, Stored> {
        let stored = stored.into_iter().map(|(name, stored)| {
            if stored.is_unread {
                let mapped = self.mapping.as_ref().and_then(|m| m.name_in_a(&name));
                return (mapped.unwrap_or(name), stored);
            }
            match self.names.get(&name) {
                Some(shown) => (shown.clone(), stored),
                None => (
                    name,
                    Stored {
                        hash: None,
                        ..stored
                    },
                ),
            }
        });
        stored.collect()
    }
}

/// So many rows of what a recipe makes; all where it makes no more.
fn cut(recipe: Recipe, shown: &TensorShape, rows: Option<u64>) -> Recipe {
    match rows {
        Some(rows) if recipe.as_stored().is_some() && shown.shape.first() != Some(&rows) => {
            recipe.first_rows(rows)
        }
        _ => recipe,
    }
}

/// Whether so many rows are all that a tensor has.
fn is_all(tensors: &[TensorShape], tensor: usize, rows: Option<u64>) -> bool {
    let tensor = tensors.get(tensor);
    tensor.and_then(|tensor| tensor.shape.first().copied()) == rows
}

/// Hash of the values of a stored tensor.
///
/// # Errors
/// When they cannot be read.
pub(crate) fn hash_of(source: &dyn TensorSource, tensor: usize) -> Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    let mut bytes = Vec::new();
    source.read(tensor, &mut |values| {
        bytes.clear();
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        hasher.update(&bytes);
    })?;
    Ok(hasher.finalize())
}

/// One of several checkpoints that are stored alike, whose values are read only if they are needed.
pub(crate) struct Representative<'a> {
    tensors: &'a [TensorShape],
    open: Box<dyn Fn() -> Result<Box<dyn TensorSource + 'a>> + 'a>,
    opened: std::cell::OnceCell<Box<dyn TensorSource + 'a>>,
    has_values: bool,
}

impl<'a> Representative<'a> {
    /// Opens it at the first look at a value.
    pub(crate) fn new(
        tensors: &'a [TensorShape],
        has_values: bool,
        open: impl Fn() -> Result<Box<dyn TensorSource + 'a>> + 'a,
    ) -> Self {
        Self {
            tensors,
            open: Box::new(open),
            opened: std::cell::OnceCell::new(),
            has_values,
        }
    }
}

impl super::Side for Representative<'_> {
    fn tensors(&self) -> &[TensorShape] {
        self.tensors
    }

    fn values(&self, place: usize) -> Result<Cow<'_, [f32]>> {
        let source = match self.opened.get() {
            Some(source) => source,
            None => {
                let source = (self.open)()?;
                self.opened.get_or_init(|| source)
            }
        };
        whole(source.as_ref(), place).map(Cow::Owned)
    }

    fn has_values(&self) -> bool {
        self.has_values
    }

    fn is_in_memory(&self) -> bool {
        false
    }
}
