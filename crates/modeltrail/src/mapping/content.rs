//! Tensors that no name matches, matched by their shapes, their values and their order.
//!
//! Equal values come first, then values that are clearly nearer to each other than to any others,
//! then what lies beside a tensor that was matched, and last what the shape and the number of the
//! layer leave only one place for. What is left could be matched in several ways, and is not.

use super::axes::Order;
use super::classes::{Class, Own, classes};
use super::names::{leaf, numbers, parent, parts};
use super::state::{How, State};
use crate::error::Result;
use std::collections::{BTreeMap, HashMap};

/// Most tensors of one shape that are compared each with each.
const MOST: usize = 512;
/// So much nearer than to any other is clearly nearer.
const CLEARLY: f64 = 0.65;

/// Matches what no name matched.
///
/// # Errors
/// When values cannot be read.
pub(super) fn match_by_content(state: &mut State<'_>) -> Result<()> {
    let mut classes = classes(state)?;
    for class in &mut classes {
        equal(class, state);
    }
    loop {
        let before = state.pairs.len();
        beside(&mut classes, state);
        for class in &mut classes {
            near(class, state);
        }
        if state.pairs.len() == before {
            break;
        }
    }
    let keys: [fn(&str) -> Key; 3] = [
        |name| (leaf(name).to_owned(), String::new(), numbers(name)),
        |name| (leaf(name).to_owned(), String::new(), Vec::new()),
        |_| (String::new(), String::new(), Vec::new()),
    ];
    in_one_part(&mut classes, state);
    for key in keys {
        for class in &mut classes {
            only_place(class, state, &|name| Some(key(name)), &key);
        }
        beside(&mut classes, state);
        in_one_part(&mut classes, state);
    }
    for class in &mut classes {
        in_order(class, state);
    }
    Ok(())
}

/// Equal values. Where several have the same, those with the most similar names.
fn equal(class: &mut Class, state: &mut State<'_>) {
    let mut known: HashMap<blake3::Hash, Vec<usize>> = HashMap::new();
    for (index, own) in class.own.iter().enumerate() {
        if !own.print.is_constant {
            known.entry(own.print.hash).or_default().push(index);
        }
    }
    let mut matched = Vec::new();
    for other in &class.others {
        let found = other.variants.iter().find_map(|(shape, order, print)| {
            let same = known.get_mut(&print.hash)?;
            let name = state.name_b(other.place);
            let best = (0..same.len())
                .filter(|&at| class.own[same[at]].shape == *shape)
                .max_by_key(|&at| {
                    let own = state.name_a(class.own[same[at]].place);
                    (in_common(own, name), std::cmp::Reverse(at))
                })?;
            Some((class.own[same.remove(best)].place, *order))
        });
        if let Some((place, order)) = found {
            matched.push((place, other.place, order, How::Values));
        }
    }
    class.settle(&matched, state);
}

/// How similar two names are: parts at the end that are the same, and the same numbers.
fn in_common(a: &str, b: &str) -> (usize, bool) {
    let (own, other) = (parts(a), parts(b));
    let same = own.iter().rev().zip(other.iter().rev());
    let count = same.take_while(|(a, b)| a == b).count();
    (count, numbers(a) == numbers(b))
}

/// Values that are clearly nearer to each other than to any others.
fn near(class: &mut Class, state: &mut State<'_>) {
    let (rows, columns) = (class.own.len(), class.others.len());
    if rows == 0 || columns == 0 || rows.max(columns) > MOST {
        return;
    }
    let apart: Vec<Vec<(f64, Option<Order>)>> = class.distances();
    let least_but = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
    let mut matched = Vec::new();
    for (row, own) in class.own.iter().enumerate() {
        let Some(limit) = own.print.near().filter(|_| !own.print.is_constant) else {
            continue;
        };
        let best = (0..columns).min_by(|&a, &b| apart[row][a].0.total_cmp(&apart[row][b].0));
        let Some(column) = best else {
            continue;
        };
        let (distance, order) = apart[row][column];
        let in_row = (0..columns).filter(|&other| other != column);
        let in_column = (0..rows).filter(|&other| other != row);
        let second = least_but(&mut in_row.map(|other| apart[row][other].0)).min(least_but(
            &mut in_column.map(|other| apart[other][column].0),
        ));
        if distance <= limit && distance <= CLEARLY * second {
            matched.push((own.place, class.others[column].place, order, How::Values));
        }
    }
    class.settle(&matched, state);
}

