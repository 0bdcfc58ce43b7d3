//! Progress on stderr: bars with the time left on a terminal, a line now and then elsewhere.

mod lines;

use crate::terminal;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use lines::Lines;
use modeltrail::progress::Progress;
use modeltrail::remote::received;
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use zoo::{Observer, Zoo};
use zoo_training::Metrics;

/// Shows how far a training is.
#[derive(Default)]
pub struct TrainingBar(OnceLock<(ProgressBar, Option<Lines>)>);

impl TrainingBar {
    fn bar(&self) -> Option<&ProgressBar> {
        self.0.get().map(|(bar, _)| bar)
    }
}

impl Observer for TrainingBar {
    fn start(&self, zoo: &Zoo, engine: &str, done: u64, total: u64) {
        if terminal::is_quiet() {
            return;
        }
        let bar = ProgressBar::new(total).with_position(done);
        bar.set_style(style(
            "{prefix} {bar:32} {percent:>3} %  {thousands} thousand model-steps/s  {eta} left  {msg}",
        ));
        bar.set_prefix(format!("{} ({engine})", zoo.recipe.name));
        bar.reset_eta();
        bar.enable_steady_tick(Duration::from_millis(200));
        let lines = Lines::of(&bar);
        let _ = self.0.set((bar, lines));
    }

    fn steps(&self, count: u64) {
        if let Some(bar) = self.bar() {
            bar.inc(count);
        }
    }

    fn epoch(&self, epoch: u32, metrics: &[Metrics]) {
        if let Some(bar) = self.bar() {
            let accuracies: Vec<f32> = metrics
                .iter()
                .map(|metrics| metrics.test_accuracy)
                .collect();
            let mean = accuracies.iter().sum::<f32>() / accuracies.len() as f32;
            bar.set_message(format!("epoch {epoch}, accuracy {:.1} %", mean * 100.0));
        }
    }
}

impl Drop for TrainingBar {
    fn drop(&mut self) {
        if let Some(bar) = self.bar() {
            bar.finish_and_clear();
        }
    }
}

/// A known number of stages, each named as it begins.
pub struct Stages {
    bar: ProgressBar,
    _lines: Option<Lines>,
}

impl Stages {
    /// Shows how many of `count` stages are done.
    pub fn new(what: &str, count: u64) -> Self {
        let bar = ProgressBar::new(count);
        bar.set_style(style("{prefix} {bar:32} {pos}/{len}  {eta} left  {msg}"));
        bar.set_prefix(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            _lines: Lines::of(&bar),
            bar,
        }
    }

    /// Begins a stage; those begun before it are done.
    pub fn begin(&self, name: &str) {
        if !self.bar.message().is_empty() {
            self.bar.inc(1);
        }
        self.bar.set_message(name.to_owned());
    }

    /// Does one stage.
    pub fn stage<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        self.begin(name);
        work()
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Work is shown once it has taken so long: what is done at once needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Work of a known size, shown if it takes a while.
pub struct Work(Option<Shown>);

struct Shown {
    bar: ProgressBar,
    /// Counts bytes in place of parts, once some are to come over the network.
    transfer: OnceLock<Transfer>,
    /// Where there is no terminal.
    _lines: Option<Lines>,
    /// Dropped to call the watch off.
    called_off: Option<Sender<()>>,
    watch: Option<JoinHandle<()>>,
}

impl Work {
    /// Work that nobody watches.
    pub fn silent() -> Self {
        Self(None)
    }

    /// Work of `count` parts.
    pub fn new(what: &str, count: u64) -> Self {
        if terminal::is_quiet() {
            return Self::silent();
        }
        let bar = ProgressBar::with_draw_target(Some(count), ProgressDrawTarget::hidden());
        bar.set_style(style("{prefix} {bar:32} {pos}/{len}  {rest}  {msg}"));
        bar.set_prefix(what.to_owned());
        if !std::io::stderr().is_terminal() {
            return Self(Some(Shown {
                _lines: Lines::of(&bar),
                bar,
                transfer: OnceLock::new(),
                called_off: None,
                watch: None,
            }));
        }
        let (called_off, calls) = channel::<()>();
        let shown = bar.clone();
        let watch = std::thread::spawn(move || {
            if calls.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(Duration::from_millis(200));
            }
        });
        Self(Some(Shown {
            bar,
            transfer: OnceLock::new(),
            _lines: None,
            called_off: Some(called_off),
            watch: Some(watch),
        }))
    }
}

impl Progress for Work {
    fn add(&self, parts: u64) {
        if let Some(shown) = self.0.as_ref().filter(|shown| shown.counts_parts()) {
            shown.bar.inc_length(parts);
        }
    }

    fn done(&self, parts: u64) {
        if let Some(shown) = self.0.as_ref().filter(|shown| shown.counts_parts()) {
            shown.bar.inc(parts);
        }
    }

    fn working_on(&self, what: &str) {
        if let Some(shown) = &self.0 {
            shown.bar.set_message(what.to_owned());
        }
    }

    fn transfer(&self, bytes: u64) {
        if let Some(shown) = &self.0 {
            shown.transfer.get_or_init(|| {
                shown.bar.set_style(style(
                    "{prefix} {bar:32} {bytes} of {total_bytes}, {bytes_per_sec}  {rest}  {msg}",
                ));
                Transfer::of(&shown.bar, bytes)
            });
        }
    }
}

impl Shown {
    fn counts_parts(&self) -> bool {
        self.transfer.get().is_none()
    }
}

/// Moves a bar on by the bytes that come over the network, until it is dropped.
struct Transfer {
    /// Dropped to end it.
    end: Option<Sender<()>>,
    counter: Option<JoinHandle<()>>,
}

impl Transfer {
    fn of(bar: &ProgressBar, bytes: u64) -> Self {
        let before = received();
        bar.set_length(bytes);
        bar.set_position(0);
        let (end, ended) = channel::<()>();
        let bar = bar.clone();
        let counter = std::thread::spawn(move || {
            let often = Duration::from_millis(200);
            while ended.recv_timeout(often) == Err(RecvTimeoutError::Timeout) {
                // What is asked for twice counts once.
                bar.set_position(received().saturating_sub(before).min(bytes));
            }
        });
        Self {
            end: Some(end),
            counter: Some(counter),
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.end = None;
        if let Some(counter) = self.counter.take() {
            let _ = counter.join();
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let Some(shown) = &mut self.0 else { return };
        shown.called_off = None;
        shown.transfer.take();
        if let Some(watch) = shown.watch.take() {
            let _ = watch.join();
        }
        shown.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key(
            "rest",
            |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                // Before the first part is done nothing is known.
                let (elapsed, length) = (state.elapsed(), state.len().unwrap_or(0));
                let _ = match lines::left(elapsed, 0, state.pos(), length) {
                    None => write!(out, "{} s so far", elapsed.as_secs()),
                    Some(left) => write!(out, "{} s left", left.as_secs()),
                };
            },
        )
        .with_key(
            "thousands",
            |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                let _ = write!(out, "{:.0}", state.per_sec() / 1e3);
            },
        )
}
