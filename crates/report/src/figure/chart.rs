//! A chart of any experiment: series as lines, markers or bars, with bands or error bars and
//! reference lines, in panels that share one legend.
//!
//! Series of one name have one colour and one entry in the legend, in whatever panels they stand.
//! Points that the axes cannot show (not finite, not positive on a logarithmic scale, outside of a
//! fixed range) are skipped, and lines end at the border of the plot.
//!
//! # Example
//!
//! ```
//! use report::figure::chart::{Axis, Chart, Panel, Reference, Series, Style};
//!
//! let svg = Chart {
//!     title: "Reliability of the edges".into(),
//!     columns: 2,
//!     panels: vec![
//!         Panel {
//!             title: "Reliability".into(),
//!             x: Axis::linear("stated confidence").within(0.5, 1.0),
//!             y: Axis::linear("share that is right").within(0.5, 1.0),
//!             series: vec![
//!                 Series::new("mlp", vec![(0.6, 0.58), (0.8, 0.83), (0.95, 0.96)])
//!                     .styled(Style::LineAndMarkers)
//!                     .with_intervals(vec![(0.5, 0.66), (0.78, 0.88), (0.94, 0.98)]),
//!             ],
//!             references: vec![Reference::diagonal("calibrated")],
//!         },
//!         Panel {
//!             title: "Area under the curve".into(),
//!             x: Axis::named("", ["rotation", "label noise"]),
//!             y: Axis::linear("AUROC").within(0.0, 1.0),
//!             series: vec![
//!                 // The x of a point is the number of its name.
//!                 Series::new("ours", vec![(0.0, 0.99), (1.0, 0.8)]).styled(Style::Bars),
//!                 Series::new("step length", vec![(0.0, 0.9), (1.0, 0.6)])
//!                     .styled(Style::Bars)
//!                     .as_baseline(),
//!             ],
//!             references: vec![Reference::horizontal("chance", 0.5)],
//!         },
//!     ],
//! }
//! .to_svg();
//! assert!(svg.contains(">calibrated</text>") && svg.contains(">label noise</text>"));
//! ```

mod draw;

use crate::scale::{Domain, Scale};

/// What stands along an axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Axis {
    /// Name and unit; may be empty.
    pub label: String,
    /// Linear or logarithmic; ignored where there are names.
    pub scale: Scale,
    /// Both ends; without them the axis holds all values.
    pub range: Option<(f64, f64)>,
    /// Names of the positions 0, 1, …, in place of numbers.
    pub names: Vec<String>,
}

impl Axis {
    /// A linear axis.
    #[must_use]
    pub fn linear(label: &str) -> Self {
        Self {
            label: label.into(),
            ..Self::default()
        }
    }

    /// A logarithmic axis.
    #[must_use]
    pub fn log(label: &str) -> Self {
        Self {
            scale: Scale::Log,
            ..Self::linear(label)
        }
    }

    /// An axis of names, at the positions 0, 1, …
    #[must_use]
    pub fn named<N: Into<String>>(label: &str, names: impl IntoIterator<Item = N>) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
            ..Self::linear(label)
        }
    }

    /// Fixes both ends.
    #[must_use]
    pub fn within(self, low: f64, high: f64) -> Self {
        Self {
            range: Some((low, high)),
            ..self
        }
    }

    fn domain(&self, values: impl Iterator<Item = f64>, padding: f64) -> Domain {
        if !self.names.is_empty() {
            let ends = [-0.5, self.names.len() as f64 - 0.5];
            return Domain::of(Scale::Linear, ends);
        }
        match self.range {
            Some((low, high)) => Domain::of(self.scale, [low, high]),
            None => Domain::of(self.scale, values).padded(padding),
        }
    }
}

/// How a series is drawn. Intervals are a band around lines, and error bars elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// A line through the points, in their order.
    #[default]
    Line,
    /// A disc at each point; over names, the discs of several series stand side by side.
    Markers,
    /// A line with discs; intervals are error bars.
    LineAndMarkers,
    /// Bars from zero (from the low end of a logarithmic axis), those of several series side by
    /// side.
    Bars,
}

/// Points under one name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Name in the legend; without one there is no entry.
    pub name: String,
    /// Points (x, y).
    pub points: Vec<(f64, f64)>,
    /// The lower and upper end at each point, in the order of the points; may be empty.
    pub intervals: Vec<(f64, f64)>,
    /// How it is drawn.
    pub style: Style,
    /// Number of its colour; without one, the next that is free.
    pub colour: Option<usize>,
    /// Whether it is a baseline: grey, and dashed if a line.
    pub baseline: bool,
}

impl Series {
    /// A line through these points.
    #[must_use]
    pub fn new(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.into(),
            points,
            ..Self::default()
        }
    }

    /// The same in another style.
    #[must_use]
    pub fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }

    /// The same with a lower and an upper end at each point.
    #[must_use]
    pub fn with_intervals(self, intervals: Vec<(f64, f64)>) -> Self {
        Self { intervals, ..self }
    }

    /// The same as a baseline.
    #[must_use]
    pub fn as_baseline(self) -> Self {
        Self {
            baseline: true,
            ..self
        }
    }

    /// The same in the colour of this number.
    #[must_use]
    pub fn coloured(self, colour: usize) -> Self {
        Self {
            colour: Some(colour),
            ..self
        }
    }
}

/// Where a reference line runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place {
    /// At one y.
    Horizontal(f64),
    /// At one x.
    Vertical(f64),
    /// Where y = x.
    Diagonal,
}

/// A thin dotted line to compare with.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// Name in the legend; without one there is no entry.
    pub name: String,
    /// Where it runs.
    pub place: Place,
}

impl Reference {
    /// A line at one y.
    #[must_use]
    pub fn horizontal(name: &str, y: f64) -> Self {
        Self {
            name: name.into(),
            place: Place::Horizontal(y),
        }
    }

    /// A line at one x.
    #[must_use]
    pub fn vertical(name: &str, x: f64) -> Self {
        Self {
            name: name.into(),
            place: Place::Vertical(x),
        }
    }

    /// The line y = x.
    #[must_use]
    pub fn diagonal(name: &str) -> Self {
        Self {
            name: name.into(),
            place: Place::Diagonal,
        }
    }
}

/// One plot.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Panel {
    /// Title; may be empty.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// The series, drawn in this order.
    pub series: Vec<Series>,
    /// Lines to compare with, drawn below the series.
    pub references: Vec<Reference>,
}

/// Panels under one legend.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chart {
    /// What a screen reader says.
    pub title: String,
    /// Panels in a row, at most; at least 1 is taken.
    pub columns: usize,
    /// The panels, row by row.
    pub panels: Vec<Panel>,
}

impl Chart {
    /// The figure as one SVG document; linear in the number of points.
    #[must_use]
    pub fn to_svg(&self) -> String {
        draw::chart(self)
    }
}
