//! `modeltrail runs`, `diff` and `sketch` on checkpoints of other programs, as a user meets them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::Value;
use std::path::Path;
use support::{Folder, json, modeltrail, text};

const FIXTURES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../checkpoint-store/tests/foreign/fixtures"
);
const WEIGHTS: usize = 60;

/// One checkpoint of the usual model.
fn checkpoint(folder: &Folder, name: &str, weights: &[f32]) {
    let (matrix, bias) = weights.split_at(WEIGHTS - 6);
    folder.write(
        name,
        &[("fc.weight", &[6, 9], matrix), ("fc.bias", &[6], bias)],
    );
}

/// Numbers that look random, the same every time; between −1 and 1.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }

    fn vector(&mut self) -> Vec<f32> {
        (0..WEIGHTS).map(|_| self.next()).collect()
    }
}

/// A run that starts anywhere and slows down: `count` checkpoints.
fn walk(seed: u64, count: usize) -> Vec<Vec<f32>> {
    let mut numbers = Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for _ in 0..10 {
        numbers.next();
    }
    let mut here: Vec<f32> = numbers.vector().iter().map(|x| 3.0 * x).collect();
    let drift = numbers.vector();
    (0..count)
        .map(|step| {
            let length = 0.3 * 0.85_f32.powi(step as i32);
            for (weight, along) in here.iter_mut().zip(&drift) {
                *weight += length * (along + 0.3 * numbers.next());
            }
            here.clone()
        })
        .collect()
}

/// Two runs of ten, in files that claim nothing but what is asked for.
fn two_runs(name: impl Fn(usize, usize) -> String) -> Folder {
    let folder = Folder::new();
    for run in 0..2 {
        for (step, weights) in walk(run as u64 + 1, 10).iter().enumerate() {
            checkpoint(&folder, &name(run, step), weights);
        }
    }
    folder
}

fn names(run: &Value) -> Vec<&str> {
    let checkpoints = run["checkpoints"].as_array().unwrap().iter();
    checkpoints
        .map(|one| one["name"].as_str().unwrap())
        .collect()
}

#[test]
fn two_runs_in_files_without_meaning_are_told_apart_and_ordered() {
    // Letters that say nothing, scattered over the alphabet.
    let letter = |run: usize, step: usize| char::from(b'a' + ((run * 10 + step) * 7 % 20) as u8);
    let folder = two_runs(|run, step| format!("{}x.safetensors", letter(run, step)));
    let answer = json(&["runs", folder.root()], 0);
    assert_eq!(answer["schema"], "modeltrail.runs/2");
    let group = &answer["groups"][0];
    assert_eq!(
        (group["families"].as_array().unwrap().len(), &group["space"]),
        (2, &"weights".into())
    );
    let runs = group["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    for found in runs {
        let found = names(found);
        let is_true = (0..2).any(|run| {
            let truth = (0..10).map(|step| format!("{}x.safetensors", letter(run, step)));
            found
                .iter()
                .copied()
                .eq(truth.collect::<Vec<_>>().iter().map(String::as_str))
        });
        assert!(is_true, "{found:?}");
    }
}

#[test]
fn a_misfiled_checkpoint_and_a_wrong_step_are_found() {
    let folder = two_runs(|run, step| format!("seed-{run}/step-{:04}.safetensors", 100 * step));
    // The wrong folder, and the wrong number.
    let moved = folder.path("seed-1/step-1500.safetensors");
    std::fs::rename(folder.path("seed-0/step-0400.safetensors"), moved).unwrap();
    let renamed = folder.path("seed-1/step-2000.safetensors");
    std::fs::rename(folder.path("seed-1/step-0300.safetensors"), renamed).unwrap();
    let output = modeltrail(&["runs", folder.root()]);
    let page = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{page}");
    assert!(
        page.contains("claims run seed-1, but lies in run seed-0"),
        "{page}"
    );
    assert!(
        page.contains("claims step 2000, but lies between steps 200 and 400"),
        "{page}"
    );
    assert_eq!(page.matches("! ").count(), 2, "{page}");
}

