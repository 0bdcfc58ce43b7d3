//! Which leaf belongs to which cluster.

use serde::Serialize;

use crate::Error;

/// A partition of the leaves `0..n` into clusters.
///
/// Clusters are numbered from 0 by their smallest leaf, so that equal partitions are equal values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Clusters {
    labels: Vec<u32>,
    /// Leaves grouped by cluster, ascending inside each.
    members: Vec<u32>,
    /// Where each cluster's members start; one entry more than there are clusters.
    starts: Vec<usize>,
}

impl Clusters {
    /// The partition in which two leaves share a cluster if they share a label.
    ///
    /// Any numbers will do as labels. O(n log n).
    ///
    /// # Errors
    ///
    /// No leaves, or more than can be numbered.
    pub fn from_labels(labels: &[u32]) -> Result<Self, Error> {
        if labels.is_empty() {
            return Err(Error::Empty {
                what: "the list of cluster labels",
            });
        }
        if labels.len() > (u32::MAX / 2) as usize {
            return Err(Error::TooMany {
                leaves: labels.len(),
            });
        }
        let mut by_label: Vec<u32> = (0..labels.len() as u32).collect();
        by_label.sort_by_key(|&leaf| labels[leaf as usize]);
        let mut groups: Vec<&[u32]> = by_label
            .chunk_by(|&x, &y| labels[x as usize] == labels[y as usize])
            .collect();
        groups.sort_unstable_by_key(|group| group[0]);

        let mut numbers = vec![0; labels.len()];
        let mut members = Vec::with_capacity(labels.len());
        let mut starts = vec![0];
        for (number, group) in groups.into_iter().enumerate() {
            for &leaf in group {
                numbers[leaf as usize] = number as u32;
            }
            members.extend_from_slice(group);
            starts.push(members.len());
        }
        Ok(Self {
            labels: numbers,
            members,
            starts,
        })
    }

    /// Number of clusters; at least one.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Number of leaves in all clusters together.
    pub fn leaves(&self) -> usize {
        self.labels.len()
    }

    /// The cluster of every leaf.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// The leaves of one cluster, ascending.
    ///
    /// # Panics
    ///
    /// If there is no such cluster, as indexing a slice does.
    pub fn members(&self, cluster: usize) -> &[u32] {
        &self.members[self.starts[cluster]..self.starts[cluster + 1]]
    }

    /// The members of every cluster in turn.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        self.starts
            .windows(2)
            .map(|bounds| &self.members[bounds[0]..bounds[1]])
    }

    /// The size of every cluster.
    pub fn sizes(&self) -> Vec<usize> {
        self.iter().map(<[u32]>::len).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_are_numbered_by_their_smallest_leaf_whatever_the_labels() {
        let clusters = Clusters::from_labels(&[9, 4, 9, 0, 4]).unwrap();
        assert_eq!(clusters.labels(), [0, 1, 0, 2, 1]);
        assert_eq!(clusters.members(1), [1, 4]);
        assert_eq!(clusters.sizes(), [2, 2, 1]);
        assert_eq!(clusters, Clusters::from_labels(&[1, 7, 1, 3, 7]).unwrap());
    }

    #[test]
    fn an_empty_partition_is_refused() {
        assert!(matches!(
            Clusters::from_labels(&[]),
            Err(Error::Empty { .. })
        ));
    }
}
