//! What is said of a matching.

use super::matched::Mapping;
use super::names::Rule;
use super::recipe::Recipe;
use super::state::{How, Pair};
use crate::printable::printable;
use crate::text::counted;
use checkpoint_store::TensorShape;
use serde::Serialize;
use std::collections::HashSet;

/// Names that are given in a sentence.
const NAMED: usize = 4;

/// How the tensors of the second checkpoint were matched with those of the first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Said {
    /// What stands before the names in each.
    pub prefixes: Vec<Rule>,
    /// Tensors that have another name in the second, or are stored in another way there.
    pub tensors: Vec<Mapped>,
    /// Tensors of the second that are another of its own again, which was matched.
    pub tied: Vec<Tied>,
    /// Tensors that could be matched in several ways, and were not.
    pub ambiguous: Vec<Ambiguous>,
    /// Tensors of the first whose values are those of the second in another order of their numbers.
    pub reordered: Vec<String>,
}

/// A tensor, and what it is in the second checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mapped {
    /// Its name in the first checkpoint.
    pub a: String,
    /// Its name in the second, or the names of the tensors that it is made of.
    pub b: Vec<String>,
    /// By what it was matched.
    pub by: How,
    /// Whether its axes are stored in another order.
    pub transposed: bool,
    /// Rows in both, where the numbers differ: the first ones are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<[u64; 2]>,
}

/// A tensor that is stored twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tied {
    /// The tensor.
    pub tensor: String,
    /// The one that it is again.
    pub same_as: String,
}

/// A tensor that could be several of the other checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ambiguous {
    /// `a` or `b`.
    pub checkpoint: &'static str,
    /// Its name.
    pub tensor: String,
}

impl Said {
    pub(crate) fn of(mapping: &Mapping, a: &[TensorShape], b: &[TensorShape]) -> Self {
        let name = |tensors: &[TensorShape], place: usize| {
            tensors
                .get(place)
                .map_or(String::new(), |tensor| tensor.name.clone())
        };
        let rows = |pair: &Pair| {
            pair.rows?;
            let own = a.get(pair.a)?.shape.first()?;
            Some([*own, *b.get(pair.b.only()?)?.shape.first()?])
        };
        let is_other = |pair: &&Pair| {
            pair.how != How::Name || pair.rows.is_some() || pair.b.as_stored().is_none()
        };
        let names_of = |recipe: &Recipe| {
            let tensors = recipe.tensors().into_iter();
            tensors.map(|tensor| name(b, tensor)).collect()
        };
        let tensors = mapping.pairs.iter().filter(is_other).map(|pair| Mapped {
            a: name(a, pair.a),
            b: names_of(&pair.b),
            by: pair.how,
            transposed: pair.b.is_turned(),
            rows: rows(pair),
        });
        let ties = mapping.tied_b.iter().map(|&(tensor, same)| Tied {
            tensor: name(b, tensor),
            same_as: name(b, same),
        });
        let ambiguous = |checkpoint, tensors: &[TensorShape], places: &[usize]| {
            let places = places.iter();
            places
                .map(|&place| Ambiguous {
                    checkpoint,
                    tensor: name(tensors, place),
                })
                .collect::<Vec<_>>()
        };
        let mut unsure = ambiguous("a", a, &mapping.ambiguous_a);
        unsure.extend(ambiguous("b", b, &mapping.ambiguous_b));
        Self {
            prefixes: mapping.rules.clone(),
            tensors: tensors.collect(),
            tied: ties.collect(),
            ambiguous: unsure,
            reordered: mapping
                .reordered
                .iter()
                .map(|&place| name(a, place))
                .collect(),
        }
    }

    /// Of the first as it was matched with the second.
    pub(crate) fn turned(mut self) -> Self {
        for rule in &mut self.prefixes {
            std::mem::swap(&mut rule.a, &mut rule.b);
        }
        for mapped in &mut self.tensors {
            if let [only] = mapped.b.as_mut_slice() {
                std::mem::swap(&mut mapped.a, only);
            }
        }
        self
    }

