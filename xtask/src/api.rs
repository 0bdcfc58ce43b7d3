//! The public API of every published crate, listed in docs/api/, so that a change of it is seen in
//! review.
//!
//! A listing is read off the sources: every public item that can be reached from the root, with its
//! signature, fields, variants, public methods and implemented traits, and without documentation.

mod listing;
mod source;

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

/// Folders of the crates, under crates/.
const CRATES: [&str; 7] = [
    "checkpoint-store",
    "modeltrail",
    "report",
    "trajectory",
    "weightspace",
    "zoo",
    "zoo-training",
];

/// What to do with the listings.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the listings, in place of comparing them.
    #[arg(long)]
    write: bool,
}

/// Compares the listings with the sources, or writes them.
///
/// # Errors
/// When a listing differs, or a file cannot be read, parsed or written.
pub(crate) fn run(options: &Options) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = root.parent().unwrap_or(root);
    let folder = root.join("docs/api");
    let mut changed = Vec::new();
    for name in CRATES {
        let library = root.join("crates").join(name).join("src/lib.rs");
        let krate = source::Module::read(&library)?;
        let listed = listing::of(&name.replace('-', "_"), &krate);
        let path = folder.join(format!("{name}.txt"));
        let before = fs::read_to_string(&path).unwrap_or_default();
        if before == listed {
            continue;
        }
        if options.write {
            fs::create_dir_all(&folder)?;
            fs::write(&path, &listed).with_context(|| format!("{}", path.display()))?;
            println!("wrote {}", path.display());
        } else {
            changed.push(format!(
                "docs/api/{name}.txt: {}",
                difference(&before, &listed)
            ));
        }
    }
    if changed.is_empty() {
        return Ok(());
    }
    bail!(
        "the public API is not the one that is listed; if that is intended, run `cargo xtask api \
         --write` and commit the listings\n{}",
        changed.join("\n")
    )
}

/// The first lines that only one of the two has.
fn difference(before: &str, after: &str) -> String {
    let only = |of: &str, other: &str| {
        let mut lines = of
            .lines()
            .filter(|line| !other.lines().any(|same| same == *line));
        lines.next().map(|line| line.trim().to_owned())
    };
    match (only(before, after), only(after, before)) {
        (Some(gone), Some(new)) => format!("`{gone}` is gone, `{new}` is new"),
        (Some(gone), None) => format!("`{gone}` is gone"),
        (None, Some(new)) => format!("`{new}` is new"),
        (None, None) => "the order of lines differs".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_what_is_gone_and_what_is_new() {
        assert_eq!(difference("a\nb\n", "a\nc\n"), "`b` is gone, `c` is new");
        assert_eq!(difference("a\n", "a\n  c\n"), "`c` is new");
        assert_eq!(difference("a\nb\n", "b\na\n"), "the order of lines differs");
    }
}
