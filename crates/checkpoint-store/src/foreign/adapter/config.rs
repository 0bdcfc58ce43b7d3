//! `adapter_config.json`: what an adapter is, and how much its changes count.

use std::path::Path;

use regex_lite::Regex;
use serde_json::{Map, Value};

use super::super::source::{Source, foreign, quoted};
use crate::limits::Limits;
use crate::{Error, Fault, Result};

/// The file that says what an adapter is.
pub(in crate::foreign) const CONFIG: &str = "adapter_config.json";
/// Largest configuration, in bytes: they have one or two thousand.
const MOST_BYTES: u64 = 1 << 20;
/// Most patterns of layers that are no plain names.
const MOST_PATTERNS: usize = 64;

/// What to do with an adapter that is not read.
pub(super) const MERGE: &str =
    "Merge it into its model with `merge_and_unload` of PEFT, save that, and name it";

/// What a LoRA configuration says.
#[derive(Debug)]
pub(in crate::foreign) struct Config {
    rank: Option<u64>,
    alpha: f64,
    /// Whether changes are divided by the root of their rank.
    by_root: bool,
    ranks: Patterns,
    alphas: Patterns,
    /// Whether weights are stored as (in, out).
    pub(super) transposed: bool,
    pub(super) base: Option<String>,
    /// Why it cannot be put onto its model.
    pub(super) alters: Option<String>,
}

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// [`Fault::Unsupported`] naming a kind of adapter that is not read, [`Fault::Damaged`] for what is
    /// no configuration, [`Fault::TooLarge`].
    pub(in crate::foreign) fn read(path: &Path, limits: &Limits) -> Result<Self> {
        let source = Source::open(path)?;
        if source.len() > MOST_BYTES {
            let what = "the size of the configuration, in bytes,";
            return Err(source.too_large(what, source.len(), MOST_BYTES));
        }
        let bytes = source.read_description("the configuration", 0, source.len(), limits)?;
        let fields: Map<String, Value> = serde_json::from_slice(&bytes).map_err(|error| {
            source.damaged(format!("the configuration is not as it should be: {error}"))
        })?;
        Self::of(path, &fields)
    }

    fn of(path: &Path, fields: &Map<String, Value>) -> Result<Self> {
        let wrong = |what: String| Error::Foreign {
            path: path.to_path_buf(),
            fault: Fault::Damaged,
            what,
            way_out: "Copy it again from where the adapter came from".into(),
            limit: None,
        };
        let kind = fields.get("peft_type").and_then(Value::as_str);
        let kind = kind.ok_or_else(|| wrong("it does not say `peft_type`".to_owned()))?;
        if kind != "LORA" {
            let what = format!(
                "this is an adapter of the kind {} of PEFT, which is not read",
                quoted(kind)
            );
            return Err(foreign(path, Fault::Unsupported, what, MERGE));
        }
        if let Some(what) = unknown(fields) {
            let what = format!("this is a LoRA adapter that is not read: {what}");
            return Err(foreign(path, Fault::Unsupported, what, MERGE));
        }
        let number = |name: &str| fields.get(name).and_then(Value::as_f64);
        let alpha = number("lora_alpha").filter(|alpha| alpha.is_finite());
        let rank = fields.get("r").and_then(Value::as_u64);
        Ok(Self {
            rank,
            alpha: alpha.ok_or_else(|| wrong("it does not say `lora_alpha`".to_owned()))?,
            by_root: is_true(fields, "use_rslora"),
            ranks: Patterns::of(fields.get("rank_pattern")).map_err(wrong)?,
            alphas: Patterns::of(fields.get("alpha_pattern")).map_err(wrong)?,
            transposed: is_true(fields, "fan_in_fan_out"),
            base: fields
                .get("base_model_name_or_path")
                .and_then(Value::as_str)
                .map(super::super::source::shown),
            alters: alters(fields),
        })
    }

    /// The rank that the change of a layer should have, if that is said, and what it is multiplied by
    /// at the rank that it has.
    pub(super) fn scale(&self, layer: &str, rank: u64) -> (Option<u64>, f64) {
        let wanted = self.ranks.of_layer(layer).map(|rank| rank as u64);
        let alpha = self.alphas.of_layer(layer).unwrap_or(self.alpha);
        let rank = rank as f64;
        let over = if self.by_root { rank.sqrt() } else { rank };
        (wanted.or(self.rank), alpha / over)
    }
}

fn is_true(fields: &Map<String, Value>, name: &str) -> bool {
    fields.get(name) == Some(&Value::Bool(true))
}

/// What a configuration asks for that is not known.
fn unknown(fields: &Map<String, Value>) -> Option<String> {
    if is_true(fields, "use_dora") {
        return Some(
            "DoRA (`use_dora`), which also scales the rows of the merged weight".to_owned(),
        );
    }
    let is_said = |name: &str| match fields.get(name) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(items)) => !items.is_empty(),
        Some(_) => true,
    };
    for name in [
        "layer_replication",
        "target_parameters",
        "trainable_token_indices",
    ] {
        if is_said(name) {
            return Some(format!("it says `{name}`, which is not known"));
        }
    }
    let flags = fields.iter().filter(|(name, value)| {
        name.starts_with("use_") && *name != "use_rslora" && **value == Value::Bool(true)
    });
    flags
        .map(|(name, _)| format!("it says {}, which is not known", quoted(name)))
        .next()
}

