//! What was matched of two checkpoints.

use super::names::{Rule, natural, parent, size};
use super::recipe::Recipe;
use super::state::{How, Pair, Parents, State};
use super::ties::Tie;
use crate::coverage::NotCompared;
use checkpoint_store::TensorShape;
use std::collections::{BTreeMap, BTreeSet};

/// Least share of the weights of the larger of two checkpoints that both must have. With less in
/// common they are of different architectures, and no comparison of the rest speaks for the whole.
pub const LEAST_SHARE: f64 = 0.5;

/// What may be said of two checkpoints that nothing but shapes and order matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsupported {
    /// That they are different.
    Drop,
    /// Whether a test that needs no names finds a relation.
    Keep,
}

/// Which tensor of B is which of A.
#[derive(Debug, Default)]
pub(crate) struct Mapping {
    /// In the order of A.
    pub(crate) pairs: Vec<Pair>,
    /// Places of tensors that only one has.
    pub(crate) only_a: Vec<usize>,
    pub(crate) only_b: Vec<usize>,
    /// Of one name and unlike shapes.
    pub(crate) reshaped: Vec<(usize, usize)>,
    /// What could be matched in several ways.
    pub(crate) ambiguous_a: Vec<usize>,
    pub(crate) ambiguous_b: Vec<usize>,
    /// Tensors of B that are another of its own again, which was matched.
    pub(crate) tied_b: Vec<Tie>,
    pub(crate) rules: Vec<Rule>,
    /// Places in A of tensors whose values are those of B in another order of their numbers.
    pub(crate) reordered: Vec<usize>,
    parents: Parents,
    /// Weights in all, and of them those that are compared.
    weights_a: (u64, u64),
    weights_b: (u64, u64),
}

impl Mapping {
    pub(super) fn of(mut state: State<'_>, tied_b: Vec<Tie>, unsupported: Unsupported) -> Self {
        let is_support = |pair: &Pair| {
            matches!(
                pair.how,
                How::Name | How::Prefix | How::Renamed | How::File | How::Values
            )
        };
        if unsupported == Unsupported::Drop && !state.pairs.iter().any(is_support) {
            for pair in std::mem::take(&mut state.pairs) {
                state.give_back_a(pair.a);
                pair.b
                    .tensors()
                    .into_iter()
                    .for_each(|b| state.give_back_b(b));
            }
            state.rules.clear();
            state.ambiguous_a.clear();
            state.ambiguous_b.clear();
        }
        // Where all names are the same, so are those of the parts.
        let has_other_names = state.pairs.iter().any(|pair| pair.how != How::Name);
        let parents = if has_other_names {
            state.parents()
        } else {
            Default::default()
        };
        let mut pairs = std::mem::take(&mut state.pairs);
        pairs.sort_by_key(|pair| pair.a);
        let (a, b) = (state.tensors_a(), state.tensors_b());
        let free = |places: Vec<usize>, ambiguous: &[usize]| -> Vec<usize> {
            let known: BTreeSet<&usize> = ambiguous.iter().collect();
            let places = places.into_iter();
            places.filter(|place| !known.contains(place)).collect()
        };
        let sizes = |tensors: &[TensorShape]| -> u64 {
            tensors
                .iter()
                .fold(0, |all: u64, t| all.saturating_add(size(&t.shape)))
        };
        let compared_a = pairs.iter().map(|pair| compared(a, pair.a, pair.rows));
        let mut used: BTreeMap<usize, u64> = BTreeMap::new();
        for pair in &pairs {
            for tensor in pair.b.tensors() {
                let rows = pair.rows.filter(|_| pair.b.only().is_some());
                used.insert(tensor, compared(b, tensor, rows));
            }
        }
        for (tensor, _) in &tied_b {
            used.insert(*tensor, compared(b, *tensor, None));
        }
        Self {
            only_a: free(state.free_a().places, &state.ambiguous_a),
            only_b: free(state.free_b().places, &state.ambiguous_b),
            weights_a: (sizes(a), compared_a.fold(0, u64::saturating_add)),
            weights_b: (sizes(b), used.into_values().fold(0, u64::saturating_add)),
            reshaped: state.reshaped,
            ambiguous_a: state.ambiguous_a,
            ambiguous_b: state.ambiguous_b,
            rules: state.rules,
            reordered: reordered(&pairs, a, b),
            parents,
            tied_b,
            pairs,
        }
    }

    /// Share of the weights of the one with less in common that are compared.
    pub(crate) fn share(&self) -> f64 {
        let share = |(all, compared): (u64, u64)| compared as f64 / all.max(1) as f64;
        share(self.weights_a).min(share(self.weights_b))
    }

    /// Share of A's weights that are compared.
    pub(crate) fn share_of_a(&self) -> f64 {
        self.weights_a.1 as f64 / self.weights_a.0.max(1) as f64
    }

    /// Whether everything of both is compared.
    pub(crate) fn is_whole(&self) -> bool {
        self.only_a.is_empty()
            && self.only_b.is_empty()
            && self.reshaped.is_empty()
            && !self.is_ambiguous()
            && self.pairs.iter().all(|pair| pair.rows.is_none())
    }

    /// Whether some tensors could be matched in several ways.
    pub(crate) fn is_ambiguous(&self) -> bool {
        !self.ambiguous_a.is_empty() || !self.ambiguous_b.is_empty()
    }

    /// Whether some tensors have other names in B, or are stored in another way.
    pub(crate) fn is_renamed(&self) -> bool {
        let is_other = |pair: &Pair| {
            pair.how != How::Name || pair.rows.is_some() || pair.b.as_stored().is_none()
        };
        self.pairs.iter().any(is_other)
    }

