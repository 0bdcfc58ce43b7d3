//! What is there at all: families, and in them runs, pairs and single checkpoints.

use super::answer::{Count, Place, Run, Runs};
use super::family::{Apart, Family};
use super::origins::Origin;
use super::text::{beside, contrast, heading, only_one, section};
use crate::text::{Shown, counted, laid_out, p_value, thousands};
use std::fmt::Write;
use trajectory::families::{CERTAINLY_APART, LINE};
use trajectory::runs::{FEWEST_CHECKPOINTS, Verdict};

/// Most pairs and single checkpoints that are listed, if not all are asked for.
const LISTED: usize = 40;

/// What there is of each kind.
#[derive(Default)]
struct Counts {
    families: usize,
    checkpoints: usize,
    runs: usize,
    pairs: usize,
    singles: usize,
    forks: usize,
}

impl Counts {
    fn of<'a>(found: impl IntoIterator<Item = &'a Runs>) -> Self {
        let mut counts = Self::default();
        for found in found {
            counts.checkpoints += found.described.checkpoints;
            counts.families += found.families.len();
            let is_fork = |origin: &&Origin| matches!(origin, Origin::Fork(_));
            counts.forks += found.origins.iter().filter(is_fork).count();
            for family in &found.families {
                match family.checkpoints {
                    1 => counts.singles += 1,
                    2 => counts.pairs += 1,
                    _ => counts.runs += family.runs.len(),
                }
            }
        }
        counts
    }

    fn sentence(&self) -> String {
        let families = match self.families {
            1 => "of 1 family".to_owned(),
            more => format!("of {} families", thousands(more as u64)),
        };
        let kinds = [
            (self.runs, "run"),
            (self.pairs, "pair"),
            (self.singles, "single checkpoint"),
            (self.forks, "fork"),
        ];
        let kinds = kinds.iter().filter(|(count, _)| *count > 0);
        let kinds: Vec<String> = kinds.map(|&(count, what)| counted(count, what)).collect();
        format!(
            "{} {families}: {}",
            counted(self.checkpoints, "checkpoint"),
            kinds.join(", ")
        )
    }
}

/// The answer as one sentence: how many there are of each.
pub(crate) fn sentence<'a>(found: impl IntoIterator<Item = &'a Runs>) -> String {
    Counts::of(found).sentence()
}

/// Everything that was found, group by group.
pub(super) fn page(found: &[Runs], shown: Shown<'_>) -> String {
    let first = found.first();
    let parts = found.iter().enumerate().map(|(index, found)| {
        let mut text = String::new();
        if index > 0 {
            let _ = writeln!(text, "another architecture{}:", contrast(found, first));
        }
        let _ = writeln!(text, "{}", heading(&found.described));
        if let Some(name) = only_one(found) {
            let _ = write!(text, "  {name}: nothing to compare it with");
            return text;
        }
        for line in told(found, shown) {
            let _ = writeln!(text, "{line}");
        }
        for part in sections(found, shown) {
            let _ = write!(text, "\n{part}");
        }
        text.trim_end().to_owned()
    });
    let parts: Vec<String> = parts.collect();
    format!("{}\n{}", sentence(found), parts.join("\n\n"))
}

/// Runs one by one, then pairs, single checkpoints, and what stands beside.
fn sections(found: &Runs, shown: Shown<'_>) -> Vec<String> {
    let is_of_few = |family: &&Family| family.checkpoints < 3;
    let mut parts = Vec::new();
    for family in found.families.iter().filter(|family| !is_of_few(family)) {
        let runs = family.runs.clone();
        let runs = runs.filter_map(|index| Some((index, found.runs.get(index)?)));
        parts.extend(runs.map(|(index, run)| section(index, run, found, shown)));
    }
    let few = || found.families.iter().filter(is_of_few);
    let of = |size: usize| few().filter(move |family| family.checkpoints == size);
    let run = |family: &Family| found.runs.get(family.runs.start);
    let pairs: Vec<[String; 4]> = of(2)
        .filter_map(|family| pair(family, run(family)?))
        .collect();
    let titles = [
        "checkpoint",
        "related to",
        "relative distance",
        "if independent",
    ];
    parts.extend(listed(
        "pairs (two checkpoints are too few to infer an order from)",
        titles,
        pairs,
        shown,
    ));
    let singles: Vec<[String; 3]> = of(1)
        .filter_map(|family| single(family, run(family)?))
        .collect();
    let titles = ["checkpoint", "the nearest is", "relative distance"];
    parts.extend(listed(
        "single checkpoints, related to none of the others",
        titles,
        singles,
        shown,
    ));
    parts.extend(beside(found, shown));
    parts.extend(findings(found, shown));
    parts
}

