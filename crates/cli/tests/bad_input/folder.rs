//! A folder of checkpoints, and the real program run on it.

use crate::support;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longest that any run may take; a run of seconds has hung. Machines that test are busy.
const LIMIT: Duration = Duration::from_secs(60);
/// Most address space of a run, in KiB: what asks for more is aborted, which fails its test.
const MOST_MEMORY: u64 = 3 << 20;
/// Sound checkpoints in a folder.
pub const GOOD: usize = 6;
const WEIGHTS: usize = 24;

/// A safetensors file of one tensor of this shape.
pub fn safetensors(shape: &[usize], values: &[f32]) -> Vec<u8> {
    support::safetensors(&[("fc.weight", shape, values)])
}

/// The checkpoint of an epoch of the usual training.
pub fn checkpoint(epoch: usize) -> Vec<u8> {
    let along = |index: usize| 0.1 * (epoch as f32) * ((index % 5) as f32 - 1.5);
    let noise = |index: usize| 0.01 * ((index * 7 + epoch * 13) as f32).sin();
    let values: Vec<f32> = (0..WEIGHTS)
        .map(|index| (index as f32).cos() + along(index) + noise(index))
        .collect();
    safetensors(&[4, 6], &values)
}

pub struct Folder(tempfile::TempDir);

impl Folder {
    /// An empty one.
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// One with a sound training in `run/`.
    pub fn sound() -> Self {
        let folder = Self::empty();
        for epoch in 0..GOOD {
            folder.write(Self::name(epoch), &checkpoint(epoch));
        }
        folder
    }

    fn name(epoch: usize) -> String {
        format!("run/epoch-{epoch}.safetensors")
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// A sound checkpoint of the training.
    pub fn good(&self, epoch: usize) -> PathBuf {
        self.path(Self::name(epoch))
    }

    pub fn run(&self) -> PathBuf {
        self.path("run")
    }

    pub fn write(&self, name: impl AsRef<Path>, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Every name below it, sorted.
    pub fn names(&self) -> Vec<PathBuf> {
        let mut names = Vec::new();
        let mut folders = vec![self.0.path().to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                }
                names.push(entry.path());
            }
        }
        names.sort();
        names
    }
}

/// What a run said.
#[derive(Debug)]
pub struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn json(&self) -> Value {
        support::document(self.out.as_bytes())
    }

    /// The lines on stderr about files that were left out.
    pub fn unread(&self) -> Vec<&str> {
        let lines = self.err.lines();
        lines
            .filter(|line| line.starts_with("not read: ") || line.starts_with("skipped: "))
            .collect()
    }

    /// The one line about the file of this name; it has these words.
    pub fn names_once(&self, name: &str, words: &[&str]) {
        let lines: Vec<&str> = self
            .err
            .lines()
            .filter(|line| line.contains(name))
            .collect();
        let [line] = lines.as_slice() else {
            panic!("{} lines about {name}: {}", lines.len(), self.err);
        };
        for word in words {
            assert!(line.contains(word), "`{word}` is not in: {line}");
        }
        assert!(has_way_out(line), "no way out: {line}");
    }
}

/// Whether there is a second part that says what to do.
fn has_way_out(line: &str) -> bool {
    let parts = line.rsplit_once(". ").or_else(|| line.rsplit_once(": "));
    parts.is_some_and(|(_, last)| last.split(' ').count() >= 3)
}

/// Runs `modeltrail` with these arguments, which must end in time and within memory, without a
/// panic, saying nothing twice.
pub fn modeltrail<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Said {
    finish(program().args(arguments))
}

/// `modeltrail`, in bounded memory; arguments are to be added.
pub fn program() -> Command {
    bounded(&[])
}

/// As [`program`], by way of another one that runs what it is given.
pub fn bounded(before: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit -v {MOST_MEMORY} 2>/dev/null; exec \"$@\""));
    command.arg("sh").args(before);
    command.arg(env!("CARGO_BIN_EXE_modeltrail"));
    command
}

/// Runs a command to its end and looks at how it ended.
pub fn finish(command: &mut Command) -> Said {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let reader = |mut pipe: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).unwrap();
            String::from_utf8(bytes).unwrap()
        })
    };
    let out = reader(Box::new(child.stdout.take().unwrap()));
    let err = reader(Box::new(child.stderr.take().unwrap()));
    let status = wait(&mut child, command);
    let (out, err) = (out.join().unwrap(), err.join().unwrap());
    sound(status, out, err, command)
}

