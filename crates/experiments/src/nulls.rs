//! Nulls: random walks and independent points through forks, progress and every picture.

mod pictures;
pub(super) mod walks;

use super::world::World;
use crate::findings::{Figure, Findings};
use anyhow::Result;
use nalgebra::DMatrix;
use report::table::{Column, Table};
use serde_json::{Map, Value, json};
use trajectory::forks::{Fork, Parameters, family};
use trajectory::geometry::Geometry;
use trajectory::progress::growth_exponent;
use trajectory::spread::Spread;
use walks::Kind;

const TEXT: &str = "\
A random walk takes a trained run's step lengths in independent directions, from the same start; \
independent points lie as far from the run's mean as its checkpoints do, each in a direction of its \
own. Both go through what the trained runs go through.\n\n\
The first table says how to tell them apart. In many dimensions the first two principal components of \
a random walk hold 76 % of its variance (6/π² (1 + 1/4)) and are two cosines (Antognini and \
Sohl-Dickstein 2018), so a smooth curve in a plot, even one with most of the variance, is no sign of \
training; the exponent by which displacement grows with the lag is, and the cosine of successive \
steps.\n\n\
In the second table every run is cut in two and the second half offered as a branch of the first. Of a \
walk it is one: a walk has an order. Of independent points it is none, and a fork called certain there \
is false; only its confidence says that it is none.";

/// What one run, or its stand-in, looks like.
struct Looks {
    tortuosity: f64,
    cosine: f64,
    exponent: f64,
    variance: [f64; 2],
    cosine_fit: f64,
}

pub(super) fn run(world: &World) -> Result<Findings> {
    let mut findings = Findings {
        title: "Nulls: what random walks and independent points look like",
        text: TEXT.into(),
        ..Findings::default()
    };
    let (mut looks, mut halves) = (Vec::new(), Vec::new());
    let mut json = Map::new();
    let mut panels = Vec::new();
    for name in ["mlp", "cnn"] {
        let zoo = world.zoo(name)?;
        let mut orders = zoo.points.true_order();
        orders.truncate(if world.quick { 6 } else { 30 });
        let mut of_kinds = Map::new();
        for kind in Kind::ALL {
            let runs: Vec<DMatrix<f32>> = orders
                .iter()
                .zip(0..)
                .map(|(order, number)| kind.of(zoo.points.matrix(), order, number))
                .collect();
            let seen: Vec<Looks> = runs.iter().map(look).collect::<Result<_>>()?;
            let (row, values) = looks_row(name, kind, &seen);
            looks.push(row);
            let (row, forks) = cut_in_two(name, kind, &runs)?;
            halves.push(row);
            of_kinds.insert(
                kind.name().into(),
                json!({"looks": values, "halves": forks}),
            );
            let shown = &runs[..runs.len().min(6)];
            panels.extend(pictures::panels(
                &format!("{name}, {}", kind.name()),
                shown,
            )?);
        }
        json.insert(name.into(), Value::Object(of_kinds));
    }
    let numbers = |names: &[&str]| {
        let texts = ["zoo", "points"].map(Column::text);
        let numbers = names.iter().map(|name| Column::number("", name));
        texts.into_iter().chain(numbers).collect()
    };
    findings.tables = vec![
        Table {
            caption: "How a run, a walk and a cloud look: median (10 to 90 %)".into(),
            columns: numbers(&[
                "runs",
                "tortuosity",
                "cosine of steps",
                "growth exponent",
                "variance in PC 1",
                "in PC 1 and 2",
                "PC 1 as a cosine, R²",
            ]),
            rows: looks,
        },
        Table {
            caption: "Second halves offered as branches of first halves".into(),
            columns: numbers(&[
                "runs",
                "fork after the last",
                "any fork",
                "certain",
                "confidence",
            ]),
            rows: halves,
        },
    ];
    findings.figures = vec![Figure {
        name: "nulls".into(),
        caption: "Principal components of one run, and UMAP of six, beside their random walks and \
                  independent points, in the order of time."
            .into(),
        svg: pictures::chart(panels),
    }];
    findings.json = Value::Object(json);
    Ok(findings)
}

fn order(run: &DMatrix<f32>) -> Vec<u32> {
    (0..run.ncols() as u32).collect()
}

fn look(run: &DMatrix<f32>) -> Result<Looks> {
    let geometry = Geometry::of(run.as_view(), &order(run))?;
    let components = pictures::components(run)?;
    Ok(Looks {
        tortuosity: geometry.tortuosity(),
        cosine: Spread::of(geometry.cosine.iter().copied()).mean,
        exponent: growth_exponent(run.as_view(), &order(run))?,
        variance: components.variance,
        cosine_fit: pictures::cosine_fit(&components.first),
    })
}

fn looks_row(name: &str, kind: Kind, looks: &[Looks]) -> (Vec<String>, Value) {
    let of = |value: fn(&Looks) -> f64| Spread::of(looks.iter().map(value));
    let spreads = [
        of(|l| l.tortuosity),
        of(|l| l.cosine),
        of(|l| l.exponent),
        of(|l| l.variance[0]),
        of(|l| l.variance[0] + l.variance[1]),
        of(|l| l.cosine_fit),
    ];
    let mut row = vec![name.into(), kind.name().into(), looks.len().to_string()];
    row.extend(spreads.iter().map(|s| {
        format!(
            "{:.2} ({:.2} to {:.2})",
            s.median, s.quantile_10, s.quantile_90
        )
    }));
    let [tortuosity, cosine, exponent, first, two, fit] = spreads;
    let json = json!({
        "tortuosity": tortuosity, "cosine": cosine, "growth_exponent": exponent,
        "variance_1": first, "variance_2": two, "cosine_fit": fit, "n": looks.len(),
    });
    (row, json)
}

/// How often the second half of a run is found to hang from the first, and how surely.
fn cut_in_two(name: &str, kind: Kind, runs: &[DMatrix<f32>]) -> Result<(Vec<String>, Value)> {
    let (mut last, mut any, mut certain) = (0, 0, 0);
    let mut confidence = 0.0;
    for run in runs {
        let order = order(run);
        let (first, second) = order.split_at(order.len() / 2);
        let found = family(run.as_view(), &[first, second], &Parameters::default())?;
        if let Some(fork) = found.fork(1) {
            any += 1;
            last += usize::from(fork.after + 2 >= first.len());
            confidence += fork.confidence;
        }
        certain += (0..2)
            .filter(|&half| found.fork(half).is_some_and(Fork::is_certain))
            .count();
    }
    let confidence = confidence / f64::from(any.max(1));
    let row = vec![
        name.to_owned(),
        kind.name().to_owned(),
        runs.len().to_string(),
        last.to_string(),
        any.to_string(),
        certain.to_string(),
        format!("{confidence:.2}"),
    ];
    let json = json!({
        "n": runs.len(), "after_the_last": last, "forks": any, "certain": certain,
        "mean_confidence": confidence,
    });
    Ok((row, json))
}
