//! The answer for people.

use super::GroupRuns;
use crate::collection::{Group, Member, PositionClaim, Space, Unit, printable};
use crate::runs::gaps::Gap;
use crate::runs::origins::Origin;
use crate::runs::{Answer, Count, FEWEST_FOR_EDGES, Place, Run};
use crate::text::{counted, thousands};
use std::collections::BTreeMap;
use std::fmt::Write;
use trajectory::ordering::Direction;
use trajectory::runs::Verdict;
use weightspace::sketch::relative_error;

/// Longer runs are shown by their ends, and what is marked.
const SHOWN: usize = 40;
/// So many at each end.
const AT_ENDS: usize = 3;

/// Most names in a list that is not the answer itself.
const NAMED: usize = 3;
/// Most gaps of a run.
const GAPS: usize = 6;

/// Everything that was found, group by group.
pub(crate) fn page(found: &[GroupRuns], all: bool) -> String {
    let first = found.first();
    let parts = found.iter().enumerate().map(|(index, found)| {
        let mut text = String::new();
        if index > 0 {
            let _ = writeln!(text, "another architecture{}:", contrast(found, first));
        }
        let _ = writeln!(text, "{}", heading(&found.group));
        if let [member] = found.group.members.as_slice() {
            let _ = write!(text, "  {}: nothing to compare it with", member.name);
            return text;
        }
        let _ = writeln!(text, "{}", count(&found.answer));
        for (index, run) in found.answer.runs.iter().enumerate() {
            let _ = write!(text, "\n{}", section(index, run, found, all));
        }
        text.trim_end().to_owned()
    });
    parts.collect::<Vec<_>>().join("\n\n")
}

