//! Ours and the peers, each turn in a process of its own.

use super::points::Points;
use super::works::{Job, Peer, Program, Work};
use crate::bench::environment;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What one turn cost.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Turn {
    pub(super) cpu_s: f64,
    pub(super) wall_s: f64,
    /// Of the whole process, the points included.
    pub(super) peak_mib: f64,
    pub(super) version: String,
    /// With import and compilation, where that is a good part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cold_cpu_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cold_wall_s: Option<f64>,
}

pub(super) struct Contender {
    pub(super) name: &'static str,
    program: Program,
    method: String,
    /// The rank, for an SVD.
    rank: Option<usize>,
    /// On one thread, one a round.
    pub(super) turns: Vec<Turn>,
    pub(super) on_two: Option<Turn>,
    /// Where its answers are, one a turn on one thread.
    pub(super) answers: Vec<PathBuf>,
    work: String,
}

/// Libraries that make threads, and the variables that stop them.
const THREADS: [&str; 8] = [
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "RAYON_NUM_THREADS",
];

impl Contender {
    pub(super) fn ours(work: &Work) -> Self {
        Self::new(work, "ours", Program::Ours, work.name())
    }

    pub(super) fn peer(work: &Work, peer: &Peer) -> Self {
        Self::new(work, peer.name, peer.program, peer.method.to_owned())
    }

    fn new(work: &Work, name: &'static str, program: Program, method: String) -> Self {
        let rank = match work.job {
            Job::Svd(rank) => Some(rank),
            _ => None,
        };
        Self {
            name,
            program,
            method,
            rank,
            turns: Vec::new(),
            on_two: None,
            answers: Vec::new(),
            work: work.name(),
        }
    }

    /// Whether its last turn took more processor time than this.
    pub(super) fn is_longer_than(&self, seconds: f64) -> bool {
        self.turns.last().is_some_and(|turn| turn.cpu_s > seconds)
    }

    pub(super) fn take_turn(&mut self, points: &Points, home: &Path, round: usize) -> Result<()> {
        let turn = self.turn(points, home, 1, round)?;
        self.turns.push(turn);
        self.answers.push(self.answer(points, 1, round));
        Ok(())
    }

    pub(super) fn take_turn_on_two_threads(&mut self, points: &Points, home: &Path) -> Result<()> {
        self.on_two = Some(self.turn(points, home, 2, 0)?);
        Ok(())
    }

    fn answer(&self, points: &Points, threads: usize, round: usize) -> PathBuf {
        let Self { work, .. } = self;
        // Ours and a peer may have a method of the same name.
        let method = match self.program {
            Program::Ours => "ours",
            _ => &self.method,
        };
        let name = format!("{work}-{}-{method}-{threads}-{round}.npy", points.name);
        points.path.with_file_name(name)
    }

    fn turn(&self, points: &Points, home: &Path, threads: usize, round: usize) -> Result<Turn> {
        let program = match self.program {
            Program::Ours => std::env::current_exe()?,
            Program::Python(_) => python(home),
            Program::Rust => home.join("rust-peers/target/release/peers"),
        };
        let mut command = environment::unhindered(Command::new(program));
        match self.program {
            Program::Ours => {
                command.args(["bench", "analysis-turn"]);
            }
            Program::Python(script) => {
                command.arg(home.join("peers").join(script));
            }
            Program::Rust => {}
        }
        let answer = self.answer(points, threads, round);
        let (is_ours, rank) = (matches!(self.program, Program::Ours), self.rank);
        command
            .arg(&self.method)
            .arg(&points.path)
            .arg(&answer)
            .arg(match rank {
                Some(rank) if !is_ours => rank.to_string(),
                _ => round.to_string(),
            })
            .args(is_ours.then(|| points.runs.to_string()))
            .envs(THREADS.map(|name| (name, threads.to_string())))
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        eprint!("{} {} {threads}: {} ", self.work, points.size(), self.name);
        let output = command
            .output()
            .with_context(|| format!("{} cannot be started", self.name))?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "{} ended with {}: {}",
            self.name,
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let turn: Turn = serde_json::from_str(said.lines().last().unwrap_or(""))
            .with_context(|| format!("{} did not say what it cost: {said}", self.name))?;
        eprintln!("{:.2} s", turn.cpu_s);
        Ok(turn)
    }
}

const REQUIREMENTS: &str = include_str!("../peers/requirements.txt");
const SCRIPTS: [(&str, &str); 6] = [
    ("about.py", include_str!("../peers/about.py")),
    ("measure.py", include_str!("../peers/measure.py")),
    ("linkage.py", include_str!("../peers/linkage.py")),
    ("svd.py", include_str!("../peers/svd.py")),
    ("umap_learn.py", include_str!("../peers/umap_learn.py")),
    ("quality.py", include_str!("../peers/quality.py")),
];

/// The interpreter that has the peers.
pub(super) fn python(home: &Path) -> PathBuf {
    environment::python(&home.join("venv"))
}

/// Writes the scripts, makes the virtual environment and builds the crate, if they are not there;
/// says which Python it is, and with which linear algebra.
pub(super) fn prepare(home: &Path) -> Result<String> {
    let scripts = home.join("peers");
    std::fs::create_dir_all(&scripts)?;
    for (name, text) in SCRIPTS {
        std::fs::write(scripts.join(name), text)?;
    }
    environment::make(&home.join("venv"), REQUIREMENTS)?;
    let rust = home.join("rust-peers");
    std::fs::create_dir_all(rust.join("src"))?;
    write_if_new(
        &rust.join("Cargo.toml"),
        include_str!("../peers/rust/Cargo.toml.in"),
    )?;
    write_if_new(
        &rust.join("src/main.rs"),
        include_str!("../peers/rust/main.rs"),
    )?;
    eprintln!("building the peers that are written in Rust");
    environment::run(
        Command::new("cargo")
            .args(["build", "--release", "--quiet", "--target-dir"])
            .arg(rust.join("target"))
            .arg("--manifest-path")
            .arg(rust.join("Cargo.toml")),
    )?;
    let about = environment::unhindered(Command::new(python(home)))
        .arg(scripts.join("about.py"))
        .output()?;
    ensure!(
        about.status.success(),
        "about.py: {}",
        String::from_utf8_lossy(&about.stderr)
    );
    Ok(String::from_utf8_lossy(&about.stdout).trim().to_owned())
}

fn write_if_new(path: &Path, text: &str) -> Result<()> {
    if !std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        std::fs::write(path, text)?;
    }
    Ok(())
}
