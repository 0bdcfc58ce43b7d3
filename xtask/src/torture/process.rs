//! This program again, as a process that can be killed or kept in bounds.

use anyhow::{Context, Result};
use std::path::Path;
use std::process::{Command, Stdio};

/// This program, as a child, with its output to be read.
pub(super) fn command() -> Result<Command> {
    let program = std::env::current_exe().context("where this program is")?;
    let mut command = Command::new(program);
    command
        .arg("child")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}

/// As [`command`], of so many KiB of address space and seconds of processor at most, where the shell
/// can limit that.
pub(super) fn bounded(memory_kib: u64, seconds: u64) -> Result<Command> {
    let program = std::env::current_exe().context("where this program is")?;
    let mut command = Command::new("sh");
    let script = format!(
        "ulimit -t {seconds}; ulimit -v {memory_kib} 2>/dev/null; exec \"$0\" child \"$@\""
    );
    command
        .args([Path::new("-c"), Path::new(&script)])
        .arg(program)
        .env("RAYON_NUM_THREADS", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}
