//! What was matched so far, and what is still free.

use super::names::{Free, Rule, parts};
use super::recipe::Recipe;
use super::side::Side;
use crate::error::{Error, Result};
use checkpoint_store::TensorShape;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// By what a tensor was matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The same name.
    Name,
    /// The same name but for what stands before it.
    Prefix,
    /// The same name but for the part of the model that it stands in.
    Renamed,
    /// A file says so.
    File,
    /// By their names, one of them is several of the other.
    Parts,
    /// One checkpoint stores it once, and the other twice.
    Tied,
    /// By their values.
    Values,
    /// The tensor beside it was matched.
    Beside,
    /// By shape and order alone.
    Place,
}

/// A tensor of A, and what it is in B.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair {
    /// Its place in A.
    pub(crate) a: usize,
    /// How it is made of B's.
    pub(crate) b: Recipe,
    /// Rows that are compared, if not all are.
    pub(crate) rows: Option<u64>,
    pub(crate) how: How,
}

/// Two checkpoints while they are matched.
pub(super) struct State<'a> {
    a: &'a dyn Side,
    b: &'a dyn Side,
    free_a: BTreeSet<usize>,
    free_b: BTreeSet<usize>,
    pub(super) pairs: Vec<Pair>,
    pub(super) rules: Vec<Rule>,
    /// Of one name and unlike shapes: places in A and B.
    pub(super) reshaped: Vec<(usize, usize)>,
    pub(super) ambiguous_a: Vec<usize>,
    pub(super) ambiguous_b: Vec<usize>,
}

impl<'a> State<'a> {
    pub(super) fn new(a: &'a dyn Side, b: &'a dyn Side) -> Self {
        Self {
            a,
            b,
            free_a: (0..a.tensors().len()).collect(),
            free_b: (0..b.tensors().len()).collect(),
            pairs: Vec::new(),
            rules: Vec::new(),
            reshaped: Vec::new(),
            ambiguous_a: Vec::new(),
            ambiguous_b: Vec::new(),
        }
    }

