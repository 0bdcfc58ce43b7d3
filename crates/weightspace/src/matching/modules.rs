//! In which order the layers of a net follow each other, by the names of their modules.
//!
//! Files list tensors as they please: safetensors by their names, so that `fc1.bias` comes before
//! `fc1.weight` and `layer10` before `layer2`, PyTorch as modules were defined. Here tensors of one
//! module stay together, its matrix before its vectors, and modules are sorted as a person sorts their
//! names. A module of vectors alone (a normalisation) stands behind the matrix of its number. Runs of
//! layers that do not fit together in this order are joined where only one fits the other.

use std::collections::BTreeMap;

use super::chain::{BRANCHES, sides};
use crate::compare::Pair;

/// The tensors of one module, and what its matrix maps.
#[derive(Debug, Clone)]
struct Module {
    /// Places among the pairs: matrices, then vectors.
    places: Vec<usize>,
    /// Outputs, inputs, and whether it is a convolution; none without a matrix.
    maps: Option<(usize, usize, bool)>,
}

/// A name as a person sorts it: text and numbers in turn.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'a> {
    Number(u64),
    Text(&'a str),
}

/// Orders in which the pairs may follow each other, each with all of them: by names, by names with
/// runs joined, as they lie.
pub(crate) fn orders(pairs: &[Pair<'_>], transposed: bool) -> Vec<Vec<usize>> {
    let modules = modules(pairs, transposed);
    let flat = |modules: &[Module]| -> Vec<usize> {
        modules.iter().flat_map(|one| one.places.clone()).collect()
    };
    let mut orders = vec![flat(&modules)];
    let is_branched = |pair: &Pair<'_>| {
        let lower = pair.name.to_lowercase();
        BRANCHES.iter().any(|word| lower.contains(word))
    };
    if !pairs.iter().any(is_branched) {
        orders.push(flat(&joined(modules)));
    }
    orders.push((0..pairs.len()).collect());
    orders.dedup();
    orders
}

/// What a tensor is part of: its name without the last word.
pub(crate) fn parent(name: &str) -> &str {
    name.rsplit_once(['.', '/'])
        .map_or(name, |(parent, _)| parent)
}

/// The pieces of a name.
fn natural(name: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let is_number = first.is_ascii_digit();
        let end = rest
            .find(|sign: char| sign.is_ascii_digit() != is_number)
            .unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        pieces.push(match piece.parse() {
            Ok(number) if is_number => Piece::Number(number),
            _ => Piece::Text(piece),
        });
    }
    pieces
}

