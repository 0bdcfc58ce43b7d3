//! The orders for people.

use super::{Ordered, Orders};
use crate::printable::printable;
use crate::runs::Run;
use crate::runs::overview::told;
use crate::runs::scores::Scores;
use crate::runs::text::{beside, order, sureness};
use crate::text::{Shown, counted, estimate, table, thousands};
use std::fmt::Write;
use trajectory::scoring::{Estimate, OrderScores};

/// So many runs are shown, if not all are asked for.
const RUNS: usize = 6;
/// Longer runs are shown by their ends.
const LONG: usize = 40;
/// So many at each end.
const AT_ENDS: usize = 3;

impl Orders {
    /// The answer for people: all of it, or the first runs and the ends of long ones.
    pub fn to_text(&self, shown: Shown<'_>) -> String {
        page(self, shown)
    }
}

impl std::fmt::Display for Orders {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.to_text(Shown::default()))
    }
}

fn page(orders: &Orders, shown: Shown<'_>) -> String {
    let parts = orders.ordered().map(|ordered| {
        let mut text = format!("{}\n", orders.trained.heading(ordered.group));
        for line in told(ordered.answer, shown) {
            let _ = writeln!(text, "{line}");
        }
        if let Some(scores) = ordered.scores {
            let _ = write!(text, "\n{}\n", summary(scores));
        }
        let runs = &ordered.answer.runs;
        let most = if shown.all { runs.len() } else { RUNS };
        for (index, run) in runs.iter().enumerate().take(most) {
            let _ = write!(text, "\n{}", section(index, run, &ordered, shown));
        }
        if runs.len() > most {
            let more = counted(runs.len() - most, "more run");
            let _ = writeln!(text, "\n… {more}{}", shown.ask());
        }
        if let Some(beside) = beside(ordered.answer, shown) {
            let _ = write!(text, "\n{beside}");
        }
        text.trim_end().to_owned()
    });
    parts.collect::<Vec<_>>().join("\n\n")
}

fn summary(scores: &Scores) -> String {
    let or_dash = |estimated: &Estimate, decimals: usize| match estimated.value.is_finite() {
        true => estimate(estimated, decimals),
        false => "–".to_owned(),
    };
    let row = |method: &str, scores: &OrderScores| {
        [
            method.to_owned(),
            or_dash(&scores.initial, 2),
            or_dash(&scores.fraction_of_run, 3),
            or_dash(&scores.kendall_tau, 3),
        ]
    };
    let unit = scores.unit.name();
    let claimed = thousands(scores.claimed as u64);
    table(
        [
            format!("against {claimed} claimed {unit}s").as_str(),
            format!("ordered initial {unit}s").as_str(),
            format!("ordered {unit}s").as_str(),
            "Kendall τ",
        ],
        [
            row("this order", &scores.recommended),
            row("along the spanning tree", &scores.along_tree),
            row("by merge height (the paper's)", &scores.by_merge_height),
            row("random", &scores.random),
        ],
    )
}

fn section(index: usize, run: &Run, ordered: &Ordered<'_>, shown: Shown<'_>) -> String {
    let mut text = String::new();
    if ordered.answer.runs.len() > 1 {
        let _ = write!(text, "run {}", index + 1);
        if let Some(claimed) = &run.claimed {
            let _ = write!(text, " (claimed: {})", printable(claimed));
        }
        let _ = writeln!(text, ": {}", counted(run.places.len(), "checkpoint"));
    }
    for line in order(run) {
        let _ = writeln!(text, "  {line}");
    }
    let count = run.places.len();
    let is_shown = |at: usize| shown.all || count <= LONG || at < AT_ENDS || at + AT_ENDS >= count;
    let mut rows = Vec::new();
    let mut hidden = 0;
    for (at, place) in run.places.iter().enumerate() {
        if !is_shown(at) {
            hidden += 1;
            continue;
        }
        if hidden > 0 {
            rows.push([
                shown.more(hidden),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
            ]);
            hidden = 0;
        }
        let position = place.claims().position;
        let position = position.map(|claim| format!("{} {}", claim.unit.name(), claim.value));
        let step = run.geometry.step_length.get(at);
        rows.push([
            format!("  {}", place.name()),
            (at + 1).to_string(),
            position.unwrap_or_else(|| "–".to_owned()),
            step.map(|step| format!("{step:.4}")).unwrap_or_default(),
            place.next.map(sureness).unwrap_or_default(),
        ]);
    }
    let titles = [
        "  checkpoint",
        "place",
        "claims",
        "step to next",
        "sure of next",
    ];
    for line in table(titles, rows).lines() {
        let _ = writeln!(text, "{line}");
    }
    text
}
