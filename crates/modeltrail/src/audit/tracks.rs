//! Every tensor of a series as a sequence of projections, and what [`trajectory::soundness`] says of them.

use super::Unseen;
use super::facts::Facts;
use super::finding::{Affected, Confidence, Finding, Kind};
use super::series::{Series, Step};
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};
use trajectory::soundness::{self, Defect, Fault, Found, Track};
use weightspace::sketch::TensorSketch;
use weightspace::statistics::median;

/// A file is named where so large a share of the weights that move in it is concerned, and most of its
/// tensors.
const MOST_OF_A_FILE: f64 = 0.8;

/// What distances say.
pub(super) struct Tracks {
    found: Vec<Found>,
    /// The steps that were compared, as indices into the series.
    used: Vec<usize>,
    /// By tensor of the layout: whether it moves.
    moves: Vec<bool>,
    /// By step and tensor: those that differ from a tensor that they are tied to.
    tied: BTreeSet<(usize, usize)>,
    unseen: Unseen,
}

pub(super) fn of(series: &Series<'_>, facts: &Facts) -> Result<Tracks> {
    let used: Vec<usize> = (0..series.steps.len())
        .filter(|step| !facts.odd.contains(step))
        .collect();
    let steps: Vec<&Step<'_>> = used
        .iter()
        .filter_map(|&step| series.steps.get(step))
        .collect();
    let mut parts: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    let mut tracks = Vec::new();
    for (place, (name, _)) in series.layout.iter().enumerate() {
        let tensors: Vec<&TensorSketch> =
            steps.iter().filter_map(|step| step.tensor(name)).collect();
        let file = steps.first().and_then(|step| step.file(name));
        let next = parts.len();
        let part = *parts.entry(file).or_insert(next);
        let broken = used
            .iter()
            .map(|&step| facts.broken.contains(&(step, place)));
        tracks.push(Track {
            projections: tensors.iter().map(|tensor| tensor.values.clone()).collect(),
            prints: tensors.iter().map(|tensor| tensor.fingerprint).collect(),
            norms: tensors.iter().map(|tensor| tensor.norm).collect(),
            ranges: tensors
                .iter()
                .map(|tensor| tensor.range.unwrap_or_default())
                .collect(),
            elements: tensors.first().map_or(0, |tensor| tensor.elements),
            grain: grain(&tensors),
            part,
            broken: broken.collect(),
        });
    }
    let moves = tracks.iter().map(|track| {
        let first = track.prints.first();
        track.prints.iter().any(|print| Some(print) != first)
    });
    let moves = moves.collect();
    let unseen = unseen(&tracks);
    let warms_up =
        matches!(steps.as_slice(), [first, second, ..] if second.position == first.position + 1);
    let found = match tracks.is_empty() || steps.len() < 2 {
        true => Vec::new(),
        false => {
            let positions = steps.iter().map(|step| step.position).collect();
            soundness::find(&soundness::Series::new(positions, tracks)?, warms_up)
        }
    };
    Ok(Tracks {
        found,
        used,
        moves,
        tied: facts.tied.clone(),
        unseen,
    })
}

/// The relative distance of neighbouring numbers, by what the values were rounded to.
fn grain(tensors: &[&TensorSketch]) -> f64 {
    let is_on = |of: fn(&weightspace::sketch::Grids) -> u64| {
        let on = tensors.iter().filter(|tensor| {
            tensor
                .grids
                .is_some_and(|grids| of(&grids) == tensor.elements)
        });
        2 * on.count() > tensors.len()
    };
    if is_on(|grids| grids.bf16) {
        2_f64.powi(-7)
    } else if is_on(|grids| grids.f16) {
        2_f64.powi(-10)
    } else {
        2_f64.powi(-23)
    }
}

