//! What counts, number types, tensors and claims say, without any distance.

use super::AuditOptions;
use super::finding::{Affected, Finding, Kind};
use super::series::{Series, Step};
use crate::runs::gaps::{MOSTLY_REGULAR, lacking};
use crate::text::{counted, few};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A tensor that has so many more zeros than those beside is zero in part.
const ZEROS: f64 = 0.05;
/// Values lie on the grid of a number type where so large a share does.
const ON_GRID: f64 = 0.999;
/// And not where less does.
const OFF_GRID: f64 = 0.9;
/// Tensors are tied that are equal at more than this share of the steps.
const TIED: f64 = 0.5;
/// Steps in a row that differ from the others in their number type and are left out of the rest.
const FEW: usize = 2;
/// Names that a note gives.
const NAMED: usize = 3;

/// What was found, and what that means for distances.
#[derive(Default)]
pub(super) struct Facts {
    findings: Vec<Finding>,
    /// Sentences without their full stops.
    pub(super) notes: Vec<String>,
    /// Steps that are not compared with others: they have other tensors, or other number types.
    pub(super) odd: BTreeSet<usize>,
    /// Steps and tensors (of the layout) whose values are known to be wrong.
    pub(super) broken: BTreeSet<(usize, usize)>,
    /// Those of them that differ from a tensor that they are tied to.
    pub(super) tied: BTreeSet<(usize, usize)>,
}

impl Facts {
    pub(super) fn take_findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }
}

pub(super) fn of(series: &Series<'_>, asked: &AuditOptions) -> Facts {
    let mut facts = Facts::default();
    positions(series, &mut facts);
    tensors(series, &mut facts);
    not_finite(series, &mut facts);
    zeros(series, &mut facts);
    types(series, &mut facts);
    grids(series, &mut facts);
    tied(series, &mut facts);
    expected(series, asked, &mut facts);
    averages(series, &mut facts);
    facts
}

/// Positions that are missing, or claimed twice.
fn positions(series: &Series<'_>, facts: &mut Facts) {
    let claimed: BTreeMap<u64, usize> = (0..)
        .zip(&series.steps)
        .map(|(i, step)| (step.position, i))
        .collect();
    for lacking in lacking(&claimed, MOSTLY_REGULAR) {
        let steps = (0..lacking.count).map(|i| lacking.first + i * lacking.every);
        facts.findings.push(Finding {
            steps: steps.collect(),
            evidence: match lacking.every {
                1 => format!("there is one every {}", series.unit.name()),
                every => format!("there is one every {every} {}s", series.unit.name()),
            },
            ..Finding::new(Kind::Missing, series, &[])
        });
    }
    for &(step, other) in &series.doubles {
        let Some(own) = series.steps.get(step) else {
            continue;
        };
        let is_same = crate::collection::identity(&own.kept.sketch)
            == crate::collection::identity(&other.sketch);
        if is_same {
            facts.notes.push(format!(
                "{} and {} are the same weights",
                own.kept.name, other.name
            ));
        } else {
            let mut finding = Finding::new(Kind::Conflict, series, &[step]);
            finding.checkpoints.push(other.name.clone());
            facts.findings.push(finding);
        }
    }
    if !series.unplaced.is_empty() {
        let names = series.unplaced.iter().map(|kept| kept.name.as_str());
        facts.notes.push(format!(
            "not judged, since they claim no {}: {}",
            series.unit.name(),
            few(names, NAMED)
        ));
    }
    if series.aside > 0 {
        let beside = counted(series.aside, "checkpoint");
        facts.notes.push(format!(
            "not judged: {beside} beside the run (averages, or copies of the best or the last)"
        ));
    }
}

