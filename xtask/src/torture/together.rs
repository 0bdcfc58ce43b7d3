//! R9: two writers and eight readers, processes, of the same stores at the same time.

use super::Effort;
use super::process;
use super::tally::Tally;
use anyhow::{Context, Result, bail, ensure};
use checkpoint_store::{Error, Store};
use hostile::shared::Shared;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

const WRITERS: u32 = 2;
const READERS: u32 = 8;
const SHARED: Shared = Shared {
    parameters: 3000,
    runs: 3,
};
const EPOCHS: u32 = 25;
/// Between two things that a process does, so that ten of them leave others some of the machine.
const PAUSE: Duration = Duration::from_millis(8);

fn generation(root: &Path, number: u64) -> PathBuf {
    root.join(format!("store-{number:06}"))
}

/// Writes its shard of one store after the other, and compacts each with the other writer.
pub(crate) fn write(root: &Path, shard: u32, seconds: u64) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let all: Vec<u64> = (0..SHARED.runs * u64::from(WRITERS)).collect();
    let mut published = 0_u64;
    for number in 0.. {
        let directory = generation(root, number);
        let store = SHARED.open(&directory)?;
        for epoch in 0..EPOCHS {
            SHARED.publish(&store, shard, epoch)?;
            published += 1;
            std::thread::sleep(PAUSE);
        }
        // Whoever is second finds everything; whoever is first waits for it.
        loop {
            match store.compact(0..EPOCHS, &all) {
                Ok(_) => break,
                Err(Error::Incomplete { .. }) if Instant::now() < end => std::thread::sleep(PAUSE),
                Err(Error::Incomplete { .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
        // Readers may still be two behind.
        if shard == 0 && number >= 4 {
            let _ = std::fs::remove_dir_all(generation(root, number - 4));
        }
        if Instant::now() >= end {
            break;
        }
    }
    println!("{published}");
    Ok(())
}

/// The newest store that there is.
fn newest(root: &Path) -> Result<Option<PathBuf>> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(root)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    names.sort();
    Ok(names.pop())
}

/// Reads the newest store again and again.
pub(crate) fn watch(root: &Path, seconds: u64) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut reads = 0_u64;
    while Instant::now() < end {
        std::thread::sleep(PAUSE);
        let Some(directory) = newest(root)? else {
            continue;
        };
        let mut seen = 0;
        // As long as it is the newest, and a little longer.
        loop {
            match look(&directory) {
                Ok(now) => {
                    ensure!(now >= seen, "{} of {seen} checkpoints", now);
                    seen = now;
                    reads += 1;
                }
                // It was created a moment ago.
                Err(error) if is_young(&error) => {}
                Err(error) => return Err(error.context(directory.display().to_string())),
            }
            std::thread::sleep(PAUSE);
            if newest(root)?.as_ref() != Some(&directory) || Instant::now() >= end {
                break;
            }
        }
    }
    println!("{reads}");
    Ok(())
}

fn is_young(error: &anyhow::Error) -> bool {
    matches!(
        error.downcast_ref::<Error>(),
        Some(Error::NotAStore { .. } | Error::Empty { .. })
    )
}

/// Reads a whole store; returns how many checkpoints there are.
fn look(directory: &Path) -> Result<usize> {
    let loaded = Store::open(directory)?.load()?;
    SHARED.check(&loaded).map_err(anyhow::Error::msg)
}

pub(super) fn run(effort: Effort) -> Result<Vec<Tally>> {
    let seconds: u64 = effort.of(600, 6);
    let root = tempfile::tempdir()?;
    let start = |arguments: &[String]| -> Result<Child> {
        Ok(process::command()?
            .args(arguments)
            .env("RAYON_NUM_THREADS", "1")
            .spawn()?)
    };
    let path = root.path().to_string_lossy().into_owned();
    let mut children = Vec::new();
    for shard in 0..WRITERS {
        let arguments = ["write", &path, &shard.to_string(), &seconds.to_string()];
        children.push((true, start(&arguments.map(str::to_owned))?));
    }
    for _ in 0..READERS {
        let arguments = ["watch", &path, &seconds.to_string()];
        children.push((false, start(&arguments.map(str::to_owned))?));
    }
    let mut writes = Tally::new("");
    let mut reads = Tally::new("");
    for (is_writer, child) in children {
        let tally = if is_writer { &mut writes } else { &mut reads };
        match count(child) {
            Ok(counted) => tally.add(counted),
            Err(error) => tally.count(Err(format!("{error:#}"))),
        }
    }
    let many = format!("{WRITERS} writers and {READERS} readers as processes for {seconds} s");
    Ok(vec![
        writes.called(format!(
            "{many}: epochs published, then compacted by both writers at once"
        )),
        reads.called(format!(
            "{many}: whole stores read: whole epochs only, each once, none gone"
        )),
    ])
}

fn count(child: Child) -> Result<u64> {
    let output = child.wait_with_output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("a process ends with {}: {error}", output.status);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().context("what it counted")
}
