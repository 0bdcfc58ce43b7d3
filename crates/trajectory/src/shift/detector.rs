//! The detector: one checkpoint after the other in, one reading each out.

use super::cause::{Aftermath, Cause};
use super::exact::Exact;
use super::grid::Grid;
use super::history::{Comparison, History, Newest, Ratios, Scores};
use super::motion::{Motion, SPAN, Track};
use super::threshold::Threshold;
use crate::Error;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::ops::Range;

/// Steps in which a tensor must have moved before it is news that it stands still.
const MOVED: usize = 5;
/// Newest steps whose ways back say what is usual.
const WAYS_BACK: usize = 5;

/// What one checkpoint says of the run so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// How the whole model moved; `None` for the first checkpoint, and for one that is equal to
    /// the one before.
    pub motion: Option<Motion>,
    /// How each tensor moved, in the order in which they were given; `None` as above.
    pub tensors: Vec<Option<Motion>>,
    /// The detector's decision; `None` before there is evidence enough.
    pub verdict: Option<Verdict>,
    /// What the event two checkpoints before turns out to have been, if that is not what it looked
    /// like.
    pub revised: Option<Cause>,
}

/// A decision about one step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether something happened.
    pub alarm: bool,
    /// What probably did; nothing where there is no alarm.
    pub cause: Cause,
    /// The largest of the scores: above the threshold is an alarm.
    pub score: f64,
    /// How far the step is from the forecast, in the run's own scatter; `None` while that is measured
    /// anew after an event.
    pub scores: Option<Scores>,
    /// The step ÷ what was forecast.
    pub ratios: Option<Ratios>,
    /// Numbers of the tensors that stand still and did not before.
    pub frozen: Vec<usize>,
}

/// An online detector of changes in a training: feed it one checkpoint at a time.
///
/// It holds the last [`SPAN`] steps: memory and time per checkpoint are O([`SPAN`] · parameters).
#[derive(Debug, Clone)]
pub struct Detector {
    pub(super) threshold: Threshold,
    /// Parts of the parameters that are followed each by itself.
    pub(super) tensors: Vec<Range<usize>>,
    pub(super) numbers: Numbers,
    pub(super) newest: Option<Vec<f32>>,
    pub(super) steps: VecDeque<Vec<f32>>,
}

/// The numbers that a [`Detector`] keeps beside its [`vectors`](Detector::vectors). Serialised and
/// read back they are the same bits.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Numbers {
    pub(super) whole: Track,
    pub(super) each: Vec<Track>,
    pub(super) history: History,
    /// In how many steps in a row each tensor moved.
    pub(super) moved: Vec<usize>,
    /// The newest fingerprints of tensors that are not followed by themselves.
    #[serde(default)]
    prints: Vec<u64>,
    /// Largest cosines between the newest steps and ways back.
    ways_back: VecDeque<Exact>,
    grid: Option<Grid>,
    /// A long step, while it may turn out to have been something else.
    recent: Option<Recent>,
}

/// A long step, and what is known of those after it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Recent {
    cause: Cause,
    /// ln(step length ÷ its forecast).
    excess: Exact,
    /// The cosine between it and the step after it, once there is one.
    cosine: Option<Exact>,
}

impl Detector {
    /// A detector that has seen nothing yet. `tensors` are ranges of parameters to follow each by
    /// itself, beside the whole; they may be empty, overlap, or leave parameters out. Without them
    /// it is not known which of them are frozen, and how differently they change.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when a range ends before it starts.
    pub fn new(threshold: Threshold, tensors: &[Range<usize>]) -> Result<Self, Error> {
        if let Some(backwards) = tensors.iter().find(|range| range.start > range.end) {
            return Err(Error::OutOfRange {
                what: "start of a tensor",
                index: backwards.start,
                length: backwards.end,
            });
        }
        Ok(Self {
            threshold,
            tensors: tensors.to_vec(),
            numbers: Numbers {
                each: vec![Track::default(); tensors.len()],
                moved: vec![0; tensors.len()],
                ..Numbers::default()
            },
            newest: None,
            steps: VecDeque::new(),
        })
    }

    /// Takes the next checkpoint in, of a training that is saved at even intervals.
    ///
    /// # Errors
    ///
    /// As [`push_after`](Self::push_after).
    pub fn push(&mut self, checkpoint: &[f32]) -> Result<Reading, Error> {
        self.push_after(1.0, checkpoint)
    }

