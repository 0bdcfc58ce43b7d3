//! `modeltrail watch --tensorboard`: what lies in the folder afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::process::Command;

const CHECKPOINTS: usize = 20;

/// Data of the records of an event file.
fn records(mut file: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while !file.is_empty() {
        let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
        records.push(&file[12..12 + length]);
        file = &file[16 + length..];
    }
    records
}

fn contains(data: &[u8], text: &str) -> bool {
    data.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn every_start_writes_a_file_of_its_own_with_a_record_for_every_checkpoint() {
    let checkpoints = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/checkpoints/shifted"
    );
    let directory = tempfile::tempdir().unwrap();
    let events = directory.path().join("not there yet");
    for starts in 1..=2 {
        let output = Command::new(env!("CARGO_BIN_EXE_modeltrail"))
            .args(["watch", checkpoints, "--once", "--tensorboard"])
            .arg(&events)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "an alarm");
        let files: Vec<_> = std::fs::read_dir(&events).unwrap().collect();
        assert_eq!(files.len(), starts);
        for file in files {
            let file = file.unwrap();
            let name = file.file_name();
            assert!(name.to_string_lossy().starts_with("events.out.tfevents."));
            let bytes = std::fs::read(file.path()).unwrap();
            let records = records(&bytes);
            // The version, the start of a session, and the checkpoints.
            assert_eq!(records.len(), 2 + CHECKPOINTS);
            assert!(contains(records[0], "brain.Event:2"));
            let with = |tag| records.iter().filter(|data| contains(data, tag)).count();
            assert_eq!(with("modeltrail/step_length"), CHECKPOINTS - 1);
            // Ten steps lie behind the first that is judged; after the alarm at the 17th checkpoint
            // there is not yet evidence enough.
            assert_eq!(with("modeltrail/alarm"), 17 - 11);
        }
    }
}

#[test]
fn a_folder_that_cannot_be_written_to_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_modeltrail"))
        .arg("watch")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/checkpoints/shifted"))
        .args(["--once", "--tensorboard"])
        .arg(file.join("events"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.contains("cannot write an event file in"),
        "{message}"
    );
}
