//! Ten thousand files.

use crate::folder::{Folder, modeltrail, safetensors};
use std::ffi::OsStr;
use std::time::{Duration, Instant};

const RUNS: usize = 10;
const EPOCHS: usize = 1000;

/// Ten runs, far from each other, of a thousand checkpoints; every hundredth is broken.
fn ten_thousand() -> Folder {
    let folder = Folder::empty();
    for run in 0..RUNS {
        for epoch in 0..EPOCHS {
            let value = |index: usize| {
                let start = 100.0 * ((run * 31 + index * 17) as f32).sin();
                let along = 0.02 * (epoch as f32) * ((index + run) as f32).cos();
                start + along + 0.001 * ((epoch * 7 + index * 13) as f32).sin()
            };
            let values: Vec<f32> = (0..8).map(value).collect();
            let mut file = safetensors(&[2, 4], &values);
            if epoch % 100 == 50 {
                file.truncate(file.len() / 2);
            }
            folder.write(format!("run-{run}/epoch-{epoch}.safetensors"), &file);
        }
    }
    folder
}

#[test]
fn ten_thousand_files_are_sketched_and_watched_quickly() {
    let folder = ten_thousand();
    let broken = RUNS * EPOCHS / 100;
    let place = folder.path("");
    let out = folder.path("kept.json");
    let text = OsStr::new;
    let begin = Instant::now();
    let said = modeltrail([
        text("sketch"),
        place.as_os_str(),
        text("--out"),
        out.as_os_str(),
    ]);
    assert_eq!(said.status, 1, "{}", said.err);
    // They are all broken in the same way.
    assert_eq!(said.unread().len(), 2, "{}", said.err);
    let said = modeltrail([
        text("watch"),
        folder.path("run-3").as_os_str(),
        text("--once"),
    ]);
    assert_eq!(said.status, 1);
    assert_eq!(said.unread().len(), broken / RUNS);
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(60), "{took:?}");
}

#[test]
fn ten_thousand_files_are_sorted_into_runs_quickly() {
    let folder = ten_thousand();
    let place = folder.path("");
    let said = modeltrail([OsStr::new("runs"), place.as_os_str(), OsStr::new("--json")]);
    assert_eq!(said.status, 1);
    let answer = said.json();
    let problems = answer["problems"].as_array().unwrap();
    assert_eq!(problems.len(), RUNS * EPOCHS / 100);
    let group = &answer["groups"][0];
    assert_eq!(group["checkpoints"], RUNS * EPOCHS - RUNS * EPOCHS / 100);
    assert_eq!(
        group["runs"].as_array().unwrap().len(),
        RUNS,
        "{}",
        group["verdict"]
    );
}
