//! R3: any operation fails, and one disk is really full.

use super::Effort;
use super::tally::{Tally, described};
use anyhow::{Result, anyhow};
use checkpoint_store::{Checkpoint, Error, Store, TensorShape, verify};
use hostile::disk::Fault;
use hostile::life::Life;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

const KINDS: [ErrorKind; 9] = [
    ErrorKind::StorageFull,
    ErrorKind::QuotaExceeded,
    ErrorKind::PermissionDenied,
    ErrorKind::ReadOnlyFilesystem,
    ErrorKind::FileTooLarge,
    ErrorKind::StaleNetworkFileHandle,
    ErrorKind::TimedOut,
    ErrorKind::Unsupported,
    ErrorKind::Other,
];

pub(super) fn run(effort: Effort) -> Result<Vec<Tally>> {
    let mut struck = Vec::new();
    for life in Life::ALL {
        let whole = life.undisturbed(None).map_err(|error| anyhow!(error))?;
        let kinds: &[ErrorKind] = effort.of(&KINDS, &KINDS[..2]);
        let cases = (0..whole.operations())
            .flat_map(|at| kinds.iter().map(move |kind| (at, Fault::Error(*kind))));
        let stops = (0..whole.operations()).map(|at| (at, Fault::Stop));
        let cases: Vec<(usize, Fault)> = cases.chain(stops).collect();
        struck.push(Tally::over("", cases, |(at, fault)| {
            whole.strike(at, fault).map(drop)
        }));
    }
    let kinds = effort.of(KINDS.len(), 2);
    Ok(vec![
        Tally::joined(
            format!(
                "{kinds} kinds of error, and an end of the process, at every operation: a typed error, \
                 earlier data intact, no stray file, and the same bytes in the end"
            ),
            struck,
        ),
        full_disk(effort),
    ])
}

/// A file system of so many KiB, in memory, as long as this lives.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(kib: usize) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(described)?;
        let size = format!("size={kib}k");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .output()
            .map_err(described)?;
        if mounted.status.success() {
            Ok(Self(folder))
        } else {
            Err(String::from_utf8_lossy(&mounted.stderr).trim().to_owned())
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            // A child that is about to start may hold it for a moment.
            .arg("-l")
            .arg(self.0.path())
            .status();
    }
}

fn full_disk(effort: Effort) -> Tally {
    let what = "a file system that is really full (tmpfs, 40 to 430 KiB): a typed error, what was \
                acknowledged intact, and it goes on when there is room";
    if let Err(reason) = SmallDisk::mount(64) {
        let mut tally = Tally::new(format!("{what}: NOT TRIED, mounting is not allowed here"));
        tally.note(format!("no full file system was tried: {reason}"));
        return tally;
    }
    let sizes = (0..effort.of(200, 10)).map(|step| 40 + step * effort.of(2, 39));
    Tally::over(what, sizes, fill)
}

const PARAMETERS: usize = 2000;
const EPOCHS: u32 = 60;

/// Publishes until the disk is full, looks at it, makes room, and goes on.
fn fill(kib: usize) -> Result<(), String> {
    let disk = SmallDisk::mount(kib)?;
    let directory = disk.0.path().join("zoo");
    let filler = disk.0.path().join("filler");
    // Gone later, to make room.
    std::fs::write(&filler, vec![0; 20 << 10]).map_err(described)?;
    let mut acknowledged = 0;
    let error = publish_all(&directory, &mut acknowledged)
        .err()
        .ok_or("it was never full")?;
    if !matches!(error, Error::StorageFull { .. }) {
        return Err(format!("{kib} KiB: reported as: {error}"));
    }
    expect(&directory, acknowledged)?;
    std::fs::remove_file(&filler).map_err(described)?;
    let before = acknowledged;
    match publish_all(&directory, &mut acknowledged) {
        Err(Error::StorageFull { .. }) if acknowledged > before => {}
        Err(error) => return Err(format!("{kib} KiB, with room again: {error}")),
        Ok(()) => return Err("it was never full again".to_owned()),
    }
    expect(&directory, acknowledged)
}

fn column(epoch: u32) -> Vec<f32> {
    vec![epoch as f32 + 0.5; PARAMETERS]
}

/// Publishes every epoch that is not there.
fn publish_all(directory: &Path, acknowledged: &mut u32) -> Result<(), Error> {
    let store = Store::create(
        directory,
        "a = 1",
        &[TensorShape::new("w", [PARAMETERS as u64])],
    )?;
    for epoch in *acknowledged..EPOCHS {
        store.publish(0, epoch, &[Checkpoint::new(0, epoch)], &column(epoch))?;
        *acknowledged = epoch + 1;
    }
    Ok(())
}

fn expect(directory: &Path, acknowledged: u32) -> Result<(), String> {
    if acknowledged == 0 {
        return Ok(());
    }
    let report = verify(directory).map_err(described)?;
    let stray = report
        .files
        .iter()
        .any(|file| file.name.ends_with("unfinished"));
    let loaded = Store::open(directory)
        .and_then(|store| store.load())
        .map_err(described)?;
    let columns = loaded.matrix();
    let mut all = loaded.checkpoints().iter().zip(columns.column_iter());
    if report.is_sound()
        && !stray
        && loaded.checkpoints().len() == acknowledged as usize
        && all.all(|(label, weights)| weights.iter().eq(&column(label.epoch)))
    {
        return Ok(());
    }
    Err(format!(
        "{acknowledged} epochs were acknowledged; {report:?}"
    ))
}
