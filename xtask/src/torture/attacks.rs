//! R7: no file runs code, writes outside the store, or reaches the network.

use super::Effort;
use super::process;
use super::tally::{Tally, described};
use anyhow::Result;
use checkpoint_store::export::Format;
use checkpoint_store::foreign::Limits;
use hostile::attacks::{Attack, names, pickles};
use hostile::reading::weights;
use modeltrail::collection::{Inventory, Options};
use modeltrail::exchange::{export, import};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Opens an attack in every way: read, imported, exported.
pub(crate) fn open_as_child(path: &Path, out: &Path) -> Result<()> {
    if let Err(error) = weights(path, &Limits::default()) {
        println!("refused: {error}");
    } else {
        println!("read");
    }
    let inventory = Inventory::of(&[path.to_path_buf()], &Options::default());
    // What comes of it does not matter here, only what it does.
    let number = import::ImportOptions {
        by_name: true,
        allow_unread: true,
        ..import::ImportOptions::default()
    };
    let _ = import::import(&inventory, &number, &out.join("store"));
    let lossy = export::ExportOptions {
        allow_unread: true,
        ..export::ExportOptions::default()
    };
    for format in ["npz", "safetensors", "parquet"] {
        let to = out.join(format);
        let Ok(format) = format.parse::<Format>() else {
            continue;
        };
        let _ = export::export(&inventory, format, &to, &lossy);
    }
    Ok(())
}

pub(super) fn run(effort: Effort) -> Result<Vec<Tally>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let step = effort.of(1, 12);
    let traced = has_strace();
    let watch = if traced {
        "system calls (strace), the folder around it, and a port"
    } else {
        "the folder around it and a port; strace is not here"
    };
    let watched = |what: &str, attacks: Vec<Attack>| {
        let attacks = attacks.into_iter().step_by(step);
        Tally::over(format!("{what}; watched: {watch}"), attacks, |attack| {
            try_attack(&attack, traced).map_err(|what| format!("{}: {what}", attack.name))
        })
    };
    let mut tallies = vec![
        watched(
            "pickles that ask for a command, code, a file or a connection, read, imported and exported: \
             nothing is run or written outside",
            pickles(port),
        ),
        watched(
            "tensors, storages, arrays and archives whose names are paths: nothing is written outside",
            names(),
        ),
    ];
    if listener.accept().is_ok()
        && let Some(tally) = tallies.first_mut()
    {
        tally.fail("something connected to the port that attacks name".to_owned());
    }
    Ok(tallies)
}

fn has_strace() -> bool {
    let traced = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status();
    traced.is_ok_and(|status| status.success())
}

/// Every path below a folder, with the contents of files.
fn tree(folder: &Path, into: &mut BTreeMap<PathBuf, Option<Vec<u8>>>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            into.insert(path.clone(), None);
            tree(&path, into)?;
        } else {
            let bytes = std::fs::read(&path)?;
            into.insert(path, Some(bytes));
        }
    }
    Ok(())
}

/// System calls that no reading needs: other programs and the network.
const TRACED: &str = "trace=execve,execveat,socket,connect,bind,sendto,unlink,unlinkat,rename,renameat,\
                      renameat2,mkdir,mkdirat,symlink,symlinkat,link,linkat,open,openat,openat2,creat";

fn try_attack(attack: &Attack, traced: bool) -> Result<(), String> {
    let root = tempfile::tempdir().map_err(described)?;
    let (work, out) = (root.path().join("a/work"), root.path().join("a/out"));
    for folder in [&work, &out] {
        std::fs::create_dir_all(folder).map_err(described)?;
    }
    let file = work.join(attack.file);
    std::fs::write(&file, &attack.bytes).map_err(described)?;
    let log = root.path().join("calls");
    let program = process::command().map_err(described)?;
    let mut command = if traced {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-e", TRACED, "-o"]).arg(&log);
        strace.arg(program.get_program()).args(program.get_args());
        strace
    } else {
        program
    };
    let mut before = BTreeMap::new();
    tree(root.path(), &mut before).map_err(described)?;
    let output = command
        .arg("attacked")
        .arg(&file)
        .arg(&out)
        .current_dir(&work)
        .env("HOME", &work)
        .env("TMPDIR", &work)
        .env("RAYON_NUM_THREADS", "1")
        .stdin(Stdio::null())
        .output()
        .map_err(described)?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(format!("ends with {}: {error}", output.status));
    }
    let mut after = BTreeMap::new();
    tree(root.path(), &mut after).map_err(described)?;
    let is_ours = |path: &Path| path.starts_with(&out) || path == log;
    let outside = |tree: BTreeMap<PathBuf, Option<Vec<u8>>>| -> BTreeMap<_, _> {
        let kept = tree.into_iter().filter(|(path, _)| !is_ours(path));
        kept.collect()
    };
    let (before, after) = (outside(before), outside(after));
    if before != after {
        let names: Vec<_> = after
            .keys()
            .filter(|path| !before.contains_key(*path))
            .collect();
        return Err(format!("it changed what lies outside: {names:?}"));
    }
    if traced {
        let calls = std::fs::read(&log).map_err(described)?;
        look_at(&String::from_utf8_lossy(&calls), &out)?;
    }
    Ok(())
}

/// Finds system calls that should not be there.
fn look_at(calls: &str, out: &Path) -> Result<(), String> {
    let out = out.to_string_lossy();
    let mut programs = 0;
    for line in calls.lines() {
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        if call.starts_with("execve") {
            programs += 1;
            if programs > 1 {
                return Err(format!("another program: {call}"));
            }
        }
        let is_network = ["socket(", "connect(", "bind(", "sendto("];
        if is_network.iter().any(|name| call.starts_with(name)) {
            return Err(format!("the network: {call}"));
        }
        let writes = ["O_WRONLY", "O_RDWR", "O_CREAT"]
            .iter()
            .any(|flag| call.contains(flag))
            || ["unlink", "rename", "mkdir", "symlink", "link", "creat"]
                .iter()
                .any(|name| call.starts_with(name));
        let is_system = ["\"/dev/", "\"/proc/", "\"/sys/"]
            .iter()
            .any(|place| call.contains(place));
        if writes && !call.contains(&*out) && !is_system {
            return Err(format!("a change outside: {call}"));
        }
    }
    Ok(())
}
