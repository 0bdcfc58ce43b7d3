//! Runs, and their checkpoints one by one.

use crate::printable::printable;
use crate::runs::{Place, Run, Runs, text};
use crate::text::{Shown, counted};
use report::html::Block;
use report::table::{Column, Table};
use trajectory::ordering::Direction;

/// Most runs in a table.
pub(super) const MOST_RUNS: usize = 500;
/// Runs whose checkpoints are listed: the first, and those with something to look at.
const FIRST_RUNS: usize = 12;
const MOST_LISTED: usize = 60;
/// Up to so many runs the lists are not folded up.
const FEW_RUNS: usize = 3;

/// Up to so many runs the table stands open.
const MOST_OPEN: usize = 20;

/// A row a run: all of a few; of many those with something to look at, and the rest folded up.
pub(super) fn runs(found: &Runs) -> Vec<Block> {
    let all: Vec<(usize, &Run)> = found.runs.iter().enumerate().collect();
    let shown = all.get(..MOST_RUNS.min(all.len())).unwrap_or(&all);
    let missing = super::shown_of(shown.len(), all.len(), "run");
    let whole = table(shown, found, &missing);
    if all.len() <= MOST_OPEN {
        return vec![whole];
    }
    let marked = all.iter().filter(|(_, run)| is_marked(run)).copied();
    let marked: Vec<(usize, &Run)> = marked.collect();
    let listed = marked.get(..MOST_LISTED.min(marked.len()));
    let listed = listed.unwrap_or(&marked);
    let mut blocks = Vec::new();
    if listed.is_empty() {
        let text = "No run contradicts what is claimed, and none has a gap.";
        blocks.push(Block::Text(text.to_owned()));
    } else {
        let missing = super::shown_of(listed.len(), marked.len(), "run");
        blocks.push(table(
            listed,
            found,
            &format!(" These have something to look at.{missing}"),
        ));
    }
    blocks.push(Block::Folded {
        title: format!("All {}", counted(all.len(), "run")),
        blocks: vec![whole],
    });
    blocks
}

fn is_marked(run: &Run) -> bool {
    run.has_contradictions() || !run.gaps.is_empty() || !run.events.is_empty()
}

fn table(runs: &[(usize, &Run)], found: &Runs, more: &str) -> Block {
    let rows = runs.iter();
    Block::Table(Table {
        caption: format!(
            "Runs, the largest first. Path: the sum of all steps. Detour: path ÷ distance from the \
             first to the last checkpoint.{more}"
        ),
        columns: vec![
            Column::text("run"),
            Column::number("", "checkpoints"),
            Column::text("order"),
            Column::text("direction"),
            Column::number("", "path"),
            Column::number("", "detour"),
            Column::text("came from"),
            Column::text("to look at"),
        ],
        rows: rows.map(|&(index, run)| row(index, run, found)).collect(),
    })
}

fn row(index: usize, run: &Run, found: &Runs) -> Vec<String> {
    let agreement = run.agreement;
    let order = match (run.places.len(), agreement.claimed, agreement.in_order) {
        (0..=2, _, _) => "–".to_owned(),
        (_, 0 | 1, _) => "nothing claimed".to_owned(),
        (_, claimed, kept) if claimed == kept => format!("all {kept} as claimed"),
        (_, claimed, kept) => format!("{kept} of {claimed} as claimed"),
    };
    let sure = 100.0 * run.confidence;
    let direction = match (run.direction, agreement.is_turned) {
        _ if run.places.len() < 3 => "–".to_owned(),
        (Direction::Forward, false) => format!("inferred from the weights ({sure:.1} %)"),
        (Direction::Forward, true) => format!("as claimed; steps grow ({sure:.1} %)"),
        (Direction::Undirected, _) if agreement.claimed > 1 => "as claimed".to_owned(),
        (Direction::Undirected, _) => "unknown".to_owned(),
    };
    let marked = |place: &&Place| !place.contradictions.is_empty();
    let mut look = Vec::new();
    let contradictions = run.places.iter().filter(marked).count();
    if contradictions > 0 || run.has_contradictions() {
        look.push(format!("{} contradicted", contradictions.max(1)));
    }
    look.extend(text::gaps(run));
    look.extend(text::short_events(run));
    let number = |value: f64, decimals: usize| match value.is_finite() && run.places.len() > 1 {
        true => format!("{value:.decimals$}"),
        false => "–".to_owned(),
    };
    let path = run.geometry.path_length.last().copied();
    vec![
        super::run_name(index, run),
        run.places.len().to_string(),
        order,
        direction,
        number(path.unwrap_or(f64::NAN), 3),
        number(run.geometry.tortuosity(), 2),
        text::origin(index, found).unwrap_or_default(),
        look.join("; "),
    ]
}