/// Why an adapter cannot be put onto the model that it names: its start changed that, too.
fn alters(fields: &Map<String, Value>) -> Option<String> {
    let start = fields.get("init_lora_weights").and_then(Value::as_str)?;
    let lower = start.to_ascii_lowercase();
    ["pissa", "olora", "corda", "loftq", "lora_ga"]
        .iter()
        .any(|known| lower.starts_with(known))
        .then(|| {
            format!(
                "it began with {} (`init_lora_weights`), which changes the weights of the model, too",
                quoted(start)
            )
        })
}

/// Numbers by patterns of layers: the end of a layer's name, or a regular expression for it.
#[derive(Debug, Default)]
struct Patterns {
    plain: Vec<(String, f64)>,
    expressions: Vec<(Regex, f64)>,
}

impl Patterns {
    fn of(value: Option<&Value>) -> std::result::Result<Self, String> {
        let mut patterns = Self::default();
        let Some(Value::Object(entries)) = value else {
            return Ok(patterns);
        };
        for (key, value) in entries {
            let number = value.as_f64().filter(|number| number.is_finite());
            let number = number.ok_or_else(|| {
                format!(
                    "the pattern {} stands for something else than a number",
                    quoted(key)
                )
            })?;
            let is_plain =
                |character: char| character.is_alphanumeric() || "_.".contains(character);
            if key.chars().all(is_plain) {
                patterns.plain.push((key.clone(), number));
                continue;
            }
            // As PEFT asks: the whole name, or what follows a dot.
            let expression = Regex::new(&format!(r"^(?:.*\.)?(?:{key})$"));
            let expression =
                expression.map_err(|_| format!("{} is no pattern of names", quoted(key)))?;
            if patterns.expressions.len() >= MOST_PATTERNS {
                return Err(format!(
                    "it has more than {MOST_PATTERNS} patterns of names"
                ));
            }
            patterns.expressions.push((expression, number));
        }
        patterns.plain.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(patterns)
    }

    /// The number for a layer; that of the longest plain name if several are its end.
    fn of_layer(&self, layer: &str) -> Option<f64> {
        let starts = layer.match_indices('.').map(|(dot, _)| dot + 1);
        for start in std::iter::once(0).chain(starts) {
            let end = layer.get(start..).unwrap_or_default();
            let place = self
                .plain
                .binary_search_by(|(name, _)| name.as_str().cmp(end));
            if let Ok(place) = place {
                return self.plain.get(place).map(|(_, number)| *number);
            }
        }
        let mut matching = self.expressions.iter();
        let found = matching.find(|(expression, _)| expression.is_match(layer));
        found.map(|(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Config> {
        let fields = serde_json::from_str(text).unwrap();
        Config::of(Path::new("adapter_config.json"), &fields)
    }

    #[test]
    fn scales_follow_the_rank_its_root_and_the_patterns() {
        let plain = config(r#"{"peft_type": "LORA", "r": 8, "lora_alpha": 16}"#).unwrap();
        assert_eq!(plain.scale("h.0.q", 8), (Some(8), 2.0));
        let root =
            config(r#"{"peft_type": "LORA", "r": 16, "lora_alpha": 16, "use_rslora": true}"#);
        assert_eq!(root.unwrap().scale("h.0.q", 16), (Some(16), 4.0));
        let patterns = config(
            r#"{"peft_type": "LORA", "r": 8, "lora_alpha": 16,
                "rank_pattern": {"k": 4, "layers\\.[01]\\.v": 2},
                "alpha_pattern": {"h.0.k": 32, "q": 8}}"#,
        )
        .unwrap();
        assert_eq!(patterns.scale("h.0.k", 4), (Some(4), 8.0));
        assert_eq!(patterns.scale("h.1.k", 4), (Some(4), 4.0));
        assert_eq!(patterns.scale("h.1.q", 8), (Some(8), 1.0));
        assert_eq!(patterns.scale("layers.1.v", 2), (Some(2), 8.0));
        assert_eq!(patterns.scale("layers.2.v", 8), (Some(8), 2.0));
        assert_eq!(patterns.scale("h.1.seek", 8), (Some(8), 2.0));
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (text, says) in [
            (r#"{"peft_type": "IA3"}"#, "IA3"),
            (
                r#"{"peft_type": "LORA", "r": 8, "lora_alpha": 8, "use_dora": true}"#,
                "DoRA",
            ),
            (
                r#"{"peft_type": "LORA", "r": 8, "lora_alpha": 8, "use_new": true}"#,
                "use_new",
            ),
            (r#"{"peft_type": "LORA", "r": 8}"#, "lora_alpha"),
            (r#"{}"#, "peft_type"),
            (
                r#"{"peft_type": "LORA", "lora_alpha": 8, "rank_pattern": {"(": 1}}"#,
                "no pattern",
            ),
        ] {
            let error = config(text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        let pissa = r#"{"peft_type": "LORA", "r": 8, "lora_alpha": 8, "init_lora_weights": "pissa_niter_4"}"#;
        assert!(config(pissa).unwrap().alters.is_some());
    }
}
