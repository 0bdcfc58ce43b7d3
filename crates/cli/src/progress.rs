//! Progress on the terminal: bars with the time left, on stderr, and only where someone watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use modeltrail::progress::Progress;
use std::io::IsTerminal;
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use zoo::training::{Observer, Zoo};
use zoo_training::Metrics;

/// Shows a training as a bar.
#[derive(Default)]
pub struct TrainingBar(OnceLock<ProgressBar>);

impl Observer for TrainingBar {
    fn start(&self, zoo: &Zoo, engine: &str, done: u64, total: u64) {
        let bar = ProgressBar::new(total).with_position(done);
        bar.set_style(style(
            "{prefix} {bar:32} {percent:>3} %  {thousands} thousand model-steps/s  {eta} left  {msg}",
        ));
        bar.set_prefix(format!("{} ({engine})", zoo.recipe.name));
        bar.reset_eta();
        bar.enable_steady_tick(Duration::from_millis(200));
        let _ = self.0.set(bar);
    }

    fn steps(&self, count: u64) {
        if let Some(bar) = self.0.get() {
            bar.inc(count);
        }
    }

    fn epoch(&self, epoch: u32, metrics: &[Metrics]) {
        if let Some(bar) = self.0.get() {
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
        if let Some(bar) = self.0.get() {
            bar.finish_and_clear();
        }
    }
}

/// A bar over a known number of stages, each named as it begins.
pub struct Stages(ProgressBar);

impl Stages {
    /// A bar over `count` stages.
    pub fn new(what: &str, count: u64) -> Self {
        let bar = ProgressBar::new(count);
        bar.set_style(style("{prefix} {bar:32} {pos}/{len}  {eta} left  {msg}"));
        bar.set_prefix(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    /// Does one stage.
    pub fn stage<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        self.0.set_message(name.to_owned());
        let result = work();
        self.0.inc(1);
        result
    }
}

impl Drop for Stages {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Work is shown once it has taken so long: what is done at once needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// Work of a known size, shown on a terminal if it takes a while.
pub struct Work(Option<Shown>);

struct Shown {
    bar: ProgressBar,
    /// Dropped to call the watch off.
    called_off: Option<Sender<()>>,
    watch: Option<JoinHandle<()>>,
}

impl Work {
    /// Work that nobody watches.
    pub fn silent() -> Self {
        Self(None)
    }

    /// Work of `count` parts; silent where stderr is no terminal.
    pub fn new(what: &str, count: u64) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::silent();
        }
        let bar = ProgressBar::with_draw_target(Some(count), ProgressDrawTarget::hidden());
        bar.set_style(style("{prefix} {bar:32} {pos}/{len}  {rest}  {msg}"));
        bar.set_prefix(what.to_owned());
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
            called_off: Some(called_off),
            watch: Some(watch),
        }))
    }
}

impl Progress for Work {
    fn add(&self, parts: u64) {
        if let Some(shown) = &self.0 {
            shown.bar.inc_length(parts);
        }
    }

    fn done(&self, parts: u64) {
        if let Some(shown) = &self.0 {
            shown.bar.inc(parts);
        }
    }

    fn working_on(&self, what: &str) {
        if let Some(shown) = &self.0 {
            shown.bar.set_message(what.to_owned());
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let Some(shown) = &mut self.0 else { return };
        shown.called_off = None;
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
                let _ = match state.pos() {
                    0 => write!(out, "{} s so far", state.elapsed().as_secs()),
                    _ => write!(out, "{} s left", state.eta().as_secs()),
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
