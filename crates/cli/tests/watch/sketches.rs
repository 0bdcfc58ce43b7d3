//! Trainings that are followed by sketches.

use super::support::text;
use super::training::{CHANGE, Training, walk};
use serde_json::Value;
use std::process::Command;

fn checkpoints(lines: &[Value]) -> Vec<&Value> {
    let lines = lines.iter();
    lines.filter(|line| line["kind"] == "checkpoint").collect()
}

fn number(line: &Value, key: &str) -> f64 {
    line[key].as_f64().unwrap()
}

/// The same alarm at the same place, and lengths within four standard errors.
fn are_alike(exact: &[Value], sketched: &[Value]) {
    let (exact, sketched) = (checkpoints(exact), checkpoints(sketched));
    assert_eq!(exact.len(), sketched.len());
    for (a, b) in std::iter::zip(exact, sketched) {
        assert_eq!(a["position"]["value"], b["position"]["value"]);
        assert_eq!((&a["alarm"], &a["cause"]), (&b["alarm"], &b["cause"]));
        if !a["step_length"].is_null() {
            let ratio = number(b, "step_length") / number(a, "step_length");
            assert!((ratio - 1.0).abs() < 0.09, "{a} {b}");
        }
    }
}

#[test]
fn weights_beyond_the_memory_are_followed_by_their_sketch_and_the_answer_says_so() {
    let training = Training::with(&walk(CHANGE + 1, true));
    let (exact, _) = training.lines(&[]);
    let accredited = training.file(12);
    let arguments = [
        "--memory",
        "4KiB",
        "--accredited",
        accredited.to_str().unwrap(),
    ];
    let (sketched, status) = training.lines(&arguments);
    assert_eq!(status, Some(1));
    are_alike(&exact, &sketched);
    let since = sketched.iter().find(|l| l["position"]["value"] == 17);
    let since = number(since.unwrap(), "since_accredited_steps");
    assert!((since - 5.0).abs() < 0.5, "{since}");
    let notes: Vec<&Value> = sketched.iter().filter(|l| l["kind"] == "note").collect();
    let note = notes.first().unwrap()["message"].as_str().unwrap();
    assert!(note.contains("followed by sketches"), "{note}");
}

#[test]
fn a_folder_of_sketches_is_watched_as_one_of_weights() {
    let training = Training::with(&walk(CHANGE + 1, true));
    let (exact, _) = training.lines(&[]);
    let sketches = Training::new();
    // Another program's, to be passed over.
    std::fs::write(sketches.folder().join("config.json"), "{}").unwrap();
    for epoch in 0..=CHANGE {
        let out = sketches.folder().join(format!("epoch {epoch}.json"));
        let made = Command::new(env!("CARGO_BIN_EXE_modeltrail"))
            .arg("sketch")
            .arg(training.file(epoch))
            .arg("--out")
            .arg(out)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
    }
    let accredited = sketches.folder().join("epoch 12.json");
    let (sketched, status) = sketches.lines(&["--accredited", accredited.to_str().unwrap()]);
    assert_eq!(status, Some(1));
    are_alike(&exact, &sketched);
    let last = number(checkpoints(&sketched)[12], "since_accredited_steps");
    assert_eq!(last, 0.0);
}
