//! The answer for people.

use super::answer::{CollectionRuns, Described, Place, Run, Runs};
use super::family::Family;
use super::options::FEWEST_FOR_EDGES;
use super::overview;
use crate::collection::{Space, Taken};
use crate::coverage::NotCompared;
use crate::printable::printable;
use crate::runs::gaps::Gap;
use crate::runs::origins::Origin;
use crate::text::{Shown, counted, fitted, thousands, width};
use std::collections::BTreeMap;
use std::fmt::Write;
use trajectory::ordering::Direction;

/// Longer runs are shown by their ends, and what is marked.
const LONG: usize = 40;
/// So many at each end.
const AT_ENDS: usize = 3;

/// Most names in a list that is not the answer itself.
const NAMED: usize = 3;
/// Most gaps of a run.
const GAPS: usize = 6;
/// Most events of a run that are shown.
const EVENTS: usize = 5;
/// Most checkpoints that are named beside the runs.
const BESIDE: usize = 8;

impl CollectionRuns {
    /// The answer for people.
    pub fn to_text(&self, shown: Shown<'_>) -> String {
        overview::page(&self.groups, shown)
    }
}

impl std::fmt::Display for CollectionRuns {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.to_text(Shown::default()))
    }
}

impl std::fmt::Display for Runs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&overview::page(
            std::slice::from_ref(self),
            Shown::default(),
        ))
    }
}

/// The name of the only checkpoint, if there is one.
pub(crate) fn only_one(found: &Runs) -> Option<&str> {
    let only = (found.described.checkpoints == 1).then(|| found.runs.first());
    Some(only??.places.first()?.name())
}

/// In what the tensors differ from those of the first group, if most are the same.
pub(super) fn contrast(found: &Runs, first: Option<&Runs>) -> String {
    let layout = |found: &Runs| -> BTreeMap<String, Vec<u64>> {
        let tensors = found.described.layout.iter();
        tensors
            .map(|tensor| (printable(&tensor.name), tensor.shape.clone()))
            .collect()
    };
    let (Some(first), own) = (first.map(layout), layout(found)) else {
        return String::new();
    };
    let same = own.keys().filter(|&name| first.contains_key(name)).count();
    if 2 * same < own.len().max(first.len()) {
        return String::new();
    }
    let missing = first.keys().filter(|&name| !own.contains_key(name));
    let extra = own.keys().filter(|&name| !first.contains_key(name));
    let reshaped = own
        .iter()
        .filter(|&(name, shape)| first.get(name).is_some_and(|other| other != shape));
    let mut parts = Vec::new();
    parts.extend(listed(missing.cloned().collect()).map(|names| format!("without {names}")));
    parts.extend(listed(extra.cloned().collect()).map(|names| format!("with {names}")));
    let reshaped = reshaped.map(|(name, shape)| format!("{name} {shape:?}"));
    parts.extend(listed(reshaped.collect()).map(|names| format!("with {names}")));
    format!(" ({})", parts.join("; "))
}

/// The first few of some names; none if there are none.
fn listed(names: Vec<String>) -> Option<String> {
    let more = names.len().saturating_sub(NAMED);
    let mut text = names.get(..names.len() - more)?.join(", ");
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    (!text.is_empty()).then_some(text)
}

/// What was compared, and how.
pub(crate) fn heading(group: &Described) -> String {
    let how = match group.space {
        Space::Weights => "compared exactly".to_owned(),
        Space::Sketches => format!(
            "compared by sketches (distances to {:.1} %)",
            100.0 * group.distance_error()
        ),
    };
    let each = if group.checkpoints > 1 { " each" } else { "" };
    let mut lines = vec![format!(
        "{} with {} weights in {}{each}, {how}",
        counted(group.checkpoints, "checkpoint"),
        thousands(group.parameters()),
        counted(group.layout.len(), "tensor")
    )];
    lines.extend(group.taken.iter().map(taken));
    lines.extend(not_compared(&group.not_compared));
    lines.join("\n")
}

/// How some were taken into a group.
fn taken(taken: &Taken) -> String {
    let more = match taken.checkpoints {
        0 | 1 => taken.example.clone(),
        several => format!(
            "{} ({} and others)",
            counted(several, "checkpoint"),
            taken.example
        ),
    };
    let how = taken.mapping.sentences("the others", "these");
    format!(
        "treated as the same architecture: {more}: {}",
        how.join("; ")
    )
}

/// What not all have.
fn not_compared(all: &[NotCompared]) -> Option<String> {
    let names = all.iter().map(|one| {
        format!(
            "{} of {} ({})",
            printable(&one.tensor),
            counted(one.checkpoints, "checkpoint"),
            one.example
        )
    });
    let names = listed(names.collect())?;
    Some(format!(
        "not compared, since not all have it in the same shape: {names}"
    ))
}

