//! What is observed of a checkpoint: its reading, whether it continues an alarm, how far it has come.

use super::facts::{Fact, Facts};
use super::happened;
use super::observation::Observation;
use super::watcher::{Event, InHand, Watcher};
use crate::collection::{PositionClaim, parameters, printable};
use crate::coverage::Coverage;
use crate::error::{Error, Result};
use crate::text::{counted, thousands};
use std::path::PathBuf;
use trajectory::shift::{Cause, Detector, Threshold, WARM_UP, WINDOW};
use weightspace::statistics::median;

/// Newest steps whose median is the unit of the distance since the accredited checkpoint, as in
/// `trajectory::progress`.
const RECENT: usize = 10;
impl Watcher {
    /// Sets the threshold of alarms by trainings in which nothing changed, each in a folder of its
    /// own, so that this share of their checkpoints raises one. Before the first look.
    ///
    /// # Errors
    /// When a folder or a file in it cannot be read, or the checkpoints are too few for the rate: 1
    /// ÷ rate of them are needed that could be judged.
    pub fn calibrate(&mut self, undisturbed: &[PathBuf], rate: f64) -> Result<()> {
        let mut scores = Vec::new();
        for folder in undisturbed {
            Self::new(folder, None, &self.options)?.look(true, &mut |event| match event {
                Event::Checkpoint(one) => {
                    let verdict = one
                        .reading
                        .verdict
                        .filter(|verdict| verdict.scores.is_some());
                    scores.extend(verdict.map(|verdict| verdict.score));
                    Ok(())
                }
                Event::Problem(problem) => Err(Error::Uncalibrated { problem }),
                Event::Beside(_) | Event::Note(_) => Ok(()),
            })?;
        }
        self.threshold = Threshold::of_undisturbed(&scores, rate)?;
        self.detector = Detector::new(self.threshold, &[])?;
        Ok(())
    }

    /// Says once what is followed, as soon as it is known.
    pub(super) fn introduce<E>(
        &mut self,
        sink: &mut dyn FnMut(Event) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.is_introduced {
            return Ok(());
        }
        let notes = self.introduction().into_iter().flatten();
        let notes = notes.chain(self.is_sketched());
        for note in notes.collect::<Vec<_>>() {
            self.is_introduced = true;
            sink(Event::Note(note))?;
        }
        Ok(())
    }

    /// What is followed, and how it is judged; none before the first checkpoint.
    fn introduction(&self) -> Option<[String; 2]> {
        let followed = self.followed.as_ref()?;
        let tensors = followed.layout.len();
        let weights = thousands(parameters(&followed.layout));
        let folder = printable(&self.directory.to_string_lossy());
        let rate = self.threshold.false_alarm_rate();
        let checkpoints = (1.0 / rate).round();
        let what = format!(
            "following {folder}: {weights} weights in {}",
            counted(tensors, "tensor")
        );
        let how = format!(
            "From the {}th checkpoint on, each step is compared with the last {WINDOW} steps of this training. \
             About 1 checkpoint in {checkpoints} raises a false alarm.",
            WARM_UP + 2,
        );
        Some([what, how])
    }

    /// False alarms per checkpoint that the built-in threshold is set for.
    pub fn false_alarm_rate() -> f64 {
        Threshold::DEFAULT_FALSE_ALARM_RATE
    }

    /// Judges a checkpoint by its values, and fingerprints of its tensors where they are a sketch. `left`: that it was in hand when the watch before this one ended, and
    /// whether all was done for it.
    pub(super) fn judge(
        &mut self,
        in_hand: InHand,
        (values, prints): (&[f32], &[u64]),
        left: Option<bool>,
    ) -> Result<Event> {
        let interval = self.interval(in_hand.position);
        let reading = self.detector.push_printed(interval, values, prints)?;
        let is_event = reading
            .verdict
            .as_ref()
            .is_some_and(|verdict| verdict.alarm);
        let facts = self.facts_since(in_hand.facts.as_ref(), is_event);
        if let Some(motion) = &reading.motion {
            if self.recent.len() == RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back(motion.step_length);
        }
        let continues = self.continues(happened::cause(reading.verdict.as_ref(), &facts));
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
        let layout = self
            .followed
            .as_ref()
            .map(|followed| followed.layout.as_slice());
        let verdict = reading.verdict.as_ref();
        let evidence = happened::evidence(verdict, &facts, layout.unwrap_or_default());
        let path = PathBuf::from(in_hand.path);
        Ok(Event::Checkpoint(Box::new(Observation {
            name: self.name(&path),
            saved: in_hand.saved,
            position: in_hand.position,
            number,
            evidence,
            reading,
            facts,
            since_accredited: since,
            went_back: in_hand.went_back,
            continues,
            again: left.is_some(),
            was_reported: left.unwrap_or(false),
            coverage: Coverage::of_one(weights, in_hand.unread),
            path,
        })))
    }

    /// Steps or epochs since the checkpoint before, by what they claim; 1 where that is not known.
    fn interval(&mut self, position: Option<PositionClaim>) -> f64 {
        let Some(followed) = &mut self.followed else {
            return 1.0;
        };
        let now = position.map(|claim| claim.value);
        let before = std::mem::replace(&mut followed.position, now);
        let passed = now
            .zip(before)
            .map(|(now, before)| now.saturating_sub(before));
        passed
            .filter(|passed| *passed > 0)
            .map_or(1.0, |passed| passed as f64)
    }

    /// What the trainer's files say happened since the checkpoint before; with an event in the weights,
    /// also which rate was to come at that one.
    pub(super) fn facts_since(&mut self, now: Option<&Facts>, is_event: bool) -> Vec<Fact> {
        let (Some(followed), Some(now)) = (&mut self.followed, now) else {
            return Vec::new();
        };
        let before = followed.facts.replace(now.clone());
        let mut facts = before.map_or_else(Vec::new, |before| now.since(&before));
        let to_come = facts.iter().filter(|fact| fact.planned != Some(false));
        let to_come = to_come.cloned().collect();
        let came = std::mem::replace(&mut followed.to_come, to_come);
        if is_event {
            facts.extend(came);
        }
        facts
    }

    /// Notes an alarm, and whether one of the same cause came just before: steps are compared with
    /// the last ones, so that what changes little by little raises alarm after alarm.
    pub(super) fn continues(&mut self, cause: Option<Cause>) -> bool {
        let before = self.alarm.map(|(cause, ago)| (cause, ago + 1));
        self.alarm = before;
        let Some(cause) = cause else {
            return false;
        };
        self.alarm = Some((cause, 0));
        before.is_some_and(|(before, ago)| before == cause && ago <= WINDOW)
    }
}
