//! Networks of other libraries, compared without a word about them in ours.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::Device;
use candle_core::{DType, Device as CandleDevice, Tensor};
use candle_nn::{VarBuilder, VarMap};
use modeltrail::Checkpoint;
use modeltrail::collection::Options;
use modeltrail::diff::DiffOptions;
use serde_json::Value;
use std::path::Path;

#[derive(Module, Debug)]
struct Network {
    hidden: Linear,
    head: Linear,
}

impl Network {
    fn new() -> Self {
        let device = Device::ndarray();
        Self {
            hidden: LinearConfig::new(8, 12).init(&device),
            head: LinearConfig::new(12, 3).init(&device),
        }
    }
}

fn compared(a: &Path, b: &Path) -> Value {
    let open = |path: &Path| Checkpoint::open(path, &Options::default()).unwrap();
    let diff = modeltrail::diff(&open(a), &open(b), &DiffOptions::default()).unwrap();
    serde_json::to_value(&diff).unwrap()
}

#[test]
fn a_module_of_burn_is_identical_to_its_own_record_and_to_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let [one, copy, other] =
        ["one.bpk", "copy.bpk", "other.bpk"].map(|name| folder.path().join(name));
    let network = Network::new();
    network.clone().save_file(&one).unwrap();
    network.save_file(&copy).unwrap();
    Network::new().save_file(&other).unwrap();
    let same = compared(&one, &copy);
    assert_eq!(same["total"]["frozen"], true, "{same}");
    let different = compared(&one, &other);
    assert_eq!(different["total"]["frozen"], false, "{different}");
    assert_eq!(different["tensors"].as_array().unwrap().len(), 4);
}

#[test]
fn a_var_map_of_candle_that_was_scaled_is_said_to_be_scaled() {
    let folder = tempfile::tempdir().unwrap();
    let device = CandleDevice::Cpu;
    let variables = VarMap::new();
    let builder = VarBuilder::from_varmap(&variables, DType::F32, &device);
    candle_nn::linear(8, 12, builder.pp("hidden")).unwrap();
    candle_nn::linear(12, 3, builder.pp("head")).unwrap();
    let [before, after] =
        ["before.safetensors", "after.safetensors"].map(|name| folder.path().join(name));
    variables.save(&before).unwrap();
    let half = Tensor::new(0.5_f32, &device).unwrap();
    for variable in variables.all_vars() {
        let scaled = variable.broadcast_mul(&half).unwrap();
        variable.set(&scaled).unwrap();
    }
    variables.save(&after).unwrap();
    let diff = compared(&before, &after);
    let relative = diff["total"]["relative_distance"].as_f64().unwrap();
    assert!((relative - 0.5).abs() < 1e-6, "{diff}");
    let verdict = diff["verdict"].to_string();
    assert!(verdict.contains("scaled"), "{verdict}");
}