    /// Takes the next checkpoint in, saved so long after the one before, in any unit that stays the
    /// same: steps over longer intervals are longer, by an exponent that is learnt from the run.
    ///
    /// # Errors
    ///
    /// A checkpoint of another length than the ones before, one too short for the tensors, or one
    /// that is not finite; an interval that is not above 0. The detector is then as it was.
    pub fn push_after(&mut self, interval: f64, checkpoint: &[f32]) -> Result<Reading, Error> {
        self.push_printed(interval, checkpoint, &[])
    }

    /// Takes the next checkpoint in, of which a sketch is followed: `prints` are fingerprints of its
    /// tensors, equal for equal bits, by which those that stand still are known; none where they are
    /// followed by themselves, or nothing is known of them.
    ///
    /// # Errors
    ///
    /// As [`push_after`](Self::push_after).
    pub fn push_printed(
        &mut self,
        interval: f64,
        checkpoint: &[f32],
        prints: &[u64],
    ) -> Result<Reading, Error> {
        self.check(interval, checkpoint)?;
        let grid = Grid::of(checkpoint);
        let grid_before = self.numbers.grid.replace(grid);
        let printed = self.numbers.printed(prints);
        let Some(before) = self.newest.replace(checkpoint.to_vec()) else {
            return Ok(self.nothing());
        };
        if before == checkpoint {
            return Ok(self.nothing());
        }
        let step: Vec<f32> = std::iter::zip(checkpoint, &before)
            .map(|(now, before)| now - before)
            .collect();
        let products = |range: Range<usize>| -> Vec<f64> {
            let newest = &step[range.clone()];
            let past = self.steps.iter().map(|past| &past[range.clone()]);
            past.chain(std::iter::once(newest))
                .map(|other| dot(newest, other))
                .collect()
        };
        let each: Vec<Vec<f64>> = self.tensors.iter().cloned().map(products).collect();
        let whole = match self.tile(step.len()) {
            true => sums(&each, self.steps.len() + 1),
            false => products(0..step.len()),
        };
        let motion = self.numbers.whole.push(&whole);
        let tensors: Vec<Option<Motion>> = std::iter::zip(&mut self.numbers.each, &each)
            .map(|(track, products)| track.push(products))
            .collect();
        if self.steps.len() == SPAN {
            self.steps.pop_front();
        }
        self.steps.push_back(step);
        let is_rounded = grid_before == Some(Grid::F32) && grid < Grid::F32;
        let (verdict, revised) = match &motion {
            Some(motion) => {
                let score = self.threshold.score();
                let still = match &printed {
                    Some(moved) => self.numbers.newly_still(moved),
                    None => {
                        let moved: Vec<bool> = tensors.iter().map(Option::is_some).collect();
                        self.numbers.newly_still(&moved)
                    }
                };
                self.numbers
                    .judge(score, interval, motion, &tensors, (is_rounded, still))
            }
            None => (None, None),
        };
        Ok(Reading {
            motion,
            tensors,
            verdict,
            revised,
        })
    }

    /// Whether the tensors are all parameters, each once: then their products add up.
    fn tile(&self, length: usize) -> bool {
        let mut end = 0;
        for range in &self.tensors {
            if range.start != end {
                return false;
            }
            end = range.end;
        }
        !self.tensors.is_empty() && end == length
    }

    fn nothing(&self) -> Reading {
        Reading {
            motion: None,
            tensors: vec![None; self.tensors.len()],
            verdict: None,
            revised: None,
        }
    }

    fn check(&self, interval: f64, checkpoint: &[f32]) -> Result<(), Error> {
        if !(interval > 0.0 && interval.is_finite()) {
            return Err(Error::NotFinite {
                what: "logarithm of the interval",
                index: 0,
            });
        }
        if let Some(bad) = checkpoint.iter().position(|weight| !weight.is_finite()) {
            return Err(Error::NotFinite {
                what: "weight",
                index: bad,
            });
        }
        if let Some(before) = &self.newest
            && before.len() != checkpoint.len()
        {
            return Err(Error::LengthMismatch {
                left: "the newest checkpoint",
                left_length: checkpoint.len(),
                right: "the one before",
                right_length: before.len(),
            });
        }
        let mut tensors = self.tensors.iter();
        match tensors.find(|range| range.end > checkpoint.len()) {
            Some(beyond) => Err(Error::OutOfRange {
                what: "end of a tensor",
                index: beyond.end,
                length: checkpoint.len(),
            }),
            None => Ok(()),
        }
    }
}

