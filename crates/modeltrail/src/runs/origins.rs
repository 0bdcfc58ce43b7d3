//! Where runs came from: forks between those that the weights separate.

pub(super) mod find;

use std::collections::BTreeSet;

/// Where a run came from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// It is related to no other.
    Root,
    /// It left another run.
    Fork(Fork),
    /// It has a start in common with these runs that is not among the checkpoints.
    Siblings(Vec<usize>),
}

/// Where a run left another.
#[derive(Debug, Clone, PartialEq)]
pub struct Fork {
    /// The run it left, from 0.
    pub parent: usize,
    /// Name of the parent's last checkpoint before the fork.
    pub after: String,
    /// Names of the first and the last checkpoint that `after` may be.
    pub between: (String, String),
    /// The group's member that `after` is.
    pub(crate) after_member: usize,
    /// Whether parent and fork are known, and which end of both runs is the first.
    pub is_certain: bool,
    /// Of the place of the fork, given the parent.
    pub confidence: f64,
}

/// What makes runs one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tie {
    /// One branches off the other.
    Fork,
    /// That, or both come from one start.
    ForkOrStart,
}

/// The runs that such ties connect with a run, and itself.
pub(crate) fn family_of(run: usize, origins: &[Origin], tie: Tie) -> BTreeSet<usize> {
    let mut family = BTreeSet::from([run]);
    loop {
        let before = family.len();
        for (index, origin) in origins.iter().enumerate() {
            let tied: &[usize] = match origin {
                Origin::Fork(fork) => std::slice::from_ref(&fork.parent),
                Origin::Siblings(others) if tie == Tie::ForkOrStart => others,
                Origin::Siblings(_) | Origin::Root => &[],
            };
            if family.contains(&index) || tied.iter().any(|other| family.contains(other)) {
                family.insert(index);
                family.extend(tied);
            }
        }
        if family.len() == before {
            return family;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_closed_under_its_ties() {
        let origins = [
            Origin::Root,
            Origin::Siblings(vec![0]),
            Origin::Root,
            Origin::Siblings(vec![1]),
        ];
        let family = |run, tie| {
            family_of(run, &origins, tie)
                .into_iter()
                .collect::<Vec<_>>()
        };
        assert_eq!(family(3, Tie::ForkOrStart), [0, 1, 3]);
        assert_eq!(family(0, Tie::ForkOrStart), [0, 1, 3]);
        assert_eq!(family(2, Tie::ForkOrStart), [2]);
        assert_eq!(family(3, Tie::Fork), [3]);
    }
}
