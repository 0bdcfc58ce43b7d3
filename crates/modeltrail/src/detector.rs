//! A training in memory, followed checkpoint by checkpoint.

use crate::collection::parameters;
use crate::error::{Error, Result};
use crate::source::TensorSource;
use checkpoint_store::TensorShape;
use std::ops::Range;
use trajectory::shift::{Detector, Reading, Threshold};

/// Judges each checkpoint of a training by how it moved from the one before: feed it one's own
/// tensors, and no file is written.
///
/// It measures the training that it follows, and says nothing before eleven steps were seen. It holds
/// the last [`SPAN`](trajectory::shift::SPAN) steps: memory and time per checkpoint are O(SPAN ·
/// weights).
///
/// ```
/// use modeltrail::{ShiftDetector, TensorSource, Tensors};
///
/// # fn main() -> modeltrail::Result<()> {
/// let mut detector = None;
/// for step in 0..20_u32 {
///     // A training that turns round after step 15.
///     let at = if step < 16 { step as f32 } else { 31.0 - step as f32 };
///     let mut tensors = Tensors::new();
///     let weights: Vec<f32> = (0..50).map(|i| (i as f32).sin() * at + 0.01 * ((i * step) % 7) as f32).collect();
///     tensors.add("weight", &[5, 10], weights)?;
///     let detector = match &mut detector {
///         Some(detector) => detector,
///         none => none.insert(ShiftDetector::new(tensors.tensors())?),
///     };
///     let reading = detector.push(u64::from(step), &tensors)?;
///     if let Some(verdict) = reading.verdict.filter(|verdict| verdict.alarm) {
///         println!("step {step}: {}", verdict.cause.description());
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ShiftDetector {
    detector: Detector,
    layout: Vec<TensorShape>,
    /// The step that was pushed last.
    newest: Option<u64>,
}

impl ShiftDetector {
    /// A detector that has seen nothing, of a training with these tensors and the built-in threshold.
    ///
    /// # Errors
    /// None with this threshold.
    pub fn new(layout: &[TensorShape]) -> Result<Self> {
        Self::with(Threshold::built_in(), layout)
    }

    /// A detector with a threshold of one's own.
    ///
    /// # Errors
    /// None for a layout of tensors.
    pub fn with(threshold: Threshold, layout: &[TensorShape]) -> Result<Self> {
        Ok(Self {
            detector: Detector::new(threshold, &ranges(layout))?,
            layout: layout.to_vec(),
            newest: None,
        })
    }

    /// Takes the checkpoint of a step in, and says how it moved. Steps over longer intervals are taken
    /// to be longer.
    ///
    /// # Errors
    /// When the step is not after the one before, the tensors are not those of the training, they
    /// cannot be read, or a weight is NaN or infinite. The detector is then as it was.
    pub fn push(&mut self, step: u64, checkpoint: &dyn TensorSource) -> Result<Reading> {
        if let Some(index) = difference(&self.layout, checkpoint.tensors()) {
            return Err(Error::NoSuchTensor { index });
        }
        let interval = match self.newest {
            Some(newest) if step <= newest => return Err(Error::NotAfter { step, newest }),
            Some(newest) => (step - newest) as f64,
            None => 1.0,
        };
        let mut values = Vec::new();
        for index in 0..self.layout.len() {
            checkpoint.read(index, &mut |slice| values.extend_from_slice(slice))?;
        }
        let reading = self.detector.push_after(interval, &values)?;
        self.newest = Some(step);
        Ok(reading)
    }
}

/// Where the values of each tensor lie among all.
pub(crate) fn ranges(layout: &[TensorShape]) -> Vec<Range<usize>> {
    let mut start = 0;
    let ranges = layout.iter().map(|tensor| {
        let range = start..start + parameters(std::slice::from_ref(tensor)) as usize;
        start = range.end;
        range
    });
    ranges.collect()
}

/// The first tensor in which two lists differ.
fn difference(own: &[TensorShape], other: &[TensorShape]) -> Option<usize> {
    let longest = own.len().max(other.len());
    (0..longest).find(|&index| own.get(index) != other.get(index))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Tensors;

    fn tensors(name: &str, values: Vec<f32>) -> Tensors {
        let mut tensors = Tensors::new();
        tensors.add(name, &[values.len()], values).unwrap();
        tensors
    }

    #[test]
    fn another_network_and_an_earlier_step_are_refused_and_leave_the_detector_as_it_was() {
        let first = tensors("a", vec![1.0, 2.0]);
        let mut detector = ShiftDetector::new(first.tensors()).unwrap();
        assert!(detector.push(5, &first).unwrap().motion.is_none());
        assert!(detector.push(6, &tensors("b", vec![1.0, 2.0])).is_err());
        assert!(
            detector
                .push(6, &tensors("a", vec![1.0, f32::NAN]))
                .is_err()
        );
        let refused = detector.push(5, &tensors("a", vec![1.0, 5.0])).unwrap_err();
        assert!(refused.to_string().contains("step 5"), "{refused}");
        let reading = detector.push(6, &tensors("a", vec![1.0, 5.0])).unwrap();
        assert_eq!(reading.motion.map(|motion| motion.step_length), Some(3.0));
    }
}
