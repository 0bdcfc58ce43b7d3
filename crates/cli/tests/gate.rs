//! `modeltrail gate`, as a user meets it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

/// Tensors by name, each of shape (values / 4, 4).
type Tensors<'a> = [(&'a str, Vec<f32>)];

fn save(path: &Path, tensors: &Tensors<'_>) {
    let shapes: Vec<[usize; 2]> = tensors.iter().map(|(_, v)| [v.len() / 4, 4]).collect();
    let tensors = std::iter::zip(tensors, &shapes);
    let tensors: Vec<_> = tensors
        .map(|((name, values), shape)| (*name, &shape[..], &values[..]))
        .collect();
    support::save(path, &tensors);
}

/// A body of 4000 values and a head of 400, scaled by `1 + body` and `1 + head`: these are the
/// relative distances from the model of (0, 0).
fn model(path: &Path, body: f32, head: f32) {
    let values = |count: usize, scale: f32| -> Vec<f32> {
        (0..count)
            .map(|i| (1.0 + scale) * (i as f32 * 0.7).sin())
            .collect()
    };
    save(
        path,
        &[
            ("body.weight", values(4000, body)),
            ("head.weight", values(400, head)),
        ],
    );
}

struct Case(tempfile::TempDir);

impl Case {
    fn new() -> Self {
        let case = Self(tempfile::tempdir().unwrap());
        model(&case.path("a.safetensors"), 0.0, 0.0);
        case
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn budget(&self, text: &str) {
        std::fs::write(self.path("budget.toml"), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_modeltrail"))
            .current_dir(self.0.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    /// The gate from `a.safetensors` to `b.safetensors`.
    fn gate(&self, more: &[&str]) -> Output {
        let usual = [
            "gate",
            "--accredited",
            "a.safetensors",
            "--candidate",
            "b.safetensors",
        ];
        self.run(&[&usual, more].concat())
    }

    fn json(&self, code: i32, more: &[&str]) -> Value {
        let output = self.gate(&[more, &["--json"]].concat());
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        support::document(&output.stdout)
    }

    fn refused(&self, more: &[&str], words: &[&str]) {
        let output = self.gate(more);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(output.stdout.is_empty());
        for word in words {
            assert!(message.contains(word), "`{word}` is not in: {message}");
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn near(value: &Value, expected: f64, tolerance: f64) {
    let value = value.as_f64().unwrap();
    assert!((value / expected - 1.0).abs() < tolerance, "{value}");
}

#[test]
fn a_small_step_is_within_the_default_budget_which_is_said_to_be_a_convention() {
    let case = Case::new();
    model(&case.path("b.safetensors"), 0.01, 0.01);
    let answer = case.json(0, &[]);
    assert_eq!(answer["schema"], "modeltrail.gate/1");
    assert_eq!(answer["verdict"], "within");
    assert_eq!(answer["limits"][0]["limit"], 0.05);
    near(&answer["limits"][0]["measured"], 0.01, 1e-4);
    let page = text(&case.gate(&[]).stdout);
    assert!(page.contains("WITHIN BUDGET"), "{page}");
    assert!(page.contains("convention"), "{page}");
    assert!(page.contains("does not replace a test"), "{page}");
}

#[test]
fn a_large_step_is_to_be_tested_again() {
    let case = Case::new();
    model(&case.path("b.safetensors"), 0.1, 0.1);
    case.budget("[total]\nrelative = 0.05\nunrelated = 0.2");
    let answer = case.json(1, &["--budget", "budget.toml"]);
    assert_eq!(answer["verdict"], "retest");
    assert_eq!(answer["limits"][0]["status"], "over");
    assert_eq!(answer["limits"][1]["status"], "within");
    // 0.1 ‖a‖ over √(1 + 1.1²) ‖a‖.
    near(&answer["limits"][1]["measured"], 0.1 / 2.21f64.sqrt(), 1e-4);
}

#[test]
fn one_tensor_over_its_own_limit_is_enough_and_junit_says_which() {
    let case = Case::new();
    model(&case.path("b.safetensors"), 0.001, 0.1);
    case.budget(
        "[total]\nrelative = 0.05\n[[tensor]]\nname = \"head.*\"\nrelative = 0.05\n\
         [[tensor]]\nname = \"*\"\nrelative = 0.2",
    );
    std::fs::write(case.path("gate.xml"), "an older one").unwrap();
    let more = ["--budget", "budget.toml", "--junit", "gate.xml"];
    let answer = case.json(1, &more);
    let status = |index: usize| answer["limits"][index]["status"].clone();
    assert_eq!(
        [status(0), status(1), status(2)],
        ["within", "over", "within"]
    );
    assert_eq!(answer["limits"][1]["worst"], "head.weight");
    assert_eq!(
        answer["limits"][1]["tensors"],
        json!({"meant": 1, "over": 1})
    );
    assert_eq!(
        answer["limits"][2]["tensors"],
        json!({"meant": 2, "over": 0})
    );
    let xml = std::fs::read_to_string(case.path("gate.xml")).unwrap();
    assert!(xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "));
    assert!(xml.ends_with("</testsuites>\n"));
    assert!(
        xml.contains("tests=\"5\" skipped=\"0\" failures=\"1\" errors=\"0\""),
        "{xml}"
    );
    assert_eq!(xml.matches("<testcase ").count(), 5);
    assert_eq!(xml.matches("<failure ").count(), 1);
    assert!(xml.contains("name=\"tensor head.* relative\""), "{xml}");
    assert!(xml.contains("in head.weight, and at most 0.05"), "{xml}");
    // Nothing is left of the unfinished file.
    assert_eq!(std::fs::read_dir(case.0.path()).unwrap().count(), 4);
}

#[test]
fn the_same_weights_are_said_to_be_identical_and_keep_a_budget_of_zero() {
    let case = Case::new();
    model(&case.path("b.safetensors"), 0.0, 0.0);
    case.budget("[total]\nrelative = 0");
    let answer = case.json(0, &["--budget", "budget.toml"]);
    assert_eq!(answer["identical"], true);
    assert!(text(&case.gate(&[]).stdout).contains("Identical"));
}

#[test]
fn another_architecture_is_an_error_that_names_the_tensors() {
    let case = Case::new();
    let tensors = [("body.weight", vec![1.0; 8]), ("more.weight", vec![1.0; 4])];
    save(&case.path("b.safetensors"), &tensors);
    case.refused(
        &[],
        &[
            "body.weight is [2, 4] and not [1000, 4]",
            "head.weight is missing",
            "more.weight is new",
        ],
    );
}

#[test]
fn weights_that_are_not_finite_are_to_be_tested_again_by_name() {
    let case = Case::new();
    let body = (0..4000).map(|i| (i as f32 * 0.7).sin()).collect();
    let tensors = [("body.weight", body), ("head.weight", vec![f32::NAN; 400])];
    save(&case.path("b.safetensors"), &tensors);
    let answer = case.json(1, &["--junit", "gate.xml"]);
    let expected = json!([{"checkpoint": "candidate", "tensor": "head.weight", "values": 400}]);
    assert_eq!(answer["not_finite"], expected);
    assert_eq!(answer["limits"][0]["status"], "not_measured");
    assert!(text(&case.gate(&[]).stdout).contains("head.weight"));
    let xml = std::fs::read_to_string(case.path("gate.xml")).unwrap();
    // Finite weights, all weights together, and rows and columns.
    assert!(xml.contains("failures=\"3\""), "{xml}");
}

#[test]
fn a_budget_that_cannot_be_meant_is_refused() {
    let case = Case::new();
    model(&case.path("b.safetensors"), 0.0, 0.0);
    let budget = ["--budget", "budget.toml"];
    case.budget("[total]\nrelativ = 0.1");
    case.refused(&budget, &["budget.toml", "line 2", "`relativ`"]);
    case.budget("[total]\nsteps = 3");
    case.refused(&budget, &["--history"]);
    case.budget("[[tensor]]\nname = \"tail.*\"\nrelative = 0.1");
    case.refused(&budget, &["tail.*"]);
    case.refused(&["--budget", "none.toml"], &["none.toml"]);
}

#[test]
fn a_history_gives_the_length_of_a_step_up_to_the_accredited_checkpoint() {
    let case = Case::new();
    std::fs::create_dir(case.path("run")).unwrap();
    // Steps of 0.01 up to the accredited one, far larger ones after it.
    for (step, scale) in [
        (7, -0.03),
        (8, -0.02),
        (9, -0.01),
        (10, 0.0),
        (11, 0.5),
        (12, 1.0),
    ] {
        model(
            &case.path(&format!("run/step-{step}.safetensors")),
            scale,
            scale,
        );
    }
    model(&case.path("b.safetensors"), 0.02, 0.02);
    let answer = case.json(0, &["--history", "run"]);
    assert_eq!(answer["limits"][1]["unit"], "steps");
    near(&answer["limits"][1]["measured"], 2.0, 1e-3);
    assert_eq!(answer["history"]["steps"], 3);
    assert_eq!(answer["history"]["order_from"], "claims");
    assert_eq!(answer["history"]["has_accredited"], true);
    model(&case.path("b.safetensors"), 0.04, 0.04);
    let answer = case.json(1, &["--history", "run"]);
    assert_eq!(answer["limits"][0]["status"], "within");
    assert_eq!(answer["limits"][1]["status"], "over");
    // A checkpoint of the run that cannot be read makes steps longer, so it is no detail.
    std::fs::write(case.path("run/step-6.safetensors"), "torn").unwrap();
    case.refused(&["--history", "run"], &["step-6.safetensors"]);
}

#[test]
fn the_error_of_sketches_counts_against_the_budget() {
    let case = Case::new();
    model(&case.path("b.safetensors"), 0.02, 0.02);
    let sketched = case.run(&["sketch", "a.safetensors", "--out", "kept.json"]);
    assert_eq!(
        sketched.status.code(),
        Some(0),
        "{}",
        text(&sketched.stderr)
    );
    let gate = |candidate: &str| {
        let output = case.run(&[
            "gate",
            "--accredited",
            "kept.json",
            "--candidate",
            candidate,
            "--json",
        ]);
        support::document(&output.stdout)
    };
    let answer = gate("b.safetensors");
    let total = &answer["limits"][0];
    near(&total["measured"], 0.02, 0.1);
    near(&total["error"], 0.0221, 0.01);
    let measured = total["measured"].as_f64().unwrap();
    near(
        &total["counted"],
        measured * (1.0 + total["error"].as_f64().unwrap()),
        1e-9,
    );
    assert_eq!(answer["from_sketches"], true);
    // Fingerprints show without error what is equal.
    let answer = gate("a.safetensors");
    assert_eq!(answer["identical"], true);
    assert_eq!(answer["total"]["error"], 0.0);
}

/// The model of (0, 0) with the running statistics and the counter of a normalisation.
fn with_statistics(path: &Path, mean: f32, count: f32) {
    save(
        path,
        &[
            ("body.weight", vec![1.0; 400]),
            ("body.bn.running_mean", vec![mean; 8]),
            ("body.bn.num_batches_tracked", vec![count; 4]),
        ],
    );
}

#[test]
fn a_buffer_that_changed_is_shown_though_it_counts_in_no_budget() {
    let case = Case::new();
    with_statistics(&case.path("a.safetensors"), 0.0, 7.0);
    with_statistics(&case.path("b.safetensors"), 0.25, 7.0);
    let output = case.gate(&[]);
    assert_eq!(output.status.code(), Some(0));
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(
        page.contains("buffers changed: 1 of 2 (body.bn.running_mean)"),
        "{page}"
    );
    let output = case.gate(&["--json"]);
    let answer = support::document(&output.stdout);
    assert_eq!(answer["buffers"]["compared"], true);
    assert_eq!(answer["buffers"]["count"], 2);
    assert_eq!(
        answer["buffers"]["changed"],
        json!([{"buffer": "body.bn.running_mean", "why": "8 of 8 values changed"}])
    );
}

#[test]
fn a_buffer_under_a_frozen_pattern_must_not_have_changed() {
    let case = Case::new();
    with_statistics(&case.path("a.safetensors"), 0.0, 7.0);
    with_statistics(&case.path("b.safetensors"), 0.25, 7.0);
    let diff = |pattern: &str| {
        let files = ["diff", "a.safetensors", "b.safetensors"];
        case.run(&[&files[..], &["--expect-frozen", pattern]].concat())
    };
    let output = diff("body.*");
    assert_eq!(output.status.code(), Some(1));
    let page = String::from_utf8(output.stdout).unwrap();
    let shown = "! not frozen: buffer body.bn.running_mean (8 of 8 values changed)";
    assert!(page.contains(shown), "{page}");
    assert_eq!(diff("*.num_batches_tracked").status.code(), Some(0));
    assert_eq!(diff("*.weight").status.code(), Some(0));
    assert_eq!(
        diff("*.running_var").status.code(),
        Some(2),
        "there is none"
    );
}

#[test]
fn every_command_that_reads_files_takes_limits() {
    let case = Case::new();
    model(&case.path("b.safetensors"), 0.0, 0.0);
    let commands: [&[&str]; 4] = [
        &["diff", "a.safetensors", "b.safetensors"],
        &[
            "gate",
            "--accredited",
            "a.safetensors",
            "--candidate",
            "b.safetensors",
        ],
        &["watch", ".", "--once"],
        &["lineage", "a.safetensors", "--against", "b.safetensors"],
    ];
    for command in commands {
        let refused = case.run(&[command, &["--limit", "most_tensors=1"]].concat());
        let message = String::from_utf8(refused.stderr).unwrap();
        assert!(
            message.contains("at most 1 is read"),
            "{command:?}: {message}"
        );
        assert!(refused.status.code() > Some(0), "{command:?}: {message}");
    }
}
