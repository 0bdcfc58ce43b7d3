//! Quantities per epoch over all runs of a zoo: the median inside two bands.

use crate::{
    area::{Area, WIDTH, panel_title},
    axes::{Axis, Frame},
    colour::OKABE_ITO,
    legend::{Entry, Mark, legend},
    scale::{Domain, Scale},
    style::stroke,
    svg::{Path, Svg, Text, band},
};

/// Five quantiles over runs at one epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantiles {
    /// Epoch.
    pub epoch: f64,
    /// The 10, 25, 50, 75 and 90 % quantiles.
    pub values: [f64; 5],
}

/// One quantity of one zoo.
#[derive(Debug, Clone, PartialEq)]
pub struct SpreadSeries {
    /// Name in the legend.
    pub name: String,
    /// Quantiles by epoch, in order.
    pub quantiles: Vec<Quantiles>,
}

impl SpreadSeries {
    /// The 10, 25, 50, 75 and 90 % quantiles over runs at these epochs. Epochs whose quantiles are
    /// not all finite, as where no run has a value, are skipped.
    #[must_use]
    pub fn new(name: &str, epochs: &[u32], quantiles: &[[f64; 5]]) -> Self {
        let quantiles = epochs
            .iter()
            .zip(quantiles)
            .filter(|(_, values)| values.iter().all(|value| value.is_finite()))
            .map(|(&epoch, &values)| Quantiles {
                epoch: f64::from(epoch),
                values,
            })
            .collect();
        Self {
            name: name.into(),
            quantiles,
        }
    }
}

/// One panel of a spread chart.
#[derive(Debug, Clone, PartialEq)]
pub struct SpreadPanel {
    /// Title of the panel.
    pub title: String,
    /// Name and unit of the quantity.
    pub y_label: String,
    /// Scale of the vertical axis.
    pub scale: Scale,
    /// Whether a linear axis begins at zero.
    pub from_zero: bool,
    /// The series, in the order of the palette.
    pub series: Vec<SpreadSeries>,
}

/// Panels side by side, three to a row: medians as lines, 25–75 % and 10–90 % as bands.
#[must_use]
pub fn spread(title: &str, panels: &[SpreadPanel]) -> String {
    const NOTE: f64 = 20.0;
    let (cells, height) = Area::cells(panels.len(), 3, 330.0);
    let mut svg = Svg::new(WIDTH, height + NOTE, title);
    for (panel, area) in panels.iter().zip(cells) {
        draw_panel(&mut svg, area, panel);
    }
    let note = "Lines: median over runs. Bands: 25\u{2013}75 % and 10\u{2013}90 % of runs.";
    svg.text(10.0, height + 8.0, &Text::new(note).size(11.0).fill("#666"));
    svg.finish()
}

fn draw_panel(svg: &mut Svg, area: Area, panel: &SpreadPanel) {
    let area = panel_title(svg, area, &panel.title);
    let colour = |i: usize| OKABE_ITO[i % OKABE_ITO.len()].hex();
    let entries: Vec<Entry<'_>> = panel
        .series
        .iter()
        .enumerate()
        .map(|(i, series)| Entry {
            mark: Mark::Bands,
            colour: colour(i),
            name: &series.name,
        })
        .collect();
    let area = legend(svg, area, &entries);
    let all = || panel.series.iter().flat_map(|s| &s.quantiles);
    let mut y = Domain::of(panel.scale, all().flat_map(|q| q.values)).padded(0.04);
    if panel.from_zero && y.high > 0.0 {
        y = y.including(0.0);
    }
    let x = Domain::of(Scale::Linear, all().map(|q| q.epoch));
    let frame = Frame::draw(
        svg,
        area,
        Axis::new(x, "epoch"),
        Axis::new(y, &panel.y_label),
    );
    if all().next().is_none() {
        frame.no_data(svg);
    }
    let line = |series: &SpreadSeries, index: usize| -> Vec<(f64, f64)> {
        series
            .quantiles
            .iter()
            .map(|q| (frame.x(q.epoch), frame.y(q.values[index])))
            .collect()
    };
    for (i, series) in panel.series.iter().enumerate() {
        band(svg, &line(series, 0), &line(series, 4), &colour(i), ".16");
        band(svg, &line(series, 1), &line(series, 3), &colour(i), ".28");
    }
    for (i, series) in panel.series.iter().enumerate() {
        let mut median = Path::default();
        median.polyline(line(series, 2));
        svg.path(&median, &stroke(&colour(i), 1.8));
    }
}