/// The modules in natural order, normalisations behind their matrices.
fn modules(pairs: &[Pair<'_>], transposed: bool) -> Vec<Module> {
    let mut known: BTreeMap<Vec<Piece<'_>>, Vec<usize>> = BTreeMap::new();
    for (place, pair) in pairs.iter().enumerate() {
        known
            .entry(natural(parent(pair.name)))
            .or_default()
            .push(place);
    }
    let mut modules: Vec<(Vec<Piece<'_>>, Module)> = Vec::new();
    let mut norms = Vec::new();
    for (name, mut places) in known {
        // Stable: several matrices, and the vectors, stay as they lie.
        places.sort_by_key(|&place| pairs[place].shape.len() < 2);
        let maps = places
            .iter()
            .find_map(|&place| sides(pairs[place].shape, transposed));
        let maps = maps.map(|(outputs, inputs, kernel)| (outputs, inputs, kernel.is_some()));
        let module = Module { places, maps };
        match maps {
            Some(_) => modules.push((name, module)),
            None => norms.push((name, module)),
        }
    }
    // Backwards, so that several behind one matrix keep their order.
    for (name, norm) in norms.into_iter().rev() {
        let length = norm
            .places
            .iter()
            .find_map(|&place| match *pairs[place].shape {
                [length] if length > 1 => Some(length),
                _ => None,
            });
        let fits = |module: &Module| module.maps.is_some_and(|maps| Some(maps.0) == length);
        let at = modules
            .iter()
            .position(|(other, module)| fits(module) && is_of_one_number(other, &name))
            .or_else(|| modules.iter().rposition(|(other, _)| *other < name));
        let at = at.map_or(0, |at| at + 1);
        modules.insert(at, (name, norm));
    }
    modules.into_iter().map(|(_, module)| module).collect()
}

/// Whether two modules lie in one place and end in one number: `block.conv1` and `block.bn1`.
fn is_of_one_number(a: &[Piece<'_>], b: &[Piece<'_>]) -> bool {
    let (Some((last_a, rest_a)), Some((last_b, rest_b))) = (a.split_last(), b.split_last()) else {
        return false;
    };
    let place = |rest: &[Piece<'_>]| -> Option<String> {
        let Some((Piece::Text(word), before)) = rest.split_last() else {
            return None;
        };
        let (folder, _) = word.rsplit_once(['.', '/']).unwrap_or(("", *word));
        Some(format!("{before:?}{folder}"))
    };
    matches!(last_a, Piece::Number(_)) && last_a == last_b && place(rest_a) == place(rest_b)
}

/// Runs of modules that fit together, joined where one alone reads what another ends with.
fn joined(modules: Vec<Module>) -> Vec<Module> {
    let mut runs: Vec<Vec<Module>> = Vec::new();
    for module in modules {
        let last = runs
            .last()
            .and_then(|run| run.iter().rev().find_map(|one| one.maps));
        let is_next = match (last, module.maps) {
            (Some(last), Some(next)) => reads(last, next),
            (Some(_), None) => true,
            (None, _) => false,
        };
        match runs.last_mut().filter(|_| is_next) {
            Some(run) => run.push(module),
            None => runs.push(vec![module]),
        }
    }
    loop {
        let fits = |from: usize, to: usize| {
            let last = runs[from].iter().rev().find_map(|one| one.maps);
            let first = runs[to].iter().find_map(|one| one.maps);
            from != to
                && last
                    .zip(first)
                    .is_some_and(|(last, first)| reads(last, first))
        };
        let count = runs.len();
        let only = |found: Vec<usize>| match found[..] {
            [only] => Some(only),
            _ => None,
        };
        let next = (0..count).find_map(|from| {
            let to = only((0..count).filter(|&to| fits(from, to)).collect())?;
            let back = only((0..count).filter(|&other| fits(other, to)).collect())?;
            // A circle has no first layer.
            (back == from && !fits(to, from)).then_some((from, to))
        });
        let Some((from, to)) = next else { break };
        let moved = runs.remove(to);
        let from = if to < from { from - 1 } else { from };
        runs[from].extend(moved);
    }
    runs.concat()
}

fn reads(last: (usize, usize, bool), next: (usize, usize, bool)) -> bool {
    let ((outputs, _, is_convolution), (_, inputs, reads_map)) = (last, next);
    inputs == outputs
        || is_convolution && !reads_map && outputs > 0 && inputs.is_multiple_of(outputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tensors: &[(&str, &[usize])], which: usize) -> Vec<String> {
        let pairs: Vec<Pair<'_>> = tensors
            .iter()
            .map(|&(name, shape)| Pair {
                name,
                shape,
                a: &[],
                b: &[],
            })
            .collect();
        let orders = orders(&pairs, false);
        let order = orders.get(which).unwrap_or(&orders[0]);
        order
            .iter()
            .map(|&place| tensors[place].0.to_owned())
            .collect()
    }

    #[test]
    fn tensors_of_a_module_stay_together_and_modules_are_sorted_by_number() {
        let sorted: [(&str, &[usize]); 6] = [
            ("fc1.bias", &[4]),
            ("fc1.weight", &[4, 3]),
            ("fc10.bias", &[2]),
            ("fc10.weight", &[2, 5]),
            ("fc2.bias", &[5]),
            ("fc2.weight", &[5, 4]),
        ];
        assert_eq!(
            names(&sorted, 0),
            [
                "fc1.weight",
                "fc1.bias",
                "fc2.weight",
                "fc2.bias",
                "fc10.weight",
                "fc10.bias"
            ]
        );
    }

    #[test]
    fn a_normalisation_stands_behind_the_convolution_of_its_number() {
        let sorted: [(&str, &[usize]); 6] = [
            ("bn1.bias", &[4]),
            ("bn1.weight", &[4]),
            ("bn2.weight", &[6]),
            ("conv1.weight", &[4, 3, 3, 3]),
            ("conv2.weight", &[6, 4, 3, 3]),
            ("fc.weight", &[2, 6]),
        ];
        assert_eq!(
            names(&sorted, 0),
            [
                "conv1.weight",
                "bn1.bias",
                "bn1.weight",
                "conv2.weight",
                "bn2.weight",
                "fc.weight"
            ]
        );
    }

    #[test]
    fn runs_are_joined_where_one_alone_fits() {
        let sorted: [(&str, &[usize]); 4] = [
            ("classifier.0.weight", &[7, 24]),
            ("classifier.2.weight", &[10, 7]),
            ("features.0.weight", &[5, 3, 3, 3]),
            ("features.2.weight", &[6, 5, 3, 3]),
        ];
        assert_eq!(
            names(&sorted, 1),
            [
                "features.0.weight",
                "features.2.weight",
                "classifier.0.weight",
                "classifier.2.weight"
            ]
        );
    }
}