/// What an audit finds.
fn findings(found: &Runs, shown: Shown<'_>) -> Option<String> {
    let most = if shown.all { usize::MAX } else { LISTED };
    let all = found.findings();
    all.first()?;
    let mut text = "found by an audit of the claimed steps:\n".to_owned();
    for finding in all.iter().take(most) {
        let _ = writeln!(text, "  ! {}", finding.of_run());
    }
    let more = all.len().saturating_sub(most);
    if more > 0 {
        let _ = writeln!(text, "  {}", shown.more(more));
    }
    Some(text)
}

/// A table under its title; none without rows.
fn listed<const N: usize>(
    title: &str,
    titles: [&str; N],
    mut rows: Vec<[String; N]>,
    shown: Shown<'_>,
) -> Option<String> {
    let most = if shown.all { usize::MAX } else { LISTED };
    let more = rows.len().saturating_sub(most);
    rows.truncate(most);
    if rows.is_empty() {
        return None;
    }
    let mut text = format!("{title}:\n");
    for line in laid_out(titles, rows, 2..N).lines() {
        let _ = writeln!(text, "  {line}");
    }
    if more > 0 {
        let _ = writeln!(text, "  {}", shown.more(more));
    }
    Some(text)
}

fn pair(family: &Family, run: &Run) -> Option<[String; 4]> {
    let [a, b] = run.places.as_slice() else {
        return None;
    };
    let distance = family.weakest.as_ref().map(|apart| apart.relative_distance);
    Some([
        named(a),
        named(b),
        distance.map(relative).unwrap_or_default(),
        family.ln_p.map(p_value).unwrap_or_default(),
    ])
}

fn single(family: &Family, run: &Run) -> Option<[String; 3]> {
    let own = run.places.first()?;
    let nearest = family.nearest.as_ref();
    let name = |apart: &Apart| {
        let mut names = apart.between.iter();
        names.find(|name| *name != own.name()).cloned()
    };
    Some([
        named(own),
        nearest.and_then(name).unwrap_or_else(|| "–".to_owned()),
        nearest.map_or_else(|| "–".to_owned(), |apart| relative(apart.relative_distance)),
    ])
}

/// A checkpoint and its copies.
fn named(place: &Place) -> String {
    let copies: Vec<&str> = place.copies().collect();
    match copies.as_slice() {
        [] => place.name().to_owned(),
        [copy] => format!("{} (= {copy})", place.name()),
        [copy, more @ ..] => format!("{} (= {copy} and {} more)", place.name(), more.len()),
    }
}

/// A relative distance: two places, and one digit at least of small ones.
fn relative(distance: f64) -> String {
    if distance == 0.0 || distance >= 0.01 {
        format!("{distance:.2}")
    } else {
        format!("{distance:.0e}")
    }
}

/// What tells families apart, and the runs of each: lines.
pub(crate) fn told(found: &Runs, shown: Shown<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if let [family] = found.families.as_slice()
        && let Count::TooFew(1) = family.count
    {
        return vec![one_distinct(found)];
    }
    lines.extend(kinship(found));
    let is_given = |family: &Family| family.count == Count::Given;
    if found.families.iter().any(is_given) {
        lines.push(format!("{}, as given.", counted(found.runs.len(), "run")));
    }
    let told = found
        .families
        .iter()
        .filter(|family| family.checkpoints > 2);
    for family in told {
        let which = match found.families.len() {
            1 => String::new(),
            _ => format!("{}: ", runs_of(family)),
        };
        lines.extend(separation(family).map(|line| format!("{which}{line}")));
    }
    let is_short = |family: &&Family| {
        let count = family.checkpoints;
        matches!(family.count, Count::TooFew(_)) && count > 2
    };
    if found.families.iter().any(|family| is_short(&family)) {
        lines.push(format!(
            "Caveat: a family of {} distinct checkpoints or fewer is treated as one run: that is too few to \
             tell several runs apart.",
            2 * FEWEST_CHECKPOINTS - 1
        ));
    }
    let is_one = |family: &Family| {
        let is_unclear =
            matches!(&family.count, Count::Found(found) if found.verdict == Verdict::NoGap);
        is_unclear && family.runs.len() == 1
    };
    if found.families.iter().any(is_one) {
        let ask = shown
            .ask_for_runs
            .map(|ask| format!(" If you know the number of runs, give it: {ask}."));
        lines.push(format!(
            "Caveat: a family without a gap or a branch is treated as one run. Several runs that share a \
             start and overlap look the same.{}",
            ask.unwrap_or_default()
        ));
    }
    lines
}

