//! Low-dimensional views, and how much they show.

use crate::world::SEED;
use anyhow::Result;
use nalgebra::DMatrix;
use report::figure::chart::{Axis, Chart, Panel, Series, Style};
use std::f64::consts::PI;
use weightspace::principal::principal_components;
use weightspace::umap;

/// The first two principal components of a run.
pub(super) struct Components {
    pub(super) first: Vec<f64>,
    second: Vec<f64>,
    /// Share of the variance that each holds.
    pub(super) variance: [f64; 2],
}

pub(super) fn components(run: &DMatrix<f32>) -> Result<Components> {
    let found = principal_components(run.as_view(), 2)?;
    let row = |row: usize| -> Vec<f64> {
        let coordinates = found.coordinates.row(row);
        coordinates.iter().map(|&x| f64::from(x)).collect()
    };
    Ok(Components {
        first: row(0),
        second: row(1),
        variance: [found.shares[0], found.shares[1]],
    })
}

/// R² of a component with half a period of a cosine over the run, which a random walk's first
/// component tends to.
pub(super) fn cosine_fit(component: &[f64]) -> f64 {
    let n = component.len() as f64;
    let wave = (0..component.len()).map(|i| (PI * (i as f64 + 0.5) / n).cos());
    // Both have mean zero.
    let (mut product, mut squares, mut wave_squares) = (0.0, 0.0, 0.0);
    for (x, y) in component.iter().zip(wave) {
        product += x * y;
        squares += x * x;
        wave_squares += y * y;
    }
    product * product / (squares * wave_squares)
}

/// Components of the first run, and a map of all of them.
pub(super) fn panels(title: &str, runs: &[DMatrix<f32>]) -> Result<[Panel; 2]> {
    let components = components(&runs[0])?;
    let path = components
        .first
        .iter()
        .copied()
        .zip(components.second.iter().copied());
    let [first, second] = components.variance.map(|share| 100.0 * share);
    let plane = Panel {
        title: title.to_owned(),
        x: Axis::linear(&format!("PC 1 ({first:.0} %)")),
        y: Axis::linear(&format!("PC 2 ({second:.0} %)")),
        series: vec![Series::new("", path.collect()).styled(Style::LineAndMarkers)],
        references: Vec::new(),
    };
    let columns: Vec<_> = runs.iter().flat_map(|run| run.column_iter()).collect();
    let together = DMatrix::from_columns(&columns);
    let parameters = umap::Parameters {
        seed: SEED,
        ..umap::Parameters::default()
    };
    let positions = umap::embed(together.as_view(), &parameters)?.positions;
    let series = positions
        .chunks(runs[0].ncols())
        .enumerate()
        .map(|(run, path)| {
            let path = path.iter().map(|[x, y]| (f64::from(*x), f64::from(*y)));
            Series::new("", path.collect()).coloured(run)
        });
    let map = Panel {
        title: format!("{title}: UMAP"),
        series: series.collect(),
        ..Panel::default()
    };
    Ok([plane, map])
}

pub(super) fn chart(panels: Vec<Panel>) -> String {
    Chart {
        title: "Trained runs beside random walks and independent points".into(),
        columns: 4,
        panels,
    }
    .to_svg()
}
