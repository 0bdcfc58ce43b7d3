//! What llama.cpp's converter does to the tensors of a model, undone: names, rows, gains, experts.
//!
//! Its source is `convert_hf_to_gguf.py`, with the names of `gguf-py/gguf/tensor_mapping.py`.

use crate::foreign::contents::Contents;
use crate::foreign::element::Element;
use crate::foreign::place::{Container, Order};
use crate::foreign::shape::count;
use crate::foreign::stored::{Decoded, Made, Stored};
use crate::foreign::tensor::{Declared, Role, role};

/// What a GGUF file says of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::foreign) struct Architecture {
    /// `llama`, `gemma2`.
    pub(in crate::foreign) name: String,
    /// Heads of queries.
    pub(in crate::foreign) heads: Option<u64>,
    /// Heads of keys and values.
    pub(in crate::foreign) kv_heads: Option<u64>,
    /// Experts of a layer, if it has several.
    pub(in crate::foreign) experts: Option<u64>,
}

/// Pairs of names: what stands in the file, and what `transformers` calls it.
type Names = &'static [(&'static str, &'static str)];

/// Outside of the layers, of most.
const MODEL: Names = &[
    ("token_embd", "model.embed_tokens"),
    ("output_norm", "model.norm"),
    ("output", "lm_head"),
];
/// Within a layer, of most.
const LAYER: Names = &[
    ("attn_norm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj"),
    ("attn_qkv", "self_attn.qkv_proj"),
    ("attn_output", "self_attn.o_proj"),
    ("attn_q_norm", "self_attn.q_norm"),
    ("attn_k_norm", "self_attn.k_norm"),
    ("ffn_norm", "post_attention_layernorm"),
    ("ffn_gate", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj"),
    ("ffn_gate_inp", "mlp.gate"),
    ("ffn_gate_exps", "mlp.experts.{}.gate_proj"),
    ("ffn_up_exps", "mlp.experts.{}.up_proj"),
    ("ffn_down_exps", "mlp.experts.{}.down_proj"),
    ("ffn_gate_shexp", "mlp.shared_expert.gate_proj"),
    ("ffn_up_shexp", "mlp.shared_expert.up_proj"),
    ("ffn_down_shexp", "mlp.shared_expert.down_proj"),
    ("ffn_gate_inp_shexp", "mlp.shared_expert_gate"),
];
const MIXTRAL: Names = &[
    ("ffn_gate_inp", "block_sparse_moe.gate"),
    ("ffn_gate_exps", "block_sparse_moe.experts.{}.w1"),
    ("ffn_up_exps", "block_sparse_moe.experts.{}.w3"),
    ("ffn_down_exps", "block_sparse_moe.experts.{}.w2"),
];
/// With a norm behind attention and feed-forward layer, too.
const SANDWICH: Names = &[
    ("ffn_norm", "pre_feedforward_layernorm"),
    ("post_attention_norm", "post_attention_layernorm"),
    ("post_ffw_norm", "post_feedforward_layernorm"),
];
const PHI2_MODEL: Names = &[("output_norm", "model.final_layernorm")];
const PHI2: Names = &[
    ("attn_output", "self_attn.dense"),
    ("ffn_up", "mlp.fc1"),
    ("ffn_down", "mlp.fc2"),
];
const PHI3: Names = &[("ffn_up", "mlp.gate_up_proj")];
const STARCODER2: Names = &[("ffn_up", "mlp.c_fc"), ("ffn_down", "mlp.c_proj")];
const GPT2_MODEL: Names = &[
    ("token_embd", "transformer.wte"),
    ("position_embd", "transformer.wpe"),
    ("output_norm", "transformer.ln_f"),
];
const GPT2: Names = &[
    ("attn_norm", "ln_1"),
    ("attn_qkv", "attn.c_attn"),
    ("attn_output", "attn.c_proj"),
    ("ffn_norm", "ln_2"),
    ("ffn_up", "mlp.c_fc"),
    ("ffn_down", "mlp.c_proj"),
];
const NEOX_MODEL: Names = &[
    ("token_embd", "gpt_neox.embed_in"),
    ("output_norm", "gpt_neox.final_layer_norm"),
    ("output", "embed_out"),
];
const NEOX: Names = &[
    ("attn_qkv", "attention.query_key_value"),
    ("attn_output", "attention.dense"),
    ("ffn_up", "mlp.dense_h_to_4h"),
    ("ffn_down", "mlp.dense_4h_to_h"),
];
const BERT_MODEL: Names = &[
    ("token_embd", "embeddings.word_embeddings"),
    ("position_embd", "embeddings.position_embeddings"),
    ("token_types", "embeddings.token_type_embeddings"),
    ("token_embd_norm", "embeddings.LayerNorm"),
];
const BERT: Names = &[
    ("attn_q", "attention.self.query"),
    ("attn_k", "attention.self.key"),
    ("attn_v", "attention.self.value"),
    ("attn_output", "attention.output.dense"),
    ("attn_output_norm", "attention.output.LayerNorm"),
    ("ffn_up", "intermediate.dense"),
    ("ffn_down", "output.dense"),
    ("layer_output_norm", "output.LayerNorm"),
];

/// The order of the rows of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    AsTheyAre,
    /// The two halves of each head lie between each other: rotary embeddings of neighbours.
    Interleaved {
        heads: u64,
    },
    /// All queries, all keys, all values; `transformers` has those of a head together.
    Apart {
        heads: u64,
    },
}

