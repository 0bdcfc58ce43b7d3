//! `modeltrail watch`: a running training, one line a checkpoint.

use super::limits::Reading;
use super::{ended, tell, with_flag};
use crate::failure::is_closed_pipe;
use crate::global::{Global, Outcome};
use crate::memory::Memory;
use crate::publish::{check, publish};
use crate::terminal::{self, Stream};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use modeltrail::collection::Options;
use modeltrail::watch::prometheus::{self, Counts};
use modeltrail::watch::tensorboard::EventFile;
use modeltrail::watch::{Event, Observation, Record, Watcher};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail watch checkpoints/
  modeltrail watch checkpoints/ --once --accredited released.safetensors
  modeltrail watch checkpoints/ --state watch.state
  modeltrail watch checkpoints/ --exec 'echo \"$MODELTRAIL_CAUSE at $MODELTRAIL_STEP\" >> alarms.txt'

The columns are: the claimed step; the length of the step to this checkpoint; its angle to the step before;
its share outside the span of the last ten steps; the distance since the accredited checkpoint, in recent
steps; an alarm with its likely cause and the evidence. Each checkpoint is judged by the last steps of this
training; the first ten steps are not judged. Exit status with --once: 0 = fine, 1 = an alarm, or a file
that was skipped; 2 = an error, or nothing could be read.")]
pub(crate) struct Command {
    /// The folder that the training saves its checkpoints in.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Read the checkpoints that are there, then exit.
    #[arg(long)]
    once: bool,
    /// Seconds between looks at the folder.
    #[arg(long, default_value = "5", value_name = "SECONDS", value_parser = seconds)]
    interval: Duration,
    /// Also show how far the training is from this checkpoint, in recent steps.
    #[arg(long, value_name = "FILE")]
    accredited: Option<PathBuf>,
    /// Set the threshold of alarms by the training in this folder, in which nothing changed, instead of
    /// the built-in one. May be repeated.
    #[arg(long, value_name = "DIR")]
    undisturbed: Vec<PathBuf>,
    /// Share of undisturbed checkpoints that may raise an alarm; 1 / RATE of them are needed.
    #[arg(long, value_name = "RATE", default_value_t = Watcher::false_alarm_rate(), requires = "undisturbed")]
    false_alarms: f64,
    /// Run this by `sh -c` on an alarm, with MODELTRAIL_STEP, MODELTRAIL_CAUSE and MODELTRAIL_PATH in
    /// its environment. An alarm that is older than the watch runs it only if it is of the newest
    /// checkpoint.
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// Keep the newest numbers in this file, for the textfile collector of Prometheus' node exporter.
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
    /// Write the numbers of every checkpoint to an event file in this folder, for TensorBoard.
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
    /// Keep the state of the watch in this file, and continue from it after a restart. The file is
    /// replaced as a whole at every checkpoint.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Memory for weights, 52 bytes each. What needs more is followed by its sketch: its lengths have a
    /// standard error of 2.2 %.
    #[arg(long, default_value = "256MiB", value_name = "SIZE")]
    memory: Memory,
    #[command(flatten)]
    reading: Reading,
}

/// A length of time above zero.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|length| !length.is_zero())
        .ok_or_else(|| format!("{text:?} is not a number of seconds above 0"))
}

pub(crate) fn run(command: &Command, global: &Global) -> Result<Outcome> {
    if let Some(path) = &command.prometheus {
        check(path)?;
    }
    let accredited = command.accredited.as_deref();
    let options = Options {
        memory: command.memory.0,
        ..command.reading.options()
    };
    let mut watcher = Watcher::new(&command.directory, accredited, &options)?;
    if !command.undisturbed.is_empty() {
        watcher.calibrate(&command.undisturbed, command.false_alarms)?;
    }
    let mut goes_on = false;
    if let Some(path) = &command.state {
        check(path)?;
        ensure!(
            !path.exists() || path.is_file(),
            "{} is not a regular file, and a state is one: give another name",
            path.display()
        );
        goes_on = watcher.keep(path)?;
    }
    let mut printer = Printer {
        command,
        is_json: global.json,
        counts: Counts::default(),
        beside: 0,
        newest: None,
        events: None,
    };
    let mut is_first = true;
    let mut waits = String::new();
    loop {
        watcher.look(command.once, &mut |event| {
            printer.print(event, command.once || goes_on || !is_first)
        })?;
        if is_first && !command.once && !goes_on {
            printer.exec()?;
        }
        if let Some(path) = &command.prometheus {
            let newest = printer.newest.as_ref();
            let text = prometheus::text(&command.directory, newest, &printer.counts);
            publish(path, text.as_bytes())?;
        }
        if command.once {
            break;
        }
        is_first = false;
        printer.wait(&watcher, &mut waits)?;
        std::thread::sleep(command.interval);
    }
    if printer.counts.checkpoints == 0 {
        bail!(
            "no checkpoint could be read in {}",
            command.directory.display()
        );
    }
    let findings = printer.counts.alarms + printer.counts.problems;
    Ok(ended(findings == 0, printer.beside > 0, global))
}

