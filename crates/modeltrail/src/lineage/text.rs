//! The answer for people.

use super::Lineage;
use crate::lineage::compared::Compared;
use crate::lineage::near::Near;
use crate::lineage::place::Place;
use crate::lineage::verdict::{Grounds, Relation};
use crate::printable::printable;
use crate::text::{counted, p_short, p_value, part, table, thousands, unread};
use std::fmt::Write;
use weightspace::sketch::{Parameters, relative_error};

mod arranged;

/// Copies, runs and tensors that are named.
const NAMED: usize = 5;

impl std::fmt::Display for Lineage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&page(self))
    }
}

fn page(found: &Lineage) -> String {
    let apart = found.apart.as_ref();
    let (best, rest) = match (found.compared.split_first(), apart) {
        (Some(split), _) if !found.is_related_apart() => split,
        (Some((best, _)), None) => (best, &[][..]),
        (None, None) => return String::new(),
        (_, Some(apart)) => return arranged::page(found, apart),
    };
    let mut lines = vec![verdict(found, best)];
    lines.extend(unread(&found.coverage));
    lines.extend(sure(found, best));
    if let Some(place) = &best.place {
        lines.extend(place_lines(best, place));
    }
    let mut text = lines.join("\n");
    text.push_str("\n\n");
    for line in rows(best).lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let mut notes = notes(found, best);
    for other in rest {
        notes.push(beside(found, other));
    }
    let is_rearranged = matches!(best.grounds, Grounds::Rearranged | Grounds::MatchedUnits);
    if let Some(arrangement) = best.rearranged.as_ref().filter(|_| is_rearranged) {
        let _ = write!(text, "\n{}\n", arranged::layers(arrangement));
    }
    if !notes.is_empty() {
        let _ = write!(text, "\n{}", notes.join("\n"));
    }
    text.trim_end().to_owned()
}

fn verdict(found: &Lineage, best: &Compared) -> String {
    let suspect = &found.suspect.name;
    let nearest = best.nearest();
    let name = nearest.map_or("", |near| best.name(near.member));
    match best.relation {
        Relation::Identical => {
            let names = best.copies.iter().take(NAMED);
            let names: Vec<&str> = names.map(|&member| best.name(member)).collect();
            let more = best.copies.len().saturating_sub(names.len());
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            format!(
                "IDENTICAL: the weights of {suspect} are, bit for bit, those of {}{more}",
                names.join(", ")
            )
        }
        Relation::Derived => {
            let hidden = match (best.is_aligned, best.grounds) {
                (true, _) => ", its units in another order",
                (false, Grounds::Rearranged | Grounds::MatchedUnits) => ", in another arrangement",
                (false, _) => "",
            };
            format!("RELATED: {suspect} is nearest to {name}{hidden}")
        }
        Relation::SharedStart => format!(
            "SAME START: {suspect} and {} have a start in common, and none of these is clearly nearer; \
             the nearest is {name}",
            counted(best.also_related.len() + 1, "run")
        ),
        Relation::CannotTell => format!(
            "CANNOT TELL: {} of {suspect} and {}; the nearest is {name}",
            match best.grounds {
                Grounds::Bits | Grounds::Threshold => {
                    "equal or near values are no relation where so little could be read"
                }
                Grounds::OrderOfUnits
                | Grounds::Rearranged
                | Grounds::MatchedUnits
                | Grounds::UnrelatedRuns => {
                    "no relation was found in the tensors that could be read"
                }
            },
            counted(best.candidates, "checkpoint")
        ),
        Relation::None => format!(
            "NO RELATION FOUND: {suspect} is as far from {} as an unrelated model; the nearest is {name}",
            counted(best.candidates, "checkpoint")
        ),
    }
}

/// That nothing was found with checkpoints of other shapes.
fn verdict_of_none(found: &Lineage, apart: &super::rearranged::Arrangement) -> String {
    let suspect = &found.suspect.name;
    let checkpoints = counted(apart.tried, "checkpoint");
    match found.relation() {
        Relation::CannotTell => format!(
            "CANNOT TELL: no relation was found in the tensors that could be read of {suspect} and {checkpoints} \
             of other shapes"
        ),
        _ => format!(
            "NO RELATION FOUND: no layer of {suspect} is one of {checkpoints} of other shapes; the least unlike \
             is {}",
            apart.name
        ),
    }
}

