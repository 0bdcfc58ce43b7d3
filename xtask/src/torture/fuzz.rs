//! R8: mutated files, many of them: no panic, no overflow, nothing that takes long.
//!
//! The same targets have entry points for cargo-fuzz in `fuzz/`, which follows coverage; this one needs
//! no other compiler and tries the same files every time. `checkpoint-store` is compiled with checks of
//! overflow in every profile.

use super::Effort;
use super::broken::read_weights;
use super::tally::{Tally, guarded, told};
use anyhow::Result;
use checkpoint_store::Segment;
use checkpoint_store::foreign::Limits;
use hostile::disk::Chance;
use hostile::families::stores::{reseal, segment};
use hostile::families::{Expect, Reader, all};
use std::path::Path;
use std::time::{Duration, Instant};
use zoo_training::Recipe;

/// For one target, however slow the machine.
const MOST: Duration = Duration::from_secs(150);

/// What is fuzzed: a name, files to begin with, and what reads them.
struct Target {
    name: &'static str,
    file: &'static str,
    seeds: Vec<Vec<u8>>,
    read: fn(&Path) -> Result<(), String>,
    /// Digests are made right in three of four files, or no mutation would come past them.
    sealed: bool,
}

/// Files of this name in the families, sound or nearly so.
fn seeds(reader: Reader, file: &str) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for broken in all() {
        let is_small = broken.files.iter().all(|(_, bytes)| bytes.len() < 3000);
        let is_wanted =
            broken.reader == reader && broken.files.iter().all(|(name, _)| name == file);
        let [(_, bytes)] = &broken.files[..] else {
            continue;
        };
        if is_small && is_wanted && (broken.expect != Expect::Refused || seeds.len() < 60) {
            seeds.push(bytes.clone());
        }
    }
    seeds
}

fn weights(path: &Path) -> Result<(), String> {
    read_weights(path, &Limits::default()).map_err(told)
}

fn targets() -> Vec<Target> {
    let foreign = |name, file| Target {
        name,
        file,
        seeds: seeds(Reader::Weights, file),
        read: weights,
        sealed: false,
    };
    vec![
        Target {
            name: "segment",
            file: "a.segment",
            seeds: vec![segment()],
            read: |path| Segment::open(path).map(drop).map_err(told),
            sealed: true,
        },
        foreign("safetensors", "a.safetensors"),
        foreign(".pt", "a.pt"),
        foreign(".npy", "a.npy"),
        Target {
            name: "recipe TOML",
            file: "a.toml",
            seeds: seeds(Reader::Recipe, "a.toml"),
            read: |path| {
                let text = std::fs::read_to_string(path).map_err(told)?;
                let recipe = Recipe::from_toml(&text).map_err(told)?;
                recipe.validate().map_err(told)
            },
            sealed: false,
        },
    ]
}

/// Changes a file in a few places.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], chance: &mut Chance) {
    /// Values at which lengths and counts go wrong.
    const EDGES: [u64; 10] = [
        0,
        1,
        0x7F,
        0xFF,
        0x7FFF,
        0xFFFF,
        0x7FFF_FFFF,
        0xFFFF_FFFF,
        1 << 63,
        u64::MAX,
    ];
    for _ in 0..1 + chance.draw() % 4 {
        let length = bytes.len().max(1) as u64;
        // Most of what can go wrong stands in the first bytes.
        let within = if chance.draw().is_multiple_of(2) {
            length.min(200)
        } else {
            length
        };
        let at = (chance.draw() % within) as usize;
        let edge = EDGES[(chance.draw() % 10) as usize].to_le_bytes();
        match chance.draw() % 8 {
            0 | 1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (chance.draw() % 8);
                }
            }
            2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = chance.draw() as u8;
                }
            }
            3 | 4 => {
                let width = 1 << (chance.draw() % 4);
                for (byte, value) in bytes.iter_mut().skip(at).zip(&edge[..width]) {
                    *byte = *value;
                }
            }
            5 => {
                let count = (chance.draw() % 16) as usize;
                let end = (at + count).min(bytes.len());
                if at < end {
                    bytes.drain(at..end);
                }
            }
            6 => {
                let from = (chance.draw() % other.len().max(1) as u64) as usize;
                let piece: Vec<u8> = other.iter().skip(from).take(24).copied().collect();
                let at = at.min(bytes.len());
                bytes.splice(at..at, piece);
            }
            _ => bytes.truncate(at + 1),
        }
    }
}

pub(super) fn run(effort: Effort) -> Result<Vec<Tally>> {
    let mut tallies = Vec::new();
    // Panics are caught and counted, and there may be many.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for target in targets() {
        let start = Instant::now();
        let executions: u64 = effort.of(10_000_000, 8_000);
        let tally = fuzz(&target, executions, start + MOST);
        let seconds = start.elapsed().as_secs_f64();
        let executions = tally.tried();
        let what = format!(
            "mutated files of the target {}: no panic, no overflow, each within 2 s ({:.0} a second)",
            target.name,
            executions as f64 / seconds
        );
        tallies.push(tally.called(what));
    }
    std::panic::set_hook(hook);
    Ok(tallies)
}

fn fuzz(target: &Target, executions: u64, end: Instant) -> Tally {
    use rayon::prelude::*;
    /// Each with a sequence of its own.
    const PARTS: u64 = 16;
    let parts: Vec<Tally> = (0..PARTS)
        .into_par_iter()
        .map(|part| {
            let mut tally = Tally::new("");
            let Ok(folder) = hostile::life::temporary() else {
                tally.fail("no folder".to_owned());
                return tally;
            };
            let path = folder.path().join(target.file);
            let mut chance = Chance(part);
            for _ in 0..executions / PARTS {
                if Instant::now() > end {
                    break;
                }
                if let Err(failure) = try_one(target, &path, &mut chance) {
                    tally.fail(failure);
                }
                tally.add(1);
            }
            tally
        })
        .collect();
    Tally::joined("", parts)
}

fn try_one(target: &Target, path: &Path, chance: &mut Chance) -> Result<(), String> {
    let pick = |chance: &mut Chance| &target.seeds[chance.draw() as usize % target.seeds.len()];
    let mut bytes = pick(chance).clone();
    let other = pick(chance).clone();
    mutate(&mut bytes, &other, chance);
    if target.sealed && !chance.draw().is_multiple_of(4) {
        reseal(&mut bytes);
    }
    std::fs::write(path, &bytes).map_err(told)?;
    let start = Instant::now();
    // That it is refused is fine; that the reader ends otherwise is not.
    let ended = guarded(|| Ok((target.read)(path)));
    let took = start.elapsed();
    let failure = match ended {
        Err(panic) => panic,
        // The machine may have others to serve: ten times what is promised of the processor.
        Ok(_) if took > Duration::from_secs(20) => format!("took {took:?}"),
        Ok(_) => return Ok(()),
    };
    let hex: String = bytes
        .iter()
        .take(400)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Err(format!("{}: {failure}: {hex}", target.name))
}
