//! `cargo xtask reproduce`: the paper from end to end.

mod figures;
pub(crate) mod manifest;
mod page;
mod tables;

use crate::files::{check_writable, write, write_json};
use crate::machine::Machine;
use crate::recipes;
use crate::zoos::{SEED, train};
use anyhow::Result;
use clap::Args;
use manifest::{Clock, Manifest, Source};
use modeltrail_cli::progress::Stages;
use std::path::PathBuf;
use zoo::Analysed;
use zoo_training::{Backend, Dataset, Recipe};

#[derive(Args)]
pub(crate) struct Options {
    /// 20 seeds, 20 epochs and no controls, in under a minute.
    #[arg(long)]
    quick: bool,
    /// Where tables, figures and the report go.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where the zoos are trained, and found again; each in a directory of its own.
    #[arg(long, value_name = "DIR")]
    zoos: Option<PathBuf>,
    /// Models of each zoo, in place of the paper's.
    #[arg(long, value_name = "N")]
    seeds: Option<usize>,
    /// Epochs of each zoo, in place of the paper's.
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// What trains the zoos: fused, ndarray, flex or wgpu.
    #[arg(long, default_value = "fused", value_name = "NAME")]
    pub(crate) backend: Backend,
}

const ZOOS: [&str; 2] = ["mlp", "cnn-paper"];
/// Controls, and how many models they have. Weights that decay to nothing become numbers that
/// processors are slow with, so that a model of the printed recipe takes as long as twenty others.
const CONTROLS: [(&str, usize); 3] = [("cnn-as-printed", 3), ("mlp-wd0", 30), ("cnn-wd0", 30)];

pub(crate) fn run(options: &Options) -> Result<()> {
    let mut clock = Clock::start();
    let home = |full: &str, quick: &str| PathBuf::from(if options.quick { quick } else { full });
    let out = options
        .out
        .clone()
        .unwrap_or_else(|| home("results/paper", "target/quick/paper"));
    let stores = options
        .zoos
        .clone()
        .unwrap_or_else(|| home("zoos", "target/quick/zoos"));
    check_writable(&out)?;
    let machine = Machine::this();
    let data = Dataset::mnist14()?;
    let controls = if options.quick { &[][..] } else { &CONTROLS };

    let mut trained = Vec::new();
    for (name, control_seeds) in ZOOS
        .map(|zoo| (zoo, None))
        .into_iter()
        .chain(controls.iter().map(|&(name, seeds)| (name, Some(seeds))))
    {
        let mut recipe = Recipe::preset(name)?;
        if options.quick {
            (recipe.seeds, recipe.epochs) = (20, 20);
        } else if let Some(seeds) = control_seeds {
            recipe.seeds = seeds;
        }
        recipe.seeds = options.seeds.unwrap_or(recipe.seeds);
        recipe.epochs = options.epochs.unwrap_or(recipe.epochs);
        trained.push(train(recipe, options.backend, &data, &stores.join(name))?);
        clock.lap(&format!("train {name}"));
    }

    let stages = Stages::new(
        "analyse",
        (trained.len() * Analysed::STAGES + figures::STAGES + 1) as u64,
    );
    let mut analysed = Vec::new();
    for zoo in trained {
        analysed.push(zoo.analyse(SEED, &|stage| stages.begin(stage))?);
    }
    clock.lap("analyse");
    let (zoos, controls) = analysed.split_at(ZOOS.len());
    let (mut figures, views) = figures::draw(zoos, controls, &stages)?;
    let searched = recipes::read(&out.join("recipes.json"))?;
    figures.extend(recipes::figure(&searched, &tables::distances(zoos)));
    clock.lap("figures");

    let tables = tables::Tables::new(zoos, controls);
    for figure in &figures {
        write(
            &out.join("figures").join(format!("{}.svg", figure.name)),
            &figure.svg,
        )?;
    }
    write_json(&out.join("tables.json"), &tables)?;
    let markdown = tables::Tables::to_markdown(zoos, controls);
    write(&out.join("tables.md"), &markdown)?;
    let page = stages.stage("report", || {
        page::page(zoos, controls, figures, views, &machine)
    });
    write(&out.join("report.html"), page.to_html())?;
    clock.lap("report");
    let sources = zoos
        .iter()
        .chain(controls)
        .map(|zoo| Source::new(&zoo.zoo, &zoo.points, &zoo.blake3))
        .collect();
    let manifest = Manifest::new(machine, sources, clock);
    write_json(&out.join("manifest.json"), &manifest)?;
    drop(stages);

    print!("{markdown}");
    println!("{}", manifest.summary());
    println!("open {}", out.join("report.html").display());
    Ok(())
}