impl Architecture {
    /// What it calls its layers, and its names: the first that has one.
    fn names(&self) -> Option<(&'static str, [Names; 4])> {
        const NONE: Names = &[];
        let of = |model, layer| Some(("model.layers.", [model, MODEL, layer, LAYER]));
        match self.name.as_str() {
            "llama" | "mistral3" if self.experts.is_some() => of(NONE, MIXTRAL),
            "llama" | "mistral3" | "granite" | "granitemoe" | "smollm3" | "arcee" | "olmo"
            | "xverse" | "gemma" | "qwen2" | "qwen2moe" | "qwen3" | "qwen3moe" | "stablelm"
            | "nemotron" | "exaone4" | "olmoe" | "command-r" | "cohere2" | "internlm3"
            | "baichuan" | "glm4" | "seed_oss" => of(NONE, NONE),
            "gemma2" | "gemma3" | "gemma-embedding" | "olmo2" => of(NONE, SANDWICH),
            "phi2" => of(PHI2_MODEL, PHI2),
            "phi3" => of(NONE, PHI3),
            "starcoder2" => of(NONE, STARCODER2),
            "gpt2" => Some(("transformer.h.", [GPT2_MODEL, MODEL, GPT2, NONE])),
            "gptneox" => Some(("gpt_neox.layers.", [NEOX_MODEL, MODEL, NEOX, LAYER])),
            "bert" => Some(("encoder.layer.", [BERT_MODEL, NONE, BERT, NONE])),
            _ => None,
        }
    }

    /// The name that `transformers` has for a tensor; none if it is not known.
    fn name(&self, name: &str) -> Option<String> {
        let (layers, [own_model, model, own_layer, layer]) = self.names()?;
        let found = |names: [Names; 2], part: &str| {
            let mut all = names.into_iter().flatten();
            all.find(|(own, _)| *own == part).map(|(_, other)| *other)
        };
        let (stem, last) = name.rsplit_once('.')?;
        match stem
            .strip_prefix("blk.")
            .and_then(|rest| rest.split_once('.'))
        {
            Some((number, part)) => {
                let number: u64 = number.parse().ok()?;
                let part = found([own_layer, layer], part)?;
                Some(format!("{layers}{number}.{part}.{last}"))
            }
            None => Some(format!("{}.{last}", found([own_model, model], stem)?)),
        }
    }

