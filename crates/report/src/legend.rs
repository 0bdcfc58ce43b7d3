//! A legend in rows above a plot area, never inside it, so that it can hide no data.

use crate::{
    area::Area,
    colour::run_colour,
    style::TICK_SIZE,
    svg::{Svg, Text, text_width},
};

/// How an entry of a legend is drawn.
pub(crate) enum Mark {
    Line,
    /// A line with gaps, by `stroke-dasharray`.
    Dashed(&'static str),
    Dot,
    LineAndDot,
    /// A line inside two bands, as in a spread chart.
    Bands,
    Block,
    /// Blocks of several run colours.
    Spectrum,
    /// Discs from small and pale to large and full.
    Fading,
    Ring,
}

/// One entry of a legend.
pub(crate) struct Entry<'a> {
    pub(crate) mark: Mark,
    pub(crate) colour: String,
    pub(crate) name: &'a str,
}

/// Writes a legend into rows along the top of `area`; returns what is left below it.
pub(crate) fn legend(svg: &mut Svg, area: Area, entries: &[Entry<'_>]) -> Area {
    const ROW: f64 = 18.0;
    const SWATCH: f64 = 26.0;
    if entries.is_empty() {
        return area;
    }
    let (mut x, mut y) = (area.left, area.top + ROW / 2.0);
    for entry in entries {
        // Fonts that stand in for Helvetica can be a good tenth wider.
        let width = SWATCH + 6.0 + text_width(entry.name, TICK_SIZE) * 1.12;
        if x > area.left && x + width > area.right() {
            (x, y) = (area.left, y + ROW);
        }
        draw_mark(svg, entry, x, y, SWATCH);
        let text = Text::new(entry.name).size(TICK_SIZE);
        svg.text(x + SWATCH + 6.0, y + TICK_SIZE * 0.36, &text);
        x += width + 18.0;
    }
    area.below(y + ROW / 2.0 + 4.0 - area.top)
}

fn draw_mark(svg: &mut Svg, entry: &Entry<'_>, x: f64, y: f64, width: f64) {
    let colour = &entry.colour;
    let line = format!("stroke=\"{colour}\" stroke-width=\"2\"");
    let disc = format!("fill=\"{colour}\"");
    match entry.mark {
        Mark::Line => svg.line((x, y), (x + width, y), &line),
        Mark::Dashed(dashes) => {
            let style = format!("{line} stroke-dasharray=\"{dashes}\"");
            svg.line((x, y), (x + width, y), &style);
        }
        Mark::Dot => svg.circle(x + width / 2.0, y, 3.2, &disc),
        Mark::LineAndDot => {
            svg.line((x, y), (x + width, y), &line);
            svg.circle(x + width / 2.0, y, 3.2, &disc);
        }
        Mark::Bands => {
            for (half, opacity) in [(7.0, ".16"), (3.5, ".28")] {
                let style = format!("fill=\"{colour}\" fill-opacity=\"{opacity}\"");
                svg.rectangle(x, y - half, width, 2.0 * half, &style);
            }
            svg.line((x, y), (x + width, y), &line);
        }
        Mark::Block => svg.rectangle(x + width - 12.0, y - 6.0, 12.0, 12.0, &disc),
        Mark::Spectrum => {
            for i in 0..5 {
                let style = format!("fill=\"{}\"", run_colour(i, 250).hex());
                svg.rectangle(x + 5.2 * i as f64, y - 6.0, 5.2, 12.0, &style);
            }
        }
        Mark::Fading => {
            for (i, (radius, opacity)) in [(1.2, ".3"), (1.9, ".65"), (2.6, "1")]
                .into_iter()
                .enumerate()
            {
                let style = format!("fill=\"{colour}\" fill-opacity=\"{opacity}\"");
                svg.circle(x + 6.0 + 8.0 * i as f64, y, radius, &style);
            }
        }
        Mark::Ring => {
            let style = format!("fill=\"#fff\" stroke=\"{colour}\" stroke-width=\"1.4\"");
            svg.circle(x + width - 7.0, y, 4.0, &style);
        }
    }
}
