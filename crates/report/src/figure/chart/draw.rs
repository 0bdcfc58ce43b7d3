//! Lays a chart out and draws it.

use super::{Axis, Chart, Panel, Place, Reference, Series, Style};
use crate::{
    area::{Area, WIDTH, panel_title},
    axes::{self, Frame},
    colour::run_colour,
    legend::{Entry, Mark, legend},
    scale::{Domain, Scale},
    style::stroke,
    svg::{Path, Svg, band},
};

const ROW_HEIGHT: f64 = 320.0;
const DASHES: [&str; 3] = ["7 4", "3 3", "9 3 2 3"];
const GREYS: [&str; 3] = ["#555", "#888", "#b0b0b0"];
const REFERENCE: &str = "1.5 3";
const REFERENCE_COLOUR: &str = "#444";

/// Colour and dashes of a name.
#[derive(Clone, PartialEq)]
struct Look {
    name: String,
    colour: String,
    dashes: Option<&'static str>,
}

/// The looks of all names, in order of appearance.
fn looks(chart: &Chart) -> Vec<Look> {
    let mut found: Vec<&Series> = Vec::new();
    for series in chart.panels.iter().flat_map(|p| &p.series) {
        if found.iter().all(|f| f.name != series.name) {
            found.push(series);
        }
    }
    let coloured = found.iter().filter(|s| !s.baseline).count();
    let highest = found.iter().filter_map(|s| s.colour).max();
    let colours = coloured.max(highest.map_or(0, |c| c + 1));
    let taken: Vec<usize> = found.iter().filter_map(|s| s.colour).collect();
    let mut free = (0..).filter(|c| !taken.contains(c));
    let mut baselines = 0;
    found
        .into_iter()
        .map(|series| {
            let (colour, dashes) = if series.baseline {
                let kind = baselines % DASHES.len();
                baselines += 1;
                (GREYS[kind].to_owned(), Some(DASHES[kind]))
            } else {
                let number = series.colour.or_else(|| free.next()).unwrap_or(0);
                (run_colour(number, colours).hex(), None)
            };
            Look {
                name: series.name.clone(),
                colour,
                dashes,
            }
        })
        .collect()
}

pub(super) fn chart(chart: &Chart) -> String {
    let looks = looks(chart);
    let (cells, height) = Area::cells(chart.panels.len(), chart.columns.max(1), ROW_HEIGHT);
    let mut svg = Svg::new(WIDTH, height, &chart.title);
    let all = Area {
        left: 9.0,
        top: 9.0,
        width: WIDTH - 18.0,
        height,
    };
    let offset = legend(&mut svg, all, &entries(chart, &looks)).top - all.top;
    svg.grow(offset);
    for (panel, cell) in chart.panels.iter().zip(cells) {
        let area = Area {
            top: cell.top + offset,
            ..cell
        };
        let area = panel_title(&mut svg, area, &panel.title);
        draw_panel(&mut svg, area, panel, &looks);
    }
    svg.finish()
}

fn entries<'a>(chart: &'a Chart, looks: &'a [Look]) -> Vec<Entry<'a>> {
    let series = || chart.panels.iter().flat_map(|p| &p.series);
    let mut entries: Vec<Entry<'_>> = looks
        .iter()
        .filter(|look| !look.name.is_empty())
        .filter_map(|look| {
            let series = series().find(|s| s.name == look.name)?;
            let mark = match (series.style, look.dashes) {
                (Style::Line, Some(dashes)) => Mark::Dashed(dashes),
                (Style::Line, None) => Mark::Line,
                (Style::Markers, _) => Mark::Dot,
                (Style::LineAndMarkers, _) => Mark::LineAndDot,
                (Style::Bars, _) => Mark::Block,
            };
            Some(Entry {
                mark,
                colour: look.colour.clone(),
                name: &look.name,
            })
        })
        .collect();
    let mut named: Vec<&str> = Vec::new();
    for reference in chart.panels.iter().flat_map(|p| &p.references) {
        let name = reference.name.as_str();
        if !name.is_empty() && !named.contains(&name) {
            named.push(name);
            entries.push(Entry {
                mark: Mark::Dashed(REFERENCE),
                colour: REFERENCE_COLOUR.into(),
                name,
            });
        }
    }
    entries
}

/// A frame that knows its ends.
struct Plot {
    frame: Frame,
    x: Domain,
    y: Domain,
}

