//! Whether B is a merge of A and others.

use super::options::DiffOptions;
use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::mapping::{Alike, Whole, alike};
use serde::Serialize;
use weightspace::compare::merge::{Slerp, Ties, fit, slerp, ties};
use weightspace::compare::{Pair, Paired, Tensor};

/// B as a combination of A and the other parents.
#[derive(Debug, Serialize)]
pub(super) struct Merge {
    /// Whether it explains B; none if tensors could not be read.
    pub(super) is_merge: Option<bool>,
    /// A first, then the others in the order in which they were given.
    pub(super) parents: Vec<Parent>,
    /// The parent that B is, bit for bit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) returned: Option<String>,
    /// If it is a merge of two on the sphere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) slerp: Option<Slerp>,
    /// If it is the elected mean of what others changed in one of the parents, which is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ties: Option<(String, Ties)>,
    /// Distance that the combination leaves.
    pub(super) residual: f64,
    /// Distance to the nearest parent.
    pub(super) nearest: f64,
    /// Weights that it is about: those of tensors that all have.
    pub(super) elements: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Parent {
    pub(super) name: String,
    pub(super) coefficient: f64,
}

/// Fits B by A and the others; A and B were matched. Parents are matched with A.
///
/// # Errors
/// When one is only a sketch, or is not finite; when no tensor is in all.
pub(super) fn find(
    (a, b): (&Checkpoint, &Checkpoint),
    both: &Alike<'_>,
    options: &DiffOptions<'_>,
) -> Result<Merge> {
    let others = options.parents;
    let matched = others.iter().map(|parent| alike(a, parent, &options.map));
    let matched = matched.collect::<Result<Vec<_>>>()?;
    let (whole, others_whole) = (both.whole()?, matched.iter().map(Alike::whole));
    let others_whole = others_whole.collect::<Result<Vec<_>>>()?;
    let all = others_whole.iter().map(Whole::b);
    let all: Vec<Vec<Tensor<'_>>> = std::iter::once(whole.a()).chain(all).collect();
    let candidates: Vec<&[_]> = all.iter().map(Vec::as_slice).collect();
    let mut read = others.iter().chain([a, b]);
    let is_complete = read.all(|checkpoint| checkpoint.unread().is_empty());
    let target = whole.b();
    let found = fit(&target, &candidates)?;
    let named: Vec<&Checkpoint> = std::iter::once(a).chain(others).collect();
    let is_straight = found.is_merge();
    let is_same = |candidate: &[Tensor<'_>]| {
        Paired::new(candidate, &target).is_ok_and(|paired| {
            let is_whole = paired.only_a.is_empty() && paired.only_b.is_empty();
            is_whole && paired.reshaped.is_empty() && paired.pairs.iter().all(Pair::is_same)
        })
    };
    let returned = candidates.iter().position(|candidate| is_same(candidate));
    let mut slerped = None;
    let mut elected = None;
    if is_complete && !is_straight && returned.is_none() {
        if let [one, two] = candidates[..] {
            slerped = slerp(&target, [one, two])?;
        }
        for (place, base) in candidates.iter().enumerate() {
            if elected.is_some() || slerped.is_some() {
                break;
            }
            let mut rest = candidates.clone();
            rest.remove(place);
            let name = named.get(place).map(|base| base.name().to_owned());
            elected = ties(&target, base, &rest)?.map(|ties| (name.unwrap_or_default(), ties));
        }
    }
    let is_merge = is_straight || slerped.is_some() || elected.is_some();
    let parents = named.iter().zip(&found.coefficients);
    Ok(Merge {
        is_merge: is_complete.then_some(is_merge),
        returned: returned.and_then(|place| Some(named.get(place)?.name().to_owned())),
        slerp: slerped,
        ties: elected,
        residual: found.residual,
        nearest: found.nearest,
        elements: found.elements,
        parents: parents
            .map(|(parent, &coefficient)| Parent {
                name: parent.name().to_owned(),
                coefficient,
            })
            .collect(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::diff::{Diff, diff};
    use crate::mapping::Map;

    fn find(a: &Checkpoint, b: &Checkpoint, parents: &[Checkpoint]) -> Result<Merge> {
        let options = DiffOptions {
            parents,
            ..DiffOptions::default()
        };
        let both = alike(a, b, &Map::Auto)?;
        super::find((a, b), &both, &options)
    }

    /// Numbers that look random.
    fn values(salt: u32) -> Vec<f32> {
        let value = |i: u32| ((i * 7919 + salt * 104_729) % 1009) as f32 / 1009.0 - 0.5;
        (0..200).map(value).collect()
    }

    fn checkpoint(name: &str, values: &[f32]) -> Checkpoint {
        Checkpoint::of_vectors(name, &[("w", values)])
    }

    fn mixed(first: &[f32], second: &[f32], share: f32) -> Vec<f32> {
        let both = first.iter().zip(second);
        both.map(|(a, b)| share * a + (1.0 - share) * b).collect()
    }

    #[test]
    fn a_merge_is_found_with_the_share_of_each_parent_in_the_order_of_the_parents() {
        let (one, two) = (values(1), values(2));
        let [a, b] = [("one", &one), ("two", &two)].map(|(name, v)| checkpoint(name, v));
        let merged = checkpoint("merged", &mixed(&one, &two, 0.3));
        let found = find(&a, &merged, &[b]).unwrap();
        assert_eq!(found.is_merge, Some(true));
        let names: Vec<&str> = found.parents.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["one", "two"]);
        assert!((found.parents[0].coefficient - 0.3).abs() < 1e-3);
        assert!((found.parents[1].coefficient - 0.7).abs() < 1e-3);
        assert!(found.residual < 1e-3 * found.nearest);
        assert_eq!(found.elements, 200);
    }

    #[test]
    fn the_shares_of_three_parents_are_found() {
        let all = [values(1), values(2), values(3)];
        let half = mixed(&all[0], &all[1], 0.5);
        let merged = checkpoint("merged", &mixed(&half, &all[2], 0.8));
        let [a, b, c] = [0, 1, 2].map(|i: usize| checkpoint("parent", &all[i]));
        let found = find(&a, &merged, &[b, c]).unwrap();
        assert_eq!(found.is_merge, Some(true));
        for (parent, share) in found.parents.iter().zip([0.4, 0.4, 0.2]) {
            assert!((parent.coefficient - share).abs() < 1e-3, "{parent:?}");
        }
    }

    #[test]
    fn an_unrelated_checkpoint_and_a_parent_itself_are_no_merge() {
        let [a, b] = [1, 2].map(|salt| checkpoint("parent", &values(salt)));
        let unrelated = checkpoint("x", &values(3));
        let parents = std::slice::from_ref(&b);
        assert_eq!(find(&a, &unrelated, parents).unwrap().is_merge, Some(false));
        assert_eq!(find(&a, &a, parents).unwrap().is_merge, Some(false));
    }

    #[test]
    fn whether_it_is_a_merge_is_not_said_where_tensors_could_not_be_read() {
        let (one, two) = (values(1), values(2));
        let merged = checkpoint("merged", &mixed(&one, &two, 0.3));
        let (a, b) = (checkpoint("one", &one), checkpoint("two", &two));
        let parents = [b.with_unread("v")];
        let options = DiffOptions {
            parents: &parents,
            ..DiffOptions::default()
        };
        // What was read of A and B is complete, but for the parent.
        let found = diff(&a, &merged, &options).unwrap();
        let Diff::Exact(exact) = &found else {
            panic!("not of sketches")
        };
        assert_eq!(exact.merge.as_ref().unwrap().is_merge, None);
        let page = found.to_string();
        assert!(page.contains("cannot tell whether it is a merge"), "{page}");
    }

    #[test]
    fn a_sketch_is_neither_a_merge_nor_a_parent() {
        let [a, b, c] = [1, 2, 3].map(|salt| checkpoint("x", &values(salt)));
        let refused = |a: &Checkpoint, b: &Checkpoint, parent: Checkpoint| {
            let parents = [parent];
            let options = DiffOptions {
                parents: &parents,
                ..DiffOptions::default()
            };
            diff(a, b, &options).unwrap_err().kind()
        };
        assert_eq!(
            refused(&a, &b.sketched(), checkpoint("x", &values(3))),
            "sketch_only"
        );
        assert_eq!(refused(&a, &b, c.sketched()), "sketch_only");
    }
}