/// Steps and turns of the runs of one zoo.
#[derive(Debug, Clone, PartialEq)]
pub struct ZooGeometry {
    /// Name of the zoo.
    pub name: String,
    /// Epoch at which each step ends.
    pub step_epochs: Vec<u32>,
    /// Distance from one checkpoint to the next: the 10, 25, 50, 75 and 90 % quantiles over runs at
    /// each of these epochs.
    pub step_lengths: Vec<[f64; 5]>,
    /// Epoch in whose checkpoint the path turns.
    pub turn_epochs: Vec<u32>,
    /// Angle between successive steps in degrees, 0 = straight on: the same quantiles.
    pub turning_angles: Vec<[f64; 5]>,
}

/// Epochs, and the quantiles at each.
type ByEpoch<'a> = (&'a [u32], &'a [[f64; 5]]);

/// Step length (logarithmic) and turning angle per epoch, all zoos in both panels.
#[must_use]
pub fn geometry(zoos: &[ZooGeometry]) -> String {
    let series = |values: fn(&ZooGeometry) -> ByEpoch<'_>| {
        zoos.iter()
            .map(|zoo| {
                let (epochs, quantiles) = values(zoo);
                SpreadSeries::new(&zoo.name, epochs, quantiles)
            })
            .collect()
    };
    spread(
        "Step length and turning angle per epoch",
        &[
            SpreadPanel {
                title: "Step length".into(),
                y_label: "distance between successive checkpoints".into(),
                scale: Scale::Log,
                from_zero: false,
                series: series(|z| (&z.step_epochs, &z.step_lengths)),
            },
            SpreadPanel {
                title: "Turning angle".into(),
                y_label: "angle between successive steps (degrees)".into(),
                scale: Scale::Linear,
                from_zero: true,
                series: series(|z| (&z.turn_epochs, &z.turning_angles)),
            },
        ],
    )
}

/// Training curves of the runs of one zoo: the 10, 25, 50, 75 and 90 % quantiles over runs at each
/// epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct ZooTraining {
    /// Name of the zoo.
    pub name: String,
    /// Epochs of the values.
    pub epochs: Vec<u32>,
    /// Loss on the training data.
    pub training_loss: Vec<[f64; 5]>,
    /// Loss on the test data.
    pub test_loss: Vec<[f64; 5]>,
    /// Accuracy on the test data, 0..=1.
    pub test_accuracy: Vec<[f64; 5]>,
}

/// One panel of losses per zoo (logarithmic), and one of the test accuracy of all zoos.
#[must_use]
pub fn training_curves(zoos: &[ZooTraining]) -> String {
    let mut panels: Vec<SpreadPanel> = zoos
        .iter()
        .map(|zoo| SpreadPanel {
            title: format!("{}: loss", zoo.name),
            y_label: "mean squared error".into(),
            scale: Scale::Log,
            from_zero: false,
            series: [("training", &zoo.training_loss), ("test", &zoo.test_loss)]
                .map(|(name, quantiles)| SpreadSeries::new(name, &zoo.epochs, quantiles))
                .into(),
        })
        .collect();
    panels.push(SpreadPanel {
        title: "Test accuracy".into(),
        y_label: "share of test images".into(),
        scale: Scale::Linear,
        from_zero: false,
        series: zoos
            .iter()
            .map(|zoo| SpreadSeries::new(&zoo.name, &zoo.epochs, &zoo.test_accuracy))
            .collect(),
    });
    spread("Training curves", &panels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_without_finite_quantiles_are_skipped() {
        let known = [1.0, 2.0, 3.0, 4.0, 5.0];
        let series = SpreadSeries::new("a", &[1, 2, 3], &[known, [f64::NAN; 5], known]);
        let epochs: Vec<f64> = series.quantiles.iter().map(|q| q.epoch).collect();
        assert_eq!(epochs, [1.0, 3.0]);
        assert_eq!(series.quantiles[1].values, known);
    }
}
