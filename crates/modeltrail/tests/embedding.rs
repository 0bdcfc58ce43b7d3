//! The library as another tool uses it: through its public names alone.
#![allow(clippy::unwrap_used)]

use modeltrail::{Collection, Error, ShiftDetector, TensorSource, Tensors};
use std::path::Path;

/// A small network on a smooth path of its own, at a step: what a training in memory looks like.
fn network(run: u32, step: u32) -> Tensors {
    let wave = |index: u32, phase: f32| ((index * (run + 2)) as f32 * 0.37 + phase).sin();
    let progress = 4.0 * (1.0 - 0.9_f32.powi(step as i32));
    let values = |from: u32, count: u32| -> Vec<f32> {
        (from..from + count)
            .map(|index| 10.0 * wave(index * index, 0.0) + progress * wave(index, 1.0))
            .collect()
    };
    let mut tensors = Tensors::new();
    tensors
        .add("hidden.weight", &[12, 8], values(0, 96))
        .unwrap();
    tensors.add("hidden.bias", &[12], values(100, 12)).unwrap();
    tensors
}

/// Writes named tensors as safetensors, as any other program would.
fn write_safetensors(path: &Path, tensors: &Tensors) {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for (index, tensor) in tensors.tensors().iter().enumerate() {
        let start = data.len();
        tensors
            .read(index, &mut |values| {
                data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            })
            .unwrap();
        let entry = serde_json::json!({
            "dtype": "F32", "shape": tensor.shape, "data_offsets": [start, data.len()],
        });
        header.insert(tensor.name.clone(), entry);
    }
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(data);
    std::fs::write(path, file).unwrap();
}

#[test]
fn a_folder_of_safetensors_becomes_runs_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    for run in 0..2 {
        for step in 0..8 {
            // Names that claim nothing: the order is read off the weights.
            let name = format!(
                "{}.safetensors",
                ["ab", "ba"][run as usize].repeat(step + 1)
            );
            write_safetensors(&folder.path().join(name), &network(run, step as u32));
        }
    }
    let collection = Collection::options().seed(3).read([folder.path()]);
    assert!(collection.problems.is_empty());
    let coverage = collection.coverage();
    assert!(coverage.is_complete());
    assert_eq!(coverage.weights_read, 16 * 108);
    let document = serde_json::to_value(runs(collection)).unwrap();
    let runs = document["groups"][0]["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    for run in runs {
        let places = run["checkpoints"].as_array().unwrap();
        let mut lengths: Vec<usize> = places
            .iter()
            .map(|place| place["name"].as_str().unwrap().len())
            .collect();
        if lengths.first() > lengths.last() {
            lengths.reverse();
        }
        assert!(lengths.is_sorted(), "{lengths:?}");
        assert_eq!(lengths.len(), 8);
    }
}

#[test]
fn tensors_in_memory_give_the_answer_that_files_give() {
    let folder = tempfile::tempdir().unwrap();
    let mut named = Vec::new();
    for run in 0..2 {
        for step in 0..6 {
            let name = format!(
                "{}.safetensors",
                ["ab", "ba"][run as usize].repeat(step + 1)
            );
            let tensors = network(run, step as u32);
            write_safetensors(&folder.path().join(&name), &tensors);
            named.push((name, tensors));
        }
    }
    let from_files =
        serde_json::to_value(runs(Collection::options().read([folder.path()]))).unwrap();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    let from_memory = Collection::from_tensors(named).unwrap();
    let from_memory = serde_json::to_value(runs(from_memory)).unwrap();
    let orders = |document: &serde_json::Value| -> Vec<Vec<String>> {
        let runs = document["groups"][0]["runs"].as_array().unwrap();
        let names = |run: &serde_json::Value| {
            let places = run["checkpoints"].as_array().unwrap();
            let mut names: Vec<String> = places
                .iter()
                .map(|place| place["name"].as_str().unwrap().to_owned())
                .collect();
            if names.first() > names.last() {
                names.reverse();
            }
            names
        };
        let mut orders: Vec<Vec<String>> = runs.iter().map(names).collect();
        orders.sort();
        orders
    };
    assert_eq!(orders(&from_files), orders(&from_memory));
}

#[test]
fn a_detector_is_fed_with_tensors_of_ones_own_and_hears_a_turn() {
    let mut detector = ShiftDetector::new(network(0, 0).tensors()).unwrap();
    let mut alarms = Vec::new();
    for step in 0..24_u32 {
        // From step 16 on the training goes elsewhere, in long steps.
        let tensors = if step < 16 {
            network(0, step)
        } else {
            network(0, 15 + 40 * (step - 15)).shifted(step - 15)
        };
        let reading = detector.push(u64::from(step), &tensors).unwrap();
        if reading.verdict.is_some_and(|verdict| verdict.alarm) {
            alarms.push(step);
        }
    }
    assert_eq!(alarms.first(), Some(&16), "{alarms:?}");
}

/// Moves a network in a direction that it has not taken before.
trait Shifted {
    fn shifted(self, by: u32) -> Self;
}

impl Shifted for Tensors {
    fn shifted(self, by: u32) -> Self {
        let mut moved = Tensors::new();
        for (index, tensor) in self.tensors().iter().enumerate() {
            let mut values = Vec::new();
            self.read(index, &mut |slice| values.extend_from_slice(slice))
                .unwrap();
            for (place, value) in values.iter_mut().enumerate() {
                *value += by as f32 * if place % 2 == 0 { 1.0 } else { -1.0 };
            }
            let shape: Vec<usize> = tensor.shape.iter().map(|&side| side as usize).collect();
            moved.add(tensor.name.clone(), &shape, values).unwrap();
        }
        moved
    }
}

#[test]
fn nothing_to_read_is_an_error_with_a_kind() {
    let none: [(&str, Tensors); 0] = [];
    let error = Collection::from_tensors(none).unwrap_err();
    assert!(matches!(error, Error::NothingRead));
    assert_eq!(error.kind(), "nothing_read");
}

fn runs(collection: Collection) -> impl serde::Serialize {
    let options = modeltrail::runs::RunOptions::default();
    collection
        .runs(&options, &modeltrail::progress::Silent)
        .unwrap()
}
