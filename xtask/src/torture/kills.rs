//! R1: what is acknowledged survives SIGKILL.

use super::Effort;
use super::process;
use super::tally::Tally;
use super::training::{Expected, write_run};
use anyhow::{Context, Result, bail, ensure};
use hostile::disk::Chance;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Child;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Epochs of each training, and files of each import.
const EPOCHS: u32 = 24;
const FILES: u64 = 24;

pub(super) fn run(effort: Effort) -> Result<Vec<Tally>> {
    let training = Expected::of_training("mlp", EPOCHS)?;
    let source = tempfile::tempdir()?;
    write_run(source.path(), FILES, 20_000)?;
    let import = Expected::of_import(source.path())?;
    let trainings = Scene {
        expected: &training,
        arguments: &|store| {
            let epochs = EPOCHS.to_string();
            let arguments = ["train", store, "mlp", &epochs, "1"];
            arguments.map(str::to_owned).to_vec()
        },
    };
    let from = source.path().to_string_lossy().into_owned();
    let imports = Scene {
        expected: &import,
        arguments: &|store| ["import", &from, store].map(str::to_owned).to_vec(),
    };
    Ok(vec![
        trainings.play(
            effort.of(600, 20),
            "SIGKILL at random moments of a training: every acknowledged epoch is there, with the bits of \
             an undisturbed training, and resuming ends with the same bytes",
        )?,
        imports.play(
            effort.of(400, 12),
            "SIGKILL at random moments of an import: nothing that was there is gone or changed, and \
             running it again ends with the same bytes",
        )?,
    ])
}

struct Scene<'a> {
    expected: &'a Expected,
    arguments: &'a (dyn Fn(&str) -> Vec<String> + Sync),
}

impl Scene<'_> {
    /// Kills children until so many were alive when they were killed.
    fn play(&self, kills: u64, what: &str) -> Result<Tally> {
        let whole = self.measure()?;
        let workers = rayon::current_num_threads() as u64;
        let tally = Mutex::new(Tally::new(what));
        std::thread::scope(|scope| {
            for worker in 0..workers {
                let tally = &tally;
                scope.spawn(move || {
                    let mut chance = Chance(worker);
                    let is_enough = || {
                        tally
                            .lock()
                            .is_ok_and(|tally| tally.tried() >= kills || tally.failed() > 20)
                    };
                    while !is_enough() {
                        self.kill_to_the_end(whole, &mut chance, tally, &is_enough);
                    }
                });
            }
        });
        Ok(tally
            .into_inner()
            .unwrap_or_else(|poison| poison.into_inner()))
    }

    /// How long it takes undisturbed.
    fn measure(&self) -> Result<Duration> {
        let folder = hostile::life::temporary().map_err(anyhow::Error::msg)?;
        let start = Instant::now();
        let child = self.spawn(&folder.path().join("zoo"))?;
        let output = child.wait_with_output()?;
        ensure!(
            output.status.success(),
            "a child fails undisturbed: {output:?}"
        );
        Ok(start.elapsed())
    }

    fn spawn(&self, store: &Path) -> Result<Child> {
        let arguments = (self.arguments)(&store.to_string_lossy());
        Ok(process::command()?.args(arguments).spawn()?)
    }

    /// One store, from its creation to its end, killed again and again.
    fn kill_to_the_end(
        &self,
        whole: Duration,
        chance: &mut Chance,
        tally: &Mutex<Tally>,
        is_enough: &dyn Fn() -> bool,
    ) {
        let mut known = Vec::new();
        let Ok(folder) = hostile::life::temporary() else {
            return;
        };
        let store = folder.path().join("zoo");
        loop {
            let round = self.kill_once(&store, whole, chance, &mut known);
            let is_over = !matches!(round, Ok(Round::Killed));
            if let Ok(mut tally) = tally.lock() {
                match round {
                    Ok(Round::Killed) => tally.count(Ok(())),
                    Ok(Round::Finished) => {}
                    Err(error) => tally.count(Err(format!("{error:#}"))),
                }
            }
            if is_over || is_enough() {
                return;
            }
        }
    }

    /// Starts a child, kills it, and looks at what is there.
    fn kill_once(
        &self,
        store: &Path,
        whole: Duration,
        chance: &mut Chance,
        known: &mut Vec<u32>,
    ) -> Result<Round> {
        let mut child = self.spawn(store)?;
        let out = child.stdout.take().context("its output")?;
        let reader = std::thread::spawn(move || {
            let lines = BufReader::new(out).lines();
            lines.map_while(Result::ok).collect::<Vec<String>>()
        });
        let share = chance.draw() % 1000;
        std::thread::sleep(whole * u32::try_from(share)? / 1000);
        let was_alive = child.try_wait()?.is_none();
        child.kill()?;
        let status = child.wait()?;
        let lines = reader.join().ok().context("its output")?;
        for line in &lines {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["epoch", epoch, hash] => {
                    let epoch: u32 = epoch.parse()?;
                    let wanted = self.expected.segments.get(&epoch).map(String::as_str);
                    ensure!(
                        wanted == Some(hash),
                        "epoch {epoch} was acknowledged as {hash}"
                    );
                    known.push(epoch);
                }
                ["done", hash] => ensure!(hash == self.expected.hash, "it ends with {hash}"),
                _ => bail!("a child says {line}"),
            }
        }
        let there = self.expected.check(store, known)?;
        known.extend(there);
        if was_alive && !status.success() {
            return Ok(Round::Killed);
        }
        ensure!(status.success(), "a child failed by itself: {status}");
        Ok(Round::Finished)
    }
}

enum Round {
    Killed,
    Finished,
}
