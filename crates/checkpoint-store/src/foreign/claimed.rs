//! What a checkpoint says of its run and its step: in its metadata, or by its name.

use std::path::Path;

/// What a checkpoint claims to be. Nobody has looked at its weights for this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claimed {
    /// The run it belongs to.
    pub run: Option<Claim<String>>,
    /// The epoch it was saved at.
    pub epoch: Option<Claim<u64>>,
    /// The step it was saved at, or the number in its name if that says not of what.
    pub step: Option<Claim<u64>>,
}

/// One claim, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim<T> {
    /// What is claimed.
    pub value: T,
    /// Where.
    pub from: Origin,
}

/// Where a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// In the file: safetensors metadata, fields beside the state dict, scalars of an archive.
    Metadata,
    /// In the name of the file.
    FileName,
    /// In the name of a folder above it.
    FolderName,
}

/// Words before a number of steps.
const STEP_WORDS: [&str; 9] = [
    "step",
    "steps",
    "iter",
    "iters",
    "iteration",
    "checkpoint",
    "ckpt",
    "batch",
    "update",
];
/// Words before a number of epochs.
const EPOCH_WORDS: [&str; 3] = ["epoch", "epochs", "ep"];
/// Words before what tells runs apart.
const RUN_WORDS: [&str; 9] = [
    "run",
    "seed",
    "trial",
    "fold",
    "exp",
    "experiment",
    "version",
    "replicate",
    "job",
];
/// File stems that say nothing, so that a number after them counts.
const PLAIN_WORDS: [&str; 10] = [
    "model", "weights", "net", "network", "state", "params", "snapshot", "save", "saved", "zoo",
];

impl Claimed {
    /// The step, or the epoch where no step is claimed: what orders the checkpoints of one run.
    #[must_use]
    pub fn position(&self) -> Option<u64> {
        let step = self.step.as_ref().or(self.epoch.as_ref());
        step.map(|claim| claim.value)
    }

    /// What the names say: that of the file first, then those of its folders, the nearest first.
    #[must_use]
    pub fn by_name(path: &Path) -> Self {
        let mut claimed = Self::default();
        let stem = path.file_stem().map(|stem| stem.to_string_lossy());
        claimed.add_name(&stem.unwrap_or_default(), Origin::FileName);
        // Farther up, a number is more likely to mean something else.
        for folder in path.ancestors().skip(1).take(4) {
            let name = folder.file_name().map(|name| name.to_string_lossy());
            claimed.add_name(&name.unwrap_or_default(), Origin::FolderName);
        }
        claimed
    }

    /// Adds what this name says of which nothing was known.
    fn add_name(&mut self, name: &str, from: Origin) {
        let words = words(name);
        let has_position = self.step.is_some() || self.epoch.is_some();
        for (index, word) in words.iter().enumerate() {
            let Some(number) = number_after(&words, index) else {
                continue;
            };
            let lower = word.text.to_ascii_lowercase();
            // A folder's step is another thing than the file's epoch.
            if !has_position {
                if STEP_WORDS.contains(&lower.as_str()) {
                    self.step.get_or_insert(Claim {
                        value: number,
                        from,
                    });
                } else if EPOCH_WORDS.contains(&lower.as_str()) {
                    self.epoch.get_or_insert(Claim {
                        value: number,
                        from,
                    });
                }
            }
        }
        if !has_position
            && self.step.is_none()
            && self.epoch.is_none()
            && from == Origin::FileName
            && let Some(value) = bare_number(&words)
        {
            self.step = Some(Claim { value, from });
        }
        if self.run.is_none()
            && let Some(value) = run(name, &words)
        {
            self.run = Some(Claim { value, from });
        }
    }

