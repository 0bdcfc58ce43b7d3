//! What the library needs, and what it does not.
#![allow(clippy::unwrap_used)]

use std::process::Command;

/// Crates that bring a training, a terminal or untyped errors along.
const NOT_NEEDED: [&str; 6] = [
    "burn",
    "zoo-training",
    "modeltrail-zoo",
    "clap",
    "indicatif",
    "anyhow",
];

#[test]
fn the_library_needs_neither_burn_nor_a_terminal_nor_untyped_errors() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "modeltrail", "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    let names: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(
        names.contains(&"weightspace"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for name in NOT_NEEDED {
        assert!(!names.contains(&name), "modeltrail depends on {name}");
    }
    assert!(
        !names.iter().any(|name| name.starts_with("burn-")),
        "modeltrail depends on a part of Burn"
    );
}
