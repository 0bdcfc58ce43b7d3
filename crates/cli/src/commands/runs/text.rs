//! The answer for people.

use super::Found;
use crate::collection::{Group, Member, Space};
use crate::commands::thousands;
use crate::runs::{Answer, Count, Place, Run};
use std::fmt::Write;
use trajectory::forks::Origin;
use trajectory::ordering::{DIRECTION_CONFIDENCE, Direction};
use trajectory::runs::Verdict;
use weightspace::sketch::relative_error;

/// Longer runs are shown by their ends, and what is marked.
const SHOWN: usize = 40;
/// So many at each end.
const AT_ENDS: usize = 3;

/// Everything that was found, group by group.
pub(super) fn page(found: &[Found], all: bool) -> String {
    let groups = found.len();
    let parts = found.iter().enumerate().map(|(index, found)| {
        let mut text = String::new();
        if groups > 1 {
            let _ = writeln!(text, "group {} of {groups}, by tensors", index + 1);
        }
        let _ = writeln!(text, "{}", heading(&found.group));
        let _ = writeln!(text, "{}", count(&found.answer));
        for (index, run) in found.answer.runs.iter().enumerate() {
            let _ = write!(text, "\n{}", section(index, run, found, all));
        }
        text.trim_end().to_owned()
    });
    parts.collect::<Vec<_>>().join("\n\n")
}

fn heading(group: &Group) -> String {
    let (count, tensors) = (group.members.len(), group.layout.len());
    let how = match group.space {
        Space::Weights => "compared exactly".to_owned(),
        Space::Sketches => format!(
            "compared by sketches (distances to {:.1} %)",
            100.0 * relative_error(group.points.nrows())
        ),
    };
    format!(
        "{}, {} weights in {}, {how}",
        counted(count, "checkpoint"),
        thousands(group.parameters()),
        counted(tensors, "tensor")
    )
}

fn count(answer: &Answer) -> String {
    match &answer.count {
        Count::Given => format!("{}, as given", counted(answer.runs.len(), "run")),
        Count::TooFew(1) => {
            "one distinct checkpoint: there is nothing to compare it with".to_owned()
        }
        Count::TooFew(distinct) => format!(
            "{distinct} distinct checkpoints are too few to tell runs apart (6 are needed): taken for one run"
        ),
        Count::Found(runs) if runs.verdict == Verdict::Separated => format!(
            "{} runs, told by the weights: they lie {:.1} times farther apart than any step within one",
            runs.count, runs.gap
        ),
        Count::Found(_) => {
            "no gap: the weights do not tell how many runs these are. They may be one, or \
             several that overlap or share a start; taken for one (--runs N if you know)"
                .to_owned()
        }
    }
}

fn section(index: usize, run: &Run, found: &Found, all: bool) -> String {
    let mut text = format!("run {}", index + 1);
    if let Some(claimed) = &run.claimed {
        let _ = write!(text, " (claimed: {claimed})");
    }
    let _ = writeln!(text, ": {}", counted(run.places.len(), "checkpoint"));
    if let Some(order) = order(run) {
        let _ = writeln!(text, "  {order}");
    }
    if let Some(origin) = origin(index, found) {
        let _ = writeln!(text, "  {origin}");
    }
    let members = &found.group.members;
    let mut rows = Vec::new();
    let mut hidden = 0;
    for (at, place) in run.places.iter().enumerate() {
        let at_end = at < AT_ENDS || at + AT_ENDS >= run.places.len();
        let is_marked = !place.contradictions.is_empty() || !place.copies.is_empty();
        if all || run.places.len() <= SHOWN || at_end || is_marked {
            rows.extend(skipped(&mut hidden));
            rows.extend(row(place, members, run.is_ordered()));
        } else {
            hidden += 1;
        }
    }
    text.push_str(&columns(&rows));
    text
}

