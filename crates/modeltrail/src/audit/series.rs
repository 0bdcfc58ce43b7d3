//! Checkpoints by claimed run, in the order of their claimed steps.

use crate::collection::sketches::Kept;
use crate::collection::{Aside, Unit};
use crate::error::{Error, Result};
use crate::printable::printable;
use checkpoint_store::foreign::natural_names;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use weightspace::sketch::TensorSketch;

/// One claimed run.
pub(super) struct Series<'a> {
    pub(super) run: Option<&'a str>,
    pub(super) unit: Unit,
    /// By claimed position, each once.
    pub(super) steps: Vec<Step<'a>>,
    /// Others that claim the position of one of the steps: that step's index, and the checkpoint.
    pub(super) doubles: Vec<(usize, &'a Kept)>,
    /// Moving averages, with the position that they claim.
    pub(super) averages: Vec<(u64, &'a Kept)>,
    /// Checkpoints that claim no position, or one of another unit.
    pub(super) unplaced: Vec<&'a Kept>,
    /// What stands beside a run and is no average.
    pub(super) aside: usize,
    /// Names and shapes of the tensors that most steps have.
    pub(super) layout: Vec<(&'a str, &'a [usize])>,
}

/// One checkpoint of a run.
pub(super) struct Step<'a> {
    pub(super) position: u64,
    pub(super) kept: &'a Kept,
    tensors: HashMap<&'a str, &'a TensorSketch>,
    stored: HashMap<&'a str, (Option<&'a str>, &'a str)>,
}

impl<'a> Step<'a> {
    fn of(position: u64, kept: &'a Kept) -> Self {
        let tensors = kept.sketch.tensors.iter();
        let stored = kept.stored.iter().flat_map(|stored| {
            let kind = (stored.file.as_deref(), stored.dtype.as_str());
            stored.tensors.iter().map(move |name| (name.as_str(), kind))
        });
        Self {
            position,
            kept,
            tensors: tensors.map(|one| (one.name.as_str(), one)).collect(),
            stored: stored.collect(),
        }
    }

    /// What to call it: its folder, where it has several files.
    pub(super) fn name(&self) -> String {
        let name = self.kept.name.as_str();
        let has_several = self.kept.stored.iter().any(|stored| stored.file.is_some());
        match name.rsplit_once('/') {
            Some((folder, _)) if has_several => folder.to_owned(),
            _ => name.to_owned(),
        }
    }

    /// What is kept of a tensor.
    pub(super) fn tensor(&self, name: &str) -> Option<&'a TensorSketch> {
        self.tensors.get(name).copied()
    }

    /// The number type of a tensor, if it is known.
    pub(super) fn dtype(&self, name: &str) -> Option<&'a str> {
        self.stored.get(name).map(|(_, dtype)| *dtype)
    }

    /// The file of a tensor, where there are several.
    pub(super) fn file(&self, name: &str) -> Option<&'a str> {
        self.stored.get(name).and_then(|(file, _)| *file)
    }
}

/// The claimed runs, those with most checkpoints first.
///
/// # Errors
/// When no checkpoint claims a position.
pub(super) fn of(kept: &[Kept]) -> Result<Vec<Series<'_>>> {
    let mut runs: BTreeMap<Option<&str>, Vec<&Kept>> = BTreeMap::new();
    for one in kept {
        let run = one.claims.run.as_ref().map(|run| run.value.as_str());
        runs.entry(run).or_default().push(one);
    }
    let mut all: Vec<Series<'_>> = runs
        .into_iter()
        .filter_map(|(run, members)| series(run, members))
        .collect();
    all.sort_by_key(|series| std::cmp::Reverse(series.steps.len()));
    match kept.first() {
        Some(first) if all.is_empty() => Err(Error::Unsuitable {
            path: PathBuf::from(&first.name),
            what: format!(
                "neither this checkpoint nor any of the {} read with it claims a step or an epoch, and an \
                 audit holds weights against claims",
                kept.len()
            ),
            way_out: "Name files or folders by their steps, as in step-1000.safetensors",
        }),
        _ => Ok(all),
    }
}

