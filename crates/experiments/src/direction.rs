//! Which end of a run came first, from weights alone.

use super::thinned::{Null, Thinned, null_points};
use super::world::{SEED, World};
use crate::findings::{Figure, Findings};
use anyhow::Result;
use nalgebra::DMatrixView;
use report::figure::chart::{Axis, Chart, Panel, Series, Style};
use report::table::{Column, Table};
use serde_json::{Value, json};
use trajectory::assignment::Clusters;
use trajectory::ordering::{Directed, Direction, Method, direct, order};
use trajectory::scoring::ordered;

const TEXT: &str = "\
Every run is ordered by the recommended method and then directed: by the trend of its step lengths, \
and by the trend of its norm as far as the steps of the other runs of the zoo agree on what it means. \
Below a confidence of 0.95 an order is undirected. \u{201c}Alone\u{201d} directs every run as if it \
were the only one. Odd seeds; a direction is right if Kendall's \u{3c4} of the order is positive. The \
null walks keep the shrinking steps of trained runs, and so their direction; independent points have \
none, and what is asserted there is false.";

/// Of the odd seeds: number, asserted, right when asserted, and confidence with whether right.
struct Tally {
    runs: usize,
    asserted: usize,
    right: usize,
    confidence: Vec<(f64, bool)>,
}

fn tally(found: &[Directed], ranks: &[u32], counts: impl Fn(usize) -> bool) -> Result<Tally> {
    let mut tally = Tally {
        runs: 0,
        asserted: 0,
        right: 0,
        confidence: Vec::new(),
    };
    for order in found
        .iter()
        .filter(|order| counts(order.leaves[0] as usize))
    {
        let epochs: Vec<u32> = order
            .leaves
            .iter()
            .map(|&leaf| ranks[leaf as usize])
            .collect();
        let forward = ordered(&epochs)?.kendall_tau.is_some_and(|tau| tau > 0.0);
        tally.runs += 1;
        tally.confidence.push((order.confidence, forward));
        if order.direction == Direction::Forward {
            tally.asserted += 1;
            tally.right += usize::from(forward);
        }
    }
    Ok(tally)
}

fn together_and_alone(
    points: DMatrixView<'_, f32>,
    orders: &[Vec<u32>],
) -> Result<[(&'static str, Vec<Directed>); 2]> {
    let mut alone = Vec::with_capacity(orders.len());
    for order in orders {
        alone.extend(direct(points, std::slice::from_ref(order))?);
    }
    Ok([("together", direct(points, orders)?), ("alone", alone)])
}

pub(super) fn run(world: &World) -> Result<Findings> {
    let titles = ["asserted", "right when asserted", "n"].map(|title| Column::number("", title));
    let mut columns = vec![
        Column::text("points"),
        Column::number("", "kept"),
        Column::text("runs"),
    ];
    columns.extend(titles);
    let mut table = Table {
        caption: "Direction asserted, and right when asserted; odd seeds".into(),
        columns,
        rows: Vec::new(),
    };
    let mut json = Vec::new();
    let mut add = |points: &str, kept: f64, runs: &str, tally: &Tally| {
        let asserted = tally.asserted as f64 / tally.runs.max(1) as f64;
        let right = (tally.asserted > 0).then(|| tally.right as f64 / tally.asserted as f64);
        table.rows.push(vec![
            points.to_owned(),
            format!("{:.0} %", 100.0 * kept),
            runs.to_owned(),
            format!("{asserted:.3}"),
            right.map_or("\u{2013}".into(), |right| format!("{right:.3}")),
            tally.runs.to_string(),
        ]);
        json.push(json!({
            "points": points, "kept": kept, "runs": runs, "asserted": asserted,
            "right_when_asserted": right, "n": tally.runs, "n_asserted": tally.asserted,
        }));
    };
    let (mut runs, mut asserted, mut right) = (0, 0, 0);
    let mut series = Vec::new();
    for zoo in &world.zoos {
        let name = zoo.zoo.recipe.name.as_str();
        for kept in [1.0, 0.3, 0.1] {
            let thinned = Thinned::new(zoo, kept)?;
            let points = thinned.matrix.as_view();
            let clusters = Clusters::from_labels(&thinned.labels)?;
            let orders = order(points, &clusters, Method::RECOMMENDED, SEED)?;
            for (how, found) in together_and_alone(points, &orders)? {
                let tally = tally(&found, &thinned.ranks, |point| thinned.odd(point))?;
                add(name, kept, how, &tally);
                if how == "together" && kept == 0.3 {
                    if ["mlp", "cnn"].contains(&name) {
                        runs += tally.runs;
                        asserted += tally.asserted;
                        right += tally.right;
                    }
                    series.push(sorted_confidence(name, &tally));
                }
            }
        }
    }
    for null in null_points(world)? {
        let Null {
            name,
            matrix,
            labels,
            ranks,
        } = null;
        let points = matrix.as_view();
        let orders = order(
            points,
            &Clusters::from_labels(&labels)?,
            Method::RECOMMENDED,
            SEED,
        )?;
        for (how, found) in together_and_alone(points, &orders)? {
            add(name, 1.0, how, &tally(&found, &ranks, |_| true)?);
        }
    }
    let caption = "Confidence of the direction with 30 % of the checkpoints, runs sorted by it";
    let mut findings = Findings {
        title: "Direction",
        text: TEXT.into(),
        tables: vec![table],
        figures: vec![Figure {
            name: "direction_confidence".into(),
            caption: caption.into(),
            svg: Chart {
                title: caption.into(),
                columns: 1,
                panels: vec![Panel {
                    title: String::new(),
                    x: Axis::linear("share of the runs").within(0.0, 1.0),
                    y: Axis::linear("confidence").within(0.5, 1.0),
                    series,
                    references: Vec::new(),
                }],
            }
            .to_svg(),
        }],
        json: Value::Array(json),
        ..Findings::default()
    };
    findings.headline(
        "direction_right_when_asserted",
        right as f64 / asserted.max(1) as f64,
        asserted,
    );
    findings.headline(
        "direction_asserted",
        asserted as f64 / runs.max(1) as f64,
        runs,
    );
    Ok(findings)
}

fn sorted_confidence(name: &str, tally: &Tally) -> Series {
    let mut confidence: Vec<f64> = tally
        .confidence
        .iter()
        .map(|&(confidence, _)| confidence)
        .collect();
    confidence.sort_unstable_by(f64::total_cmp);
    let share = |place: usize| (place as f64 + 0.5) / confidence.len() as f64;
    let points = confidence
        .iter()
        .enumerate()
        .map(|(place, &value)| (share(place), value));
    Series::new(name, points.collect()).styled(Style::Line)
}