/// Tensors that a step lacks, or has in another shape.
fn tensors(series: &Series<'_>, facts: &mut Facts) {
    for (index, step) in series.steps.iter().enumerate() {
        let mut lacking = Vec::new();
        let mut reshaped = Vec::new();
        for (name, shape) in &series.layout {
            match step.tensor(name) {
                None => lacking.push(*name),
                Some(tensor) if tensor.shape != *shape => reshaped.push((*name, *shape, tensor)),
                Some(_) => {}
            }
        }
        // What could not be read is no defect, but cannot be compared either.
        let is_unread = |name: &str| step.kept.unread.iter().any(|unread| unread.tensor == name);
        if lacking.len() + reshaped.len() > 0 {
            facts.odd.insert(index);
        }
        lacking.retain(|name| !is_unread(name));
        if !lacking.is_empty() {
            facts.findings.push(Finding {
                tensors: Affected::Some(lacking.iter().map(|&name| name.to_owned()).collect()),
                evidence: "missing".to_owned(),
                ..Finding::new(Kind::Layout, series, &[index])
            });
        }
        if let Some((_, shape, tensor)) = reshaped.first() {
            let turned: Vec<usize> = tensor.shape.iter().rev().copied().collect();
            let how = if turned == *shape { ": transposed" } else { "" };
            facts.findings.push(Finding {
                tensors: Affected::Some(reshaped.iter().map(|one| one.0.to_owned()).collect()),
                evidence: format!("shape {:?}, and {shape:?} elsewhere{how}", tensor.shape),
                ..Finding::new(Kind::Layout, series, &[index])
            });
        }
    }
}

fn not_finite(series: &Series<'_>, facts: &mut Facts) {
    for (index, step) in series.steps.iter().enumerate() {
        let mut names = Vec::new();
        let mut count = 0;
        for (place, (name, _)) in series.layout.iter().enumerate() {
            let bad = step.tensor(name).map_or(0, |tensor| tensor.non_finite);
            if bad > 0 {
                names.push((*name).to_owned());
                count += bad;
                facts.broken.insert((index, place));
            }
        }
        if names.is_empty() {
            continue;
        }
        let is_all = names.len() == series.layout.len();
        facts.findings.push(Finding {
            tensors: if is_all {
                Affected::All
            } else {
                Affected::Some(names)
            },
            evidence: counted(usize::try_from(count).unwrap_or(usize::MAX), "value"),
            ..Finding::new(Kind::NotFinite, series, &[index])
        });
    }
}

/// Tensors that are zero in part at a step, and not at those beside. At the first step whole tensors are
/// zero by right.
fn zeros(series: &Series<'_>, facts: &mut Facts) {
    let share = |step: usize, name: &str| -> Option<f64> {
        let tensor = series.steps.get(step)?.tensor(name)?;
        (tensor.elements > 0).then(|| tensor.zeros as f64 / tensor.elements as f64)
    };
    for index in 0..series.steps.len() {
        let mut names = Vec::new();
        let mut most: f64 = 0.0;
        for (place, (name, _)) in series.layout.iter().enumerate() {
            let Some(own) = share(index, name) else {
                continue;
            };
            let beside = [index.checked_sub(1), Some(index + 1)];
            let beside: Vec<f64> = beside
                .into_iter()
                .flatten()
                .filter_map(|other| share(other, name))
                .collect();
            let usual = beside.iter().copied().fold(0.0, f64::max);
            let by_right = index == 0 && own > 0.95;
            if !beside.is_empty() && !by_right && own > ZEROS + 2.0 * usual {
                names.push((*name).to_owned());
                most = most.max(own);
                facts.broken.insert((index, place));
            }
        }
        if !names.is_empty() {
            facts.findings.push(Finding {
                tensors: Affected::Some(names),
                evidence: format!("{:.0} % of the values are zero", 100.0 * most),
                ..Finding::new(Kind::Zeros, series, &[index])
            });
        }
    }
}

