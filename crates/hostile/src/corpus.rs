//! Hostile and broken files, by format: each must be refused, and how.
#![allow(missing_docs)]

mod archives;
mod burnpack;
mod flax;
mod gguf;
mod hdf5;
mod legacy;
mod onnx;
mod others;
mod pickles;
mod safetensors;
mod shards;
mod tensors;

use checkpoint_store::Fault;

/// Files of which the first is named, and how that must fail.
pub struct Case {
    pub name: &'static str,
    pub files: Vec<(&'static str, Vec<u8>)>,
    pub fault: Fault,
}

pub fn cases() -> Vec<Case> {
    let mut cases = others::files();
    cases.extend(safetensors::files());
    cases.extend(shards::files());
    cases.extend(archives::files());
    cases.extend(pickles::files());
    cases.extend(tensors::files());
    cases.extend(legacy::files());
    cases.extend(burnpack::files());
    cases.extend(gguf::files());
    cases.extend(onnx::files());
    cases.extend(hdf5::files());
    cases.extend(flax::files());
    cases
}

/// A sound file of HDF5.
pub fn sound_hdf5() -> Vec<u8> {
    hdf5::sound()
}

fn case(name: &'static str, file: &'static str, bytes: impl Into<Vec<u8>>, fault: Fault) -> Case {
    Case {
        name,
        files: vec![(file, bytes.into())],
        fault,
    }
}
