//! Every command that only reads, on the examples.

use crate::transcript::{EXAMPLES, Transcript};

/// Runs each command, for text and for JSON; `{}` stands for the folder of the examples.
fn check(name: &str, commands: &[&str]) {
    let mut transcript = Transcript::new();
    for command in commands {
        transcript.both(&command.replace("{}", EXAMPLES));
    }
    transcript.check(name);
}

#[test]
fn runs() {
    check(
        "runs",
        &[
            "runs {}/two-runs",
            "runs {}/shifted",
            "runs {}/finetune",
            "runs {}/two-runs/seed-1 --runs 2",
            "runs {}/two-runs {}/finetune/history --memory 100KiB",
        ],
    );
}

#[test]
fn inspect() {
    check(
        "inspect",
        &[
            "inspect {}/finetune/base.safetensors",
            "inspect {}/two-runs",
            "inspect {}/shifted --match epoch-1*.pt",
        ],
    );
}

#[test]
fn hash() {
    check(
        "hash",
        &[
            "hash {}/finetune/base.safetensors",
            "hash {}/two-runs/seed-1",
        ],
    );
}

#[test]
fn tree() {
    check("tree", &["tree {}/finetune --match *.safetensors"]);
    let mut transcript = Transcript::new();
    transcript.run(&format!(
        "tree {EXAMPLES}/finetune --match *.safetensors --dot tree.dot --svg tree.svg"
    ));
    transcript.file("tree.dot");
    transcript.check("tree_dot");
}

#[test]
fn order() {
    check(
        "order",
        &[
            "order {}/two-runs",
            "order {}/shifted",
            "order {}/shifted --space svd-4",
        ],
    );
}

#[test]
fn diff() {
    check(
        "diff",
        &[
            "diff {}/finetune/base.safetensors {}/finetune/lora-merged.safetensors",
            "diff {}/finetune/base.safetensors {}/finetune/full.safetensors",
            "diff {}/finetune/base.safetensors {}/finetune/polished.safetensors",
            "diff {}/finetune/base.safetensors {}/finetune/int8.safetensors",
            "diff {}/finetune/base.safetensors {}/finetune/bf16.safetensors",
            "diff {}/finetune/base.safetensors {}/finetune/base.safetensors",
            "diff {}/finetune/base.safetensors {}/finetune/frozen-backbone.safetensors --expect-frozen backbone.*",
            "diff {}/finetune/base.safetensors {}/finetune/full.safetensors --expect-frozen backbone.*",
            "diff {}/finetune/full.safetensors {}/finetune/polished.safetensors --parents {}/finetune/base.safetensors {}/finetune/int8.safetensors",
            "diff {}/shifted/epoch-16.pt {}/shifted/epoch-17.pt",
        ],
    );
}

#[test]
fn lineage() {
    check(
        "lineage",
        &[
            "lineage {}/finetune/polished.safetensors --against {}/finetune",
            "lineage {}/finetune/full.safetensors --against {}/finetune/history",
            "lineage {}/two-runs/seed-1/epoch-8.pt --against {}/two-runs/seed-2/epoch-8.pt",
            "lineage {}/two-runs/seed-1/epoch-8.pt --against {}/two-runs/seed-1/epoch-5.pt {}/two-runs/seed-2",
            "lineage {}/shifted/epoch-3.pt --against {}/finetune/history",
        ],
    );
}

#[test]
fn audit() {
    check(
        "audit",
        &[
            "audit {}/broken",
            "audit {}/shifted",
            "audit {}/finetune/history --expect-changed * --expect-frozen backbone.*",
            "audit {}/two-runs",
            "audit {}/finetune/base.safetensors",
        ],
    );
}

#[test]
fn audit_for_a_test_runner() {
    let mut transcript = Transcript::new();
    transcript.run(&format!("audit {EXAMPLES}/broken --junit audit.xml"));
    transcript.file("audit.xml");
    transcript.run(&format!(
        "sketch {EXAMPLES}/broken --out broken.json --tensor-numbers 32"
    ));
    transcript.run("audit broken.json");
    transcript.check("audit_junit");
}

#[test]
fn gate() {
    check(
        "gate",
        &[
            "gate --accredited {}/finetune/base.safetensors --candidate {}/finetune/polished.safetensors",
            "gate --accredited {}/finetune/base.safetensors --candidate {}/finetune/full.safetensors --history {}/finetune/history",
            "gate --accredited {}/finetune/base.safetensors --candidate {}/finetune/frozen-backbone.safetensors --history {}/finetune/history --budget {}/finetune/budget.toml",
            "gate --accredited {}/finetune/base.safetensors --candidate {}/finetune/base.safetensors",
        ],
    );
}

#[test]
fn gate_for_a_test_runner() {
    let mut transcript = Transcript::new();
    transcript.run(&format!(
        "gate --accredited {EXAMPLES}/finetune/base.safetensors --candidate \
         {EXAMPLES}/finetune/full.safetensors --junit gate.xml"
    ));
    transcript.file("gate.xml");
    transcript.check("gate_junit");
}

#[test]
fn watch() {
    check(
        "watch",
        &[
            "watch {}/shifted --once",
            "watch {}/two-runs/seed-1 --once",
            "watch {}/two-runs/seed-2 --once",
            "watch {}/finetune/history --once --accredited {}/finetune/base.safetensors",
            "watch {}/shifted --once --memory 16KiB",
        ],
    );
}

#[test]
fn watch_with_a_state_and_for_prometheus() {
    let mut transcript = Transcript::new();
    let command =
        format!("watch {EXAMPLES}/shifted --once --state watch.state --prometheus watch.prom");
    transcript.run(&command);
    transcript.file("watch.prom");
    // Nothing came since.
    transcript.both(&command);
    transcript.check("watch_state");
}

#[test]
fn limits() {
    check("limits", &["limits"]);
}

#[test]
fn linkage() {
    check(
        "linkage",
        &[
            "linkage {}/two-runs",
            "linkage {}/two-runs --space svd-5 --clusters 3",
            "linkage {}/shifted --runs 1",
        ],
    );
    let mut transcript = Transcript::new();
    transcript.run(&format!("linkage {EXAMPLES}/two-runs --dot"));
    transcript.check("linkage_dot");
}

#[test]
fn umap() {
    let mut transcript = Transcript::new().without_fractions();
    transcript.both(&format!("umap {EXAMPLES}/two-runs --neighbors 5"));
    transcript.both(&format!(
        "umap {EXAMPLES}/shifted --neighbors 4 --space svd-5"
    ));
    transcript.check("umap");
}