    /// How the rows of this tensor were moved; none if that depends on what is not known.
    fn rows(&self, name: &str) -> Option<Rows> {
        /// Whose queries and keys are moved for rotary embeddings of neighbours.
        const INTERLEAVED: [&str; 8] = [
            "llama",
            "mistral3",
            "granite",
            "granitemoe",
            "smollm3",
            "arcee",
            "olmo",
            "xverse",
        ];
        let is = |part: &str| name.rsplit('.').nth(1) == Some(part);
        Some(match self.name.as_str() {
            arch if INTERLEAVED.contains(&arch) && is("attn_q") => {
                Rows::Interleaved { heads: self.heads? }
            }
            arch if INTERLEAVED.contains(&arch) && is("attn_k") => Rows::Interleaved {
                heads: self.kv_heads?,
            },
            "gptneox" if is("attn_qkv") => Rows::Apart { heads: self.heads? },
            _ => Rows::AsTheyAre,
        })
    }

    /// What was added to the gains of norms that `transformers` counts from zero.
    fn shift(&self, name: &str) -> f32 {
        const SHIFTED: [&str; 8] = [
            "gemma",
            "gemma2",
            "gemma3",
            "gemma-embedding",
            "nemotron",
            "qwen3next",
            "qwen35",
            "qwen35moe",
        ];
        let is_norm = name.ends_with("norm.weight") && !name.ends_with("ssm_norm.weight");
        if is_norm && SHIFTED.contains(&self.name.as_str()) {
            1.0
        } else {
            0.0
        }
    }
}

/// Gives all tensors the names and the values that they have in `transformers`, where these are known.
pub(in crate::foreign) fn as_in_transformers(contents: &mut Contents) {
    let Some(architecture) = contents.architecture.take() else {
        return;
    };
    let mut all = Vec::with_capacity(contents.tensors.len());
    for mut stored in std::mem::take(&mut contents.tensors) {
        let name = stored.tensor.name.clone();
        if name.starts_with("rope_f") && stored.tensor.role == Role::Weight {
            stored.tensor.role = Role::Buffer;
        }
        let shift = architecture.shift(&name);
        if shift != 0.0 {
            stored.shift(-shift);
        }
        let rows = architecture.rows(&name);
        let moved = rows.map(|rows| stored.put_back(rows));
        match architecture.name(&name).filter(|_| moved == Some(true)) {
            Some(other) if other.contains("{}") => all.extend(experts(stored, &other)),
            Some(other) => all.push(stored.called(other)),
            None => all.push(stored),
        }
    }
    contents.tensors = all;
    for raw in &mut contents.unread {
        let name = architecture.name(&raw.unread.name);
        raw.unread.name = match name {
            Some(name) => name.replace(".{}.", "."),
            None => std::mem::take(&mut raw.unread.name),
        };
    }
}

/// The experts of a layer, which lie one after the other.
fn experts(stored: Stored, name: &str) -> Vec<Stored> {
    let [experts, shape @ ..] = stored.tensor.shape.as_slice() else {
        return vec![stored];
    };
    let (experts, shape) = (*experts, shape.to_vec());
    let Container::File { offset } = stored.place.container else {
        return vec![stored];
    };
    let (units, size) = match &stored.made {
        Made::Decoded(decoded) => (
            decoded.units.get(1..).unwrap_or_default().to_vec(),
            Decoded::unit(stored.tensor.element),
        ),
        _ => (shape.clone(), stored.tensor.element.bytes()),
    };
    let bytes = count(&units).and_then(|count| count.checked_mul(size));
    let Some(bytes) = bytes.filter(|&bytes| bytes > 0) else {
        return vec![stored];
    };
    let each = (0..experts).map(|number| {
        let mut own = stored.clone();
        own.tensor.shape.clone_from(&shape);
        own.place.container = Container::File {
            offset: offset + number * bytes,
        };
        if let Made::Decoded(decoded) = &mut own.made {
            decoded.units.clone_from(&units);
        }
        own.called(name.replace("{}", &number.to_string()))
    });
    each.collect()
}

impl Stored {
    /// The same under another name.
    fn called(mut self, name: String) -> Self {
        if self.tensor.role != Role::Buffer {
            let (shape, element) = (&self.tensor.shape, self.tensor.element);
            self.tensor.role = role(&name, shape, element, Declared::Nothing);
        }
        self.tensor.name = name;
        self
    }