/// Says what is found, and counts it.
struct Printer<'a> {
    command: &'a Command,
    is_json: bool,
    counts: Counts,
    /// Files that lie beside the checkpoints.
    beside: u64,
    newest: Option<Observation>,
    /// TensorBoard's, from the first checkpoint on.
    events: Option<EventFile>,
}

impl Printer<'_> {
    fn print(&mut self, event: Event, may_exec: bool) -> Result<()> {
        match event {
            Event::Problem(problem) => {
                self.counts.problems += 1;
                let said = if self.is_json {
                    json_line(&Record::problem(&problem))
                } else {
                    tell(&format!("skipped: {}", with_flag(&problem)))
                };
                self.heard(said)?;
            }
            Event::Note(note) => {
                let said = if self.is_json {
                    json_line(&Record::note(&note))
                } else {
                    self.line(&note)
                };
                self.heard(said)?;
            }
            Event::Beside(beside) => {
                self.beside += 1;
                let said = if self.is_json {
                    json_line(&Record::beside(&beside))
                } else {
                    tell(&format!("beside: {}", beside.message))
                };
                self.heard(said)?;
            }
            Event::Checkpoint(line) => {
                self.counts.checkpoints += 1;
                self.counts.alarms += u64::from(line.is_new_alarm());
                let said = if self.is_json {
                    json_line(&Record::checkpoint(&line))
                } else {
                    self.text_line(&line)
                };
                self.heard(said)?;
                self.event(&line)?;
                self.newest = Some(*line);
                if may_exec {
                    self.exec()?;
                }
            }
        }
        Ok(())
    }

    /// Says what is waited for, when that is another thing than before: to people, on stderr.
    fn wait(&self, watcher: &Watcher, before: &mut String) -> Result<()> {
        let waits = watcher.waits_for();
        if waits == *before {
            return Ok(());
        }
        *before = waits;
        let every = self.command.interval.as_secs_f64();
        tell(&format!("{before}, looked for every {every} s"))
    }

    /// Without a reader there is nothing to follow for; but a single look has its exit status.
    fn heard(&self, said: Result<()>) -> Result<()> {
        match said {
            Err(error) if self.command.once && is_closed_pipe(&error) => Ok(()),
            said => said,
        }
    }

    fn event(&mut self, line: &Observation) -> Result<()> {
        let Some(directory) = &self.command.tensorboard else {
            return Ok(());
        };
        let written = match &mut self.events {
            Some(events) => events.write(line),
            None => EventFile::create(directory).and_then(|events| {
                let events = self.events.insert(events);
                events.write(line)
            }),
        };
        written.with_context(|| format!("cannot write an event file in {}", directory.display()))
    }

    fn line(&self, text: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{}", terminal::shown(text, Stream::Out))?;
        Ok(out.flush()?)
    }

    fn text_line(&self, line: &Observation) -> Result<()> {
        let mut out = std::io::stdout().lock();
        let since = self.command.accredited.is_some();
        if self.counts.checkpoints == 1 {
            writeln!(out, "{}", Observation::titles(since))?;
        }
        writeln!(out, "{}", terminal::shown(&line.row(since), Stream::Out))?;
        Ok(out.flush()?)
    }

    /// Runs the command of an alarm of the newest checkpoint. Its failure is reported, and ends nothing.
    fn exec(&self) -> Result<()> {
        let alarm = self.newest.as_ref().and_then(|line| {
            let cause = line.alarm().filter(|_| line.is_new_alarm())?;
            Some((line, cause))
        });
        let (Some(command), Some((line, alarm))) = (&self.command.exec, alarm) else {
            return Ok(());
        };
        // Names of files reach the shell as values only; its output stays out of ours.
        let status = std::process::Command::new("sh")
            .args(["-c", command])
            .env("MODELTRAIL_STEP", line.label())
            .env("MODELTRAIL_CAUSE", cause(alarm))
            .env("MODELTRAIL_PATH", &line.path)
            .stdin(std::process::Stdio::null())
            .stdout(std::io::stderr())
            .status();
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => tell(&format!("the command of --exec failed: {status}"))?,
            Err(error) => tell(&format!("the command of --exec could not be run: {error}"))?,
        }
        Ok(())
    }
}

/// As in JSON.
fn cause(cause: trajectory::shift::Cause) -> String {
    let value = serde_json::to_value(cause).ok();
    let name = value.as_ref().and_then(serde_json::Value::as_str);
    name.unwrap_or_default().to_owned()
}

fn json_line(out: &Record<'_>) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    serde_json::to_writer(&mut stdout, out).map_err(std::io::Error::from)?;
    writeln!(stdout)?;
    Ok(stdout.flush()?)
}
