//! What is said of layers that were found in another arrangement.

use super::{number, verdict_of_none};
use crate::lineage::Lineage;
use crate::lineage::rearranged::Arrangement;
use crate::lineage::verdict::Grounds;
use crate::printable::printable;
use crate::text::{counted, p_short, p_value, table, unread};
use weightspace::relation::rearranged::{By, Stream};

/// Layers that are shown.
const SHOWN: usize = 12;

/// The answer where a checkpoint of other shapes is the best there is.
pub(super) fn page(found: &Lineage, apart: &Arrangement) -> String {
    let suspect = &found.suspect.name;
    let name = &apart.name;
    let mut lines = match apart.grounds() {
        Some(_) => vec![format!(
            "RELATED IN PART: {suspect} has layers in common with {name}, whose tensors have other shapes or \
             names"
        )],
        None => vec![verdict_of_none(found, apart)],
    };
    lines.extend(unread(&found.coverage));
    lines.extend(sure(apart));
    lines.push(String::new());
    lines.push(layers(apart));
    lines.push(String::new());
    if apart.grounds().is_some() {
        lines
            .push("Weights do not say which of two was first: it may be the older one.".to_owned());
    }
    for other in &found.rest.others {
        lines.push(format!(
            "Not compared tensor by tensor: {} ({}; {:.0} % of the suspect's weights in common).",
            counted(other.checkpoints, "checkpoint"),
            other.example,
            100.0 * other.share,
        ));
    }
    lines.join("\n").trim_end().to_owned()
}

/// How sure it is, and on what grounds.
pub(super) fn sure(found: &Arrangement) -> Vec<String> {
    let looked_at = format!(
        "times {} looked at and 100 for other arrangements",
        counted(found.looked_at, "checkpoint")
    );
    let layers = counted(found.held.layers.len(), "layer");
    let stream = match found.held.stream {
        None => String::new(),
        Some(Stream::InPlace) => ", the residual stream in its place".to_owned(),
        Some(Stream::Renumbered { moved, of }) => format!(
            ", after {moved} of {of} dimensions of the residual stream were put back, which embeddings alone \
             decided"
        ),
        Some(Stream::Turned) => {
            ", after the residual stream was turned back, which embeddings alone decided".to_owned()
        }
    };
    let first = match found.grounds() {
        Some((Grounds::Rearranged, ln_p)) => format!(
            "{} if it were trained independently: exact, by the order of hidden units in {layers}{stream}; \
             {looked_at}",
            p_value(ln_p)
        ),
        Some((_, ln_p)) => format!(
            "{} if it were trained independently: approximate, by units in {layers} that were matched by a part \
             of their weights, and are alike in the rest, at a mean cosine of {}{stream}; {looked_at}",
            p_value(ln_p),
            number(found.held.similarity)
        ),
        None => format!(
            "{} if it were trained independently: exact, by the order of hidden units in {layers}{stream}; \
             {looked_at}",
            p_value(found.ln_exact.unwrap_or(0.0))
        ),
    };
    vec![first]
}

/// A row for each layer.
pub(super) fn layers(found: &Arrangement) -> String {
    let all = &found.held.layers;
    let mut rows: Vec<[String; 6]> = all
        .iter()
        .take(SHOWN)
        .map(|layer| {
            let by = match layer.by {
                By::Order => "order",
                By::Weights => "weights",
            };
            [
                printable(&layer.layer),
                printable(&layer.of),
                by.to_owned(),
                format!("{} of {}", layer.found[0], layer.found[1]),
                number(layer.similarity),
                p_short(layer.ln_p),
            ]
        })
        .collect();
    if all.len() > SHOWN {
        let mut row = [const { String::new() }; 6];
        if let Some(first) = row.first_mut() {
            *first = format!("… {} more", all.len() - SHOWN);
        }
        rows.push(row);
    }
    let titles = [
        "layer",
        "is held against",
        "by",
        "units found",
        "mean cosine",
        "p alone",
    ];
    table(titles, rows)
}
