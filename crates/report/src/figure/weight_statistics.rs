//! Mean against standard deviation of every model's weights (the paper's figure 3).

use crate::{
    area::{Area, WIDTH, panel_title},
    axes::{Axis, Frame},
    colour::viridis,
    colour_bar::{COLOUR_BAR_WIDTH, colour_bar},
    scale::{Domain, Scale},
    svg::Svg,
};

/// One model at one epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelStatistics {
    /// Mean of all weights.
    pub mean: f64,
    /// Standard deviation of all weights.
    pub standard_deviation: f64,
    /// Test accuracy, 0..=1.
    pub accuracy: f64,
}

/// One panel: the models of one zoo.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightStatistics {
    /// Title of the panel.
    pub title: String,
    /// The models.
    pub models: Vec<ModelStatistics>,
}

/// One panel per zoo, two to a row (the paper has the CNN left and the MLP right), points coloured
/// by test accuracy. Every panel has its own axes and colour bar.
#[must_use]
pub fn weight_statistics(panels: &[WeightStatistics]) -> String {
    let (cells, height) = Area::cells(panels.len(), 2, 400.0);
    let mut svg = Svg::new(
        WIDTH,
        height,
        "Mean and standard deviation of the weights of each model, coloured by test accuracy",
    );
    for (panel, area) in panels.iter().zip(cells) {
        draw_panel(&mut svg, area, panel);
    }
    svg.finish()
}

fn draw_panel(svg: &mut Svg, area: Area, panel: &WeightStatistics) {
    let area = panel_title(svg, area, &panel.title);
    let axes = Area {
        width: area.width - COLOUR_BAR_WIDTH,
        ..area
    };
    let shown: Vec<&ModelStatistics> = panel
        .models
        .iter()
        .filter(|m| m.mean.is_finite() && m.standard_deviation.is_finite())
        .collect();
    let domain = |value: fn(&ModelStatistics) -> f64| {
        Domain::of(Scale::Linear, shown.iter().map(|m| value(m)))
    };
    let frame = Frame::draw(
        svg,
        axes,
        Axis::new(domain(|m| m.mean).padded(0.05), "mean of weights"),
        Axis::new(
            domain(|m| m.standard_deviation).padded(0.05),
            "standard deviation of weights",
        ),
    );
    if shown.is_empty() {
        frame.no_data(svg);
        return;
    }
    let accuracy = domain(|m| m.accuracy);
    for m in shown {
        let (x, y) = frame.point(m.mean, m.standard_deviation);
        let colour = viridis(accuracy.position(m.accuracy)).hex();
        svg.circle(
            x,
            y,
            3.6,
            &format!("fill=\"{colour}\" stroke=\"#fff\" stroke-width=\".6\""),
        );
    }
    colour_bar(
        svg,
        frame.plot,
        axes.right() + 4.0,
        accuracy,
        viridis,
        "test accuracy",
    );
}
