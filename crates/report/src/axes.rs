//! A plot area with axes, ticks and labels.

use crate::{
    area::Area,
    scale::{Domain, Tick},
    style::{AXIS_STYLE, LABEL_SIZE, TICK_SIZE},
    svg::{Anchor, Path, Svg, Text, text_width},
};

/// How the lines of the grid are drawn.
const GRID_STYLE: &str = "stroke=\"#e8e8e8\"";

/// What stands along one axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis<'a> {
    pub(crate) domain: Domain,
    pub(crate) label: &'a str,
    /// Whether positions have a meaning; without it there are no ticks.
    pub(crate) ticks: bool,
    /// Names at the positions 0, 1, …, in place of numbers.
    pub(crate) names: &'a [String],
}

impl<'a> Axis<'a> {
    pub(crate) fn new(domain: Domain, label: &'a str) -> Self {
        Self {
            domain,
            label,
            ticks: true,
            names: &[],
        }
    }

    pub(crate) fn named(self, names: &'a [String]) -> Self {
        Self { names, ..self }
    }

    pub(crate) fn without_ticks(self) -> Self {
        Self {
            ticks: false,
            ..self
        }
    }

    /// About `wanted` labelled ticks, or all names that have room when each takes `room` pixels
    /// of `length`.
    fn ticks(&self, wanted: usize, room: f64, length: f64) -> Vec<Tick> {
        if !self.ticks {
            return Vec::new();
        }
        if self.names.is_empty() {
            return self.domain.ticks(wanted);
        }
        let crowding = room * self.names.len() as f64 / length;
        let every = [1, 2, 5, 10, 20, 50, 100]
            .into_iter()
            .find(|&every| every as f64 >= crowding);
        self.names
            .iter()
            .enumerate()
            .step_by(every.unwrap_or(self.names.len().max(1)))
            .map(|(i, name)| Tick {
                value: i as f64,
                label: Some(name.clone()),
            })
            .collect()
    }

    fn widest_name(&self) -> f64 {
        self.names.iter().map(|name| wide(name)).fold(0.0, f64::max)
    }

    /// How names stand that have so much room each, and how many lines they take.
    fn placed(&self, room: f64) -> (Names, usize) {
        let width = f64::max(room - 6.0, 24.0);
        let in_lines = self.names.iter().map(|name| lines(name, width));
        let in_lines: Vec<Vec<String>> = in_lines.collect();
        let most = in_lines.iter().map(Vec::len).max().unwrap_or(1);
        let fits = in_lines.iter().flatten().all(|line| wide(line) <= width);
        if fits && most <= MOST_LINES {
            (Names::Level(width), most)
        } else {
            (Names::Upright, 1)
        }
    }
}

/// How names stand below an axis.
#[derive(Clone, Copy, PartialEq)]
enum Names {
    /// Side by side, in lines of at most this width.
    Level(f64),
    /// Too long for that: upwards.
    Upright,
}

/// Most lines of a name.
const MOST_LINES: usize = 3;

