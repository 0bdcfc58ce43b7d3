//! `cargo xtask bench analysis`: ours and the peers in one run, on the same points.
//!
//! Every turn is a process of its own, on one thread: its processor time leaves out reading the
//! points, its peak memory is that of the whole process. One more turn on two threads gives wall
//! time. Contenders take turns, so that a busy machine slows all of them.

mod agreement;
mod contender;
mod ours;
mod points;
mod results;
mod works;

pub(crate) use ours::OwnTurn;

use super::npy;
use crate::files::{write, write_json};
use crate::machine::Machine;
use anyhow::{Result, ensure};
use clap::Args;
use contender::Contender;
use points::Points;
use results::{Row, table};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use works::{Source, Work};

#[derive(Args)]
pub(crate) struct Options {
    /// Small sizes, in about a minute.
    #[arg(long)]
    quick: bool,
    /// Only the works whose name starts so: linkage, svd, umap or order; `umap:mnist` takes only its
    /// points of that name. The results of the others stay.
    #[arg(long, value_name = "WORK")]
    only: Option<String>,
    /// Only ours.
    #[arg(long)]
    alone: bool,
    /// Where `analysis.json` and `analysis.md` go.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The zoo of MLPs that is analysed; trained first if it is not there.
    #[arg(long, value_name = "DIR", default_value = "zoos/mlp")]
    zoo: PathBuf,
    /// Turns of each contender, of which the least is reported. What takes long takes one.
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,
}

/// Where points, answers and peers are kept.
const HOME: &str = "target/bench";

/// Processor seconds beyond which a contender takes one turn only.
const LONG: f64 = 20.0;

#[derive(Serialize)]
struct Manifest {
    command: String,
    machine: Machine,
    python: String,
    rounds: usize,
    /// What the points are, and their BLAKE3.
    points: BTreeMap<&'static str, (String, String)>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    ensure!(options.rounds > 0, "give at least 1 round");
    std::fs::create_dir_all(HOME)?;
    let home = PathBuf::from(HOME).canonicalize()?;
    let wanted: Vec<&Work> = works::WORKS
        .iter()
        .filter(|work| work.is(options.only.as_deref().unwrap_or("")))
        .collect();
    ensure!(
        !wanted.is_empty(),
        "no such work; the works are linkage, svd, umap and order"
    );
    let python = if options.alone {
        String::new()
    } else {
        contender::prepare(&home)?
    };
    let sources: Vec<Source> = wanted.iter().map(|work| work.points).collect();
    let points = points::all(&home, &options.zoo, options.quick, &sources)?;
    let quick = PathBuf::from("target/quick/bench");
    let full = PathBuf::from("results/bench");
    let out = options
        .out
        .as_ref()
        .unwrap_or(if options.quick { &quick } else { &full });
    let mut rows = results::read(&out.join("analysis.json"));
    for work in wanted {
        let new = measured(work, &points[&work.points], &home, options)?;
        results::replace(&mut rows, new);
        // All that is known so far: it takes long, and may be interrupted.
        write_json(&out.join("analysis.json"), &rows)?;
        write(&out.join("analysis.md"), table(&rows).to_markdown())?;
    }
    super::headline::update(out)?;
    print!("{}", table(&rows).to_markdown());
    let manifest = Manifest {
        command: crate::machine::command(),
        machine: Machine::this(),
        python,
        rounds: options.rounds,
        points: points
            .values()
            .map(|points| (points.name, (points.what.clone(), points.hash.clone())))
            .collect(),
    };
    write_json(&out.join("analysis.manifest.json"), &manifest)
}

/// All turns of one work.
fn measured(
    work: &Work,
    points: &Points,
    home: &std::path::Path,
    options: &Options,
) -> Result<Vec<Row>> {
    let mut contenders: Vec<Contender> = std::iter::once(Contender::ours(work))
        .chain(work.peers.iter().map(|peer| Contender::peer(work, peer)))
        .take(if options.alone { 1 } else { usize::MAX })
        .collect();
    for round in 0..options.rounds {
        for contender in &mut contenders {
            if !contender.is_longer_than(LONG) {
                contender.take_turn(points, home, round)?;
            }
        }
    }
    for contender in &mut contenders {
        contender.take_turn_on_two_threads(points, home)?;
    }
    results::rows(work, points, home, &contenders)
}
