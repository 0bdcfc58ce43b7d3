//! The newest checkpoint as a text file for Prometheus' node exporter.

use super::Observation;
use std::fmt::Write as _;
use std::path::Path;

/// What was counted since the watch began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Checkpoints that were read.
    pub checkpoints: u64,
    /// Alarms that were raised.
    pub alarms: u64,
    /// Files that were skipped.
    pub problems: u64,
}

/// The text: gauges of the newest checkpoint where they are known, and counters.
pub fn text(directory: &Path, newest: Option<&Observation>, counts: &Counts) -> String {
    let directory = escaped(&directory.to_string_lossy());
    let mut text = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            // Writing to a string does not fail.
            let _ = write!(
                text,
                "# HELP modeltrail_{name} {help}\n# TYPE modeltrail_{name} {kind}\n\
                 modeltrail_{name}{{directory=\"{directory}\"}} {value}\n"
            );
        }
    };
    let motion = newest.and_then(|line| line.reading.motion.as_ref());
    let verdict = newest.and_then(|line| line.reading.verdict.as_ref());
    let position = newest.and_then(|line| line.position);
    let gauges = [
        (
            "position",
            "Claimed step or epoch of the newest checkpoint.",
            position.map(|claim| claim.value as f64),
        ),
        (
            "step_length",
            "Length of the newest step in the units of the weights.",
            motion.map(|motion| motion.step_length),
        ),
        (
            "turn_degrees",
            "Angle of the newest step to the one before.",
            newest.and_then(Observation::turn),
        ),
        (
            "outside_share",
            "Share of the newest step outside the span of the last ten.",
            motion.map(|motion| motion.outside_share),
        ),
        (
            "since_accredited_steps",
            "Distance from the accredited checkpoint in recent steps.",
            newest.and_then(|line| line.since_accredited),
        ),
        (
            "score",
            "How far the newest step is from its forecast, in standard deviations.",
            verdict.map(|verdict| verdict.score),
        ),
        (
            "alarm",
            "1 if the newest checkpoint raises an alarm.",
            newest.map(|line| f64::from(u8::from(line.alarm().is_some()))),
        ),
    ];
    for (name, help, value) in gauges {
        metric(name, "gauge", help, value);
    }
    let counters = [
        ("checkpoints_total", "Checkpoints read.", counts.checkpoints),
        ("alarms_total", "Alarms raised.", counts.alarms),
        ("problems_total", "Files skipped.", counts.problems),
    ];
    for (name, help, count) in counters {
        metric(name, "counter", help, Some(count as f64));
    }
    text
}

/// As the value of a label.
fn escaped(value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"");
    value.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders_cannot_end_their_label() {
        let text = text(Path::new("a\"b\\c\nd"), None, &Counts::default());
        let value = "modeltrail_alarms_total{directory=\"a\\\"b\\\\c\\nd\"} 0";
        assert!(text.lines().any(|line| line == value), "{text}");
        assert!(!text.contains("step_length"), "{text}");
    }
}