/// What of a tensor at a step cannot be told from training.
fn unseen(tracks: &[Track]) -> Unseen {
    let numbers = tracks
        .first()
        .and_then(|track| track.projections.first())
        .map_or(1, Vec::len);
    let steps = soundness::least_visible(numbers);
    let shares = tracks.iter().flat_map(|track| {
        let pairs = track
            .projections
            .iter()
            .zip(track.projections.iter().skip(2));
        let pairs = pairs.zip(track.norms.iter().skip(1));
        pairs.filter_map(|((before, behind), &norm)| {
            let apart = weightspace::distance::distance(before, behind);
            (apart > 0.0 && norm > 0.0).then_some(apart / norm)
        })
    });
    let share = median(shares);
    Unseen {
        steps,
        of_weights: share.is_finite().then_some(steps * share),
    }
}

impl Tracks {
    pub(super) fn never_moved(&self) -> usize {
        self.moves.iter().filter(|moves| !**moves).count()
    }

    pub(super) fn unseen(&self) -> Unseen {
        self.unseen
    }

    /// What was found, with names.
    pub(super) fn findings(&self, series: &Series<'_>) -> Vec<Finding> {
        let found = self.found.iter();
        found.map(|found| self.finding(series, found)).collect()
    }

    fn finding(&self, series: &Series<'_>, found: &Found) -> Finding {
        let index = |step: usize| self.used.get(step).copied().unwrap_or(step);
        let position = |step: usize| series.steps.get(index(step)).map(|step| step.position);
        let new = |kind: Kind, steps: &[usize]| {
            let steps: Vec<usize> = steps.iter().map(|&step| index(step)).collect();
            Finding {
                confidence: Confidence::of(found.margin),
                ..Finding::new(kind, series, &steps)
            }
        };
        match &found.defect {
            Defect::Copy { step, of } => Finding {
                equals: position(*of),
                ..new(Kind::Copy, &[*step])
            },
            Defect::Standstill { from } => {
                let steps: Vec<usize> = (*from..self.used.len()).collect();
                Finding {
                    equals: from.checked_sub(1).and_then(position),
                    ..new(Kind::Standstill, &steps)
                }
            }
            Defect::Swapped { steps } => new(Kind::Swapped, steps),
            Defect::Misplaced { step, nearest } => Finding {
                nearest: nearest.and_then(position),
                ..new(Kind::Misplaced, &[*step])
            },
            Defect::Restarted {
                step,
                from,
                is_equal: true,
            } => Finding {
                equals: position(*from),
                ..new(Kind::FellBack, &[*step])
            },
            Defect::Restarted { step, from, .. } => Finding {
                nearest: position(*from),
                ..new(Kind::Restarted, &[*step])
            },
            Defect::Average { step } => new(Kind::Average, &[*step]),
            Defect::Tensors {
                step,
                tensors,
                fault,
            } => {
                let (kind, steps, equals, nearest) = match *fault {
                    Fault::Equal { to } if to + 1 == *step => {
                        (Kind::Stale, vec![*step], Some(to), None)
                    }
                    Fault::Equal { to } => (Kind::Chimera, vec![*step], Some(to), None),
                    Fault::Still { until } => {
                        let before = step.checked_sub(1);
                        (Kind::Still, (*step..=until).collect(), before, None)
                    }
                    Fault::Strange {
                        nearest: Some(near),
                    } => (Kind::Chimera, vec![*step], None, Some(near)),
                    Fault::Strange { nearest: None } => (Kind::Foreign, vec![*step], None, None),
                    Fault::Rearranged => (Kind::Rearranged, vec![*step], None, None),
                    Fault::Reinitialised => (Kind::Reinitialised, vec![*step], None, None),
                };
                let equal = equals.map(index);
                let (tensors, shards) = self.named(series, index(*step), tensors, equal);
                Finding {
                    tensors,
                    shards,
                    equals: equals.and_then(position),
                    nearest: nearest.and_then(position),
                    ..new(kind, &steps)
                }
            }
        }
    }

