//! Areas of a picture: panels in rows, and what is left of them below a title.

use crate::svg::{Svg, Text};

/// Width of every figure in pixels.
pub(crate) const WIDTH: f64 = 900.0;

/// White space around the panels of a figure.
const MARGIN: f64 = 9.0;
/// Size of the titles of panels.
const TITLE_SIZE: f64 = 14.0;

/// An area of the picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Area {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Area {
    pub(crate) fn right(self) -> f64 {
        self.left + self.width
    }

    pub(crate) fn bottom(self) -> f64 {
        self.top + self.height
    }

    /// Takes `height` pixels off the top.
    pub(crate) fn below(self, height: f64) -> Self {
        Self {
            top: self.top + height,
            height: self.height - height,
            ..self
        }
    }

    /// The cells of a figure whose panels stand in rows of `columns`, each row `height` high,
    /// with the height that all of them take.
    pub(crate) fn cells(count: usize, columns: usize, height: f64) -> (Vec<Self>, f64) {
        const GAP: f64 = 20.0;
        let columns = count.clamp(1, columns);
        let width = (WIDTH - 2.0 * MARGIN - GAP * (columns - 1) as f64) / columns as f64;
        let cells = (0..count)
            .map(|i| Self {
                left: MARGIN + (width + GAP) * (i % columns) as f64,
                top: MARGIN + height * (i / columns) as f64,
                width,
                height: height - 2.0 * MARGIN,
            })
            .collect();
        (cells, height * count.div_ceil(columns).max(1) as f64)
    }
}

/// Writes a panel's title at the top left of `area`; returns what is left below it.
pub(crate) fn panel_title(svg: &mut Svg, area: Area, title: &str) -> Area {
    if title.is_empty() {
        return area;
    }
    let text = Text::new(title).size(TITLE_SIZE).bold().fill("#111");
    svg.text(area.left, area.top + TITLE_SIZE, &text);
    area.below(TITLE_SIZE + 8.0)
}
