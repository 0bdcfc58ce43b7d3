//! How long the steps of every run are, and how sharply it turns.

use crate::runs::{Run, Runs};
use report::colour::OKABE_ITO;
use report::figure::chart::{Axis, Chart, Panel, Series, Style};
use report::figure::matrix::{Matrix, matrices};
use report::html::Block;

/// Up to so many runs have a line each: there are no more colours that all readers can tell apart.
/// More are rows of a picture.
const MOST_LINES: usize = OKABE_ITO.len();
/// Most rows of that picture.
const MOST_ROWS: usize = 300;
/// Most points of a line, and most columns of the picture.
const MOST_PLACES: usize = 1_000;
/// Up to so many points a line has markers.
const MOST_MARKERS: usize = 60;

pub(super) fn blocks(found: &Runs) -> Vec<Block> {
    let runs: Vec<(usize, &Run)> = found
        .runs
        .iter()
        .enumerate()
        .filter(|(_, run)| run.places.len() > 1)
        .collect();
    match runs.len() {
        0 => Vec::new(),
        few if few <= MOST_LINES => vec![lines(found, &runs)],
        _ => vec![rows(&runs)],
    }
}

/// A line a run.
fn lines(found: &Runs, runs: &[(usize, &Run)]) -> Block {
    let unit = super::position_name(found);
    let x_label = match unit {
        "place" => "place in the order",
        unit => unit,
    };
    let longest = runs.iter().map(|(_, run)| run.places.len()).max();
    let longest = longest.unwrap_or_default();
    let every = longest.div_ceil(MOST_PLACES).max(1);
    let series = |values: fn(&Run) -> Vec<f64>| -> Vec<Series> {
        let lines = runs.iter().enumerate().map(|(colour, (index, run))| {
            let positions = super::positions(run, unit);
            // A step is named after the checkpoint that it leads to, a turn after where it is made.
            let points = positions.iter().skip(1).map(|&x| x as f64);
            let points = points.zip(values(run)).step_by(every);
            let style = if longest <= MOST_MARKERS {
                Style::LineAndMarkers
            } else {
                Style::Line
            };
            Series::new(&super::run_name(*index, run), points.collect())
                .styled(style)
                .coloured(colour)
        });
        lines.collect()
    };
    let mut lengths = series(|run| run.geometry.step_length.clone());
    let is_positive = |series: &Series| series.points.iter().all(|&(_, y)| y > 0.0);
    let y = if lengths.iter().all(is_positive) {
        Axis::log("distance to the checkpoint before")
    } else {
        Axis::linear("distance to the checkpoint before")
    };
    lengths.extend(events(runs, unit));
    let turns = series(angles);
    let angles = turns.iter().flat_map(|line| &line.points);
    let widest = angles.fold(0.0, |widest: f64, &(_, angle)| widest.max(angle));
    let top = [45.0, 90.0, 135.0].into_iter().find(|&top| widest < top);
    let top = top.unwrap_or(180.0);
    let mut panels = vec![Panel {
        title: "Step length".to_owned(),
        x: Axis::linear(x_label),
        y,
        series: lengths,
        ..Panel::default()
    }];
    if turns.iter().any(|line| !line.points.is_empty()) {
        panels.push(Panel {
            title: "Turn".to_owned(),
            x: Axis::linear(x_label),
            y: Axis::linear("angle (degrees)").within(0.0, top),
            series: turns,
            ..Panel::default()
        });
    }
    let chart = Chart {
        title: "Step length and turn of every run".to_owned(),
        columns: panels.len(),
        panels,
    };
    let thinned = match every {
        1 => String::new(),
        _ => format!(" One step in {every} is shown."),
    };
    Block::Figure {
        svg: chart.to_svg(),
        caption: format!("{CAPTION}{thinned}"),
    }
}

/// A mark on the step that led to each event.
fn events(runs: &[(usize, &Run)], unit: &str) -> Option<Series> {
    let points = runs.iter().flat_map(|(_, run)| {
        let positions = super::positions(run, unit);
        run.events.iter().filter_map(move |event| {
            let length = run.geometry.step_length.get(event.place.checked_sub(1)?)?;
            Some((*positions.get(event.place)? as f64, *length))
        })
    });
    let points: Vec<(f64, f64)> = points.collect();
    let series = Series::new("event", points).styled(Style::Markers);
    (!series.points.is_empty()).then(|| series.coloured(MOST_LINES - 1))
}

const CAPTION: &str = "Length of the step that ends at each checkpoint, in the unit of the weights, \
                       and the angle between the steps before and behind it: 0° is straight on, \
                       about 90° is what independent random steps make, 180° is straight back. An event is a step \
                       that the run's own past did not lead to expect.";

/// A row a run: colours for many runs would not be told apart.
fn rows(runs: &[(usize, &Run)]) -> Block {
    let shown = runs.get(..MOST_ROWS.min(runs.len())).unwrap_or(runs);
    let longest = shown.iter().map(|(_, run)| run.places.len()).max();
    let longest = longest.unwrap_or_default();
    let every = longest.div_ceil(MOST_PLACES).max(1);
    let columns = |first: usize, count: usize| -> Vec<String> {
        let places = (first..first + count).step_by(every);
        places.map(|place| place.to_string()).collect()
    };
    let names: Vec<String> = shown
        .iter()
        .map(|(index, run)| super::run_name(*index, run))
        .collect();
    let matrix = |title: &str, value_label: &str, most: usize, values: fn(&Run) -> Vec<f64>| {
        let row = |(_, run): &(usize, &Run)| -> Vec<f64> {
            let mut row: Vec<f64> = values(run).into_iter().step_by(every).collect();
            row.resize(most.div_ceil(every), f64::NAN);
            row
        };
        Matrix {
            title: title.to_owned(),
            column_label: "place in the order".to_owned(),
            rows: names.clone(),
            columns: columns(2, most),
            values: shown.iter().map(row).collect(),
            value_label: value_label.to_owned(),
            ..Matrix::default()
        }
    };
    let mut pictures = vec![matrix(
        "Step length",
        "log10 of the distance to the checkpoint before",
        longest.saturating_sub(1),
        |run| {
            let lengths = run.geometry.step_length.iter();
            lengths.map(|length| length.log10()).collect()
        },
    )];
    if longest > 2 {
        pictures.push(matrix(
            "Turn",
            "angle between successive steps (degrees)",
            longest - 2,
            angles,
        ));
    }
    let missing = super::shown_of(shown.len(), runs.len(), "run");
    Block::Figure {
        svg: matrices(
            "Step length and turn of every run, a row each",
            1,
            &pictures,
        ),
        caption: format!("A row a run. {CAPTION}{missing}"),
    }
}

fn angles(run: &Run) -> Vec<f64> {
    let angles = run.geometry.turning_angle.iter();
    angles.map(|angle| angle.to_degrees()).collect()
}