/// The checkpoints of runs, folded up but for the first and those with something to look at.
pub(super) fn checkpoints(found: &Runs) -> Vec<Block> {
    let all = &found.runs;
    let is_part = !found.described.not_compared.is_empty();
    let listed: Vec<(usize, &Run)> = all
        .iter()
        .enumerate()
        .filter(|(index, run)| *index < FIRST_RUNS || is_marked(run))
        .take(MOST_LISTED)
        .collect();
    let mut blocks = Vec::new();
    let missing = super::shown_of(listed.len(), all.len(), "run");
    if !missing.is_empty() {
        let text =
            format!("Listed are the first runs and those with something to look at.{missing}");
        blocks.push(Block::Text(text));
    }
    for (index, run) in listed {
        let title = super::run_name(index, run);
        let lines = text::order(run);
        let mut parts: Vec<String> = lines.iter().map(|line| super::sentence(line)).collect();
        parts.extend(text::origin(index, found).map(|text| super::sentence(&text)));
        let text = Block::Text(parts.join(" "));
        if all.len() <= FEW_RUNS {
            blocks.extend([text, list(run, &title, is_part)]);
        } else {
            blocks.push(Block::Folded {
                title: match is_marked(run) {
                    true => format!("{title}: to look at"),
                    false => title,
                },
                blocks: vec![text, list(run, "", is_part)],
            });
        }
    }
    blocks.extend(beside(found));
    blocks
}

/// What stands beside the runs: averages, and copies of checkpoints that are not there.
fn beside(found: &Runs) -> Option<Block> {
    let shown = found.beside.get(..MOST_LISTED.min(found.beside.len()))?;
    let missing = super::shown_of(shown.len(), found.beside.len(), "checkpoint");
    let rows = shown.iter().map(|one| {
        let claim = one.claim().map(|claim| claim.to_string());
        let nearest = one.nearest();
        vec![
            printable(one.name()),
            claim.unwrap_or_default(),
            nearest
                .map(|near| printable(&near.name))
                .unwrap_or_default(),
            nearest
                .map(|near| format!("{:.4}", near.distance))
                .unwrap_or_default(),
        ]
    });
    (!shown.is_empty()).then(|| {
        Block::Table(Table {
            caption: format!("Beside the runs, and in no order.{missing}"),
            columns: vec![
                Column::text("checkpoint"),
                Column::text("what it is"),
                Column::text("nearest"),
                Column::number("", "distance"),
            ],
            rows: rows.collect(),
        })
    })
}

/// The places of a run as the text has them: long runs by their ends, and what is marked.
fn list(run: &Run, title: &str, is_part: bool) -> Block {
    let rows = text::rows(run, is_part, Shown::default());
    Block::Table(Table {
        caption: title.to_owned(),
        columns: vec![
            Column::text("checkpoint"),
            Column::number("", "claims"),
            Column::number("", "sure of next"),
            Column::text(""),
        ],
        rows: rows
            .into_iter()
            .map(|row| row.map(|cell| printable(&cell)).to_vec())
            .collect(),
    })
}
