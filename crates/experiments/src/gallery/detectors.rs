//! Our detector, and what it is held against.

use super::followed::{SKETCHES, Signal};
use trajectory::shift::{Threshold, Verdict};

/// Something that raises an alarm.
#[derive(Clone, Copy)]
pub(super) enum Detector {
    /// Ours, by the weights.
    Ours,
    /// Ours, by sketches: which of [`SKETCHES`].
    Sketched(usize),
    /// That of version 0.1.
    Fixed,
    /// |ln(step length ÷ usual)| over a threshold.
    StepLength(f64),
    /// |ln(value ÷ usual)| over a threshold, of what a trainer logs: loss, norm of the gradient, update
    /// ÷ weights.
    Logged(usize, f64),
    /// Every checkpoint.
    Always,
}

/// What a trainer logs.
const LOGGED: [&str; 3] = ["training loss", "gradient norm", "update ÷ weights"];

impl Detector {
    /// All of them; thresholds such that of these undisturbed checkpoints a share of one in 200 is over
    /// them.
    pub(super) fn all(undisturbed: &[&Signal]) -> Vec<Self> {
        let threshold = |score: &dyn Fn(&Signal) -> f64| {
            let scores = undisturbed.iter().map(|signal| score(signal));
            let mut scores: Vec<f64> = scores.filter(|score| score.is_finite()).collect();
            scores.sort_unstable_by(|a, b| b.total_cmp(a));
            let allowed = (Threshold::DEFAULT_FALSE_ALARM_RATE * scores.len() as f64) as usize;
            scores.get(allowed).copied().unwrap_or(f64::INFINITY)
        };
        let mut all = vec![Self::Ours];
        all.extend((0..SKETCHES.len()).map(Self::Sketched));
        all.push(Self::Fixed);
        all.push(Self::StepLength(threshold(&step_length)));
        for kind in 0..LOGGED.len() {
            let score = |signal: &Signal| signal.logged[kind].abs();
            all.push(Self::Logged(kind, threshold(&score)));
        }
        all.push(Self::Always);
        all
    }

    pub(super) fn name(self) -> String {
        match self {
            Self::Ours => "ours".to_owned(),
            Self::Sketched(which) => format!("ours, sketches of {}", SKETCHES[which]),
            Self::Fixed => "version 0.1".to_owned(),
            Self::StepLength(_) => "step length".to_owned(),
            Self::Logged(kind, _) => LOGGED[kind].to_owned(),
            Self::Always => "always".to_owned(),
        }
    }

    pub(super) fn alarm(self, signal: &Signal) -> bool {
        let of = |verdict: &Verdict| verdict.alarm;
        match self {
            Self::Ours => of(&signal.ours),
            Self::Sketched(which) => signal.sketched[which].as_ref().is_some_and(of),
            Self::Fixed => signal.fixed.score > 0.0,
            Self::StepLength(threshold) => step_length(signal) > threshold,
            Self::Logged(kind, threshold) => signal.logged[kind].abs() > threshold,
            Self::Always => true,
        }
    }
}

fn step_length(signal: &Signal) -> f64 {
    signal.fixed.step.abs()
}
