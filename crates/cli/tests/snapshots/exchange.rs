//! Commands that write: sketches, other formats, stores.

use crate::transcript::{EXAMPLES, Transcript};

#[test]
fn sketch() {
    let mut transcript = Transcript::new();
    let sketch = format!("sketch {EXAMPLES}/two-runs --out");
    transcript.run(&format!("{sketch} one.json"));
    transcript.run(&format!("{sketch} two.json --json"));
    transcript.both(&format!("{sketch} two.json"));
    transcript.both("runs one.json");
    transcript.both("diff one.json:seed-1/epoch-1.pt one.json:seed-1/epoch-2.pt");
    transcript.both(
        "gate --accredited one.json:seed-1/epoch-7.pt --candidate one.json:seed-1/epoch-8.pt",
    );
    transcript.both("lineage one.json:seed-1/epoch-8.pt --against two.json");
    transcript.check("sketch");
}

#[test]
fn export() {
    let mut transcript = Transcript::new();
    for (format, out) in [
        ("npz", "npz"),
        ("safetensors", "safetensors"),
        ("parquet", "table.parquet"),
    ] {
        let export = format!("export {EXAMPLES}/two-runs --format {format} --out");
        transcript.run(&format!("{export} {out}"));
        transcript.listing(out);
        transcript.run(&format!("{export} more-{out} --json"));
    }
    transcript.both(&format!(
        "export {EXAMPLES}/two-runs --out safetensors --format safetensors"
    ));
    // Weights come back as they went.
    for format in ["npz", "safetensors"] {
        let file = format!("seed-1/epoch-1.{format}");
        let written = format!("diff {EXAMPLES}/two-runs/seed-1/epoch-1.pt {format}/{file}");
        transcript.run(&written);
    }
    transcript.check("export");
}

#[test]
fn import_and_verify() {
    let mut transcript = Transcript::new();
    transcript.both(&format!("import {EXAMPLES}/two-runs --out refused"));
    let import = format!("import {EXAMPLES}/shifted --out");
    transcript.run(&format!("{import} store"));
    transcript.run(&format!("{import} again --json"));
    // Nothing is left to do.
    transcript.both(&format!("{import} store"));
    transcript.both(&format!(
        "import {EXAMPLES}/two-runs --number --out numbered"
    ));
    transcript.listing("store");
    transcript.both("zoo ls store numbered");
    transcript.both("verify store");
    transcript.both("runs store");
    transcript.check("import");
}

#[test]
fn verify_of_a_damaged_store() {
    let mut transcript = Transcript::new();
    let import = format!("import {EXAMPLES}/shifted --out store");
    transcript.quietly(&import);
    let files = std::fs::read_dir(transcript.path("store")).unwrap();
    let largest = files
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| path.metadata().unwrap().len());
    let largest = largest.unwrap();
    let mut bytes = std::fs::read(&largest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&largest, bytes).unwrap();
    transcript.both("verify store");
    transcript.both("runs store");
    transcript.run("verify store --repair");
    transcript.listing("store");
    transcript.run("verify store --json");
    transcript.run(&import);
    transcript.both("verify store");
    transcript.check("verify_damaged");
}
