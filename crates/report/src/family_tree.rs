//! A family tree of models: one line a model, children below and to the right of their parents.

use std::fmt::Write as _;

use crate::svg::{escape, number, text_width};

/// Height of a line, width of a generation, font size, margin, in pixels.
const LINE: f64 = 22.0;
const STEP: f64 = 28.0;
const FONT: f64 = 12.0;
const MARGIN: f64 = 16.0;

/// A model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
}

/// A parent and a child, by their places among the models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The parent.
    pub from: usize,
    /// The child.
    pub to: usize,
    /// How the child was made.
    pub label: String,
    /// Whether it is known which of the two is the parent: the line is dashed if not.
    pub is_directed: bool,
}

/// The picture, as SVG. Of a child with several parents the line leads to the first that has a place before
/// it; the others are joined by curves. Links to nodes that are not there are skipped.
#[must_use]
pub fn family_tree(nodes: &[Node], links: &[Link]) -> String {
    let links: Vec<&Link> = links
        .iter()
        .filter(|link| link.from < nodes.len() && link.to < nodes.len() && link.from != link.to)
        .collect();
    let placed = places(nodes.len(), &links);
    let at = |node: usize| {
        let (depth, line, _) = placed[node];
        (
            MARGIN + STEP * depth as f64,
            MARGIN + LINE * (line as f64 + 0.5),
        )
    };
    let mut body = String::new();
    let mut right: f64 = 0.0;
    for (place, link) in links.iter().enumerate() {
        let ((x, y), (to_x, to_y)) = (at(link.from), at(link.to));
        let dash = if link.is_directed {
            ""
        } else {
            " stroke-dasharray=\"3 3\""
        };
        let is_main = placed[link.to].2 == Some(place);
        let path = if is_main {
            format!(
                "M{} {}V{}H{}",
                number(x),
                number(y + 5.0),
                number(to_y),
                number(to_x - 5.0)
            )
        } else {
            let bend = to_x.min(x) - STEP * 0.6;
            format!(
                "M{} {}C{} {} {} {} {} {}",
                number(x - 4.0),
                number(y),
                number(bend),
                number(y),
                number(bend),
                number(to_y),
                number(to_x - 5.0),
                number(to_y)
            )
        };
        let _ = write!(
            body,
            "<path d=\"{path}\" fill=\"none\" stroke=\"#888\"{dash}/>"
        );
    }
    for (place, node) in nodes.iter().enumerate() {
        let (x, y) = at(place);
        let _ = write!(
            body,
            "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"#3366aa\"/>",
            number(x),
            number(y)
        );
        let labels: Vec<&str> = links
            .iter()
            .filter(|link| link.to == place)
            .map(|link| link.label.as_str())
            .collect();
        let mut labels = labels;
        labels.dedup();
        let label = labels.join(", ");
        let _ = write!(
            body,
            "<text x=\"{}\" y=\"{}\">{}<tspan fill=\"#777\" dx=\"8\">{}</tspan></text>",
            number(x + 9.0),
            number(y + 4.0),
            escape(&node.name),
            escape(&label)
        );
        right = right.max(x + 30.0 + text_width(&node.name, FONT) + text_width(&label, FONT));
    }
    let (width, height) = (right + MARGIN, 2.0 * MARGIN + LINE * nodes.len() as f64);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
         font-family=\"Helvetica,Arial,sans-serif\" font-size=\"{FONT}\"><rect width=\"{w}\" height=\"{h}\" \
         fill=\"#fff\"/>{body}</svg>\n",
        w = number(width),
        h = number(height),
    )
}

/// Of each node its generation, its line, and the link that it hangs from.
fn places(count: usize, links: &[&Link]) -> Vec<(usize, usize, Option<usize>)> {
    let mut placed: Vec<Option<(usize, usize, Option<usize>)>> = vec![None; count];
    let mut line = 0;
    let mut walk = |start: usize, placed: &mut Vec<Option<(usize, usize, Option<usize>)>>| {
        let mut open = vec![(start, 0, None)];
        while let Some((node, depth, from)) = open.pop() {
            if placed[node].is_some() {
                continue;
            }
            placed[node] = Some((depth, line, from));
            line += 1;
            let below = links
                .iter()
                .enumerate()
                .rev()
                .filter(|(_, link)| link.from == node);
            open.extend(below.map(|(place, link)| (link.to, depth + 1, Some(place))));
        }
    };
    for node in 0..count {
        if !links.iter().any(|link| link.to == node) {
            walk(node, &mut placed);
        }
    }
    // What is left goes round in a circle.
    for node in 0..count {
        walk(node, &mut placed);
    }
    placed.into_iter().map(Option::unwrap_or_default).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(from: usize, to: usize, is_directed: bool) -> Link {
        Link {
            from,
            to,
            label: "made <of> it".to_owned(),
            is_directed,
        }
    }

    #[test]
    fn children_stand_below_and_to_the_right_and_text_is_escaped() {
        let nodes = ["base", "a & b", "merge"].map(|name| Node {
            name: name.to_owned(),
        });
        let links = [
            link(0, 1, true),
            link(0, 2, false),
            link(1, 2, true),
            link(1, 9, true),
        ];
        let svg = family_tree(&nodes, &links);
        assert!(svg.contains("a &amp; b") && svg.contains("made &lt;of&gt; it"));
        assert_eq!(svg.matches("<path").count(), 3);
        assert_eq!(svg.matches("stroke-dasharray").count(), 1);
        let placed = places(3, &links[..3].iter().collect::<Vec<_>>());
        assert_eq!(placed, [(0, 0, None), (1, 1, Some(0)), (2, 2, Some(2))]);
    }

    #[test]
    fn circles_and_nothing_are_drawn_too() {
        let nodes = ["a", "b"].map(|name| Node {
            name: name.to_owned(),
        });
        assert!(family_tree(&nodes, &[link(0, 1, true), link(1, 0, true)]).contains("circle"));
        assert!(family_tree(&[], &[]).starts_with("<svg"));
    }
}
