//! Names of tensors: their parts, what wrappers put before them, and what other libraries call them.

use super::axes;
use checkpoint_store::TensorShape;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Tensors that candidates for a rule are taken from.
const LOOKED_AT: usize = 24;
/// Candidates that are tried on all tensors.
const TRIED: usize = 12;
/// Rules that two checkpoints may need.
const MOST_RULES: usize = 8;

/// What stands before the names of some tensors in A, and what in B.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// In the first checkpoint; empty for nothing.
    pub a: String,
    /// In the second.
    pub b: String,
    /// How many tensors it matches.
    pub tensors: usize,
}

impl Rule {
    /// The name in A of a tensor of B, if the rule is about it.
    pub(crate) fn to_a(&self, name: &str) -> Option<String> {
        let rest = name.strip_prefix(self.b.as_str())?;
        Some(format!("{}{rest}", self.a))
    }

    /// The name in B of a tensor of A, if the rule is about it.
    pub(crate) fn to_b(&self, name: &str) -> Option<String> {
        let rest = name.strip_prefix(self.a.as_str())?;
        Some(format!("{}{rest}", self.b))
    }
}

/// The parts of a name.
pub(crate) fn parts(name: &str) -> Vec<&str> {
    name.split(['.', '/']).collect()
}

/// What the last part of a name means, whatever the library calls it.
pub(crate) fn leaf(name: &str) -> &str {
    let last = name.rsplit(['.', '/']).next().unwrap_or(name);
    match last {
        "kernel" | "gamma" | "embedding" | "embeddings" | "scale" | "w" => "weight",
        "beta" | "b" => "bias",
        other => other,
    }
}

/// Everything before the last part.
pub(crate) fn parent(name: &str) -> &str {
    name.rfind(['.', '/'])
        .and_then(|end| name.get(..end))
        .unwrap_or("")
}

/// The numbers among the parts of a name: which layer it is of.
pub(crate) fn numbers(name: &str) -> Vec<u64> {
    let digits = name.split(|sign: char| !sign.is_ascii_digit());
    digits.filter_map(|digits| digits.parse().ok()).collect()
}

/// A key by which names are sorted as people sort them: numbers by their value.
pub(crate) fn natural(name: &str) -> (String, Vec<u64>) {
    let mut text = String::with_capacity(name.len());
    for sign in name.chars() {
        match sign {
            '0'..='9' if text.ends_with('0') => {}
            '0'..='9' => text.push('0'),
            other => text.push(other),
        }
    }
    (text, numbers(name))
}

/// A name with its parts separated by dots, and its last part as most libraries call it.
fn key(name: &str) -> String {
    let parent = parent(name).replace('/', ".");
    if parent.is_empty() {
        leaf(name).to_owned()
    } else {
        format!("{parent}.{}", leaf(name))
    }
}

/// Whether one could be the other, by their shapes: as stored, in another order of axes, or with
/// rows more.
pub(crate) fn could_be(a: &[u64], b: &[u64]) -> bool {
    axes::is_alike(a, b) || axes::orders(b, a).next().is_some() || could_grow(a, b)
}

/// Whether they differ in nothing but the number of rows.
pub(crate) fn could_grow(a: &[u64], b: &[u64]) -> bool {
    match (a, b) {
        ([a, rest @ ..], [b, others @ ..]) => a != b && rest == others,
        _ => false,
    }
}

/// Tensors that no other was matched with so far, by place.
#[derive(Debug)]
pub(crate) struct Free<'a> {
    pub(crate) tensors: &'a [TensorShape],
    pub(crate) places: Vec<usize>,
}

impl<'a> Free<'a> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &'a TensorShape)> + '_ {
        let places = self.places.iter();
        places.filter_map(|&place| Some((place, self.tensors.get(place)?)))
    }
}

/// Matched by one rule: places in A and in B.
type Matched = Vec<(usize, usize)>;

