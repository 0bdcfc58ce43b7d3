//! Quantities per epoch over all runs of a zoo: the median inside two bands.

use crate::{
    axes::{Area, Axis, Entry, Frame, Mark, WIDTH, band, legend, panel_title, stroke},
    colour::OKABE_ITO,
    scale::{Domain, Scale},
    svg::{Path, Svg, Text},
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
    /// Quantiles over runs: `runs[i][j]` is the value of run `i` at `epochs[j]`. Values that are
    /// not finite, and missing tails of shorter runs, are skipped; an epoch without any value is
    /// skipped. Quantiles interpolate linearly between order statistics (Hyndman and Fan's type 7,
    /// the default of NumPy and R).
    #[must_use]
    pub fn from_runs(name: &str, epochs: &[u32], runs: &[Vec<f64>]) -> Self {
        let quantiles = epochs
            .iter()
            .enumerate()
            .filter_map(|(j, &epoch)| {
                let mut values: Vec<f64> = runs
                    .iter()
                    .filter_map(|run| run.get(j).copied())
                    .filter(|v| v.is_finite())
                    .collect();
                values.sort_by(f64::total_cmp);
                (!values.is_empty()).then(|| Quantiles {
                    epoch: f64::from(epoch),
                    values: [0.1, 0.25, 0.5, 0.75, 0.9].map(|q| quantile(&values, q)),
                })
            })
            .collect();
        Self {
            name: name.into(),
            quantiles,
        }
    }
}

fn quantile(sorted: &[f64], q: f64) -> f64 {
    let position = q * (sorted.len() - 1) as f64;
    let low = position as usize;
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + (sorted[high] - sorted[low]) * (position - low as f64)
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
    /// `step_lengths[run][step]`: distance from one checkpoint to the next.
    pub step_lengths: Vec<Vec<f64>>,
    /// Epoch in whose checkpoint the path turns.
    pub turn_epochs: Vec<u32>,
    /// `turning_angles[run][turn]`: angle between successive steps in degrees, 0 = straight on.
    pub turning_angles: Vec<Vec<f64>>,
}

/// Epochs, and values by run and epoch.
type ByRun<'a> = (&'a [u32], &'a [Vec<f64>]);

/// Step length (logarithmic) and turning angle per epoch, all zoos in both panels.
#[must_use]
pub fn geometry(zoos: &[ZooGeometry]) -> String {
    let series = |values: fn(&ZooGeometry) -> ByRun<'_>| {
        zoos.iter()
            .map(|zoo| {
                let (epochs, runs) = values(zoo);
                SpreadSeries::from_runs(&zoo.name, epochs, runs)
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

/// Training curves of the runs of one zoo; `[run][epoch]` as in `epochs`.
#[derive(Debug, Clone, PartialEq)]
pub struct ZooTraining {
    /// Name of the zoo.
    pub name: String,
    /// Epochs of the values.
    pub epochs: Vec<u32>,
    /// Loss on the training data.
    pub training_loss: Vec<Vec<f64>>,
    /// Loss on the test data.
    pub test_loss: Vec<Vec<f64>>,
    /// Accuracy on the test data, 0..=1.
    pub test_accuracy: Vec<Vec<f64>>,
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
                .map(|(name, runs)| SpreadSeries::from_runs(name, &zoo.epochs, runs))
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
            .map(|zoo| SpreadSeries::from_runs(&zoo.name, &zoo.epochs, &zoo.test_accuracy))
            .collect(),
    });
    spread("Training curves", &panels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_numpys() {
        // numpy.quantile([1, 2, 4, 8], [.1, .25, .5, .75, .9])
        let runs = [8.0, 1.0, 4.0, 2.0].map(|v| vec![v]);
        let series = SpreadSeries::from_runs("a", &[1], &runs);
        let expected = [1.3, 1.75, 3.0, 5.0, 6.8];
        for (ours, numpys) in series.quantiles[0].values.iter().zip(expected) {
            assert!((ours - numpys).abs() < 1e-12);
        }
    }

    #[test]
    fn values_that_are_not_finite_and_missing_tails_are_left_out() {
        let runs = [vec![1.0, f64::NAN, f64::INFINITY], vec![3.0]];
        let series = SpreadSeries::from_runs("a", &[1, 2, 3], &runs);
        assert_eq!(series.quantiles.len(), 1);
        assert_eq!(series.quantiles[0].values[2], 2.0);
    }
}
