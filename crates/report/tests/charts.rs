//! Charts and matrices through the public API.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use report::colour::OKABE_ITO;
use report::figure::chart::{Axis, Chart, Panel, Reference, Series, Style};
use report::figure::matrix::{Matrix, matrices};

fn panel(series: Vec<Series>) -> Panel {
    Panel {
        x: Axis::linear("x"),
        y: Axis::linear("y"),
        series,
        ..Panel::default()
    }
}

fn chart(panels: Vec<Panel>) -> String {
    Chart {
        title: "a chart".into(),
        columns: 2,
        panels,
    }
    .to_svg()
}

/// All x or y of elements of this kind.
fn attributes(svg: &str, element: &str, name: &str) -> Vec<f64> {
    let lines = svg
        .lines()
        .filter(|l| l.starts_with(&format!("<{element} ")));
    lines
        .filter_map(|line| {
            let start = line.find(&format!(" {name}=\""))? + name.len() + 3;
            line[start..].split('"').next()?.parse().ok()
        })
        .collect()
}

#[test]
fn series_of_one_name_share_colour_and_legend_across_panels() {
    let line = |name: &str| Series::new(name, vec![(0.0, 1.0), (1.0, 2.0)]);
    let svg = chart(vec![
        panel(vec![line("ours"), line("theirs").as_baseline()]),
        panel(vec![line("third"), line("ours")]),
    ]);
    for name in ["ours", "theirs", "third"] {
        assert_eq!(svg.matches(&format!(">{name}</text>")).count(), 1, "{name}");
    }
    // Legend and one line in each of two panels.
    assert_eq!(svg.matches(&OKABE_ITO[0].hex()).count(), 3);
    assert_eq!(svg.matches("stroke-dasharray").count(), 2);
}

#[test]
fn a_line_ends_at_the_border_of_a_fixed_range_and_markers_outside_are_left_out() {
    let points = vec![(0.0, 0.5), (1.0, 30.0), (2.0, 0.5), (9.0, 0.5)];
    let fixed = |style| Panel {
        x: Axis::linear("").within(0.0, 2.0),
        y: Axis::linear("").within(0.0, 1.0),
        ..panel(vec![Series::new("s", points.clone()).styled(style)])
    };
    let markers = chart(vec![fixed(Style::Markers)]);
    assert_eq!(markers.matches("h0").count(), 2);
    let lines = chart(vec![fixed(Style::Line)]);
    // The line leaves at the top and comes back: two moves in its path.
    let path = lines.lines().rfind(|l| l.starts_with("<path")).unwrap();
    assert_eq!(path.matches(['M', 'm']).count(), 2, "{path}");
}

#[test]
fn bars_over_names_stand_side_by_side_on_zero() {
    let bars = |name: &str, y: f64| {
        Series::new(name, vec![(0.0, y), (1.0, y)])
            .with_intervals(vec![(y - 0.1, y + 0.1); 2])
            .styled(Style::Bars)
    };
    let svg = chart(vec![Panel {
        x: Axis::named("", ["mlp", "cnn"]),
        ..panel(vec![bars("a", 0.5), bars("b", 1.0)])
    }]);
    assert!(svg.contains(">mlp</text>") && svg.contains(">cnn</text>"));
    // The white ground and two entries of the legend come first.
    let (x, y) = (attributes(&svg, "rect", "x"), attributes(&svg, "rect", "y"));
    let (width, height) = (
        attributes(&svg, "rect", "width")[1..].to_vec(),
        attributes(&svg, "rect", "height")[1..].to_vec(),
    );
    assert_eq!(x.len(), 6);
    let mut spans: Vec<(f64, f64)> = (2..6).map(|i| (x[i], x[i] + width[i])).collect();
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(
        spans.windows(2).all(|pair| pair[0].1 < pair[1].0),
        "{spans:?}"
    );
    let bottoms: Vec<f64> = (2..6).map(|i| y[i] + height[i]).collect();
    assert!(bottoms.iter().all(|b| (b - bottoms[0]).abs() < 0.2));
    assert!((height[4] / height[2] - 2.0).abs() < 0.01);
}