/// What stands before names, from the tensors that have no namesake: the rule that matches the most
/// weights first, and then what matches the most of the rest. A rule that another one contradicts
/// with as many weights is none.
pub(crate) fn rules(a: &Free<'_>, b: &Free<'_>) -> Vec<(Rule, Matched)> {
    let mut free_a: Vec<(usize, &TensorShape)> = a.iter().collect();
    let mut free_b: Vec<(usize, &TensorShape)> = b.iter().collect();
    let mut found = Vec::new();
    while found.len() < MOST_RULES {
        let Some((rule, matched)) = best_rule(&free_a, &free_b) else {
            break;
        };
        let (own, others): (HashSet<usize>, HashSet<usize>) = matched.iter().copied().unzip();
        free_a.retain(|(place, _)| !own.contains(place));
        free_b.retain(|(place, _)| !others.contains(place));
        found.push((rule, matched));
    }
    found
}

type Named<'a> = [(usize, &'a TensorShape)];

fn best_rule(a: &Named<'_>, b: &Named<'_>) -> Option<(Rule, Matched)> {
    let by_key: HashMap<String, usize> = b
        .iter()
        .enumerate()
        .map(|(index, (_, tensor))| (key(&tensor.name), index))
        .collect();
    let mut tried: Vec<(u64, String, String, Matched)> = candidates(a, b)
        .into_iter()
        .map(|(in_a, in_b)| {
            let (weights, matched) = matches(a, b, &by_key, &in_a, &in_b);
            (weights, in_a, in_b, matched)
        })
        .filter(|(_, _, _, matched)| !matched.is_empty())
        .collect();
    // The most weights; the shortest prefixes of those that match as many.
    tried.sort_by(|x, y| {
        let size =
            |rule: &(u64, String, String, Matched)| (rule.1.len() + rule.2.len(), rule.1.clone());
        y.0.cmp(&x.0).then_with(|| size(x).cmp(&size(y)))
    });
    let (weights, in_a, in_b, matched) = tried.first()?;
    let is_contradicted = tried
        .iter()
        .skip(1)
        .any(|other| other.0 == *weights && contradict(matched, &other.3));
    if is_contradicted {
        return None;
    }
    let rule = Rule {
        a: in_a.clone(),
        b: in_b.clone(),
        tensors: matched.len(),
    };
    Some((rule, matched.clone()))
}

/// Whether one gives a tensor to another than the other does.
fn contradict(one: &Matched, other: &Matched) -> bool {
    let there: HashMap<usize, usize> = other.iter().copied().collect();
    let back: HashMap<usize, usize> = other.iter().map(|&(a, b)| (b, a)).collect();
    one.iter().any(|(a, b)| {
        there.get(a).is_some_and(|own| own != b) || back.get(b).is_some_and(|own| own != a)
    })
}

/// What may stand before the names, those first that the most tensors speak for.
fn candidates(a: &Named<'_>, b: &Named<'_>) -> Vec<(String, String)> {
    let step = a.len().div_ceil(LOOKED_AT).max(1);
    let keys: Vec<String> = b.iter().map(|(_, tensor)| key(&tensor.name)).collect();
    let mut votes: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (_, tensor) in a.iter().step_by(step) {
        let own = key(&tensor.name);
        for ((_, other), theirs) in b.iter().zip(&keys) {
            if leaf(&tensor.name) != leaf(&other.name) || !could_be(&tensor.shape, &other.shape) {
                continue;
            }
            *votes.entry(before_common(&own, theirs)).or_default() += 1;
        }
    }
    let mut votes: Vec<((String, String), usize)> = votes.into_iter().collect();
    votes.sort_by_key(|(rule, votes)| (std::cmp::Reverse(*votes), rule.0.len() + rule.1.len()));
    let voted = votes.into_iter().map(|(rule, _)| rule);
    voted.take(TRIED).collect()
}

/// What two keys have before the last parts that are the same in both.
fn before_common(a: &str, b: &str) -> (String, String) {
    let (mut own, mut other) = (parts(a), parts(b));
    while own.last().is_some() && own.last() == other.last() {
        own.pop();
        other.pop();
    }
    let joined = |parts: Vec<&str>| {
        if parts.is_empty() {
            String::new()
        } else {
            format!("{}.", parts.join("."))
        }
    };
    (joined(own), joined(other))
}