impl Plot {
    fn holds(&self, x: f64, y: f64) -> bool {
        let inside = |domain: Domain, value: f64| {
            let position = domain.position(value);
            Domain::shows(domain.scale, value) && (-1e-9..=1.0 + 1e-9).contains(&position)
        };
        inside(self.x, x) && inside(self.y, y)
    }

    /// Pixels of `y`, no further than the ends.
    fn clamped(&self, y: f64) -> f64 {
        let plot = self.frame.plot;
        self.frame.y(y).clamp(plot.top, plot.bottom())
    }

    /// The line through these points in pixels, cut at the border.
    fn line(&self, points: &[(f64, f64)]) -> Path {
        let mut path = Path::default();
        let mut end = None;
        for pair in points.windows(2) {
            let from = self.frame.point(pair[0].0, pair[0].1);
            let to = self.frame.point(pair[1].0, pair[1].1);
            let Some((from, to)) = cut(self.frame.plot, from, to) else {
                end = None;
                continue;
            };
            if end != Some(from) {
                path.move_to(from.0, from.1);
            }
            path.line_to(to.0, to.1);
            end = Some(to);
        }
        path
    }
}

type Pixel = (f64, f64);

/// The part of a segment inside `area` (Y.-D. Liang and B. A. Barsky, A new concept and method
/// for line clipping, 1984).
fn cut(area: Area, from: Pixel, to: Pixel) -> Option<(Pixel, Pixel)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    if !(dx.is_finite() && dy.is_finite()) {
        return None;
    }
    let sides = [
        (-dx, from.0 - area.left),
        (dx, area.right() - from.0),
        (-dy, from.1 - area.top),
        (dy, area.bottom() - from.1),
    ];
    let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
    for (towards, room) in sides {
        if towards < 0.0 {
            enter = enter.max(room / towards);
        } else if towards > 0.0 {
            leave = leave.min(room / towards);
        } else if room < 0.0 {
            return None;
        }
    }
    let at = |t: f64| (from.0 + t * dx, from.1 + t * dy);
    (enter <= leave).then(|| (at(enter), if leave < 1.0 { at(leave) } else { to }))
}

fn draw_panel(svg: &mut Svg, area: Area, panel: &Panel, looks: &[Look]) {
    let points = || panel.series.iter().flat_map(|s| &s.points);
    let ends = panel.series.iter().flat_map(|s| &s.intervals);
    let base = panel.series.iter().any(|s| s.style == Style::Bars);
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    for reference in &panel.references {
        match reference.place {
            Place::Horizontal(y) => ys.push(y),
            Place::Vertical(x) => xs.push(x),
            Place::Diagonal => {}
        }
    }
    ys.extend(base.then_some(0.0));
    ys.extend(ends.flat_map(|&(lower, upper)| [lower, upper]));
    xs.extend(points().map(|p| p.0));
    ys.extend(points().map(|p| p.1));
    let x = panel.x.domain(xs.into_iter(), 0.02);
    let mut y = panel.y.domain(ys.iter().copied(), 0.04);
    if base && panel.y.range.is_none() && ys.iter().all(|&y| y >= 0.0) {
        y.low = y.low.max(0.0);
    }
    let frame = Frame::draw(svg, area, axis(&panel.x, x), axis(&panel.y, y));
    let plot = Plot { frame, x, y };
    if !points().any(|&(x, y)| plot.holds(x, y)) {
        plot.frame.no_data(svg);
    }
    for reference in &panel.references {
        draw_reference(svg, &plot, reference);
    }
    let places = slots(panel);
    for style in [Style::Bars, Style::Line] {
        for (series, place) in panel.series.iter().zip(&places) {
            let look = looks.iter().find(|l| l.name == series.name);
            let (true, Some(look)) = (
                (series.style == Style::Bars) == (style == Style::Bars),
                look,
            ) else {
                continue;
            };
            draw_series(svg, &plot, series, look, *place);
        }
    }
}

fn axis(axis: &Axis, domain: Domain) -> axes::Axis<'_> {
    axes::Axis::new(domain, &axis.label).named(&axis.names)
}

