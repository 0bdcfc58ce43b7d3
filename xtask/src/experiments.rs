//! `cargo xtask experiments`: what can be read off a trajectory, and what cannot.

mod renewed;

use crate::files::{check_writable, write, write_json};
use crate::machine::Machine;
use crate::reproduce::manifest::{Clock, Manifest, Source};
use crate::zoos::train;
use anyhow::{Result, ensure};
use clap::Args;
use experiments::{EXPERIMENTS, Findings, World, headline, markdown, page};
use modeltrail_cli::progress::Stages;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use zoo_training::{Backend, Dataset};

/// What the gallery of trainings gave.
const GALLERY: &str = "results/gallery/summary.json";

#[derive(Args)]
pub(crate) struct Options {
    /// 20 seeds and 20 epochs: a taste in a few minutes.
    #[arg(long)]
    quick: bool,
    /// Where tables, figures and the report go.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where the zoos are trained, and found again; each in a directory of its own.
    #[arg(long, value_name = "DIR")]
    zoos: Option<PathBuf>,
    /// Only these experiments; their parts of summary, tables and report are replaced, the rest stays.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// What trains: fused, ndarray, flex or wgpu.
    #[arg(long, default_value = "fused", value_name = "NAME")]
    pub(crate) backend: Backend,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut clock = Clock::start();
    let names = EXPERIMENTS.map(|(name, _)| name);
    for name in &options.only {
        ensure!(
            names.contains(&name.as_str()),
            "there is no experiment `{name}`; there are {}",
            names.join(", ")
        );
    }
    let home = |full: &str, quick: &str| PathBuf::from(if options.quick { quick } else { full });
    let out = options
        .out
        .clone()
        .unwrap_or_else(|| home("results/experiments", "target/quick/experiments"));
    let stores = options
        .zoos
        .clone()
        .unwrap_or_else(|| home("zoos", "target/quick/zoos"));
    check_writable(&out)?;
    let machine = Machine::this();
    let data = Dataset::mnist14()?;
    let mut zoos = Vec::new();
    for recipe in World::recipes(options.quick)? {
        let store = stores.join(&recipe.name);
        zoos.push(train(recipe, options.backend, &data, &store)?);
    }
    let world = World::new(options.quick, options.backend, data, zoos)?;
    clock.lap("train");

    let chosen = |name: &str| options.only.is_empty() || options.only.iter().any(|one| one == name);
    let chosen: Vec<_> = EXPERIMENTS
        .into_iter()
        .filter(|(name, _)| chosen(name))
        .collect();
    let stages = Stages::new("experiments", chosen.len() as u64);
    let mut all = Vec::new();
    for (name, experiment) in chosen {
        let findings = stages.stage(name, || experiment(&world))?;
        write_findings(&out, name, &findings)?;
        all.push((name, findings));
        clock.lap(name);
    }
    drop(stages);
    if !options.only.is_empty() {
        return renewed::renew(&out, all, &machine);
    }
    let all: Vec<Findings> = all.into_iter().map(|(_, findings)| findings).collect();

    let mut summary = Map::new();
    for findings in &all {
        summary.extend(findings.summary.clone());
    }
    write_json(&out.join("summary.json"), &summary)?;
    write_headline(&out, &summary)?;
    write(&out.join("tables.md"), markdown("Experiments", &all))?;
    print_summary(&summary);
    write(
        &out.join("report.html"),
        page(all, &world, machine.facts()).to_html(),
    )?;
    let sources = world
        .zoos
        .iter()
        .map(|zoo| Source::new(&zoo.zoo, &zoo.points, &zoo.blake3))
        .collect();
    let manifest = Manifest::new(machine, sources, clock);
    write_json(&out.join("manifest.json"), &manifest)?;
    println!("{}", manifest.summary());
    println!("open {}", out.join("report.html").display());
    Ok(())
}

fn write_findings(out: &Path, name: &str, findings: &Findings) -> Result<()> {
    for figure in &findings.figures {
        let path = out.join("figures").join(format!("{}.svg", figure.name));
        write(&path, &figure.svg)?;
    }
    write_json(&out.join(format!("{name}.json")), &findings.json)
}

/// The table for the README, with what is known of the gallery beside.
fn write_headline(out: &Path, summary: &Map<String, Value>) -> Result<()> {
    let gallery = std::fs::read_to_string(GALLERY).unwrap_or_default();
    let gallery = serde_json::from_str(&gallery).unwrap_or_default();
    write(
        &out.join("headline.md"),
        headline(summary, &gallery).to_markdown(),
    )
}

/// Writes that table anew, if there were experiments.
pub(crate) fn renew_headline() -> Result<()> {
    let out = Path::new("results/experiments");
    let Ok(summary) = std::fs::read_to_string(out.join("summary.json")) else {
        return Ok(());
    };
    write_headline(out, &serde_json::from_str(&summary)?)
}

fn print_summary(summary: &Map<String, Value>) {
    let width = summary.keys().map(String::len).max().unwrap_or(0);
    for (name, value) in summary.iter().filter(|(name, _)| !name.starts_with("n_")) {
        let samples = summary.get(&format!("n_{name}")).unwrap_or(&Value::Null);
        let value = value.as_f64().unwrap_or(f64::NAN);
        println!("{name:width$}  {value:8.4}  (n = {samples})");
    }
}
