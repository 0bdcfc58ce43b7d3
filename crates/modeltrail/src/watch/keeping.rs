//! When all that is known is put on disk, and how a watch continues from it; [`state`](super::state)
//! is the file.

use super::state::{Header, State};
use super::watcher::{InHand, Watcher};
use crate::collection::printable;
use crate::error::{Error, Result};
use std::ffi::OsString;
use std::path::Path;
use trajectory::shift::Detector;

impl Watcher {
    /// Keeps all that is known in this file, and continues from what is in it; whether anything is.
    /// Before the first look, and after [`calibrate`](Self::calibrate).
    ///
    /// The file is replaced before every checkpoint is reported, and after every alarm. It takes 4
    /// bytes for each of the last twelve vectors' numbers.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or is of a watch of another folder.
    pub fn keep(&mut self, path: &Path) -> Result<bool> {
        self.state = Some(path.to_path_buf());
        let Some(state) = State::read(path)? else {
            return Ok(false);
        };
        if state.header.directory != self.real_directory() {
            let other = printable(&state.header.directory.to_string_lossy());
            return Err(Error::Unsuitable {
                path: path.to_path_buf(),
                what: format!("it is the state of a watch of {other}"),
                way_out: "Give each folder a state of its own",
            });
        }
        self.restore(state)?;
        Ok(true)
    }

    /// Takes over all that a state knows.
    ///
    /// # Errors
    /// When the accredited checkpoint cannot be read in the form of the training.
    pub(super) fn restore(&mut self, state: State) -> Result<()> {
        let form = state.form();
        let State { header, vectors } = state;
        let mut vectors = vectors.into_iter();
        let in_hand = header
            .in_hand
            .map(|in_hand| (in_hand, vectors.next().unwrap_or_default()));
        let tensors = header.followed.tensors();
        self.detector = Detector::restored(self.threshold, &tensors, header.numbers, vectors)?;
        if let Some(accredited) = &mut self.accredited {
            accredited.take_form(form)?;
        }
        self.followed = Some(header.followed);
        let seen = header.seen.into_iter();
        self.seen = seen.map(|(path, stamp)| (path.into(), stamp)).collect();
        self.recent = header.recent.into_iter().map(f64::from_bits).collect();
        self.alarm = header.alarm;
        let was_reported = header.was_reported;
        self.left = in_hand.map(|(in_hand, values)| (in_hand, values, was_reported));
        Ok(())
    }

    /// One name for the folder, however it is reached.
    fn real_directory(&self) -> OsString {
        let real = std::fs::canonicalize(&self.directory);
        real.unwrap_or_else(|_| self.directory.clone()).into()
    }

    /// Puts all that is known on disk, with the checkpoint in hand, if it is to be kept.
    pub(super) fn keep_now(&self, in_hand: &InHand, values: &[f32]) -> Result<Option<State>> {
        let Some(path) = &self.state else {
            return Ok(None);
        };
        let state = self.known(Some((in_hand.clone(), values)));
        if let Some(state) = &state {
            state.write(path)?;
        }
        Ok(state)
    }

    /// All that is known, with the checkpoint in hand, if there is one; none before the first.
    pub(super) fn known(&self, in_hand: Option<(InHand, &[f32])>) -> Option<State> {
        let followed = self.followed.as_ref()?;
        let (in_hand, values) = in_hand.unzip();
        let mut vectors: Vec<Vec<f32>> = values.into_iter().map(<[f32]>::to_vec).collect();
        vectors.extend(self.detector.vectors().map(<[f32]>::to_vec));
        let mut header = Header::new(
            self.real_directory(),
            followed.clone(),
            self.detector.numbers(),
            in_hand,
            vectors.first().map_or(0, Vec::len),
        );
        let seen = self.seen.iter();
        header.seen = seen
            .map(|(path, stamp)| (path.clone().into(), stamp.clone()))
            .collect();
        header.seen.sort_by(|(a, _), (b, _)| a.cmp(b));
        header.recent = self.recent.iter().map(|step| step.to_bits()).collect();
        header.alarm = self.alarm;
        Some(State { header, vectors })
    }

    /// Notes on disk that an alarm was reported, and what it asks for is done.
    pub(super) fn done(&self, mut state: State) -> Result<()> {
        state.header.was_reported = true;
        match &self.state {
            Some(path) => state.write(path),
            None => Ok(()),
        }
    }

    /// As [`done`](Self::done), for the checkpoint that was in hand at the start.
    pub(super) fn note_reported(&self) -> Result<()> {
        let Some(path) = &self.state else {
            return Ok(());
        };
        match State::read(path)? {
            Some(state) if !state.header.was_reported => self.done(state),
            _ => Ok(()),
        }
    }
}