/// Steps at which tensors are stored in another number type than at most others.
fn types(series: &Series<'_>, facts: &mut Facts) {
    let mut odd: BTreeMap<usize, (Vec<String>, &str, &str)> = BTreeMap::new();
    for (name, _) in &series.layout {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let known = series.steps.iter().filter_map(|step| step.dtype(name));
        known.for_each(|dtype| *counts.entry(dtype).or_default() += 1);
        let most = counts
            .iter()
            .max_by_key(|(name, count)| (**count, std::cmp::Reverse(**name)));
        let Some((&usual, _)) = most else {
            continue;
        };
        for (index, step) in series.steps.iter().enumerate() {
            if let Some(own) = step.dtype(name).filter(|own| *own != usual) {
                let entry = odd.entry(index).or_insert((Vec::new(), own, usual));
                entry.0.push((*name).to_owned());
            }
        }
    }
    let count = series.layout.len();
    for (index, (names, own, usual)) in odd {
        let tensors = if names.len() == count {
            Affected::All
        } else {
            Affected::Some(names)
        };
        facts.findings.push(Finding {
            tensors,
            evidence: format!("stored as {own}, and as {usual} elsewhere"),
            ..Finding::new(Kind::Dtype, series, &[index])
        });
        leave_out(index, facts);
    }
}

/// Steps whose values were rounded as most are not, or were not as most are.
fn grids(series: &Series<'_>, facts: &mut Facts) {
    let share = |step: &Step<'_>, is_bf16: bool| -> Option<f64> {
        let (mut on, mut all) = (0, 0);
        for tensor in &step.kept.sketch.tensors {
            let grids = tensor.grids?;
            // Zeros lie on every grid.
            on += if is_bf16 { grids.bf16 } else { grids.f16 }.saturating_sub(tensor.zeros);
            all += tensor.elements - tensor.zeros.min(tensor.elements);
        }
        (all > 0).then(|| on as f64 / all as f64)
    };
    let known: BTreeSet<usize> = facts.odd.iter().copied().collect();
    for (is_bf16, name) in [(true, "bf16"), (false, "f16")] {
        let shares: Vec<Option<f64>> = series
            .steps
            .iter()
            .map(|step| share(step, is_bf16))
            .collect();
        let on = |share: &Option<f64>| share.is_some_and(|share| share > ON_GRID);
        let count = shares.iter().filter(|share| on(share)).count();
        let is_usual = 2 * count > shares.len();
        for (index, share) in shares.iter().enumerate() {
            let is_odd = match share {
                Some(_) if !is_usual => on(share),
                Some(share) => *share < OFF_GRID,
                None => false,
            };
            if !is_odd || known.contains(&index) {
                continue;
            }
            let evidence = if is_usual {
                format!("the values are not rounded to {name}, as they are elsewhere")
            } else {
                format!("the values were rounded to {name}, and are not elsewhere")
            };
            facts.findings.push(Finding {
                evidence,
                ..Finding::new(Kind::Dtype, series, &[index])
            });
            leave_out(index, facts);
        }
    }
}

/// Leaves a step out of what is compared, unless many in a row are alike: rounding adds to distances.
fn leave_out(index: usize, facts: &mut Facts) {
    let before = (1..=FEW).all(|back| {
        index
            .checked_sub(back)
            .is_some_and(|i| facts.odd.contains(&i))
    });
    if !before {
        facts.odd.insert(index);
    }
}

