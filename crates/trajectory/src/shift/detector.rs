//! The detector: one checkpoint after the other in, one reading each out.

use super::calibration::{Calibration, Verdict};
use super::features::{Motion, SPAN, Track};
use crate::Error;
use serde::Serialize;
use std::collections::VecDeque;
use std::ops::Range;

/// What one checkpoint says of the run so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// How the whole model moved; `None` for the first checkpoint, and for one that is equal to
    /// the one before.
    pub motion: Option<Motion>,
    /// How each layer moved, in the order in which the layers were given; `None` as above.
    pub layers: Vec<Option<Motion>>,
    /// The detector's decision; `None` until [`WARM_UP`](super::WARM_UP) steps have been seen.
    pub verdict: Option<Verdict>,
}

/// An online detector of changes in a training: feed it one checkpoint at a time.
///
/// It holds the last [`SPAN`] steps: memory and time per checkpoint are O([`SPAN`] · parameters).
#[derive(Debug, Clone)]
pub struct Detector {
    pub(super) calibration: Calibration,
    /// Parts of the parameters that are followed each by itself.
    pub(super) layers: Vec<Range<usize>>,
    pub(super) whole: Track,
    pub(super) each: Vec<Track>,
    pub(super) newest: Option<Vec<f32>>,
    pub(super) steps: VecDeque<Vec<f32>>,
}

impl Detector {
    /// A detector that has seen nothing yet. `layers` are ranges of parameters to follow each by
    /// itself, beside the whole; they may be empty, overlap, or leave parameters out.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfRange`] when a range ends before it starts.
    pub fn new(calibration: Calibration, layers: &[Range<usize>]) -> Result<Self, Error> {
        if let Some(backwards) = layers.iter().find(|layer| layer.start > layer.end) {
            return Err(Error::OutOfRange {
                what: "start of a layer",
                index: backwards.start,
                length: backwards.end,
            });
        }
        Ok(Self {
            calibration,
            layers: layers.to_vec(),
            whole: Track::default(),
            each: vec![Track::default(); layers.len()],
            newest: None,
            steps: VecDeque::new(),
        })
    }

    /// Takes the next checkpoint in.
    ///
    /// # Errors
    ///
    /// A checkpoint of another length than the ones before, one too short for the layers, or one
    /// that is not finite. The detector is then as it was.
    pub fn push(&mut self, checkpoint: &[f32]) -> Result<Reading, Error> {
        self.check(checkpoint)?;
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
        let motion = self.whole.push(&products(0..step.len()));
        let layers = std::iter::zip(&mut self.each, &self.layers)
            .map(|(track, layer)| track.push(&products(layer.clone())))
            .collect();
        if self.steps.len() == SPAN {
            self.steps.pop_front();
        }
        self.steps.push_back(step);
        let features = motion.as_ref().and_then(|motion| motion.features);
        Ok(Reading {
            verdict: features.map(|features| self.calibration.judge(features)),
            motion,
            layers,
        })
    }

    fn nothing(&self) -> Reading {
        Reading {
            motion: None,
            layers: vec![None; self.layers.len()],
            verdict: None,
        }
    }

    fn check(&self, checkpoint: &[f32]) -> Result<(), Error> {
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
        match self
            .layers
            .iter()
            .find(|layer| layer.end > checkpoint.len())
        {
            Some(beyond) => Err(Error::OutOfRange {
                what: "end of a layer",
                index: beyond.end,
                length: checkpoint.len(),
            }),
            None => Ok(()),
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    std::iter::zip(a, b)
        .map(|(&a, &b)| f64::from(a) * f64::from(b))
        .sum()
}
