//! Bit-identical checkpoints count once, without a copy of the others' weights.

use crate::collection::Group;
use crate::collection::copies::kept;
use nalgebra::{DMatrix, DMatrixView};
use std::collections::HashMap;

/// Points of distinct checkpoints: columns of the group as they lie, or copies of them.
pub(super) enum Points<'a> {
    View(DMatrixView<'a, f32>),
    Copied(DMatrix<f32>),
}

impl Points<'_> {
    pub(super) fn view(&self) -> DMatrixView<'_, f32> {
        match self {
            Self::View(points) => *points,
            Self::Copied(points) => points.as_view(),
        }
    }
}

/// The members of a group, each bit pattern once.
pub(super) struct Distinct {
    /// For each pattern the place of its first member.
    firsts: Vec<usize>,
    /// For each pattern its members, the one that stands for all at the front.
    members: Vec<Vec<usize>>,
    /// The same of patterns that stand beside the runs: averages, and copies of what is not there.
    aside: Vec<Vec<usize>>,
}

impl Distinct {
    pub(super) fn of(group: &Group) -> Self {
        let (mut firsts, mut members) = (Vec::new(), Vec::<Vec<usize>>::new());
        let mut known: HashMap<u64, usize> = HashMap::new();
        let kept = kept(&group.members);
        let mut aside: HashMap<u64, Vec<usize>> = HashMap::new();
        for (index, member) in group.members.iter().enumerate() {
            if !kept.contains(&member.identity) {
                aside.entry(member.identity).or_default().push(index);
                continue;
            }
            let next = members.len();
            let pattern = *known.entry(member.identity).or_insert(next);
            match members.get_mut(pattern) {
                Some(copies) => copies.push(index),
                None => {
                    firsts.push(index);
                    members.push(vec![index]);
                }
            }
        }
        let mut aside: Vec<Vec<usize>> = aside.into_values().collect();
        for copies in members.iter_mut().chain(&mut aside) {
            // Stands for all: one of the run that says when it was saved, then the shortest name.
            copies.sort_by_key(|&index| {
                let member = group.members.get(index);
                member.map(|m| {
                    let is_aside = m.aside.is_some() || m.claims.aside.is_some();
                    (
                        m.aside.is_some(),
                        m.claims.position.is_none(),
                        is_aside,
                        m.name.len(),
                        &m.name,
                    )
                })
            });
        }
        let first = |copies: &Vec<usize>| {
            let member = copies.first().and_then(|&index| group.members.get(index));
            member.map(|member| &member.name)
        };
        aside.sort_by(|a, b| first(a).cmp(&first(b)));
        Self {
            firsts,
            members,
            aside,
        }
    }

    /// What stands beside the runs: for each pattern its members.
    pub(super) fn aside(&self) -> &[Vec<usize>] {
        &self.aside
    }

    /// The member that stands for each pattern.
    pub(super) fn leaves(&self) -> Vec<usize> {
        let firsts = self.members.iter();
        firsts.filter_map(|m| m.first().copied()).collect()
    }

    /// The members of a pattern, the one that stands for all at the front.
    pub(super) fn members(&self, pattern: u32) -> &[usize] {
        let members = self.members.get(pattern as usize);
        members.map_or(&[], Vec::as_slice)
    }

    /// A column for each pattern, in the order of [`leaves`](Self::leaves). Groups are read with
    /// copies behind all others, so that nothing is copied here but where members were removed since.
    pub(super) fn points<'a>(&self, group: &'a Group) -> Points<'a> {
        let count = self.firsts.len();
        if self.firsts.last().is_none_or(|&last| last + 1 == count) {
            return Points::View(group.points.columns(0, count));
        }
        Points::Copied(group.points.select_columns(&self.firsts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collection::copies::copies_last;
    use crate::collection::{Aside, AsideClaim, Claims, From, Member, Space};
    use std::path::PathBuf;

    fn group(identities: &[u64]) -> Group {
        let members = identities.iter().enumerate();
        let mut members: Vec<Member> = members
            .map(|(index, &identity)| Member {
                name: format!("{index}"),
                path: PathBuf::new(),
                claims: Claims::default(),
                aside: None,
                identity,
                view: None,
            })
            .collect();
        let values = identities.iter().map(|&identity| identity as f32);
        let mut values: Vec<f32> = values.flat_map(|value| [value, -value]).collect();
        copies_last(&mut members, &mut values, 2);
        Group {
            layout: Vec::new(),
            points: DMatrix::from_vec(2, members.len(), values),
            members,
            space: Space::Weights,
            taken: Vec::new(),
            not_compared: Vec::new(),
        }
    }

    #[test]
    fn copies_go_behind_all_others_with_their_columns() {
        let group = group(&[5, 5, 7, 5, 7, 9]);
        let names: Vec<&str> = group.members.iter().map(|m| m.name.as_str()).collect();
        assert_eq!(names.get(..3), Some(["0", "2", "5"].as_slice()));
        for (member, column) in group.members.iter().zip(group.points.column_iter()) {
            assert_eq!(
                column.as_slice(),
                [member.identity as f32, -(member.identity as f32)]
            );
        }
    }

    #[test]
    fn what_stands_beside_a_run_lies_behind_and_is_a_copy_or_apart() {
        let mut group = group(&[5, 6, 7, 8]);
        let set_aside = |member: &mut Member, identity| {
            member.aside = Some(AsideClaim {
                value: Aside::Best,
                from: From::FileName,
            });
            member.identity = identity;
        };
        // A copy of the second, and one of what is not there.
        set_aside(&mut group.members[0], 6);
        set_aside(&mut group.members[2], 9);
        let mut values = group.points.as_slice().to_vec();
        copies_last(&mut group.members, &mut values, 2);
        let identities: Vec<u64> = group.members.iter().map(|m| m.identity).collect();
        assert_eq!(identities.get(..2), Some([6, 8].as_slice()));
        group.points = DMatrix::from_vec(2, group.members.len(), values);
        let distinct = Distinct::of(&group);
        assert!(matches!(distinct.points(&group), Points::View(_)));
        let leaves = distinct.leaves();
        assert_eq!(leaves.len(), 2);
        for leaf in leaves {
            assert!(group.members[leaf].aside.is_none());
        }
        assert_eq!(distinct.aside().len(), 1);
    }

    #[test]
    fn distinct_points_are_a_view_where_copies_lie_behind_and_a_copy_elsewhere() {
        let mut group = group(&[5, 5, 7, 5, 7, 9]);
        let expected = DMatrix::from_vec(2, 3, vec![5.0, -5.0, 7.0, -7.0, 9.0, -9.0]);
        let distinct = Distinct::of(&group);
        let points = distinct.points(&group);
        assert!(matches!(points, Points::View(_)));
        assert_eq!(points.view(), expected);
        group.members.swap(1, 3);
        group.points.swap_columns(1, 3);
        let distinct = Distinct::of(&group);
        let points = distinct.points(&group);
        assert!(matches!(points, Points::Copied(_)));
        let firsts = points.view().row(0).iter().copied().collect::<Vec<f32>>();
        let members = distinct.leaves();
        let own = members.iter().filter_map(|&m| group.members.get(m));
        assert_eq!(firsts, own.map(|m| m.identity as f32).collect::<Vec<f32>>());
    }
}
