//! Finds what the claims of runs lack, and what their steps do.

use super::{Gap, long_steps};
use crate::collection::{PositionClaim, Unit};
use crate::runs::answer::{Place, Run};
use crate::runs::claims::Contradiction;
use std::collections::BTreeMap;

/// Share of the claimed differences that must be the regular one.
const REGULAR: f64 = 0.5;
/// The same where saves were not regular at first, and where single steps are accused.
pub(crate) const MOSTLY_REGULAR: f64 = 0.75;
/// Fewest differences that are regular where those before them are not.
const FEWEST_REGULAR: usize = 5;

/// The gaps of a run whose order, claims and steps are known.
pub(crate) fn find(run: &Run) -> Vec<Gap> {
    let claimed = claimed(run);
    if claimed.values().all(|positions| positions.len() < 2) {
        return long_steps(&run.geometry.step_length)
            .into_iter()
            .map(|(after, times)| Gap::LongStep { after, times })
            .collect();
    }
    let unit = claimed
        .iter()
        .max_by_key(|(_, positions)| positions.len())
        .map_or(Unit::Step, |(&(_, unit), _)| unit);
    claimed
        .iter()
        .filter(|((_, own), _)| *own == unit)
        .flat_map(|(_, positions)| missing(positions, unit))
        .collect()
}

/// Runs that claim to continue another, and where that is: a step that lacks checkpoints can be so
/// long that the weights show two runs. Only runs that claim one name, or none, are compared.
pub(crate) fn continued(runs: &[Run]) -> Vec<(usize, Gap)> {
    let spans: Vec<Option<Span<'_>>> = runs.iter().map(Span::of).collect();
    let all = || spans.iter().enumerate();
    let mut found = Vec::new();
    for (index, own) in all() {
        let Some(own) = own else { continue };
        let others = all().filter_map(|(other, span)| Some((other, span.as_ref()?)));
        let alike = || {
            others
                .clone()
                .filter(|(_, span)| span.run == own.run && span.unit == own.unit)
        };
        // Where two claim one position, positions are not those of one run.
        let overlaps = |span: &Span<'_>| span.first <= own.last && own.first <= span.last;
        if alike().any(|(other, span)| other != index && overlaps(span)) {
            continue;
        }
        let before = alike().filter(|(_, span)| span.last < own.first);
        if let Some((run, span)) = before.max_by_key(|(_, span)| span.last) {
            let gap = Gap::Continues {
                run,
                from: span.last,
                to: own.first,
                unit: own.unit,
            };
            found.push((index, gap));
        }
    }
    found
}

/// From where to where a run claims to reach.
struct Span<'a> {
    run: Option<&'a str>,
    unit: Unit,
    first: u64,
    last: u64,
}

impl<'a> Span<'a> {
    /// None if it claims several runs, or fewer than two positions.
    fn of(run: &'a Run) -> Option<Self> {
        let claimed = claimed(run);
        let mut parts = claimed.iter().filter(|(_, positions)| positions.len() > 1);
        let ((run, unit), positions) = parts.next()?;
        let span = Self {
            run: *run,
            unit: *unit,
            first: *positions.keys().next()?,
            last: *positions.keys().next_back()?,
        };
        parts.next().is_none().then_some(span)
    }
}

/// Claimed positions, each with its place in the order, by claimed run and unit; without those of
/// checkpoints that belong to another run. One that lies elsewhere in the order is there all the same.
fn claimed(run: &Run) -> BTreeMap<(Option<&str>, Unit), BTreeMap<u64, usize>> {
    let mut claimed: BTreeMap<(Option<&str>, Unit), BTreeMap<u64, usize>> = BTreeMap::new();
    let is_of_another = |found: &Contradiction| matches!(found, Contradiction::Run { .. });
    for (at, place) in run.places.iter().enumerate() {
        if place.contradictions.iter().any(is_of_another) {
            continue;
        }
        for (run, PositionClaim { value, unit, .. }) in claims(place) {
            claimed.entry((run, unit)).or_default().insert(value, at);
        }
    }
    claimed
}

fn claims(place: &Place) -> impl Iterator<Item = (Option<&str>, PositionClaim)> {
    place.all_claims().filter_map(|claims| {
        let run = claims.run.as_ref().map(|run| run.value.as_str());
        Some((run, claims.position?))
    })
}

/// Positions that a regular series lacks, where no other checkpoint lies in their place.
fn missing(positions: &BTreeMap<u64, usize>, unit: Unit) -> Vec<Gap> {
    let lacking = lacking(positions, REGULAR).into_iter();
    lacking
        .map(|lacking| Gap::Claimed {
            first: lacking.first,
            last: lacking.last,
            every: lacking.every,
            count: lacking.count,
            unit,
        })
        .collect()
}

/// Positions that a regular series lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lacking {
    pub(crate) first: u64,
    pub(crate) last: u64,
    pub(crate) every: u64,
    pub(crate) count: u64,
}

