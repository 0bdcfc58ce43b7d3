//! Lines now and then, where no terminal shows a bar.

use indicatif::{HumanDuration, ProgressBar};
use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Work that takes longer says how far it is every so often.
const EVERY: Duration = Duration::from_secs(25);

/// Prints what a bar would show, a line every so often, until it is dropped.
pub(super) struct Lines {
    /// Dropped to end the printing.
    end: Option<Sender<()>>,
    printer: Option<JoinHandle<()>>,
}

impl Lines {
    /// Lines on stderr, unless a terminal shows the bar itself.
    pub(super) fn of(bar: &ProgressBar) -> Option<Self> {
        (!std::io::stderr().is_terminal()).then(|| Self::on(bar, EVERY, std::io::stderr()))
    }

    fn on(bar: &ProgressBar, every: Duration, mut out: impl Write + Send + 'static) -> Self {
        let (end, ended) = channel::<()>();
        let bar = bar.clone();
        let begun = bar.position();
        let printer = std::thread::spawn(move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                // Whoever closed stderr does not want to know.
                let _ = writeln!(out, "{}", line(&bar, begun));
            }
        });
        Self {
            end: Some(end),
            printer: Some(printer),
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.end = None;
        if let Some(printer) = self.printer.take() {
            let _ = printer.join();
        }
    }
}

/// What remains at the mean pace so far, from where the work begun. The newest pace says too little
/// where a part takes minutes.
pub(super) fn left(elapsed: Duration, begun: u64, position: u64, length: u64) -> Option<Duration> {
    let done = position.checked_sub(begun).filter(|done| *done > 0)?;
    let left = length.checked_sub(position).filter(|left| *left > 0)?;
    Some(elapsed.mul_f64(left as f64 / done as f64))
}

/// What is being done, how far it is, and for how long it has been at it.
fn line(bar: &ProgressBar, begun: u64) -> String {
    let (position, length) = (bar.position(), bar.length().unwrap_or(0));
    let mut line = format!("{}: ", bar.prefix());
    if length > 0 {
        let share = 100.0 * position as f64 / length as f64;
        line.push_str(&format!("{share:.0} % done, "));
    }
    let message = bar.message();
    if !message.is_empty() {
        line.push_str(&format!("{message}, "));
    }
    line.push_str(&format!("{} so far", HumanDuration(bar.elapsed())));
    if let Some(left) = left(bar.elapsed(), begun, position, length) {
        line.push_str(&format!(", about {} left", HumanDuration(left)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::ProgressDrawTarget;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn bar() -> ProgressBar {
        let bar = ProgressBar::with_draw_target(Some(8), ProgressDrawTarget::hidden());
        bar.set_prefix("counting");
        bar
    }

    #[test]
    fn long_work_says_what_it_does_and_how_far_it_is() {
        let (bar, written) = (bar(), Written::default());
        bar.set_message("sheep");
        let lines = Lines::on(&bar, Duration::from_millis(5), written.clone());
        bar.inc(2);
        while written.0.lock().unwrap().len() < 200 {
            std::thread::yield_now();
        }
        drop(lines);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let start = "counting: 25 % done, sheep, 0 seconds so far, about ";
        assert!(text.lines().any(|line| line.starts_with(start)), "{text}");
        assert!(text.lines().count() >= 2);
    }

    #[test]
    fn work_that_ends_before_its_first_line_prints_none() {
        let written = Written::default();
        drop(Lines::on(&bar(), EVERY, written.clone()));
        assert!(written.0.lock().unwrap().is_empty());
    }

    #[test]
    fn nothing_is_said_of_the_rest_before_a_part_is_done() {
        assert!(!line(&bar(), 0).contains("left"));
        let seconds = Duration::from_secs;
        assert_eq!(left(seconds(60), 0, 0, 10), None);
        assert_eq!(left(seconds(60), 7, 7, 10), None);
        assert_eq!(left(seconds(60), 0, 10, 10), None);
    }

    #[test]
    fn the_rest_takes_as_long_as_the_parts_before_it() {
        let seconds = Duration::from_secs;
        assert_eq!(left(seconds(60), 0, 2, 10), Some(seconds(240)));
        assert_eq!(left(seconds(60), 4, 6, 10), Some(seconds(120)));
    }
}
