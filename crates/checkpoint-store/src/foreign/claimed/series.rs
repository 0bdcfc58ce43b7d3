//! Names that differ in one number alone.

use super::names::{is_run_word, without_metrics};
use super::words::{Word, words};

/// A name that may be one of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::foreign) struct Series {
    /// What is left of the name without its number, and without what measures how good it is.
    pub(in crate::foreign) name: String,
    /// Its number.
    pub(in crate::foreign) number: u64,
    /// Whether words come after the number: `10_net_G`. Such a number may mean something else.
    pub(in crate::foreign) has_end: bool,
}

/// The last number of a name, if it stands apart from what is around it. Names that differ in this
/// number alone are a series.
pub(in crate::foreign) fn series(stem: &str) -> Option<Series> {
    let words = words(stem);
    let measured = without_metrics(&words);
    let last = measured.iter().rposition(Word::is_number)?;
    let word = measured.get(last)?;
    let after = measured.get(last + 1);
    let before = last.checked_sub(1).and_then(|before| measured.get(before));
    let is_apart = match before {
        Some(before) => {
            let lower = before.lower();
            // AllenNLP and others write `model_e10`.
            let is_epoch = lower == "e" && !before.gap.is_empty();
            let is_apart = !word.gap.is_empty() && !is_run_word(&lower);
            is_apart || (is_epoch && word.gap.is_empty())
        }
        // A number alone says enough by itself.
        None => after.is_some(),
    };
    if !is_apart || after.is_some_and(|after| after.gap.is_empty()) {
        return None;
    }
    // The metric beside the number differs, too, wherever it stands.
    let mut name = String::new();
    for (index, part) in measured.iter().enumerate() {
        name.push_str(part.gap);
        let is_varying = index == last || part.is_decimal();
        name.push_str(if is_varying { "*" } else { part.text });
    }
    Some(Series {
        name,
        number: word.text.parse().ok()?,
        has_end: after.is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_known_by_what_is_left_without_its_number() {
        let of = |name: &str| {
            let series = series(name)?;
            let end = if series.has_end { " and more" } else { "" };
            Some(format!("{} {}{end}", series.name, series.number))
        };
        for (name, expected) in [
            ("resnet18-10", "resnet18-* 10"),
            ("resnet18-0", "resnet18-* 0"),
            ("a_3_0.71", "a_* 3"),
            ("a_0.71_3", "a_*_* 3"),
            ("a_3_acc_0.71", "a_* 3"),
            ("model_e3", "model_e* 3"),
            ("10_net_G", "*_net_G 10 and more"),
            ("a-10-ema", "a-*-ema 10 and more"),
        ] {
            assert_eq!(of(name).as_deref(), Some(expected), "{name}");
        }
        for name in ["resnet18", "seed-3", "model", "7", "a-b", "llama-7b"] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
