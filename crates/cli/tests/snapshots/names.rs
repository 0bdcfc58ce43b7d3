//! One model under other names, stored in other ways, and with a few tensors more.

use crate::transcript::Transcript;
use std::path::Path;

/// Numbers that look random, of mean 0.
fn values(count: usize, salt: u32) -> Vec<f32> {
    let value = |i: u32| ((i * 7919 + salt * 104_729) % 1009) as f32 / 1009.0 - 0.5;
    (0..count as u32).map(value).collect()
}

/// A tensor: its name, its rows, its columns (none for a vector), its values.
type Tensor = (String, usize, Option<usize>, Vec<f32>);

fn model() -> Vec<Tensor> {
    let tensors = [
        ("embed.weight", 12, Some(8)),
        ("attn.q_proj.weight", 8, Some(8)),
        ("attn.k_proj.weight", 8, Some(8)),
        ("attn.v_proj.weight", 8, Some(8)),
        ("mlp.weight", 16, Some(8)),
        ("mlp.bias", 16, None),
        ("lm_head.weight", 12, Some(8)),
    ];
    let tensors = tensors.iter().zip(1..);
    tensors
        .map(|((name, rows, columns), salt)| {
            // The output layer is the embedding.
            let salt = if *name == "lm_head.weight" { 1 } else { salt };
            let values = values(rows * columns.unwrap_or(1), salt);
            ((*name).to_owned(), *rows, *columns, values)
        })
        .collect()
}

/// The same in another wrapper: with one projection, a linear layer transposed, the output layer once.
fn other() -> Vec<Tensor> {
    let mut tensors = Vec::new();
    let mut fused = Vec::new();
    for (name, rows, columns, values) in model() {
        let columns_of = columns.unwrap_or(1);
        if name.starts_with("attn") {
            fused.extend(values);
        } else if name == "mlp.weight" {
            let turned = (0..rows * columns_of)
                .map(|place| values[place % rows * columns_of + place / rows])
                .collect();
            tensors.push((name, columns_of, Some(rows), turned));
        } else if name != "lm_head.weight" {
            tensors.push((name, rows, columns, values));
        }
    }
    tensors.push(("attn.qkv.weight".to_owned(), 24, Some(8), fused));
    for tensor in &mut tensors {
        tensor.0 = format!("model.{}", tensor.0);
    }
    tensors
}

/// The same with a head, and with more words.
fn grown() -> Vec<Tensor> {
    let mut tensors = model();
    for (name, rows, _, own) in &mut tensors {
        if name.contains("embed") || name.contains("lm_head") {
            *rows += 2;
            own.extend(values(16, 90));
        }
    }
    tensors.push(("aux.weight".to_owned(), 2, Some(8), values(16, 91)));
    tensors
}

fn write(path: &Path, tensors: &[Tensor]) {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (name, rows, columns, values) in tensors {
        let start = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        let shape: Vec<usize> = [Some(*rows), *columns].into_iter().flatten().collect();
        let entry = serde_json::json!({
            "dtype": "F32", "shape": shape, "data_offsets": [start, data.len()],
        });
        header.insert(name.clone(), entry);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(data);
    std::fs::write(path, file).unwrap();
}

#[test]
fn names() {
    let mut transcript = Transcript::new();
    write(&transcript.path("a.safetensors"), &model());
    write(&transcript.path("other.safetensors"), &other());
    write(&transcript.path("grown.safetensors"), &grown());
    for command in [
        "diff a.safetensors other.safetensors",
        "diff a.safetensors grown.safetensors",
        "diff a.safetensors other.safetensors --map exact",
        "gate --accredited a.safetensors --candidate other.safetensors",
        "gate --accredited a.safetensors --candidate grown.safetensors",
        "lineage other.safetensors --against a.safetensors grown.safetensors",
        "runs a.safetensors other.safetensors grown.safetensors",
    ] {
        transcript.both(command);
    }
    transcript.check("names");
}
