//! What the results were made on and from.

use serde::{Deserialize, Serialize};
use std::process::Command;
use zoo_training::fused::InstructionSet;

/// Hardware, operating system and code.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) instruction_set: String,
    pub(crate) system: String,
    pub(crate) rustc: String,
    /// Commit of the code, with `-dirty` when the work tree had changes.
    pub(crate) commit: String,
}

impl Machine {
    pub(crate) fn this() -> Self {
        Self {
            processor: processor().unwrap_or_else(|| "unknown".to_owned()),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            instruction_set: InstructionSet::available()[0].name().to_owned(),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            rustc: output("rustc", &["--version"]).unwrap_or_else(|| "unknown".to_owned()),
            commit: commit().unwrap_or_else(|| "unknown".to_owned()),
        }
    }
}

impl Machine {
    /// Processor, cores and instruction set.
    pub(crate) fn line(&self) -> String {
        format!(
            "{}, {} cores, {}",
            self.processor, self.cores, self.instruction_set
        )
    }

    /// Commit and machine, by name, for a page.
    pub(crate) fn facts(&self) -> Vec<(String, String)> {
        vec![
            ("Commit".to_owned(), self.commit.clone()),
            ("Machine".to_owned(), self.line()),
        ]
    }
}

/// The command that is running, as others may repeat it.
pub(crate) fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    format!("cargo xtask {}", without_folders(&arguments.join(" ")))
}

/// A text in which absolute paths, which are of one machine, are what they end in.
pub(crate) fn without_folders(text: &str) -> String {
    let plain = |word: &str| {
        let path = word.trim_start_matches('(');
        let opening = &word[..word.len() - path.len()];
        match path.rsplit_once('/') {
            Some((_, last)) if path.starts_with('/') => format!("{opening}…/{last}"),
            _ => word.to_owned(),
        }
    };
    let words: Vec<String> = text.split(' ').map(plain).collect();
    words.join(" ")
}

fn commit() -> Option<String> {
    let head = output("git", &["rev-parse", "HEAD"])?;
    // Results are what this run is about to replace, and say nothing about the code.
    let changes = output("git", &["status", "--porcelain", "--", ":!results"])?;
    Some(if changes.is_empty() {
        head
    } else {
        format!("{head}-dirty")
    })
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn processor() -> Option<String> {
    if cfg!(target_os = "macos") {
        return output("sysctl", &["-n", "machdep.cpu.brand_string"]);
    }
    field("/proc/cpuinfo", "model name")
}

/// Most memory that this process has held so far, in MiB; only Linux tells.
pub(crate) fn peak_memory_mib() -> Option<u64> {
    Some(peak_memory_kib()? / 1024)
}

/// As [`peak_memory_mib`], in KiB.
pub(crate) fn peak_memory_kib() -> Option<u64> {
    field("/proc/self/status", "VmHWM")?
        .split(' ')
        .next()?
        .parse()
        .ok()
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_machine_are_what_they_end_in() {
        assert_eq!(
            without_folders("bench large --out /home/me/large --models zoos/a"),
            "bench large --out …/large --models zoos/a"
        );
        assert_eq!(without_folders("no (/tmp/x/b) here"), "no (…/b) here");
        assert_eq!(without_folders(""), "");
    }
}
