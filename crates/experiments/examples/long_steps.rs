//! How often `runs` calls a step of a complete run too long, and how often it finds what is missing
//! from a thinned one: the table in docs/runs.md.
//!
//! `cargo run --release -p experiments --example long_steps -- STORE...`

use anyhow::Result;
use checkpoint_store::Store;
use modeltrail::runs::gaps::long_steps;
use std::path::Path;
use trajectory::geometry::Geometry;
use zoo::Shuffled;

/// Checkpoints dropped in a row.
const DROPPED: [usize; 5] = [1, 2, 3, 5, 10];

fn main() -> Result<()> {
    println!(
        "| zoo | runs with a false alarm | per 1,000 steps | found, 1 dropped | 2 | 3 | 5 | 10 |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for store in std::env::args().skip(1) {
        let shuffled = Shuffled::of(&Store::open(&store)?.load()?, 0)?;
        let orders = shuffled.true_order();
        let (mut alarmed, mut alarms, mut steps) = (0, 0, 0);
        let mut found = DROPPED.map(|_| 0_usize);
        for (run, order) in orders.iter().enumerate() {
            let length = |order: &[u32]| Geometry::of(shuffled.matrix(), order);
            let whole = length(order)?.step_length;
            let called = long_steps(&whole).len();
            alarmed += usize::from(called > 0);
            alarms += called;
            steps += whole.len();
            for (found, dropped) in found.iter_mut().zip(DROPPED) {
                // Anywhere but at the ends, in another place for every run.
                let room = order.len().saturating_sub(dropped + 6).max(1);
                let from = 3 + run * 7 % room;
                let mut thinned = order.clone();
                thinned.drain(from..(from + dropped).min(order.len()));
                let called = long_steps(&length(&thinned)?.step_length);
                *found += usize::from(called.iter().any(|&(at, _)| at + 1 == from));
            }
        }
        let runs = orders.len();
        let name = Path::new(&store).file_name().unwrap_or_default();
        let found = found.map(|found| format!("{:.2}", found as f64 / runs as f64));
        println!(
            "| {} | {alarmed} of {runs} | {:.1} | {} |",
            name.to_string_lossy(),
            1e3 * alarms as f64 / steps as f64,
            found.join(" | ")
        );
    }
    Ok(())
}
