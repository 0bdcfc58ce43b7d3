//! How far: a meter that moves while the loss stalls, beside a random walk that goes nowhere.

use super::nulls::walks::Kind;
use super::world::World;
use crate::findings::{Figure, Findings};
use anyhow::Result;
use nalgebra::DMatrix;
use report::figure::chart::{Axis, Chart, Panel, Reference, Series, Style};
use report::table::{Column, Table};
use serde_json::{Map, Value, json};
use trajectory::progress::{Progress, Units, growth_exponent};
use trajectory::spread::Spread;
use weightspace::distance::distance;
use zoo::Trained;

/// Steps that count as recent, and over which the loss must fall.
const WINDOW: usize = 10;
/// A loss that falls by less than this many standard errors of its slope has stalled.
const STALL: f64 = 2.0;

const TEXT: &str = "\
The first table takes the checkpoint half way through training as accepted and asks how far the last \
one has come since: in units of the run's own recent steps (the median of the last ten), and of the \
distance of unrelated runs (the median over pairs of runs of the same zoo at the same epoch).\n\n\
The second asks whether the weights still go somewhere when the loss does not. In every window of ten \
epochs a line is fitted to the training loss; it has stalled if it does not fall by two standard errors \
of the slope. Persistence is the squared displacement over the window divided by the sum of the squared \
steps: 1 for a random walk. A run is still going somewhere if its persistence exceeds the largest among \
the random walks with the same step lengths, one for each run and window. That it goes somewhere does \
not say that it gets better.";

/// One window of one run.
struct Window {
    end: usize,
    persistence: f64,
    of_walk: f64,
    stalled: Option<bool>,
}

/// One run.
struct Way {
    since: Progress,
    exponent: f64,
    of_walk: f64,
    windows: Vec<Window>,
}

pub(super) fn run(world: &World) -> Result<Findings> {
    let mut findings = Findings {
        title: "How far: distance since a checkpoint, and progress when the loss stalls",
        text: TEXT.into(),
        ..Findings::default()
    };
    let (mut since, mut stalls, mut panels) = (Vec::new(), Vec::new(), Vec::new());
    let mut json = Map::new();
    for name in ["mlp", "cnn", "mlp-hard"] {
        let zoo = world.zoo(name)?;
        let ways = ways(zoo, if world.quick { 10 } else { 60 })?;
        let (row, far) = since_row(name, &ways);
        since.push(row);
        let (row, stalled) = stall_row(name, &ways);
        stalls.push(row);
        panels.push(panel(name, &ways));
        json.insert(
            name.into(),
            json!({"since_half_way": far, "stalled": stalled}),
        );
    }
    let numbers = |names: &[&str]| {
        let numbers = names.iter().map(|name| Column::number("", name));
        std::iter::once(Column::text("zoo"))
            .chain(numbers)
            .collect()
    };
    findings.tables = vec![
        Table {
            caption: "From half way to the end: median (10 to 90 % of the runs)".into(),
            columns: numbers(&[
                "runs",
                "recent steps",
                "of unrelated runs",
                "share of the path",
                "straightness",
                "growth exponent",
                "of its random walk",
            ]),
            rows: since,
        },
        Table {
            caption: "Windows of ten epochs in which the training loss has stalled".into(),
            columns: numbers(&[
                "windows",
                "stalled",
                "still going, of stalled",
                "still going, of all",
                "persistence, stalled",
                "largest of walks",
            ]),
            rows: stalls,
        },
    ];
    findings.figures = vec![Figure {
        name: "progress".into(),
        caption: "Persistence over the last ten epochs: median and 10 to 90 % of the runs, and of \
                  random walks with the same steps."
            .into(),
        svg: Chart {
            title: "Persistence of the movement".into(),
            columns: 3,
            panels,
        }
        .to_svg(),
    }];
    findings.json = Value::Object(json);
    Ok(findings)
}

fn ways(zoo: &Trained, most: usize) -> Result<Vec<Way>> {
    let matrix = zoo.points.matrix();
    let mut orders = zoo.points.true_order();
    orders.truncate(most);
    let mut ways = Vec::new();
    for (number, order) in orders.iter().enumerate() {
        let losses: Vec<Option<f64>> = order
            .iter()
            .map(|&point| {
                let label = &zoo.points.checkpoints()[point as usize];
                label.train_loss.map(f64::from)
            })
            .collect();
        let other = &orders[(number + 1) % orders.len()];
        let apart = order.iter().zip(other).map(|(&one, &two)| {
            let column = |point: u32| matrix.column(point as usize).data.into_slice();
            distance(column(one), column(two))
        });
        let unrelated = Spread::of(apart).median;
        let units = Units {
            recent: WINDOW,
            unrelated: (unrelated > 0.0).then_some(unrelated),
        };
        let walk = Kind::Walk.of(matrix, order, number as u64);
        let walked: Vec<u32> = (0..walk.ncols() as u32).collect();
        let windows = (WINDOW..order.len()).map(|end| {
            Ok(Window {
                end: end + 1,
                persistence: Progress::since(matrix, &order[..=end], 0, &units)?.persistence,
                of_walk: persistence(&walk, &walked[..=end])?,
                stalled: has_stalled(&losses[end - WINDOW..=end]),
            })
        });
        let half = order.len() / 2;
        ways.push(Way {
            since: Progress::since(matrix, order, half.saturating_sub(1), &units)?,
            exponent: growth_exponent(matrix, &order[half..])?,
            of_walk: growth_exponent(walk.as_view(), &walked[half..])?,
            windows: windows.collect::<Result<_>>()?,
        });
    }
    Ok(ways)
}