pub(super) fn section(index: usize, run: &Run, found: &Runs, shown: Shown<'_>) -> String {
    let mut text = format!("run {}", index + 1);
    let has_several = |family: &Family| family.runs.len() > 1;
    if found.families.len() > 1 && found.families.iter().any(has_several) {
        let family = found
            .families
            .iter()
            .position(|family| family.runs.contains(&index));
        let _ = write!(text, " of family {}", family.unwrap_or(0) + 1);
    }
    if let Some(claimed) = &run.claimed {
        let _ = write!(text, " (claimed: {})", printable(claimed));
    }
    let _ = writeln!(text, ": {}", counted(run.places.len(), "checkpoint"));
    for line in order(run) {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(origin) = origin(index, found) {
        let _ = writeln!(text, "  {origin}");
    }
    let is_part = !found.described.not_compared.is_empty();
    text.push_str(&columns(rows(run, is_part, shown)));
    text
}

/// What stands beside the runs, if anything does: the first few, if not all are asked for.
pub(crate) fn beside(found: &Runs, shown: Shown<'_>) -> Option<String> {
    let first = found.beside.first()?;
    let most = if shown.all { usize::MAX } else { BESIDE };
    let mut text = match (found.beside.len(), first.claim()) {
        (1, _) => "beside the runs, and in no order:\n".to_owned(),
        (count, _) => format!(
            "beside the runs, and in no order: {}\n",
            counted(count, "checkpoint")
        ),
    };
    for one in found.beside.iter().take(most) {
        let claim = one.claim().map(|claim| format!(": {claim}"));
        let _ = write!(text, "  {}{}", one.name(), claim.unwrap_or_default());
        if let Some(copies) = listed(one.copies().map(str::to_owned).collect()) {
            let _ = write!(text, "; = {copies} (the same weights)");
        }
        if let Some(nearest) = one.nearest() {
            let _ = write!(
                text,
                "; nearest is {}, at distance {:.4}",
                nearest.name, nearest.distance
            );
        }
        text.push('\n');
    }
    let more = found.beside.len().saturating_sub(most);
    if more > 0 {
        let _ = writeln!(text, "  {}", shown.more(more));
    }
    Some(text)
}

/// The places of a run: name, claims, how sure the next is, notes. Long runs by their ends, and what
/// is marked, if not all are asked for. `is_part`: whether some have tensors that others do not have.
pub(crate) fn rows(run: &Run, is_part: bool, shown: Shown<'_>) -> Vec<[String; 4]> {
    let mut rows = Vec::new();
    let mut hidden = 0;
    for (at, place) in run.places.iter().enumerate() {
        let at_end = at < AT_ENDS || at + AT_ENDS >= run.places.len();
        let is_marked = !place.contradictions.is_empty() || !place.copies.is_empty();
        if shown.all || run.places.len() <= LONG || at_end || is_marked {
            rows.extend(hidden_row(&mut hidden, shown));
            rows.push(row(place, is_part));
        } else {
            hidden += 1;
        }
    }
    rows
}

/// The gaps of a run, the first few of many.
pub(crate) fn gaps(run: &Run) -> Vec<String> {
    let name = |place: usize| run.places.get(place).map(Place::name);
    let shown = run.gaps.iter().map(|gap| match gap {
        Gap::LongStep { after, .. } => {
            let after = name(*after).unwrap_or_default();
            format!("gap after {after}: {gap}")
        }
        Gap::Claimed { .. } | Gap::Continues { .. } => format!("gap: {gap}"),
    });
    let mut lines: Vec<String> = shown.take(GAPS).collect();
    let more = run.gaps.len() - lines.len();
    if more > 0 {
        lines.push(format!("{more} more gaps"));
    }
    lines
}

/// A row for those that are not shown, if any are not.
fn hidden_row(hidden: &mut usize, shown: Shown<'_>) -> Option<[String; 4]> {
    let count = std::mem::take(hidden);
    let row = [
        shown.more(count),
        String::new(),
        String::new(),
        String::new(),
    ];
    (count > 0).then_some(row)
}

fn row(place: &Place, is_part: bool) -> [String; 4] {
    let position = place
        .claims()
        .position
        .map(|claim| format!("{} {}", claim.unit.name(), claim.value));
    let next = place.next.map(sureness);
    let mut notes: Vec<String> = place
        .contradictions
        .iter()
        .map(|found| format!("! {found}"))
        .collect();
    let copies = place.copies.iter().map(|copy| match copy.aside {
        Some(claim) => format!("{}, {}", copy.name, claim.value.description()),
        None => copy.name.clone(),
    });
    let copies = listed(copies.collect());
    let part = if is_part {
        " in all that both have"
    } else {
        ""
    };
    notes.extend(copies.map(|copies| format!("= {copies} (the same weights{part})")));
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    [
        place.name().to_owned(),
        or_dash(position),
        next.unwrap_or_default(),
        notes.join("; "),
    ]
}

/// What is said of the order as a whole, line by line.
pub(crate) fn order(run: &Run) -> Vec<String> {
    match run.places.len() {
        0 | 1 => return Vec::new(),
        2 => return vec!["two checkpoints are too few to infer an order from weights".to_owned()],
        _ => {}
    }
    if !run.is_ordered {
        let mut lines = vec![
            "order: the weights show none. All checkpoints are about equally far from each other, like models \
             that were trained separately from one start. The list is a shortest path through them"
                .to_owned(),
        ];
        lines.extend(gaps(run));
        return lines;
    }
    let agreement = run.agreement;
    let agrees = match (agreement.claimed, agreement.in_order) {
        (0 | 1, _) => match run.claimed_alike() {
            Some(claim) => format!(
                "inferred from the weights; all claim {} {}, which is no order",
                claim.unit.name(),
                claim.value
            ),
            None => "inferred from the weights; no claimed steps to compare it with".to_owned(),
        },
        (claimed, kept) if claimed == kept => {
            format!("inferred from the weights; all {kept} as claimed")
        }
        (claimed, kept) if agreement.is_contradicted() => {
            format!("inferred from the weights; ! only {kept} of {claimed} claimed steps agree")
        }
        (claimed, kept) => format!("inferred from the weights; {kept} of {claimed} as claimed"),
    };
    let sure = format!("{:.1} %", 100.0 * run.confidence);
    let direction = match (run.direction, agreement.is_turned) {
        (Direction::Forward, false) => format!("inferred from the weights ({sure} sure)"),
        (Direction::Forward, true) => {
            format!("as claimed; the weights alone suggest the opposite ({sure} sure)")
        }
        (Direction::Undirected, _) if agreement.claimed > 1 => {
            "as claimed; the weights alone do not show it".to_owned()
        }
        (Direction::Undirected, _) => "unknown: the last checkpoint may be the first".to_owned(),
    };
    let mut lines = vec![
        format!("order: {agrees}"),
        format!("direction: {direction}"),
    ];
    if run.places.len() < FEWEST_FOR_EDGES {
        lines.push("too few checkpoints to say how sure the order is".to_owned());
    }
    if !run.mixed.is_empty() {
        let mixed = run.mixed.iter();
        let mixed: Vec<String> = mixed
            .map(|(name, count)| format!("{} ({count})", printable(name)))
            .collect();
        lines.push(format!(
            "the weights do not separate the claimed runs {}: one may have forked from another",
            mixed.join(", ")
        ));
    }
    lines.extend(gaps(run));
    lines.extend(events(run));
    lines
}

/// What happened along a run, the first few of much.
pub(crate) fn events(run: &Run) -> Vec<String> {
    let shown = run.events.iter().take(EVENTS);
    let mut lines: Vec<String> = shown
        .map(|event| format!("event at {}: {event}", event.name))
        .collect();
    let more = run.events.len() - lines.len();
    if more > 0 {
        lines.push(format!("{} more", counted(more, "event")));
    }
    lines
}

/// The same without evidence, where there is little room.
pub(crate) fn short_events(run: &Run) -> Vec<String> {
    let shown = run.events.iter().take(EVENTS);
    let shown = shown.map(|event| format!("{} at {}", event.cause.description(), event.name));
    let more = run.events.len().saturating_sub(EVENTS);
    let more = (more > 0).then(|| format!("{} more", counted(more, "event")));
    shown.chain(more).collect()
}

/// Where a run came from, if it is related to another.
pub(crate) fn origin(index: usize, found: &Runs) -> Option<String> {
    match found.origins.get(index)? {
        Origin::Root => None,
        Origin::Fork(fork) => {
            let run = fork.parent + 1;
            let (first, last) = &fork.between;
            let parent = found.runs.get(fork.parent)?;
            let is_end = parent.places.last()?.member == fork.after_member;
            Some(if fork.is_certain && is_end {
                format!("continues run {run}, after {}", fork.after)
            } else if fork.is_certain {
                format!("forked from run {run} after {}", fork.after)
            } else {
                format!("related to run {run}: it may have forked between {first} and {last}")
            })
        }
        Origin::Siblings(others) => {
            let others: Vec<String> = others.iter().map(|other| (other + 1).to_string()).collect();
            Some(format!(
                "related to run {}: their common start is not among the checkpoints",
                others.join(", ")
            ))
        }
    }
}

/// A probability that is never shown as certain.
pub(crate) fn sureness(probability: f64) -> String {
    if probability > 0.99 {
        ">99 %".to_owned()
    } else {
        format!("{:.0} %", 100.0 * probability)
    }
}

/// The rows below their titles: names and notes to the left, the rest to the right.
fn columns(rows: Vec<[String; 4]>) -> String {
    let titles = ["checkpoint", "claims", "sure of next", ""];
    let rows = fitted(titles, rows, &(1..3), width().saturating_sub(2));
    let titles = titles.map(str::to_owned);
    let lines = std::iter::once(&titles).chain(&rows);
    let widest = |column: usize| {
        let cells = lines.clone().filter_map(move |row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let [name, claims, next] = [0, 1, 2].map(widest);
    let mut text = String::new();
    for row in lines.clone() {
        let [a, b, c, d] = row;
        let line = format!("  {a:name$}  {b:>claims$}  {c:>next$}  {d}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
