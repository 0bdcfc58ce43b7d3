//! Which checkpoints are new in the folder, which run they are of, and in what order they are judged.

use super::accredited::Accredited;
use super::reading::{Arrival, Form, Stamp};
use super::watcher::{Event, Followed, InHand, Watcher};
use crate::collection::listing::is_without_model;
use crate::collection::{From, Problem, printable, sketches};
use crate::error::{Error, Result};
use checkpoint_store::foreign::{Claimed, discover_only, natural};
use checkpoint_store::{Error as StoreError, Fault};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use trajectory::shift::Detector;

impl Watcher {
    /// Reads what is new. With `at_once`, a file that cannot be read is reported now; otherwise it
    /// may be half-written, and is reported if it is the same at the next look.
    ///
    /// Costs a look at the header of every file in the folder, and for a new one a pass over its
    /// weights and O(10 · weights) time and memory.
    ///
    /// # Errors
    /// What the sink returns, and an accredited checkpoint with other tensors.
    pub fn look<E: std::convert::From<Error>>(
        &mut self,
        at_once: bool,
        sink: &mut dyn FnMut(Event) -> Result<(), E>,
    ) -> Result<(), E> {
        self.introduce(sink)?;
        if let Some((in_hand, values, was_reported)) = self.left.take() {
            self.note_judged(Path::new(&in_hand.path), &values);
            let event = self.judge(in_hand, (&values, &[]), Some(was_reported))?;
            sink(event)?;
            self.note_reported()?;
        }
        let limits = self.options.limits;
        let folder = std::slice::from_ref(&self.directory);
        let discovery = discover_only(folder, self.options.only.as_ref(), &limits);
        let mut broken: Vec<(PathBuf, Stamp, Error)> = Vec::new();
        for problem in discovery.problems {
            // In an empty folder the training has not begun.
            let is_empty = problem.path == self.directory
                && matches!(&problem.error, StoreError::Foreign { fault, .. } if *fault == Fault::Missing);
            if !is_empty {
                let stamp = Stamp::of(std::slice::from_ref(&problem.path));
                broken.push((problem.path, stamp, problem.error.into()));
            }
        }
        let mut fresh = Vec::new();
        if discovery.checkpoints.is_empty() {
            self.find_sketches(&mut fresh, &mut broken);
        }
        for found in discovery.checkpoints {
            let stamp = Stamp::of(&found.files);
            if self.seen.get(&found.path) == Some(&stamp) {
                continue;
            }
            let path = found.path.clone();
            match Arrival::of(found, &limits) {
                Ok(opened) => fresh.push(opened),
                Err(error) if is_without_model(&error) => {
                    self.seen.insert(path.clone(), stamp);
                    let said = self.say_beside(&path, "there is no model in it");
                    said.map_or(Ok(()), &mut *sink)?;
                }
                Err(error) => broken.push((path, stamp, error)),
            }
        }
        self.leave_copies(&fresh)?;
        let aside = self.take_aside(&mut fresh);
        self.follow(&fresh)?;
        self.introduce(sink)?;
        if self.followed.as_ref().is_some_and(|f| f.by_names) {
            fresh.iter_mut().for_each(Arrival::prefer_names);
        }
        self.sort(&mut fresh);
        let mut wait_from: Option<u64> = None;
        for (path, stamp, error) in broken {
            wait_from = self.broken(&path, stamp, &error, at_once, wait_from, sink)?;
        }
        for opened in fresh {
            // What comes after a file that may be half-written waits with it.
            if wait_from.is_some_and(|from| opened.position().is_some_and(|at| at > from)) {
                continue;
            }
            let form = self.followed.as_ref().map_or(Form::Weights, |f| f.form);
            let point = opened.read(form);
            let path = opened.path.clone();
            match point {
                Ok(point) => {
                    self.pending.remove(&path);
                    let admitted = self.admit(&opened, point.is_finite)?;
                    self.seen.insert(path.clone(), opened.stamp);
                    match admitted {
                        Err(why) => {
                            let said = self.not_admitted(&path, &point, why);
                            said.map_or(Ok(()), &mut *sink)?;
                        }
                        Ok(in_hand) => {
                            self.note_judged(&path, &point.values);
                            let kept = self.keep_now(&in_hand, &point.values)?;
                            let event =
                                self.judge(in_hand, (&point.values, &point.prints), None)?;
                            let is_alarm =
                                matches!(&event, Event::Checkpoint(one) if one.is_new_alarm());
                            sink(event)?;
                            if let Some(state) = kept.filter(|_| is_alarm) {
                                self.done(state)?;
                            }
                        }
                    }
                }
                Err(error) => {
                    let stamp = opened.stamp.clone();
                    wait_from = self.broken(&path, stamp, &error, at_once, wait_from, sink)?;
                }
            }
        }
        for opened in aside {
            let said = self.stands_aside(&opened);
            said.map_or(Ok(()), &mut *sink)?;
        }
        Ok(())
    }

