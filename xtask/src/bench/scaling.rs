//! `cargo xtask bench scaling`: what tree, clusters and order of ever more checkpoints cost.
//!
//! The points are the runs of the zoo, in all weights and in 64 random projections, each as often
//! again as is needed, [mirrored](super::mirrored). They lie in a store that is mapped into memory.

mod turn;

pub(crate) use turn::Turn;

use super::mirrored::Mirrored;
use super::npy;
use crate::files::{write, write_json};
use crate::machine::Machine;
use crate::zoos;
use anyhow::{Context, Result, ensure};
use checkpoint_store::{Checkpoint, Store, TensorShape};
use clap::Args;
use nalgebra::{DMatrix, DMatrixView};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use report::figure::chart::{Axis, Chart, Panel, Series, Style};
use report::table::{Column, Table};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;
use turn::{Cost, Seconds};
use zoo_training::{Backend, Dataset, Recipe};

#[derive(Args)]
pub(crate) struct Options {
    /// Up to 12,500 checkpoints of all weights and 50,000 in 64 dimensions, in half a minute.
    #[arg(long)]
    quick: bool,
    /// Where `scaling.json`, `scaling.md` and `scaling.svg` go.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// The zoo of MLPs whose runs are copied; trained first if it is not there.
    #[arg(long, value_name = "DIR", default_value = "zoos/mlp")]
    zoo: PathBuf,
}

/// Where the stores lie, one at a time.
const HOME: &str = "target/bench/scaling";
/// Dimensions of the projection.
const FEW: usize = 64;
/// Sizes, in runs: of all weights, and projected. Whole zoos beyond the first.
const RUNS: &[u32] = &[20, 50, 100, 250, 500, 1000, 2000, 4000];
const RUNS_IN_FEW: &[u32] = &[20, 50, 100, 250, 1000, 4000, 10_000, 20_000, 40_000];
/// Checkpoints from which the exponent is fitted: before, costs that grow slowly hide it.
const FITTED_FROM: usize = 25_000;

/// One size.
#[derive(Serialize, Deserialize)]
struct Row {
    dimensions: usize,
    runs: u32,
    checkpoints: usize,
    threads: usize,
    #[serde(flatten)]
    cost: Cost,
}

#[derive(Serialize)]
struct Manifest {
    command: String,
    machine: Machine,
    zoo: String,
}

/// The points that are copied.
struct Originals {
    dimensions: usize,
    points: Vec<f32>,
    runs: Vec<u32>,
    epochs: Vec<u32>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let out = options.out.clone().unwrap_or_else(|| {
        let folder = ["results/bench", "target/quick/bench"];
        folder[usize::from(options.quick)].into()
    });
    let machine = Machine::this();
    let data = Dataset::mnist14()?;
    let trained = zoos::train(Recipe::preset("mlp")?, Backend::Fused, &data, &options.zoo)?;
    let truth = trained.points.truth();
    let all = Originals {
        dimensions: trained.points.matrix().nrows(),
        points: trained.points.matrix().iter().copied().collect(),
        runs: truth.runs.to_vec(),
        epochs: truth.epochs.to_vec(),
    };
    let few = Originals {
        dimensions: FEW,
        points: projected(trained.points.matrix(), FEW),
        runs: all.runs.clone(),
        epochs: all.epochs.clone(),
    };
    let mut rows: Vec<Row> = Vec::new();
    let most = if options.quick {
        [250, 1000]
    } else {
        [u32::MAX; 2]
    };
    for (originals, sizes, most) in [(&all, RUNS, most[0]), (&few, RUNS_IN_FEW, most[1])] {
        for &runs in sizes.iter().filter(|&&runs| runs <= most) {
            rows.push(measured(originals, runs)?);
            write_json(&out.join("scaling.json"), &rows)?;
        }
    }
    let page = table(&rows).to_markdown();
    print!("{page}");
    write(&out.join("scaling.md"), page)?;
    write(&out.join("scaling.svg"), chart(&rows).to_svg())?;
    let manifest = Manifest {
        command: crate::machine::command(),
        machine,
        zoo: trained.blake3,
    };
    write_json(&out.join("scaling.manifest.json"), &manifest)
}

/// Columns along so many axes with random signs, which keeps distances on average (Achlioptas 2003,
/// "Database-friendly random projections").
fn projected(points: DMatrixView<'_, f32>, dimensions: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let unit = (dimensions as f32).sqrt().recip();
    let axes = DMatrix::from_fn(dimensions, points.nrows(), |_, _| {
        if rng.next_u32() >> 31 == 1 {
            unit
        } else {
            -unit
        }
    });
    (axes * points).as_slice().to_vec()
}

