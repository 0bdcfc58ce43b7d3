//! `cargo xtask regress`: whether answers moved since they were last accepted.
//!
//! What the commands say is held against the snapshots in `crates/cli/tests/snapshots/`; how well
//! order, runs, forks and shifts are read off small committed series, against
//! `results/regress/scores.json`. To watch one more measure, add a line to [`MEASURES`].

mod audit;
mod forks;
mod order;
mod runs;
mod scores;
mod series;
mod shifts;

use anyhow::{Context, Result};
use clap::Args;
use scores::Scores;
use series::Series;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

#[derive(Args)]
pub(crate) struct Options {
    /// Take today's answers and scores as those that are expected from now on.
    #[arg(long)]
    accept: bool,
    /// Train the series anew first; the fused engine gives the same bytes on every machine.
    #[arg(long)]
    train: bool,
    /// Leave the recorded answers out: their tests were run already.
    #[arg(long, conflicts_with = "accept")]
    scores_only: bool,
}

/// Reads one kind of answer off the series and adds its scores.
type Measure = fn(&Series, &mut Scores) -> Result<()>;

const MEASURES: [Measure; 5] = [
    audit::measure,
    order::measure,
    runs::measure,
    forks::measure,
    shifts::measure,
];

/// The package with the snapshot tests.
const COMMAND: &str = "modeltrail-cli";
const SERIES: &str = "datasets/series";
const EXPECTED: &str = "results/regress/scores.json";

/// Whether anything moved.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let begin = Instant::now();
    if options.train {
        series::train(Path::new(SERIES))?;
    }
    let series = Series::read(Path::new(SERIES))?;
    let mut now = Scores::default();
    for measure in MEASURES {
        measure(&series, &mut now)?;
    }
    let scored = begin.elapsed();
    let expected = match Scores::read(Path::new(EXPECTED)) {
        // There may be none yet.
        Err(_) if options.accept => Scores::default(),
        expected => expected?,
    };
    let moved = now.print_against(&expected);
    if options.accept {
        now.write(Path::new(EXPECTED))?;
    }
    let same_words = options.scores_only || snapshots(options.accept)?;

    println!(
        "{} scores in {:.0} s, snapshots in {:.0} s (their build included)",
        now.len(),
        scored.as_secs_f64(),
        (begin.elapsed() - scored).as_secs_f64()
    );
    if moved > 0 {
        println!("{moved} scores moved");
    }
    if !same_words {
        println!("not every answer is as recorded, or a test did not run: see above");
    }
    if options.accept {
        println!("recorded; read the diff before it is committed");
        return Ok(!same_words);
    }
    let any = moved > 0 || !same_words;
    println!(
        "{}",
        if any {
            "if that was meant, `cargo xtask regress --accept`, and read the diff"
        } else {
            "no answer moved"
        }
    );
    Ok(any)
}

/// Runs the snapshot tests of the command; whether all hold. They are built beside xtask, of what
/// it is built of.
fn snapshots(accept: bool) -> Result<bool> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["test", "--release", "--quiet", "--test", "snapshots"])
        .args(["--package", COMMAND, "--package", "xtask"])
        .env("INSTA_UPDATE", if accept { "always" } else { "no" })
        .status()
        .context("cargo cannot be started")?;
    Ok(status.success())
}