    pub(super) fn tensors_a(&self) -> &'a [TensorShape] {
        self.a.tensors()
    }

    pub(super) fn tensors_b(&self) -> &'a [TensorShape] {
        self.b.tensors()
    }

    pub(super) fn free_a(&self) -> Free<'a> {
        Free {
            tensors: self.a.tensors(),
            places: self.free_a.iter().copied().collect(),
        }
    }

    pub(super) fn free_b(&self) -> Free<'a> {
        Free {
            tensors: self.b.tensors(),
            places: self.free_b.iter().copied().collect(),
        }
    }

    pub(super) fn is_free_a(&self, place: usize) -> bool {
        self.free_a.contains(&place)
    }

    pub(super) fn is_free_b(&self, place: usize) -> bool {
        self.free_b.contains(&place)
    }

    /// Whether values can be looked at.
    pub(super) fn has_values(&self) -> bool {
        self.a.has_values() && self.b.has_values()
    }

    pub(super) fn name_a(&self, place: usize) -> &'a str {
        let tensor = self.a.tensors().get(place);
        tensor.map_or("", |tensor| tensor.name.as_str())
    }

    pub(super) fn name_b(&self, place: usize) -> &'a str {
        let tensor = self.b.tensors().get(place);
        tensor.map_or("", |tensor| tensor.name.as_str())
    }

    pub(super) fn shape_a(&self, place: usize) -> &'a [u64] {
        let tensor = self.a.tensors().get(place);
        tensor.map_or(&[], |tensor| tensor.shape.as_slice())
    }

    pub(super) fn shape_b(&self, place: usize) -> &'a [u64] {
        let tensor = self.b.tensors().get(place);
        tensor.map_or(&[], |tensor| tensor.shape.as_slice())
    }

    /// # Errors
    /// When they cannot be read.
    pub(super) fn values_a(&self, place: usize) -> Result<Cow<'a, [f32]>> {
        check(self.a.values(place)?, self.shape_a(place), place)
    }

    /// # Errors
    /// When they cannot be read.
    pub(super) fn values_b(&self, place: usize) -> Result<Cow<'a, [f32]>> {
        check(self.b.values(place)?, self.shape_b(place), place)
    }

    /// What a recipe makes of B's tensors.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn made_of_b(&self, recipe: &Recipe) -> Result<Cow<'a, [f32]>> {
        recipe.make(self.b.tensors(), &|place| self.values_b(place))
    }

    /// Notes that a tensor of A is this in B.
    pub(super) fn pair(&mut self, a: usize, b: Recipe, how: How) {
        self.pair_rows(a, b, None, how);
    }

    /// As [`pair`](Self::pair), of so many rows.
    pub(super) fn pair_rows(&mut self, a: usize, b: Recipe, rows: Option<u64>, how: How) {
        self.free_a.remove(&a);
        for tensor in b.tensors() {
            self.free_b.remove(&tensor);
        }
        self.pairs.push(Pair { a, b, rows, how });
    }

    /// Notes that two of one name have shapes that cannot be compared.
    pub(super) fn set_apart(&mut self, a: usize, b: usize) {
        self.free_a.remove(&a);
        self.free_b.remove(&b);
        self.reshaped.push((a, b));
    }

    /// Sets a tensor of A aside.
    pub(super) fn take_a(&mut self, a: usize) {
        self.free_a.remove(&a);
    }

    /// Sets a tensor of B aside.
    pub(super) fn take_b(&mut self, b: usize) {
        self.free_b.remove(&b);
    }

    /// Makes a tensor of A free again.
    pub(super) fn give_back_a(&mut self, a: usize) {
        self.free_a.insert(a);
    }

    /// Makes a tensor of B free again.
    pub(super) fn give_back_b(&mut self, b: usize) {
        self.free_b.insert(b);
    }

    /// What parts of the model are called in the other, as the pairs show it.
    pub(super) fn parents(&self) -> Parents {
        let names = self.pairs.iter().filter_map(|pair| {
            let other = pair.b.only()?;
            Some((self.name_a(pair.a), self.name_b(other)))
        });
        Parents::of(names)
    }
}

fn check<'a>(values: Cow<'a, [f32]>, shape: &[u64], place: usize) -> Result<Cow<'a, [f32]>> {
    if values.len() as u64 == super::names::size(shape) {
        Ok(values)
    } else {
        Err(Error::NoSuchTensor { index: place })
    }
}

/// What parts of a model are called in another checkpoint of it.
#[derive(Debug, Default)]
pub(crate) struct Parents {
    to_b: BTreeMap<String, Option<String>>,
    to_a: BTreeMap<String, Option<String>>,
}

impl Parents {
    /// From names of the same tensors in both.
    pub(super) fn of<'a>(names: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut parents = Self::default();
        for (a, b) in names {
            let (mut own, mut other) = (parts(a), parts(b));
            for _ in 0..3 {
                own.pop();
                other.pop();
                if own.is_empty() && other.is_empty() {
                    break;
                }
                let (own, other) = (own.join("."), other.join("."));
                note(&mut parents.to_b, &own, &other);
                note(&mut parents.to_a, &other, &own);
            }
        }
        parents
    }

    /// The name in B of a part of A, if all pairs agree on it.
    pub(super) fn to_b(&self, part: &str) -> Option<String> {
        self.to_b.get(&part.replace('/', "."))?.clone()
    }

    /// The name in A of a part of B, if all pairs agree on it.
    pub(super) fn to_a(&self, part: &str) -> Option<String> {
        self.to_a.get(&part.replace('/', "."))?.clone()
    }
}

/// One that is called two ways is called none.
fn note(known: &mut BTreeMap<String, Option<String>>, part: &str, name: &str) {
    let entry = known.entry(part.to_owned());
    let entry = entry.or_insert_with(|| Some(name.to_owned()));
    if entry.as_deref().is_some_and(|known| known != name) {
        *entry = None;
    }
}
