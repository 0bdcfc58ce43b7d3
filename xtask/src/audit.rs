//! `cargo xtask audit`: how often `modeltrail audit` names the right step and tensor, and how often it is
//! wrong, on trainings of the gallery with planted defects.

use crate::files::{check_writable, write, write_json};
use crate::machine::Machine;
use crate::reproduce::manifest::{Clock, Manifest};
use anyhow::Result;
use clap::Args;
use experiments::{audit, markdown, replay, trainings};
use modeltrail::progress::Progress;
use modeltrail_cli::progress::Work;
use std::path::PathBuf;

#[derive(Args)]
pub(crate) struct Options {
    /// Trainings of the gallery, of even and odd seeds: see examples/gallery.
    #[arg(long, value_name = "DIR", default_value = "zoos/gallery")]
    trainings: PathBuf,
    /// Two trainings of 154 checkpoints, for the replay; it is left out where they are not given.
    #[arg(long, value_name = "DIR", num_args = 2)]
    replay: Vec<PathBuf>,
    /// Where tables go.
    #[arg(long, value_name = "DIR", default_value = "results/audit")]
    out: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut clock = Clock::start();
    check_writable(&options.out)?;
    if let [training, other] = options.replay.as_slice() {
        let replayed = replay(training, other)?;
        write_json(&options.out.join("replay.json"), &replayed)?;
        write(&options.out.join("replay.txt"), &replayed.text)?;
        println!("{}", replayed.text);
        println!(
            "replay {} in {:.2} s",
            if replayed.is_solved {
                "solved"
            } else {
                "NOT solved"
            },
            replayed.seconds
        );
        clock.lap("replay");
    }
    let folders = trainings(&options.trainings)?;
    let shown = Work::new("plant and audit", folders.len() as u64);
    let findings = audit(&folders, &|| shown.done(1))?;
    drop(shown);
    clock.lap("plant and audit");
    write_json(&options.out.join("audit.json"), &findings.json)?;
    write_json(&options.out.join("summary.json"), &findings.summary)?;
    let tables = options.out.join("tables.md");
    write(&tables, markdown("Audit", &[findings]))?;
    let manifest = Manifest::new(Machine::this(), Vec::new(), clock);
    write_json(&options.out.join("manifest.json"), &manifest)?;
    println!("{}", tables.display());
    Ok(())
}