fn measured(originals: &Originals, runs: u32) -> Result<Row> {
    let Originals { dimensions, .. } = *originals;
    let all = originals.runs.iter().max().map_or(0, |most| most + 1);
    let (kept, copies) = (runs.min(all), runs.div_ceil(all));
    let sources: Vec<usize> = (0..originals.runs.len())
        .filter(|&point| originals.runs[point] < kept)
        .collect();
    let column = |&point: &usize| &originals.points[point * dimensions..][..dimensions];
    let points: Vec<f32> = sources.iter().flat_map(column).copied().collect();
    let run_of: Vec<u32> = sources.iter().map(|&point| originals.runs[point]).collect();
    let mirrored = Mirrored::new(&points, &run_of, copies);
    let checkpoints = mirrored.len();
    eprint!("{checkpoints} x {dimensions}: ");

    let home = Path::new(HOME);
    if home.exists() {
        std::fs::remove_dir_all(home)?;
    }
    // Under labels that say nothing of run and epoch.
    let labels: Vec<Checkpoint> = (0..checkpoints as u64)
        .map(|place| Checkpoint::new(place, 1))
        .collect();
    let layout = [TensorShape::new("weights", [dimensions as u64])];
    Store::create(home.join("store"), "mirrored runs", &layout)?.publish(
        0,
        1,
        &labels,
        &mirrored.columns(),
    )?;
    let places = || 0..checkpoints;
    let runs_of = places().map(|place| f64::from(mirrored.run(place)));
    let epochs = places().map(|place| f64::from(originals.epochs[sources[mirrored.source(place)]]));
    let truth: Vec<f64> = runs_of.chain(epochs).collect();
    write(&home.join("truth.npy"), npy::bytes(&truth, 1)?)?;

    let output = Command::new(std::env::current_exe()?)
        .args(["bench", "scaling-turn"])
        .args([home.join("store"), home.join("truth.npy")])
        .arg((kept * copies).to_string())
        .stderr(std::process::Stdio::inherit())
        .output()?;
    ensure!(
        output.status.success(),
        "the turn ended with {}",
        output.status
    );
    let cost: Cost =
        serde_json::from_slice(&output.stdout).context("the turn did not say what it cost")?;
    std::fs::remove_dir_all(home)?;
    eprintln!(
        "{:.2} s",
        cost.tree.wall + cost.clusters.wall + cost.order.wall
    );
    Ok(Row {
        dimensions,
        runs: kept * copies,
        checkpoints,
        threads: rayon::current_num_threads(),
        cost,
    })
}

fn table(rows: &[Row]) -> Table {
    let numbers = [
        "runs",
        "tree, CPU s",
        "clusters, CPU s",
        "order, CPU s",
        "wall s, all three",
        "peak MiB, mapped pages included",
        "purity",
        "in order",
    ];
    let columns = std::iter::once(Column::text("checkpoints"));
    let seconds = |seconds: &Seconds| format!("{:.3}", seconds.cpu);
    let row = |row: &Row| {
        let Cost {
            tree,
            clusters,
            order,
            ..
        } = &row.cost;
        vec![
            format!("{} x {}", row.checkpoints, row.dimensions),
            row.runs.to_string(),
            seconds(tree),
            seconds(clusters),
            seconds(order),
            format!("{:.2}", tree.wall + clusters.wall + order.wall),
            row.cost.peak_mib.to_string(),
            format!("{:.4}", row.cost.purity),
            format!("{:.4}", row.cost.in_order),
        ]
    };
    Table {
        caption: String::new(),
        columns: columns
            .chain(numbers.map(|name| Column::number("", name)))
            .collect(),
        rows: rows.iter().map(row).collect(),
    }
}

/// Processor time over checkpoints, of every stage, with the exponents of the costly ones.
fn chart(rows: &[Row]) -> Chart {
    let mut dimensions: Vec<usize> = rows.iter().map(|row| row.dimensions).collect();
    dimensions.dedup();
    let panels = dimensions.into_iter().map(|dimensions| {
        let cost_of = |stage: fn(&Cost) -> Seconds| -> Vec<(f64, f64)> {
            let rows = rows.iter().filter(|row| row.dimensions == dimensions);
            rows.map(|row| (row.checkpoints as f64, stage(&row.cost).cpu))
                .collect()
        };
        let stages = [
            ("tree", cost_of(|cost| cost.tree)),
            ("order", cost_of(|cost| cost.order)),
            ("dendrogram and cut", cost_of(|cost| cost.clusters)),
        ];
        let exponents = stages.iter().take(2).filter_map(|(name, points)| {
            exponent(points).map(|exponent| format!("{name} n^{exponent:.2}"))
        });
        let mut title = vec![format!("{dimensions} dimensions")];
        title.extend(exponents);
        Panel {
            title: title.join(", "),
            x: Axis::log("checkpoints, n"),
            y: Axis::log("CPU seconds"),
            series: stages
                .into_iter()
                .map(|(name, points)| Series::new(name, points).styled(Style::LineAndMarkers))
                .collect(),
            references: Vec::new(),
        }
    });
    Chart {
        title: "Cost of tree, clusters and order".into(),
        columns: 2,
        panels: panels.collect(),
    }
}

/// The slope of the least-squares line through the logarithms of the larger sizes.
fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<(f64, f64)> = points
        .iter()
        .filter(|(size, _)| *size >= FITTED_FROM as f64)
        .map(|(size, cost)| (size.ln(), cost.ln()))
        .collect();
    if logs.len() < 2 {
        return None;
    }
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / logs.len() as f64;
    let (x, y) = (mean(|log| log.0), mean(|log| log.1));
    let (mut above, mut below) = (0.0, 0.0);
    for log in &logs {
        above += (log.0 - x) * (log.1 - y);
        below += (log.0 - x) * (log.0 - x);
    }
    Some(above / below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_figure_is_of_the_committed_rows() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/bench");
        let text = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
        let rows: Vec<Row> = serde_json::from_str(&text("scaling.json")).unwrap();
        let drawn = chart(&rows).to_svg();
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(folder.join("scaling.svg"), &drawn).unwrap();
        }
        assert_eq!(text("scaling.svg"), drawn);
        assert_eq!(text("scaling.md"), table(&rows).to_markdown());
    }

    #[test]
    fn the_exponent_of_a_power_is_found_from_the_larger_sizes() {
        let cost = |size: f64| {
            (
                size,
                if size < 1e4 {
                    7.0
                } else {
                    3e-9 * size.powf(1.7)
                },
            )
        };
        let points = [1e3, 3e4, 1e5, 1e6].map(cost);
        assert!((exponent(&points).unwrap() - 1.7).abs() < 1e-9);
        assert_eq!(exponent(&points[..2]), None);
    }
}
