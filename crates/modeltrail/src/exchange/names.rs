//! Names for files of checkpoints, by which our own reader claims what the checkpoint claimed.

use checkpoint_store::export::Labels;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Longest part of a path that is made of a name, in bytes: what follows has room up to 255.
const LONGEST: usize = 180;

/// Gives out names that are all different, also where upper and lower case are the same.
#[derive(Default)]
pub(super) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// `RUN/epoch-3.EXTENSION`, `epoch-3-step-400.EXTENSION`; what claims no position keeps the name
    /// that it had. A name that is given out already is given with `-copy2`, `-copy3`, … after it.
    pub(super) fn give(&mut self, labels: &Labels, name: &str, extension: &str) -> PathBuf {
        let folder = labels.run.as_deref().map(plain).unwrap_or_default();
        let numbers = [("epoch", labels.epoch), ("step", labels.step)];
        let numbers = numbers
            .iter()
            .filter_map(|(what, number)| Some(format!("{what}-{}", (*number)?)));
        let numbers: Vec<String> = numbers.collect();
        let stem = if numbers.is_empty() {
            let stem = Path::new(name).file_stem().unwrap_or_default();
            plain(&stem.to_string_lossy())
        } else {
            numbers.join("-")
        };
        let mut copy = 1;
        loop {
            let suffix = if copy > 1 {
                format!("-copy{copy}")
            } else {
                String::new()
            };
            let path = Path::new(&folder).join(format!("{stem}{suffix}.{extension}"));
            if self.taken.insert(path.to_string_lossy().to_lowercase()) {
                return path;
            }
            copy += 1;
        }
    }
}

/// A text as one part of a path on any system: never empty, hidden, nor a way out of the folder.
fn plain(text: &str) -> String {
    let mut name = String::new();
    for sign in text.chars() {
        let is_plain = !sign.is_control() && !r#"/\:*?"<>|"#.contains(sign);
        name.push(if is_plain { sign } else { '_' });
        if name.len() > LONGEST {
            break;
        }
    }
    let name = name.trim_matches(['.', ' ']);
    if name.is_empty() {
        "_".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkpoint_store::foreign::Claimed;

    fn labels(run: Option<&str>, epoch: Option<u64>, step: Option<u64>) -> Labels {
        Labels {
            run: run.map(str::to_owned),
            epoch,
            step,
        }
    }

    #[test]
    fn names_claim_the_position_that_the_checkpoint_claimed_also_in_copies() {
        let mut names = Names::default();
        for (epoch, step) in [
            (Some(3), None),
            (None, Some(400)),
            (Some(3), Some(400)),
            (Some(0), None),
        ] {
            for copy in 0..3 {
                let labels = labels(Some("seed-7"), epoch, step);
                let path = names.give(&labels, "x", "npz");
                let claimed = Claimed::by_name(&path);
                assert_eq!(
                    claimed.epoch.map(|claim| claim.value),
                    epoch,
                    "{path:?} {copy}"
                );
                assert_eq!(claimed.step.map(|claim| claim.value), step, "{path:?}");
                assert_eq!(
                    claimed.run.map(|claim| claim.value),
                    Some("seed-7".to_owned())
                );
            }
        }
    }

    #[test]
    fn what_claims_nothing_keeps_its_name_and_goes_on_claiming_nothing() {
        let mut names = Names::default();
        let given: Vec<PathBuf> = [
            "a/best.pt",
            "b/best.pt",
            "c/Best.pt",
            "model.pt",
            "d/model.npz",
        ]
        .iter()
        .map(|name| names.give(&labels(None, None, None), name, "npz"))
        .collect();
        let expected = [
            "best.npz",
            "best-copy2.npz",
            "Best-copy3.npz",
            "model.npz",
            "model-copy2.npz",
        ];
        assert_eq!(given, expected.map(PathBuf::from));
        for path in given {
            assert_eq!(Claimed::by_name(&path).position(), None, "{path:?}");
        }
    }

    #[test]
    fn no_run_leads_out_of_the_folder() {
        let mut names = Names::default();
        for run in [
            "..",
            "/etc",
            "a/../..",
            "",
            ".hidden",
            "a\nb",
            "é".repeat(300).as_str(),
        ] {
            let path = names.give(&labels(Some(run), Some(1), None), "x", "npz");
            assert_eq!(path.components().count(), 2, "{path:?}");
            let folder = path.parent().unwrap().to_str().unwrap();
            assert!(
                !folder.starts_with('.') && folder.len() < 200 && !folder.contains('\n'),
                "{path:?}"
            );
        }
    }
}
