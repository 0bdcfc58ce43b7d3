//! A series: every tensor as a sequence of small projections, with what is known exactly.

use crate::Error;
use weightspace::distance::distance;

/// One tensor over all steps.
#[derive(Debug, Clone)]
pub struct Track {
    /// Its projection at each step.
    pub projections: Vec<Vec<f32>>,
    /// Equal for equal bits, at each step.
    pub prints: Vec<u64>,
    /// Its Euclidean norm at each step.
    pub norms: Vec<f64>,
    /// Its least and largest value at each step.
    pub ranges: Vec<(f32, f32)>,
    /// Number of its values.
    pub elements: u64,
    /// Relative distance of neighbouring numbers as they are stored: 2⁻⁷ for bf16, 2⁻²³ for f32.
    pub grain: f64,
    /// Which of the files of a checkpoint it lies in.
    pub part: usize,
    /// Steps at which it is known to be broken, so that no distance means anything.
    pub broken: Vec<bool>,
}

/// All tensors over all steps, in the claimed order.
#[derive(Debug, Clone)]
pub struct Series {
    pub(super) tracks: Vec<Track>,
    /// What each step claims to be, rising.
    pub(super) positions: Vec<u64>,
    pub(super) steps: usize,
}

/// Differences below this part of the norm are rounding of the projection.
const NOTHING: f64 = 1e-7;

impl Series {
    /// A series of these tensors at these claimed positions, which rise.
    ///
    /// # Errors
    /// [`Error::LengthMismatch`] unless all tensors have as many steps as there are positions;
    /// [`Error::Empty`] if there is no tensor.
    pub fn new(positions: Vec<u64>, tracks: Vec<Track>) -> Result<Self, Error> {
        if tracks.is_empty() {
            return Err(Error::Empty { what: "tensors" });
        }
        let steps = positions.len();
        for track in &tracks {
            for (name, length) in [
                ("fingerprints", track.prints.len()),
                ("projections", track.projections.len()),
                ("fingerprints", track.prints.len()),
                ("norms", track.norms.len()),
                ("ranges", track.ranges.len()),
                ("broken steps", track.broken.len()),
            ] {
                if length != steps {
                    return Err(Error::LengthMismatch {
                        left: "positions",
                        left_length: steps,
                        right: name,
                        right_length: length,
                    });
                }
            }
        }
        Ok(Self {
            tracks,
            positions,
            steps,
        })
    }
}

impl Track {
    /// How far it is between two steps; 0 exactly where the bits are equal.
    pub(super) fn distance(&self, s: usize, t: usize) -> f64 {
        if self.prints[s] == self.prints[t] {
            return 0.0;
        }
        let least = NOTHING * self.norms[s].max(self.norms[t]);
        distance(&self.projections[s], &self.projections[t]).max(least)
    }

    /// ‖a − b‖ ÷ √(‖a‖² + ‖b‖²): 1 for unrelated values.
    pub(super) fn relative(&self, s: usize, t: usize) -> f64 {
        let both = self.norms[s].hypot(self.norms[t]);
        if both > 0.0 {
            self.distance(s, t) / both
        } else {
            0.0
        }
    }

    /// Whether it has more than one value over the steps.
    pub(super) fn moves(&self) -> bool {
        self.prints.iter().any(|print| *print != self.prints[0])
    }

    /// Numbers that its distances rest on.
    pub(super) fn freedom(&self) -> f64 {
        let projected = self.projections.first().map_or(0, Vec::len) as f64;
        projected.min(self.elements as f64).max(1.0)
    }
}