    /// Takes over a number that stands in a file's metadata, if its key is one of those that
    /// training programs use; the first of several spellings stays.
    pub(super) fn add_number(&mut self, key: &str, value: u64) {
        let from = Origin::Metadata;
        match Field::of(key) {
            Some(Field::Step) => {
                self.step.get_or_insert(Claim { value, from });
            }
            Some(Field::Epoch) => {
                self.epoch.get_or_insert(Claim { value, from });
            }
            Some(Field::Run) => {
                // `7` alone would not say that it is a seed.
                let value = format!("{key}-{value}");
                self.run.get_or_insert(Claim { value, from });
            }
            None => {}
        }
    }

    /// Takes over a text that stands in a file's metadata, which may be a number.
    pub(super) fn add_text(&mut self, key: &str, text: &str) {
        if let Some(value) = whole_number(text) {
            self.add_number(key, value);
        } else if Field::of(key) == Some(Field::Run) && !text.is_empty() && text.len() <= 256 {
            self.run.get_or_insert(Claim {
                value: text.to_owned(),
                from: Origin::Metadata,
            });
        }
    }

    /// Puts what the metadata says over what the names say.
    pub(super) fn overridden_by(&self, metadata: &Self) -> Self {
        let mut claimed = self.clone();
        if metadata.run.is_some() {
            claimed.run.clone_from(&metadata.run);
        }
        if metadata.step.is_some() || metadata.epoch.is_some() {
            claimed.step.clone_from(&metadata.step);
            claimed.epoch.clone_from(&metadata.epoch);
        }
        claimed
    }
}

/// What a key of metadata is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Step,
    Epoch,
    Run,
}

impl Field {
    fn of(key: &str) -> Option<Self> {
        match key {
            "step" | "global_step" | "iter" | "iteration" | "iterations" | "num_steps"
            | "train_step" | "training_step" => Some(Self::Step),
            "epoch" | "epochs" | "current_epoch" | "epoch_idx" => Some(Self::Epoch),
            "run" | "run_id" | "run_name" | "seed" | "trial" | "experiment" => Some(Self::Run),
            _ => None,
        }
    }
}

/// A number without sign, perhaps written as a float.
fn whole_number(text: &str) -> Option<u64> {
    let text = text.strip_suffix(".0").unwrap_or(text);
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

/// A run of letters or of digits in a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word<'a> {
    text: &'a str,
    /// Where it begins in the name, in bytes.
    start: usize,
    /// What stands between it and the word before.
    gap: &'a str,
}

impl Word<'_> {
    fn is_number(&self) -> bool {
        self.text.bytes().all(|byte| byte.is_ascii_digit())
    }

    fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// Cuts a name into runs of letters and runs of ASCII digits.
fn words(name: &str) -> Vec<Word<'_>> {
    let kind = |character: char| {
        if character.is_ascii_digit() {
            2
        } else if character.is_alphanumeric() {
            1
        } else {
            0
        }
    };
    let mut words = Vec::new();
    let mut gap_start = 0;
    let mut characters = name.char_indices().peekable();
    while let Some((start, character)) = characters.next() {
        let this = kind(character);
        if this == 0 {
            continue;
        }
        let mut end = start + character.len_utf8();
        while let Some(&(at, next)) = characters.peek() {
            if kind(next) != this {
                break;
            }
            end = at + next.len_utf8();
            characters.next();
        }
        words.push(Word {
            text: name.get(start..end).unwrap_or_default(),
            start,
            gap: name.get(gap_start..start).unwrap_or_default(),
        });
        gap_start = end;
    }
    words
}