/// How sure it is, and on what grounds.
fn sure(found: &Lineage, best: &Compared) -> Vec<String> {
    let is_all_read = found.coverage.is_complete();
    let p = best.ln_p.map(p_value).unwrap_or_default();
    let first = match best.grounds {
        Grounds::Bits if best.relation == Relation::Identical => return Vec::new(),
        Grounds::Bits if best.is_part => format!(
            "all tensors that both have are the same bits: {} of the suspect's weights",
            part(shared_share(found, best))
        ),
        Grounds::Bits if !is_all_read => "all tensors that could be read are the same bits".to_owned(),
        Grounds::Bits => {
            "all weights are the same as f32, and some differ in further digits, or may differ".to_owned()
        }
        Grounds::OrderOfUnits => {
            let units: usize = best
                .units
                .iter()
                .flat_map(|units| &units.layers)
                .map(|layer| layer.units)
                .sum();
            format!(
                "{p} if it were trained independently: exact, by the order of {} in {}, times {} \
                 looked at",
                counted(units, "hidden unit"),
                counted(best.units.as_ref().map_or(0, |u| u.layers.len()), "layer"),
                counted(best.candidates, "checkpoint"),
            )
        }
        Grounds::Rearranged | Grounds::MatchedUnits => {
            return best.rearranged.iter().flat_map(arranged::sure).collect();
        }
        Grounds::UnrelatedRuns => format!(
            "{p} if it were unrelated: approximate, by {}, one of each unrelated run",
            counted(best.outlier.map_or(0, |found| found.unrelated), "distance")
        ),
        Grounds::Threshold if best.is_aligned => {
            "no p-value, which needs at least four unrelated runs: only that the distance fell to 0.3 or less \
             when the units were put back"
                .to_owned()
        }
        Grounds::Threshold => {
            "no p-value, which needs the weights or at least four unrelated runs: only whether it is nearer \
             than 0.65 of the distance of unrelated models"
                .to_owned()
        }
    };
    let mut lines = vec![first];
    if let (Some(outlier), true) = (best.outlier, best.grounds == Grounds::OrderOfUnits) {
        lines.push(format!(
            "against unrelated runs: {}, approximate ({} of them, at a mean of {} and a least of {} of the distance of unrelated models)",
            p_value(outlier.ln_p),
            outlier.unrelated,
            number(outlier.mean),
            number(outlier.least)
        ));
    }
    lines
}

fn place_lines(best: &Compared, place: &Place) -> Vec<String> {
    let Some(near) = best.nearest() else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    if near.distance > 0.0 {
        let steps = place.recent_step.map_or(String::new(), |step| {
            format!(
                ", {} recent steps of that run",
                number(near.distance / step)
            )
        });
        lines.push(format!(
            "distance since: {} of the weights{steps}",
            number(near.relative)
        ));
    }
    match (&place.fork, place.is_first && near.distance > 0.0) {
        (Some(fork), _) => {
            let (first, last) = (best.name(fork.between.0), best.name(fork.between.1));
            let between = if fork.between.0 == fork.between.1 {
                String::new()
            } else {
                format!(" (between {first} and {last})")
            };
            let certain = if fork.is_certain { "" } else { ", not certain" };
            lines.push(format!(
                "it left the run after {}{between}{certain}, or lies on it",
                best.name(fork.after)
            ));
        }
        (None, true) => lines.push(
            "the nearest is the first of its run: it may have left before, or come earlier"
                .to_owned(),
        ),
        (None, false) => {}
    }
    lines
}

fn rows(best: &Compared) -> String {
    let rows = best.rows.iter().map(|row| {
        let Near {
            member,
            run,
            relative,
            relative_to_unrelated,
            ..
        } = row.near;
        [
            best.name(member).to_owned(),
            (run + 1).to_string(),
            number(relative),
            number(relative_to_unrelated),
            row.ln_p.map_or("-".to_owned(), p_short),
        ]
    });
    let titles = ["nearest", "run", "distance ÷ ‖·‖", "÷ unrelated", "p"];
    table(titles, rows).to_string()
}

/// Share of the suspect's weights that were compared.
pub(super) fn shared_share(found: &Lineage, compared: &Compared) -> f64 {
    let all: usize = found
        .suspect
        .tensors
        .iter()
        .map(|(_, weights)| weights)
        .sum();
    compared.group.parameters() as f64 / all.max(1) as f64
}

/// The suspect's tensors that were not compared.
pub(super) fn not_compared<'a>(found: &'a Lineage, compared: &Compared) -> Vec<&'a str> {
    let layout = &compared.group.layout;
    let names = found.suspect.tensors.iter().map(|(name, _)| name.as_str());
    names
        .filter(|name| layout.iter().all(|tensor| tensor.name != *name))
        .collect()
}