    /// Names of tensors, and of the files that hold these and little else that moves. Where they have the
    /// bits of another step, and all tensors of a file have, all these are meant.
    fn named(
        &self,
        series: &Series<'_>,
        step: usize,
        tensors: &[usize],
        equal: Option<usize>,
    ) -> (Affected, Vec<String>) {
        let mut concerned: BTreeSet<usize> = tensors.iter().copied().collect();
        concerned.extend(self.tied_beside(series, step, &concerned));
        if let Some(other) = equal {
            concerned.extend(self.equal_files(series, [step, other], &concerned));
        }
        let names = concerned
            .iter()
            .filter_map(|&tensor| series.layout.get(tensor));
        let names: Vec<String> = names.map(|(name, _)| (*name).to_owned()).collect();
        let moving = self.moves.iter().filter(|moves| **moves).count();
        let affected = if concerned.len() >= moving {
            Affected::All
        } else {
            Affected::Some(names)
        };
        // Weights and tensors that are concerned, and all that move.
        let mut files: BTreeMap<&str, [(u64, u64); 2]> = BTreeMap::new();
        let Some(step) = series.steps.get(step) else {
            return (affected, Vec::new());
        };
        for (place, (name, _)) in series.layout.iter().enumerate() {
            let (Some(file), true) = (step.file(name), self.moves.get(place) == Some(&true)) else {
                continue;
            };
            let weights = step.tensor(name).map_or(0, |tensor| tensor.elements);
            for (part, count) in files.entry(file).or_default().iter_mut().zip([weights, 1]) {
                part.1 += count;
                if concerned.contains(&place) {
                    part.0 += count;
                }
            }
        }
        // Of several that are concerned small ones may be too small to be seen.
        let shards = files.into_iter().filter(|(_, [weights, tensors])| {
            weights.0 as f64 >= MOST_OF_A_FILE * weights.1 as f64
                && (2 * tensors.0 > tensors.1 || tensors.0 > 1)
        });
        (affected, shards.map(|(file, _)| file.to_owned()).collect())
    }

    /// Tensors that differ from what they are tied to, in the files of those that are concerned: the same
    /// defect, as far as anybody can tell.
    fn tied_beside(
        &self,
        series: &Series<'_>,
        step: usize,
        concerned: &BTreeSet<usize>,
    ) -> Vec<usize> {
        let Some(own) = series.steps.get(step) else {
            return Vec::new();
        };
        let file = |place: usize| own.file(series.layout.get(place)?.0);
        let files: BTreeSet<&str> = concerned.iter().filter_map(|&place| file(place)).collect();
        let tied = self.tied.iter().filter(|(other, _)| *other == step);
        let beside = tied.filter(|(_, place)| file(*place).is_some_and(|one| files.contains(one)));
        beside.map(|(_, place)| *place).collect()
    }

    /// Tensors of the files of which all that move have the same bits at two steps, where some of them are
    /// concerned.
    fn equal_files(
        &self,
        series: &Series<'_>,
        steps: [usize; 2],
        concerned: &BTreeSet<usize>,
    ) -> Vec<usize> {
        let [Some(step), Some(other)] = steps.map(|step| series.steps.get(step)) else {
            return Vec::new();
        };
        let mut files: BTreeMap<&str, (bool, bool, Vec<usize>)> = BTreeMap::new();
        for (place, (name, _)) in series.layout.iter().enumerate() {
            let (Some(file), true) = (step.file(name), self.moves.get(place) == Some(&true)) else {
                continue;
            };
            let print = |step: &Step<'_>| step.tensor(name).map(|tensor| tensor.fingerprint);
            let entry = files.entry(file).or_insert((true, false, Vec::new()));
            entry.0 &= print(step) == print(other);
            entry.1 |= concerned.contains(&place);
            entry.2.push(place);
        }
        let whole = files
            .into_values()
            .filter(|(equal, meant, _)| *equal && *meant);
        whole.flat_map(|(_, _, tensors)| tensors).collect()
    }
}
