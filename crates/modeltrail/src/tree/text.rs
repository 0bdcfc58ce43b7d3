//! The trees for people.

use super::{Edge, Family, Tree};
use crate::text::{counted, unread};
use std::collections::BTreeSet;

/// Copies that are named.
const NAMED: usize = 3;

impl std::fmt::Display for Tree {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (families, alone): (Vec<&Family>, Vec<&Family>) = self
            .families
            .iter()
            .partition(|family| family.models.len() > 1);
        let mut parts = Vec::new();
        for (number, family) in families.iter().enumerate() {
            parts.push(self.family(number + 1, family));
        }
        if !alone.is_empty() {
            let models = alone.iter().flat_map(|family| &family.models);
            let names: Vec<String> = models
                .map(|model| format!("  {}", labelled(&model.name, &model.copies)))
                .collect();
            parts.push(format!(
                "related to no other: {}\n{}",
                counted(names.len(), "model"),
                names.join("\n")
            ));
        }
        let mut notes: Vec<String> = unread(&self.coverage).into_iter().collect();
        let all = || families.iter().flat_map(|family| &family.edges);
        if all().any(|edge| !edge.is_directed) {
            notes.push("Where it says \"or the other way\", the weights do not say which of the two was first.".to_owned());
        }
        if families.iter().any(|family| family.from_sketches) {
            notes.push("From sketches: distances within a standard error of 2.2 %.".to_owned());
        }
        if !notes.is_empty() {
            parts.push(notes.join("\n"));
        }
        formatter.write_str(&parts.join("\n\n"))
    }
}

impl Tree {
    fn family(&self, number: usize, family: &Family) -> String {
        let mut lines = vec![format!(
            "family {number}: {}",
            counted(family.models.len(), "model")
        )];
        let children: BTreeSet<usize> = family.edges.iter().map(|edge| edge.to).collect();
        let roots = (0..family.models.len()).filter(|node| !children.contains(node));
        let mut shown = BTreeSet::new();
        for root in roots {
            below(family, root, 0, None, &mut shown, &mut lines);
        }
        lines.join("\n")
    }
}

/// A model and what was made of it. A merge stands below each of its parents, and what was made of it below
/// the first.
fn below(
    family: &Family,
    node: usize,
    depth: usize,
    edge: Option<&Edge>,
    shown: &mut BTreeSet<usize>,
    lines: &mut Vec<String>,
) {
    let Some(model) = family.models.get(node) else {
        return;
    };
    let how = edge.map_or(String::new(), described);
    let name = labelled(&model.name, &model.copies);
    lines.push(format!("{}{name}{how}", "  ".repeat(depth + 1)));
    if !shown.insert(node) {
        return;
    }
    for edge in family.edges.iter().filter(|edge| edge.from == node) {
        below(family, edge.to, depth + 1, Some(edge), shown, lines);
    }
}

fn labelled(name: &str, copies: &[String]) -> String {
    match copies {
        [] => name.to_owned(),
        several => {
            let named: Vec<&str> = several.iter().take(NAMED).map(String::as_str).collect();
            let more = several.len().saturating_sub(NAMED);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            format!("{name} (the same bits: {}{more})", named.join(", "))
        }
    }
}

fn described(edge: &Edge) -> String {
    let share = edge.share.map_or(String::new(), |share| {
        format!(", {:.0} % of it", 100.0 * share)
    });
    let sure = if edge.is_directed {
        format!("{:.0} %", 100.0 * edge.confidence)
    } else {
        format!("{:.0} %, or the other way", 100.0 * edge.confidence)
    };
    format!(
        "  ← {}{share} (distance {:.3}; direction {sure})",
        edge.made.detail, edge.relative
    )
}