fn skipped(hidden: &mut usize) -> Option<[String; 4]> {
    let count = std::mem::take(hidden);
    let row = [
        format!("… {count} more (--all)"),
        String::new(),
        String::new(),
        String::new(),
    ];
    (count > 0).then_some(row)
}

fn row(place: &Place, members: &[Member], is_ordered: bool) -> Option<[String; 4]> {
    let member = members.get(place.member)?;
    let position = member
        .claims
        .position
        .map(|claim| format!("{} {}", claim.unit.name(), claim.value));
    let next = place.next.filter(|_| is_ordered);
    let next = next.map(sureness);
    let mut notes: Vec<String> = place
        .contradictions
        .iter()
        .map(|found| format!("! {found}"))
        .collect();
    let copies = place.copies.iter().filter_map(|&copy| members.get(copy));
    let copies: Vec<&str> = copies.map(|member| member.name.as_str()).collect();
    if !copies.is_empty() {
        notes.push(format!("= {} (bit-identical)", copies.join(", ")));
    }
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    Some([
        member.name.clone(),
        or_dash(position),
        next.unwrap_or_default(),
        notes.join("; "),
    ])
}

/// What is said of the order as a whole.
fn order(run: &Run) -> Option<String> {
    if !run.is_ordered() {
        return (run.places.len() == 2)
            .then(|| "two checkpoints have no order that weights could tell".to_owned());
    }
    let agreement = run.agreement;
    let agrees = match (agreement.claimed, agreement.in_order) {
        (0 | 1, _) => String::new(),
        (claimed, kept) if claimed == kept && !agreement.backwards => ", as claimed".to_owned(),
        (claimed, kept) if agreement.backwards => {
            format!(", opposite to what {kept} of {claimed} claim")
        }
        (claimed, kept) if agreement.is_contradicted() => {
            format!(", ! only {kept} of {claimed} claims fit the order")
        }
        (claimed, kept) => format!(", {kept} of {claimed} as claimed"),
    };
    let direction = match run.direction {
        Direction::Forward => format!(
            "first to last ({:.1} % sure which end is first)",
            100.0 * run.confidence
        ),
        Direction::Undirected => format!(
            "in order, but which end is first the weights do not say (below {:.0} %)",
            100.0 * DIRECTION_CONFIDENCE
        ),
    };
    Some(format!("{direction}{agrees}"))
}

/// Where a run came from, if it is related to another.
fn origin(index: usize, found: &Found) -> Option<String> {
    let origin = found.answer.family.as_ref()?.origins().get(index)?;
    match origin {
        Origin::Root => None,
        Origin::Fork(fork) => {
            let parent = found.answer.runs.get(fork.parent)?;
            let name = |at: usize| {
                let place = parent.places.get(at)?;
                Some(found.group.members.get(place.member)?.name.as_str())
            };
            let (first, last) = fork.interval;
            let run = fork.parent + 1;
            Some(if fork.is_certain() {
                format!("forked from run {run} after {}", name(fork.after)?)
            } else {
                format!(
                    "related to run {run}: it may have forked between {} and {}",
                    name(first)?,
                    name(last)?
                )
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

/// A probability that is never told as certain.
fn sureness(probability: f64) -> String {
    if probability > 0.99 {
        ">99 %".to_owned()
    } else {
        format!("{:.0} %", 100.0 * probability)
    }
}

/// The rows below their titles: names and notes to the left, the rest to the right.
fn columns(rows: &[[String; 4]]) -> String {
    let titles = ["checkpoint", "claims", "next is next", ""].map(str::to_owned);
    let lines = std::iter::once(&titles).chain(rows);
    let width = |column: usize| {
        let cells = lines.clone().filter_map(move |row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let [name, claims, next] = [0, 1, 2].map(width);
    let mut text = String::new();
    for row in lines.clone() {
        let [a, b, c, d] = row;
        let line = format!("  {a:name$}  {b:>claims$}  {c:>next$}  {d}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
