//! What the results were made from, on what, and how long it took.

use crate::machine::{Machine, peak_memory_mib};
use serde::Serialize;
use std::time::Instant;
use zoo::{Shuffled, Zoo};

/// Wall time, lap by lap.
pub(crate) struct Clock {
    start: Instant,
    lap: Instant,
    laps: Vec<Lap>,
}

#[derive(Serialize)]
struct Lap {
    stage: String,
    wall_s: f64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let start = Instant::now();
        Self {
            start,
            lap: start,
            laps: Vec::new(),
        }
    }

    pub(crate) fn lap(&mut self, stage: &str) {
        let now = Instant::now();
        let wall_s = round((now - self.lap).as_secs_f64());
        self.laps.push(Lap {
            stage: stage.to_owned(),
            wall_s,
        });
        self.lap = now;
    }
}

fn round(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

/// `manifest.json`.
#[derive(Serialize)]
pub(crate) struct Manifest {
    command: String,
    machine: Machine,
    threads: usize,
    zoos: Vec<Source>,
    wall_s: f64,
    laps: Vec<Lap>,
    peak_memory_mib: Option<u64>,
}

/// A zoo that results were made from.
#[derive(Serialize)]
pub(crate) struct Source {
    #[serde(flatten)]
    zoo: Zoo,
    checkpoints_analysed: usize,
    left_out_runs: Vec<u64>,
    /// BLAKE3 of the store's one segment: the same wherever and however often it is trained.
    store_blake3: String,
}

impl Source {
    pub(crate) fn new(zoo: &Zoo, points: &Shuffled, blake3: &str) -> Self {
        Self {
            zoo: zoo.clone(),
            checkpoints_analysed: points.checkpoints().len(),
            left_out_runs: points.diverged().to_vec(),
            store_blake3: blake3.to_owned(),
        }
    }
}

impl Manifest {
    pub(crate) fn new(machine: Machine, zoos: Vec<Source>, clock: Clock) -> Self {
        Self {
            command: crate::machine::command(),
            machine,
            threads: rayon::current_num_threads(),
            zoos,
            wall_s: round(clock.start.elapsed().as_secs_f64()),
            laps: clock.laps,
            peak_memory_mib: peak_memory_mib(),
        }
    }

    pub(crate) fn summary(&self) -> String {
        let laps: Vec<String> = self
            .laps
            .iter()
            .map(|lap| format!("{} {:.1} s", lap.stage, lap.wall_s))
            .collect();
        let memory = self
            .peak_memory_mib
            .map_or(String::new(), |mib| format!(", at most {mib} MiB"));
        format!(
            "{:.1} s on {} threads{memory} ({})",
            self.wall_s,
            self.threads,
            laps.join(", ")
        )
    }
}
