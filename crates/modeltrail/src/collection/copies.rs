//! Checkpoints with the same bits: the first of each, then the copies.

use super::group::Member;
use std::collections::HashSet;

/// The bit patterns of which a member belongs to a run, rather than beside one.
pub(crate) fn kept(members: &[Member]) -> HashSet<u64> {
    let own = members.iter().filter(|member| member.aside.is_none());
    own.map(|member| member.identity).collect()
}

/// Puts the first member of each bit pattern before all copies and all that stands beside the runs,
/// and its column of so many rows with it; the order is kept otherwise.
pub(crate) fn copies_last(members: &mut [Member], values: &mut [f32], rows: usize) {
    let kept = kept(members);
    let mut known = HashSet::new();
    let mut originals = 0;
    for index in 0..members.len() {
        let is_first = members
            .get(index)
            .is_some_and(|m| kept.contains(&m.identity) && known.insert(m.identity));
        if !is_first {
            continue;
        }
        if index > originals {
            members.swap(index, originals);
            let (front, back) = values.split_at_mut(index * rows);
            if let (Some(copy), Some(original)) = (
                front.get_mut(originals * rows..(originals + 1) * rows),
                back.get_mut(..rows),
            ) {
                copy.swap_with_slice(original);
            }
        }
        originals += 1;
    }
}
