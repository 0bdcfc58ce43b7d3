//! Free tensors of both checkpoints that could be each other by their shapes, with what their values
//! look like.

use super::axes::{self, Order};
use super::matched::LEAST_SHARE;
use super::names::{natural, size};
use super::prints::Print;
use super::recipe::Recipe;
use super::state::{How, State};
use crate::error::Result;
use checkpoint_store::TensorShape;
use std::collections::{BTreeMap, HashSet};

/// A tensor of A that is still free.
pub(super) struct Own {
    pub(super) place: usize,
    /// Which of the shapes of its class.
    pub(super) shape: usize,
    pub(super) print: Print,
}

/// A tensor of B that is still free, in every order of axes that gives it a shape of A's.
pub(super) struct Other {
    pub(super) place: usize,
    pub(super) variants: Vec<(usize, Option<Order>, Print)>,
}

/// Tensors that have one shape but for the order of the axes.
pub(super) struct Class {
    pub(super) own: Vec<Own>,
    pub(super) others: Vec<Other>,
}

/// Sides but those of 1, sorted: the same for tensors that could be each other.
fn class_of(shape: &[u64]) -> Vec<u64> {
    let mut sides: Vec<u64> = shape.iter().copied().filter(|&side| side != 1).collect();
    sides.sort_unstable();
    sides
}

/// Whether shapes allow that enough of both is matched, so that values are worth reading.
pub(super) fn is_worth_reading(state: &State<'_>) -> bool {
    let mut free: BTreeMap<Vec<u64>, (u64, u64)> = BTreeMap::new();
    for (_, tensor) in state.free_a().iter() {
        let all = &mut free.entry(class_of(&tensor.shape)).or_default().0;
        *all = all.saturating_add(size(&tensor.shape));
    }
    for (_, tensor) in state.free_b().iter() {
        let all = &mut free.entry(class_of(&tensor.shape)).or_default().1;
        *all = all.saturating_add(size(&tensor.shape));
    }
    let at_best = free.values().map(|(own, other)| (*own).min(*other));
    let at_best = at_best.fold(0, u64::saturating_add);
    let sizes = |tensors: &[TensorShape]| {
        let sizes = tensors.iter().map(|tensor| size(&tensor.shape));
        sizes.fold(0, u64::saturating_add)
    };
    let (a, b) = (state.tensors_a(), state.tensors_b());
    let matched = state.pairs.iter().map(|pair| size(state.shape_a(pair.a)));
    let matched = matched.fold(0, u64::saturating_add);
    let most = sizes(a).max(sizes(b));
    matched.saturating_add(at_best) as f64 >= LEAST_SHARE * most as f64
}

/// The classes that both have free tensors in.
///
/// # Errors
/// When values cannot be read.
pub(super) fn classes(state: &State<'_>) -> Result<Vec<Class>> {
    type Places = (Vec<usize>, Vec<usize>);
    let mut places: BTreeMap<Vec<u64>, Places> = BTreeMap::new();
    for (place, tensor) in state.free_a().iter() {
        let class = places.entry(class_of(&tensor.shape)).or_default();
        class.0.push(place);
    }
    for (place, tensor) in state.free_b().iter() {
        let class = places.entry(class_of(&tensor.shape)).or_default();
        class.1.push(place);
    }
    let mut classes = Vec::new();
    for (mut own, mut others) in places.into_values() {
        if own.is_empty() || others.is_empty() {
            continue;
        }
        own.sort_by_cached_key(|&place| natural(state.name_a(place)));
        others.sort_by_cached_key(|&place| natural(state.name_b(place)));
        classes.push(class(state, &own, &others)?);
    }
    Ok(classes)
}

fn class(state: &State<'_>, own: &[usize], others: &[usize]) -> Result<Class> {
    let mut shapes: Vec<&[u64]> = Vec::new();
    let mut ours = Vec::with_capacity(own.len());
    for &place in own {
        let shape = state.shape_a(place);
        let index = shapes.iter().position(|known| *known == shape);
        let index = index.unwrap_or_else(|| {
            shapes.push(shape);
            shapes.len() - 1
        });
        let print = Print::of(&state.values_a(place)?);
        ours.push(Own {
            place,
            shape: index,
            print,
        });
    }
    let mut theirs = Vec::with_capacity(others.len());
    for &place in others {
        let stored = state.shape_b(place);
        let values = state.values_b(place)?;
        let mut variants = Vec::new();
        for (index, wanted) in shapes.iter().enumerate() {
            if axes::is_alike(stored, wanted) {
                variants.push((index, None, Print::of(&values)));
            }
            for order in axes::orders(stored, wanted) {
                let turned = axes::turned(&values, stored, order);
                variants.push((index, Some(order), Print::of(&turned)));
            }
        }
        theirs.push(Other { place, variants });
    }
    Ok(Class {
        own: ours,
        others: theirs,
    })
}

impl Class {
    /// How far two are apart, in the best order of axes; none if no order gives the shape.
    pub(super) fn apart(&self, own: &Own, other: &Other) -> Option<(f64, Option<Order>)> {
        let variants = other.variants.iter();
        variants
            .filter(|(shape, _, _)| *shape == own.shape)
            .map(|(_, order, print)| (own.print.apart(print), *order))
            .min_by(|a, b| a.0.total_cmp(&b.0))
    }

    /// How far each is apart from each other.
    pub(super) fn distances(&self) -> Vec<Vec<(f64, Option<Order>)>> {
        let row = |own: &Own| {
            let others = self.others.iter();
            let apart = others.map(|other| self.apart(own, other));
            apart
                .map(|apart| apart.unwrap_or((f64::INFINITY, None)))
                .collect()
        };
        self.own.iter().map(row).collect()
    }

    /// Takes what was matched out of the class.
    pub(super) fn settle(
        &mut self,
        matched: &[(usize, usize, Option<Order>, How)],
        state: &mut State<'_>,
    ) {
        if matched.is_empty() {
            return;
        }
        let mut own: HashSet<usize> = self.own.iter().map(|one| one.place).collect();
        let mut others: HashSet<usize> = self.others.iter().map(|one| one.place).collect();
        for &(a, b, order, how) in matched {
            if own.contains(&a) && others.remove(&b) {
                own.remove(&a);
                state.pair(a, Recipe::ordered(b, order), how);
            }
        }
        self.own.retain(|one| own.contains(&one.place));
        self.others.retain(|one| others.contains(&one.place));
    }
}
