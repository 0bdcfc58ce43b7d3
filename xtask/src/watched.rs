//! A process, and what it takes, as Linux tells it while it runs.

use std::io;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What a process took.
#[derive(Clone, Copy, Default)]
pub(crate) struct Took {
    /// From its start to its end.
    pub(crate) wall: Duration,
    /// Of all processors, to a few hundredths of a second.
    pub(crate) processor: Duration,
    /// Most memory that it had resident, in KiB.
    pub(crate) resident_kib: u64,
}

/// Clock ticks of a second, as Linux counts them for programs.
const TICKS: u64 = 100;
/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(5);

/// Runs a command to its end, or kills it after so long. None of its output is shown.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn watched(command: &mut Command, most: Duration) -> io::Result<(Option<Output>, Took)> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let start = Instant::now();
    let child = command.spawn()?;
    let id = child.id();
    let waiting = std::thread::spawn(move || child.wait_with_output());
    let mut took = Took::default();
    let mut is_killed = false;
    while !waiting.is_finished() {
        if let Some((processor, resident_kib)) = seen(id) {
            took.processor = processor;
            took.resident_kib = took.resident_kib.max(resident_kib);
        }
        if start.elapsed() > most && !is_killed {
            is_killed = true;
            let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
        }
        std::thread::sleep(EVERY);
    }
    took.wall = start.elapsed();
    let output = waiting
        .join()
        .map_err(|_| io::Error::other("the thread that waited"))??;
    Ok(((!is_killed).then_some(output), took))
}

/// What a process has taken so far; none once it has ended.
fn seen(id: u32) -> Option<(Duration, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let resident = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // After the name, which may hold anything: the 14th and 15th fields are user's and system's time.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
    let ticks = ticks(11)? + ticks(12)?;
    Some((Duration::from_millis(ticks * 1000 / TICKS), resident))
}