fn series<'a>(run: Option<&'a str>, mut members: Vec<&'a Kept>) -> Option<Series<'a>> {
    members.sort_by(|a, b| natural_names(&a.name, &b.name));
    let is_in = |kept: &Kept| kept.claims.aside.is_none() && kept.claims.position.is_some();
    let mut units: BTreeMap<Unit, usize> = BTreeMap::new();
    for one in members.iter().filter(|one| is_in(one)) {
        if let Some(claim) = one.claims.position {
            *units.entry(claim.unit).or_default() += 1;
        }
    }
    let (unit, _) = units.into_iter().max_by_key(|(_, count)| *count)?;
    let mut placed: BTreeMap<u64, Vec<&Kept>> = BTreeMap::new();
    let (mut averages, mut unplaced, mut aside) = (Vec::new(), Vec::new(), 0);
    for one in members {
        let position = one.claims.position.filter(|claim| claim.unit == unit);
        match (one.claims.aside.map(|claim| claim.value), position) {
            (Some(Aside::Ema), Some(claim)) => averages.push((claim.value, one)),
            (Some(_), _) => aside += 1,
            (None, Some(claim)) => placed.entry(claim.value).or_default().push(one),
            (None, None) => unplaced.push(one),
        }
    }
    let mut steps = Vec::new();
    let mut doubles = Vec::new();
    for (position, members) in placed {
        let mut members = members.into_iter();
        if let Some(first) = members.next() {
            doubles.extend(members.map(|other| (steps.len(), other)));
            steps.push(Step::of(position, first));
        }
    }
    Some(Series {
        run,
        unit,
        layout: layout(&steps),
        steps,
        doubles,
        averages,
        unplaced,
        aside,
    })
}

/// The tensors that more than half of the steps have in one shape, in the order of the first that has them.
fn layout<'a>(steps: &[Step<'a>]) -> Vec<(&'a str, &'a [usize])> {
    let mut counts: HashMap<(&str, &[usize]), usize> = HashMap::new();
    let mut order = Vec::new();
    for step in steps {
        for tensor in &step.kept.sketch.tensors {
            let key = (tensor.name.as_str(), tensor.shape.as_slice());
            let count = counts.entry(key).or_default();
            if *count == 0 {
                order.push(key);
            }
            *count += 1;
        }
    }
    order.retain(|key| counts.get(key).is_some_and(|count| 2 * count > steps.len()));
    order
}

impl Series<'_> {
    /// How many numbers the sketches keep of each tensor.
    ///
    /// # Errors
    /// When they keep different numbers, or none.
    pub(super) fn numbers(&self) -> Result<usize> {
        let mut all = self.steps.iter().map(|step| {
            let numbers = step.kept.sketch.parameters.tensor_dimensions;
            (numbers, &step.kept.name)
        });
        let Some((numbers, first)) = all.next() else {
            return Err(Error::NothingRead);
        };
        let unsuitable = |name: &str, what: String, way_out| Error::Unsuitable {
            path: PathBuf::from(printable(name)),
            what,
            way_out,
        };
        if numbers == 0 {
            let what = "its sketch keeps no numbers of single tensors".to_owned();
            return Err(unsuitable(
                first,
                what,
                "Sketch the checkpoints anew, with 32 numbers or more",
            ));
        }
        match all.find(|(other, _)| *other != numbers) {
            None => Ok(numbers),
            Some((other, name)) => Err(unsuitable(
                name,
                format!(
                    "its sketch keeps {other} numbers of each tensor, and that of {} keeps {numbers}",
                    printable(first)
                ),
                "Sketch all checkpoints of a run in the same way",
            )),
        }
    }

    /// What a position is called: "step 1000".
    pub(super) fn positions(&self, steps: &[usize]) -> Vec<u64> {
        let steps = steps.iter().filter_map(|&step| self.steps.get(step));
        steps.map(|step| step.position).collect()
    }
}
