//! Horizontal and vertical strokes on a grid: what falls onto the same line of the grid and
//! overlaps becomes one stroke, so the written size is bounded by the picture.

use std::collections::BTreeMap;

use crate::{
    colour::Rgb,
    svg::{Path, Svg},
};

/// Start and end along a line of the grid, in grid steps.
type Interval = (i64, i64);

/// Strokes by colour, direction and line of the grid.
pub(crate) struct Strokes {
    resolution: f64,
    lines: BTreeMap<(Rgb, bool, i64), Vec<Interval>>,
}

impl Strokes {
    /// `resolution` is the grid's step in pixels.
    pub(crate) fn new(resolution: f64) -> Self {
        Self {
            resolution,
            lines: BTreeMap::new(),
        }
    }

    fn snap(&self, pixels: f64) -> i64 {
        (pixels / self.resolution).round() as i64
    }

    pub(crate) fn vertical(&mut self, colour: Rgb, x: f64, from: f64, to: f64) {
        self.add(colour, true, x, from, to);
    }

    pub(crate) fn horizontal(&mut self, colour: Rgb, y: f64, from: f64, to: f64) {
        self.add(colour, false, y, from, to);
    }

    fn add(&mut self, colour: Rgb, vertical: bool, at: f64, from: f64, to: f64) {
        let interval = (self.snap(from.min(to)), self.snap(from.max(to)));
        if interval.0 < interval.1 {
            let key = (colour, vertical, self.snap(at));
            self.lines.entry(key).or_default().push(interval);
        }
    }

    /// Writes one path per colour; colours in `below` come first, in that order.
    pub(crate) fn draw(self, svg: &mut Svg, width: f64, below: &[Rgb]) {
        let mut paths: BTreeMap<(usize, Rgb), Path> = BTreeMap::new();
        for ((colour, vertical, at), mut intervals) in self.lines {
            let rank = below
                .iter()
                .position(|c| *c == colour)
                .unwrap_or(below.len());
            let path = paths.entry((rank, colour)).or_default();
            let at = at as f64 * self.resolution;
            for (from, to) in union(&mut intervals) {
                let (from, to) = (from as f64 * self.resolution, to as f64 * self.resolution);
                if vertical {
                    path.move_to(at, from).line_to(at, to);
                } else {
                    path.move_to(from, at).line_to(to, at);
                }
            }
        }
        for ((_, colour), path) in &paths {
            let style = format!(
                "stroke=\"{}\" stroke-width=\"{}\" stroke-linecap=\"square\"",
                colour.hex(),
                crate::svg::number(width)
            );
            svg.path(path, &style);
        }
    }
}

/// Joins intervals that overlap or touch.
fn union(intervals: &mut [Interval]) -> Vec<Interval> {
    intervals.sort_unstable();
    let mut joined: Vec<Interval> = Vec::new();
    for &(from, to) in intervals.iter() {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_intervals_join_and_separate_ones_stay() {
        let mut intervals = [(5, 7), (0, 2), (2, 3), (6, 6), (9, 10)];
        assert_eq!(union(&mut intervals), [(0, 3), (5, 7), (9, 10)]);
    }

    #[test]
    fn the_union_covers_exactly_the_cells_that_its_intervals_cover() {
        let mut state = 7_u64;
        let mut next = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            ((state >> 33) % below) as i64
        };
        for _ in 0..200 {
            let mut intervals: Vec<Interval> = (0..next(12))
                .map(|_| (next(40), next(9)))
                .map(|(from, length)| (from, from + length + 1))
                .collect();
            let covered = |intervals: &[Interval], cell: i64| {
                intervals.iter().any(|i| i.0 <= cell && cell < i.1)
            };
            let naive: Vec<bool> = (0..60).map(|cell| covered(&intervals, cell)).collect();
            let joined = union(&mut intervals);
            let ours: Vec<bool> = (0..60).map(|cell| covered(&joined, cell)).collect();
            assert_eq!(ours, naive);
            assert!(joined.windows(2).all(|pair| pair[0].1 < pair[1].0));
        }
    }

    #[test]
    fn strokes_within_one_grid_step_are_written_once() {
        let mut strokes = Strokes::new(0.5);
        for i in 0..1000 {
            strokes.vertical(Rgb(0, 0, 0), 10.0 + f64::from(i) * 1e-4, 0.0, 5.0);
        }
        let mut svg = Svg::new(20.0, 20.0, "");
        strokes.draw(&mut svg, 1.0, &[]);
        assert_eq!(svg.finish().matches("v5").count(), 1);
    }
}
