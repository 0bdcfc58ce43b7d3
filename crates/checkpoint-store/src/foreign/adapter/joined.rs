//! The factors of each layer put together to what they change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::config::{self, CONFIG, Config};
use super::described::Adapter;
use super::names::{self, Half, Part};
use crate::foreign::contents::Contents;
use crate::foreign::element::Element;
use crate::foreign::shape::count;
use crate::foreign::source::{foreign, quoted, too_large};
use crate::foreign::stored::Product;
use crate::foreign::stored::{Made, Stored};
use crate::foreign::tensor::{Declared, ForeignTensor, LeftOut, Role, Unread, role};
use crate::limits::{Limits, MAX_FOREIGN_DIMENSIONS};
use crate::{Fault, Result};

/// The factors of one layer.
#[derive(Default)]
struct Pair {
    down: Option<Stored>,
    up: Option<Stored>,
    bias: Option<Stored>,
    is_embedding: bool,
}

/// What was put together so far.
pub(super) struct Joined<'a> {
    pub(super) path: &'a Path,
    pub(super) config: Option<&'a Config>,
    /// Whether every change counts as much as it is.
    pub(super) is_diffusers: bool,
    pub(super) has_base: bool,
    pub(super) adapter: Adapter,
    pub(super) scales: Vec<f64>,
    /// Bytes that the products may still take.
    pub(super) left: u64,
    pub(super) limits: &'a Limits,
}

impl Joined<'_> {
    pub(super) fn run(&mut self, contents: &mut Contents) -> Result<()> {
        let mut pairs: BTreeMap<(String, String), Pair> = BTreeMap::new();
        let mut replaced = BTreeSet::new();
        let mut rest = Vec::new();
        for stored in std::mem::take(&mut contents.tensors) {
            match names::part(&stored.tensor.name) {
                Part::Half(half, layer, adapter) => {
                    let pair = pairs.entry((layer, adapter)).or_default();
                    let slot = match half {
                        Half::Down | Half::EmbeddingDown => &mut pair.down,
                        Half::Up | Half::EmbeddingUp => &mut pair.up,
                        Half::Bias => &mut pair.bias,
                    };
                    *slot = Some(stored);
                    pair.is_embedding |= matches!(half, Half::EmbeddingDown | Half::EmbeddingUp);
                }
                Part::Unknown(why) => self.unknown(contents, stored, why)?,
                Part::Saved(name) => {
                    replaced.insert(name.clone());
                    rest.push(renamed(stored, name));
                }
                Part::Original(name) => rest.push(renamed(stored, format!("{name}{ORIGINAL}"))),
                Part::Base(name) => rest.push(renamed(stored, name)),
                Part::Other => rest.push(stored),
            }
        }
        for stored in rest {
            // The module as it was before, beside the one that counts.
            let name = stored.tensor.name.strip_suffix(ORIGINAL).map(str::to_owned);
            match name {
                Some(name) if replaced.contains(&name) => contents.left_out.push(LeftOut {
                    name,
                    why: "was replaced by what was trained in its place".to_owned(),
                }),
                Some(name) => contents.tensors.push(renamed(stored, name)),
                None => contents.tensors.push(stored),
            }
        }
        for raw in &mut contents.unread {
            self.rename_unread(&mut raw.unread)?;
        }
        if pairs.is_empty()
            && self.adapter.rank == 0
            && self.config.is_some()
            && contents.count() == 0
        {
            return Err(self.unsupported("it holds no change".to_owned()));
        }
        for ((layer, adapter), pair) in pairs {
            self.add(contents, &layer, &adapter, pair)?;
        }
        Ok(())
    }

    /// A tensor of an adapter of a kind that is not read.
    fn unknown(&self, contents: &mut Contents, stored: Stored, why: &str) -> Result<()> {
        if !self.has_base {
            return Err(self.unsupported(format!(
                "this is an adapter that is not read: {why} ({})",
                quoted(&stored.tensor.name)
            )));
        }
        contents.unread.push(stored.unread(why));
        Ok(())
    }

    fn rename_unread(&self, unread: &mut Unread) -> Result<()> {
        match names::part(&unread.name) {
            Part::Base(name) => unread.name = name,
            Part::Half(_, layer, _) if !self.has_base => {
                // What it would change is not known, and that is what has to be said.
                unread.reason = format!("a factor of the change of {}: {}", layer, unread.reason);
            }
            Part::Unknown(why) if !self.has_base => {
                return Err(self.unsupported(format!("this is an adapter that is not read: {why}")));
            }
            _ => {}
        }
        Ok(())
    }

    fn unsupported(&self, what: String) -> crate::Error {
        foreign(self.path, Fault::Unsupported, what, config::MERGE)
    }

    fn damaged(&self, what: String) -> crate::Error {
        foreign(
            self.path,
            Fault::Damaged,
            what,
            "The adapter and its configuration do not belong together: copy both again from one place",
        )
    }

    /// Adds what a pair changes.
    fn add(&mut self, contents: &mut Contents, layer: &str, name: &str, pair: Pair) -> Result<()> {
        let (down, up) = match (pair.down, pair.up) {
            (Some(down), Some(up)) => (down, up),
            (half, other) => {
                let halves = half.into_iter().chain(other).chain(pair.bias);
                let reason = "the other factor of its change is missing or could not be read";
                contents
                    .unread
                    .extend(halves.map(|stored| stored.unread(reason)));
                return Ok(());
            }
        };
        let (rank, shape) = match product_shape(&down.tensor.shape, &up.tensor.shape) {
            Some(found) if is_float(&down) && is_float(&up) => found,
            _ => {
                let reason = "its factors do not fit together";
                let halves = [down, up].into_iter().chain(pair.bias);
                contents
                    .unread
                    .extend(halves.map(|stored| stored.unread(reason)));
                return Ok(());
            }
        };
        let scale = match self.config {
            Some(config) => {
                let (wanted, scale) = config.scale(layer, rank);
                if wanted.is_some_and(|wanted| wanted != rank) {
                    return Err(self.damaged(format!(
                        "its `{CONFIG}` says rank {}, and the change of {} has rank {rank}",
                        wanted.unwrap_or(0),
                        quoted(layer)
                    )));
                }
                Some(scale)
            }
            None => self.is_diffusers.then_some(1.0),
        };
        let is_matrix = shape.len() == 2;
        let transposed =
            is_matrix && (pair.is_embedding || self.config.is_some_and(|config| config.transposed));
        let shape = match (transposed, shape.as_slice()) {
            (true, &[rows, columns]) => vec![columns, rows],
            _ => shape,
        };
        let change = match name.is_empty() {
            true => format!("{layer}.lora"),
            false => format!("{layer}.lora.{name}"),
        };
        let product = |up: Stored, down: Option<Stored>, transposed| Product {
            up,
            down,
            rank,
            scale: scale.unwrap_or(1.0),
            transposed,
        };
        self.adapter.rank = self.adapter.rank.max(rank);
        self.scales.extend(scale);
        if let Some(up) = pair.bias {
            let shape = up.tensor.shape.clone();
            let made = product(up, None, false);
            let to = format!("{layer}.bias");
            self.push(contents, (format!("{change}.bias"), to), shape, made)?;
        }
        let made = product(up, Some(down), transposed);
        self.push(contents, (change, format!("{layer}.weight")), shape, made)
    }

    fn push(
        &mut self,
        contents: &mut Contents,
        (name, to): (String, String),
        shape: Vec<u64>,
        product: Product,
    ) -> Result<()> {
        let element = Element::F32;
        let bytes = count(&shape).and_then(|count| count.checked_mul(element.bytes()));
        let limit = self.limits.largest_tensor;
        let bytes = bytes.filter(|&bytes| bytes <= limit).ok_or_else(|| {
            let what = "the size of a change multiplied out, in bytes,";
            too_large(self.path, what, bytes.unwrap_or(u64::MAX), limit)
        })?;
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            let what = "the size of all changes multiplied out, in bytes,";
            too_large(self.path, what, bytes, self.left)
        })?;
        let stored = Stored {
            tensor: ForeignTensor {
                role: Role::Weight,
                name: name.clone(),
                shape,
                element,
            },
            place: product.up.place.clone(),
            made: Made::Product(Box::new(product)),
        };
        contents.tensors.push(stored);
        self.adapter.added.insert(name, to);
        Ok(())
    }
}