    /// Adds this to every value.
    fn shift(&mut self, shift: f32) {
        match &mut self.made {
            Made::Decoded(decoded) => decoded.shift = shift,
            _ => {
                let units = self.tensor.shape.clone();
                self.made = Made::Decoded(Box::new(Decoded { units, shift }));
            }
        }
    }

    /// Puts rows back that were moved. Returns whether it could be done.
    fn put_back(&mut self, rows: Rows) -> bool {
        let (heads, inner) = match rows {
            Rows::AsTheyAre => return true,
            Rows::Interleaved { heads } => (heads, 2),
            Rows::Apart { heads } => (heads, 3),
        };
        let units = match &self.made {
            Made::Decoded(decoded) => decoded.units.clone(),
            _ => self.tensor.shape.clone(),
        };
        let (all, row) = match units.as_slice() {
            [all, row] => (*all, *row),
            [all] => (*all, 1),
            _ => return false,
        };
        let groups = heads.checked_mul(inner).filter(|&groups| groups > 0);
        let Some(side) = groups.and_then(|groups| (all % groups == 0).then(|| all / groups)) else {
            return false;
        };
        if matches!((units.len(), self.tensor.element), (1, Element::Packed(_))) {
            return false;
        }
        let head = inner * side * row;
        let (shape, strides) = match rows {
            // Of every head, first all that are even, then all that are odd.
            Rows::Interleaved { .. } => ([heads, 2, side, row], [head, row, 2 * row, 1]),
            _ => (
                [heads, 3, side, row],
                [side * row, heads * side * row, row, 1],
            ),
        };
        let shift = match &self.made {
            Made::Decoded(decoded) => decoded.shift,
            _ => 0.0,
        };
        self.place.order = Order::of_strides(&shape, &strides);
        self.made = Made::Decoded(Box::new(Decoded {
            units: shape.to_vec(),
            shift,
        }));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn architecture(name: &str) -> Architecture {
        Architecture {
            name: name.to_owned(),
            heads: Some(4),
            kv_heads: Some(2),
            experts: None,
        }
    }

    #[test]
    fn names_are_those_of_transformers() {
        for (arch, own, other) in [
            ("llama", "token_embd.weight", "model.embed_tokens.weight"),
            (
                "llama",
                "blk.11.ffn_norm.weight",
                "model.layers.11.post_attention_layernorm.weight",
            ),
            (
                "gemma2",
                "blk.0.ffn_norm.weight",
                "model.layers.0.pre_feedforward_layernorm.weight",
            ),
            (
                "gpt2",
                "blk.3.attn_qkv.bias",
                "transformer.h.3.attn.c_attn.bias",
            ),
            (
                "bert",
                "blk.3.attn_q.bias",
                "encoder.layer.3.attention.self.query.bias",
            ),
        ] {
            assert_eq!(architecture(arch).name(own).as_deref(), Some(other));
        }
        assert_eq!(architecture("nobodys").name("token_embd.weight"), None);
        assert_eq!(architecture("llama").name("blk.x.attn_q.weight"), None);
        assert_eq!(architecture("llama").name("rope_freqs.weight"), None);
    }

    #[test]
    fn queries_and_keys_of_llama_are_moved_and_gains_of_gemma_shifted() {
        let llama = architecture("llama");
        let rows = |name| llama.rows(name).unwrap();
        assert_eq!(rows("blk.0.attn_q.weight"), Rows::Interleaved { heads: 4 });
        assert_eq!(rows("blk.0.attn_k.bias"), Rows::Interleaved { heads: 2 });
        assert_eq!(rows("blk.0.attn_v.weight"), Rows::AsTheyAre);
        assert_eq!(llama.shift("blk.0.attn_norm.weight"), 0.0);
        let gemma = architecture("gemma3");
        assert_eq!(gemma.shift("blk.0.attn_q_norm.weight"), 1.0);
        assert_eq!(gemma.shift("blk.0.attn_q.weight"), 0.0);
        assert_eq!(
            architecture("qwen2").rows("blk.0.attn_q.weight"),
            Some(Rows::AsTheyAre)
        );
    }
}