/// The words of a name in lines of at most this width, as far as words are not wider.
fn lines(name: &str, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in name.split(' ') {
        match lines.last_mut() {
            Some(line) if wide(&format!("{line} {word}")) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The width of a name: fonts that stand in for Helvetica can be a good tenth wider.
fn wide(name: &str) -> f64 {
    text_width(name, TICK_SIZE) * 1.12
}

/// A plot area whose axes fit into a given area, however long their labels are.
pub(crate) struct Frame {
    pub(crate) plot: Area,
    x: Domain,
    y: Domain,
}

impl Frame {
    /// Draws grid, axes, ticks and labels inside `area` and returns the plot area between them.
    pub(crate) fn draw(svg: &mut Svg, area: Area, x: Axis<'_>, y: Axis<'_>) -> Self {
        let y_ticks = y.ticks((area.height / 55.0) as usize, TICK_SIZE + 2.0, area.height);
        let widest = y_ticks
            .iter()
            .filter_map(|t| t.label.as_deref())
            .map(|l| text_width(l, TICK_SIZE))
            .fold(0.0, f64::max);
        let label_space = |label: &str| {
            if label.is_empty() {
                0.0
            } else {
                LABEL_SIZE + 6.0
            }
        };
        let tick_space = if y.ticks { widest + 9.0 } else { 4.0 };
        let left = label_space(y.label) + tick_space;
        let room = (area.width - left - 10.0) / x.names.len().max(1) as f64;
        let (names, rows) = x.placed(room);
        let bottom = label_space(x.label)
            + match (x.ticks, names) {
                (false, _) => 4.0,
                (true, Names::Level(_)) => (TICK_SIZE + 2.0) * rows as f64 + 7.0,
                (true, Names::Upright) => x.widest_name() + 10.0,
            };
        // Half a tick label may reach beyond the right end and above the top.
        let plot = Area {
            left: area.left + left,
            top: area.top + 6.0,
            width: area.width - left - 10.0,
            height: area.height - bottom - 6.0,
        };
        let frame = Self {
            plot,
            x: x.domain,
            y: y.domain,
        };
        frame.draw_y(svg, area, y, &y_ticks);
        frame.draw_x(svg, area, x, names);
        frame
    }

    fn draw_y(&self, svg: &mut Svg, area: Area, axis: Axis<'_>, ticks: &[Tick]) {
        let plot = self.plot;
        let (mut grid, mut marks) = (Path::default(), Path::default());
        for tick in ticks {
            let y = self.y(tick.value);
            let length = if tick.label.is_some() { 4.0 } else { 2.0 };
            marks.move_to(plot.left - length, y).line_to(plot.left, y);
            if let Some(label) = &tick.label {
                if axis.names.is_empty() {
                    grid.move_to(plot.left, y).line_to(plot.right(), y);
                }
                let text = Text::new(label).size(TICK_SIZE).anchor(Anchor::End);
                svg.text(plot.left - 7.0, y + TICK_SIZE * 0.35, &text);
            }
        }
        svg.path(&grid, GRID_STYLE);
        marks
            .move_to(plot.left, plot.top)
            .line_to(plot.left, plot.bottom());
        svg.path(&marks, AXIS_STYLE);
        if !axis.label.is_empty() {
            let text = Text::new(axis.label)
                .size(LABEL_SIZE)
                .anchor(Anchor::Middle)
                .upwards();
            svg.text(
                area.left + LABEL_SIZE - 2.0,
                plot.top + plot.height / 2.0,
                &text,
            );
        }
    }

    fn draw_x(&self, svg: &mut Svg, area: Area, axis: Axis<'_>, names: Names) {
        let plot = self.plot;
        let mut marks = Path::default();
        let room = match names {
            Names::Upright => TICK_SIZE + 2.0,
            Names::Level(width) => axis.widest_name().min(width) + 6.0,
        };
        let mut taken = f64::NEG_INFINITY;
        for tick in axis.ticks((plot.width / 65.0) as usize, room, plot.width) {
            let x = self.x(tick.value);
            let length = if tick.label.is_some() { 4.0 } else { 2.0 };
            marks
                .move_to(x, plot.bottom())
                .line_to(x, plot.bottom() + length);
            let Some(label) = &tick.label else { continue };
            let rows = match names {
                Names::Upright => {
                    let text = Text::new(label).size(TICK_SIZE);
                    let text = text.anchor(Anchor::End).upwards();
                    svg.text(x + TICK_SIZE * 0.35, plot.bottom() + 7.0, &text);
                    continue;
                }
                Names::Level(_) if axis.names.is_empty() => vec![label.clone()],
                Names::Level(width) => lines(label, width),
            };
            let widths = rows.iter().map(|row| text_width(row, TICK_SIZE));
            let half = widths.fold(0.0, f64::max) / 2.0;
            if x - half > taken {
                for (row, line) in rows.iter().enumerate() {
                    let text = Text::new(line).size(TICK_SIZE).anchor(Anchor::Middle);
                    let below = TICK_SIZE + 6.0 + (TICK_SIZE + 2.0) * row as f64;
                    svg.text(x, plot.bottom() + below, &text);
                }
                taken = x + half + 6.0;
            }
        }
        marks
            .move_to(plot.left, plot.bottom())
            .line_to(plot.right(), plot.bottom());
        svg.path(&marks, AXIS_STYLE);
        if !axis.label.is_empty() {
            let text = Text::new(axis.label)
                .size(LABEL_SIZE)
                .anchor(Anchor::Middle);
            svg.text(plot.left + plot.width / 2.0, area.bottom() - 4.0, &text);
        }
    }

    pub(crate) fn x(&self, value: f64) -> f64 {
        self.plot.left + self.x.position(value) * self.plot.width
    }

    pub(crate) fn y(&self, value: f64) -> f64 {
        self.plot.bottom() - self.y.position(value) * self.plot.height
    }

    /// Both coordinates of a point; NaN where the axes cannot show it.
    pub(crate) fn point(&self, x: f64, y: f64) -> (f64, f64) {
        if Domain::shows(self.x.scale, x) && Domain::shows(self.y.scale, y) {
            (self.x(x), self.y(y))
        } else {
            (f64::NAN, f64::NAN)
        }
    }

    /// Says in the middle of an empty plot area that there is nothing to see.
    pub(crate) fn no_data(&self, svg: &mut Svg) {
        let text = Text::new("no data")
            .fill("#999")
            .size(LABEL_SIZE)
            .anchor(Anchor::Middle);
        svg.text(
            self.plot.left + self.plot.width / 2.0,
            self.plot.top + self.plot.height / 2.0,
            &text,
        );
    }
}
