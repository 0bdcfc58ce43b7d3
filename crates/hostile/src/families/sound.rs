//! Sound files: cut off, or of weights that are no numbers.

use super::{Broken, Expect, broken};
use crate::bytes::{
    Entry, burnpack, burnpack_map, dictionary, gguf, gguf_tensor, legacy, npy, safetensors, tensor,
    text, torch, zip,
};

/// Sound files of each format, cut off.
pub(super) fn cut_off() -> Vec<Broken> {
    let weights = dictionary("w", &tensor("0", 4, 0, &[4], &[1]));
    let mut storages = b"\x80\x02](".to_vec();
    storages.extend(text("0"));
    storages.extend(b"e.");
    storages.extend(4_i64.to_le_bytes());
    storages.extend([0; 16]);
    let header = "{\"w\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}";
    let array = npy("(4,)", 16);
    let mut all = Vec::new();
    for (class, name, bytes) in [
        ("an archive of PyTorch cut off", "a.pt", torch(&weights)),
        (
            "an older file of PyTorch cut off",
            "a.pth",
            legacy(&weights, &storages),
        ),
        (
            "a safetensors file cut off",
            "a.safetensors",
            safetensors(header, 16),
        ),
        ("an array cut off anywhere", "a.npy", array.clone()),
        (
            "an archive of arrays cut off",
            "a.npz",
            zip(&[Entry::deflated("a.npy", &array)]),
        ),
        (
            "a file of Burn cut off",
            "a.bpk",
            burnpack(1, &burnpack_map(&[4], 0, 16), 16),
        ),
        (
            "a GGUF file cut off",
            "a.gguf",
            gguf(&[], &[gguf_tensor("w", &[32], 8, 0)], 34),
        ),
    ] {
        for part in 0..24 {
            let cut = bytes[..bytes.len() * part / 24].to_vec();
            all.push(broken(class, name, cut, Expect::Refused));
        }
    }
    all
}

/// Weights that are no numbers are values like others.
pub(super) fn not_finite() -> Vec<Broken> {
    let header = "{\"w\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}";
    let values = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        -0.0,
        1e-45,
        f32::MAX,
    ];
    let files = values.into_iter().map(|value| {
        let mut bytes = safetensors(header, 0);
        bytes.extend([value; 4].iter().flat_map(|value| value.to_le_bytes()));
        broken(
            "weights that are NaN or infinite",
            "a.safetensors",
            bytes,
            Expect::Read,
        )
    });
    files.collect()
}
