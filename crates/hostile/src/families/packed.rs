//! Packed weights whose settings and shapes do not fit together.

use super::{Broken, Expect, FOLDER, Reader};
use crate::bytes::safetensors;

/// A tensor: its name, its type, bytes of an element, and its shape.
type Tensor = (&'static str, &'static str, usize, Vec<u64>);

/// A safetensors file of these, filled with zeros.
fn file(tensors: &[Tensor]) -> Vec<u8> {
    let mut at = 0;
    let entries = tensors.iter().map(|(name, dtype, size, shape)| {
        let bytes = shape.iter().product::<u64>() as usize * size;
        let start = at;
        at += bytes;
        format!("\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape:?},\"data_offsets\":[{start},{at}]}}")
    });
    let header = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
    safetensors(&header, at)
}

/// A folder with a model and its settings.
fn folder(class: &str, settings: &str, model: Vec<u8>) -> Broken {
    Broken {
        class: class.to_owned(),
        files: vec![
            (FOLDER.to_owned(), Vec::new()),
            ("config.json".to_owned(), settings.as_bytes().to_vec()),
            ("model.safetensors".to_owned(), model),
        ],
        reader: Reader::Weights,
        expect: Expect::Either,
    }
}

/// GPTQ, AWQ and MLX beside settings that say what is not so.
fn with_settings() -> Vec<Broken> {
    let settings = [
        "{}",
        "[",
        "{\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":0}}",
        "{\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":-9}}",
        "{\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":8}}",
        "{\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":-1}}",
        "{\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":3,\"group_size\":8}}",
        "{\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4000000000,\"group_size\":8}}",
        "{\"quantization_config\":{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":8}}",
        "{\"quantization_config\":{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":9223372036854775807}}",
        "{\"quantization\":{\"bits\":4,\"group_size\":8}}",
        "{\"quantization\":{\"bits\":0,\"group_size\":0}}",
    ];
    let shapes: [[Vec<u64>; 4]; 6] = [
        [vec![2, 16], vec![2, 2], vec![2, 16], vec![16]],
        [vec![16, 2], vec![2, 2], vec![2, 16], vec![16]],
        [vec![2, 16], vec![0, 2], vec![0, 16], vec![0]],
        [vec![32], vec![4], vec![32], vec![16]],
        [vec![2, 2, 8], vec![2, 2, 1], vec![2, 2, 8], vec![1, 16]],
        [vec![0, 0], vec![0, 0], vec![0, 0], vec![0]],
    ];
    let mut all = Vec::new();
    for settings in settings {
        for [weight, zeros, scales, index] in &shapes {
            let tensors = [
                ("b", "F32", 4, vec![4]),
                ("a.qweight", "I32", 4, weight.clone()),
                ("a.qzeros", "I32", 4, zeros.clone()),
                ("a.scales", "F16", 2, scales.clone()),
                ("a.g_idx", "I32", 4, index.clone()),
                ("c.weight", "U32", 4, weight.clone()),
                ("c.scales", "F16", 2, scales.clone()),
                ("c.biases", "F16", 2, scales.clone()),
            ];
            let class = "packed weights beside settings that do not fit";
            all.push(folder(class, settings, file(&tensors)));
        }
    }
    all
}

/// bitsandbytes with a description that lies.
fn described() -> Vec<Broken> {
    let states = [
        "{}",
        "{\"blocksize\":0,\"shape\":[4,8]}",
        "{\"blocksize\":64,\"shape\":[4294967296,4294967296]}",
        "{\"blocksize\":64,\"shape\":[4294967296,4294967297]}",
        "{\"blocksize\":18446744073709551615,\"shape\":[4,8]}",
        "{\"blocksize\":7,\"shape\":[4,8]}",
        "{\"blocksize\":8,\"shape\":[]}",
        "{\"blocksize\":8,\"shape\":[0]}",
        "{\"blocksize\":8,\"shape\":[4,8],\"nested_blocksize\":0,\"nested_offset\":1e99}",
        "{\"blocksize\":8,\"shape\":[4,8],\"nested_blocksize\":2,\"nested_offset\":0.5}",
    ];
    let files = states.iter().map(|state| {
        let tensors = [
            ("a.weight", "U8", 1, vec![16, 1]),
            ("a.weight.absmax", "U8", 1, vec![4]),
            ("a.weight.nested_absmax", "F32", 4, vec![2]),
            ("a.weight.nested_quant_map", "F32", 4, vec![256]),
            ("a.weight.quant_map", "F32", 4, vec![16]),
            ("b", "F32", 4, vec![4]),
            (
                "a.weight.quant_state.bitsandbytes__nf4",
                "U8",
                1,
                vec![state.len() as u64],
            ),
        ];
        let mut bytes = file(&tensors);
        let start = bytes.len() - state.len();
        bytes[start..].copy_from_slice(state.as_bytes());
        folder("packed weights whose description lies", "{}", bytes)
    });
    files.collect()
}

/// Scales of shapes that belong to no matrix.
fn scaled() -> Vec<Broken> {
    let shapes: [&[u64]; 8] = [&[], &[1], &[4], &[4, 1], &[4, 3], &[0], &[4, 0], &[2, 2, 2]];
    let mut all = Vec::new();
    for scale in shapes {
        for (dtype, weight) in [
            ("F8_E4M3", vec![4, 8]),
            ("I8", vec![4, 8]),
            ("I8", vec![0, 8]),
        ] {
            for end in ["_scale", "_scale_inv", "_scale_2"] {
                let name: &'static str = match end {
                    "_scale" => "a.weight_scale",
                    "_scale_inv" => "a.weight_scale_inv",
                    _ => "a.weight_scale_2",
                };
                let tensors = [
                    ("b", "F32", 4, vec![4]),
                    ("a.weight", dtype, 1, weight.clone()),
                    (name, "F32", 4, scale.to_vec()),
                    ("d_blocks", "U8", 1, vec![2, 3, 1, 16]),
                    ("d_scales", "U8", 1, scale.to_vec()),
                    ("e.weight_packed", "U8", 1, vec![4, 8]),
                    ("e.weight_scale", "F8_E4M3", 1, scale.to_vec()),
                    ("e.weight_global_scale", "F32", 4, vec![1]),
                    ("f.weight_packed", "I32", 4, vec![4, 8]),
                    ("f.weight_scale", "F32", 4, scale.to_vec()),
                    ("f.weight_shape", "I64", 8, vec![2]),
                ];
                all.push(folder(
                    "scales of packed weights that do not fit",
                    "{}",
                    file(&tensors),
                ));
            }
        }
    }
    all
}

pub(super) fn files() -> Vec<Broken> {
    let mut all = with_settings();
    all.extend(described());
    all.extend(scaled());
    all
}
