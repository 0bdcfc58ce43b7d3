//! R6: hostile and broken files, each read by a process of its own that is kept in bounds.

use super::Effort;
use super::process;
use super::tally::{Tally, described};
use anyhow::Result;
use checkpoint_store::foreign::Limits;
use checkpoint_store::{Error, Segment};
use clap::ValueEnum;
use cpu_time::ProcessTime;
use hostile::families::{Broken, Expect, all};
use hostile::reading::weights;
use modeltrail::collection::{Options, collect};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use zoo_training::{Dataset, Recipe};

/// What reads a file in a child.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Reader {
    Weights,
    Recipe,
    Images,
    Sketches,
    Store,
}

impl From<hostile::families::Reader> for Reader {
    fn from(reader: hostile::families::Reader) -> Self {
        use hostile::families::Reader as Of;
        match reader {
            Of::Weights => Self::Weights,
            Of::Recipe => Self::Recipe,
            Of::Images => Self::Images,
            Of::Sketches => Self::Sketches,
            Of::Store => Self::Store,
        }
    }
}

/// Seconds of processor that reading may take.
pub(super) const SECONDS: Duration = Duration::from_secs(2);
/// Bytes of memory that reading may take beside four times the size of the file.
pub(super) const MEMORY: u64 = 64 << 20;
/// Address space that the program itself takes, in KiB, with room to spare.
pub(super) const PROGRAM_KIB: u64 = 1 << 20;

/// Reads a file; says whether it could be read, and what that took.
pub(crate) fn read_as_child(reader: Reader, path: &Path, unlimited: bool) -> Result<()> {
    let start = ProcessTime::now();
    let outcome = read(reader, path, unlimited);
    let took = start.elapsed();
    match outcome {
        Ok(()) => println!("read"),
        Err(what) => println!("{}", what.replace('\n', " ")),
    }
    let peak = crate::machine::peak_memory_kib().unwrap_or_default();
    println!("{} {peak}", took.as_millis());
    Ok(())
}

fn read(reader: Reader, path: &Path, unlimited: bool) -> Result<(), String> {
    match reader {
        Reader::Weights => {
            weights(path, &limits(unlimited))
                .map(drop)
                .map_err(|error| match &error {
                    Error::Foreign { fault, .. } => format!("{fault:?}: {error}"),
                    _ => format!("other: {error}"),
                })
        }
        Reader::Recipe => Recipe::preset_or_file(&path.to_string_lossy())
            .and_then(|recipe| recipe.validate())
            .map_err(described),
        Reader::Images => Dataset::open(path).map(drop).map_err(described),
        Reader::Store => Segment::open(path).map(drop).map_err(described),
        Reader::Sketches => {
            let found = collect(&[path.to_path_buf()], &Options::default());
            match found.problems.first() {
                Some(problem) => Err(problem.message.clone()),
                None => Ok(()),
            }
        }
    }
}

fn limits(unlimited: bool) -> Limits {
    if !unlimited {
        return Limits::default();
    }
    Limits {
        largest_header: u64::MAX,
        largest_tensor: u64::MAX,
        most_tensors: usize::MAX,
        most_values: usize::MAX,
        deepest_nesting: usize::MAX,
        spare_memory: u64::MAX,
        most_memory: u64::MAX,
        most_expansion: u64::MAX,
    }
}

pub(super) fn run(effort: Effort) -> Result<Vec<Tally>> {
    let step = effort.of(1, 13);
    let cases: Vec<Broken> = all().into_iter().step_by(step).collect();
    let classes: BTreeSet<&str> = cases.iter().map(|case| case.class.as_str()).collect();
    let what = format!(
        "hostile and broken files of {} classes over every reader, each in a process of its own: a clear \
         error (or the values), within 2 s of processor and 64 MiB + 4x the file",
        classes.len()
    );
    let base = baseline().map_err(anyhow::Error::msg)?;
    let tally = Tally::over(what, cases, |case| try_file(&case, base, false).map(drop));
    Ok(vec![tally])
}

/// KiB that the program takes for a small sound file.
pub(super) fn baseline() -> Result<u64, String> {
    let sound = all().into_iter().find(|case| case.expect == Expect::Read);
    let sound = sound.ok_or("no sound file")?;
    Ok(spend(&sound, false)?.kib)
}

/// What a child said and took.
struct Spent {
    said: String,
    milliseconds: u64,
    kib: u64,
}

fn spend(case: &Broken, unlimited: bool) -> Result<Spent, String> {
    let folder = hostile::life::temporary()?;
    let sizes = case.files.iter().map(|(_, bytes)| bytes.len() as u64);
    let size: u64 = sizes.sum();
    let path = case.write(folder.path()).map_err(described)?;
    let space = PROGRAM_KIB + (MEMORY + 4 * size) / 1024;
    let mut command = process::bounded(space, SECONDS.as_secs() + 1).map_err(described)?;
    let reader = Reader::from(case.reader).to_possible_value();
    command
        .arg("read")
        .arg(
            reader
                .as_ref()
                .map_or("weights", |reader| reader.get_name()),
        )
        .arg(path);
    if unlimited {
        command.arg("--unlimited");
    }
    let output = command.output().map_err(described)?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let (said, took) = (lines.next(), lines.next());
    let took = took.and_then(|took| took.split_once(' '));
    let number = |text: &str| text.parse::<u64>().ok();
    match (
        said,
        took.and_then(|(ms, kib)| Some((number(ms)?, number(kib)?))),
    ) {
        (Some(said), Some((milliseconds, kib))) if output.status.success() => Ok(Spent {
            said: said.to_owned(),
            milliseconds,
            kib,
        }),
        _ => {
            let error = String::from_utf8_lossy(&output.stderr);
            let error: String = error.chars().take(300).collect();
            Err(format!(
                "{}: ends with {}: {error}",
                case.class, output.status
            ))
        }
    }
}

/// Reads a file in a child; what it said, or what was wrong with that.
pub(super) fn try_file(case: &Broken, base_kib: u64, unlimited: bool) -> Result<String, String> {
    let spent = spend(case, unlimited)?;
    let said = &spent.said;
    let is_right = match case.expect {
        Expect::Fault(fault) => said.starts_with(&format!("{fault:?}: ")),
        Expect::Refused => said != "read",
        Expect::Either => true,
        Expect::Read => said == "read",
    };
    if !is_right {
        return Err(format!(
            "{}: expected {:?}, and it said {said}",
            case.class, case.expect
        ));
    }
    if spent.milliseconds > SECONDS.as_millis() as u64 {
        return Err(format!("{}: took {} ms", case.class, spent.milliseconds));
    }
    let size: usize = case.files.iter().map(|(_, bytes)| bytes.len()).sum();
    let most = (MEMORY + 4 * size as u64) / 1024;
    let used = spent.kib.saturating_sub(base_kib);
    if used > most {
        return Err(format!(
            "{}: took {used} KiB, and {most} are allowed",
            case.class
        ));
    }
    Ok(spent.said)
}
