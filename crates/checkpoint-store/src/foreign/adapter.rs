//! Adapters of PEFT: changes to the weights of another model, kept as pairs of small matrices.
//!
//! A LoRA adapter holds `lora_A` (rank × in) and `lora_B` (out × rank) for each layer that it changes, and
//! its `adapter_config.json` says how much they count: `lora_alpha` / rank, or / √rank with
//! `use_rslora`. What is read are the products s · B · A, since the factors alone are not comparable.
//! A state dict in which an adapter was not merged has both the weights (`base_layer.weight`) and the
//! factors, and does not say how much these count.

mod config;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::contents::{Contents, Made, Raw, Stored};
use super::element::Element;
use super::product::Product;
use super::shape::count;
use super::source::{foreign, quoted};
use super::tensor::{Declared, ForeignTensor, LeftOut, Role, Unread, role};
use crate::limits::{Limits, MAX_FOREIGN_DIMENSIONS};
use crate::{Fault, Result};

pub(super) use config::Config;
use names::{Half, Part};

/// The file that says what an adapter is.
pub(super) const CONFIG: &str = "adapter_config.json";
/// What its weights are called, the one that is taken first.
const WEIGHTS: [&str; 2] = ["adapter_model.safetensors", "adapter_model.bin"];
/// How many times its size an adapter may multiply out to, in times of what an archive may unpack to.
const MOST_EXPANSION: u64 = 128;

/// What an adapter is to the model that it was trained on.
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// What kind it is, as its library calls it: `LoRA`.
    pub kind: String,
    /// The largest rank of its changes.
    pub rank: u64,
    /// What its changes are multiplied by, if all count the same; none where that is not known.
    pub scale: Option<f64>,
    /// Its changes by their names among the tensors, each with the name of the weight of the model that it
    /// is added to. The other tensors stand in the place of those of the model.
    pub added: BTreeMap<String, String>,
    /// Whether the weights of the model are in the file, too.
    pub has_base: bool,
    /// The model that it was trained on, as its configuration names it.
    pub base: Option<String>,
    /// Why it cannot be put onto that model, in a few words.
    pub not_applicable: Option<String>,
}

/// Whether an index is the configuration of an adapter.
pub(super) fn is_config(index: &Path) -> bool {
    index.file_name().unwrap_or_default() == CONFIG
}

/// The configuration beside a file of an adapter's weights, if the file is called as such and there is
/// one.
pub(super) fn config_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let config = path.with_file_name(CONFIG);
    (WEIGHTS.contains(&name) && config.is_file()).then_some(config)
}

/// Whether a file is the second copy of an adapter's weights.
pub(super) fn is_second_copy(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let [first, second] = WEIGHTS;
    name == second && path.with_file_name(first).is_file()
}

/// Puts the factors in the contents together to what they change.
///
/// # Errors
/// [`Fault::Unsupported`] for a kind of adapter that is not read, naming it;
/// [`Fault::Damaged`] where configuration and tensors contradict each other.
pub(super) fn set_apart(
    path: &Path,
    config: Option<&Path>,
    contents: &mut Contents,
    file_bytes: u64,
    limits: &Limits,
) -> Result<Option<Adapter>> {
    let is_part = |name: &String| names::is_of_adapter(name);
    let has_parts = contents.names().into_iter().any(|name| is_part(name));
    if config.is_none() && !has_parts {
        return Ok(None);
    }
    let config = config
        .map(|config| Config::read(config, limits))
        .transpose()?;
    names::strip_prefix(contents.names());
    let has_base = contents
        .names()
        .iter()
        .any(|name| name.ends_with(".base_layer.weight"));
    let is_diffusers = config.is_none() && !has_base && is_of_diffusers(path, contents);
    let mut joined = Joined {
        path,
        config: config.as_ref(),
        is_diffusers,
        has_base,
        adapter: Adapter {
            kind: "LoRA".to_owned(),
            rank: 0,
            scale: None,
            added: BTreeMap::new(),
            has_base,
            base: config.as_ref().and_then(|config| config.base.clone()),
            not_applicable: config.as_ref().and_then(|config| config.alters.clone()),
        },
        scales: Vec::new(),
        left: limits
            .unpacked_for(file_bytes)
            .saturating_mul(MOST_EXPANSION),
        limits,
    };
    joined.run(contents)?;
    let mut adapter = joined.adapter;
    let first = joined.scales.first().copied();
    adapter.scale = first.filter(|first| joined.scales.iter().all(|scale| scale == first));
    if config.is_none() && !is_diffusers {
        // What the changes are is read, and how large they are is not.
        contents.unread.push(Raw {
            unread: Unread {
                name: "lora_alpha".to_owned(),
                dtype: "number".to_owned(),
                shape: None,
                elements: None,
                bytes: None,
                reason: format!("it says how much the adapter counts, and stands in `{CONFIG}`, which is not beside it"),
            },
            bytes: None,
        });
        adapter.not_applicable = Some(format!(
            "its `{CONFIG}` is not beside it, which says how much its changes count"
        ));
    }
    Ok(Some(adapter))
}

/// Whether these are weights of diffusers, whose changes count as much as they are where no `alpha` says
/// otherwise.
fn is_of_diffusers(path: &Path, contents: &mut Contents) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_alpha = |name: &String| name.ends_with(".alpha");
    name.starts_with("pytorch_lora_weights")
        && !contents.names().into_iter().any(|name| is_alpha(name))
}

/// The factors of one layer.
#[derive(Default)]
struct Pair {
    down: Option<Stored>,
    up: Option<Stored>,
    bias: Option<Stored>,
    is_embedding: bool,
}

struct Joined<'a> {
    path: &'a Path,
    config: Option<&'a Config>,
    /// Whether every change counts as much as it is.
    is_diffusers: bool,
    has_base: bool,
    adapter: Adapter,
    scales: Vec<f64>,
    /// Bytes that the products may still take.
    left: u64,
    limits: &'a Limits,
}

impl Joined<'_> {
    fn run(&mut self, contents: &mut Contents) -> Result<()> {
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
            super::source::too_large(self.path, what, bytes.unwrap_or(u64::MAX), limit)
        })?;
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            let what = "the size of all changes multiplied out, in bytes,";
            super::source::too_large(self.path, what, bytes, self.left)
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
