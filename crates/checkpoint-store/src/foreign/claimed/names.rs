//! What the names of a file and of its folders say of its run and step.

use std::path::Path;

use super::aside::{aside, of_folder};
use super::claim::{Claim, Claimed, Origin};
use super::words::{Word, words};

/// Words beside a number of steps.
const STEP_WORDS: [&str; 12] = [
    "step",
    "steps",
    "iter",
    "iters",
    "iteration",
    "iterations",
    "checkpoint",
    "ckpt",
    "batch",
    "batches",
    "update",
    "updates",
];
/// Of these, those that count steps and nothing else.
const COUNTS_STEPS: [&str; 6] = ["step", "steps", "iter", "iters", "iteration", "iterations"];
/// Words beside a number of epochs.
const EPOCH_WORDS: [&str; 3] = ["epoch", "epochs", "ep"];
/// Of these words, those that may stand after their number: `2000_steps`.
const WORDS_AFTER: [&str; 13] = [
    "step",
    "steps",
    "iter",
    "iters",
    "iteration",
    "iterations",
    "epoch",
    "epochs",
    "ep",
    "update",
    "updates",
    "checkpoint",
    "ckpt",
];
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
/// Words beside a measure of how good a checkpoint is.
const METRIC_WORDS: [&str; 24] = [
    "acc",
    "accuracy",
    "loss",
    "val",
    "valid",
    "validation",
    "test",
    "train",
    "auc",
    "auroc",
    "map",
    "miou",
    "iou",
    "psnr",
    "ssim",
    "bleu",
    "score",
    "reward",
    "ppl",
    "wer",
    "err",
    "error",
    "mse",
    "mae",
];
/// Folders that say nothing of the run.
const PLAIN_FOLDERS: [&str; 12] = [
    "checkpoints",
    "checkpoint",
    "ckpt",
    "ckpts",
    "weights",
    "models",
    "model",
    "saved",
    "saved_models",
    "snapshots",
    "files",
    "pytorch_model",
];

impl Claimed {
    /// What the names say: that of the file first, then those of its folders, the nearest first.
    #[must_use]
    pub fn by_name(path: &Path) -> Self {
        claimed(path)
    }
}

/// What the name of a file says, then what those of its folders say, the nearest first.
fn claimed(path: &Path) -> Claimed {
    let mut claimed = Claimed::default();
    let stem = path.file_stem().map(|stem| stem.to_string_lossy());
    add_name(&mut claimed, &stem.unwrap_or_default(), Origin::FileName);
    // Farther up, a number is more likely to mean something else.
    for folder in path.ancestors().skip(1).take(4) {
        let name = folder.file_name().map(|name| name.to_string_lossy());
        add_name(&mut claimed, &name.unwrap_or_default(), Origin::FolderName);
    }
    claimed.aside = aside(path);
    claimed
}

/// Whether a folder of this name may be called so after the run in it.
pub(in crate::foreign) fn is_telling_folder(name: &str) -> bool {
    let mut claimed = Claimed::default();
    add_name(&mut claimed, name, Origin::FolderName);
    claimed.position().is_none()
        && of_folder(name).is_none()
        && !PLAIN_FOLDERS.contains(&name.to_ascii_lowercase().as_str())
}

/// Adds what this name says of which nothing was known.
fn add_name(claimed: &mut Claimed, name: &str, from: Origin) {
    let words = words(name);
    let has_position = claimed.step.is_some() || claimed.epoch.is_some();
    // A folder's step is another thing than the file's epoch.
    if !has_position {
        for (index, word) in words.iter().enumerate() {
            let lower = word.lower();
            let number = number_after(&words, index).or_else(|| {
                let may_follow = WORDS_AFTER.contains(&lower.as_str());
                may_follow.then(|| number_before(&words, index))?
            });
            let claim = number.map(|value| Claim { value, from });
            if STEP_WORDS.contains(&lower.as_str()) {
                claimed.is_step_named |= claim.is_some() && COUNTS_STEPS.contains(&lower.as_str());
                claimed.step = claimed.step.take().or(claim);
            } else if EPOCH_WORDS.contains(&lower.as_str()) {
                claimed.epoch = claimed.epoch.take().or(claim);
            }
        }
        if claimed.step.is_none() && claimed.epoch.is_none() && from == Origin::FileName {
            claimed.epoch = epoch_and_batch(&words).map(|value| Claim { value, from });
            if claimed.epoch.is_none() {
                claimed.step = bare_number(&words).map(|value| Claim { value, from });
            }
        }
    }
    if claimed.run.is_none()
        && let Some(value) = run(name, &words)
    {
        claimed.run = Some(Claim { value, from });
    }
}

