//! A training in memory, which gives its checkpoints one by one; no file is read or written.

use super::facts::Facts;
use super::observation::Observation;
use super::reading::{Arrival, Form};
use super::state::State;
use super::watcher::{Event, Watcher};
use crate::collection::{From, Options, PositionClaim, Unit, printable};
use crate::error::{Error, Result};
use checkpoint_store::foreign::{Arrays, Found, TrainerState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What errors call a state that is in memory.
const STATE: &str = "the state of the watch";

impl Watcher {
    /// A watcher that is given its checkpoints by [`push`](Self::push). The accredited checkpoint may be
    /// one that the options hold in memory; memory is as for [`new`](Self::new).
    ///
    /// # Errors
    /// When the accredited checkpoint cannot be read or is not finite.
    pub fn in_memory(accredited: Option<&Path>, options: &Options) -> Result<Self> {
        Self::of(PathBuf::new(), accredited, options)
    }

    /// Judges the checkpoint of a step, of which the trainer says this. A step before the newest one means
    /// that the training went back: it is judged anew from there.
    ///
    /// Costs a pass over the weights, and O(10 · weights) time and memory, or those of a sketch.
    ///
    /// # Errors
    /// When the step is the newest one again, the tensors are not those of the training, they cannot be
    /// read, or weights are NaN or infinite. The watcher is then as it was.
    pub fn push(
        &mut self,
        step: u64,
        arrays: &Arc<Arrays>,
        trainer: Option<TrainerState>,
    ) -> Result<Observation> {
        if let Some(newest) = self.newest().filter(|newest| *newest == step) {
            return Err(Error::NotAfter { step, newest });
        }
        let path = PathBuf::from(format!("step-{step}"));
        let mut arrival = Arrival::of(Found::in_memory(&path, arrays), &self.options.limits)?;
        arrival.claims.run = None;
        arrival.claims.aside = None;
        arrival.claims.position = Some(PositionClaim {
            value: step,
            unit: Unit::Step,
            from: From::Metadata,
        });
        arrival.facts = trainer.map(Facts::from);
        if let Some(followed) = &self.followed
            && followed.layout != arrival.layout
        {
            return Err(Error::Unsuitable {
                path,
                what: "its tensors are not those of the training that is followed".to_owned(),
                way_out: "Follow each network by a watcher of its own",
            });
        }
        let form = match &self.followed {
            Some(followed) => followed.form,
            None => Form::of(&arrival.layout, &self.options),
        };
        let point = arrival.read(form)?;
        if !point.is_finite {
            return Err(Error::NotFinite {
                checkpoint: path.display().to_string(),
                tensors: arrival.not_finite()?,
            });
        }
        self.follow(std::slice::from_ref(&arrival))?;
        // What was given is never too late: an earlier step is a training that went back.
        self.seen.insert(path.clone(), arrival.stamp.clone());
        let admitted = self.admit(&arrival, true);
        self.seen.clear();
        let in_hand = admitted?.map_err(|why| Error::Unsuitable {
            path,
            what: why.to_owned(),
            way_out: "Follow each training by a watcher of its own",
        })?;
        match self.judge(in_hand, (&point.values, &point.prints), None)? {
            Event::Checkpoint(observed) => Ok(*observed),
            // Nothing else comes of judging.
            _ => Err(Error::NothingRead),
        }
    }

    /// The step that was given last.
    pub fn newest(&self) -> Option<u64> {
        self.followed.as_ref().and_then(|followed| followed.newest)
    }

    /// All that is known, to go on from with [`restored`](Self::restored): of 4 bytes for each of the last
    /// eleven vectors' numbers. None before the first checkpoint.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn to_bytes(&self) -> Result<Option<Vec<u8>>> {
        let Some(state) = self.known(None) else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        state.encode(Path::new(STATE), &mut |part| bytes.extend_from_slice(part))?;
        Ok(Some(bytes))
    }

    /// A watcher in memory that goes on from what [`to_bytes`](Self::to_bytes) gave.
    ///
    /// # Errors
    /// When the bytes are no such state, are damaged, of another version or of a watch of a folder.
    pub fn restored(bytes: &[u8], accredited: Option<&Path>, options: &Options) -> Result<Self> {
        let state = State::decode(Path::new(STATE), bytes)?;
        if !state.header.directory.is_empty() {
            let folder = printable(&state.header.directory.to_string_lossy());
            return Err(Error::Unsuitable {
                path: PathBuf::from(STATE),
                what: format!("it is the state of a watch of the folder {folder}"),
                way_out: "Go on with the command, and that folder",
            });
        }
        let mut watcher = Self::in_memory(accredited, options)?;
        watcher.restore(state)?;
        Ok(watcher)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use checkpoint_store::foreign::{Element, Layout};

    /// A training that turns round after step 15.
    fn checkpoint(step: u64) -> Arc<Arrays> {
        let at = if step < 16 {
            step as f32
        } else {
            31.0 - step as f32
        };
        let values = (0..60).map(|i| (i as f32).sin() * at + 0.01 * ((i * step) % 7) as f32);
        let bytes: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
        let mut arrays = Arrays::new();
        let layout = Layout::default();
        arrays
            .add("w", Element::F32, &[6, 10], &layout, Arc::new(bytes))
            .unwrap();
        Arc::new(arrays)
    }

    fn rows(watcher: &mut Watcher, steps: std::ops::Range<u64>) -> Vec<String> {
        let steps = steps.map(|step| watcher.push(step, &checkpoint(step), None).unwrap());
        steps.map(|observed| observed.row(false)).collect()
    }

    #[test]
    fn a_training_in_memory_is_judged_and_goes_on_from_its_state_as_if_it_had_not_stopped() {
        for memory in [0, 256 << 20] {
            let options = Options::default().memory(memory);
            let mut whole = Watcher::in_memory(None, &options).unwrap();
            assert!(whole.to_bytes().unwrap().is_none());
            let all = rows(&mut whole, 0..24);
            assert!(all.iter().any(|row| row.contains("ALARM")), "{all:?}");
            for pause in [1, 2, 14] {
                let mut first = Watcher::in_memory(None, &options).unwrap();
                let mut parts = rows(&mut first, 0..pause);
                let bytes = first.to_bytes().unwrap().unwrap();
                let mut second = Watcher::restored(&bytes, None, &options).unwrap();
                parts.extend(rows(&mut second, pause..24));
                assert_eq!(parts, all);
            }
        }
    }

    #[test]
    fn what_cannot_be_judged_leaves_the_watcher_as_it_was() {
        let mut watcher = Watcher::in_memory(None, &Options::default()).unwrap();
        rows(&mut watcher, 0..3);
        let again = watcher.push(2, &checkpoint(2), None).unwrap_err();
        assert_eq!(again.kind(), "not_after");
        let mut other = Arrays::new();
        let layout = Layout::default();
        let nan = Arc::new(f32::NAN.to_le_bytes().to_vec());
        other.add("w", Element::F32, &[1], &layout, nan).unwrap();
        let other = Arc::new(other);
        assert_eq!(
            watcher.push(3, &other, None).unwrap_err().kind(),
            "unsuitable"
        );
        let mut fresh = Watcher::in_memory(None, &Options::default()).unwrap();
        let error = fresh.push(0, &other, None).unwrap_err();
        assert_eq!(error.kind(), "not_finite");
        assert!(fresh.newest().is_none());
        let observed = watcher.push(3, &checkpoint(3), None).unwrap();
        assert!(!observed.went_back && observed.reading.motion.is_some());
        let back = watcher.push(1, &checkpoint(1), None).unwrap();
        assert!(back.went_back);
    }

    #[test]
    fn a_damaged_state_is_refused() {
        let mut watcher = Watcher::in_memory(None, &Options::default()).unwrap();
        rows(&mut watcher, 0..2);
        let mut bytes = watcher.to_bytes().unwrap().unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        assert!(Watcher::restored(&bytes, None, &Options::default()).is_err());
        assert!(Watcher::restored(b"", None, &Options::default()).is_err());
    }
}
