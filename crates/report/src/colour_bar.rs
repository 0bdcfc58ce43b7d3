//! A colour bar beside a plot area, never inside it, so that it can hide no data.

use crate::{
    area::Area,
    colour::Rgb,
    scale::Domain,
    style::{AXIS_STYLE, LABEL_SIZE, TICK_SIZE},
    svg::{Anchor, Path, Svg, Text, text_width},
};

/// Width that [`colour_bar`] takes, its labels included.
pub(crate) const COLOUR_BAR_WIDTH: f64 = 76.0;

/// Draws a vertical colour bar that fills the height of `plot`, starting at `left`.
pub(crate) fn colour_bar(
    svg: &mut Svg,
    plot: Area,
    left: f64,
    domain: Domain,
    colour: impl Fn(f64) -> Rgb,
    label: &str,
) {
    const STEPS: usize = 48;
    const WIDTH: f64 = 12.0;
    for step in 0..STEPS {
        // Each step reaches to the bottom and is covered by the next, so no seam shows.
        let from = 1.0 - step as f64 / STEPS as f64;
        let t = 1.0 - (step as f64 + 0.5) / STEPS as f64;
        svg.rectangle(
            left,
            plot.bottom() - plot.height * from,
            WIDTH,
            plot.height * from,
            &format!("fill=\"{}\"", colour(t).hex()),
        );
    }
    let mut marks = Path::default();
    let mut widest = 0.0_f64;
    for tick in domain.ticks((plot.height / 55.0) as usize) {
        let y = plot.bottom() - domain.position(tick.value) * plot.height;
        marks
            .move_to(left + WIDTH, y)
            .line_to(left + WIDTH + 3.0, y);
        if let Some(name) = &tick.label {
            let text = Text::new(name).size(TICK_SIZE);
            svg.text(left + WIDTH + 6.0, y + TICK_SIZE * 0.35, &text);
            widest = widest.max(text_width(name, TICK_SIZE));
        }
    }
    svg.path(&marks, AXIS_STYLE);
    let text = Text::new(label)
        .size(LABEL_SIZE)
        .anchor(Anchor::Middle)
        .upwards();
    svg.text(
        left + WIDTH + 6.0 + widest * 1.12 + 3.0 + LABEL_SIZE,
        plot.top + plot.height / 2.0,
        &text,
    );
}