    /// Whether nothing was mapped: every tensor has one name in both and is stored alike.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What was mapped, each kind in a sentence. `a` and `b` are what the two are called.
    pub(crate) fn sentences(&self, a: &str, b: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for rule in &self.prefixes {
            lines.push(of_rule(rule, a, b));
        }
        let by = |how: How| -> Vec<String> {
            let tensors = self.tensors.iter().filter(|tensor| tensor.by == how);
            tensors.map(Mapped::called).collect()
        };
        let once = format!("stored twice in {a}, with the same values, and once in {b}");
        let twice = format!("stored twice in {b}, with the same values, and once in {a}");
        lines.extend(list(&by(How::File), "called as the map says"));
        lines.extend(list(&by(How::Values), "matched by values"));
        lines.extend(list(
            &by(How::Beside),
            "matched as parts of a layer that was matched",
        ));
        lines.extend(list(&by(How::Place), "matched by shape and order alone"));
        lines.extend(list(
            &by(How::Parts),
            "stored together in one and apart in the other",
        ));
        lines.extend(list(&by(How::Tied), &once));
        let turned = self.tensors.iter().filter(|tensor| tensor.transposed);
        let turned: Vec<String> = turned.map(|tensor| printable(&tensor.a)).collect();
        lines.extend(list(&turned, &format!("stored transposed in {b}")));
        for tensor in &self.tensors {
            if let Some(rows) = tensor.rows {
                lines.push(grown(&tensor.a, rows, a, b));
            }
        }
        let ties = self.tied.iter();
        let ties: Vec<String> = ties
            .map(|tie| format!("{} = {}", printable(&tie.tensor), printable(&tie.same_as)))
            .collect();
        lines.extend(list(&ties, &twice));
        let reordered: Vec<String> = self.in_another_order().map(Mapped::called).collect();
        lines.extend(list(
            &reordered,
            "in another order of their numbers: layers may have been exchanged",
        ));
        let unsure = self.ambiguous.iter();
        let unsure: Vec<String> = unsure
            .map(|one| {
                let whose = if one.checkpoint == "a" { a } else { b };
                format!("{} of {whose}", printable(&one.tensor))
            })
            .collect();
        lines.extend(list(
            &unsure,
            "not compared, since each could be one of several",
        ));
        lines
    }

    /// The tensors whose numbers are in another order.
    pub(crate) fn in_another_order(&self) -> impl Iterator<Item = &Mapped> {
        let names: HashSet<&String> = self.reordered.iter().collect();
        let tensors = self.tensors.iter();
        tensors.filter(move |tensor| names.contains(&tensor.a))
    }

    /// Whether some tensors have other names, not counting what one of the two stores twice.
    pub(crate) fn has_other_names(&self) -> bool {
        let tensors = self.tensors.iter();
        tensors.into_iter().any(|tensor| {
            let is_one = matches!(tensor.b.as_slice(), [only] if *only == tensor.a);
            !is_one && !matches!(tensor.by, How::Tied | How::Parts)
        })
    }
}

fn of_rule(rule: &Rule, a: &str, b: &str) -> String {
    let shown = |prefix: &str| format!("`{}`", printable(prefix));
    let count = counted(rule.tensors, "tensor");
    match (rule.a.as_str(), rule.b.as_str()) {
        ("", "") => format!(
            "{count}: `weight` and `bias` have other names in {b}, or parts are separated otherwise"
        ),
        ("", before) => format!("{count}: {} stands before the names in {b}", shown(before)),
        (before, "") => format!("{count}: {} stands before the names in {a}", shown(before)),
        (own, other) => format!("{count}: {} in {a} is {} in {b}", shown(own), shown(other)),
    }
}

impl Mapped {
    pub(crate) fn called(&self) -> String {
        let others: Vec<String> = self.b.iter().map(|name| printable(name)).collect();
        match others.as_slice() {
            [only] if self.by == How::Parts => format!("{} in {only}", printable(&self.a)),
            [only] if *only == printable(&self.a) => only.clone(),
            _ => format!("{} = {}", printable(&self.a), others.join(" + ")),
        }
    }
}

/// How many rows are compared, and which are new.
fn grown(name: &str, [own, other]: [u64; 2], a: &str, b: &str) -> String {
    let name = printable(name);
    let (common, all) = (own.min(other), own.max(other));
    let whose = if own < other { b } else { a };
    let rows = if all - common == 1 {
        format!("row {common} is")
    } else {
        format!("rows {common} to {} are", all - 1)
    };
    format!("{name}: {common} of {all} rows are in both and compared; {rows} only in {whose}")
}

/// The first few, and what is true of all.
fn list(names: &[String], what: &str) -> Option<String> {
    let first = names.get(..NAMED).unwrap_or(names);
    let more = match names.len() - first.len() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    (!names.is_empty()).then(|| {
        format!(
            "{} {what}: {}{more}",
            counted(names.len(), "tensor"),
            first.join(", ")
        )
    })
}