/// In what the tensors differ from those of the first group, if most are the same.
fn contrast(found: &GroupRuns, first: Option<&GroupRuns>) -> String {
    let layout = |found: &GroupRuns| -> BTreeMap<String, Vec<u64>> {
        let tensors = found.group.layout.iter();
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

pub(crate) fn heading(group: &Group) -> String {
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

pub(crate) fn count(answer: &Answer) -> String {
    let branches = match answer.branches {
        0 => String::new(),
        1 => "; their tree branches: 1 run more that left another".to_owned(),
        more => format!("; their tree branches: {more} runs more that left others"),
    };
    match &answer.count {
        Count::Given => format!("{}, as given", counted(answer.runs.len(), "run")),
        Count::TooFew(1) => {
            "one distinct checkpoint: there is nothing to compare it with".to_owned()
        }
        Count::TooFew(distinct) => format!(
            "{distinct} distinct checkpoints are too few to tell runs apart (6 are needed): taken for one run"
        ),
        Count::Found(runs) if runs.verdict == Verdict::Separated => format!(
            "{} runs, told by the weights: they lie {:.1} times farther apart than any step within \
             one{branches}",
            runs.count, runs.gap
        ),
        Count::Found(_) if answer.branches > 0 => {
            format!("no gap in the distances tells runs apart{branches}")
        }
        Count::Found(_) => {
            "no gap in the distances tells runs apart: taken for one run (several that share a \
             start, or overlap, would look so too; --runs N if you know)"
                .to_owned()
        }
    }
}

fn section(index: usize, run: &Run, found: &GroupRuns, all: bool) -> String {
    let mut text = format!("run {}", index + 1);
    if let Some(claimed) = &run.claimed {
        let _ = write!(text, " (claimed: {claimed})");
    }
    let _ = writeln!(text, ": {}", counted(run.places.len(), "checkpoint"));
    for line in order(run, &found.group.members) {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(origin) = origin(index, found) {
        let _ = writeln!(text, "  {origin}");
    }
    text.push_str(&columns(&rows(run, &found.group.members, all)));
    text
}

/// The places of a run: name, claims, how sure the next is, notes. Long runs by their ends, and what
/// is marked, if not `all` are asked for.
pub(crate) fn rows(run: &Run, members: &[Member], all: bool) -> Vec<[String; 4]> {
    let mut rows = Vec::new();
    let mut hidden = 0;
    for (at, place) in run.places.iter().enumerate() {
        let at_end = at < AT_ENDS || at + AT_ENDS >= run.places.len();
        let is_marked = !place.contradictions.is_empty() || !place.copies.is_empty();
        if all || run.places.len() <= SHOWN || at_end || is_marked {
            rows.extend(skipped(&mut hidden));
            rows.extend(row(place, members));
        } else {
            hidden += 1;
        }
    }
    rows
}

/// The gaps of a run, the first few of many.
pub(crate) fn gaps(run: &Run, members: &[Member]) -> Vec<String> {
    let name = |place: usize| {
        let member = members.get(run.places.get(place)?.member)?;
        Some(member.name.as_str())
    };
    let told = run.gaps.iter().map(|gap| match gap {
        Gap::LongStep { after, .. } => {
            let after = name(*after).unwrap_or_default();
            format!("gap after {after}: {gap}")
        }
        Gap::Claimed { .. } | Gap::Continues { .. } => format!("gap: {gap}"),
    });
    let mut lines: Vec<String> = told.take(GAPS).collect();
    let more = run.gaps.len() - lines.len();
    if more > 0 {
        lines.push(format!("{more} more gaps"));
    }
    lines
}

/// What all checkpoints of a run claim, if all do, in one unit, and rising along the order.
pub(crate) fn claimed_positions(run: &Run, members: &[Member]) -> Option<(Unit, Vec<u64>)> {
    let claims = run.places.iter().map(|place| {
        let claims = &members.get(place.member)?.claims;
        claims.position
    });
    let claims: Vec<PositionClaim> = claims.collect::<Option<_>>()?;
    let unit = claims.first()?.unit;
    let rises = |pair: &[PositionClaim]| match pair {
        [before, after] => before.value < after.value,
        _ => false,
    };
    let is_usable = claims.iter().all(|claim| claim.unit == unit) && claims.windows(2).all(rises);
    is_usable.then(|| (unit, claims.iter().map(|claim| claim.value).collect()))
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

fn row(place: &Place, members: &[Member]) -> Option<[String; 4]> {
    let member = members.get(place.member)?;
    let position = member
        .claims
        .position
        .map(|claim| format!("{} {}", claim.unit.name(), claim.value));
    let next = place.next.map(sureness);
    let mut notes: Vec<String> = place
        .contradictions
        .iter()
        .map(|found| format!("! {found}"))
        .collect();
    let copies = place.copies.iter().filter_map(|&copy| members.get(copy));
    let copies = listed(copies.map(|member| member.name.clone()).collect());
    notes.extend(copies.map(|copies| format!("= {copies} (bit-identical)")));
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    Some([
        member.name.clone(),
        or_dash(position),
        next.unwrap_or_default(),
        notes.join("; "),
    ])
}

/// What is said of the order as a whole, line by line.
pub(crate) fn order(run: &Run, members: &[Member]) -> Vec<String> {
    match run.places.len() {
        0 | 1 => return Vec::new(),
        2 => return vec!["two checkpoints have no order that weights could tell".to_owned()],
        _ => {}
    }
    let agreement = run.agreement;
    let agrees = match (agreement.claimed, agreement.in_order) {
        (0 | 1, _) => "from the weights; no steps are claimed to hold it against".to_owned(),
        (claimed, kept) if claimed == kept => format!("from the weights; all {kept} as claimed"),
        (claimed, kept) if agreement.is_contradicted() => {
            format!("from the weights; ! only {kept} of {claimed} claimed steps fit it")
        }
        (claimed, kept) => format!("from the weights; {kept} of {claimed} as claimed"),
    };
    let sure = format!("{:.1} %", 100.0 * run.confidence);
    let direction = match (run.direction, agreement.is_turned) {
        (Direction::Forward, false) => {
            format!("told by the weights ({sure} sure)")
        }
        (Direction::Forward, true) => {
            format!("as claimed; the weights alone would have it the other way round ({sure} sure)")
        }
        (Direction::Undirected, _) if agreement.claimed > 1 => {
            "as claimed; the weights alone do not tell".to_owned()
        }
        (Direction::Undirected, _) => "not told: the last may be the first".to_owned(),
    };
    let mut lines = vec![
        format!("order: {agrees}"),
        format!("direction: {direction}"),
    ];
    if run.places.len() < FEWEST_FOR_EDGES {
        lines.push("too few to say how sure the order is".to_owned());
    }
    if !run.mixed.is_empty() {
        let mixed = run.mixed.iter();
        let mixed: Vec<String> = mixed
            .map(|(name, count)| format!("{name} ({count})"))
            .collect();
        lines.push(format!(
            "claimed runs {} are not told apart: one may have forked from another",
            mixed.join(", ")
        ));
    }
    lines.extend(gaps(run, members));
    lines
}

/// Where a run came from, if it is related to another.
pub(crate) fn origin(index: usize, found: &GroupRuns) -> Option<String> {
    let name = |member: usize| Some(found.group.members.get(member)?.name.as_str());
    match found.answer.origins.get(index)? {
        Origin::Root => None,
        Origin::Fork(fork) => {
            let run = fork.parent + 1;
            let (first, last) = fork.between;
            let parent = found.answer.runs.get(fork.parent)?;
            let is_end = parent.places.last()?.member == fork.after;
            Some(if fork.is_certain && is_end {
                format!("goes on where run {run} ends, after {}", name(fork.after)?)
            } else if fork.is_certain {
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
pub(crate) fn sureness(probability: f64) -> String {
    if probability > 0.99 {
        ">99 %".to_owned()
    } else {
        format!("{:.0} %", 100.0 * probability)
    }
}

/// The rows below their titles: names and notes to the left, the rest to the right.
fn columns(rows: &[[String; 4]]) -> String {
    let titles = ["checkpoint", "claims", "sure of next", ""].map(str::to_owned);
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