/// How the runs of a family are called.
fn runs_of(family: &Family) -> String {
    let (first, last) = (family.runs.start + 1, family.runs.end);
    match family.runs.len() {
        1 => format!("run {first}"),
        _ => format!("runs {first} to {last}"),
    }
}

fn one_distinct(found: &Runs) -> String {
    let part = match found.described.not_compared.is_empty() {
        true => "",
        false => " in all that both have",
    };
    let all = match found.described.checkpoints {
        2 => "both".to_owned(),
        more => format!("all {}", thousands(more as u64)),
    };
    format!("One distinct checkpoint: the weights of {all} are the same, bit for bit{part}.")
}

/// How far apart the families are, and how closely each is linked.
fn kinship(found: &Runs) -> Vec<String> {
    let links = found
        .families
        .iter()
        .filter_map(|family| family.weakest.as_ref());
    let weakest = links.max_by(|a, b| a.relative_distance.total_cmp(&b.relative_distance));
    let between = found
        .families
        .iter()
        .filter_map(|family| family.nearest.as_ref());
    let nearest = between.min_by(|a, b| a.relative_distance.total_cmp(&b.relative_distance));
    let scale = format!(
        "Scale: 0 means no difference, and models that were trained independently lie near 1. Below \
         {LINE}, two checkpoints count as related."
    );
    // Of what was not read nothing is known.
    let part = match found.coverage.is_complete() {
        true => "",
        false => " in what could be read",
    };
    let mut lines = Vec::new();
    match (weakest, nearest) {
        (Some(weakest), None) => {
            let p = found.families.first().and_then(|family| family.ln_p);
            let p = p.map(|p| {
                format!(
                    " ({} for the weakest link, if its two ends were trained independently)",
                    p_value(p)
                )
            });
            lines.push(format!(
                "Evidence: all checkpoints are related{part}: each is linked to another by a relative \
                 distance of {} or less{}.",
                relative(weakest.relative_distance),
                p.unwrap_or_default()
            ));
            lines.push(scale);
        }
        (weakest, Some(nearest)) => {
            let within = weakest.map(|weakest| {
                let distance = relative(weakest.relative_distance);
                format!("{distance} or less along the links within a family, and ")
            });
            lines.push(format!(
                "Evidence: relative distances{part} are {}{} or more between families.",
                within.unwrap_or_default(),
                relative(nearest.relative_distance)
            ));
            lines.push(scale);
        }
        (None, None) => {}
    }
    if let Some(near) = nearest.filter(|near| near.relative_distance < CERTAINLY_APART) {
        let [a, b] = &near.between;
        lines.push(format!(
            "Caveat: it is unclear whether {a} and {b} are related. Distances between {LINE} and \
             {CERTAINLY_APART} occur in one run of which few checkpoints are left, and between small \
             networks that were trained independently on the same data."
        ));
    }
    lines
}

/// How the runs of a family were told apart; nothing to say of a single run.
fn separation(family: &Family) -> Option<String> {
    let branches = match family.branches {
        0 => String::new(),
        1 => {
            "the minimum spanning tree branches once, where one run forked from another".to_owned()
        }
        more => format!(
            "the minimum spanning tree branches {more} times, where runs forked from others"
        ),
    };
    let with = |text: String| match family.branches {
        0 => format!("{text}."),
        _ => format!("{text}; {branches}."),
    };
    match &family.count {
        Count::Given | Count::TooFew(_) => None,
        Count::Found(runs) if runs.verdict == Verdict::Separated && family.joined > 0 => {
            Some(with(format!(
                "{}: the weights alone show {} parts, which are {:.1} times farther apart than any step \
                 within one, and some of these parts continue others",
                counted(family.runs.len(), "run"),
                family.runs.len() + family.joined,
                runs.gap
            )))
        }
        Count::Found(runs) if runs.verdict == Verdict::Separated => Some(with(format!(
            "{}, which are {:.1} times farther apart than any step within a run",
            counted(runs.count, "run"),
            runs.gap
        ))),
        Count::Found(_) if family.branches > 0 => {
            Some(with("no gap in the distances separates runs".to_owned()))
        }
        Count::Found(_) => None,
    }
}