#[test]
fn names_too_long_to_stand_side_by_side_stand_upright() {
    let names = |name: &str| (0..12).map(|i| format!("{name}{i}")).collect::<Vec<_>>();
    let draw = |names: Vec<String>| {
        let points = (0..12).map(|i| (f64::from(i), 1.0)).collect();
        chart(vec![Panel {
            x: Axis::named("", names),
            ..panel(vec![Series::new("", points).styled(Style::Markers)])
        }])
    };
    let upright = |svg: &str| svg.matches("rotate(-90)").count();
    assert_eq!(upright(&draw(names("s"))), 1); // the label of the y axis
    assert_eq!(upright(&draw(names("label permutation "))), 13);
}

#[test]
fn data_that_cannot_be_shown_make_a_chart_that_says_so() {
    let nothing = vec![(f64::NAN, 1.0), (1.0, f64::INFINITY)];
    let log = Panel {
        y: Axis::log(""),
        ..panel(vec![Series::new("s", vec![(1.0, 0.0), (2.0, -1.0)])])
    };
    for style in [
        Style::Line,
        Style::Markers,
        Style::LineAndMarkers,
        Style::Bars,
    ] {
        let series = Series::new("s", nothing.clone())
            .with_intervals(vec![(f64::NAN, 1.0), (0.0, f64::INFINITY)])
            .styled(style);
        let references = vec![Reference::diagonal("d"), Reference::vertical("v", f64::NAN)];
        let empty = Panel {
            references,
            ..panel(vec![series])
        };
        let svg = chart(vec![empty, log.clone(), panel(vec![])]);
        assert_eq!(svg.matches("no data").count(), 3, "{style:?}: {svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf\""));
    }
    assert!(chart(vec![]).ends_with("</svg>\n"));
}

#[test]
fn a_matrix_writes_its_values_or_shows_a_bar() {
    let matrix = Matrix {
        rows: vec!["first".into(), "second".into()],
        columns: vec!["left".into(), "right".into()],
        values: vec![vec![1.0, -0.25], vec![0.5, f64::NAN]],
        decimals: Some(2),
        ..Matrix::default()
    };
    let numbers = matrices("", 1, std::slice::from_ref(&matrix));
    for text in ["1.00", "\u{2212}0.25", "0.50", "\u{2013}", "first", "right"] {
        assert!(numbers.contains(&format!(">{text}</text>")), "{text}");
    }
    let bar = matrices(
        "",
        1,
        &[Matrix {
            decimals: None,
            value_label: "similarity".into(),
            ..matrix
        }],
    );
    assert!(bar.contains(">similarity</text>") && !bar.contains(">0.50</text>"));
    let first_above = |a: &str, b: &str| bar.find(a).unwrap() < bar.find(b).unwrap();
    assert!(first_above(">first<", ">second<"));
}

#[test]
fn matrices_without_cells_or_values_say_so() {
    let unknown = Matrix {
        rows: vec!["a".into()],
        columns: vec!["b".into()],
        values: vec![vec![f64::NAN]],
        ..Matrix::default()
    };
    let ragged = Matrix {
        values: vec![vec![], vec![1.0; 9]],
        rows: vec![String::new(); 3],
        ..unknown.clone()
    };
    let svg = matrices("", 3, &[Matrix::default(), unknown, ragged]);
    assert_eq!(svg.matches("no data").count(), 2);
    assert!(!svg.contains("NaN"));
    assert!(matrices("", 0, &[]).ends_with("</svg>\n"));
}

#[test]
fn a_matrix_of_fifty_checkpoints_is_small() {
    let names: Vec<String> = (1..=50).map(|e| e.to_string()).collect();
    let similarity = |a: usize, b: usize| (-(a.abs_diff(b) as f64) / 9.0).exp();
    let matrix = Matrix {
        rows: names.clone(),
        columns: names,
        values: (0..50)
            .map(|a| (0..50).map(|b| similarity(a, b)).collect())
            .collect(),
        ..Matrix::default()
    };
    let svg = matrices("", 1, &[matrix]);
    assert!(svg.len() < 80_000, "{} bytes", svg.len());
}
