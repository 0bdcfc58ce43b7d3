//! The command line: what can be asked.

use crate::commands::{
    audit, diff, export, gate, hash, import, inspect, limits, lineage, linkage, manual, order,
    report, runs, sketch, tree, umap, verify, watch, zoo,
};
use crate::failure::{fail, is_closed_pipe, print_error, refuse};
use crate::global::{Global, Outcome};
use crate::terminal;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

/// Tell from the weights of checkpoints which belong to one training run, in which order they came, and
/// what happened to them.
///
/// Start with `modeltrail runs FOLDER`. Exit status: 0 = fine, 1 = a finding about the models (something is
/// damaged, or contradicts what is claimed), 2 = an error.
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

#[derive(Subcommand)]
enum Command {
    /// List what files and folders hold: formats, tensors, claims, and what is skipped.
    Inspect(inspect::Command),
    /// Sort checkpoints into training runs, and put each run in order.
    Runs(runs::Command),
    /// Whether a series is sound: steps, files and tensors that are not what they claim to be.
    Audit(audit::Command),
    /// Write one HTML page about checkpoints: runs, pictures, steps, distances.
    Report(report::Command),
    /// Show what changed between two checkpoints, tensor by tensor, and what kind of change it is.
    Diff(diff::Command),
    /// Which of many checkpoints one comes from, how sure that is, and how far it has gone since.
    Lineage(lineage::Command),
    /// Show which of many models descends from which, and how each was made.
    Tree(tree::Command),
    /// Decide whether a candidate is near enough to a tested checkpoint: within budget, or retest.
    Gate(gate::Command),
    /// Give digests of tensors and models that do not depend on container, shards or order.
    Hash(hash::Command),
    /// Keep a few kilobytes per checkpoint that stand for its weights in other commands.
    Sketch(sketch::Command),
    /// Follow a running training, and raise an alarm when it changes.
    Watch(watch::Command),
    /// Write checkpoints as npz, safetensors or one Parquet table.
    Export(export::Command),
    /// Copy checkpoints into a store; run it again to continue.
    Import(import::Command),
    /// Check every byte of a store; with --repair, move damaged files aside.
    Verify(verify::Command),
    /// Show the limits that bound how files are read.
    Limits(limits::Command),
    /// Train a population of small networks, list stores, or verify them.
    #[command(subcommand)]
    Zoo(zoo::Command),
    /// Cluster checkpoints by single linkage: each cluster is a run.
    Linkage(linkage::Command),
    /// Order checkpoints in time, and say how sure each step of the order is.
    Order(order::Command),
    /// Lay checkpoints out in the plane, by UMAP.
    Umap(umap::Command),
    /// Print the script that completes the command in a shell.
    Completions(manual::Completions),
    /// Write manual pages, one per command.
    Man(manual::Man),
}

/// Exit status of an error.
const ERROR: u8 = 2;

/// Runs a command line, the name of the program first, and returns its exit status.
pub fn run(arguments: Vec<OsString>) -> u8 {
    // From here on nothing that is said can hold the password or the signature of an address.
    let arguments: Vec<OsString> = arguments
        .into_iter()
        .map(|argument| modeltrail::remote::shown(argument.as_ref()).into())
        .collect();
    let cli = match parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error, &arguments),
    };
    terminal::settle(cli.global.color, cli.global.quiet);
    let fail = |error: &anyhow::Error| {
        if cli.global.json {
            print_error(error);
        }
        fail(error);
        ERROR
    };
    if let Err(error) = use_threads(cli.global.threads) {
        return fail(&error);
    }
    let outcome = match &cli.command {
        Command::Inspect(command) => inspect::run(command, &cli.global),
        Command::Runs(command) => runs::run(command, &cli.global),
        Command::Audit(command) => audit::run(command, &cli.global),
        Command::Report(command) => report::run(command, &cli.global),
        Command::Diff(command) => diff::run(command, &cli.global),
        Command::Lineage(command) => lineage::run(command, &cli.global),
        Command::Tree(command) => tree::run(command, &cli.global),
        Command::Gate(command) => gate::run(command, &cli.global),
        Command::Hash(command) => hash::run(command, &cli.global),
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
        Ok(Outcome::Fine) => 0,
        Ok(Outcome::Finding) => 1,
        Ok(Outcome::Unknown) => 2,
        Err(error) if is_closed_pipe(&error) => 0,
        Err(error) => fail(&error),
    }
}

/// The command line, and what it says.
fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let line = line().color(terminal::color_of(arguments.iter().cloned()));
    Cli::from_arg_matches(&line.try_get_matches_from(arguments)?)
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
