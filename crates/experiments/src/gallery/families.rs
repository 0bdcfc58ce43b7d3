//! Families, runs, forks, orders and directions of the gallery's trainings, with names hidden.

use super::training::{Saved, Training};
use crate::hidden::{Outcome, Truth, cases_of_seeds, look};
use anyhow::Result;
use rayon::prelude::*;

/// What followed an event is looked at as a continuation of the base.
const CONTINUATIONS: [&str; 3] = ["shift-strong", "shuffle", "noise-20"];

/// All cases of the trainings of one kind.
pub(crate) fn outcomes(trainings: &[Training]) -> Result<Vec<Outcome>> {
    let Some(first) = trainings.first() else {
        return Ok(Vec::new());
    };
    let read = trainings.iter().enumerate();
    let bases: Vec<Vec<Truth>> = read
        .map(|(number, training)| base(number, training))
        .collect::<Result<_>>()?;
    let mut cases = cases_of_seeds(&bases);
    let mut pairs = Vec::new();
    for (number, (training, base)) in trainings.iter().zip(&bases).enumerate() {
        let continued = continuations(number, training)?;
        let left = continued.first().and_then(|run| run.first());
        let Some(left) = left.and_then(|first| first.place.checked_sub(1)) else {
            continue;
        };
        if let (Some(start), Some(end)) = (base.get(left), continued[0].last()) {
            pairs.extend([start.clone(), end.clone()]);
        }
        let whole: Vec<Truth> = base
            .iter()
            .chain(continued.iter().flatten())
            .cloned()
            .collect();
        cases.push(("base and 3 continuations", "all", whole));
        for one in &continued {
            let one = base.iter().chain(one).cloned().collect();
            cases.push(("base and 1 continuation", "all", one));
        }
    }
    cases.push(("pairs", "all", pairs));
    cases
        .par_iter()
        .filter(|(.., checkpoints)| checkpoints.len() > 1)
        .map(|(case, kept, checkpoints)| look(&first.kind, case, kept, checkpoints))
        .collect()
}

fn base(number: usize, training: &Training) -> Result<Vec<Truth>> {
    let saved = training.base.iter().enumerate();
    saved
        .map(|(place, saved)| truth(training, saved, number, 0, place))
        .collect()
}

/// The checkpoints of each continuation.
fn continuations(number: usize, training: &Training) -> Result<Vec<Vec<Truth>>> {
    let branches = CONTINUATIONS.iter().zip(1..);
    let branches = branches.filter_map(|(name, run)| Some((training.events.get(*name)?, run)));
    branches
        .map(|(branch, run)| {
            let saved = branch.checkpoints.iter().zip(branch.from + 1..);
            saved
                .map(|(saved, place)| truth(training, saved, number, run, place))
                .collect()
        })
        .collect()
}

fn truth(
    training: &Training,
    saved: &Saved,
    number: usize,
    run: usize,
    place: usize,
) -> Result<Truth> {
    Ok(Truth {
        tensors: training.tensors(saved)?,
        training: number,
        run,
        place,
    })
}
