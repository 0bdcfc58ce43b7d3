//! Tensors of one name: the same shape, another order of axes, or rows that were added.

use super::axes;
use super::names::{Rule, could_grow, parent, rules, size};
use super::prints::{Print, RELATED, apart, apart_turned, is_transposed};
use super::recipe::Recipe;
use super::state::{How, Pair, State};
use crate::error::Result;
use std::collections::{BTreeSet, HashMap};

/// Fewest tensors that a renamed part of a model must have to be believed by its names alone.
const FEW: usize = 3;

/// Two of one name whose numbers of rows differ.
struct Grown {
    a: usize,
    b: usize,
    how: How,
}

/// Matches tensors of the same name and shape, and nothing else.
pub(super) fn exact(state: &mut State<'_>) {
    for (a, b) in namesakes(state) {
        if state.shape_a(a) == state.shape_b(b) {
            state.pair(a, Recipe::whole(b), How::Name);
        } else {
            state.set_apart(a, b);
        }
    }
}

/// Matches tensors of the same name.
///
/// # Errors
/// When values cannot be read.
pub(super) fn by_name(state: &mut State<'_>) -> Result<()> {
    let named = namesakes(state);
    let named = named.into_iter().map(|(a, b)| (a, b, How::Name));
    fit(state, named.collect())
}

/// Matches tensors of the same name but for what stands before it.
///
/// # Errors
/// When values cannot be read.
pub(super) fn by_rules(state: &mut State<'_>) -> Result<()> {
    for (rule, matched) in rules(&state.free_a(), &state.free_b()) {
        let (a, b) = (&rule.a, &rule.b);
        let how = match () {
            () if a.ends_with(b.as_str()) || b.ends_with(a.as_str()) => How::Prefix,
            () if matched.len() >= FEW => How::Renamed,
            // Shapes alone say as much.
            () => continue,
        };
        let is_alike = |(a, b): &(usize, usize)| {
            let (own, other) = (state.shape_a(*a), state.shape_b(*b));
            how == How::Prefix || !could_grow(own, other)
        };
        let matched: Vec<(usize, usize)> = matched.into_iter().filter(is_alike).collect();
        let named = matched.into_iter().map(|(a, b)| (a, b, how));
        fit(state, named.collect())?;
        state.rules.push(rule);
    }
    Ok(())
}

/// Places of tensors of the same name in A and in B.
fn namesakes(state: &State<'_>) -> Vec<(usize, usize)> {
    let free_b = state.free_b();
    let by_name: HashMap<&str, usize> = free_b
        .iter()
        .map(|(place, tensor)| (tensor.name.as_str(), place))
        .collect();
    let free_a = state.free_a();
    let named = free_a.iter().filter_map(|(place, tensor)| {
        let other = by_name.get(tensor.name.as_str())?;
        Some((place, *other))
    });
    named.collect()
}

/// Matches these as far as their shapes allow it.
pub(super) fn fit(state: &mut State<'_>, named: Vec<(usize, usize, How)>) -> Result<()> {
    let mut grown = Vec::new();
    for (a, b, how) in named {
        let (own, other) = (state.shape_a(a), state.shape_b(b));
        if axes::is_alike(own, other) {
            state.pair(a, Recipe::whole(b), how);
        } else if let Some(order) = axes::orders(other, own).next() {
            state.pair(a, Recipe::ordered(b, Some(order)), how);
        } else if could_grow(own, other) && state.has_values() {
            grown.push(Grown { a, b, how });
        } else {
            state.set_apart(a, b);
        }
    }
    settle_grown(state, grown)
}