/// What a regular series lacks, given each position with its place in the order: at least this share of its
/// differences must be the regular one. A series that begins with
/// other distances, as saves at 1, 2, 4, 8, … do, is looked at from where it is regular.
pub(crate) fn lacking(positions: &BTreeMap<u64, usize>, share: f64) -> Vec<Lacking> {
    let list: Vec<(u64, usize)> = positions.iter().map(|(&value, &at)| (value, at)).collect();
    let values: Vec<u64> = list.iter().map(|&(value, _)| value).collect();
    let rest = |from: usize| values.get(from..).unwrap_or_default();
    let fewest_left = values.len().saturating_sub(FEWEST_REGULAR);
    let regular = (0..fewest_left.max(1)).find_map(|from| {
        let share = if from > 0 {
            MOSTLY_REGULAR.max(share)
        } else {
            share
        };
        Some((from, regular(rest(from), share)?))
    });
    let Some((from, every)) = regular else {
        return Vec::new();
    };
    let values = rest(from);
    let pairs = list.get(from..).unwrap_or_default().windows(2);
    let differences = pairs.filter_map(|pair| match pair {
        [(before, here), (after, there)] => Some((*before, *after, here.abs_diff(*there))),
        _ => None,
    });
    let coarser = schedule_ends(values, every);
    differences
        .filter(|&(before, after, _)| !coarser.iter().any(|&(a, b)| a <= before && after <= b))
        .filter_map(|(before, after, apart)| {
            let count = ((after - before) / every).checked_sub(1)?;
            // What lies between in the order stands for some of them, whatever it is called.
            let between = apart.saturating_sub(1) as u64;
            ((after - before).is_multiple_of(every) && count > between).then(|| Lacking {
                first: before + every,
                last: after - every,
                every,
                count,
            })
        })
        .collect()
}

/// The difference that most of all are, if all others are multiples of it; the last may be anything,
/// since trainings save once more when they end.
fn regular(values: &[u64], share: f64) -> Option<u64> {
    let differences: Vec<u64> = differences(values);
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for &difference in &differences {
        *counts.entry(difference).or_default() += 1;
    }
    let most = counts.values().max()?;
    let (&every, &count) = counts.iter().find(|(_, count)| *count == most)?;
    let (_, but_last) = differences.split_last()?;
    let is_regular = differences.len() > 1
        && count as f64 >= share * differences.len() as f64
        && but_last.iter().all(|other| other.is_multiple_of(every));
    is_regular.then_some(every)
}

/// Stretches at either end of the series where saves were regularly farther apart: two or more equal
/// differences in a row are a schedule, not a loss.
fn schedule_ends(values: &[u64], every: u64) -> Vec<(u64, u64)> {
    let differences = differences(values);
    let stretch = |differences: &mut dyn Iterator<Item = u64>| -> usize {
        let all: Vec<u64> = differences.collect();
        let Some(&first) = all.first() else { return 0 };
        let length = all.iter().take_while(|&&other| other == first).count();
        if first != every && length > 1 {
            length
        } else {
            0
        }
    };
    let front = stretch(&mut differences.iter().copied());
    let back = stretch(&mut differences.iter().rev().copied());
    let between = |from: usize, to: usize| Some((*values.get(from)?, *values.get(to)?));
    let end = values.len().saturating_sub(1);
    let found = [between(0, front), between(end - back, end)];
    found.into_iter().flatten().collect()
}

fn differences(values: &[u64]) -> Vec<u64> {
    let pairs = values.windows(2).filter_map(|pair| match pair {
        [before, after] => Some(after - before),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claimed(values: &[u64]) -> Vec<String> {
        let positions = values.iter().copied().zip(0..).collect();
        let gaps = missing(&positions, Unit::Epoch);
        gaps.iter().map(Gap::to_string).collect()
    }

    #[test]
    fn what_a_regular_series_lacks_is_named() {
        assert_eq!(claimed(&[1, 2, 3, 5]), ["epoch 4 is missing"]);
        assert_eq!(claimed(&[500, 1000, 2000]), ["epoch 1500 is missing"]);
        assert_eq!(
            claimed(&[0, 10, 20, 50, 60]),
            ["epochs 30 and 40 are missing"]
        );
        assert_eq!(
            claimed(&[1, 2, 3, 9, 10, 12, 13]),
            ["epochs 4 to 8 are missing", "epoch 11 is missing"]
        );
        assert_eq!(claimed(&[1, 2, 3, 5, 7, 8, 9]).len(), 2);
        assert_eq!(
            claimed(&[0, 1, 2, 4, 8, 512, 1000, 2000, 3000, 5000, 6000, 7000, 8000]),
            ["epoch 4000 is missing"]
        );
    }

    #[test]
    fn schedules_are_no_gaps() {
        for regular in [
            &[][..],
            &[7],
            &[3, 9],
            &[1, 2, 3, 4],
            &[3, 4, 5, 6],
            &[1, 2, 4, 8, 16, 32],
            &[500, 1000, 1500, 1873],
            &[1, 2, 4, 8, 512, 1000, 2000, 3000],
            &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40],
            &[0, 100, 200, 210, 220, 230, 240, 250],
            &[1, 2, 3, 5, 9, 12],
            &[0, 1, 2, 4, 8, 16, 1000, 2000, 3000, 4000, 5000, 6000],
        ] {
            assert!(claimed(regular).is_empty(), "{regular:?}");
        }
    }

    #[test]
    fn a_checkpoint_under_another_name_is_not_missing() {
        let positions = [(1, 0), (2, 1), (3, 2), (5, 4), (6, 5)];
        assert!(missing(&positions.into(), Unit::Step).is_empty());
    }
}
