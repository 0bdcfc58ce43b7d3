//! Parts of tensors, each in the file of one process, and where they belong.

use super::shape::count;
use super::stored::Stored;

/// A part of a tensor, in the file of one process.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// The tensor's name.
    pub(super) name: String,
    /// Its whole shape.
    pub(super) shape: Vec<u64>,
    /// What is there of it.
    pub(super) stored: Stored,
    pub(super) cut: Cut,
    /// Which file it is in.
    pub(super) file: usize,
}

/// Where a part belongs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cut {
    /// Where it begins along each dimension, if that is said.
    pub(super) at: Option<Vec<u64>>,
    /// How many processes there are along each dimension of their mesh.
    pub(super) mesh: Option<Vec<u64>>,
    /// Where its process is in the mesh.
    pub(super) coordinate: Option<Vec<u64>>,
    /// The number of its process.
    pub(super) rank: Option<u64>,
    /// How many processes there are, if that is said without a mesh.
    pub(super) world: Option<u64>,
    /// How the tensor lies along each dimension of the mesh.
    pub(super) placements: Vec<Placement>,
}

/// How a tensor lies along one dimension of a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    /// Every process has all of it.
    Replicate,
    /// It is cut along this dimension of its own.
    Shard(usize),
    /// It is cut along this dimension of its own after later dimensions of the mesh have cut it into so
    /// many parts.
    Strided(usize, u64),
    /// Every process has a part of a sum, or something that is not known.
    Other,
}

impl Cut {
    /// How many processes hold parts.
    pub(super) fn processes(&self) -> u64 {
        let mesh = self.mesh.as_deref().and_then(count);
        mesh.or(self.world).unwrap_or(1)
    }

    /// Whether what is there may have to be added up.
    pub(super) fn is_sum(&self) -> bool {
        self.placements.contains(&Placement::Other)
    }

    /// Where the part begins, and its shape, in a tensor of this shape; none where that is not known.
    pub(super) fn place(&self, shape: &[u64], of_file: u64) -> Option<(Vec<u64>, Vec<u64>)> {
        let mesh = match &self.mesh {
            Some(mesh) => mesh.clone(),
            None => vec![self.world?],
        };
        if mesh.len() != self.placements.len() {
            return None;
        }
        let coordinate = match &self.coordinate {
            Some(coordinate) => coordinate.clone(),
            None => unravelled(self.rank.unwrap_or(of_file), &mesh)?,
        };
        let mut at = vec![0; shape.len()];
        let mut sizes = shape.to_vec();
        for dimension in 0..shape.len() {
            let (mut begin, mut size) = (0_u64, *shape.get(dimension)?);
            for cut in self.order(dimension, &mesh)? {
                let (&parts, &own) = mesh.get(cut).zip(coordinate.get(cut))?;
                let chunk = size.div_ceil(parts.max(1));
                let start = own.checked_mul(chunk)?.min(size);
                size = (size - start).min(chunk);
                begin += start;
            }
            *at.get_mut(dimension)? = begin;
            *sizes.get_mut(dimension)? = size;
        }
        let is_known = |placement: &Placement| match placement {
            Placement::Replicate => true,
            Placement::Shard(dimension) | Placement::Strided(dimension, _) => {
                *dimension < shape.len()
            }
            Placement::Other => false,
        };
        self.placements.iter().all(is_known).then_some((at, sizes))
    }

    /// The dimensions of the mesh that cut this dimension, in the order in which they do; none if it is
    /// none that is known.
    fn order(&self, dimension: usize, mesh: &[u64]) -> Option<Vec<usize>> {
        let mut order = Vec::new();
        let mut later = 1_u64;
        // From the last on: a strided one comes after those behind it.
        for (cut, placement) in self.placements.iter().enumerate().rev() {
            let parts = *mesh.get(cut)?;
            match *placement {
                Placement::Shard(own) if own == dimension => order.insert(0, cut),
                Placement::Strided(own, factor) if own == dimension => {
                    if factor != later {
                        return None;
                    }
                    order.push(cut);
                }
                _ => continue,
            }
            later = later.checked_mul(parts)?;
        }
        Some(order)
    }
}

/// The place of a number in a mesh, row-major.
fn unravelled(rank: u64, mesh: &[u64]) -> Option<Vec<u64>> {
    let mut rest = rank;
    let mut coordinate = vec![0; mesh.len()];
    for (own, &parts) in coordinate.iter_mut().zip(mesh).rev() {
        *own = rest.checked_rem(parts)?;
        rest /= parts;
    }
    (rest == 0).then_some(coordinate)
}

/// The number of a place in a mesh, row-major.
pub(super) fn number(coordinate: &[u64], mesh: &[u64]) -> Option<u64> {
    let sides = coordinate.iter().zip(mesh);
    (coordinate.len() == mesh.len()).then(|| {
        sides.fold(0_u64, |number, (&own, &parts)| {
            number.saturating_mul(parts).saturating_add(own)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(
        shape: &[u64],
        mesh: &[u64],
        coordinate: &[u64],
        placements: &[Placement],
    ) -> Option<(Vec<u64>, Vec<u64>)> {
        let cut = Cut {
            mesh: Some(mesh.to_vec()),
            coordinate: Some(coordinate.to_vec()),
            placements: placements.to_vec(),
            ..Cut::default()
        };
        cut.place(shape, 0)
    }

    #[test]
    fn parts_lie_where_torch_chunk_puts_them() {
        use Placement::{Other, Replicate, Shard, Strided};
        // Five rows over three processes: two, two, one; over four: two, two, one, none.
        assert_eq!(
            placed(&[5, 2], &[3], &[2], &[Shard(0)]),
            Some((vec![4, 0], vec![1, 2]))
        );
        assert_eq!(
            placed(&[5, 2], &[4], &[3], &[Shard(0)]),
            Some((vec![5, 0], vec![0, 2]))
        );
        assert_eq!(
            placed(&[4, 6], &[2, 3], &[1, 2], &[Replicate, Shard(1)]),
            Some((vec![0, 4], vec![4, 2]))
        );
        // One dimension cut twice: first by the first, or, strided, first by the second.
        assert_eq!(
            placed(&[8], &[2, 2], &[0, 1], &[Shard(0), Shard(0)]),
            Some((vec![2], vec![2]))
        );
        assert_eq!(
            placed(&[8], &[2, 2], &[0, 1], &[Strided(0, 2), Shard(0)]),
            Some((vec![4], vec![2]))
        );
        assert_eq!(
            placed(&[8], &[2, 2], &[0, 1], &[Strided(0, 3), Shard(0)]),
            None
        );
        assert_eq!(placed(&[8], &[2], &[0], &[Other]), None);
        assert_eq!(placed(&[8], &[2], &[0], &[Shard(1)]), None);
        assert_eq!(placed(&[8], &[2, 2], &[0, 1], &[Shard(0)]), None);
    }

    #[test]
    fn a_rank_has_one_place_in_a_mesh() {
        assert_eq!(unravelled(5, &[2, 3]), Some(vec![1, 2]));
        assert_eq!(unravelled(6, &[2, 3]), None);
        assert_eq!(unravelled(0, &[0]), None);
        assert_eq!(number(&[1, 2], &[2, 3]), Some(5));
    }
}