/// Rows were added where those that both have are near each other. Vectors follow the matrices with
/// as many rows: a replaced head has another number of classes too.
fn settle_grown(state: &mut State<'_>, mut grown: Vec<Grown>) -> Result<()> {
    grown.sort_by_key(|one| std::cmp::Reverse(state.shape_a(one.a).len()));
    let mut known: BTreeSet<(u64, u64)> = BTreeSet::new();
    for Grown { a, b, how } in grown {
        let (own, other) = (state.shape_a(a), state.shape_b(b));
        let (Some(&rows), Some(&others)) = (own.first(), other.first()) else {
            continue;
        };
        let common = rows.min(others);
        let is_grown = common > 0
            && if own.len() == 1 {
                known.contains(&(rows, others))
            } else {
                are_near(state, a, b, common)?
            };
        if !is_grown {
            state.set_apart(a, b);
            continue;
        }
        known.insert((rows, others));
        let mut recipe = Recipe::whole(b);
        if others > common {
            recipe = recipe.first_rows(common);
        }
        state.pair_rows(a, recipe, Some(common), how);
    }
    Ok(())
}

/// Whether the rows that both have are nearer than those of unrelated models.
fn are_near(state: &State<'_>, a: usize, b: usize, rows: u64) -> Result<bool> {
    let (own, other) = (state.values_a(a)?, state.values_b(b)?);
    let per_row = |count: usize, rows: u64| count.checked_div(rows as usize).unwrap_or(0);
    let all = state.shape_a(a).first().copied().unwrap_or(0);
    let common = per_row(own.len(), all) * rows as usize;
    let (own, other) = (own.get(..common), other.get(..common));
    let (own, other) = (own.unwrap_or_default(), other.unwrap_or_default());
    let is_something = own.iter().any(|value| *value != 0.0);
    Ok(is_something && apart(own, other) <= RELATED)
}

/// Tensors of one name and turned shapes may also be of different architectures: they are transposed
/// where the values of some show it, or where something lies beside them that fits.
///
/// # Errors
/// When values cannot be read.
pub(super) fn check_turned(state: &mut State<'_>) -> Result<()> {
    let is_turned = |pair: &Pair| pair.b.is_turned() && pair.how != How::File;
    let turned: Vec<usize> = (0..state.pairs.len())
        .filter(|&index| state.pairs.get(index).is_some_and(is_turned))
        .collect();
    let parents: BTreeSet<&str> = turned
        .iter()
        .filter_map(|&index| Some(parent(state.name_a(state.pairs.get(index)?.a))))
        .filter(|parent| !parent.is_empty())
        .collect();
    let fits = |pair: &Pair| !is_turned(pair) && parents.contains(parent(state.name_a(pair.a)));
    if turned.is_empty() || state.pairs.iter().any(fits) {
        return Ok(());
    }
    for &index in turned.iter().filter(|_| state.has_values()) {
        if let Some(pair) = state.pairs.get(index) {
            let own = Print::of(&state.values_a(pair.a)?);
            let other = Print::of(&state.made_of_b(&pair.b)?);
            if own.hash == other.hash || own.near().is_some_and(|near| own.apart(&other) <= near) {
                return Ok(());
            }
        }
    }
    let pairs = std::mem::take(&mut state.pairs);
    for pair in pairs {
        match pair.b.only() {
            Some(b) if is_turned(&pair) => state.set_apart(pair.a, b),
            _ => state.pairs.push(pair),
        }
    }
    Ok(())
}

