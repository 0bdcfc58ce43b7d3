//! More runs than were trained: every run again, mirrored along axes of its own.
//!
//! A mirrored run has the steps and the distance from the origin of the run that it was made from,
//! and lies elsewhere, as another initialisation would.

use zoo_training::random::visiting_order;

/// By how much, at most, a run is made larger, so that no two distances are the same.
const GROWN: f32 = 0.02;

/// The points of some runs, and copies of each, shuffled.
pub(super) struct Mirrored<'a> {
    /// All weights of the points that are copied, point after point.
    points: &'a [f32],
    dimensions: usize,
    /// Run of each.
    runs: &'a [u32],
    copies: u32,
    /// What stands in each place: a copy of a point.
    order: Vec<u32>,
}

impl<'a> Mirrored<'a> {
    /// The first copy is the points themselves.
    pub(super) fn new(points: &'a [f32], runs: &'a [u32], copies: u32) -> Self {
        Self {
            dimensions: points.len() / runs.len(),
            order: visiting_order(1, 0, copies as usize * runs.len()),
            points,
            runs,
            copies,
        }
    }

    /// Number of points.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The point that the one in a place is a copy of.
    pub(super) fn source(&self, place: usize) -> usize {
        self.order[place] as usize % self.runs.len()
    }

    /// Its run.
    pub(super) fn run(&self, place: usize) -> u32 {
        let copy = self.order[place] / self.runs.len() as u32;
        self.runs[self.source(place)] * self.copies + copy
    }

    /// All points, one after the other.
    pub(super) fn columns(&self) -> Vec<f32> {
        let runs = self.runs.iter().max().map_or(1, |most| most + 1) * self.copies;
        let mut columns = Vec::with_capacity(self.len() * self.dimensions);
        for place in 0..self.len() {
            let run = self.run(place);
            let source = &self.points[self.source(place) * self.dimensions..][..self.dimensions];
            if run.is_multiple_of(self.copies) {
                columns.extend(source);
                continue;
            }
            let grown = 1.0 + GROWN * run as f32 / runs as f32;
            columns.extend(source.iter().enumerate().map(|(axis, weight)| {
                let bits = mixed(u64::from(run) << 32 | axis as u64);
                weight * if bits >> 63 == 1 { -grown } else { grown }
            }));
        }
        columns
    }
}

/// Bits that look random (the finaliser of MurmurHash3).
fn mixed(mut bits: u64) -> u64 {
    for _ in 0..2 {
        bits = (bits ^ (bits >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    }
    bits ^ (bits >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_of_a_run_keep_its_steps_and_lie_elsewhere() {
        let points: Vec<f32> = (0..6 * 64).map(|i| (i as f32 * 0.7).sin()).collect();
        let runs = [0, 0, 0, 1, 1, 1];
        let mirrored = Mirrored::new(&points, &runs, 4);
        let columns = mirrored.columns();
        let column = |place: usize| &columns[place * 64..][..64];
        let distance = |x: &[f32], y: &[f32]| {
            let squares = x.iter().zip(y).map(|(x, y)| (x - y).powi(2));
            squares.sum::<f32>().sqrt()
        };
        let places: Vec<usize> = (0..mirrored.len()).collect();
        for run in 0..8 {
            let of_run = |&&place: &&usize| mirrored.run(place) == run;
            let mut own: Vec<usize> = places.iter().filter(of_run).copied().collect();
            assert_eq!(own.len(), 3);
            own.sort_by_key(|&place| mirrored.source(place));
            let [a, b] = [own[0], own[1]];
            let [x, y] = [a, b].map(|place| &points[mirrored.source(place) * 64..][..64]);
            let ratio = distance(column(a), column(b)) / distance(x, y);
            assert!((0.999..1.021).contains(&ratio), "{ratio}");
            let others = places.iter().filter(|place| !of_run(place));
            let nearest = others.map(|&other| distance(column(a), column(other)));
            assert!(nearest.fold(f32::INFINITY, f32::min) > 1.0);
        }
    }
}