/// What lies beside tensors that were matched: the bias of a layer whose weight was.
fn beside(classes: &mut [Class], state: &mut State<'_>) {
    loop {
        let parents = state.parents();
        let mut found = false;
        for class in classes.iter_mut() {
            let by_name: HashMap<(String, &str), usize> = class
                .others
                .iter()
                .enumerate()
                .map(|(index, other)| {
                    let name = state.name_b(other.place);
                    ((parent(name).replace('/', "."), leaf(name)), index)
                })
                .collect();
            let mut matched = Vec::new();
            for own in &class.own {
                let name = state.name_a(own.place);
                let Some(wanted) = parents.to_b(parent(name)) else {
                    continue;
                };
                let Some(&index) = by_name.get(&(wanted, leaf(name))) else {
                    continue;
                };
                if let Some((_, order)) = class.apart(own, &class.others[index]) {
                    matched.push((own.place, class.others[index].place, order, How::Beside));
                }
            }
            found |= !matched.is_empty();
            class.settle(&matched, state);
        }
        if !found {
            return;
        }
    }
}

/// What leaves only one place for a tensor: the last part of its name, the part of the model that it
/// is in, and its numbers.
type Key = (String, String, Vec<u64>);

/// What the part of the model leaves only one place for, as the other tensors of that part show it.
fn in_one_part(classes: &mut [Class], state: &mut State<'_>) {
    let part = |name: &str| parent(parent(name)).replace('/', ".");
    loop {
        let before = state.pairs.len();
        let parents = state.parents();
        for class in classes.iter_mut() {
            let own = |name: &str| {
                let part = Some(part(name)).filter(|part| !part.is_empty());
                Some((leaf(name).to_owned(), parents.to_b(&part?)?, Vec::new()))
            };
            let other = |name: &str| (leaf(name).to_owned(), part(name), Vec::new());
            only_place(class, state, &own, &other);
        }
        if state.pairs.len() == before {
            return;
        }
        beside(classes, state);
    }
}

/// Those for which a key leaves only one place.
fn only_place(
    class: &mut Class,
    state: &mut State<'_>,
    key_of_a: &dyn Fn(&str) -> Option<Key>,
    key_of_b: &dyn Fn(&str) -> Key,
) {
    let mut places: BTreeMap<Key, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (index, own) in class.own.iter().enumerate() {
        if let Some(key) = key_of_a(state.name_a(own.place)) {
            places.entry(key).or_default().0.push(index);
        }
    }
    for (index, other) in class.others.iter().enumerate() {
        let entry = places.entry(key_of_b(state.name_b(other.place)));
        entry.or_default().1.push(index);
    }
    let mut matched = Vec::new();
    for (own, others) in places.into_values() {
        let ([own], [other]) = (own.as_slice(), others.as_slice()) else {
            continue;
        };
        let (own, other) = (&class.own[*own], &class.others[*other]);
        if let Some((_, order)) = class.apart(own, other) {
            matched.push((own.place, other.place, order, How::Place));
        }
    }
    class.settle(&matched, state);
}

/// As many on both sides, in the order of their names: where that cannot matter, since all values are
/// the same or all are as far from each other as unrelated ones. Otherwise it is noted that nobody can
/// tell which is which.
fn in_order(class: &mut Class, state: &mut State<'_>) {
    let count = class.own.len();
    if count == 0 || count != class.others.len() {
        return;
    }
    let own_hash = class.own.first().map(|own| own.print.hash);
    let is_one = |own: &Own| Some(own.print.hash) == own_hash;
    let other_hash = class
        .others
        .first()
        .and_then(|other| other.variants.first());
    let other_hash = other_hash.map(|(_, _, print)| print.hash);
    let is_same = class.own.iter().all(is_one)
        && class.others.iter().all(|other| {
            let mut variants = other.variants.iter();
            variants.all(|(_, _, print)| Some(print.hash) == other_hash)
        });
    let is_far = || {
        let mut variants = class
            .others
            .iter()
            .flat_map(|other| other.variants.iter().map(|(_, _, print)| print));
        count <= MOST && variants.all(|print| class.own.iter().all(|own| own.print.is_far(print)))
    };
    if !is_same && !is_far() {
        state
            .ambiguous_a
            .extend(class.own.iter().map(|own| own.place));
        state
            .ambiguous_b
            .extend(class.others.iter().map(|other| other.place));
        return;
    }
    let pairs = class.own.iter().zip(&class.others);
    let matched: Vec<_> = pairs
        .filter_map(|(own, other)| {
            let (_, order) = class.apart(own, other)?;
            Some((own.place, other.place, order, How::Place))
        })
        .collect();
    class.settle(&matched, state);
}