/// Pairs of tensors that are equal at most steps, where they differ.
fn tied(series: &Series<'_>, facts: &mut Facts) {
    let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut moves: Vec<BTreeSet<u64>> = vec![BTreeSet::new(); series.layout.len()];
    for step in &series.steps {
        let mut alike: HashMap<(u64, u64), Vec<usize>> = HashMap::new();
        for (place, (name, _)) in series.layout.iter().enumerate() {
            if let Some(tensor) = step
                .tensor(name)
                .filter(|tensor| tensor.elements > 1 && tensor.norm > 0.0)
            {
                let key = (tensor.fingerprint, tensor.elements);
                alike.entry(key).or_default().push(place);
                if let Some(prints) = moves.get_mut(place) {
                    prints.insert(tensor.fingerprint);
                }
            }
        }
        for places in alike.into_values() {
            for (at, &one) in places.iter().enumerate() {
                for &other in places.get(at + 1..).unwrap_or_default() {
                    *counts.entry((one, other)).or_default() += 1;
                }
            }
        }
    }
    for ((one, other), count) in counts {
        let share = count as f64 / series.steps.len().max(1) as f64;
        let moves = moves.get(one).is_some_and(|prints| prints.len() > 2);
        let names =
            [one, other].map(|place| series.layout.get(place).map_or("", |(name, _)| *name));
        if share <= TIED || share >= 1.0 || !moves {
            continue;
        }
        for (index, step) in series.steps.iter().enumerate() {
            let print = |name: &str| step.tensor(name).map(|tensor| tensor.fingerprint);
            if facts.odd.contains(&index) || print(names[0]) == print(names[1]) {
                continue;
            }
            facts.broken.extend([(index, one), (index, other)]);
            facts.tied.extend([(index, one), (index, other)]);
            facts.findings.push(Finding {
                tensors: Affected::Some(names.map(str::to_owned).to_vec()),
                evidence: format!("equal at {count} other {}s", series.unit.name()),
                ..Finding::new(Kind::Tied, series, &[index])
            });
        }
    }
}

/// Tensors that were expected to change and never do, or the other way round.
fn expected(series: &Series<'_>, asked: &AuditOptions, facts: &mut Facts) {
    let changes = |name: &str| -> Vec<usize> {
        let prints: Vec<(usize, u64)> = (0..)
            .zip(&series.steps)
            .filter_map(|(index, step)| Some((index, step.tensor(name)?.fingerprint)))
            .collect();
        let pairs = prints.windows(2).filter_map(|pair| match pair {
            [(_, before), (index, after)] if before != after => Some(*index),
            _ => None,
        });
        pairs.collect()
    };
    let mut never = Vec::new();
    let mut moved: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (name, _) in &series.layout {
        let is_in =
            |patterns: &[glob::Pattern]| patterns.iter().any(|pattern| pattern.matches(name));
        let changes = changes(name);
        if is_in(&asked.expect_changed) && changes.is_empty() {
            never.push((*name).to_owned());
        }
        if let Some(&first) = changes.first().filter(|_| is_in(&asked.expect_frozen)) {
            moved.entry(first).or_default().push((*name).to_owned());
        }
    }
    let all: Vec<usize> = (0..series.steps.len()).collect();
    if !never.is_empty() && all.len() > 1 {
        facts.findings.push(Finding {
            tensors: Affected::Some(never),
            evidence: "the same bits at all of them".to_owned(),
            ..Finding::new(Kind::NeverMoved, series, &all)
        });
    }
    for (first, names) in moved {
        facts.findings.push(Finding {
            tensors: Affected::Some(names),
            evidence: "expected not to change, and changed first here".to_owned(),
            ..Finding::new(Kind::Moved, series, &[first])
        });
    }
}

/// Moving averages that have the bits of the weights beside them. Before the first update they are equal.
fn averages(series: &Series<'_>, facts: &mut Facts) {
    for &(position, average) in &series.averages {
        let step = series
            .steps
            .iter()
            .position(|step| step.position == position);
        let Some((index, step)) = step.and_then(|index| Some((index, series.steps.get(index)?)))
        else {
            continue;
        };
        let is_same = average.sketch.tensors.iter().all(|tensor| {
            step.tensor(&tensor.name)
                .is_some_and(|own| own.fingerprint == tensor.fingerprint)
        });
        if is_same && index > 0 {
            let mut finding = Finding::new(Kind::AverageEqualsRaw, series, &[index]);
            finding.checkpoints = vec![average.name.clone()];
            facts.findings.push(finding);
        }
    }
    if !series.averages.is_empty() {
        let count = counted(series.averages.len(), "moving average");
        facts.notes.push(format!(
            "{count} beside the run: compared with the weights of the same {}",
            series.unit.name()
        ));
    }
}
