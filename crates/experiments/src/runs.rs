//! How many runs there are, when nobody says.

use super::thinned::{Null, Thinned, null_points};
use super::world::World;
use crate::findings::{Figure, Findings};
use anyhow::Result;
use nalgebra::DMatrixView;
use report::figure::chart::{Axis, Chart, Panel, Reference, Series, Style};
use report::table::{Column, Table};
use serde_json::{Value, json};
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use trajectory::runs::{Runs, Verdict, count_runs};
use weightspace::random::{below, permutation, stream};
use weightspace::statistics::median;
use zoo::Trained;

const TEXT: &str = "\
The number of runs is read off the merge heights: a tight bundle of high merges, then a gap. Runs of \
unequal length keep 5 to all of their checkpoints, at random; runs are of odd seeds, except where the \
whole zoo is taken. A single run is counted right if it is not split. \u{201c}Told\u{201d} means that a \
gap was believed, \u{201c}wrong\u{201d} that a number was told and is wrong. Runs of one initialisation, \
a random walk and independent points have no gap to tell by: of them \u{201c}no gap\u{201d} is right.";

/// Draws of each number of runs.
const DRAWS: usize = 40;

struct Found {
    zoo: String,
    case: String,
    right: usize,
    told: usize,
    wrong: usize,
    n: usize,
    gap: f64,
}

pub(super) fn run(world: &World) -> Result<Findings> {
    let draws = if world.quick { 6 } else { DRAWS };
    let mut found = Vec::new();
    let mut panels = Vec::new();
    for zoo in &world.zoos {
        let name = zoo.zoo.recipe.name.clone();
        let shared = name.contains("shared");
        for kept in [1.0, 0.3, 0.1] {
            let points = Thinned::new(zoo, kept)?;
            let (runs, dendrogram) = counted(points.matrix.as_view())?;
            let case = format!("all {} runs, {:.0} % kept", points.runs(), 100.0 * kept);
            found.push(tally(
                &name,
                case,
                std::slice::from_ref(&runs),
                (!shared).then_some(points.runs()),
            ));
            if kept == 1.0 {
                panels.push(panel(&name, &dendrogram, &runs));
            }
        }
        if shared {
            continue;
        }
        for count in [1, 2, 5] {
            let mut results = Vec::with_capacity(draws);
            for draw in 0..draws {
                results.push(counted(drawn(zoo, count, draw as u64)?.matrix.as_view())?.0);
            }
            let case = format!("{count} of unequal length");
            found.push(tally(&name, case, &results, Some(count)));
        }
        let everything = drawn(zoo, usize::MAX, 0)?;
        let (runs, _) = counted(everything.matrix.as_view())?;
        let case = format!("{} of unequal length", everything.runs());
        found.push(tally(&name, case, &[runs], Some(everything.runs())));
    }
    for Null {
        name,
        matrix,
        labels,
        ..
    } in null_points(world)?
    {
        let first: Vec<usize> = (0..labels.len())
            .filter(|&point| labels[point] == 0)
            .collect();
        let (runs, _) = counted(matrix.select_columns(&first).as_view())?;
        found.push(tally(name, "one".into(), &[runs], None));
    }

    let headline = found
        .iter()
        .filter(|row| ["mlp", "cnn"].contains(&row.zoo.as_str()));
    let (right, n) = headline
        .filter(|row| row.case.contains("unequal") || row.case.contains("100 %"))
        .fold((0, 0), |(right, n), row| (right + row.right, n + row.n));
    let caption = "Merge heights from the highest, and the cut";
    let mut findings = Findings {
        title: "Runs without knowing how many",
        text: TEXT.into(),
        tables: vec![table(&found)],
        figures: vec![Figure {
            name: "runs_heights".into(),
            caption: caption.into(),
            svg: Chart {
                title: caption.into(),
                columns: 2,
                panels,
            }
            .to_svg(),
        }],
        json: found.iter().map(as_json).collect::<Vec<Value>>().into(),
        ..Findings::default()
    };
    findings.headline("runs_counted_right", right as f64 / n.max(1) as f64, n);
    Ok(findings)
}

