//! Models made up for tests, as files.

use std::path::Path;
use weightspace::random::{normal, permutation, stream};

#[path = "../../weightspace/src/relation/rearranged/planted.rs"]
mod models;

pub(crate) use models::*;

/// Writes a model as safetensors.
pub(crate) fn save(model: &Planted, path: &Path) {
    let mut header = serde_json::Map::new();
    let mut data: Vec<u8> = Vec::new();
    for (name, shape, values) in &model.0 {
        let start = data.len();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
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
