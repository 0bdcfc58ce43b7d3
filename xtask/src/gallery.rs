//! `cargo xtask gallery`: trainings as people run them, and how well changes in them are seen.

use crate::files::{check_writable, write, write_json};
use crate::machine::Machine;
use crate::reproduce::manifest::{Clock, Manifest};
use anyhow::{Context, Result, ensure};
use clap::Args;
use experiments::{found, gallery, markdown, page_of, trainings};
use modeltrail::progress::Progress;
use modeltrail_cli::progress::Work;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// What trains, from the root of the repository.
const SCRIPT: &str = "examples/gallery/train.py";
/// What the page says first.
const SUMMARY: &str = "How well a change in a training is seen from its checkpoints alone, at the first \
checkpoint after it: on transformers, ResNets, a GRU, a U-Net and others, with the optimisers and \
schedules that people use.";

#[derive(Args)]
pub(crate) struct Options {
    /// Where the trainings are, and are made where they are missing.
    #[arg(long, value_name = "DIR", default_value = "zoos/gallery")]
    trainings: PathBuf,
    /// Where tables and the page go.
    #[arg(long, value_name = "DIR", default_value = "results/gallery")]
    out: PathBuf,
    /// Seeds of every kind: 0, 1, …; even ones tune, odd ones are reported.
    #[arg(long, value_name = "N", default_value_t = 8)]
    seeds: u64,
    /// A Python with what examples/gallery/requirements.txt lists.
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: PathBuf,
    /// Train nothing: judge by the trainings that are there.
    #[arg(long)]
    judge_only: bool,
    /// Look for families, runs and forks instead, with names hidden, and write what was found to
    /// families.md and families.json. Trains nothing.
    #[arg(long)]
    families: bool,
    /// With --families: stores of zoos to look at, too.
    #[arg(long, value_name = "STORE", num_args = 1.., requires = "families")]
    stores: Vec<PathBuf>,
}

/// A kind of training, as the script lists it.
#[derive(Deserialize)]
struct Kind {
    kind: String,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut clock = Clock::start();
    check_writable(&options.out)?;
    if options.families {
        return families(options, clock);
    }
    if !options.judge_only {
        train_all(options)?;
        clock.lap("train");
    }
    let folders = trainings(&options.trainings)?;
    let shown = Work::new("read and judge", folders.len() as u64);
    let found = gallery(&folders, &|| shown.done(1))?;
    drop(shown);
    clock.lap("judge");
    let machine = Machine::this();
    let findings = found.findings;
    write_json(&options.out.join("gallery.json"), &findings.json)?;
    write_json(&options.out.join("summary.json"), &findings.summary)?;
    let all = [findings];
    write(
        &options.out.join("tables.md"),
        markdown("The gallery", &all),
    )?;
    let [findings] = all;
    let page = page_of(findings, SUMMARY, machine.facts());
    write(&options.out.join("report.html"), page.to_html())?;
    let manifest = Manifest::new(machine, Vec::new(), clock);
    write_json(&options.out.join("manifest.json"), &manifest)?;
    if options.out == Path::new("results/gallery") {
        crate::experiments::renew_headline()?;
    }
    println!("{} trainings with odd seeds", found.trainings);
    println!("open {}", options.out.join("report.html").display());
    Ok(())
}

/// Families, runs and forks, with names hidden.
fn families(options: &Options, mut clock: Clock) -> Result<()> {
    let folders = trainings(&options.trainings)?;
    let shown = Work::new("look", options.stores.len() as u64);
    let findings = found(&folders, &options.stores, &|| shown.done(1))?;
    drop(shown);
    clock.lap("look");
    write_json(&options.out.join("families.json"), &findings.json)?;
    for figure in &findings.figures {
        write(
            &options.out.join(format!("{}.svg", figure.name)),
            &figure.svg,
        )?;
    }
    let page = options.out.join("families.md");
    write(&page, markdown("Families and runs", &[findings]))?;
    let manifest = Manifest::new(Machine::this(), Vec::new(), clock);
    write_json(&options.out.join("families.manifest.json"), &manifest)?;
    println!("{}", page.display());
    Ok(())
}

/// Makes the trainings that are missing, one to a core, the kinds in turn.
fn train_all(options: &Options) -> Result<()> {
    let listed = python(options)
        .arg("--list")
        .output()
        .with_context(|| cannot_start(&options.python))?;
    ensure!(
        listed.status.success(),
        "{SCRIPT} --list ends with {}: {}",
        listed.status,
        String::from_utf8_lossy(&listed.stderr)
    );
    let kinds: Vec<Kind> = serde_json::from_slice(&listed.stdout)
        .with_context(|| format!("what {SCRIPT} --list prints"))?;
    let mut missing: Vec<(String, u64)> = (0..options.seeds)
        .flat_map(|seed| kinds.iter().map(move |kind| (kind.kind.clone(), seed)))
        .filter(|(kind, seed)| {
            let folder = options.trainings.join(kind).join(format!("seed-{seed}"));
            !folder.join("training.json").is_file()
        })
        .collect();
    missing.reverse();
    let shown = Work::new("train", missing.len() as u64);
    let missing = Mutex::new(missing);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..rayon::current_num_threads())
            .map(|_| scope.spawn(|| work(options, &missing, &shown)))
            .collect();
        let ends = workers.into_iter().map(|worker| match worker.join() {
            Ok(end) => end,
            Err(_) => Err(anyhow::anyhow!("a thread that trains panicked")),
        });
        ends.collect::<Result<Vec<()>>>().map(drop)
    })
}

/// Trains what is missing until nothing is.
fn work(options: &Options, missing: &Mutex<Vec<(String, u64)>>, shown: &Work) -> Result<()> {
    loop {
        let next = missing.lock().ok().and_then(|mut missing| missing.pop());
        let Some((kind, seed)) = next else {
            return Ok(());
        };
        let made = python(options)
            .args([&kind, "--seed", &seed.to_string(), "--out"])
            .arg(&options.trainings)
            .stdout(Stdio::null())
            .output()
            .with_context(|| cannot_start(&options.python))?;
        ensure!(
            made.status.success(),
            "{SCRIPT} {kind} --seed {seed} ends with {}: {}",
            made.status,
            String::from_utf8_lossy(&made.stderr)
        );
        shown.done(1);
    }
}

fn python(options: &Options) -> Command {
    let mut command = Command::new(&options.python);
    // A training is made by one thread, and one runs on every core.
    command.arg(SCRIPT).env("OMP_NUM_THREADS", "1");
    command
}

fn cannot_start(python: &Path) -> String {
    format!(
        "{} cannot be started: name a Python with the packages of examples/gallery/requirements.txt \
         by --python",
        python.display()
    )
}
