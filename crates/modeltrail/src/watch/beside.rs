//! Files beside the checkpoints of a training: copies, averages, and what has no model in it.

use super::following::skipped;
use super::reading::{Arrival, Form, Point};
use super::watcher::{Beside, Event, Watcher};
use crate::error::Result;
use std::path::Path;
use trajectory::shift::Detector;

impl Watcher {
    /// Begins anew where only copies and averages were followed, since there was nothing else, and the
    /// training itself arrives.
    pub(super) fn leave_copies(&mut self, fresh: &[Arrival]) -> Result<()> {
        let follows_copies = self.followed.as_ref().is_some_and(|f| f.copies_only);
        if follows_copies && fresh.iter().any(|one| one.claims.aside.is_none()) {
            self.followed = None;
            self.detector = Detector::new(self.threshold, &[])?;
            self.recent.clear();
            self.alarm = None;
        }
        Ok(())
    }

    /// Takes out of what arrived the copies and averages, if there is anything else to follow.
    pub(super) fn take_aside(&self, fresh: &mut Vec<Arrival>) -> Vec<Arrival> {
        let is_aside = |one: &Arrival| one.claims.aside.is_some();
        let sets_aside = match &self.followed {
            Some(followed) => !followed.copies_only,
            None => fresh.iter().any(|one| !is_aside(one)),
        };
        if !sets_aside {
            return Vec::new();
        }
        let (aside, rest): (Vec<_>, Vec<_>) = std::mem::take(fresh).into_iter().partition(is_aside);
        *fresh = rest;
        aside
    }

    /// What is said of a copy or an average; none if it was said before, or it cannot be read yet.
    pub(super) fn stands_aside(&mut self, opened: &Arrival) -> Option<Event> {
        let claim = opened.claims.aside?;
        let form = self.followed.as_ref().map_or(Form::Weights, |f| f.form);
        let is_alike = self
            .followed
            .as_ref()
            .is_some_and(|f| f.layout == opened.layout);
        let mut what = claim.to_string();
        if is_alike {
            // One that is being written is looked at again.
            let point = opened.read(form).ok()?;
            match self.same_as(&point) {
                Some(other) => what.push_str(&format!("; the same weights as {other}")),
                None => what.push_str("; its weights are those of no checkpoint that was read"),
            }
        }
        self.seen.insert(opened.path.clone(), opened.stamp.clone());
        self.say_beside(&opened.path, &what)
    }

    /// What is said of a checkpoint that is not judged: that it is a copy, or why it is skipped.
    pub(super) fn not_admitted(&mut self, path: &Path, point: &Point, why: &str) -> Option<Event> {
        match self.same_as(point) {
            Some(other) => self.say_beside(path, &format!("the same weights as {other}")),
            None => Some(Event::Problem(skipped(path, why))),
        }
    }

    /// What is said of a file that lies beside; none if that was said before.
    pub(super) fn say_beside(&mut self, path: &Path, what: &str) -> Option<Event> {
        if !self.beside.insert(path.to_path_buf()) {
            return None;
        }
        Some(Event::Beside(Beside {
            path: path.to_path_buf(),
            message: format!("{}: {what}", self.name(path)),
        }))
    }

    /// Notes what was judged.
    pub(super) fn note_judged(&mut self, path: &Path, values: &[f32]) {
        let name = self.name(path);
        self.judged.entry(bits(values)).or_insert(name);
    }

    fn same_as(&self, point: &Point) -> Option<String> {
        self.judged.get(&bits(&point.values)).cloned()
    }
}

/// Equal for the same bits, and but for a chance of about 10⁻¹⁹ a pair for no others.
fn bits(values: &[f32]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in values.chunks(1 << 12) {
        let bytes: Vec<u8> = part.iter().flat_map(|value| value.to_le_bytes()).collect();
        hasher.update(&bytes);
    }
    let first = hasher.finalize().as_bytes().first_chunk().copied();
    u64::from_le_bytes(first.unwrap_or_default())
}