/// Whether what stands between two words holds them together.
fn is_joined(gap: &str) -> bool {
    matches!(gap, "" | "-" | "_" | "=" | " " | "." | ":")
}

/// The number right after this word, separated by one sign at most.
fn number_after(words: &[Word<'_>], index: usize) -> Option<u64> {
    let next = words.get(index + 1)?;
    if !is_joined(next.gap) || !next.is_number() {
        return None;
    }
    let number: u64 = next.text.parse().ok()?;
    match words.get(index + 2).filter(|after| after.gap.is_empty()) {
        None => Some(number),
        // `epoch3step400`, `epoch3of10`; but `step=1e5` is not step 1, nor is `ckpt-7b` step 7.
        Some(after) => match thousands(after) {
            Some(factor) => number.checked_mul(factor),
            None => is_known(&after.lower()).then_some(number),
        },
    }
}

/// Whether what stands after this word tells runs apart.
pub(super) fn is_run_word(word: &str) -> bool {
    RUN_WORDS.contains(&word)
}

/// Whether this word stands in names for what this module knows.
fn is_known(word: &str) -> bool {
    STEP_WORDS.contains(&word)
        || EPOCH_WORDS.contains(&word)
        || RUN_WORDS.contains(&word)
        || METRIC_WORDS.contains(&word)
        || word == "of"
}

/// The number right before this word, which no other word before claims.
fn number_before(words: &[Word<'_>], index: usize) -> Option<u64> {
    let word = words.get(index)?;
    let mut at = index.checked_sub(1)?;
    let mut factor = 1;
    let gap = word.gap;
    if let Some(thousand) = words.get(at).and_then(thousands)
        && words.get(at)?.gap.is_empty()
    {
        factor = thousand;
        at = at.checked_sub(1)?;
    }
    let number = words.get(at).filter(|number| number.is_number())?;
    // In `epoch3step400` and `epoch-3-steps` the 3 is of the epochs; `gpt2-epoch` is no second one.
    let is_claimed = at
        .checked_sub(1)
        .and_then(|at| words.get(at))
        .is_some_and(|before| {
            let lower = before.lower();
            let lower = lower.as_str();
            let is_counted = STEP_WORDS.contains(&lower)
                || EPOCH_WORDS.contains(&lower)
                || RUN_WORDS.contains(&lower);
            number.gap.is_empty() || (is_joined(number.gap) && is_counted)
        });
    if is_claimed || !is_joined(gap) {
        return None;
    }
    number.text.parse::<u64>().ok()?.checked_mul(factor)
}

/// The epoch of `model_state_e1_b0`, as AllenNLP names epochs and batches.
fn epoch_and_batch(words: &[Word<'_>]) -> Option<u64> {
    let [.., e, epoch, b, batch] = words else {
        return None;
    };
    let is_so = (e.text, b.text) == ("e", "b")
        && epoch.gap.is_empty()
        && batch.gap.is_empty()
        && epoch.is_number()
        && batch.is_number();
    is_so.then(|| epoch.text.parse().ok())?
}

/// What `k` and `m` after a number multiply it by.
fn thousands(word: &Word<'_>) -> Option<u64> {
    match word.text {
        "k" | "K" => Some(1000),
        "m" | "M" => Some(1_000_000),
        _ => None,
    }
}

/// The words without the measures at their end: `val_loss=0.25`.
pub(super) fn without_metrics<'a, 'b>(words: &'b [Word<'a>]) -> &'b [Word<'a>] {
    let is_metric = |word: &Word<'_>| METRIC_WORDS.contains(&word.lower().as_str());
    let mut rest = words;
    while let Some((last, before)) = rest.split_last() {
        let measured = before.last().is_some_and(is_metric) && last.is_number();
        if !last.is_decimal() && !is_metric(last) && !measured {
            break;
        }
        rest = before;
    }
    rest
}

/// The number of a name that says not what it counts: `0012`, `model_7`, `anything-007`.
fn bare_number(words: &[Word<'_>]) -> Option<u64> {
    let words = without_metrics(words);
    let last = words.last().filter(|word| word.is_number())?;
    let is_plain = |word: &Word<'_>| PLAIN_WORDS.contains(&word.lower().as_str());
    let plain = match words {
        [_] => true,
        [.., before, _] if last.gap.is_empty() => words.len() == 2 && is_plain(before),
        // A single 0 may be the first of `NAME-0` to `NAME-10`, and those are known together.
        [.., before, _] => (last.text.starts_with('0') && last.text.len() > 1) || is_plain(before),
        [] => false,
    };
    plain.then(|| last.text.parse().ok())?
}

/// The part of a name that tells a run: `seed-7` of `seed-7_epoch3`, or all of `run-blue`.
fn run(name: &str, words: &[Word<'_>]) -> Option<String> {
    for (index, word) in words.iter().enumerate() {
        if !RUN_WORDS.contains(&word.lower().as_str()) {
            continue;
        }
        let next = words.get(index + 1)?;
        if is_joined(next.gap) && next.is_number() {
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
            ("rl_model_2000_steps.zip", (None, None, Some(2000))),
            ("agent-100k_steps.pt", (None, None, Some(100_000))),
            ("12epoch.pt", (None, Some(12), None)),
            ("step-30k.pt", (None, None, Some(30_000))),
            ("model_12_acc_0.8731.pt", (None, None, Some(12))),
            ("model_12_0.0731.pt", (None, None, Some(12))),
            ("epoch=3-val_loss=0.25.ckpt", (None, Some(3), None)),
            ("seed_3_epochs.pt", (run("seed_3"), None, None)),
            ("10_epoch.pt", (None, Some(10), None)),
            ("3ep.pt", (None, Some(3), None)),
            ("net-12ep.pth", (None, Some(12), None)),
            ("500_ckpt.pt", (None, None, Some(500))),
            ("epoch3step400.pt", (None, Some(3), Some(400))),
            ("epoch3of10.pt", (None, Some(3), None)),
            ("step_1000_loss0.31.pt", (None, None, Some(1000))),
            ("loss0.31_step1000.pt", (None, None, Some(1000))),
            ("epoch10acc0.9.pt", (None, Some(10), None)),
            ("0.31-epoch-7.pt", (None, Some(7), None)),
            ("model_state_e1_b0.th", (None, Some(1), None)),
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
            "resnet18-10.pt",
            "resnet18-0.pt",
            "ckpt-7b.pt",
            "gpt2-epoch.pt",
            "multilingual-e5.safetensors",
            "best_acc_0.0731.pt",
            "model_acc_95.pt",
            "model-00001-of-00002x.bin",
        ] {
            let (_, epoch, step) = claims(path);
            assert_eq!((epoch, step), (None, None), "{path}");
        }
    }

    #[test]
    fn a_folder_with_a_number_is_no_step() {
        assert_eq!(claims("out-0/checkpoint-7/model.safetensors").2, Some(7));
        assert_eq!(claims("out-0/weights.pt"), (None, None, None));
        assert!(is_telling_folder("out-0"));
        assert!(!is_telling_folder("checkpoint-7"));
        assert!(!is_telling_folder("weights"));
        assert!(!is_telling_folder("model_ema"));
        assert!(is_telling_folder("no-ema"));
    }
}