/// What marks the name of a module as it was before it was trained.
const ORIGINAL: &str = "\u{0}original";

fn renamed(mut stored: Stored, name: String) -> Stored {
    let tensor = &mut stored.tensor;
    tensor.role = match tensor.role {
        Role::Weight => role(&name, &tensor.shape, tensor.element, Declared::Nothing),
        other => other,
    };
    tensor.name = name;
    stored
}

fn is_float(stored: &Stored) -> bool {
    stored.tensor.element.is_float()
}

/// The rank and the shape of the product of (rank, in, …) and (out, rank, 1, …).
fn product_shape(down: &[u64], up: &[u64]) -> Option<(u64, Vec<u64>)> {
    let (&rank, inner) = down.split_first()?;
    let (&out, rest) = up.split_first()?;
    let (&right, kernel) = rest.split_first()?;
    let fits = rank == right && rank > 0 && !inner.is_empty();
    let is_flat = kernel.iter().all(|&size| size == 1) && down.len() <= MAX_FOREIGN_DIMENSIONS;
    let mut shape = vec![out];
    shape.extend(inner);
    (fits && is_flat).then_some((rank, shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_of_linear_layers_and_convolutions_have_the_shape_of_the_weight() {
        assert_eq!(product_shape(&[4, 32], &[96, 4]), Some((4, vec![96, 32])));
        assert_eq!(
            product_shape(&[4, 3, 5, 5], &[16, 4, 1, 1]),
            Some((4, vec![16, 3, 5, 5]))
        );
        for (down, up) in [
            (&[4, 32][..], &[96, 8][..]),
            (&[0, 32], &[96, 0]),
            (&[4], &[96, 4]),
            (&[4, 32], &[96]),
            (&[4, 3, 5, 5], &[16, 4, 2, 2]),
        ] {
            assert_eq!(product_shape(down, up), None);
        }
    }
}
