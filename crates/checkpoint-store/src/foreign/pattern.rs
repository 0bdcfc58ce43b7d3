//! Which of the checkpoints in a folder a person means: those whose names match a pattern.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

use super::problem::Problem;
use super::source::foreign;
use crate::Fault;

/// A pattern, and the paths that it picks from.
pub(super) struct Meant<'a> {
    pattern: &'a Pattern,
    roots: &'a [PathBuf],
}

impl<'a> Meant<'a> {
    pub(super) fn new(pattern: &'a Pattern, roots: &'a [PathBuf]) -> Self {
        Self { pattern, roots }
    }

    /// Whether this is one of the paths that were named.
    pub(super) fn is_root(&self, path: &Path) -> bool {
        self.roots.iter().any(|root| root == path)
    }

    /// Whether a path below one of the named ones is meant.
    pub(super) fn is_meant(&self, path: &Path) -> bool {
        if self.is_root(path) {
            return true;
        }
        let below = self
            .roots
            .iter()
            .find_map(|root| path.strip_prefix(root).ok())
            .unwrap_or(path);
        let options = MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: false,
        };
        if self.pattern.as_str().contains('/') {
            return self.pattern.matches_path_with(below, options);
        }
        let mut names = below.components();
        names.any(|name| {
            let name = name.as_os_str().to_string_lossy();
            self.pattern.matches_with(&name, options)
        })
    }

    /// The problem of a pattern that means nothing.
    pub(super) fn nothing(&self) -> Problem {
        let path = self.roots.first().cloned().unwrap_or_default();
        let error = foreign(
            &path,
            Fault::Missing,
            format!(
                "no checkpoint here has a name that matches `{}`",
                self.pattern.as_str().escape_debug()
            ),
            "Check the pattern: it is compared with the names of files and of their folders",
        );
        Problem { path, error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_means_files_folders_and_whole_paths_below_what_was_named() {
        let roots = [PathBuf::from("out"), PathBuf::from("own.pt")];
        let is_meant = |pattern: &str, path: &str| {
            let pattern = Pattern::new(pattern).unwrap();
            Meant::new(&pattern, &roots).is_meant(Path::new(path))
        };
        assert!(is_meant("epoch-*.pt", "out/epoch-1.pt"));
        assert!(is_meant("epoch-*.pt", "out/deep/epoch-1.pt"));
        assert!(!is_meant("epoch-*.pt", "out/best.pt"));
        assert!(is_meant(
            "checkpoint-*",
            "out/checkpoint-5/model.safetensors"
        ));
        assert!(is_meant("a/*.pt", "out/a/1.pt"));
        assert!(!is_meant("a/*.pt", "out/b/1.pt"));
        // The name of what was named itself is not asked for.
        assert!(!is_meant("out", "out/epoch-1.pt"));
        assert!(is_meant("nothing", "own.pt"));
    }
}
