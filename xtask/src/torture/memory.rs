//! R12: memory follows `--memory` and never the model. Commands, each as a process whose resident memory is
//! watched, on checkpoints that are ten times larger than it may hold.
//!
//! Resident memory and not `RLIMIT_DATA`: the library that multiplies matrices reserves 600 MiB of
//! addresses for each thread, of which it touches what it needs.

use super::Effort;
use super::tally::{Tally, described};
use crate::watched::watched;
use anyhow::{Context, Result, ensure};
use hostile::bytes::{Entry, zip};
use hostile::pickled::{fields, tensor};
use std::ffi::OsStr;
use std::fs::{File, create_dir_all, write};
use std::io::{BufWriter, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What the commands are told that they may use.
const CAP: u64 = 32 << 20;
/// What they may take beside it.
const BESIDE: u64 = 256 << 20;
/// How long one may take.
const MOST: Duration = Duration::from_secs(300);
/// Rows and columns of the tensors: 80 million weights, 320 MB in f32.
const SHAPES: [[usize; 2]; 5] = [
    [8000, 5000],
    [2000, 5000],
    [2000, 5000],
    [2000, 5000],
    [2000, 5000],
];

/// A way in which the checkpoints are stored.
#[derive(Clone, Copy, PartialEq)]
enum Stored {
    F32,
    Bf16InShards,
    Torch,
}

impl Stored {
    fn name(self) -> &'static str {
        match self {
            Self::F32 => "safetensors in f32",
            Self::Bf16InShards => "safetensors in bf16, in shards",
            Self::Torch => "PyTorch",
        }
    }
}

pub(super) fn run(effort: Effort) -> Result<Vec<Tally>> {
    let program = program()?;
    let formats = effort.of(
        &[Stored::Bf16InShards, Stored::F32, Stored::Torch][..],
        &[Stored::Bf16InShards][..],
    );
    let mut tallies = Vec::new();
    for &stored in formats {
        let folder = hostile::life::temporary().map_err(anyhow::Error::msg)?;
        let models = folder.path().join("models");
        let [a, b] = ["step-1", "step-2"].map(|name| models.join(name));
        let a = checkpoint(stored, &a, 0.0)?;
        let b = checkpoint(stored, &b, 0.01)?;
        tallies.push(commands(
            &program,
            stored,
            folder.path(),
            &[&a, &b, &models],
        )?);
    }
    Ok(tallies)
}

/// The command, built beside this program.
fn program() -> Result<PathBuf> {
    let own = std::env::current_exe().context("where this program is")?;
    let program = own.with_file_name("modeltrail");
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "modeltrail-cli",
    ]);
    if !program.exists() {
        ensure!(build.status()?.success(), "the command could not be built");
    }
    Ok(program)
}

fn commands(program: &Path, stored: Stored, folder: &Path, paths: &[&Path; 3]) -> Result<Tally> {
    let [a, b, models] = paths.map(Path::as_os_str);
    let memory = "32MiB".as_ref();
    let out = |name: &str| folder.join(name).into_os_string();
    let (sketch, exported, page) = (out("kept.json"), out("exported"), out("page.html"));
    let all: Vec<Vec<&OsStr>> = vec![
        vec!["diff".as_ref(), a, b, "--memory".as_ref(), memory],
        vec![
            "gate".as_ref(),
            "--accredited".as_ref(),
            a,
            "--candidate".as_ref(),
            b,
            "--memory".as_ref(),
            memory,
        ],
        vec![
            "lineage".as_ref(),
            b,
            "--against".as_ref(),
            a,
            "--memory".as_ref(),
            memory,
        ],
        vec![
            "diff".as_ref(),
            a,
            b,
            "--parents".as_ref(),
            b,
            "--memory".as_ref(),
            memory,
        ],
        vec!["runs".as_ref(), models, "--memory".as_ref(), memory],
        vec!["order".as_ref(), models, "--memory".as_ref(), memory],
        vec!["linkage".as_ref(), models, "--memory".as_ref(), memory],
        vec!["umap".as_ref(), models, "--memory".as_ref(), memory],
        vec!["tree".as_ref(), models, "--memory".as_ref(), memory],
        vec![
            "report".as_ref(),
            models,
            "--out".as_ref(),
            &page,
            "--memory".as_ref(),
            memory,
        ],
        vec![
            "watch".as_ref(),
            models,
            "--once".as_ref(),
            "--memory".as_ref(),
            memory,
        ],
        vec!["audit".as_ref(), models],
        vec!["inspect".as_ref(), models],
        vec!["hash".as_ref(), models],
        vec!["sketch".as_ref(), models, "--out".as_ref(), &sketch],
        vec![
            "export".as_ref(),
            models,
            "--format".as_ref(),
            "safetensors".as_ref(),
            "--out".as_ref(),
            &exported,
        ],
    ];
    let mut tally = Tally::new(format!(
        "commands on two checkpoints of 80 million weights ({}), told to use 32 MiB: at most 288 MiB \
         resident",
        stored.name()
    ));
    let mut most = 0;
    for arguments in all {
        match bounded(program, &arguments) {
            Ok(kib) => {
                most = most.max(kib);
                tally.count(Ok(()));
            }
            Err(error) => tally.count(Err(format!("{}: {error}", stored.name()))),
        }
    }
    // A store is written with the whole checkpoint in memory: what is larger is refused.
    let store = out("store");
    let import = [
        "import".as_ref(),
        a,
        "--number".as_ref(),
        "--out".as_ref(),
        &store,
        "--memory".as_ref(),
        memory,
    ];
    tally.count(match bounded(program, &import) {
        Err(said) if said.contains("ended with Some(2)") && said.contains("may be used") => Ok(()),
        Err(said) => Err(said),
        Ok(_) => Err("import did not refuse what it may not hold".to_owned()),
    });
    tally.note(format!(
        "{}: the most that a command had resident is {} MiB",
        stored.name(),
        most / 1024
    ));
    Ok(tally)
}