    /// What is not compared of two checkpoints of these names.
    pub(crate) fn not_compared(
        &self,
        (name_a, a): (&str, &[TensorShape]),
        (name_b, b): (&str, &[TensorShape]),
    ) -> Vec<NotCompared> {
        let one = |name: &str, tensors: &[TensorShape], place: usize, why| {
            let tensor = tensors.get(place)?;
            Some(NotCompared {
                tensor: tensor.name.clone(),
                weights: size(&tensor.shape),
                checkpoints: 1,
                example: name.to_owned(),
                why,
                was_read: true,
            })
        };
        let of_a = |place: &usize, why| one(name_a, a, *place, why);
        let of_b = |place: &usize, why| one(name_b, b, *place, why);
        const MISSING: &str = "the other one does not have it";
        const RESHAPED: &str = "the other one has it in another shape";
        const UNSURE: &str = "it could be several of the other one";
        const ROWS: &str = "the other one has fewer rows";
        let mut all: Vec<NotCompared> = Vec::new();
        all.extend(self.only_a.iter().filter_map(|place| of_a(place, MISSING)));
        all.extend(self.only_b.iter().filter_map(|place| of_b(place, MISSING)));
        for (own, other) in &self.reshaped {
            all.extend(of_a(own, RESHAPED));
            all.extend(of_b(other, RESHAPED));
        }
        all.extend(
            self.ambiguous_a
                .iter()
                .filter_map(|place| of_a(place, UNSURE)),
        );
        all.extend(
            self.ambiguous_b
                .iter()
                .filter_map(|place| of_b(place, UNSURE)),
        );
        let mut cut = BTreeSet::new();
        for pair in self.pairs.iter().filter(|pair| pair.rows.is_some()) {
            let sides = [
                (Some(pair.a), name_a, a, true),
                (pair.b.only(), name_b, b, false),
            ];
            for (place, name, tensors, is_a) in sides {
                let Some(place) = place.filter(|place| cut.insert((is_a, *place))) else {
                    continue;
                };
                let all_of_it = compared(tensors, place, None);
                let weights = all_of_it.saturating_sub(compared(tensors, place, pair.rows));
                let rest = one(name, tensors, place, ROWS).filter(|_| weights > 0);
                all.extend(rest.map(|rest| NotCompared { weights, ..rest }));
            }
        }
        all
    }

    /// What is compared: names of A, and shapes.
    pub(crate) fn layout(&self, a: &[TensorShape]) -> Vec<TensorShape> {
        let tensors = self.pairs.iter().filter_map(|pair| {
            let mut tensor = a.get(pair.a)?.clone();
            if let (Some(rows), Some(side)) = (pair.rows, tensor.shape.first_mut()) {
                *side = rows;
            }
            Some(tensor)
        });
        tensors.collect()
    }

    /// How what is compared is made of A's tensors.
    pub(crate) fn recipes_a(&self) -> impl Iterator<Item = Recipe> + '_ {
        self.pairs.iter().map(|pair| {
            let recipe = Recipe::whole(pair.a);
            match pair.rows {
                Some(rows) => recipe.first_rows(rows),
                None => recipe,
            }
        })
    }

    /// The name in A of something in B that is no weight, or could not be read: as the weights beside
    /// it are called.
    pub(crate) fn name_in_a(&self, name: &str) -> Option<String> {
        if let Some(to) = self.parents.to_a(parent(name)) {
            let last = name.rsplit(['.', '/']).next().unwrap_or(name);
            return Some(if to.is_empty() {
                last.to_owned()
            } else {
                format!("{to}.{last}")
            });
        }
        self.rules.iter().find_map(|rule| rule.to_a(name))
    }
}

/// The tensors that values match, and that are called by one pattern in each, as `fc1` and `fc2`, if
/// their numbers do not rise together.
fn reordered(pairs: &[Pair], a: &[TensorShape], b: &[TensorShape]) -> Vec<usize> {
    type Numbered = Vec<(Vec<u64>, Vec<u64>, usize)>;
    let mut patterns: BTreeMap<(String, String), Numbered> = BTreeMap::new();
    for pair in pairs
        .iter()
        .filter(|pair| matches!(pair.how, How::Values | How::Beside))
    {
        let names = a
            .get(pair.a)
            .zip(pair.b.only().and_then(|b_place| b.get(b_place)));
        let Some((own, other)) = names else {
            continue;
        };
        let ((own, own_numbers), (other, numbers)) = (natural(&own.name), natural(&other.name));
        if !own_numbers.is_empty() && !numbers.is_empty() {
            let entry = patterns.entry((own, other)).or_default();
            entry.push((own_numbers, numbers, pair.a));
        }
    }
    let mut found = Vec::new();
    for mut numbered in patterns.into_values() {
        numbered.sort();
        if !numbered.is_sorted_by(|one, next| one.1 <= next.1) {
            found.extend(numbered.into_iter().map(|(_, _, place)| place));
        }
    }
    found.sort_unstable();
    found
}

/// Weights of so many rows of a tensor, or of all.
fn compared(tensors: &[TensorShape], place: usize, rows: Option<u64>) -> u64 {
    let shape = tensors.get(place).map_or(&[][..], |tensor| &tensor.shape);
    match (rows, shape) {
        (Some(rows), [_, rest @ ..]) => rows.saturating_mul(size(rest)),
        _ => size(shape),
    }
}