#[test]
fn what_cannot_be_read_or_is_not_finite_is_told_while_the_rest_goes_on() {
    let folder = two_runs(|run, step| format!("run-{run}/{step}.safetensors"));
    std::fs::write(folder.path("run-0/99.safetensors"), b"broken").unwrap();
    let mut weights = walk(1, 1).remove(0);
    weights[3] = f32::NAN;
    checkpoint(&folder, "run-0/50.safetensors", &weights);
    let output = modeltrail(&["runs", folder.root()]);
    let (page, message) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(
        page.contains("20 checkpoints") && page.contains("2 runs"),
        "{page}"
    );
    let lines: Vec<&str> = message.lines().collect();
    let [unread, left_out] = lines.as_slice() else {
        panic!("{message}")
    };
    assert!(unread.contains("99.safetensors"), "{unread}");
    assert!(
        left_out.contains("50.safetensors") && left_out.contains("1 in fc.weight"),
        "{left_out}"
    );
}

#[test]
fn nothing_that_can_be_read_is_an_error() {
    let folder = Folder::new();
    std::fs::write(folder.path("1.safetensors"), b"broken").unwrap();
    for path in [folder.root(), "/no/such/folder"] {
        let output = modeltrail(&["runs", path]);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        assert!(
            text(&output.stderr).contains(path),
            "{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn copies_are_marked_and_contradict_only_if_they_claim_other_steps() {
    let folder = two_runs(|run, step| format!("run-{run}/step-{step}.safetensors"));
    let last = folder.path("run-0/step-9.safetensors");
    std::fs::copy(&last, folder.path("run-0/best.safetensors")).unwrap();
    let answer = json(&["runs", folder.root()], 0);
    let runs = answer["groups"][0]["runs"].as_array().unwrap();
    let checkpoints = runs
        .iter()
        .flat_map(|run| run["checkpoints"].as_array().unwrap());
    let copies: Vec<&Value> = checkpoints.map(|one| &one["copies"]).collect();
    assert_eq!(
        copies
            .iter()
            .filter(|copies| ***copies != Value::Array(vec![]))
            .count(),
        1
    );
    std::fs::copy(&last, folder.path("run-0/step-77.safetensors")).unwrap();
    let output = modeltrail(&["runs", folder.root()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("the same weights claim steps 9 and 77"));
}

#[test]
fn another_architecture_is_a_group_of_its_own() {
    let folder = two_runs(|run, step| format!("run-{run}/{step}.safetensors"));
    let other = [("fc.weight", &[2_usize, 9][..], &[0.5_f32; 18][..])];
    folder.write("other/1.safetensors", &other);
    let output = modeltrail(&["runs", folder.root()]);
    let page = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{page}");
    assert!(
        page.contains("another architecture (without fc.bias; with fc.weight [2, 9])"),
        "{page}"
    );
    assert!(
        page.contains("1.safetensors: nothing to compare it with"),
        "{page}"
    );
}

#[test]
fn few_checkpoints_say_what_can_be_said() {
    let walk = walk(1, 3);
    for count in 1..=3 {
        let folder = Folder::new();
        for (step, weights) in walk.iter().take(count).enumerate() {
            checkpoint(&folder, &format!("step-{step}.safetensors"), weights);
        }
        let output = modeltrail(&["runs", folder.root()]);
        let page = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{page}");
        let said = [
            "nothing to compare",
            "too few to infer an order",
            "too few to tell",
        ][count - 1];
        assert!(page.contains(said), "{page}");
    }
}

#[test]
fn the_files_of_real_libraries_are_read_as_they_are() {
    let torch = json(&["runs", &format!("{FIXTURES}/torch/nested")], 0);
    let run = &torch["groups"][0]["runs"][0];
    // The same model, saved in five ways.
    assert_eq!(run["checkpoints"].as_array().unwrap().len(), 1);
    assert_eq!(run["checkpoints"][0]["copies"].as_array().unwrap().len(), 4);
    let both = [
        format!("{FIXTURES}/torch/epoch_12.pt"),
        format!("{FIXTURES}/torch/nested/legacy.pt"),
    ];
    let same = json(&["diff", &both[0], &both[1]], 0);
    assert_eq!(same["schema"], "modeltrail.diff/1");
    assert_eq!(same["verdict"]["kind"], "identical");
}

#[test]
fn sketches_stand_for_the_weights() {
    let folder = two_runs(|run, step| format!("run-{run}/step-{step}.safetensors"));
    let kept = Folder::new();
    let file = kept.path("kept.json");
    let file = file.to_str().unwrap();
    json(&["sketch", folder.root(), "--out", file], 0);
    let (exact, sketched) = (json(&["runs", folder.root()], 0), json(&["runs", file], 0));
    assert_eq!(sketched["groups"][0]["space"], "sketches");
    let orders = |answer: &Value| -> Vec<Vec<String>> {
        let runs = answer["groups"][0]["runs"].as_array().unwrap().iter();
        runs.map(|run| names(run).into_iter().map(str::to_owned).collect())
            .collect()
    };
    assert_eq!(orders(&exact), orders(&sketched));
    // So do weights that do not fit the memory.
    let small = json(&["runs", folder.root(), "--memory", "1K"], 0);
    assert_eq!(orders(&small), orders(&sketched));
    let again = modeltrail(&["sketch", folder.root(), "--out", file]);
    assert_eq!(again.status.code(), Some(2), "it wrote over a file");
}

#[test]
fn a_layer_that_should_be_frozen_and_is_not_is_found() {
    let folder = Folder::new();
    let (backbone, head) = ([0.1_f32, 0.2, 0.3, 0.4], [1.0_f32, 2.0]);
    let write = |name: &str, backbone: &[f32], head: &[f32]| {
        let tensors = [
            ("backbone.w", &[2_usize, 2][..], backbone),
            ("head.w", &[2][..], head),
        ];
        folder.write(name, &tensors);
        folder.path(name).to_str().unwrap().to_owned()
    };
    let a = write("a.safetensors", &backbone, &head);
    let tuned = write("tuned.safetensors", &backbone, &[1.5, 2.0]);
    let broken = write("broken.safetensors", &[0.1, 0.2, 0.3, 0.41], &head);
    let frozen = |b: &str, glob: &str| modeltrail(&["diff", &a, b, "--expect-frozen", glob]);
    assert_eq!(frozen(&tuned, "backbone.*").status.code(), Some(0));
    let output = frozen(&broken, "backbone.*");
    assert_eq!(output.status.code(), Some(1));
    let page = text(&output.stdout);
    assert!(
        page.contains("! not frozen: backbone.w (1 of 4 values changed)"),
        "{page}"
    );
    // A name that means nothing would never be broken.
    assert_eq!(frozen(&tuned, "bakbone.*").status.code(), Some(2));
}

#[test]
fn permuted_units_are_undone_and_told() {
    let folder = Folder::new();
    let mut numbers = Numbers(7);
    let mut values = |count: usize| -> Vec<f32> { (0..count).map(|_| numbers.next()).collect() };
    let (first, bias, second) = (values(32 * 10), values(32), values(5 * 32));
    let turned = |place: usize| (place * 5 + 3) % 32;
    let first_b: Vec<f32> = (0..320)
        .map(|i| first[turned(i / 10) * 10 + i % 10])
        .collect();
    let bias_b: Vec<f32> = (0..32).map(|i| bias[turned(i)]).collect();
    let second_b: Vec<f32> = (0..160)
        .map(|i| second[i / 32 * 32 + turned(i % 32)])
        .collect();
    let write = |name: &str, first: &[f32], bias: &[f32], second: &[f32]| {
        // Names in the order of the layers, which files of this format are sorted by here.
        let tensors = [
            ("0.weight", &[32_usize, 10][..], first),
            ("1.bias", &[32][..], bias),
            ("2.weight", &[5, 32][..], second),
        ];
        folder.write(name, &tensors);
        folder.path(name)
    };
    let a = write("a.safetensors", &first, &bias, &second);
    let b = write("b.safetensors", &first_b, &bias_b, &second_b);
    let answer = json(&["diff", shown(&a), shown(&b)], 0);
    assert_eq!(answer["alignment"]["is_permuted"], true);
    assert_eq!(answer["alignment"]["distance_after"], 0.0);
    let page = text(&modeltrail(&["diff", shown(&a), shown(&b)]).stdout);
    assert!(page.contains("hidden units in another order"), "{page}");
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn every_command_shows_examples_that_say_what_they_need() {
    for command in ["runs", "diff", "sketch"] {
        let output = modeltrail(&[command, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("Examples:"));
    }
}
