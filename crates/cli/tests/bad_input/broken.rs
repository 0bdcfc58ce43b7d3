//! Files that are half-written, truncated, empty, renamed, or something else.

use serde_json::Value;
use std::ffi::OsStr;

use crate::folder::{
    Folder, GOOD, checkpoint, left_out_by_every_command, modeltrail, refused_by_every_command,
    safetensors,
};

/// One broken file, beside a sound training and alone.
fn is_refused(name: &str, bytes: &[u8], words: &[&str]) {
    let folder = Folder::sound();
    let path = folder.write(name, bytes);
    refused_by_every_command(&folder, &path, name, words);
    left_out_by_every_command(&folder, name, words);
}

#[test]
fn half_written_and_cut_off_files_are_left_out() {
    let whole = checkpoint(0);
    for (name, length) in [
        ("half-9.safetensors", whole.len() / 2),
        ("last-9.safetensors", whole.len() - 1),
        ("head-9.safetensors", 40),
    ] {
        is_refused(name, &whole[..length], &["not written to its end"]);
    }
}

#[test]
fn files_of_few_bytes_are_left_out() {
    is_refused("empty-9.pt", b"", &["it is empty"]);
    is_refused(
        "one-9.safetensors",
        b"\x07",
        &["Supported formats are safetensors"],
    );
    let length = 1000_u64.to_le_bytes();
    is_refused(
        "eight-9.safetensors",
        &length,
        &["Supported formats are safetensors"],
    );
    is_refused("zeros-9.npz", &[0; 8], &["begins with zeros"]);
}

#[test]
fn what_is_no_checkpoint_under_the_name_of_one_is_left_out() {
    is_refused("page-9.pt", b"<html>404</html>", &["HTML"]);
    is_refused(
        "text-9.npy",
        b"these are no weights",
        &["Supported formats are"],
    );
    is_refused("packed-9.safetensors", b"\x1f\x8b\x08\0\0\0", &["gunzip"]);
}

#[test]
fn files_with_the_name_of_another_format_are_read_by_what_is_in_them() {
    let folder = Folder::sound();
    folder.write("run/epoch-6.pt", &checkpoint(6));
    folder.write("run/epoch-7.npz", &checkpoint(7));
    folder.write("run/epoch-8.bin", &checkpoint(8));
    let said = modeltrail(["runs".as_ref(), folder.run().as_os_str(), "--json".as_ref()]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert_eq!(said.json()["groups"][0]["checkpoints"], GOOD + 3);
    // One that is named itself may be called anything.
    let odd = folder.write("weights.backup", &checkpoint(0));
    let said = modeltrail(["diff".as_ref(), folder.good(0).as_os_str(), odd.as_os_str()]);
    assert_eq!(said.status, 0, "{}", said.err);
}

#[test]
fn weights_that_are_not_finite_are_left_out_by_name() {
    let folder = Folder::sound();
    let mut values = [1.0; 24];
    values[3] = f32::NAN;
    let bad = folder.write("run/nan-9.safetensors", &safetensors(&[4, 6], &values));
    let place = folder.run();
    let said = modeltrail(["runs".as_ref(), place.as_os_str()]);
    assert_eq!(said.status, 1);
    said.names_once("nan-9", &["NaN or infinite: 1 in fc.weight"]);
    let said = modeltrail(["watch".as_ref(), place.as_os_str(), "--once".as_ref()]);
    assert_eq!(said.status, 1);
    assert!(said.err.contains("nan-9.safetensors: it has weights"));
    let said = modeltrail(["runs".as_ref(), bad.as_os_str()]);
    assert_eq!(said.status, 2, "{}", said.out);
}

#[test]
fn the_same_tensors_in_other_shapes_are_another_group_and_never_mixed() {
    let folder = Folder::sound();
    let values: Vec<f32> = (0..24).map(|value| value as f32).collect();
    let other = folder.write("run/epoch-9.safetensors", &safetensors(&[6, 4], &values));
    let (run, good) = (folder.run(), folder.good(0));
    let said = modeltrail(["runs".as_ref(), run.as_os_str(), "--json".as_ref()]);
    assert_eq!(said.status, 0, "{}", said.err);
    let groups = &said.json()["groups"];
    assert_eq!(groups[0]["checkpoints"], GOOD);
    assert_eq!(groups[1]["checkpoints"], 1);
    // No tensor is in both.
    let said = modeltrail(["diff".as_ref(), good.as_os_str(), other.as_os_str()]);
    assert_eq!(said.status, 1, "{}", said.err);
    assert!(said.out.contains("fc.weight"), "{}", said.out);
    let said = modeltrail([
        "gate".as_ref(),
        "--accredited".as_ref(),
        good.as_os_str(),
        "--candidate".as_ref(),
        other.as_os_str(),
    ]);
    assert_eq!(said.status, 2);
    assert!(
        said.err.contains("fc.weight is [6, 4] and not [4, 6]"),
        "{}",
        said.err
    );
    // The newest checkpoint decides what is followed.
    let said = modeltrail(["watch".as_ref(), run.as_os_str(), "--once".as_ref()]);
    assert_eq!(said.status, 1);
    assert!(
        said.err.contains("its tensors are not those"),
        "{}",
        said.err
    );
}

#[test]
fn a_sketch_that_no_sketcher_made_is_told_once_and_the_rest_goes_on() {
    let folder = Folder::sound();
    let (run, out) = (folder.run(), folder.path("kept.json"));
    let text = OsStr::new;
    let sketch = [
        text("sketch"),
        run.as_os_str(),
        text("--out"),
        out.as_os_str(),
    ];
    assert_eq!(modeltrail(sketch).status, 0);
    let mut file: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    for place in [1, 3] {
        let values = file["checkpoints"][place]["sketch"]["values"].as_array_mut();
        values.unwrap().truncate(7);
    }
    let bad = folder.write("damaged.json", file.to_string().as_bytes());
    let said = modeltrail([text("runs"), bad.as_os_str(), run.as_os_str()]);
    assert_eq!(said.status, 1, "{}", said.err);
    said.names_once("damaged.json", &["Sketch the checkpoints anew"]);
    let said = modeltrail([text("runs"), bad.as_os_str()]);
    assert_eq!(said.status, 2, "{}", said.out);
}

#[test]
fn files_of_sketches_that_are_broken_are_refused_by_every_command() {
    for (name, text) in [
        ("cut.json", "{\"schema\": \"modeltrail.sk"),
        ("other.json", "{\"weights\": [1, 2]}"),
        ("empty.json", ""),
        ("binary.json", "\u{0}\u{1}\u{2}"),
    ] {
        let folder = Folder::sound();
        let path = folder.write(name, text.as_bytes());
        for arguments in [
            vec!["runs".as_ref(), path.as_os_str()],
            vec![
                "gate".as_ref(),
                "--accredited".as_ref(),
                path.as_os_str(),
                "--candidate".as_ref(),
                path.as_os_str(),
            ],
        ] {
            let said = modeltrail(arguments);
            assert_eq!(said.status, 2);
            said.names_once(name, &["not a file of sketches", "Sketch the checkpoints"]);
        }
    }
}
