//! The evidence for an event of a training, in words and numbers.

use crate::text::{counted, few};
use checkpoint_store::TensorShape;
use trajectory::shift::Verdict;

/// Most tensors that are named.
const MOST_NAMES: usize = 4;

/// What a verdict rests on: tensors that froze, and how the step compares with its forecast.
pub(crate) fn of(verdict: &Verdict, layout: &[TensorShape]) -> Vec<String> {
    let mut evidence = Vec::new();
    if !verdict.frozen.is_empty() {
        let names = verdict.frozen.iter();
        let names: Vec<&str> = names
            .filter_map(|&number| layout.get(number))
            .map(|tensor| tensor.name.as_str())
            .collect();
        evidence.push(format!(
            "{} of {} did not move: {}",
            counted(names.len(), "tensor"),
            layout.len(),
            few(names.iter().copied(), MOST_NAMES)
        ));
    }
    if let (Some(ratios), Some(_)) = (verdict.ratios, verdict.scores) {
        evidence.push(format!(
            "step {} x its forecast, turn {} x, {:.1} standard deviations",
            rounded(ratios.step),
            rounded(ratios.turn),
            verdict.score
        ));
    }
    evidence
}

fn rounded(ratio: f64) -> String {
    match ratio {
        ratio if ratio >= 10.0 => format!("{ratio:.0}"),
        ratio => format!("{ratio:.2}"),
    }
}
