//! R5: a flipped bit or a missing end is found and named, and never read as data.

use super::Effort;
use super::tally::{Tally, described};
use anyhow::{Result, ensure};
use checkpoint_store::{Checkpoint, Store, TensorShape, TrainingState, verify};
use hostile::disk::Chance;
use hostile::life::temporary;
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A store with a file of each kind, of so many parameters a model.
pub(super) fn store(directory: &Path, parameters: usize) -> Result<()> {
    let layout = [TensorShape::new("w", [parameters as u64])];
    let store = Store::create(directory, "lr = 0.03", &layout)?;
    let labels = [Checkpoint::new(3, 1), Checkpoint::new(5, 1)];
    let weights: Vec<f32> = (0..2 * parameters).map(|at| (at as f32).sin()).collect();
    store.publish(0, 1, &labels, &weights)?;
    store.save_state(&TrainingState {
        shard: 0,
        next_epoch: 2,
        runs: vec![3],
        weights: weights[..parameters].to_vec(),
        velocity: weights[parameters..].to_vec(),
    })?;
    Ok(())
}

/// A store that one thread damages and mends.
pub(super) struct Victim {
    pub(super) folder: tempfile::TempDir,
    pub(super) files: Vec<PathBuf>,
}

impl Victim {
    pub(super) fn new(parameters: usize) -> Result<Self, String> {
        let folder = temporary()?;
        store(folder.path(), parameters).map_err(described)?;
        let entries = fs::read_dir(folder.path()).map_err(described)?;
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        Ok(Self { folder, files })
    }

    /// Verifies and reads: both must fail, and name this file and no other.
    pub(super) fn expect_found(&self, path: &Path) -> Result<(), String> {
        let report = verify(self.folder.path()).map_err(described)?;
        for file in &report.files {
            let is_this = self.folder.path().join(&file.name) == path;
            if file.status.is_problem() != is_this {
                return Err(format!("verify says {file:?}"));
            }
        }
        let read = Store::open(self.folder.path())
            .and_then(|store| store.load().and_then(|_| store.load_state(0)));
        match read {
            Ok(_) => Err("it was read as if nothing were wrong".to_owned()),
            Err(error) if error.to_string().contains(&*path.to_string_lossy()) => Ok(()),
            Err(error) => Err(format!("the file is not named: {error}")),
        }
    }

    /// Flips a bit of a byte, looks, and flips it back.
    fn flip(&self, path: &Path, at: usize, bit: u32) -> Result<(), String> {
        let sound = fs::read(path).map_err(described)?;
        let byte = sound.get(at).copied().ok_or("no such byte")?;
        put(path, at, &[byte ^ (1 << bit)])?;
        let found = self
            .expect_found(path)
            .map_err(|what| format!("bit {bit} of byte {at} of {}: {what}", path.display()));
        put(path, at, &[byte])?;
        found
    }

    /// Cuts the file, looks, and makes it whole.
    fn cut(&self, path: &Path, sound: &[u8], length: usize) -> Result<(), String> {
        let file = OpenOptions::new()
            .write(true)
            .open(path)
            .map_err(described)?;
        file.set_len(length as u64).map_err(described)?;
        let found = self
            .expect_found(path)
            .map_err(|what| format!("{} cut to {length} bytes: {what}", path.display()));
        put(path, length, &sound[length..])?;
        found
    }
}

pub(super) fn put(path: &Path, at: usize, bytes: &[u8]) -> Result<(), String> {
    let mut file = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(described)?;
    file.seek(SeekFrom::Start(at as u64)).map_err(described)?;
    file.write_all(bytes).map_err(described)
}

/// Parts of a file of which each thread takes one after the other.
const PARTS: usize = 64;

pub(super) fn run(effort: Effort) -> Result<Vec<Tally>> {
    let parameters = 3500;
    let whole = Victim::new(parameters).map_err(anyhow::Error::msg)?;
    let sizes: Vec<usize> = whole
        .files
        .iter()
        .map(|path| Ok(fs::metadata(path)?.len() as usize))
        .collect::<Result<_>>()?;
    let total: usize = sizes.iter().sum();
    ensure!(total >= 64 << 10, "a store of {total} bytes is too small");
    let step = effort.of(1, 61);
    let cases = (0..sizes.len()).flat_map(|file| (0..PARTS).map(move |part| (file, part)));
    let cases: Vec<(usize, usize)> = cases.collect();
    let places = |file: usize, part: usize| {
        let places = (0..sizes[file]).step_by(step).enumerate();
        let mine = places.filter(move |(index, _)| index % PARTS == part);
        mine.map(|(_, at)| at).collect::<Vec<_>>()
    };
    let every =
        |what: String, attempt: &(dyn Fn(&Victim, usize, usize) -> Result<(), String> + Sync)| {
            let parts = rayon_map(&cases, |&(file, part)| {
                let mut tally = Tally::new("");
                match Victim::new(parameters) {
                    Err(error) => tally.fail(error),
                    Ok(victim) => {
                        for at in places(file, part) {
                            tally.count(attempt(&victim, file, at));
                        }
                    }
                }
                tally
            });
            Tally::joined(what, parts)
        };
    let sound: Vec<Vec<u8>> = whole.files.iter().map(fs::read).collect::<Result<_, _>>()?;
    let kib = total >> 10;
    let which = effort.of("every", "every 61st");
    let flips = every(
        format!(
            "{which} byte of a store of {kib} KiB with a flipped bit: the file is named, nothing is read"
        ),
        &|victim, file, at| victim.flip(&victim.files[file], at, (at % 8) as u32),
    );
    let cuts = every(
        format!("{which} truncation of its files: the file is named, nothing is read"),
        &|victim, file, at| victim.cut(&victim.files[file], &sound[file], at),
    );
    Ok(vec![flips, cuts, large(effort)])
}

fn rayon_map<T: Sync, U: Send>(cases: &[T], each: impl Fn(&T) -> U + Sync + Send) -> Vec<U> {
    use rayon::prelude::*;
    cases.par_iter().map(each).collect()
}

/// Random flips in a larger store.
fn large(effort: Effort) -> Tally {
    let parameters = 120_000;
    let flips = effort.of(10_000, 200);
    let parts = rayon_map(&(0..20).collect::<Vec<u64>>(), |&part| {
        let mut tally = Tally::new("");
        let victim = match Victim::new(parameters) {
            Ok(victim) => victim,
            Err(error) => {
                tally.fail(error);
                return tally;
            }
        };
        let mut chance = Chance(part);
        for _ in 0..flips / 20 {
            let file = &victim.files[chance.draw() as usize % victim.files.len()];
            let length = fs::metadata(file).map_or(1, |metadata| metadata.len());
            let at = (chance.draw() % length) as usize;
            tally.count(victim.flip(file, at, (chance.draw() % 8) as u32));
        }
        tally
    });
    Tally::joined("random flips in a store of 1.8 MiB: the same", parts)
}
