//! What is observed of a checkpoint: its reading, whether it continues an alarm, how far it has come.

use super::observation::Observation;
use super::watcher::{Event, InHand, Watcher};
use crate::collection::{Unit, parameters};
use crate::coverage::Coverage;
use crate::error::{Error, Result};
use std::path::PathBuf;
use trajectory::shift::{self, Calibration, Detector};
use weightspace::statistics::median;

/// Newest steps whose median is the unit of the distance since the accredited checkpoint, as in
/// `trajectory::progress`.
const RECENT: usize = 10;
/// Weights of the smallest and largest network that alarms were calibrated on.
const CALIBRATED: [u64; 2] = [1376, 2160];
/// A network so many times smaller or larger is unlike them.
const UNLIKE: u64 = 10;

impl Watcher {
    /// Sets the thresholds of alarms by trainings in which nothing changed, each in a folder of its
    /// own, so that this share of their checkpoints raises one. Before the first look.
    ///
    /// # Errors
    /// When a folder or a file in it cannot be read, or the checkpoints are too few for the rate: 3
    /// ÷ rate of them are needed that have ten steps behind them.
    pub fn calibrate(&mut self, undisturbed: &[PathBuf], rate: f64) -> Result<()> {
        let mut features = Vec::new();
        for folder in undisturbed {
            Self::new(folder, None, &self.options)?.look(true, &mut |event| match event {
                Event::Checkpoint(one) => {
                    features.extend(one.reading.verdict.map(|verdict| verdict.features));
                    Ok(())
                }
                Event::Problem(problem) => Err(Error::Uncalibrated { problem }),
                Event::Beside(_) => Ok(()),
            })?;
        }
        self.calibration = Calibration::zoos().with_thresholds_of(&features, rate)?;
        self.is_built_in = false;
        self.detector = Detector::new(self.calibration.clone(), &[])?;
        Ok(())
    }

    /// Why the declared rate of false alarms does not hold for this training, if it is known not
    /// to; none before the first checkpoint.
    pub fn unlike_calibration(&self) -> Option<String> {
        if !self.is_built_in {
            return None;
        }
        let followed = self.followed.as_ref()?;
        let weights = parameters(&followed.layout);
        let [smallest, largest] = CALIBRATED;
        if weights > largest * UNLIKE || weights < smallest / UNLIKE {
            return Some(format!("it has {weights} weights"));
        }
        let is_epochs = followed.unit == Some(Unit::Epoch);
        (!is_epochs).then(|| "its checkpoints do not claim to be epochs".to_owned())
    }

    /// False alarms per checkpoint that are declared for networks like those of the calibration.
    pub fn false_alarm_rate() -> f64 {
        Calibration::DEFAULT_FALSE_ALARM_RATE
    }

    /// Judges a checkpoint. `left`: that it was in hand when the watch before this one ended, and
    /// whether all was done for it.
    pub(super) fn judge(
        &mut self,
        in_hand: InHand,
        values: &[f32],
        left: Option<bool>,
    ) -> Result<Event> {
        let reading = self.detector.push(values)?;
        if let Some(motion) = &reading.motion {
            if self.recent.len() == RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(motion.step_length);
        }
        let continues = self.continues(reading.verdict.as_ref());
        let (mut number, mut since, mut weights) = (0, None, 0);
        if let Some(followed) = &mut self.followed {
            number = followed.judged;
            weights = parameters(&followed.layout);
            followed.judged += 1;
            if let Some(accredited) = &self.accredited {
                let distance = accredited.distance(&followed.layout, values)?;
                since = Some(distance / median(self.recent.iter().copied()))
                    .filter(|since| since.is_finite());
            }
        }
        let path = PathBuf::from(in_hand.path);
        Ok(Event::Checkpoint(Box::new(Observation {
            name: self.name(&path),
            saved: in_hand.saved,
            position: in_hand.position,
            number,
            reading,
            since_accredited: since,
            went_back: in_hand.went_back,
            continues,
            again: left.is_some(),
            was_reported: left.unwrap_or(false),
            coverage: Coverage::of_one(weights, in_hand.unread),
            path,
        })))
    }

    /// Notes an alarm, and whether one of the same cause came just before: steps are compared with
    /// the last ones, so that what changes little by little raises alarm after alarm.
    pub(super) fn continues(&mut self, verdict: Option<&shift::Verdict>) -> bool {
        let before = self.alarm.map(|(cause, ago)| (cause, ago + 1));
        self.alarm = before;
        let Some(verdict) = verdict.filter(|verdict| verdict.alarm) else {
            return false;
        };
        self.alarm = Some((verdict.cause, 0));
        before.is_some_and(|(cause, ago)| cause == verdict.cause && ago <= shift::RECENT)
    }
}
