//! How much of the checkpoints an answer rests on.

use serde::{Deserialize, Serialize};

/// How much was read, and what was not: part of every answer. A verdict such as "identical" or
/// "within budget" is given only where [`is_complete`](Self::is_complete) holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Coverage {
    /// Weights that were read, over all checkpoints.
    pub weights_read: u64,
    /// Weights that there are, as far as the files say: those read, and those of unread tensors.
    pub weights_in_all: u64,
    /// Tensors that could not be read, each with its type and the reason.
    pub unread: Vec<Unread>,
    /// What was left aside on purpose, and why: no weights are among it.
    pub skipped: Vec<Skipped>,
    /// Weights that were read and not compared, since not all of the checkpoints have them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<NotCompared>,
}

/// A tensor that not all checkpoints have, or of which they do not have the same rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotCompared {
    /// Its name.
    pub tensor: String,
    /// Its weights that were not compared, in one checkpoint.
    pub weights: u64,
    /// How many of the checkpoints have them.
    pub checkpoints: usize,
    /// The first of these.
    pub example: String,
    /// Why they were not compared, in a few words.
    pub why: &'static str,
    /// Whether they count among the weights that were read.
    #[serde(skip)]
    pub(crate) was_read: bool,
}

/// A tensor that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// The checkpoint that it is in.
    pub checkpoint: String,
    /// Its name.
    pub tensor: String,
    /// Its number type, as the file names it.
    pub dtype: String,
    /// Number of its values, if the file says.
    pub elements: Option<u64>,
    /// Why it was not read, in a few words.
    pub reason: String,
}

/// Entries that are not weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// What they are: `buffers`, `integers or booleans`, `other entries`, `companion files`.
    pub what: &'static str,
    /// How many there are.
    pub count: usize,
    /// Why they are not compared.
    pub reason: &'static str,
}

impl Coverage {
    /// Of so many weights that were read, beside tensors that could not be.
    pub(crate) fn of_one(weights_read: u64, unread: Vec<Unread>) -> Self {
        let missing: u64 = unread.iter().filter_map(|tensor| tensor.elements).sum();
        Self {
            weights_read,
            weights_in_all: weights_read.saturating_add(missing),
            unread,
            ..Self::default()
        }
    }

    /// Share of the weights that were compared, 0 to 1; 1 where there are none.
    pub fn share_compared(&self) -> f64 {
        let apart = self.not_compared.iter().filter(|tensor| tensor.was_read);
        let apart: u64 = apart
            .map(|tensor| tensor.weights.saturating_mul(tensor.checkpoints as u64))
            .sum();
        if self.weights_in_all == 0 {
            return 1.0;
        }
        self.weights_read.saturating_sub(apart) as f64 / self.weights_in_all as f64
    }

    /// Whether every weight that the files hold was read.
    pub fn is_complete(&self) -> bool {
        self.unread.is_empty()
    }

    /// Share of the weights that were read, 0 to 1; 1 where there are none.
    pub fn share(&self) -> f64 {
        if self.weights_in_all == 0 {
            return 1.0;
        }
        self.weights_read as f64 / self.weights_in_all as f64
    }

    /// Adds what another answer rests on.
    pub fn add(&mut self, other: &Self) {
        self.weights_read += other.weights_read;
        self.weights_in_all += other.weights_in_all;
        self.unread.extend(other.unread.iter().cloned());
        self.not_compared.extend(other.not_compared.iter().cloned());
        for skipped in &other.skipped {
            let same = self.skipped.iter_mut();
            match same.into_iter().find(|own| own.what == skipped.what) {
                Some(own) => own.count += skipped.count,
                None => self.skipped.push(skipped.clone()),
            }
        }
    }
}

/// How many tensors, over all checkpoints, are not looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Floating-point numbers that are not learned: running means, position tables.
    pub buffers: usize,
    /// Integers and booleans.
    pub not_float: usize,
    /// Averaged copies of the weights that stand beside them in the same files.
    pub averaged: usize,
    /// Everything else: the state of optimisers, pickled objects.
    pub others: usize,
}

impl LeftOut {
    /// This and that of another checkpoint.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            buffers: self.buffers + other.buffers,
            not_float: self.not_float + other.not_float,
            averaged: self.averaged + other.averaged,
            others: self.others + other.others,
        }
    }

    /// The same, as what was skipped, beside so many companion files.
    pub fn skipped(self, companions: usize) -> Vec<Skipped> {
        let kinds = [
            ("buffers", self.buffers, "they are not learned"),
            (
                "integers or booleans",
                self.not_float,
                "they are not weights",
            ),
            (
                "averaged copies",
                self.averaged,
                "they are averages of the weights beside them",
            ),
            (
                "other entries",
                self.others,
                "they are no tensors of the model",
            ),
            (
                "companion files",
                companions,
                "they lie beside the checkpoints",
            ),
        ];
        let some = kinds.into_iter().filter(|(_, count, _)| *count > 0);
        some.map(|(what, count, reason)| Skipped {
            what,
            count,
            reason,
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(elements: u64) -> Coverage {
        Coverage {
            weights_read: 30,
            weights_in_all: 30 + elements,
            unread: vec![Unread {
                checkpoint: "a.safetensors".to_owned(),
                tensor: "weight".to_owned(),
                dtype: "F8_E4M3".to_owned(),
                elements: Some(elements),
                reason: "its type is not read".to_owned(),
            }],
            skipped: vec![Skipped {
                what: "buffers",
                count: 2,
                reason: "they are not learned",
            }],
            ..Coverage::default()
        }
    }

    #[test]
    fn one_unread_tensor_makes_a_coverage_incomplete() {
        assert!(Coverage::default().is_complete());
        assert!(!unread(10).is_complete());
        assert_eq!(unread(10).share(), 0.75);
    }

    #[test]
    fn coverages_add_up_and_the_same_kinds_are_counted_together() {
        let mut both = unread(10);
        both.add(&unread(20));
        assert_eq!((both.weights_read, both.weights_in_all), (60, 90));
        assert_eq!(both.unread.len(), 2);
        assert_eq!(both.skipped.len(), 1);
        assert_eq!(both.skipped.first().map(|skipped| skipped.count), Some(4));
    }
}