/// Waits for a child, but not for ever.
pub fn wait(child: &mut std::process::Child, command: &Command) -> ExitStatus {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > end {
            child.kill().unwrap();
            panic!("it hangs: {command:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn sound(status: ExitStatus, out: String, err: String, command: &Command) -> Said {
    let status = status.code();
    assert!(
        matches!(status, Some(0..=2)) && !err.contains("panicked"),
        "{command:?} ended with {status:?}: {err}"
    );
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for line in err.lines() {
        assert!(!line.trim().is_empty(), "an empty line: {err:?}");
        *times.entry(line).or_default() += 1;
    }
    assert!(times.values().all(|&times| times == 1), "told twice: {err}");
    let is_quiet = err.chars().all(|sign| sign == '\n' || !sign.is_control());
    assert!(is_quiet, "signs for a terminal: {err:?}");
    Said {
        status: status.unwrap(),
        out,
        err,
    }
}

/// Every command that reads checkpoints, on a file that is no checkpoint: each says so on one line
/// that has `name` and these words, and with exit status 2 where nothing else was to be read.
pub fn refused_by_every_command(folder: &Folder, bad: &Path, name: &str, words: &[&str]) {
    let good = folder.good(0);
    let before = folder.names();
    let is_refused = |arguments: &[&OsStr]| {
        let said = modeltrail(arguments);
        assert_eq!(said.status, 2, "{arguments:?}: {}", said.err);
        assert!(said.out.is_empty(), "{arguments:?}: {}", said.out);
        said.names_once(name, words);
    };
    let (good, bad) = (good.as_os_str(), bad.as_os_str());
    let out = folder.path("sketches.json");
    let option = OsStr::new;
    is_refused(&[option("runs"), bad]);
    is_refused(&[option("diff"), good, bad]);
    is_refused(&[option("diff"), bad, good]);
    is_refused(&[option("sketch"), bad, option("--out"), out.as_os_str()]);
    let (gate, accredited) = (option("gate"), option("--accredited"));
    let (candidate, history) = (option("--candidate"), option("--history"));
    is_refused(&[gate, accredited, bad, candidate, good]);
    is_refused(&[gate, accredited, good, candidate, bad]);
    is_refused(&[gate, accredited, good, candidate, good, history, bad]);
    let run = folder.run();
    let watch = option("watch");
    is_refused(&[watch, run.as_os_str(), option("--once"), accredited, bad]);
    assert_eq!(folder.names(), before, "something is left behind");
}

/// Every command that reads a folder, on one in which something is bad beside [`GOOD`] sound
/// checkpoints: they go on with those, say one line about `name`, and end with 1; `gate` refuses a
/// history that is not whole.
pub fn left_out_by_every_command(folder: &Folder, name: &str, words: &[&str]) {
    let place = folder.path("");
    let before = folder.names();
    let said = modeltrail([OsStr::new("runs"), place.as_os_str(), OsStr::new("--json")]);
    assert_eq!(said.status, 1, "{}", said.err);
    said.names_once(name, words);
    assert_eq!(said.json()["groups"][0]["checkpoints"], GOOD);
    assert_eq!(said.json()["problems"].as_array().unwrap().len(), 1);

    let out = folder.path("sketches.json");
    let said = modeltrail([
        OsStr::new("sketch"),
        place.as_os_str(),
        OsStr::new("--out"),
        out.as_os_str(),
    ]);
    assert_eq!(said.status, 1, "{}", said.err);
    said.names_once(name, words);
    let kept: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(kept["checkpoints"].as_array().unwrap().len(), GOOD);
    std::fs::remove_file(&out).unwrap();

    let said = modeltrail([OsStr::new("watch"), place.as_os_str(), OsStr::new("--once")]);
    assert_eq!(said.status, 1, "{}", said.err);
    said.names_once(name, words);
    // What is followed, how it is judged, and a line of titles.
    assert_eq!(said.out.lines().count(), 3 + GOOD, "{}", said.out);

    let good = folder.good(0);
    let said = modeltrail([
        OsStr::new("gate"),
        OsStr::new("--accredited"),
        good.as_os_str(),
        OsStr::new("--candidate"),
        good.as_os_str(),
        OsStr::new("--history"),
        place.as_os_str(),
    ]);
    assert_eq!(said.status, 2, "{}", said.err);
    assert!(
        said.err
            .contains("the history cannot be used: it must be complete"),
        "{}",
        said.err
    );
    said.names_once(name, words);
    assert_eq!(folder.names(), before, "something is left behind");
}