/// The offset and width, in units of x, of each series' marks: bars everywhere, and markers over
/// names, stand side by side.
fn slots(panel: &Panel) -> Vec<(f64, f64)> {
    let beside = |series: &Series| {
        series.style == Style::Bars || series.style == Style::Markers && !panel.x.names.is_empty()
    };
    let count = panel.series.iter().filter(|s| beside(s)).count().max(1);
    // Bars need a width even where x is a number: the smallest gap between two positions.
    let mut xs: Vec<f64> = panel
        .series
        .iter()
        .flat_map(|s| &s.points)
        .map(|p| p.0)
        .collect();
    xs.retain(|x| x.is_finite());
    xs.sort_by(f64::total_cmp);
    let gaps = xs.windows(2).map(|p| p[1] - p[0]).filter(|&gap| gap > 0.0);
    let gap = if panel.x.names.is_empty() {
        gaps.reduce(f64::min).unwrap_or(1.0)
    } else {
        1.0
    };
    let width = 0.8 * gap / count as f64;
    let mut next = 0;
    panel
        .series
        .iter()
        .map(|series| {
            if !beside(series) {
                return (0.0, width);
            }
            next += 1;
            ((next as f64 - 0.5) * width - 0.4 * gap, width)
        })
        .collect()
}

fn draw_reference(svg: &mut Svg, plot: &Plot, reference: &Reference) {
    const STEPS: u32 = 32;
    let (x, y) = (plot.x, plot.y);
    let points = match reference.place {
        Place::Horizontal(at) => vec![(x.low, at), (x.high, at)],
        Place::Vertical(at) => vec![(at, y.low), (at, y.high)],
        // A curve, where one scale is logarithmic.
        Place::Diagonal => (0..=STEPS)
            .map(|i| x.low + (x.high - x.low) * f64::from(i) / f64::from(STEPS))
            .map(|at| (at, at))
            .collect(),
    };
    let style = format!(
        "{} stroke-dasharray=\"{REFERENCE}\"",
        stroke(REFERENCE_COLOUR, 1.4)
    );
    svg.path(&plot.line(&points), &style);
}

fn draw_series(svg: &mut Svg, plot: &Plot, series: &Series, look: &Look, slot: (f64, f64)) {
    let (offset, width) = slot;
    let points: Vec<(f64, f64)> = series.points.iter().map(|p| (p.0 + offset, p.1)).collect();
    let colour = &look.colour;
    let shown = || points.iter().filter(|p| plot.holds(p.0, p.1));
    if series.style == Style::Bars {
        let base = plot.clamped(if plot.y.scale == Scale::Log {
            plot.y.low
        } else {
            0.0
        });
        for &(x, y) in points.iter().filter(|p| plot.holds(p.0, plot.y.low)) {
            if !Domain::shows(plot.y.scale, y) {
                continue;
            }
            let (left, right) = (
                plot.frame.x(x - width * 0.47),
                plot.frame.x(x + width * 0.47),
            );
            let top = plot.clamped(y);
            let (top, height) = (top.min(base), (top - base).abs());
            svg.rectangle(
                left,
                top,
                right - left,
                height,
                &format!("fill=\"{colour}\""),
            );
        }
    }
    let bounded = || {
        points
            .iter()
            .zip(&series.intervals)
            .filter(|(p, (lower, upper))| {
                plot.holds(p.0, p.1) && lower.is_finite() && upper.is_finite()
            })
    };
    if series.style == Style::Line {
        let side = |end: fn(&(f64, f64)) -> f64| -> Vec<(f64, f64)> {
            bounded()
                .map(|(p, interval)| (plot.frame.x(p.0), plot.clamped(end(interval))))
                .collect()
        };
        band(svg, &side(|i| i.0), &side(|i| i.1), colour, ".18");
    } else {
        let mut bars = Path::default();
        for (p, &(lower, upper)) in bounded() {
            let (x, low, high) = (plot.frame.x(p.0), plot.clamped(lower), plot.clamped(upper));
            bars.move_to(x, low).line_to(x, high);
            for end in [low, high] {
                bars.move_to(x - 3.0, end).line_to(x + 3.0, end);
            }
        }
        // Error bars on their own bars need another colour.
        let colour = if series.style == Style::Bars {
            "#222"
        } else {
            colour
        };
        svg.path(&bars, &stroke(colour, 1.2));
    }
    if matches!(series.style, Style::Line | Style::LineAndMarkers) {
        let dashes = look
            .dashes
            .map_or_else(String::new, |d| format!(" stroke-dasharray=\"{d}\""));
        svg.path(&plot.line(&points), &(stroke(colour, 1.8) + &dashes));
    }
    if matches!(series.style, Style::Markers | Style::LineAndMarkers) {
        let mut dots = Path::default();
        for &(x, y) in shown() {
            let (x, y) = plot.frame.point(x, y);
            dots.dot(x, y);
        }
        let diameter = if points.len() > 300 { 2.6 } else { 6.0 };
        svg.dots(&dots, colour, diameter);
    }
}