/// Runs a command within bounds; the KiB that it had resident at most.
fn bounded(program: &Path, arguments: &[&OsStr]) -> Result<u64, String> {
    let mut command = Command::new(program);
    command.args(arguments);
    let (output, took) = watched(&mut command, MOST).map_err(described)?;
    let said = |what: &str| format!("{} {what}", arguments.join(" ".as_ref()).to_string_lossy());
    let output = output.ok_or_else(|| said("did not end"))?;
    match output.status.code() {
        Some(0 | 1) if took.resident_kib * 1024 <= CAP + BESIDE => Ok(took.resident_kib),
        Some(0 | 1) => Err(said(&format!(
            "had {} MiB resident",
            took.resident_kib / 1024
        ))),
        code => Err(said(&format!(
            "ended with {code:?} and signal {:?}: {}",
            output.status.signal(),
            String::from_utf8_lossy(&output.stderr)
                .lines()
                .last()
                .unwrap_or_default()
        ))),
    }
}

/// Weights that look random, of a training that went on for so far.
fn values(tensor: usize, along: f32) -> impl Iterator<Item = f32> {
    let [rows, columns] = SHAPES[tensor];
    (0..rows * columns).map(move |place| {
        let mut mixed = (place as u64 ^ (tensor as u64) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^= mixed >> 29;
        let unit = |bits: u64| (bits & 0xff_ffff) as f32 / 16_777_216.0 - 0.5;
        unit(mixed) + along * unit(mixed >> 24)
    })
}

/// Writes a checkpoint, and says where it is.
fn checkpoint(stored: Stored, folder: &Path, along: f32) -> Result<PathBuf> {
    create_dir_all(folder)?;
    match stored {
        Stored::F32 => {
            let path = folder.join("model.safetensors");
            safetensors(&path, &[0, 1, 2, 3, 4], along, 4)?;
            Ok(path)
        }
        Stored::Bf16InShards => {
            let shards = [
                ("model-00001-of-00002.safetensors", &[0][..]),
                ("model-00002-of-00002.safetensors", &[1, 2, 3, 4]),
            ];
            let mut map = Vec::new();
            for (name, tensors) in shards {
                safetensors(&folder.join(name), tensors, along, 2)?;
                map.extend(
                    tensors
                        .iter()
                        .map(|tensor| format!("\"w{tensor}\":\"{name}\"")),
                );
            }
            let path = folder.join("model.safetensors.index.json");
            write(
                &path,
                format!("{{\"metadata\":{{}},\"weight_map\":{{{}}}}}", map.join(",")),
            )?;
            Ok(path)
        }
        Stored::Torch => {
            let names = ["w0", "w1", "w2", "w3", "w4"];
            let tensors = names.iter().zip(SHAPES).enumerate();
            let root = tensors.map(|(key, (name, [rows, columns]))| {
                let elements = (rows * columns) as i64;
                let sides = [rows as i64, columns as i64];
                (*name, tensor(&key.to_string(), elements, &sides))
            });
            let mut entries = vec![Entry::new("x/data.pkl", &fields(root.collect()).pickle())];
            for tensor in 0..SHAPES.len() {
                let bytes: Vec<u8> = values(tensor, along).flat_map(f32::to_le_bytes).collect();
                entries.push(Entry::new(&format!("x/data/{tensor}"), &bytes));
            }
            let path = folder.join("model.pt");
            write(&path, zip(&entries))?;
            Ok(path)
        }
    }
}

/// Some of the tensors, in numbers of so many bytes.
fn safetensors(path: &Path, tensors: &[usize], along: f32, bytes: usize) -> Result<()> {
    let mut end = 0;
    let entries = tensors.iter().map(|&tensor| {
        let [rows, columns] = SHAPES[tensor];
        let start = end;
        end += rows * columns * bytes;
        let dtype = if bytes == 2 { "BF16" } else { "F32" };
        format!(
            "\"w{tensor}\":{{\"dtype\":\"{dtype}\",\"shape\":[{rows},{columns}],\"data_offsets\":[{start},{end}]}}"
        )
    });
    let header = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for &tensor in tensors {
        for value in values(tensor, along) {
            // The upper half of f32 is bf16.
            file.write_all(&value.to_le_bytes()[4 - bytes..])?;
        }
    }
    Ok(file.flush()?)
}