fn counted(points: DMatrixView<'_, f32>) -> Result<(Runs, Dendrogram)> {
    let dendrogram = Dendrogram::from_tree(points.ncols(), &minimum_spanning_tree(points)?)?;
    Ok((count_runs(&dendrogram), dendrogram))
}

/// Some runs of odd seeds, or all of the zoo, each with 5 to all of its checkpoints.
fn drawn(zoo: &Trained, count: usize, draw: u64) -> Result<Thinned> {
    let seeds = zoo.points.runs();
    let orders = zoo.points.true_order();
    let usable = |run: &usize| count == usize::MAX || seeds[*run] % 2 == 1;
    let candidates: Vec<usize> = (0..seeds.len()).filter(usable).collect();
    let random = &mut stream(draw, "runs drawn", 0);
    let chosen: Vec<usize> = permutation(candidates.len() as u32, random)
        .into_iter()
        .take(count)
        .map(|place| candidates[place as usize])
        .collect();
    let kept: Vec<Vec<u32>> = chosen
        .iter()
        .map(|&run| {
            let order = &orders[run];
            let random = &mut stream(draw, "of each run", seeds[run]);
            let keep = 5 + below(order.len().saturating_sub(4) as u32, random) as usize;
            let mut places = permutation(order.len() as u32, random);
            places.truncate(keep);
            places.sort_unstable();
            places
                .into_iter()
                .map(|place| order[place as usize])
                .collect()
        })
        .collect();
    let seeds: Vec<u64> = chosen.iter().map(|&run| seeds[run]).collect();
    Thinned::of_runs(zoo, &kept, &seeds)
}

/// Scores counts against the true number; where there is none to tell, telling is wrong.
fn tally(zoo: &str, case: String, counts: &[Runs], truth: Option<usize>) -> Found {
    let told = |runs: &&Runs| runs.verdict == Verdict::Separated;
    let right = |runs: &&Runs| match truth {
        Some(truth) => runs.count == truth,
        None => runs.verdict == Verdict::NoGap,
    };
    Found {
        zoo: zoo.to_owned(),
        case,
        right: counts.iter().filter(right).count(),
        told: counts.iter().filter(told).count(),
        wrong: counts
            .iter()
            .filter(|runs| told(runs) && !right(runs))
            .count(),
        n: counts.len(),
        gap: median(counts.iter().map(|runs| runs.gap)),
    }
}

fn table(found: &[Found]) -> Table {
    let mut columns = vec![Column::text("points"), Column::text("runs")];
    columns.extend(
        ["right", "told", "wrong", "median gap", "n"].map(|title| Column::number("", title)),
    );
    Table {
        caption: "Runs counted".into(),
        columns,
        rows: found
            .iter()
            .map(|row| {
                let share = |part: usize| format!("{:.3}", part as f64 / row.n.max(1) as f64);
                vec![
                    row.zoo.clone(),
                    row.case.clone(),
                    share(row.right),
                    share(row.told),
                    share(row.wrong),
                    format!("{:.2}", row.gap),
                    row.n.to_string(),
                ]
            })
            .collect(),
    }
}

fn as_json(row: &Found) -> Value {
    json!({
        "points": row.zoo, "runs": row.case, "right": row.right, "told": row.told,
        "wrong": row.wrong, "median_gap": row.gap, "n": row.n,
    })
}

fn panel(name: &str, dendrogram: &Dendrogram, runs: &Runs) -> Panel {
    let merges = dendrogram.merges();
    let shown = (4 * runs.count).clamp(60, merges.len().max(60));
    let heights = merges.iter().rev().take(shown).zip(1..);
    let points = heights
        .map(|(merge, place)| (f64::from(place), merge.height))
        .collect();
    let cut = runs
        .height
        .is_finite()
        .then(|| Reference::horizontal("cut", runs.height));
    Panel {
        title: match runs.verdict {
            Verdict::Separated => format!("{name}: {} runs", runs.count),
            Verdict::NoGap => format!("{name}: no gap, cannot tell"),
        },
        x: Axis::linear("merge, from the highest"),
        y: Axis::log("height"),
        series: vec![Series::new("merge height", points).styled(Style::Line)],
        references: cut.into_iter().collect(),
    }
}
