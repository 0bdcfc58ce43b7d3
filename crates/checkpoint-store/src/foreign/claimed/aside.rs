//! What stands beside a run rather than in it: averages of its weights, and copies of its best, last
//! or final state.

use std::path::Path;

use super::claim::{Aside, Claim, Origin};
use super::words::{Word, words};

/// Words in names. What is averaged is no copy, so these words come first.
const WORDS: [(&str, Aside); 12] = [
    ("ema", Aside::Ema),
    ("swa", Aside::Average),
    ("swag", Aside::Average),
    ("averaged", Aside::Average),
    ("average", Aside::Average),
    ("avg", Aside::Average),
    ("soup", Aside::Average),
    ("best", Aside::Best),
    ("last", Aside::Last),
    ("latest", Aside::Last),
    ("final", Aside::Final),
    ("finished", Aside::Final),
];

/// Words that say nothing of which checkpoint it is: `bestmodel`, `final/pytorch_model.bin`.
const PLAIN: [&str; 21] = [
    "model",
    "models",
    "weights",
    "checkpoint",
    "checkpoints",
    "ckpt",
    "ckpts",
    "net",
    "network",
    "state",
    "dict",
    "params",
    "pytorch",
    "adapter",
    "safetensors",
    "index",
    "bin",
    "of",
    "so",
    "far",
    "save",
];

/// What the name of the file says, or that of its folder if the file's own says nothing at all.
pub(super) fn aside(path: &Path) -> Option<Claim<Aside>> {
    let stem = path.file_stem()?.to_string_lossy();
    let own = words(&stem);
    if let Some(value) = of(&own) {
        let from = Origin::FileName;
        return Some(Claim { value, from });
    }
    let folder = path.parent()?.file_name()?.to_string_lossy();
    let value = of_folder(&folder)?;
    // Averages are a series of their own in a folder; of copies there is one.
    let is_average = matches!(value, Aside::Ema | Aside::Average);
    let is_meant = is_average || own.iter().all(is_plain);
    is_meant.then_some(Claim {
        value,
        from: Origin::FolderName,
    })
}

/// What the name of a folder says of what is in it: `ema` and `best_model`, but not
/// `no-ema-baseline`, which is named after a run.
pub(super) fn of_folder(name: &str) -> Option<Aside> {
    let words = words(name);
    let is_alone = |word: &Word<'_>| is_plain(word) || kind(word).is_some();
    of(&words).filter(|_| words.iter().all(is_alone))
}

fn of(words: &[Word<'_>]) -> Option<Aside> {
    WORDS
        .iter()
        .find(|(_, aside)| words.iter().any(|word| kind(word) == Some(*aside)))
        .map(|(_, aside)| *aside)
}

/// What one word says: `best`, and also `bestmodel` and `modelbest`.
fn kind(word: &Word<'_>) -> Option<Aside> {
    let word = word.lower();
    let is = |known: &str| {
        let rest = word
            .strip_prefix(known)
            .or_else(|| word.strip_suffix(known));
        rest.is_some_and(|rest| rest.is_empty() || (rest.len() > 2 && PLAIN.contains(&rest)))
    };
    let found = WORDS.iter().find(|(known, _)| is(known));
    found.map(|(_, aside)| *aside)
}

fn is_plain(word: &Word<'_>) -> bool {
    word.is_number() || PLAIN.contains(&word.lower().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_averages_are_known_by_their_names() {
        let of = |name: &str| aside(Path::new(name)).map(|claim| claim.value);
        for (name, expected) in [
            ("best.pt", Aside::Best),
            ("model_best.pth.tar", Aside::Best),
            ("bestmodel.ckpt", Aside::Best),
            ("a/last.ckpt", Aside::Last),
            ("latest_net_G.pth", Aside::Last),
            ("checkpoint_final.pt", Aside::Final),
            ("epoch_3_ema.pt", Aside::Ema),
            ("ema_best.pt", Aside::Ema),
            ("model_swa.pt", Aside::Average),
            ("best/model.safetensors", Aside::Best),
            ("final_checkpoint/pytorch_model.bin", Aside::Final),
            ("model_ema/epoch-3.pt", Aside::Ema),
        ] {
            assert_eq!(of(name), Some(expected), "{name}");
        }
        for name in [
            "epoch-3.pt",
            "finals.pt",
            "schema.pt",
            "bestiary-3.pt",
            "lastname.pt",
            "no-ema-baseline/epoch-3.pt",
            "best/epoch-3.pt",
            "best-of-breed/model.pt",
        ] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
