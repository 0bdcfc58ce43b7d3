//! The checkpoint that a training is compared with.

use super::following::form;
use super::reading::{Form, Opened};
use crate::checkpoint::sketch_in;
use crate::collection::{Options, printable};
use anyhow::{Context, Result, ensure};
use checkpoint_store::TensorShape;
use checkpoint_store::foreign::{Limits, discover};
use std::path::Path;
use weightspace::distance::distance;

/// A checkpoint in memory, in one form.
#[derive(Debug)]
pub(super) struct Accredited {
    name: String,
    opened: Opened,
    form: Form,
    values: Vec<f32>,
}

impl Accredited {
    /// Reads one checkpoint, or one sketch: FILE.json, or FILE.json:NAME.
    ///
    /// # Errors
    /// When the path stands for none or several, or it cannot be read or is not finite.
    pub(super) fn read(path: &Path, options: &Options) -> Result<Self> {
        let name = printable(&path.to_string_lossy());
        let mut opened = if let Some((file, wanted)) = sketch_in(path) {
            let mut opened = Opened::of_sketches(&file)?;
            opened.retain(|one| wanted.is_none() || one.path == path);
            opened
        } else {
            let found = discover(&[path.to_path_buf()], &options.limits);
            if let Some(problem) = found.problems.into_iter().next() {
                return Err(problem.error.into());
            }
            let found = found.checkpoints.into_iter();
            let opened = found.map(|found| Opened::of(found, &options.limits));
            opened.collect::<Result<Vec<_>>>()?
        };
        let count = opened.len();
        let opened = opened.pop().filter(|_| count == 1).with_context(|| {
            format!("{name} holds {count} checkpoints, and one is accredited: name its file")
        })?;
        let form = if opened.is_sketch() {
            Form::Sketches
        } else {
            form(&opened.layout, options)
        };
        let mut accredited = Self {
            name,
            opened,
            form,
            values: Vec::new(),
        };
        accredited.read_as(form, &options.limits)?;
        Ok(accredited)
    }

    fn read_as(&mut self, form: Form, limits: &Limits) -> Result<()> {
        let point = self.opened.read(form, limits)?;
        ensure!(
            point.is_finite,
            "{}: it has weights that are NaN or infinite, and no distance is told from such",
            self.name
        );
        (self.form, self.values) = (form, point.values);
        Ok(())
    }

    /// Whether its weights are gone.
    pub(super) fn is_sketch(&self) -> bool {
        self.opened.is_sketch()
    }

    /// Takes the form of the training; reads it again, if it was in another.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn take_form(&mut self, form: Form, limits: &Limits) -> Result<()> {
        if self.form == form {
            return Ok(());
        }
        self.read_as(form, limits)
    }

    /// ‖values − its own‖, in the form that it took.
    ///
    /// # Errors
    /// When the tensors are not its own.
    pub(super) fn distance(&self, layout: &[TensorShape], values: &[f32]) -> Result<f64> {
        ensure!(
            self.opened.layout == layout,
            "{}: its tensors are not those of the training, so that there is no distance between \
             them. Give a checkpoint of the same network",
            self.name
        );
        Ok(distance(&self.values, values))
    }
}