    /// Notes a file that cannot be read; the claimed position from which others wait for it.
    fn broken<E>(
        &mut self,
        path: &Path,
        stamp: Stamp,
        error: &Error,
        at_once: bool,
        wait_from: Option<u64>,
        sink: &mut dyn FnMut(Event) -> Result<(), E>,
    ) -> Result<Option<u64>, E> {
        if self.pending.is_new(path, stamp, at_once) {
            sink(Event::Problem(Problem::new(path, error)))?;
        }
        if self.pending.is_reported(path) {
            return Ok(wait_from);
        }
        let claimed = Claimed::by_name(path).position();
        Ok(match (wait_from, claimed) {
            (Some(from), Some(claimed)) => Some(from.min(claimed)),
            (from, claimed) => from.or(claimed),
        })
    }

    /// Decides at the first checkpoints which run is followed, and by what it is ordered.
    ///
    /// # Errors
    /// When the accredited checkpoint cannot be read in the form in which this is followed.
    pub(super) fn follow(&mut self, fresh: &[Arrival]) -> Result<()> {
        if self.followed.is_some() {
            return Ok(());
        }
        let Some(newest) = fresh.iter().max_by_key(|opened| opened.saved) else {
            return Ok(());
        };
        let is_sketch =
            newest.is_sketch() || self.accredited.as_ref().is_some_and(Accredited::is_sketch);
        let form = if is_sketch {
            Form::Sketches
        } else {
            Form::of(&newest.layout, &self.options)
        };
        if let Some(accredited) = &mut self.accredited {
            accredited.take_form(form)?;
        }
        let own: Vec<&Arrival> = fresh
            .iter()
            .filter(|opened| opened.claims.run == newest.claims.run)
            .collect();
        let claims = own.iter().filter_map(|opened| opened.claims.position);
        let claims: Vec<_> = claims.map(|claim| (claim.unit, claim.value)).collect();
        let claimed: BTreeSet<_> = claims.iter().copied().collect();
        let named = own.iter().filter_map(|opened| opened.named_position());
        let named: BTreeSet<_> = named.map(|claim| (claim.unit, claim.value)).collect();
        let is_file = |opened: &&Arrival| {
            let position = opened.claims.position;
            position.is_some_and(|claim| claim.from == From::Metadata)
        };
        // What all claim alike is no order; their names may tell.
        let is_alike = claims.len() > 1 && claimed.len() == 1;
        let by_names = is_alike && own.iter().all(is_file) && named.len() > 1;
        let unit = match (by_names, is_alike) {
            (true, _) => named.iter().map(|(unit, _)| *unit).min(),
            (false, true) => None,
            (false, false) => claimed.iter().map(|(unit, _)| *unit).min(),
        };
        let followed = Followed {
            layout: newest.layout.clone(),
            run: newest.claims.run.clone(),
            unit,
            newest: None,
            form,
            judged: 0,
            by_names,
            varies: false,
            position: None,
            facts: None,
            to_come: Vec::new(),
            copies_only: fresh.iter().all(|opened| opened.claims.aside.is_some()),
        };
        self.detector = Detector::new(self.threshold, &followed.tensors())?;
        self.followed = Some(followed);
        Ok(())
    }

