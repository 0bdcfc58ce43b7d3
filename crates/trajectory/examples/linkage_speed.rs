//! How long each stage from points to orders takes, in CPU seconds.
//!
//! ```console
//! cargo run --release -p modeltrail-trajectory --example linkage_speed -- store zoos/mlp
//! cargo run --release -p modeltrail-trajectory --example linkage_speed -- runs 1000 50 2160
//! cargo run --release -p modeltrail-trajectory --example linkage_speed -- cloud 12500 50
//! ```
//!
//! `write PATH` before `runs` writes a store of them instead, to be mapped afterwards.
//!
//! Points are the trained checkpoints of a store, made-up runs (runs, epochs, parameters) or a
//! normal cloud without structure (points, dimensions). `RAYON_NUM_THREADS` sets the threads.

use std::error::Error;
use std::time::{Duration, Instant};

use checkpoint_store::{Checkpoint, Store, TensorShape};
use cpu_time::ProcessTime;
use nalgebra::{DMatrix, DMatrixView};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use trajectory::ordering::{Method, along_tree, by_merge_height, order};
use trajectory::spanning_tree::SpanningTree;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["store", path] => {
            let checkpoints = Store::open(path)?.load()?;
            let trained = checkpoints.epochs(1..);
            let runs = trained.checkpoints.iter().map(|checkpoint| checkpoint.run);
            let runs = runs.collect::<std::collections::BTreeSet<_>>().len();
            measure(trained.matrix, runs)
        }
        ["runs", runs, epochs, parameters] => {
            let runs = runs.parse()?;
            measure(
                made_up(runs, epochs.parse()?, parameters.parse()?).as_view(),
                runs,
            )
        }
        ["write", path, "runs", runs, epochs, parameters] => {
            write(path, runs.parse()?, epochs.parse()?, parameters.parse()?)
        }
        ["cloud", points, dimensions] => {
            measure(cloud(dimensions.parse()?, points.parse()?).as_view(), 1)
        }
        _ => Err(
            "give `store PATH`, `runs RUNS EPOCHS PARAMETERS` or `cloud POINTS DIMENSIONS`".into(),
        ),
    }
}

/// Writes made-up runs as a finished store.
fn write(path: &str, runs: usize, epochs: usize, parameters: usize) -> Result<()> {
    let layout = [TensorShape::new("weights", [parameters as u64])];
    let store = Store::create(path, "made-up runs", &layout)?;
    let points = made_up(runs, epochs, parameters);
    let epochs = epochs as u32;
    for epoch in 1..=epochs {
        let labels: Vec<Checkpoint> = (0..runs as u64)
            .map(|run| Checkpoint::new(run, epoch))
            .collect();
        let weights = runs * parameters;
        let columns = &points.as_slice()[(epoch as usize - 1) * weights..][..weights];
        store.publish(0, epoch, &labels, columns)?;
    }
    let runs: Vec<u64> = (0..runs as u64).collect();
    store.compact(1..=epochs, &runs)?;
    Ok(())
}

fn measure(points: DMatrixView<'_, f32>, runs: usize) -> Result<()> {
    println!(
        "{} points x {}, {runs} runs, {} threads",
        points.ncols(),
        points.nrows(),
        rayon::current_num_threads()
    );
    let edges = timed("minimum spanning tree", || minimum_spanning_tree(points))?;
    let total: f64 = edges.iter().map(|edge| edge.length).sum();
    let tree = timed("checked as a graph", || {
        SpanningTree::new(points.ncols(), &edges)
    })?;
    let dendrogram = timed("dendrogram", || Dendrogram::of(&tree));
    let clusters = timed("cut into runs", || dendrogram.cut_into(runs))?;
    timed("order by merge height", || {
        by_merge_height(&dendrogram, &clusters, 0)
    })?;
    timed("order along the tree", || along_tree(&tree, &clusters, 0))?;
    if runs > 1 {
        timed("order by banded paths", || {
            order(points, &clusters, Method::RECOMMENDED, 0)
        })?;
    }
    println!(
        "length of the tree {total:.9}; peak memory {} MiB",
        peak_mib()
    );
    Ok(())
}

fn timed<T>(stage: &str, work: impl FnOnce() -> T) -> T {
    let (cpu, wall) = (ProcessTime::now(), Instant::now());
    let result = work();
    let (cpu, wall): (Duration, Duration) = (cpu.elapsed(), wall.elapsed());
    println!(
        "{stage:24} {:9.3} s CPU {:9.3} s wall",
        cpu.as_secs_f64(),
        wall.as_secs_f64()
    );
    result
}

/// The most memory the process ever held, mapped pages included; 0 where the system does not tell.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|value| value.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}

fn normal(rng: &mut ChaCha8Rng) -> f32 {
    // The sum of twelve uniform numbers, near enough.
    (0..12)
        .map(|_| rng.next_u32() as f32 / u32::MAX as f32 - 0.5)
        .sum()
}

fn cloud(dimensions: usize, points: usize) -> DMatrix<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    DMatrix::from_fn(dimensions, points, |_, _| normal(&mut rng))
}

/// Runs from far-apart starts, each with steps that shrink and mostly lead on in one direction, as
/// those of trained zoos do; epoch after epoch, the first of all runs first.
fn made_up(runs: usize, epochs: usize, parameters: usize) -> DMatrix<f32> {
    let mut points = DMatrix::zeros(parameters, runs * epochs);
    let unit = (parameters as f32).sqrt().recip();
    for run in 0..runs {
        let mut rng = ChaCha8Rng::seed_from_u64(run as u64);
        let mut vector = |length: f32| -> Vec<f32> {
            let entries = (0..parameters).map(|_| normal(&mut rng) * length * unit);
            entries.collect()
        };
        let mut here = vector(8.0);
        let mut heading = vector(1.0);
        for epoch in 0..epochs {
            let length = 2.6 / (1.0 + epoch as f32).powf(0.65);
            let turn = vector(1.0);
            let mut column = points.column_mut(epoch * runs + run);
            for i in 0..parameters {
                heading[i] = 0.6 * heading[i] + 0.8 * turn[i];
                here[i] += length * heading[i];
                column[i] = here[i];
            }
        }
    }
    points
}
