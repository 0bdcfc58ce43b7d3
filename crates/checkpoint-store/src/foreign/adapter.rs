//! Adapters of PEFT: changes to the weights of another model, kept as pairs of small matrices.
//!
//! A LoRA adapter holds `lora_A` (rank × in) and `lora_B` (out × rank) for each layer that it changes, and
//! its `adapter_config.json` says how much they count: `lora_alpha` / rank, or / √rank with
//! `use_rslora`. What is read are the products s · B · A, since the factors alone are not comparable.
//! A state dict in which an adapter was not merged has both the weights (`base_layer.weight`) and the
//! factors, and does not say how much these count.

mod config;
mod described;
mod joined;
mod names;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::contents::Contents;
use super::stored::Raw;
use super::tensor::Unread;
use crate::Result;
use crate::files;
use crate::limits::Limits;
use config::{CONFIG, Config};
pub use described::Adapter;
use joined::Joined;

/// What its weights are called, the one that is taken first.
const WEIGHTS: [&str; 2] = ["adapter_model.safetensors", "adapter_model.bin"];
/// How many times its size an adapter may multiply out to, in times of what an archive may unpack to.
const MOST_EXPANSION: u64 = 128;

/// Whether an index is the configuration of an adapter.
pub(super) fn is_config(index: &Path) -> bool {
    index.file_name().unwrap_or_default() == CONFIG
}

/// The configuration beside a file of an adapter's weights, if the file is called as such and there is
/// one.
pub(super) fn config_of(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let config = path.with_file_name(CONFIG);
    (WEIGHTS.contains(&name) && files::is_file(&config)).then_some(config)
}

/// Whether a file is the second copy of an adapter's weights.
pub(super) fn is_second_copy(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default();
    let [first, second] = WEIGHTS;
    name == second && files::is_file(&path.with_file_name(first))
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
