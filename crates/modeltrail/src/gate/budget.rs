//! The limits: read from TOML, or the default.

use crate::error::{Error, Result};
use crate::small_file;
use glob::Pattern;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Largest budget that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// How far a candidate may be from the accredited checkpoint.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Limits on all weights together.
    #[serde(default)]
    pub total: Total,
    /// The limit on every row and column of every matrix.
    #[serde(default)]
    pub lines: Lines,
    /// Limits on the running statistics of normalisation layers.
    #[serde(default)]
    pub statistics: Statistics,
    /// Limits on single tensors.
    #[serde(default, rename = "tensor")]
    pub tensors: Vec<Rule>,
    /// Where the limits come from.
    #[serde(skip)]
    pub origin: Origin,
}

/// Where the limits of a budget come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Origin {
    /// The program that judges.
    #[default]
    Program,
    /// [`Budget::usual`].
    Convention,
    /// A file.
    File(PathBuf),
}

/// Limits on all weights together.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Total {
    /// ‖b − a‖ / ‖a‖.
    pub relative: Option<f64>,
    /// Distance ÷ median of the run's recent steps; needs a history.
    pub steps: Option<f64>,
    /// Distance ÷ √(‖a‖² + ‖b‖²).
    pub unrelated: Option<f64>,
}

/// The limit on every row and column of every matrix: a single unit, or a single token.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// How far it moved ÷ its norm, or the median norm of the tensor's other rows or columns if that is
    /// more. A sign that is turned is 2, a row that becomes zero is 1.
    pub relative: Option<f64>,
}

/// Limits on the running statistics of normalisation layers.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistics {
    /// The root mean square, over the channels of a layer, of how far the running mean moved ÷ the
    /// channel's standard deviation.
    pub mean_shift: Option<f64>,
    /// The typical ratio of the running variances of a layer, 1 or more: the exponential of the root mean
    /// square of their logarithms.
    pub variance_ratio: Option<f64>,
}

/// Largest movement of a row or column by the default budget: above what one more checkpoint of any
/// training of the gallery makes, and below a row that becomes zero.
pub const USUAL_LINE: f64 = 0.8;

/// A limit that every tensor with such a name has to keep.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// A glob on the names.
    pub name: String,
    /// ‖b − a‖ / ‖a‖ of the tensor.
    pub relative: f64,
}

impl Budget {
    /// What holds when no budget is given: a convention. Three steps are near what `docs/distance.md`
    /// reads as hardly any movement (1), and far from what it reads as another model (10).
    pub fn usual(has_history: bool) -> Self {
        Self {
            total: Total {
                relative: Some(0.05),
                steps: has_history.then_some(3.0),
                unrelated: None,
            },
            lines: Lines {
                relative: Some(USUAL_LINE),
            },
            statistics: Statistics {
                mean_shift: Some(0.5),
                variance_ratio: Some(2.0),
            },
            tensors: Vec::new(),
            origin: Origin::Convention,
        }
    }

    /// Reads a budget.
    ///
    /// # Errors
    /// When the file cannot be read, has a key that means nothing, a limit that is negative or not
    /// finite, a pattern that is none, or no limit at all.
    pub fn read(path: &Path) -> Result<Self> {
        let not_a_budget = |what| Error::Unsuitable {
            path: path.to_path_buf(),
            what: format!("it is not a budget: {what}"),
            way_out: "Correct the file",
        };
        let text = small_file::read(path, LARGEST)?;
        let text =
            std::str::from_utf8(&text).map_err(|_| not_a_budget("it is not text".to_owned()))?;
        let budget = Self::parse(text).map_err(not_a_budget)?;
        Ok(Self {
            origin: Origin::File(path.to_path_buf()),
            ..budget
        })
    }

    /// A budget of the same text, in memory.
    ///
    /// # Errors
    /// As [`read`](Self::read), for an error that names no file.
    pub fn from_toml(text: &str) -> Result<Self> {
        Self::parse(text).map_err(|what| Error::Unsuitable {
            path: PathBuf::from("the budget"),
            what: format!("it is not a budget: {what}"),
            way_out: "Correct it",
        })
    }

    /// Or what is wrong with the text.
    fn parse(text: &str) -> Result<Self, String> {
        let budget: Self = match toml::from_str(text) {
            Ok(budget) => budget,
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start));
                let line = before.map_or(1, |before| before.matches('\n').count() + 1);
                return Err(format!("line {line}: {}", error.message()));
            }
        };
        let total = [
            ("total.relative", budget.total.relative),
            ("total.steps", budget.total.steps),
            ("total.unrelated", budget.total.unrelated),
            ("lines.relative", budget.lines.relative),
            ("statistics.mean_shift", budget.statistics.mean_shift),
            (
                "statistics.variance_ratio",
                budget.statistics.variance_ratio,
            ),
        ];
        let total = total
            .into_iter()
            .filter_map(|(key, limit)| Some((key.to_owned(), limit?)));
        let rules = budget.tensors.iter();
        let rules =
            rules.map(|rule| (format!("relative of tensor {:?}", rule.name), rule.relative));
        let limits: Vec<(String, f64)> = total.chain(rules).collect();
        if limits.is_empty() {
            return Err(
                "it sets no limit: give `relative`, `steps` or `unrelated` under [total], `relative` under \
                 [lines], `mean_shift` or `variance_ratio` under [statistics], or a [[tensor]]"
                    .to_owned(),
            );
        }
        let bad = |limit: f64| !limit.is_finite() || limit < 0.0;
        if let Some((key, limit)) = limits.into_iter().find(|(_, limit)| bad(*limit)) {
            return Err(format!("{key} is {limit}: give a number, 0 or more"));
        }
        for rule in &budget.tensors {
            rule.pattern().map_err(|error| error.to_string())?;
        }
        Ok(budget)
    }
}

impl Rule {
    /// # Errors
    /// When the name is no glob.
    pub fn pattern(&self) -> Result<Pattern> {
        Pattern::new(&self.name).map_err(|error| Error::Pattern {
            pattern: self.name.clone(),
            why: error.msg,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, word: &str) {
        let error = Budget::parse(text).expect_err(text);
        assert!(error.contains(word), "`{word}` is not in: {error}");
    }

    #[test]
    fn a_budget_is_read_and_whole_numbers_are_limits_too() {
        let text =
            "[total]\nrelative = 0.05\nsteps = 3\n[[tensor]]\nname = \"head.*\"\nrelative = 0.2";
        let Ok(budget) = Budget::parse(text) else {
            panic!("refused")
        };
        assert_eq!(budget.total.steps, Some(3.0));
        assert_eq!(budget.total.unrelated, None);
        assert_eq!(budget.tensors.len(), 1);
    }

    #[test]
    fn what_means_nothing_is_refused_by_name() {
        refused("[total]\nrelativ = 0.1", "line 2: unknown field `relativ`");
        refused("[sum]\nrelative = 0.1", "`sum`");
        refused("[total]\nstrangers = 0.1", "`strangers`");
        refused(
            "[[tensor]]\nname = \"a\"\nrelative = 1\nsteps = 1",
            "`steps`",
        );
        refused("[[tensor]]\nname = \"a\"", "`relative`");
        refused("", "no limit");
        refused("[total]\nsteps = nan", "total.steps is NaN");
        refused("[total]\nrelative = -1", "-1");
        refused("[[tensor]]\nname = \"a[\"\nrelative = 1", "a[");
    }
}