    fn sort(&self, fresh: &mut [Arrival]) {
        let is_claimed = self.followed.as_ref().is_some_and(|f| f.unit.is_some());
        let time = |opened: &Arrival| opened.saved.unwrap_or(SystemTime::UNIX_EPOCH);
        fresh.sort_by(|a, b| {
            // What claims no position is a copy, or skipped: either shows once the others are read.
            let place = |opened: &Arrival| (opened.position().is_none(), opened.position());
            let claimed = is_claimed.then(|| place(a).cmp(&place(b)));
            let claimed = claimed.unwrap_or(std::cmp::Ordering::Equal);
            claimed
                .then_with(|| time(a).cmp(&time(b)))
                .then_with(|| natural(&a.path, &b.path))
        });
    }

    /// Whether a checkpoint is judged, or why not.
    pub(super) fn admit(
        &mut self,
        opened: &Arrival,
        is_finite: bool,
    ) -> Result<Result<InHand, &'static str>> {
        let was_seen = self.seen.contains_key(&opened.path);
        let Some(followed) = self.followed.as_mut() else {
            return Ok(Err("no run is followed"));
        };
        if opened.layout != followed.layout {
            return Ok(Err(
                "its tensors are not those of the training that is followed",
            ));
        }
        if opened.claims.run.as_ref().map(|run| &run.value)
            != followed.run.as_ref().map(|run| &run.value)
        {
            return Ok(Err("it claims another run; watch the folder of one run"));
        }
        if !is_finite {
            return Ok(Err("it has weights that are NaN or infinite"));
        }
        let mut went_back = false;
        let claimed = opened.claims.position;
        let is_equal = |newest| {
            claimed.is_some_and(|claim| claim.value == newest && claim.from == From::Metadata)
        };
        if !was_seen && !followed.varies && followed.newest.is_some_and(is_equal) {
            // The files say the same, whatever it is: they are in the order in which they came.
            followed.unit = None;
        }
        if let Some(unit) = followed.unit {
            let Some(position) = opened.claims.position.filter(|claim| claim.unit == unit) else {
                return Ok(Err("it claims no step to be ordered by, as the others do"));
            };
            if followed
                .newest
                .is_some_and(|newest| position.value <= newest)
            {
                if !was_seen {
                    return Ok(Err(
                        "it came too late: this or a later step was judged before",
                    ));
                }
                went_back = true;
                followed.position = None;
                self.detector = Detector::new(self.threshold, &followed.tensors())?;
                self.recent.clear();
                self.alarm = None;
            }
            followed.varies |= followed
                .newest
                .is_some_and(|newest| newest != position.value);
            followed.newest = Some(position.value);
        }
        Ok(Ok(InHand {
            path: opened.path.clone().into(),
            position: claimed.filter(|_| followed.unit.is_some()),
            saved: opened.saved,
            went_back,
            unread: opened.unread.clone(),
            facts: opened.facts.clone(),
        }))
    }

    /// Adds what is new in the files of sketches, where there is nothing but these.
    fn find_sketches(
        &mut self,
        fresh: &mut Vec<Arrival>,
        broken: &mut Vec<(PathBuf, Stamp, Error)>,
    ) {
        if self
            .followed
            .as_ref()
            .is_some_and(|f| f.form == Form::Weights)
        {
            return;
        }
        for file in sketches::in_folder(&self.directory) {
            let stamp = Stamp::of(std::slice::from_ref(&file));
            if self.seen.get(&file) == Some(&stamp) {
                continue;
            }
            match Arrival::of_sketches(&file) {
                Ok(opened) => {
                    self.pending.remove(&file);
                    let is_new = |one: &Arrival| self.seen.get(&one.path) != Some(&one.stamp);
                    fresh.extend(opened.into_iter().filter(is_new));
                    self.seen.insert(file, stamp);
                }
                Err(error) => broken.push((file, stamp, error)),
            }
        }
    }
}

/// A checkpoint that could be read and is not judged.
pub(super) fn skipped(path: &Path, why: &str) -> Problem {
    let shown = printable(&path.to_string_lossy());
    Problem {
        path: path.to_path_buf(),
        kind: "skipped",
        message: format!("{shown}: {why}"),
        limit: None,
    }
}
