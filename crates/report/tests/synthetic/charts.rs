//! Charts and matrices with every style, of made-up numbers.

use super::Random;
use report::figure::chart::{Axis, Chart, Panel, Reference, Series, Style};
use report::figure::matrix::{Matrix, matrices};

const SHIFTS: [&str; 9] = [
    "rotation by 90°",
    "rotation by 15°",
    "inverted images",
    "label noise 20 %",
    "one class dropped",
    "new shuffle",
    "half the data",
    "learning rate x3",
    "batch x4",
];

pub(crate) fn charts() -> Vec<(&'static str, String)> {
    vec![
        ("chart", chart()),
        ("matrix-numbers", confusion()),
        ("matrix-colours", similarities()),
    ]
}

fn chart() -> String {
    let random = &mut Random(3);
    let calibration = |shift: f64| {
        let points: Vec<(f64, f64)> = (0..6)
            .map(|i| 0.5 + 0.1 * f64::from(i))
            .map(|c| (c, (c + shift * (1.0 - c)).min(1.0)))
            .collect();
        let ends = points.iter().map(|p| (p.1 - 0.05, (p.1 + 0.05).min(1.0)));
        let intervals = ends.collect();
        (points, intervals)
    };
    let reliability = |name: &str, shift: f64| {
        let (points, intervals) = calibration(shift);
        Series::new(name, points)
            .styled(Style::LineAndMarkers)
            .with_intervals(intervals)
    };
    let scores = |random: &mut Random, best: f64| -> Vec<(f64, f64)> {
        (0..SHIFTS.len())
            .map(|i| (i as f64, best - 0.3 * random.uniform()))
            .collect()
    };
    let decay = |power: f64| -> Vec<(f64, f64)> {
        (1..=50)
            .map(|e| (f64::from(e), f64::from(e).powf(power)))
            .collect()
    };
    let around = |points: &[(f64, f64)]| points.iter().map(|p| (p.1 * 0.7, p.1 * 1.4)).collect();
    let panels = vec![
        Panel {
            title: "Reliability".into(),
            x: Axis::linear("stated confidence").within(0.5, 1.0),
            y: Axis::linear("share that is right").within(0.5, 1.0),
            series: vec![reliability("mlp", -0.2), reliability("cnn", 0.3)],
            references: vec![Reference::diagonal("calibrated")],
        },
        Panel {
            title: "Step length".into(),
            x: Axis::linear("epoch"),
            y: Axis::log("distance"),
            series: vec![
                Series::new("mlp", decay(-0.8)).with_intervals(around(&decay(-0.8))),
                Series::new("cnn", decay(-0.5)).with_intervals(around(&decay(-0.5))),
                Series::new("random walk", decay(-0.1)).as_baseline(),
                Series::new("independent points", decay(0.1)).as_baseline(),
            ],
            references: vec![Reference::vertical("shift", 25.0)],
        },
        Panel {
            title: "AUROC by shift".into(),
            x: Axis::named("", SHIFTS),
            y: Axis::linear("AUROC").within(0.4, 1.0),
            series: vec![
                Series::new("three cues", scores(random, 1.0)).styled(Style::Markers),
                Series::new("loss", scores(random, 0.95)).styled(Style::Markers),
            ],
            references: vec![Reference::horizontal("chance", 0.5)],
        },
        Panel {
            title: "Ordered share".into(),
            x: Axis::named("", ["mlp", "cnn", "hard"]),
            y: Axis::linear("share of pairs").within(0.0, 1.0),
            series: vec![
                Series::new("banded path", vec![(0.0, 1.0), (1.0, 1.0), (2.0, 0.9)])
                    .styled(Style::Bars)
                    .with_intervals(vec![(0.98, 1.0), (0.97, 1.0), (0.85, 0.95)]),
                Series::new("merge height", vec![(0.0, 0.33), (1.0, 0.7), (2.0, 0.2)])
                    .styled(Style::Bars)
                    .as_baseline(),
            ],
            references: vec![],
        },
    ];
    Chart {
        title: "Every style".into(),
        columns: 2,
        panels,
    }
    .to_svg()
}

fn confusion() -> String {
    let names: Vec<String> = ["data", "learning rate", "batch size", "reset", "nothing"]
        .map(String::from)
        .into();
    let values = |off: f64| -> Vec<Vec<f64>> {
        (0..5)
            .map(|row| {
                (0..5)
                    .map(|c| if row == c { 1.0 - 4.0 * off } else { off })
                    .collect()
            })
            .collect()
    };
    let matrix = |title: &str, off: f64| Matrix {
        title: title.into(),
        row_label: "truth".into(),
        column_label: "named".into(),
        rows: names.clone(),
        columns: names.clone(),
        values: values(off),
        range: Some((0.0, 1.0)),
        decimals: Some(2),
        ..Matrix::default()
    };
    matrices("Causes", 2, &[matrix("MLP", 0.02), matrix("CNN", 0.1)])
}

fn similarities() -> String {
    let names: Vec<String> = (1..=50).map(|e| e.to_string()).collect();
    let matrix = |title: &str, length: f64| Matrix {
        title: title.into(),
        row_label: "epoch".into(),
        column_label: "epoch".into(),
        rows: names.clone(),
        columns: names.clone(),
        values: (0..50_i32)
            .map(|a| {
                (0..50_i32)
                    .map(|b| (-f64::from((a - b).abs()) / length).exp())
                    .collect()
            })
            .collect(),
        value_label: "CKA".into(),
        ..Matrix::default()
    };
    matrices(
        "Similarity",
        2,
        &[matrix("One run", 9.0), matrix("Another", 30.0)],
    )
}
