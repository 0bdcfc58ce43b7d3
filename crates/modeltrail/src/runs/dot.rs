//! The answer as a Graphviz graph: one cluster a run, an arrow from each checkpoint to the next.

use super::answer::{CollectionRuns, Runs};
use crate::printable::printable;
use crate::runs::origins::Origin;
use std::fmt::Write;
use trajectory::ordering::Direction;

impl CollectionRuns {
    /// Runs, orders and forks as Graphviz DOT.
    pub fn to_dot(&self) -> String {
        graph(&self.groups)
    }
}

fn graph(found: &[Runs]) -> String {
    let mut text = String::from("digraph modeltrail {\n  rankdir=LR;\n  node [shape=box];\n");
    for (group, found) in found.iter().enumerate() {
        for (index, run) in found.runs.iter().enumerate() {
            let label = match &run.claimed {
                Some(claimed) => format!("run {} ({claimed})", index + 1),
                None => format!("run {}", index + 1),
            };
            let _ = writeln!(text, "  subgraph cluster_{group}_{index} {{");
            let _ = writeln!(text, "    label={};", quoted(&label));
            for place in &run.places {
                let colour = match place.contradictions.is_empty() {
                    true => "",
                    false => ", color=red",
                };
                let node = node(group, place.member);
                let _ = writeln!(text, "    {node} [label={}{colour}];", quoted(place.name()));
            }
            let arrows = match run.direction {
                Direction::Forward => "",
                Direction::Undirected => ", dir=none",
            };
            for pair in run.places.windows(2) {
                let [here, there] = pair else { continue };
                let (from, to) = (node(group, here.member), node(group, there.member));
                let sure = 100.0 * here.next.unwrap_or_default();
                let _ = writeln!(text, "    {from} -> {to} [label=\"{sure:.0} %\"{arrows}];");
            }
            text.push_str("  }\n");
        }
        for (run, origin) in found.runs.iter().zip(&found.origins) {
            if let (Origin::Fork(fork), Some(first)) = (origin, run.places.first()) {
                let (from, to) = (node(group, fork.after_member), node(group, first.member));
                let _ = writeln!(text, "  {from} -> {to} [style=dashed, label=\"fork\"];");
            }
        }
    }
    text.push_str("}\n");
    text
}

fn node(group: usize, member: usize) -> String {
    format!("c{group}_{member}")
}

/// A string as DOT wants it, on one line.
fn quoted(text: &str) -> String {
    let text = printable(text);
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_in_names_are_escaped() {
        assert_eq!(quoted(r#"a\"b"#), r#""a\\\"b""#);
    }
}
