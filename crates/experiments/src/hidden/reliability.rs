//! How sure answers are of the next checkpoint, and how often that is right; with what has no order beside.

use super::{NOISE, Outcome, UNRELATED};
use crate::findings::Figure;
use report::figure::chart::{Axis, Chart, Panel, Reference, Series, Style};
use report::table::{Column, Table};

/// Stated confidences in classes: the mean of each, the share that is right, and how many there are.
fn classes(edges: &[(f64, bool)]) -> Vec<(f64, f64, usize)> {
    let limits = BINS.windows(2);
    let of_class = |limits: &[f64]| {
        let is_last = limits[1] == 1.0;
        let inside = edges.iter();
        let inside = inside.filter(|edge| edge.0 >= limits[0] && (edge.0 < limits[1] || is_last));
        let inside: Vec<&(f64, bool)> = inside.collect();
        let count = inside.len();
        (count > 0).then(|| {
            let stated = inside.iter().map(|edge| edge.0).sum::<f64>() / count as f64;
            let right = inside.iter().filter(|edge| edge.1).count() as f64 / count as f64;
            (stated, right, count)
        })
    };
    limits.filter_map(of_class).collect()
}

/// Limits of the classes of stated confidence.
const BINS: [f64; 8] = [0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0];

fn is_ordered(outcome: &&Outcome) -> bool {
    !matches!(outcome.case, UNRELATED | NOISE)
}

/// What is stated of neighbours, and how often it holds; and what is stated where there is no order.
pub(super) fn reliability(outcomes: &[Outcome]) -> Table {
    let edges = |own: Vec<&Outcome>| -> Vec<(f64, bool)> {
        own.iter().flat_map(|one| one.edges.clone()).collect()
    };
    let row = |what: &str, (stated, right, count): (f64, f64, usize)| {
        let numbers = [
            format!("{stated:.3}"),
            format!("{right:.3}"),
            count.to_string(),
        ];
        std::iter::once(what.to_owned()).chain(numbers).collect()
    };
    let ordered = edges(outcomes.iter().filter(is_ordered).collect());
    let mut rows: Vec<Vec<String>> = classes(&ordered)
        .into_iter()
        .map(|class| row("trainings", class))
        .collect();
    for case in [UNRELATED, NOISE] {
        let own: Vec<&Outcome> = outcomes.iter().filter(|one| one.case == case).collect();
        let found = edges(own);
        match classes(&found).as_slice() {
            [] => rows.push(
                [case, "nothing stated", "–", "0"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
            all => rows.extend(all.iter().map(|&class| row(case, class))),
        }
    }
    Table {
        caption: "How sure of the next checkpoint, and how often that is right".into(),
        columns: std::iter::once(Column::text("case"))
            .chain(
                ["mean confidence", "share right", "neighbours"]
                    .map(|title| Column::number("", title)),
            )
            .collect(),
        rows,
    }
}

pub(super) fn diagram(outcomes: &[Outcome]) -> Figure {
    let series = |name: &str, is_meant: &dyn Fn(&&Outcome) -> bool| {
        let own = outcomes.iter().filter(is_meant);
        let edges: Vec<(f64, bool)> = own.flat_map(|one| one.edges.clone()).collect();
        let points = classes(&edges).into_iter();
        Series::new(name, points.map(|class| (class.0, class.1)).collect())
            .styled(Style::LineAndMarkers)
    };
    let panel = Panel {
        title: "Neighbours".into(),
        x: Axis::linear("stated confidence").within(0.0, 1.0),
        y: Axis::linear("share right").within(0.0, 1.0),
        series: vec![
            series("trainings", &is_ordered),
            series("without an order", &|one| !is_ordered(one)),
        ],
        references: vec![Reference::diagonal("calibrated")],
    };
    let caption = "Stated confidence of the next checkpoint and share that is right; odd seeds. Unrelated \
                   models, and one model with noise, have no order: what is stated of them is wrong.";
    Figure {
        name: "families-reliability".into(),
        caption: caption.into(),
        svg: Chart {
            title: "Stated confidence and share right".into(),
            columns: 1,
            panels: vec![panel],
        }
        .to_svg(),
    }
}
