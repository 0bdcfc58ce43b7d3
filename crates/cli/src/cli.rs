//! The command line: what can be asked, and how an answer ends.

use crate::commands::{
    diff, export, gate, import, inspect, limits, lineage, linkage, manual, order, report, runs,
    sketch, umap, verify, watch, zoo,
};
use crate::terminal::{self, Color, Stream};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use modeltrail::Error;
use modeltrail::collection::printable;
use serde::Serialize;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Follow neural networks through weight space.
///
/// Exit status: 0 = fine, 1 = a finding (something damaged, or contradicted), 2 = an error.
#[derive(Parser)]
#[command(
    name = "modeltrail",
    version,
    arg_required_else_help = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

/// Options of every command.
#[derive(Args)]
pub(crate) struct Global {
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Threads to use, at most four per core; 0 = one per core. No result depends on it.
    #[arg(long, global = true, default_value_t = 0, value_name = "N")]
    threads: usize,
    /// Exit with 1 also for what is no finding about the models: copies and averages beside a run,
    /// companion files, files of other formats.
    #[arg(long, global = true)]
    pub(crate) strict: bool,
    /// Say nothing on stderr but errors.
    #[arg(long, short, global = true)]
    quiet: bool,
    /// When there are colours; `auto` is on a terminal, unless NO_COLOR is set.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    color: Color,
}

#[derive(Subcommand)]
enum Command {
    /// What lies in files and folders: formats, tensors, claims, and what is skipped.
    Inspect(inspect::Command),
    /// Sort anybody's checkpoints into runs, each in its order.
    Runs(runs::Command),
    /// One page about anybody's checkpoints: runs, pictures, steps, distances.
    Report(report::Command),
    /// What changed from one checkpoint to another, tensor by tensor, and what kind of change it is.
    Diff(diff::Command),
    /// Which of many checkpoints one comes from, how sure that is, and how far it has gone since.
    Lineage(lineage::Command),
    /// Whether a candidate is near enough to a tested checkpoint: within budget, or retest.
    Gate(gate::Command),
    /// Keep a few kilobytes per checkpoint that are enough for `runs`.
    Sketch(sketch::Command),
    /// Follow a running training, one line a checkpoint.
    Watch(watch::Command),
    /// Write checkpoints as npz, safetensors or one Parquet table.
    Export(export::Command),
    /// Take foreign checkpoints into a store; run it again to continue.
    Import(import::Command),
    /// Look at every byte of a store; move aside what is damaged.
    Verify(verify::Command),
    /// What bounds the reading of files.
    Limits(limits::Command),
    /// Train a population of small networks, list stores, verify them.
    #[command(subcommand)]
    Zoo(zoo::Command),
    /// Which checkpoints belong to one run: single-linkage clusters.
    Linkage(linkage::Command),
    /// In which order checkpoints came, and how sure each step of it is.
    Order(order::Command),
    /// Checkpoints in the plane, by UMAP.
    Umap(umap::Command),
    /// Print the completions of a shell.
    Completions(manual::Completions),
    /// Write manual pages, one a command.
    Man(manual::Man),
}

/// How an answer ends.
pub(crate) enum Outcome {
    /// All is well.
    Fine,
    /// Something was found that someone should look at.
    Finding,
    /// There is an answer, and it is that nobody can tell: something could not be read.
    Unknown,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    terminal::settle(cli.global.color, cli.global.quiet);
    let fail = |error: &anyhow::Error| {
        if cli.global.json {
            print_error(error);
        }
        fail(error)
    };
    if let Err(error) = use_threads(cli.global.threads) {
        return fail(&error);
    }
    let outcome = match &cli.command {
        Command::Inspect(command) => inspect::run(command, &cli.global),
        Command::Runs(command) => runs::run(command, &cli.global),
        Command::Report(command) => report::run(command, &cli.global),
        Command::Diff(command) => diff::run(command, &cli.global),
        Command::Lineage(command) => lineage::run(command, &cli.global),
        Command::Gate(command) => gate::run(command, &cli.global),
        Command::Sketch(command) => sketch::run(command, &cli.global),
        Command::Watch(command) => watch::run(command, &cli.global),
        Command::Export(command) => export::run(command, &cli.global),
        Command::Import(command) => import::run(command, &cli.global),
        Command::Verify(command) => verify::run(command, &cli.global),
        Command::Limits(command) => limits::run(command, &cli.global),
        Command::Zoo(command) => zoo::run(command, &cli.global),
        Command::Linkage(command) => linkage::run(command, &cli.global),
        Command::Order(command) => order::run(command, &cli.global),
        Command::Umap(command) => umap::run(command, &cli.global),
        Command::Completions(command) => manual::completions(command, line()),
        Command::Man(command) => manual::man(command, line()),
    };
    match outcome {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Finding) => ExitCode::from(1),
        Ok(Outcome::Unknown) => ExitCode::from(2),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// The command line, and what it says.
fn parse() -> Result<Cli, clap::Error> {
    let line = line().color(terminal::color_of(std::env::args_os()));
    Cli::from_arg_matches(&line.try_get_matches()?)
}

/// The command line, its long texts in paragraphs that go as far as the terminal is wide.
fn line() -> clap::Command {
    flowing(Cli::command())
}

fn flowing(command: clap::Command) -> clap::Command {
    let text = command
        .get_after_help()
        .map(|text| paragraphs(&text.to_string()));
    let command = match text {
        Some(text) => command.after_help(text),
        None => command,
    };
    command.mut_subcommands(flowing)
}

/// Joins lines of prose; what is indented, and what follows a colon, stays on its lines.
fn paragraphs(text: &str) -> String {
    let mut flowing = String::new();
    let mut is_open = false;
    for line in text.lines() {
        let is_prose = !line.is_empty() && !line.starts_with(' ');
        if !flowing.is_empty() {
            flowing.push(if is_open && is_prose { ' ' } else { '\n' });
        }
        flowing.push_str(line);
        is_open = is_prose && !line.ends_with(':');
    }
    flowing
}

/// An error as JSON, on stdout.
#[derive(Serialize)]
struct ErrorDocument<'a> {
    schema: &'static str,
    /// What kind of error it is.
    kind: &'a str,
    /// What happened, where, and what helps, on one line.
    message: String,
    /// The file or folder that it is about, if it is about one.
    path: Option<String>,
}