impl Numbers {
    /// Judges a step, at which these tensors stopped, and takes it in; what the event before turns out to have been.
    fn judge(
        &mut self,
        threshold: f64,
        interval: f64,
        motion: &Motion,
        tensors: &[Option<Motion>],
        (is_rounded, frozen): (bool, Vec<usize>),
    ) -> (Option<Verdict>, Option<Cause>) {
        let lengths: Vec<f64> = tensors
            .iter()
            .map(|motion| motion.map_or(f64::NAN, |motion| motion.step_length.ln()))
            .collect();
        let newest = self.history.newest(interval, motion.logarithms(), &lengths);
        let revised = self.revise(motion, &newest);
        let compared = self.history.compare(&newest);
        let way_back = self.way_back(motion);
        let is_beyond = compared.is_none() && self.history.is_beyond_all(&newest);
        let score = compared.map_or(0.0, |compared| compared.scores.largest());
        let cause = if !frozen.is_empty() {
            Cause::Frozen
        } else if is_rounded {
            Cause::Rounded
        } else if let Some(cause) = way_back.filter(|_| compared.is_some()) {
            cause
        } else if let Some(Comparison { scores, ratios }) = compared.filter(|_| score > threshold) {
            Cause::of_step(&scores, &ratios)
        } else if is_beyond {
            Cause::Data
        } else {
            Cause::Nothing
        };
        let alarm = cause != Cause::Nothing;
        let is_judged = compared.is_some() || alarm;
        if alarm {
            self.history.take_event(newest);
            // Other things do not turn out to be something else.
            let excess = compared.map(|compared| Exact(compared.ratios.step.ln()));
            self.recent = excess
                .filter(|excess| excess.0 > 0.0 && matches!(cause, Cause::RateUp | Cause::Data))
                .map(|excess| Recent {
                    cause,
                    excess,
                    cosine: None,
                });
        } else {
            self.history.take(newest);
        }
        let verdict = is_judged.then(|| Verdict {
            alarm,
            cause,
            score,
            scores: compared.map(|compared| compared.scores),
            ratios: compared.map(|compared| compared.ratios),
            frozen,
        });
        (verdict, revised)
    }

    /// What the long step before turns out to have been, at the second step after it. If it was a
    /// spike, the history goes on from before it.
    fn revise(&mut self, motion: &Motion, newest: &Newest) -> Option<Cause> {
        let mut recent = self.recent.take()?;
        let Some(Exact(first)) = recent.cosine else {
            recent.cosine = Some(Exact(motion.cosine));
            self.recent = Some(recent);
            return None;
        };
        let compared = self.history.compare_with_before(newest);
        let revised = compared.and_then(|compared| {
            let aftermath = Aftermath {
                excess: [recent.excess.0, compared.ratios.step.ln()],
                cosines: first + motion.second_cosine,
            };
            aftermath.revised(recent.cause)
        });
        if revised == Some(Cause::Spike) {
            self.history.forget_event();
        }
        revised
    }

    /// Tensors of which fingerprints are known.
    pub(super) fn printed_tensors(&self) -> usize {
        self.prints.len()
    }

    /// Takes fingerprints in; which tensors they say moved, if there were as many before.
    fn printed(&mut self, prints: &[u64]) -> Option<Vec<bool>> {
        if prints.is_empty() {
            return None;
        }
        let before = std::mem::replace(&mut self.prints, prints.to_vec());
        if before.len() != prints.len() {
            self.moved = vec![0; prints.len()];
            return None;
        }
        let pairs = std::iter::zip(&before, prints);
        Some(pairs.map(|(before, now)| before != now).collect())
    }

    /// Tensors that stand still and moved in every one of the steps before.
    fn newly_still(&mut self, now: &[bool]) -> Vec<usize> {
        let mut still = Vec::new();
        for (number, (moved, now)) in std::iter::zip(&mut self.moved, now).enumerate() {
            if *now {
                *moved += 1;
            } else {
                if *moved >= MOVED {
                    still.push(number);
                }
                *moved = 0;
            }
        }
        still
    }

    fn way_back(&mut self, motion: &Motion) -> Option<Cause> {
        let usual = self.ways_back.iter().map(|cosine| cosine.0);
        let usual = usual.fold(-1.0, f64::max);
        let cause = Cause::of_way_back(motion, usual);
        if motion.back_cosine.is_finite() {
            if self.ways_back.len() == WAYS_BACK {
                self.ways_back.pop_front();
            }
            self.ways_back.push_back(Exact(motion.back_cosine));
        }
        cause
    }
}

/// Sums over rows of this length.
fn sums(rows: &[Vec<f64>], length: usize) -> Vec<f64> {
    let sum = |index: usize| rows.iter().filter_map(|row| row.get(index)).sum();
    (0..length).map(sum).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    std::iter::zip(a, b)
        .map(|(&a, &b)| f64::from(a) * f64::from(b))
        .sum()
}