/// What shape and order alone matched and the values do not support is a part that was replaced, where
/// the rest of the model is the same or near: its tensors are free again.
///
/// # Errors
/// When values cannot be read.
pub(super) fn drop_replaced(state: &mut State<'_>) -> Result<()> {
    let is_placed = |pair: &Pair| matches!(pair.how, How::Place | How::Renamed);
    if !state.pairs.iter().any(is_placed) || !is_near(state)? {
        return Ok(());
    }
    let mut replaced: BTreeSet<&str> = BTreeSet::new();
    for pair in state.pairs.iter().filter(|pair| is_placed(pair)) {
        let own = Print::of(&state.values_a(pair.a)?);
        let other = Print::of(&state.made_of_b(&pair.b)?);
        if own.is_far(&other) && state.shape_a(pair.a).len() > 1 {
            replaced.insert(parent(state.name_a(pair.a)));
        }
    }
    let is_replaced = |state: &State<'_>, pair: &Pair| {
        matches!(pair.how, How::Place | How::Beside | How::Renamed)
            && replaced.contains(parent(state.name_a(pair.a)))
    };
    let pairs = std::mem::take(&mut state.pairs);
    for pair in pairs {
        if is_replaced(state, &pair) {
            state.give_back_a(pair.a);
            pair.b
                .tensors()
                .into_iter()
                .for_each(|b| state.give_back_b(b));
        } else {
            state.pairs.push(pair);
        }
    }
    let pairs = &state.pairs;
    let (a, b) = (state.tensors_a(), state.tensors_b());
    let is_used = |rule: &Rule| {
        pairs.iter().any(|pair| {
            let names = a
                .get(pair.a)
                .zip(pair.b.only().and_then(|b_place| b.get(b_place)));
            names.is_some_and(|(a, b)| rule.to_b(&a.name).is_some_and(|name| name == b.name))
        })
    };
    let rules: Vec<Rule> = state
        .rules
        .iter()
        .filter(|rule| (rule.a.is_empty() && rule.b.is_empty()) || is_used(rule))
        .cloned()
        .collect();
    state.rules = rules;
    Ok(())
}

/// Tensors of those that names or values match that are looked at.
const LOOKED_AT: usize = 8;

/// Whether most of the largest tensors that names or values match are nearer than those of unrelated
/// models.
fn is_near(state: &State<'_>) -> Result<bool> {
    let is_sure = |pair: &&Pair| {
        let by = matches!(pair.how, How::Name | How::Prefix | How::File | How::Values);
        by && pair.rows.is_none()
    };
    let mut sure: Vec<&Pair> = state.pairs.iter().filter(is_sure).collect();
    sure.sort_by_key(|pair| std::cmp::Reverse(size(state.shape_a(pair.a))));
    sure.truncate(LOOKED_AT);
    let mut near = 0;
    for pair in &sure {
        let own = Print::of(&state.values_a(pair.a)?);
        let other = Print::of(&state.made_of_b(&pair.b)?);
        near += usize::from(own.apart(&other) <= RELATED);
    }
    Ok(2 * near > sure.len())
}

/// Square matrices do not show by their shape whether they are transposed. They are where the bits
/// say so; and in models of which other matrices are, where they are nearer that way.
///
/// # Errors
/// When values cannot be read.
pub(super) fn turn_squares(state: &mut State<'_>, is_cheap: bool) -> Result<()> {
    let has_turned = state.pairs.iter().any(|pair| pair.b.is_turned());
    if !state.has_values() || !(has_turned || is_cheap) {
        return Ok(());
    }
    for index in 0..state.pairs.len() {
        let Some(pair) = state.pairs.get(index) else {
            continue;
        };
        let (a, how) = (pair.a, pair.how);
        let shape = state.shape_a(a);
        let (&[rows, columns], Some(b)) = (shape, pair.b.as_stored()) else {
            continue;
        };
        let is_by_name = matches!(how, How::Name | How::Prefix | How::File);
        if rows != columns || rows < 2 || !is_by_name || state.shape_b(b) != shape {
            continue;
        }
        let (own, other) = (state.values_a(a)?, state.values_b(b)?);
        let same = own.iter().zip(other.iter());
        if same.clone().all(|(a, b)| a.to_bits() == b.to_bits()) {
            continue;
        }
        let is_turned = is_transposed(&own, &other, rows as usize)
            || has_turned && apart_turned(&own, &other, shape, &[1, 0]) < apart(&own, &other);
        if is_turned && let Some(pair) = state.pairs.get_mut(index) {
            pair.b = Recipe::ordered(b, Some(&[1, 0]));
        }
    }
    Ok(())
}