/// What an error document is; a change that breaks readers gets another number.
const ERROR: &str = "modeltrail.error/1";

/// Prints an error as JSON. That nobody reads it changes nothing.
fn print_error(error: &anyhow::Error) {
    let known = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Error>());
    let path = known.and_then(Error::path);
    let document = ErrorDocument {
        schema: ERROR,
        kind: known.map_or("other", Error::kind),
        message: one_line(error),
        path: path.map(modeltrail::path::write),
    };
    if let Ok(text) = serde_json::to_string_pretty(&document) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// Says what is wrong with the command line, as JSON too if that was asked for; exit status 2, but 0
/// where help was asked for.
fn refuse(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let message = error.render().to_string();
        let first = message.lines().next().unwrap_or_default();
        let document = ErrorDocument {
            schema: ERROR,
            kind: "usage",
            message: first.trim_start_matches("error: ").to_owned(),
            path: None,
        };
        if let Ok(text) = serde_json::to_string_pretty(&document) {
            let _ = writeln!(std::io::stdout(), "{text}");
        }
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Prints the error and those of its causes that it does not say itself; exit status 2.
pub fn fail(error: &anyhow::Error) -> ExitCode {
    let line = terminal::shown(&format!("error: {}", one_line(error)), Stream::Err);
    let _ = writeln!(std::io::stderr(), "{line}");
    ExitCode::from(2)
}

/// An error and those of its causes that it does not say itself. Names of files reach errors as they
/// are, and may hold anything.
fn one_line(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain() {
        let is_of_store = cause.is::<checkpoint_store::Error>()
            || matches!(cause.downcast_ref(), Some(Error::Store(_)))
            || cause.is::<::zoo::Error>();
        let text = if is_of_store {
            printable(&cause.to_string())
        } else {
            cause.to_string()
        };
        if message.is_empty() {
            message = text;
        } else if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
    }
    if let Some(flag) = error.chain().find_map(flag) {
        message.push_str(&format!(" ({flag})"));
    }
    message
}

/// The flag that helps against an error, which a library cannot name.
fn flag(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    let error: &Error = cause.downcast_ref()?;
    if let Some(limit) = error.limit() {
        return Some(limit_flag(limit.name, limit.enough));
    }
    let flag = match error {
        Error::Exists { .. } => "--force",
        Error::Labels(_) => "--number",
        Error::HistoryMissing => "--history",
        Error::Uncalibrated { .. } => "--undisturbed",
        Error::WouldLose { .. } => "--allow-unread",
        _ => return None,
    };
    Some(flag.to_owned())
}

/// The flag that raises a limit on reading files.
pub(crate) fn limit_flag(name: &str, enough: u64) -> String {
    format!("--limit {name}={enough}")
}

/// Uses so many threads for everything that follows, but no more than four for each core; 0 = one
/// per core.
///
/// # Errors
/// When threads are in use already.
pub fn use_threads(threads: usize) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(rayon::ThreadPoolBuilder::new()
        .num_threads(threads.min(4 * cores))
        .build_global()?)
}

/// Whoever reads our output has seen enough.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        line().debug_assert();
    }

    #[test]
    fn prose_flows_and_examples_stay_as_they_are() {
        let text =
            "Examples:\n  modeltrail a\n  modeltrail b\n\nOne\ntwo. Budget:\n  [total]\nthree";
        let flowing =
            "Examples:\n  modeltrail a\n  modeltrail b\n\nOne two. Budget:\n  [total]\nthree";
        assert_eq!(paragraphs(text), flowing);
    }
}