fn notes(found: &Lineage, best: &Compared) -> Vec<String> {
    let mut notes = Vec::new();
    let missing = not_compared(found, best);
    if !missing.is_empty() {
        let names = missing.iter().take(NAMED).map(|name| printable(name));
        let names: Vec<String> = names.collect();
        let more = missing.len().saturating_sub(NAMED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        notes.push(format!(
            "Compared on {:.1} % of the suspect's weights; not in the others with the same shape: {}{more}.",
            100.0 * shared_share(found, best),
            names.join(", ")
        ));
    }
    if let Some(first) = best.group.not_compared.first() {
        let all = best.group.not_compared.iter();
        let names = all.clone().take(NAMED).map(|one| printable(&one.tensor));
        let names: Vec<String> = names.collect();
        let more = match best.group.not_compared.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        notes.push(format!(
            "The suspect lacks tensors that {} and others like it have: {}{more}.",
            first.example,
            names.join(", ")
        ));
    }
    for taken in &best.group.taken {
        let how = taken.mapping.sentences("the suspect", "these");
        notes.push(format!(
            "{} ({}{}): {}.",
            counted(taken.checkpoints, "checkpoint"),
            taken.example,
            if taken.checkpoints > 1 {
                " and others"
            } else {
                ""
            },
            how.join("; ")
        ));
    }
    notes.push(alignment(best));
    if !best.also_related.is_empty() {
        let runs: Vec<String> = best
            .also_related
            .iter()
            .take(NAMED)
            .map(|run| (run + 1).to_string())
            .collect();
        let more = best.also_related.len().saturating_sub(NAMED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        notes.push(format!(
            "Also related, by a start in common or as forks: run {}{more} ({} of {} others tested).",
            runs.join(", "),
            best.also_related.len(),
            best.tested
        ));
    }
    let is_placed = best.relation != Relation::Identical;
    if is_placed && best.place.as_ref().is_some_and(|place| !place.is_directed) {
        notes.push("The weights do not say which end of the nearest run is the first.".to_owned());
    }
    if best.is_sketched() {
        notes.push(format!(
            "From sketches: distances within a standard error of {:.1} %; forks and units are not looked for in them.",
            100.0 * relative_error(Parameters::default().dimensions)
        ));
    }
    if matches!(best.relation, Relation::Derived | Relation::SharedStart) {
        notes
            .push("Weights do not say which of two was first: it may be the older one.".to_owned());
    }
    for other in &found.rest.others {
        notes.push(format!(
            "Skipped: {} of another architecture ({}; {:.0} % of the suspect's weights in common{}).",
            counted(other.checkpoints, "checkpoint"),
            other.example,
            100.0 * other.share,
            if other.is_sketch { ", but only as sketches" } else { "" }
        ));
    }
    notes
}

fn alignment(best: &Compared) -> String {
    match &best.alignment {
        None if best.relation == Relation::Identical => {
            "Units were not aligned: no need.".to_owned()
        }
        None => {
            "Units were not aligned: that needs the weights of both, and a hidden layer.".to_owned()
        }
        Some(aligned) => {
            let tried = counted(best.alignments, "checkpoint");
            let with = best.name(aligned.member);
            let before = best.relative_to(aligned.member, aligned.before);
            let after = best.relative_to(aligned.member, aligned.after);
            let to = format!("distance {} falls to {}", number(before), number(after));
            let breaks = if aligned.breaks > 0 {
                format!(
                    "; {} could not be aligned",
                    counted(aligned.breaks, "tensor")
                )
            } else {
                String::new()
            };
            if best.is_aligned {
                format!(
                    "Units were aligned by weight matching (tried with {tried}): {} of {} moved to match {with}, {to}{breaks}. The table is of the aligned weights.",
                    thousands(aligned.moved as u64),
                    thousands(aligned.units as u64),
                )
            } else {
                format!(
                    "Units were aligned by weight matching (tried with {tried}), and that changes nothing: at best {} of {} move, {to}{breaks}. The table is of the weights as they are stored.",
                    thousands(aligned.moved as u64),
                    thousands(aligned.units as u64),
                )
            }
        }
    }
}

/// A group that is not the best.
fn beside(found: &Lineage, other: &Compared) -> String {
    let near = other.nearest();
    format!(
        "Also compared, on {:.1} % of the weights: {}, {}; the nearest, {}, is {} of the distance of unrelated models away.",
        100.0 * shared_share(found, other),
        counted(other.candidates, "checkpoint"),
        if other.is_related() {
            "related"
        } else {
            "no relation found"
        },
        near.map_or("", |near| other.name(near.member)),
        near.map_or(String::new(), |near| number(near.relative_to_unrelated)),
    )
}

/// Three significant digits.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if (1e-3..1e4).contains(&size) => {
            let places = (2 - size.log10().floor() as i32).clamp(0, 6);
            format!("{value:.*}", usize::try_from(places).unwrap_or(0))
        }
        _ => format!("{value:.2e}"),
    }
}
