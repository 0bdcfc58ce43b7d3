//! Times a table of 200,000 checkpoints of 2160 weights, out of a compacted store of as many:
//! `cargo run --release -p checkpoint-store --example export_speed [DIRECTORY]`. Takes 5.2 GB there, and leaves 3.5.

use std::path::PathBuf;
use std::time::Instant;

use checkpoint_store::NewFile;
use checkpoint_store::export::{Labels, Row, Table};
use checkpoint_store::{Checkpoint, Result, Store, TensorShape};

const PARAMETERS: usize = 2160;
const RUNS: u64 = 4000;
const EPOCHS: u32 = 50;

fn main() -> Result<()> {
    let directory = std::env::args()
        .nth(1)
        .map_or_else(|| std::env::temp_dir().join("export-speed"), PathBuf::from);
    let layout = [TensorShape::new("w", [PARAMETERS as u64])];
    let store = Store::create(directory.join("store"), "size = \"large\"", &layout)?;
    let labels = |epoch| (0..RUNS).map(move |run| Checkpoint::new(run, epoch));
    let mut weights = vec![0.0_f32; PARAMETERS * RUNS as usize];
    for epoch in 0..EPOCHS {
        for (index, weight) in weights.iter_mut().enumerate() {
            *weight = (index as f32 * 0.37).fract() + epoch as f32;
        }
        let labels: Vec<Checkpoint> = labels(epoch).collect();
        store.publish(0, epoch, &labels, &weights)?;
    }
    drop(weights);
    store.compact([], &[])?;

    let start = Instant::now();
    let checkpoints = store.load()?;
    let loaded = start.elapsed();
    let path = directory.join("table.parquet");
    let mut table = Table::begin(NewFile::create(&path, true)?, &layout)?;
    let columns = checkpoints.matrix();
    for (label, column) in checkpoints.checkpoints().iter().zip(columns.column_iter()) {
        let row = Row {
            name: format!("store:{}/{}", label.run, label.epoch),
            path: "store".to_owned(),
            labels: Labels {
                run: Some(format!("run-{}", label.run)),
                epoch: Some(u64::from(label.epoch)),
                step: None,
            },
        };
        table.row(row, column.as_slice())?;
    }
    table.finish()?;
    let bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
    println!(
        "{} rows in {bytes} bytes: {:.1} s, after {:.1} s to verify the store",
        checkpoints.checkpoints().len(),
        (start.elapsed() - loaded).as_secs_f64(),
        loaded.as_secs_f64()
    );
    Ok(())
}
