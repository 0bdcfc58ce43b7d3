//! A training in memory, followed checkpoint by checkpoint.

use crate::error::{Error, Result};
use crate::source::TensorSource;
use checkpoint_store::TensorShape;
use trajectory::shift::{Calibration, Detector, Reading};

/// Judges each checkpoint of a training by how it moved from the one before: feed it one's own
/// tensors, and no file is written.
///
/// It holds the last [`SPAN`](trajectory::shift::SPAN) steps: memory and time per checkpoint are
/// O(SPAN · weights).
///
/// ```
/// use modeltrail::{ShiftDetector, Tensors};
///
/// # fn main() -> modeltrail::Result<()> {
/// let mut detector = ShiftDetector::new()?;
/// for step in 0..20_u32 {
///     // A training that turns round after step 15.
///     let at = if step < 16 { step as f32 } else { 31.0 - step as f32 };
///     let mut tensors = Tensors::new();
///     let weights: Vec<f32> = (0..50).map(|i| (i as f32).sin() * at + 0.01 * ((i * step) % 7) as f32).collect();
///     tensors.add("weight", &[5, 10], weights)?;
///     let reading = detector.push(&tensors)?;
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
    /// The tensors of the first checkpoint.
    layout: Option<Vec<TensorShape>>,
}

impl ShiftDetector {
    /// A detector that has seen nothing, with the thresholds of the built-in networks.
    ///
    /// # Errors
    /// None with these thresholds.
    pub fn new() -> Result<Self> {
        Self::with(Calibration::zoos())
    }

    /// A detector with thresholds of one's own.
    ///
    /// # Errors
    /// None for a calibration that was fitted.
    pub fn with(calibration: Calibration) -> Result<Self> {
        Ok(Self {
            detector: Detector::new(calibration, &[])?,
            layout: None,
        })
    }

    /// Takes the next checkpoint in, and says how it moved. There is no verdict before ten steps were
    /// seen.
    ///
    /// # Errors
    /// When its tensors are not those of the first checkpoint, it cannot be read, or a weight is NaN
    /// or infinite. The detector is then as it was.
    pub fn push(&mut self, checkpoint: &dyn TensorSource) -> Result<Reading> {
        let tensors = checkpoint.tensors();
        if let Some(layout) = &self.layout
            && let Some(index) = difference(layout, tensors)
        {
            return Err(Error::NoSuchTensor { index });
        }
        let mut values = Vec::new();
        for index in 0..tensors.len() {
            checkpoint.read(index, &mut |slice| values.extend_from_slice(slice))?;
        }
        let reading = self.detector.push(&values)?;
        self.layout.get_or_insert_with(|| tensors.to_vec());
        Ok(reading)
    }
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
    fn another_network_is_refused_and_leaves_the_detector_as_it_was() {
        let mut detector = ShiftDetector::new().unwrap();
        assert!(
            detector
                .push(&tensors("a", vec![1.0, 2.0]))
                .unwrap()
                .motion
                .is_none()
        );
        assert!(detector.push(&tensors("b", vec![1.0, 2.0])).is_err());
        assert!(detector.push(&tensors("a", vec![1.0, f32::NAN])).is_err());
        let reading = detector.push(&tensors("a", vec![1.0, 5.0])).unwrap();
        assert_eq!(reading.motion.map(|motion| motion.step_length), Some(3.0));
    }
}