/// The number right after this word, separated by one sign at most.
fn number_after(words: &[Word<'_>], index: usize) -> Option<u64> {
    let next = words.get(index + 1)?;
    let joined = matches!(next.gap, "" | "-" | "_" | "=" | " " | "." | ":");
    // `step=1e5` is not step 1.
    let goes_on = words
        .get(index + 2)
        .is_some_and(|after| after.gap.is_empty());
    (joined && next.is_number() && !goes_on).then(|| next.text.parse().ok())?
}

/// The number of a name that says not what it counts: `0012`, `model_7`, `anything-007`.
fn bare_number(words: &[Word<'_>]) -> Option<u64> {
    let last = words.last().filter(|word| word.is_number())?;
    let plain = match words {
        [_] => true,
        [.., before, _] if last.gap.is_empty() => {
            words.len() == 2 && PLAIN_WORDS.contains(&before.text.to_ascii_lowercase().as_str())
        }
        [.., before, _] => {
            last.text.starts_with('0')
                || PLAIN_WORDS.contains(&before.text.to_ascii_lowercase().as_str())
        }
        [] => false,
    };
    plain.then(|| last.text.parse().ok())?
}

/// The part of a name that tells a run: `seed-7` of `seed-7_epoch3`, or all of `run-blue`.
fn run(name: &str, words: &[Word<'_>]) -> Option<String> {
    for (index, word) in words.iter().enumerate() {
        if !RUN_WORDS.contains(&word.text.to_ascii_lowercase().as_str()) {
            continue;
        }
        let next = words.get(index + 1)?;
        let joined = matches!(next.gap, "" | "-" | "_" | "=" | " " | "." | ":");
        if joined && next.is_number() {
            return name.get(word.start..next.end()).map(str::to_owned);
        }
        // A name that begins with the word and holds nothing else than a name after it.
        if index == 0 && words.len() == 2 {
            return Some(name.to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(path: &str) -> (Option<String>, Option<u64>, Option<u64>) {
        let claimed = Claimed::by_name(Path::new(path));
        (
            claimed.run.map(|claim| claim.value),
            claimed.epoch.map(|claim| claim.value),
            claimed.step.map(|claim| claim.value),
        )
    }

    #[test]
    fn names_that_training_programs_give_are_understood() {
        let run = |name: &str| Some(name.to_owned());
        for (path, expected) in [
            ("epoch_12.pt", (None, Some(12), None)),
            ("epoch12.pt", (None, Some(12), None)),
            (
                "out/checkpoint-500/model.safetensors",
                (None, None, Some(500)),
            ),
            (
                "run3/step=000100.safetensors",
                (run("run3"), None, Some(100)),
            ),
            ("seed-7/model_0010.npz", (run("seed-7"), None, Some(10))),
            ("epoch=3-step=400.ckpt", (None, Some(3), Some(400))),
            (
                "lightning_logs/version_2/checkpoints/epoch=3-step=400.ckpt",
                (run("version_2"), Some(3), Some(400)),
            ),
            ("seed7_epoch3.pth", (run("seed7"), Some(3), None)),
            ("00012.npy", (None, None, Some(12))),
            ("model7.pt", (None, None, Some(7))),
            ("run-blue/ckpt_5.pt", (run("run-blue"), None, Some(5))),
            ("Epoch 4.pt", (None, Some(4), None)),
        ] {
            assert_eq!(claims(path), expected, "{path}");
        }
    }

    #[test]
    fn names_that_say_nothing_claim_nothing() {
        for path in [
            "resnet50.pt",
            "model.safetensors",
            "llama-7b.safetensors",
            "step=1e5.pt",
            "epoch_99999999999999999999999.pt",
            "best.ckpt",
            "",
            "/",
            "step.pt",
            "model-00001-of-00002x.bin",
        ] {
            let (_, epoch, step) = claims(path);
            assert_eq!((epoch, step), (None, None), "{path}");
        }
    }

    #[test]
    fn metadata_is_put_over_names() {
        let mut metadata = Claimed::default();
        metadata.add_text("global_step", "40");
        metadata.add_text("step", "41");
        metadata.add_text("seed", "7");
        metadata.add_text("format", "pt");
        let claimed = Claimed::by_name(Path::new("run1/epoch_3.pt")).overridden_by(&metadata);
        assert_eq!(claimed.position(), Some(40));
        assert_eq!(claimed.epoch, None);
        let run = claimed.run.expect("a run");
        assert_eq!((run.value.as_str(), run.from), ("seed-7", Origin::Metadata));
    }
}
