//! `cargo xtask recipes`: which recipe comes nearest to the paper's tables.

mod candidates;
mod outcome;
mod results;

use crate::files::{check_writable, write, write_json};
use anyhow::Result;
use clap::Args;
pub(crate) use outcome::Outcome;
pub(crate) use results::{figure, read};
use std::path::PathBuf;
use zoo_training::Dataset;

#[derive(Args)]
pub(crate) struct Options {
    /// Where results go, and what of them is found there is not trained again.
    #[arg(long, value_name = "DIR", default_value = "results/paper")]
    out: PathBuf,
    /// Models of each recipe. They are seeds that the reproduction does not train.
    #[arg(long, default_value_t = 125, value_name = "NUMBER")]
    seeds: usize,
    /// Only this recipe; the others stay as they were found. May be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

/// The first seed that the reproduction does not train.
const FIRST_SEED: u64 = 250;

pub(crate) fn run(options: &Options) -> Result<()> {
    check_writable(&options.out)?;
    let path = options.out.join("recipes.json");
    let mut found = results::read(&path)?;
    let data = Dataset::mnist14()?;
    let candidates = candidates::all(options.seeds, FIRST_SEED)?;
    for candidate in &candidates {
        let name = candidate.name();
        let chosen = options.only.is_empty() || options.only.iter().any(|only| only == name);
        if !chosen || found.iter().any(|one| one.candidate == *candidate) {
            continue;
        }
        let outcome = Outcome::of(candidate, &data)?;
        println!("{}", outcome.line());
        found.retain(|one| one.candidate.name() != name);
        found.push(outcome);
        write_json(&path, &found)?;
    }
    found.retain(|one| {
        candidates
            .iter()
            .any(|candidate| candidate.name() == one.candidate.name())
    });
    found.sort_by_key(|one| {
        candidates
            .iter()
            .position(|candidate| candidate.name() == one.candidate.name())
    });
    write_json(&path, &found)?;
    let markdown = results::markdown(&found);
    write(&options.out.join("recipes.md"), &markdown)?;
    print!("{markdown}");
    Ok(())
}
