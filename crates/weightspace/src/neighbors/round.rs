//! One round over tiles of pairs, which finds the nearest of every point.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::shadows::Shadows;
use crate::tiles::{Limit, Panels, TileIndex};

/// The searches for the nearest of all points.
pub(super) struct Round<'a> {
    /// One search for every point, panel by panel.
    panels: Vec<Mutex<Vec<Search>>>,
    /// The number of the point in each place of the panels.
    numbers: Vec<u32>,
    measure: &'a Measure<'a>,
}

/// The length of a pair, given the numbers of its points, a lower bound, and a limit beyond which the
/// length is not needed.
type Measure<'m> = dyn Fn(u32, u32, f64, f64) -> Option<f64> + Sync + 'm;

/// Share of a tile's pairs from which it is quicker to compute the tile in all dimensions.
const CROWDED: usize = 16;

impl<'a> Round<'a> {
    /// `known` are `k` points measured before for each point, nearest first, place after place, or
    /// none at all.
    pub(super) fn new(
        panels: &Panels<'_>,
        k: usize,
        numbers: Vec<u32>,
        known: &[(f64, u32)],
        measure: &'a Measure<'a>,
    ) -> Self {
        let searches = |place: usize| Search {
            point: numbers[place],
            k,
            nearest: known
                .chunks_exact(k)
                .nth(place)
                .unwrap_or_default()
                .to_vec(),
        };
        Self {
            panels: (0..panels.panels())
                .map(|panel| Mutex::new(panels.points(panel).map(searches).collect()))
                .collect(),
            numbers,
            measure,
        }
    }

    /// Looks at some tiles. `shadows` say how the lengths in them bound distances, which is not
    /// needed where the tiles are of the points themselves; tiles that they leave crowded are not
    /// looked at, but returned.
    pub(super) fn look(
        &self,
        panels: &Panels<'_>,
        tiles: &[TileIndex],
        shadows: Option<&Shadows>,
    ) -> Vec<TileIndex> {
        let limits = |searches: &[Search]| -> Vec<Limit> {
            let farthest = searches.iter().map(Search::farthest);
            farthest
                .map(|length| shadows.map_or(length, |shadows| shadows.at_most(length)))
                .map(|length| panels.limit(length))
                .collect()
        };
        let crowded = Mutex::new(Vec::new());
        panels.for_each(tiles, |tile| {
            let (row, column) = tile.panels();
            let row_limits = limits(&lock(&self.panels[row]));
            let column_limits = limits(&lock(&self.panels[column]));
            let mut candidates = Vec::new();
            tile.candidates(&row_limits, &column_limits, |mut pair| {
                if let Some(shadows) = shadows {
                    pair.at_least = shadows.at_least(pair.at_least);
                }
                candidates.push(pair);
            });
            let pairs = row_limits.len() * column_limits.len();
            if shadows.is_some() && candidates.len() * CROWDED > pairs {
                lock(&crowded).push(TileIndex {
                    row: row as u32,
                    column: column as u32,
                });
                return;
            }
            candidates.sort_unstable_by(|x, y| x.at_least.total_cmp(&y.at_least));
            let mut rows = lock(&self.panels[row]);
            let mut columns = (row != column).then(|| lock(&self.panels[column]));
            let places = [row, column].map(|panel| panels.points(panel).start);
            for pair in &candidates {
                let (a, b) = (pair.a as usize - places[0], pair.b as usize - places[1]);
                let others = columns.as_deref_mut();
                let farthest = rows[a].farthest().max(match &others {
                    Some(columns) => columns[b].farthest(),
                    None => rows[b].farthest(),
                });
                if pair.at_least > farthest {
                    continue;
                }
                let [x, y] = [pair.a, pair.b].map(|place| self.numbers[place as usize]);
                let known = rows[a].known(y).or(match &others {
                    Some(columns) => columns[b].known(x),
                    None => rows[b].known(x),
                });
                let measured = known.or_else(|| (self.measure)(x, y, pair.at_least, farthest));
                let Some(length) = measured else {
                    continue;
                };
                rows[a].insert(length, y);
                match others {
                    Some(columns) => columns[b].insert(length, x),
                    None => rows[b].insert(length, x),
                }
            }
        });
        crowded.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The nearest of every point with their lengths, in the order of the points' numbers.
    pub(super) fn end(self) -> Vec<(f64, u32)> {
        let searches = self.panels.into_iter().flat_map(|searches| {
            searches
                .into_inner()
                .unwrap_or_else(PoisonError::into_inner)
        });
        let mut searches: Vec<Search> = searches.collect();
        searches.sort_unstable_by_key(|search| search.point);
        searches
            .into_iter()
            .flat_map(|search| search.nearest)
            .collect()
    }
}

/// A panic in another thread ends the search anyway; it need not be reported twice.
fn lock<T>(search: &Mutex<T>) -> MutexGuard<'_, T> {
    search.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The search for the nearest neighbours of one point.
struct Search {
    /// Its number.
    point: u32,
    k: usize,
    /// The nearest of all points measured so far, at most `k`, in order.
    nearest: Vec<(f64, u32)>,
}

impl Search {
    /// The distance beyond which no point is among the `k` nearest.
    fn farthest(&self) -> f64 {
        match self.nearest.get(self.k - 1) {
            Some(&(length, _)) => length,
            None => f64::INFINITY,
        }
    }

    /// The distance of a point that is among the nearest so far.
    fn known(&self, other: u32) -> Option<f64> {
        let known = self.nearest.iter().find(|&&(_, point)| point == other);
        known.map(|&(length, _)| length)
    }

    fn insert(&mut self, length: f64, other: u32) {
        let entry = (length, other);
        let place = self
            .nearest
            .partition_point(|known| by_length(known, &entry).is_lt());
        if place < self.k && self.nearest.get(place) != Some(&entry) {
            self.nearest.truncate(self.k - 1);
            self.nearest.insert(place, entry);
        }
    }
}

/// By distance, then by number.
pub(super) fn by_length(x: &(f64, u32), y: &(f64, u32)) -> std::cmp::Ordering {
    x.0.total_cmp(&y.0).then(x.1.cmp(&y.1))
}
