//! Sizes of texts, and how lines are drawn, alike in all figures.

use crate::svg::number;

/// Size of the names and numbers beside ticks, and of those in legends.
pub(crate) const TICK_SIZE: f64 = 11.0;
/// Size of the labels of axes.
pub(crate) const LABEL_SIZE: f64 = 12.0;
/// How the lines of axes are drawn.
pub(crate) const AXIS_STYLE: &str = "stroke=\"#555\"";

/// Attributes of a line of this colour and width.
pub(crate) fn stroke(colour: &str, width: f64) -> String {
    format!(
        "stroke=\"{colour}\" stroke-width=\"{}\" stroke-linejoin=\"round\"",
        number(width)
    )
}
