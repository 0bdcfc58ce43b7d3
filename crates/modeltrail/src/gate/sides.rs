//! Both checkpoints, as weights or as sketches.

use crate::collection::{LeftOut, Options, Single, printable, single, sketches};
use anyhow::{Context, Result, bail, ensure};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weightspace::sketch::{Parameters, Sketch, Sketcher};

/// One checkpoint.
#[derive(Debug)]
pub struct Side {
    /// What to call it.
    pub name: String,
    /// What is left of it.
    pub kept: Kept,
}

/// What is left of a checkpoint.
#[derive(Debug)]
pub enum Kept {
    /// All weights.
    Weights(Single),
    /// A sketch.
    Sketch(Box<Sketch>),
}

impl Side {
    /// Reads one checkpoint: what [`single`] reads, a file of sketches with one in it, or
    /// `FILE.json:NAME` for one of several.
    ///
    /// # Errors
    /// When the path stands for none or several, or it cannot be read.
    pub fn read(path: &Path, options: &Options) -> Result<Self> {
        let Some((file, wanted)) = in_sketches(path) else {
            let single = single(path, options)?;
            return Ok(Self {
                name: single.name.clone(),
                kept: Kept::Weights(single),
            });
        };
        let mut kept = sketches::read(&file)?.checkpoints;
        let shown = printable(&path.to_string_lossy());
        if let Some(wanted) = &wanted {
            kept.retain(|kept| kept.name == *wanted);
        }
        let count = kept.len();
        let (Some(one), 1) = (kept.pop(), count) else {
            bail!("{shown} holds {count} sketches, and one is needed: name it, as FILE.json:NAME");
        };
        let names: std::collections::HashSet<&str> =
            one.sketch.tensors.iter().map(|t| t.name.as_str()).collect();
        ensure!(
            names.len() == one.sketch.tensors.len() && !names.is_empty(),
            "{shown}: its sketch has no tensors, or two of one name: sketch the checkpoint anew"
        );
        Ok(Self {
            name: shown,
            kept: Kept::Sketch(Box::new(one.sketch)),
        })
    }

    /// Whether only a sketch is left of it.
    pub fn is_sketch(&self) -> bool {
        matches!(self.kept, Kept::Sketch(_))
    }

    /// What is known to be there beside weights; nothing is known of what was sketched.
    pub fn left_out(&self) -> LeftOut {
        match &self.kept {
            Kept::Weights(single) => single.left_out,
            Kept::Sketch(_) => LeftOut::default(),
        }
    }

    /// Tensors by name, with shapes.
    pub fn shapes(&self) -> BTreeMap<&str, &[usize]> {
        match &self.kept {
            Kept::Weights(single) => {
                let tensors = single.tensors().into_iter();
                tensors.map(|tensor| (tensor.name, tensor.shape)).collect()
            }
            Kept::Sketch(sketch) => {
                let tensors = sketch.tensors.iter();
                tensors
                    .map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice()))
                    .collect()
            }
        }
    }

    /// Tensors with values that are NaN or infinite, and how many.
    pub fn not_finite(&self) -> Vec<(String, u64)> {
        let counts: Vec<(&str, u64)> = match &self.kept {
            Kept::Weights(single) => {
                let tensors = single.tensors().into_iter();
                tensors
                    .map(|tensor| {
                        let bad = tensor.values.iter().filter(|value| !value.is_finite());
                        (tensor.name, bad.count() as u64)
                    })
                    .collect()
            }
            Kept::Sketch(sketch) => {
                let tensors = sketch.tensors.iter();
                tensors
                    .map(|tensor| (tensor.name.as_str(), tensor.non_finite))
                    .collect()
            }
        };
        let bad = counts.into_iter().filter(|(_, count)| *count > 0);
        bad.map(|(name, count)| (name.to_owned(), count)).collect()
    }

    /// Its sketch: as it was kept, or made of the weights.
    ///
    /// # Errors
    /// When two tensors have one name.
    pub fn sketch(&self) -> Result<Cow<'_, Sketch>> {
        let single = match &self.kept {
            Kept::Sketch(sketch) => return Ok(Cow::Borrowed(sketch)),
            Kept::Weights(single) => single,
        };
        let mut sketcher = Sketcher::new(Parameters::default())?;
        for tensor in single.tensors() {
            let mut part = sketcher.tensor(tensor.name, tensor.shape);
            part.feed(tensor.values);
            sketcher.add(part.finish())?;
        }
        Ok(Cow::Owned(sketcher.finish()))
    }
}

/// Refuses two checkpoints that have not the same tensors.
///
/// # Errors
/// Names the tensors that only one has, and those of another shape.
pub fn same_architecture(a: &Side, b: &Side) -> Result<()> {
    let (ours, theirs) = (a.shapes(), b.shapes());
    let mut differences = Vec::new();
    for (name, shape) in &ours {
        match theirs.get(name) {
            None => differences.push(format!("{} is missing", printable(name))),
            Some(other) if other != shape => differences.push(format!(
                "{} is {other:?} and not {shape:?}",
                printable(name)
            )),
            Some(_) => {}
        }
    }
    let more = theirs.keys().filter(|name| !ours.contains_key(*name));
    differences.extend(more.map(|name| format!("{} is new", printable(name))));
    if !differences.is_empty() {
        bail!(
            "{} has not the tensors of {}, and no budget says how far another architecture may be: {}",
            b.name,
            a.name,
            differences.join(", ")
        );
    }
    Ok(())
}

/// What both hold beside weights, together.
pub fn beside(a: &Side, b: &Side) -> LeftOut {
    let (a, b) = (a.left_out(), b.left_out());
    LeftOut {
        buffers: a.buffers + b.buffers,
        not_float: a.not_float + b.not_float,
        others: a.others + b.others,
    }
}

/// The file of sketches that a path names, and which of them.
pub fn in_sketches(path: &Path) -> Option<(PathBuf, Option<String>)> {
    let text = path.to_string_lossy();
    if sketches::is_named_so(path) {
        return Some((path.to_path_buf(), None));
    }
    let (file, name) = text.split_once(".json:")?;
    let file = PathBuf::from(format!("{file}.json"));
    (!path.exists() && file.exists()).then(|| (file, Some(name.to_owned())))
}

/// Says where a name stands when reading fails.
///
/// # Errors
/// As [`Side::read`].
pub fn read_as(what: &str, path: &Path, options: &Options) -> Result<Side> {
    Side::read(path, options).with_context(|| format!("the {what} checkpoint cannot be read"))
}
