//! Named numbers, and whether they are still what they were.

use crate::files::write_json;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What counts as the same, in the unit of the score and relative to it: other instruction sets
/// add in another order.
const TOLERANCE: f64 = 1e-4;

/// Scores by name.
#[derive(Default)]
pub(super) struct Scores(BTreeMap<String, f64>);

impl Scores {
    pub(super) fn add(&mut self, name: String, value: f64) -> Result<()> {
        ensure!(value.is_finite(), "`{name}` is no number");
        let before = self.0.insert(name.clone(), value);
        ensure!(before.is_none(), "two scores are called `{name}`");
        Ok(())
    }

    /// Adds the mean of some values.
    pub(super) fn add_mean(&mut self, name: String, values: &[f64]) -> Result<()> {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        self.add(name, mean)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read(path).with_context(|| {
            format!("{shown} cannot be read: run this in the root of the repository")
        })?;
        let scores = serde_json::from_slice(&text);
        Ok(Self(scores.with_context(|| format!("{shown} is damaged"))?))
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let rounded = |value: &f64| Value::from((value * 1e6).round() / 1e6);
        let scores = self.0.iter();
        let scores: BTreeMap<_, _> = scores.map(|(name, value)| (name, rounded(value))).collect();
        write_json(path, &scores)
    }

    /// Prints every score beside the expected one; how many moved, are new or are gone.
    pub(super) fn print_against(&self, expected: &Self) -> usize {
        let mut names: Vec<&String> = self.0.keys().chain(expected.0.keys()).collect();
        names.sort();
        names.dedup();
        let width = names.iter().map(|name| name.chars().count()).max();
        let width = width.unwrap_or(0);
        println!("{:width$}  {:>10}  {:>10}", "measure", "expected", "now");
        let mut moved = 0;
        for name in names {
            let (before, now) = (expected.0.get(name), self.0.get(name));
            let verdict = verdict(before.copied(), now.copied());
            moved += usize::from(verdict != "same");
            let shown = |value: Option<&f64>| value.map_or("–".into(), |x| format!("{x:.4}"));
            let (before, now) = (shown(before), shown(now));
            println!("{name:width$}  {before:>10}  {now:>10}  {verdict}");
        }
        moved
    }
}

fn verdict(expected: Option<f64>, now: Option<f64>) -> &'static str {
    match (expected, now) {
        (Some(expected), Some(now)) => {
            let apart = (expected - now).abs();
            if apart <= TOLERANCE * expected.abs().max(1.0) {
                "same"
            } else {
                "MOVED"
            }
        }
        (None, Some(_)) => "NEW",
        _ => "GONE",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rounding_counts_as_the_same() {
        assert_eq!(verdict(Some(1.0), Some(1.00009)), "same");
        assert_eq!(verdict(Some(1.0), Some(1.0002)), "MOVED");
        assert_eq!(verdict(Some(500.0), Some(500.04)), "same");
        assert_eq!(verdict(None, Some(1.0)), "NEW");
        assert_eq!(verdict(Some(1.0), None), "GONE");
    }

    #[test]
    fn scores_come_back_as_they_were_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("scores.json");
        let mut scores = Scores::default();
        scores.add("one".into(), 1.0 / 3.0).unwrap();
        scores.add_mean("two".into(), &[1.0, 2.0]).unwrap();
        assert!(scores.add("two".into(), 0.0).is_err());
        assert!(scores.add_mean("none".into(), &[]).is_err());
        scores.write(&path).unwrap();
        let read = Scores::read(&path).unwrap();
        assert_eq!(scores.print_against(&read), 0);
        assert_eq!(Scores::default().print_against(&read), 2);
        std::fs::write(&path, "no JSON").unwrap();
        assert!(Scores::read(&path).is_err());
    }
}
