//! What a detector knows, to be kept and to go on from.

use super::detector::{Detector, Numbers};
use super::motion::SPAN;
use super::threshold::Threshold;
use crate::Error;
use std::ops::Range;

impl Detector {
    /// The numbers that it keeps beside its [`vectors`](Self::vectors).
    pub fn numbers(&self) -> Numbers {
        self.numbers.clone()
    }

    /// The newest checkpoint, then the last steps (at most [`SPAN`]), the oldest first. Nothing
    /// before the first checkpoint.
    pub fn vectors(&self) -> impl Iterator<Item = &[f32]> {
        let vectors = self.newest.iter().chain(&self.steps);
        vectors.map(Vec::as_slice)
    }

    /// A detector that goes on, to the bit, as the one would that these come from.
    ///
    /// # Errors
    ///
    /// [`Error::LengthMismatch`] when the vectors are of different lengths, or numbers, tensors and
    /// vectors cannot come from one detector; and as [`Detector::new`].
    pub fn restored(
        threshold: Threshold,
        tensors: &[Range<usize>],
        numbers: Numbers,
        mut vectors: impl Iterator<Item = Vec<f32>>,
    ) -> Result<Self, Error> {
        let mut detector = Self::new(threshold, tensors)?;
        detector.newest = vectors.next();
        // Not by `collect`: of a vector's iterator at its end, the standard library (1.95) makes a ring that
        // begins beyond its memory, and what is taken out of that later was never put in.
        detector.steps.extend(vectors);
        let mismatch = |left, left_length, right, right_length| {
            Err(Error::LengthMismatch {
                left,
                left_length,
                right,
                right_length,
            })
        };
        let length = detector.newest.as_ref().map_or(0, Vec::len);
        if let Some(odd) = detector.steps.iter().find(|step| step.len() != length) {
            return mismatch("a step", odd.len(), "the newest checkpoint", length);
        }
        if numbers.each.len() != tensors.len()
            || numbers.moved.len() != tensors.len() + numbers.printed_tensors()
        {
            let (tracks, tensors) = (numbers.each.len(), tensors.len());
            return mismatch("the tracks of tensors", tracks, "the tensors", tensors);
        }
        let held = detector.steps.len();
        let mut all = std::iter::once(&numbers.whole).chain(&numbers.each);
        if !all.all(|track| track.is_sound(held)) {
            return mismatch(
                "the steps",
                held,
                "those that tracks know, of at most",
                SPAN,
            );
        }
        detector.numbers = numbers;
        Ok(detector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shift::Cause;

    fn point(epoch: usize) -> Vec<f32> {
        let along = epoch as f32 * if epoch > 17 { 1.7 } else { 1.0 };
        let noise = |k: usize| ((epoch * k) % 7) as f32 * 0.03;
        vec![along, noise(3), noise(5), noise(11), 0.1 * along + noise(2)]
    }

    #[test]
    fn a_detector_that_was_kept_goes_on_as_the_one_that_was_not() -> Result<(), Error> {
        let new = || Detector::new(Threshold::built_in(), &[0..2, 1..5]);
        let mut whole = new()?;
        let mut cut = new()?;
        for epoch in 0..30 {
            let text = serde_json::to_string(&cut.numbers()).unwrap();
            cut = Detector::restored(
                Threshold::built_in(),
                &[0..2, 1..5],
                serde_json::from_str(&text).unwrap(),
                cut.vectors().map(<[f32]>::to_vec),
            )?;
            let (expected, found) = (whole.push(&point(epoch))?, cut.push(&point(epoch))?);
            // NaN is equal to nothing.
            assert_eq!(format!("{expected:?}"), format!("{found:?}"));
        }
        Ok(())
    }

    #[test]
    fn a_detector_that_knows_one_checkpoint_goes_on_for_longer_than_it_holds_steps()
    -> Result<(), Error> {
        let mut whole = Detector::new(Threshold::built_in(), &[])?;
        whole.push(&point(0))?;
        let vectors = vec![point(0)].into_iter();
        let mut cut = Detector::restored(Threshold::built_in(), &[], whole.numbers(), vectors)?;
        for epoch in 1..40 {
            let (expected, found) = (whole.push(&point(epoch))?, cut.push(&point(epoch))?);
            assert_eq!(format!("{expected:?}"), format!("{found:?}"));
            assert!(whole.vectors().eq(cut.vectors()));
        }
        Ok(())
    }

    #[test]
    fn tensors_that_stop_are_known_by_fingerprints_too() -> Result<(), Error> {
        let mut detector = Detector::new(Threshold::built_in(), &[])?;
        let mut stopped = Vec::new();
        for epoch in 0..20_u64 {
            // The second of three stands still from epoch 15 on.
            let prints = [epoch, 100 + epoch.min(14), 200 + epoch];
            let text = serde_json::to_string(&detector.numbers()).unwrap();
            detector = Detector::restored(
                Threshold::built_in(),
                &[],
                serde_json::from_str(&text).unwrap(),
                detector.vectors().map(<[f32]>::to_vec),
            )?;
            // A run that goes on as it did.
            let reading = detector.push_printed(1.0, &point(epoch as usize % 17), &prints)?;
            if let Some(verdict) = reading.verdict.filter(|verdict| !verdict.frozen.is_empty()) {
                stopped.push((epoch, verdict.frozen, verdict.cause));
            }
        }
        assert_eq!(stopped, [(15, vec![1], Cause::Frozen)]);
        Ok(())
    }

    #[test]
    fn what_cannot_come_from_one_detector_is_refused() -> Result<(), Error> {
        let mut detector = Detector::new(Threshold::built_in(), &[])?;
        for epoch in 0..12 {
            detector.push(&point(epoch))?;
        }
        let vectors: Vec<Vec<f32>> = detector.vectors().map(<[f32]>::to_vec).collect();
        let restored = |tensors: &[Range<usize>], vectors: Vec<Vec<f32>>| {
            let vectors = vectors.into_iter();
            Detector::restored(Threshold::built_in(), tensors, detector.numbers(), vectors)
        };
        assert!(restored(&[], vectors.clone()).is_ok());
        assert!(restored(&[0..1, 1..2], vectors.clone()).is_err());
        let (short, mut odd) = (vectors[1..].to_vec(), vectors);
        assert!(restored(&[], short).is_err());
        odd[3].pop();
        assert!(restored(&[], odd).is_err());
        Ok(())
    }
}
