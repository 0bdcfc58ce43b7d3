//! R8: mutated files, many of them: no panic, no overflow, no abort, nothing that takes long.
//!
//! The same targets have entry points for cargo-fuzz in `fuzz/`, which follows coverage; this one needs
//! no other compiler, tries the same files every time, and begins with what cargo-fuzz has found.
//! `checkpoint-store` is compiled with checks of overflow in every profile.
//!
//! One process for each processor: threads would wait for each other wherever files are opened and
//! mapped, and a process that is killed, by the system or by a limit, is a failure that can be reported.

mod mutation;

use super::Effort;
use super::broken::{MEMORY, PROGRAM_KIB, SECONDS};
use super::process;
use super::tally::{Tally, described, guarded};
use anyhow::{Context, Result, ensure};
use checkpoint_store::Segment;
use checkpoint_store::foreign::Limits;
use clap::Args;
use cpu_time::ThreadTime;
use hostile::disk::Chance;
use hostile::families;
use hostile::families::stores::reseal;
use hostile::fuzzed::Target;
use hostile::reading::{Slots, weights};
use mutation::mutate;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};
use zoo_training::Recipe;

/// For one target, however slow the machine.
const MOST: Duration = Duration::from_secs(1800);
/// Sequences of mutations, each with random numbers of its own, so that the files are the same however
/// many processes share them.
const SEQUENCES: u64 = 16;

/// What one process tries.
#[derive(Args)]
pub(crate) struct Fuzz {
    target: String,
    /// Files to begin with.
    seeds: PathBuf,
    /// Where its own file lies.
    folder: PathBuf,
    /// The first of its sequences; the others follow in steps.
    first: u64,
    step: usize,
    /// Files of each sequence.
    executions: u64,
    /// Wall time after which it ends, whatever is left.
    seconds: u64,
}

pub(super) fn run(effort: Effort) -> Result<Vec<Tally>> {
    let executions: u64 = effort.of(10_000_000, 32_000);
    let families = families::all();
    Target::ALL
        .into_iter()
        .map(|target| {
            let mut seeds = target.seeds(&families);
            seeds.extend(target.corpus()?.into_iter().map(|(_, bytes)| bytes));
            fuzz(target, &seeds, executions)
        })
        .collect()
}

/// Shares the executions of a target among processes.
fn fuzz(target: Target, seeds: &[Vec<u8>], executions: u64) -> Result<Tally> {
    let root = hostile::life::temporary().map_err(anyhow::Error::msg)?;
    let kept = root.path().join("seeds");
    std::fs::create_dir(&kept)?;
    for (number, bytes) in seeds.iter().enumerate() {
        std::fs::write(kept.join(format!("{number:06}")), bytes)?;
    }
    let processes = rayon::current_num_threads();
    let start = Instant::now();
    let mut children = Vec::new();
    for first in 0..processes {
        let folder = root.path().join(first.to_string());
        std::fs::create_dir(&folder)?;
        // A reader that never ends is ended by this limit.
        let seconds = (MOST + 10 * SECONDS).as_secs();
        let child = process::bounded(PROGRAM_KIB + MEMORY / 1024, seconds)?
            .args(["fuzz", target.name()])
            .args([&kept, &folder])
            .args([first, processes].map(|number| number.to_string()))
            .args([executions / SEQUENCES, MOST.as_secs()].map(|number| number.to_string()))
            .spawn()?;
        children.push((folder, child));
    }
    let parts = children.into_iter().map(|(folder, child)| {
        ended(child).unwrap_or_else(|error| {
            let mut tally = Tally::new("");
            let last = std::fs::read(folder.join(target.file())).unwrap_or_default();
            tally.count(Err(format!("{}: {error:#}: {}", target.name(), hex(&last))));
            tally
        })
    });
    let tally = Tally::joined("", parts.collect::<Vec<_>>());
    let (tried, seconds) = (tally.tried(), start.elapsed().as_secs_f64());
    let early = if tried < executions {
        format!("; ended early, before {executions}")
    } else {
        String::new()
    };
    Ok(tally.called(format!(
        "mutated files of the target {}, from {} to begin with: no panic, no overflow, each within 2 s of \
         processor, in processes kept in bounds ({:.0} a second{early})",
        target.name(),
        seeds.len(),
        tried as f64 / seconds,
    )))
}

