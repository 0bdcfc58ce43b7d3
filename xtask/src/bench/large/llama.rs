//! Models of a Llama's shapes, with weights that look random.

use anyhow::Result;
use rayon::prelude::*;
use std::fs::{File, create_dir_all};
use std::io::{BufWriter, Write};
use std::path::Path;

/// Values of a shard at most, but for its last tensor.
const SHARD: usize = 500_000_000;

/// The shape of a Llama.
pub(super) struct Llama {
    /// Billions of weights.
    pub(super) name: &'static str,
    width: usize,
    layers: usize,
    hidden: usize,
    vocabulary: usize,
}

pub(super) const SIZES: [Llama; 2] = [
    Llama {
        name: "0.85",
        width: 2048,
        layers: 14,
        hidden: 5632,
        vocabulary: 32_000,
    },
    Llama {
        name: "3",
        width: 3072,
        layers: 25,
        hidden: 8192,
        vocabulary: 32_000,
    },
];

/// Of the checkpoints of a series.
pub(super) const SERIES: Llama = Llama {
    name: "0.02 each",
    width: 384,
    layers: 7,
    hidden: 1024,
    vocabulary: 11_000,
};

impl Llama {
    fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (width, hidden) = (self.width, self.hidden);
        let vocabulary = vec![self.vocabulary, width];
        let mut all = vec![("model.embed_tokens.weight".to_owned(), vocabulary.clone())];
        for layer in 0..self.layers {
            let mut add = |name: &str, shape: &[usize]| {
                all.push((
                    format!("model.layers.{layer}.{name}.weight"),
                    shape.to_vec(),
                ));
            };
            for part in ["q_proj", "k_proj", "v_proj", "o_proj"] {
                add(&format!("self_attn.{part}"), &[width, width]);
            }
            add("mlp.gate_proj", &[hidden, width]);
            add("mlp.up_proj", &[hidden, width]);
            add("mlp.down_proj", &[width, hidden]);
            add("input_layernorm", &[width]);
            add("post_attention_layernorm", &[width]);
        }
        all.push(("model.norm.weight".to_owned(), vec![width]));
        all.push(("lm_head.weight".to_owned(), vocabulary));
        all
    }

    /// Writes a model that moved so far from the first, unless it is there; its size in bytes.
    pub(super) fn generate(&self, folder: &Path, along: f32) -> Result<u64> {
        let tensors = self.tensors();
        let count = |place: usize| tensors[place].1.iter().product::<usize>();
        let mut shards: Vec<Vec<usize>> = Vec::new();
        let mut taken = SHARD;
        for place in 0..tensors.len() {
            if taken + count(place) > SHARD || shards.is_empty() {
                shards.push(Vec::new());
                taken = 0;
            }
            taken += count(place);
            if let Some(last) = shards.last_mut() {
                last.push(place);
            }
        }
        let all = shards.len();
        let name = |shard: usize| format!("model-{:05}-of-{all:05}.safetensors", shard + 1);
        let index = folder.join("model.safetensors.index.json");
        if !index.exists() {
            create_dir_all(folder)?;
            let written = shards.par_iter().enumerate().map(|(shard, places)| {
                let some = places.iter().map(|&place| (place, &tensors[place]));
                write_shard(&folder.join(name(shard)), &some.collect::<Vec<_>>(), along)
            });
            written.collect::<Result<()>>()?;
            let named = shards.iter().enumerate().flat_map(|(shard, places)| {
                let tensors = &tensors;
                let entry =
                    move |place: &usize| format!("\"{}\":\"{}\"", tensors[*place].0, name(shard));
                places.iter().map(entry).collect::<Vec<_>>()
            });
            let map = named.collect::<Vec<_>>().join(",");
            let json = format!("{{\"metadata\":{{}},\"weight_map\":{{{map}}}}}");
            std::fs::write(&index, json)?;
        }
        let values: usize = (0..tensors.len()).map(count).sum();
        Ok(2 * values as u64)
    }
}

fn write_shard(path: &Path, tensors: &[(usize, &(String, Vec<usize>))], along: f32) -> Result<()> {
    let mut end = 0;
    let entries = tensors.iter().map(|(_, (name, shape))| {
        let start = end;
        end += 2 * shape.iter().product::<usize>();
        format!(
            "\"{name}\":{{\"dtype\":\"BF16\",\"shape\":{shape:?},\"data_offsets\":[{start},{end}]}}"
        )
    });
    let header = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for (place, (_, shape)) in tensors {
        let count: usize = shape.iter().product();
        for value in 0..count {
            let mut mixed = (value as u64) ^ (*place as u64) << 40;
            mixed = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed ^= mixed >> 27;
            let unit = |bits: u64| (bits & 0xff_ffff) as f32 / 8_388_608.0 - 1.0;
            let own = 0.03 * unit(mixed);
            // Most where there is most.
            let moved = own + along * own * unit(mixed >> 24) * 1.7;
            let bits = moved.to_bits();
            let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
            file.write_all(&(rounded as u16).to_le_bytes())?;
        }
    }
    Ok(file.flush()?)
}