/// The tensors that a rule matches, and how many weights they have.
fn matches(
    a: &Named<'_>,
    b: &Named<'_>,
    by_key: &HashMap<String, usize>,
    in_a: &str,
    in_b: &str,
) -> (u64, Matched) {
    let mut weights = 0_u64;
    let mut matched = Vec::new();
    for (place, tensor) in a {
        let own = key(&tensor.name);
        let Some(rest) = own.strip_prefix(in_a) else {
            continue;
        };
        let wanted = format!("{in_b}{rest}");
        let other = by_key.get(&wanted).and_then(|&index| b.get(index));
        if let Some((other_place, other)) = other
            && could_be(&tensor.shape, &other.shape)
        {
            weights = weights.saturating_add(size(&tensor.shape));
            matched.push((*place, *other_place));
        }
    }
    (weights, matched)
}

/// Number of values of a tensor of this shape.
pub(crate) fn size(shape: &[u64]) -> u64 {
    shape
        .iter()
        .fold(1, |all: u64, &side| all.saturating_mul(side))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors(names: &[&str], shapes: &[&[u64]]) -> Vec<TensorShape> {
        let both = names.iter().zip(shapes.iter().cycle());
        both.map(|(name, shape)| TensorShape::new(*name, shape.to_vec()))
            .collect()
    }

    fn found(a: &[TensorShape], b: &[TensorShape]) -> Vec<(String, String, usize)> {
        let free = |tensors: &[TensorShape]| (0..tensors.len()).collect::<Vec<_>>();
        let rules = rules(
            &Free {
                tensors: a,
                places: free(a),
            },
            &Free {
                tensors: b,
                places: free(b),
            },
        );
        let rules = rules.into_iter();
        rules
            .map(|(rule, _)| (rule.a, rule.b, rule.tensors))
            .collect()
    }

    fn rule(a: &str, b: &str, tensors: usize) -> (String, String, usize) {
        (a.to_owned(), b.to_owned(), tensors)
    }

    #[test]
    fn what_a_wrapper_puts_before_all_names_is_one_rule() {
        let plain = tensors(
            &["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"],
            &[&[4, 4], &[4]],
        );
        for prefix in [
            "module.",
            "model.",
            "net.",
            "model.diffusion_model.",
            "base_model.model.",
        ] {
            let mut wrapped = plain.clone();
            for tensor in &mut wrapped {
                tensor.name = format!("{prefix}{}", tensor.name);
            }
            wrapped.push(TensorShape::new("n_averaged", vec![1]));
            assert_eq!(found(&plain, &wrapped), [rule("", prefix, 4)]);
            assert_eq!(found(&wrapped, &plain), [rule(prefix, "", 4)]);
        }
    }

    #[test]
    fn other_libraries_call_weights_kernels_and_separate_parts_by_slashes() {
        let torch = tensors(&["net.0.weight", "net.0.bias"], &[&[4, 3], &[4]]);
        let keras = tensors(
            &["model/net/0/kernel", "model/net/0/bias"],
            &[&[3, 4], &[4]],
        );
        assert_eq!(found(&torch, &keras), [rule("", "model.", 2)]);
    }

    #[test]
    fn layers_that_could_be_several_are_matched_by_no_rule() {
        let a = tensors(&["one.weight", "two.weight"], &[&[4, 4]]);
        let b = tensors(&["first.weight", "second.weight"], &[&[4, 4]]);
        assert!(found(&a, &b).is_empty());
    }

    #[test]
    fn names_are_sorted_by_the_values_of_their_numbers() {
        let mut names = ["h.10.w", "h.9.w", "h.1.w"];
        names.sort_by_key(|name| natural(name));
        assert_eq!(names, ["h.1.w", "h.9.w", "h.10.w"]);
        assert_eq!(
            (leaf("a/kernel"), parent("a.b.c"), parent("a")),
            ("weight", "a.b", "")
        );
    }
}