/// What a process has counted.
fn ended(child: Child) -> Result<Tally> {
    let output = child.wait_with_output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    let error: String = error.chars().take(300).collect();
    ensure!(
        output.status.success(),
        "the process ends with {}: {error}",
        output.status
    );
    serde_json::from_slice(&output.stdout).context("what it counted")
}

/// Tries its sequences, and prints what came of it.
pub(crate) fn fuzz_as_child(options: &Fuzz) -> Result<()> {
    let targets = Target::ALL.into_iter();
    let mut named = targets.filter(|target| target.name() == options.target);
    let target = named.next().context("no such target")?;
    let mut names: Vec<PathBuf> = std::fs::read_dir(&options.seeds)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    names.sort();
    let seeds: Vec<Vec<u8>> = names.iter().map(std::fs::read).collect::<Result<_, _>>()?;
    ensure!(!seeds.is_empty(), "no seed");
    let mut slots = Slots::create(target, &options.folder)?;
    // Panics are caught and counted, and there may be many.
    std::panic::set_hook(Box::new(|_| {}));
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let mut tally = Tally::new("");
    let mut bytes = Vec::new();
    for sequence in (options.first..SEQUENCES).step_by(options.step) {
        let mut chance = Chance(sequence);
        for _ in 0..options.executions {
            if Instant::now() > end {
                break;
            }
            next(target, &seeds, &mut bytes, &mut chance);
            tally.count(try_one(target, &mut slots, &bytes));
        }
    }
    println!("{}", serde_json::to_string(&tally)?);
    Ok(())
}

/// The next file of a sequence.
fn next(target: Target, seeds: &[Vec<u8>], bytes: &mut Vec<u8>, chance: &mut Chance) {
    let pick = |chance: &mut Chance| &seeds[chance.draw() as usize % seeds.len()];
    bytes.clear();
    bytes.extend_from_slice(pick(chance));
    mutate(bytes, pick(chance), chance);
    // Digests are made right in three of four segments, or no mutation would come past them.
    if target == Target::Segment && !chance.draw().is_multiple_of(4) {
        reseal(bytes);
    }
}

/// That it is refused is fine; that the reader ends otherwise is not.
fn try_one(target: Target, slots: &mut Slots, bytes: &[u8]) -> Result<(), String> {
    let path = slots.put(bytes).map_err(described)?;
    let start = ThreadTime::now();
    let ended = guarded(|| Ok(read(target, path)));
    let took = start.elapsed();
    let failure = match ended {
        Err(panic) => panic,
        Ok(_) if took > SECONDS => format!("took {took:?}"),
        Ok(_) => return Ok(()),
    };
    Err(format!("{}: {failure}: {}", target.name(), hex(bytes)))
}

fn read(target: Target, path: &Path) -> Result<(), String> {
    match target {
        Target::Segment => Segment::open(path).map(drop).map_err(described),
        Target::Recipe => {
            let text = std::fs::read_to_string(path).map_err(described)?;
            let recipe = Recipe::from_toml(&text).map_err(described)?;
            recipe.validate().map_err(described)
        }
        _ => weights(path, &Limits::default())
            .map(drop)
            .map_err(described),
    }
}

/// The first bytes of a file.
fn hex(bytes: &[u8]) -> String {
    let first = bytes.iter().take(400);
    first.map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_committed_corpora_is_read_without_a_panic() {
        for target in Target::ALL {
            let folder = tempfile::tempdir().unwrap();
            let mut slots = Slots::create(target, folder.path()).unwrap();
            let corpus = target.corpus().unwrap();
            assert!(!corpus.is_empty(), "{target:?}");
            for (name, bytes) in corpus {
                let outcome = try_one(target, &mut slots, &bytes);
                assert_eq!(outcome, Ok(()), "{target:?}: {name}");
            }
        }
    }
}
