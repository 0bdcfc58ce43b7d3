//! Trainings that are made up, and a watch that follows one.

use super::support::{self, document, text};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Weights of a checkpoint.
pub(crate) const WEIGHTS: usize = 200;
/// The first step in another direction, and longer, leads to this epoch.
pub(crate) const CHANGE: usize = 20;

/// A smooth walk with a little noise; with `changes`, it turns and goes faster before [`CHANGE`].
pub(crate) fn walk(count: usize, changes: bool) -> Vec<Vec<f32>> {
    let mut state = 1_u64;
    let mut noise = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as f32 / (1_u32 << 30) as f32 - 1.0
    };
    let mut point = vec![0.5_f32; WEIGHTS];
    let mut points = vec![point.clone()];
    for epoch in 1..count {
        let (axis, length) = if changes && epoch >= CHANGE {
            (1, 3.0)
        } else {
            (0, 1.0)
        };
        for (index, weight) in point.iter_mut().enumerate() {
            let along = if index == axis { length } else { 0.0 };
            *weight += along + 0.005 * noise();
        }
        points.push(point.clone());
    }
    points
}

/// A file of two tensors.
pub(crate) fn safetensors(weights: &[f32]) -> Vec<u8> {
    let (first, second) = weights.split_at(weights.len() / 2);
    let shape = [10, weights.len() / 20];
    support::safetensors(&[
        ("net.weight", &shape, first),
        ("net.bias", &[weights.len() / 2], second),
    ])
}

pub(crate) struct Training {
    pub(crate) directory: tempfile::TempDir,
}

impl Training {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn with(points: &[Vec<f32>]) -> Self {
        let training = Self::new();
        for (epoch, weights) in points.iter().enumerate() {
            training.save(epoch, weights);
        }
        training
    }

    /// The folder of checkpoints; its name has a space.
    pub(crate) fn folder(&self) -> PathBuf {
        let folder = self.directory.path().join("my checkpoints");
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn file(&self, epoch: usize) -> PathBuf {
        self.folder().join(format!("epoch {epoch}.safetensors"))
    }

    pub(crate) fn save(&self, epoch: usize, weights: &[f32]) {
        std::fs::write(self.file(epoch), safetensors(weights)).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_modeltrail"));
        command.arg("watch").arg(self.folder()).args(arguments);
        command
    }

    pub(crate) fn once(&self, arguments: &[&str]) -> Output {
        let arguments = [&["--once"], arguments].concat();
        self.command(&arguments).output().unwrap()
    }

    /// Lines of JSON but for that which says what is followed, and the exit status.
    pub(crate) fn lines(&self, arguments: &[&str]) -> (Vec<Value>, Option<i32>) {
        let output = self.once(&[&["--json"], arguments].concat());
        let lines = text(&output.stdout);
        let lines = lines.lines().map(|line| document(line.as_bytes()));
        let lines = lines.filter(|line| !is_introduction(line));
        (lines.collect(), output.status.code())
    }
}

/// Whether a line says what is followed.
pub(crate) fn is_introduction(line: &Value) -> bool {
    let message = line["message"].as_str().unwrap_or_default();
    let is_how = message.contains("checkpoint on, each step is compared");
    line["kind"] == "note" && (message.starts_with("following ") || is_how)
}

/// A watch that follows; ended with the test.
pub(crate) struct Following {
    child: Child,
    lines: std::sync::mpsc::Receiver<Value>,
}

impl Following {
    pub(crate) fn of(training: &Training) -> Self {
        Self::with(training, &[])
    }

    pub(crate) fn with(training: &Training, arguments: &[&str]) -> Self {
        let arguments = [&["--interval", "0.05", "--json"], arguments].concat();
        let mut child = training
            .command(&arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // The last line of one that was killed may be half a line.
                let Ok(line) = serde_json::from_str::<Value>(&line) else {
                    break;
                };
                if !is_introduction(&line) && sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    pub(crate) fn next(&self) -> Value {
        self.lines.recv_timeout(Duration::from_secs(60)).unwrap()
    }

    pub(crate) fn silent_for(&self, length: Duration) {
        let end = Instant::now() + length;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if let Ok(line) = self.lines.recv_timeout(left) {
                panic!("said {line}");
            }
        }
    }
}

impl Following {
    /// SIGKILL, and what it had said that nobody had heard.
    pub(crate) fn killed(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.lines.iter().collect()
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
