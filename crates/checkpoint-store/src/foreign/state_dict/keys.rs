//! What training programs call the model, and what they keep beside it.

use crate::foreign::tensor::AVERAGED_COPY;

/// Under which keys training programs keep the model, the usual ones first; averaged copies
/// count only where there is nothing else.
pub(super) const MODEL_KEYS: [&str; 16] = [
    "state_dict",
    "model_state_dict",
    "model",
    "module",
    "model_state",
    "net",
    "network",
    "net_state_dict",
    "weights",
    "params",
    "parameters",
    "ema_state_dict",
    "state_dict_ema",
    "model_ema",
    "ema_model",
    "ema",
];

/// Of these, those of averaged copies.
pub(super) const AVERAGED_KEYS: [&str; 5] = [
    "ema_state_dict",
    "state_dict_ema",
    "model_ema",
    "ema_model",
    "ema",
];

/// Dictionaries beside the model that say where the training is: of mmengine, fairseq and others.
pub(super) const PROGRESS_KEYS: [&str; 5] = [
    "meta",
    "trainer_state",
    "training_state",
    "train_state",
    "progress",
];

/// Words in keys under which they keep what is not the model.
const OTHER_WORDS: [&str; 8] = [
    "opt",
    "scheduler",
    "schedulers",
    "scaler",
    "rng",
    "callbacks",
    "loops",
    "gradients",
];

/// Keys under which they keep settings, which may name the run.
pub(super) const SETTINGS_KEYS: [&str; 4] = ["hyper_parameters", "args", "config", "hparams"];

/// Why what stands under this key beside the model is not read.
pub(super) fn why_beside(key: &str) -> &'static str {
    if AVERAGED_KEYS.contains(&key) {
        AVERAGED_COPY
    } else if is_other(key) {
        "is no part of the model"
    } else {
        "stands beside the model"
    }
}

/// Whether a key is one of what is not the model: `optimizer_states`, `lr_schedulers`, `opt_g`.
pub(in crate::foreign) fn is_other(key: &str) -> bool {
    // The names of a state dict have dots; those of the parts of a training have none.
    let mut words = key.split(|character: char| !character.is_ascii_alphanumeric());
    !key.contains('.')
        && words.any(|word| {
            let word = word.to_ascii_lowercase();
            word.starts_with("optim") || OTHER_WORDS.contains(&word.as_str())
        })
}

/// Whether training programs keep the model under this key.
pub(in crate::foreign) fn is_model_key(key: &str) -> bool {
    MODEL_KEYS.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_what_is_not_the_model_are_told_by_whole_words() {
        for key in [
            "optimizer",
            "optimizerG",
            "opt_d",
            "lr_schedulers",
            "grad_scaler",
            "rng",
        ] {
            assert!(is_other(key), "{key}");
        }
        for key in [
            "upgrader",
            "adopt",
            "merging",
            "model.optim.weight",
            "upscaler",
        ] {
            assert!(!is_other(key), "{key}");
        }
    }
}
