//! Writes the Burn fixtures of the tests of foreign checkpoints, and what is expected of them, with
//! burn-pack's writer: what `ModuleRecord::save` of Burn 0.22 hands its tensors to.
//!
//! `cargo run` in this folder. The names are those that Burn gives a module of a convolution, a
//! batch norm and a linear layer.

use std::path::Path;

use burn_pack::{Bytes, DType, Scalar, Shape, Tensor, Writer};
use serde_json::json;

/// Numbers with few digits, different in every tensor.
fn values(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|index| ((index * 37 + seed * 11) % 64) as f32 / 16.0 - 2.0)
        .collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/burn");
    std::fs::create_dir_all(&folder)?;
    let layout: [(&str, DType, &[usize], &str); 10] = [
        ("conv.weight", DType::F32, &[3, 1, 2, 2], "weight"),
        ("conv.bias", DType::F32, &[3], "weight"),
        ("norm.gamma", DType::BF16, &[3], "weight"),
        ("norm.beta", DType::F64, &[3], "weight"),
        ("norm.running_mean", DType::F32, &[3], "buffer"),
        ("norm.running_var", DType::F32, &[3], "buffer"),
        ("head.weight", DType::F32, &[5, 70], "weight"),
        ("head.bias", DType::F32, &[], "weight"),
        ("count", DType::I32, &[2], "not float"),
        ("none", DType::F32, &[0, 3], "weight"),
    ];
    let mut tensors = Vec::new();
    let mut expected = serde_json::Map::new();
    for (seed, (name, dtype, shape, role)) in layout.into_iter().enumerate() {
        let values = values(shape.iter().product(), seed);
        let (element, bytes): (&str, Vec<u8>) = match dtype {
            // Exact in the upper half of the bits: the numbers have few digits.
            DType::BF16 => (
                "bf16",
                values.iter().flat_map(|v| v.to_le_bytes()[2..].to_vec()).collect(),
            ),
            DType::F64 => (
                "f64",
                values.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect(),
            ),
            DType::I32 => (
                "i32",
                values.iter().flat_map(|v| (*v as i32).to_le_bytes()).collect(),
            ),
            _ => ("f32", values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        };
        let read = values.iter().map(|value| match dtype {
            DType::I32 => value.trunc(),
            _ => *value,
        });
        let read: Vec<f32> = read.collect();
        let sum: f64 = (read.iter().enumerate())
            .map(|(index, value)| f64::from(*value) * (index % 97 + 1) as f64)
            .sum();
        expected.insert(
            name.to_owned(),
            json!({
                "shape": shape, "element": element, "role": role, "sum": sum,
                "first": read.first().unwrap_or(&0.0), "last": read.last().unwrap_or(&0.0),
            }),
        );
        let id = Some(seed as u64 + 1000);
        tensors.push(Tensor::new(
            name.to_owned(),
            dtype,
            Shape::from(shape.to_vec()),
            id,
            Bytes::from_bytes_vec(bytes),
        ));
    }
    Writer::new(tensors)
        .with_metadata("seed", "5")
        .with_scalar("epoch", Scalar::from(3_u64))
        .write_to_file(folder.join("model.bpk"))?;
    let all = json!({
        "burn/model.bpk": {
            "tensors": expected, "left_out": 0, "run": "seed-5", "epoch": 3, "step": null,
        },
    });
    let text = serde_json::to_string_pretty(&all)?;
    std::fs::write(folder.join("expected.json"), text + "\n")?;
    Ok(())
}
