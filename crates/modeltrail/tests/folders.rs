//! Checkpoints that several processes wrote, asked about as any other.
#![allow(clippy::unwrap_used)]

use modeltrail::Checkpoint;
use modeltrail::collection::{Options, collect};
use modeltrail::diff::DiffOptions;
use std::fs;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    let fixtures = "../checkpoint-store/tests/foreign/fixtures";
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(fixtures)
        .join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

fn verdict(a: &Path, b: &Path) -> serde_json::Value {
    let open = |path| Checkpoint::open(path, &Options::default()).unwrap();
    let diff = modeltrail::diff(&open(a), &open(b), &DiffOptions::default()).unwrap();
    serde_json::to_value(&diff).unwrap()["verdict"].clone()
}

#[test]
fn of_several_steps_of_deepspeed_the_latest_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let step = |step: u64| folder.path().join(format!("global_step{step}"));
    copy(&fixture("zero/stage3_world2/global_step3"), &step(3));
    copy(&fixture("zero/stage1_world2/global_step3"), &step(6));
    fs::write(folder.path().join("latest"), "global_step6\n").unwrap();
    assert_eq!(verdict(folder.path(), &step(6))["kind"], "identical");
    assert_ne!(verdict(folder.path(), &step(3))["kind"], "identical");
    // Both are there for a question about all, with the steps that their folders claim.
    let found = collect(&[folder.path().to_path_buf()], &Options::default());
    assert!(found.problems.is_empty(), "{:?}", found.problems);
    let members: usize = found.groups.iter().map(|group| group.members.len()).sum();
    assert_eq!(members, 2);
    assert!(
        found.notes[0].contains("DeepSpeed ZeRO"),
        "{:?}",
        found.notes
    );

    // A name that leads elsewhere is none.
    fs::write(folder.path().join("latest"), "../global_step6").unwrap();
    assert!(Checkpoint::open(folder.path(), &Options::default()).is_err());
}

#[test]
fn the_same_tensors_cut_in_different_ways_are_the_same_model() {
    for other in [
        "ranks/columns",
        "ranks/replicated",
        "ranks/both",
        "ranks/twice",
    ] {
        let verdict = verdict(&fixture("ranks/rows"), &fixture(other));
        assert_eq!(verdict["kind"], "identical", "{other}");
    }
    let both = verdict(
        &fixture("distributed/columns"),
        &fixture("distributed/both"),
    );
    assert_eq!(both["kind"], "identical");
    let sharded = verdict(&fixture("distributed/both"), &fixture("ranks/sharded"));
    assert_eq!(sharded["kind"], "identical");
}

#[test]
fn a_stranger_is_no_other_cut_of_the_same_model() {
    let stranger = verdict(&fixture("ranks/rows"), &fixture("ranks/fsdp2_tp"));
    assert_ne!(stranger["kind"], "identical");
    let stages = verdict(
        &fixture("zero/stage1_world2"),
        &fixture("zero/stage3_world3"),
    );
    assert_ne!(stages["kind"], "identical");
}