fn persistence(walk: &DMatrix<f32>, order: &[u32]) -> Result<f64> {
    let units = Units {
        recent: WINDOW,
        unrelated: None,
    };
    Ok(Progress::since(walk.as_view(), order, 0, &units)?.persistence)
}

/// Whether the loss falls by less than [`STALL`] standard errors of its slope.
fn has_stalled(losses: &[Option<f64>]) -> Option<bool> {
    let losses: Vec<f64> = losses.iter().copied().collect::<Option<_>>()?;
    let n = losses.len() as f64;
    let (centre, mean) = ((n - 1.0) / 2.0, losses.iter().sum::<f64>() / n);
    let offsets = || {
        losses
            .iter()
            .enumerate()
            .map(|(i, y)| (i as f64 - centre, y - mean))
    };
    let squares: f64 = offsets().map(|(x, _)| x * x).sum();
    let slope = offsets().map(|(x, y)| x * y).sum::<f64>() / squares;
    let residual: f64 = offsets().map(|(x, y)| (y - slope * x).powi(2)).sum();
    let error = (residual / (n - 2.0) / squares).sqrt();
    Some(slope > -STALL * error)
}

fn shown(spread: Spread, digits: usize) -> String {
    if spread.count == 0 {
        return String::new();
    }
    format!(
        "{:.digits$} ({:.digits$} to {:.digits$})",
        spread.median, spread.quantile_10, spread.quantile_90
    )
}

fn since_row(name: &str, ways: &[Way]) -> (Vec<String>, Value) {
    let of = |value: fn(&Way) -> f64| Spread::of(ways.iter().map(value));
    let (steps, unrelated) = (of(|w| w.since.in_steps), of(|w| w.since.of_unrelated));
    let (share, straight) = (of(|w| w.since.share_of_path), of(|w| w.since.straightness));
    let (exponent, of_walk) = (of(|w| w.exponent), of(|w| w.of_walk));
    let row = vec![
        name.to_owned(),
        ways.len().to_string(),
        shown(steps, 1),
        shown(unrelated, 3),
        shown(share, 3),
        shown(straight, 2),
        shown(exponent, 2),
        shown(of_walk, 2),
    ];
    let json = json!({
        "n": ways.len(), "in_steps": steps, "of_strangers": unrelated, "share_of_path": share,
        "straightness": straight, "growth_exponent": exponent, "growth_exponent_of_walk": of_walk,
    });
    (row, json)
}

fn stall_row(name: &str, ways: &[Way]) -> (Vec<String>, Value) {
    let all: Vec<&Window> = ways.iter().flat_map(|way| &way.windows).collect();
    let stalled: Vec<&Window> = all
        .iter()
        .filter(|w| w.stalled == Some(true))
        .copied()
        .collect();
    let walks = all.iter().map(|w| w.of_walk).fold(f64::NAN, f64::max);
    let going = |windows: &[&Window]| {
        let count = windows.iter().filter(|w| w.persistence > walks).count();
        count as f64 / windows.len() as f64
    };
    let persistence = Spread::of(stalled.iter().map(|w| w.persistence));
    let row = vec![
        name.to_owned(),
        all.len().to_string(),
        stalled.len().to_string(),
        match stalled.len() {
            0 => String::new(),
            _ => format!("{:.3}", going(&stalled)),
        },
        format!("{:.3}", going(&all)),
        shown(persistence, 2),
        format!("{walks:.2}"),
    ];
    let json = json!({
        "windows": all.len(), "stalled": stalled.len(), "going_of_stalled": going(&stalled),
        "going_of_all": going(&all), "persistence_of_stalled": persistence,
        "largest_persistence_of_walks": walks,
    });
    (row, json)
}

fn panel(name: &str, ways: &[Way]) -> Panel {
    let ends: Vec<usize> = match ways.first() {
        Some(way) => way.windows.iter().map(|window| window.end).collect(),
        None => Vec::new(),
    };
    let series = |title: &str, value: fn(&Window) -> f64| {
        let spreads: Vec<Spread> = (0..ends.len())
            .map(|i| Spread::of(ways.iter().filter_map(|way| way.windows.get(i)).map(value)))
            .collect();
        let points = ends.iter().zip(&spreads);
        let points = points.map(|(&end, s)| (end as f64, s.median)).collect();
        let band = spreads.iter().map(|s| (s.quantile_10, s.quantile_90));
        Series::new(title, points)
            .styled(Style::Line)
            .with_intervals(band.collect())
    };
    Panel {
        title: name.to_owned(),
        x: Axis::linear("epoch"),
        y: Axis::log("persistence over ten epochs"),
        series: vec![
            series("trained", |window| window.persistence),
            series("random walk", |window| window.of_walk).as_baseline(),
        ],
        references: vec![Reference::horizontal("no direction", 1.0)],
    }
}
