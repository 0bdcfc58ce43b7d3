//! Times the life of a store of the paper's size: 250 runs of 2160 parameters, epochs 0 to 50, in
//! two shards. `cargo run --release -p checkpoint-store --example paper_size [DIRECTORY]`

use std::path::PathBuf;
use std::time::Instant;

use checkpoint_store::{Checkpoint, Result, Store, TensorShape, TrainingState, verify};

const PARAMETERS: usize = 2160;
const RUNS: u64 = 250;
const SHARDS: u64 = 2;
const EPOCHS: u32 = 51;

fn main() -> Result<()> {
    let directory = std::env::args()
        .nth(1)
        .map_or_else(|| std::env::temp_dir().join("paper-size"), PathBuf::from);
    let megabytes = (PARAMETERS * 4) as f64 * (RUNS * u64::from(EPOCHS)) as f64 / 1e6;
    println!("{megabytes:.0} MB of weights in {}", directory.display());

    let store = Store::create(
        &directory,
        "size = \"paper\"",
        &[TensorShape::new("w", [PARAMETERS as u64])],
    )?;
    timed("publish, with a training state after each epoch", || {
        for epoch in 0..EPOCHS {
            for shard in 0..SHARDS {
                train(&store, shard, epoch)?;
            }
        }
        Ok(())
    })?;
    timed("list the labels of all segments", || {
        store.checkpoints().map(drop)
    })?;
    timed("load, gathered", || store.load().map(drop))?;
    timed("hash", || store.hash().map(drop))?;
    let runs: Vec<u64> = (0..RUNS).collect();
    timed("compact", || store.compact(0..EPOCHS, &runs).map(drop))?;
    timed("load, mapped and verified", || store.load().map(drop))?;
    timed("verify", || verify(&directory).map(drop))
}

fn train(store: &Store, shard: u64, epoch: u32) -> Result<()> {
    let runs: Vec<u64> = (shard * RUNS / SHARDS..(shard + 1) * RUNS / SHARDS).collect();
    let labels: Vec<Checkpoint> = runs
        .iter()
        .map(|&run| Checkpoint::new(run, epoch))
        .collect();
    let values = 0..runs.len() * PARAMETERS;
    let weights: Vec<f32> = values
        .map(|i| (i as f32 * 0.37 + epoch as f32).sin())
        .collect();
    store.publish(shard as u32, epoch, &labels, &weights)?;
    let state = TrainingState {
        shard: shard as u32,
        next_epoch: epoch + 1,
        runs,
        velocity: weights.clone(),
        weights,
    };
    store.save_state(&state).map(drop)
}

fn timed(what: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    run()?;
    println!("{:8.1} ms  {what}", start.elapsed().as_secs_f64() * 1e3);
    Ok(())
}
