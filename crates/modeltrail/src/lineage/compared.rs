//! The suspect held against one group of checkpoints, and what comes of it.

use super::near::{Near, by_run, ranked};
use super::order_of_units::{Aligned, aligned, aligned_with_each, test};
use super::place::{self, Place};
use super::suspect::Suspect;
use super::{SURE, SURE_OF_DISTANCES};
use crate::collection::{Group, Options, Space};
use crate::gate::sides::Side;
use crate::runs::origins::Origin;
use crate::runs::{Answer, find};
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeSet;
use weightspace::relation::unrelated::{Outlier, outlier};
use weightspace::relation::units::Units;

/// Checkpoints of the nearest run, and of other runs, that are shown.
const SHOWN: (usize, usize) = (3, 4);
/// Other runs that are tested for a start in common.
const TESTED: usize = 16;
/// Nearer than this share of the distance to any other related run, the suspect belongs to one run.
const CLEARLY: f64 = 0.65;
/// Without any test, nearer than this share of the distance of strangers counts as related: the
/// line that forks are found by.
const RELATED: f64 = 0.65;

/// Without unrelated runs to hold it against, least collapse of the distance that is believed to be
/// due to permuted units. Strangers with ten units a layer fall to half one time in a hundred.
const COLLAPSED_ALONE: f64 = 0.3;

/// What the suspect is to the checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Relation {
    /// Its weights are the same bits as a checkpoint's.
    Identical,
    /// It belongs to one run.
    Derived,
    /// It is related to several runs alike, as trainings from one start are.
    SharedStart,
    /// None was found.
    None,
}

/// What the verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Grounds {
    /// Equal bits.
    Bits,
    /// The exact test by the order of hidden units.
    OrderOfUnits,
    /// The approximate test against unrelated runs.
    Strangers,
    /// A line drawn by hand, since neither test could be made.
    Line,
}

/// One checkpoint that is shown.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) near: Near,
    /// Logarithm of its exact p-value, corrected for the search.
    pub(crate) ln_p: Option<f64>,
}

/// The answer of one group.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) group: Group,
    pub(crate) answer: Answer,
    pub(crate) relation: Relation,
    pub(crate) grounds: Grounds,
    /// Logarithm of the p-value that the verdict rests on; none for equal bits and for the line.
    pub(crate) ln_p: Option<f64>,
    /// Members with the suspect's bits.
    pub(crate) copies: Vec<usize>,
    /// The nearest few, and the nearest of other runs.
    pub(crate) rows: Vec<Row>,
    /// Different checkpoints that were looked at.
    pub(crate) candidates: usize,
    /// The exact test on the nearest, uncorrected.
    pub(crate) units: Option<Units>,
    /// The approximate test.
    pub(crate) outlier: Option<Outlier>,
    /// Other runs that the exact test finds related, by index, of so many that were tested.
    pub(crate) also_related: Vec<usize>,
    pub(crate) tested: usize,
    /// The best alignment, with so many checkpoints tried, and whether its order is the one that the
    /// distances are measured in.
    pub(crate) alignment: Option<Aligned>,
    pub(crate) alignments: usize,
    pub(crate) is_aligned: bool,
    pub(crate) place: Option<Place>,
}

impl Compared {
    /// Whether distances are those of sketches.
    pub(crate) fn is_sketched(&self) -> bool {
        self.group.space == Space::Sketches
    }

    pub(crate) fn is_related(&self) -> bool {
        self.relation != Relation::None
    }

    pub(crate) fn nearest(&self) -> Option<&Near> {
        self.rows.first().map(|row| &row.near)
    }

    /// From the suspect in one group to the one in another: the surer first, then the nearer.
    pub(crate) fn rank(&self) -> (bool, f64) {
        let nearest = self
            .nearest()
            .map_or(f64::INFINITY, |near| near.of_strangers);
        (!self.is_related(), nearest)
    }

    /// A distance relative to the norm of a member.
    pub(crate) fn relative_to(&self, member: usize, distance: f64) -> f64 {
        let point: &[f32] = self.group.points.column(member).data.into_slice();
        let norm = super::near::norm(point);
        if norm > 0.0 {
            distance / norm
        } else {
            distance
        }
    }

    pub(crate) fn name(&self, member: usize) -> &str {
        let member = self.group.members.get(member);
        member.map_or("", |member| member.name.as_str())
    }
}

/// Compares. `runs` is their number, if it is known.
pub(crate) fn compare(
    group: Group,
    side: &Side,
    runs: Option<usize>,
    options: &Options,
) -> Result<Compared> {
    let suspect = Suspect::among(&group, side)?;
    let answer = find(&group, runs, options.seed)?;
    let stored = ranked(&group, &answer, &suspect);
    let search = (stored.len() as f64).ln();
    let copies: Vec<usize> = (0..group.members.len())
        .filter(|&member| suspect.is_copied_by(&group, member))
        .collect();
    let corrected = |units: &Units| (units.ln_p + search).min(0.0);
    let exact = |near: &Near| test(&group, near.member, &suspect, options);
    let units = stored.first().map(exact).transpose()?.flatten();
    let ln_units = units.as_ref().map(corrected);
    let by_units = ln_units.is_some_and(is_sure);

    // Units in another order: with the nearest only where the order says that it is the right one.
    let firsts = by_run(&stored);
    let tried = if !copies.is_empty() {
        Vec::new()
    } else if by_units {
        let near = firsts.first();
        let aligned = near
            .map(|near| aligned(&group, near.member, &suspect, options))
            .transpose()?;
        near.copied().zip(aligned.flatten()).into_iter().collect()
    } else {
        aligned_with_each(&group, &firsts, &suspect, options)?
    };
    let alignments = tried.len();
    let share = |(near, aligned): &(Near, Aligned)| {
        // Alignment leaves the norms as they are.
        near.of_strangers * ratio(aligned.after, near.distance)
    };
    let shares: Vec<(usize, f64)> = tried.iter().map(|t| (t.0.run, share(t))).collect();
    let best = tried
        .into_iter()
        .min_by(|a, b| share(a).total_cmp(&share(b)));
    let best = best.map(|(near, aligned)| (near.run, aligned));

    let raw: Vec<(usize, f64)> = firsts.iter().map(|n| (n.run, n.of_strangers)).collect();
    let raw_outlier = standing_out(&raw, &answer);
    let aligned_outlier = (alignments > 1)
        .then(|| standing_out(&shares, &answer))
        .flatten();
    let is_permuted = best.as_ref().is_some_and(|(_, aligned)| {
        let has_moved = aligned.moved > 0 && aligned.after < aligned.before;
        let is_believed = match (by_units, aligned_outlier) {
            (true, _) => aligned.is_permuted,
            (false, Some(found)) => stands_out(found.ln_p),
            (false, None) => aligned.after <= COLLAPSED_ALONE * aligned.before,
        };
        has_moved && is_believed
    });
    let suspect = match &best {
        Some((_, aligned)) if is_permuted => Suspect::of(aligned.weights.clone(), group.space)?,
        _ => suspect,
    };
    let near = if is_permuted {
        ranked(&group, &answer, &suspect)
    } else {
        stored
    };
    let outlier = if is_permuted {
        aligned_outlier
    } else {
        raw_outlier
    };
    let strangers = outlier.map(|found| found.ln_p);

    let nearest = near.first();
    let is_near = nearest.is_some_and(|near| near.of_strangers <= RELATED);
    let (is_related, grounds, ln_p) = match (copies.is_empty(), ln_units, strangers) {
        (false, _, _) => (true, Grounds::Bits, None),
        (_, Some(ln_p), _) if is_sure(ln_p) => (true, Grounds::OrderOfUnits, Some(ln_p)),
        // The order of units says nothing against a relation where they were permuted.
        (_, _, Some(ln_p)) if is_permuted && stands_out(ln_p) => {
            (true, Grounds::Strangers, Some(ln_p))
        }
        _ if is_permuted => (true, Grounds::Line, None),
        // Where the exact test can be made, the approximate one has no say.
        (_, Some(ln_p), _) => (false, Grounds::OrderOfUnits, Some(ln_p)),
        (_, None, Some(ln_p)) => (stands_out(ln_p), Grounds::Strangers, Some(ln_p)),
        (_, None, None) => (is_near, Grounds::Line, None),
    };

    let rest = by_run(&near);
    let mut also_related = Vec::new();
    let mut tested = 0;
    if is_related && copies.is_empty() && !is_permuted {
        for other in rest.iter().skip(1).take(TESTED) {
            if let Some(units) = test(&group, other.member, &suspect, options)? {
                tested += 1;
                if is_sure(corrected(&units)) {
                    also_related.push(other.run);
                }
            }
        }
    }
    // Branches of one trunk are expected to be related; a start in common is the question.
    let family = nearest.map_or_else(BTreeSet::new, |near| family_of(near.run, &answer, false));
    let nearest_other = rest
        .iter()
        .find(|other| also_related.contains(&other.run) && !family.contains(&other.run));
    let is_clear = match (nearest, nearest_other) {
        (Some(near), Some(other)) => near.of_strangers <= CLEARLY * other.of_strangers,
        _ => true,
    };
    let relation = match (copies.is_empty(), is_related, is_clear) {
        (false, _, _) => Relation::Identical,
        (_, true, true) => Relation::Derived,
        (_, true, false) => Relation::SharedStart,
        _ => Relation::None,
    };
    let place = nearest
        .filter(|_| is_related)
        .map(|near| place::find(&group, &answer, &suspect, near))
        .transpose()?;

    let mut rows = Vec::new();
    let others = rest.iter().skip(1).take(SHOWN.1);
    let own = near
        .iter()
        .filter(|n| nearest.is_some_and(|first| first.run == n.run));
    for near in own.take(SHOWN.0).chain(others) {
        let units = if is_permuted {
            None
        } else {
            test(&group, near.member, &suspect, options)?
        };
        rows.push(Row {
            near: *near,
            ln_p: units.as_ref().map(corrected),
        });
    }
    Ok(Compared {
        candidates: near.len(),
        relation,
        grounds,
        ln_p,
        copies,
        rows,
        units,
        outlier,
        also_related,
        tested,
        alignment: best.map(|(_, aligned)| aligned),
        alignments,
        is_aligned: is_permuted,
        place,
        group,
        answer,
    })
}

fn is_sure(ln_p: f64) -> bool {
    ln_p <= SURE.ln()
}

fn stands_out(ln_p: f64) -> bool {
    ln_p <= SURE_OF_DISTANCES.ln()
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 1.0 }
}

/// Holds the nearest of the runs, each with a distance, against those that are not of its family.
fn standing_out(runs: &[(usize, f64)], answer: &Answer) -> Option<Outlier> {
    let (run, nearest) = runs.iter().min_by(|a, b| a.1.total_cmp(&b.1)).copied()?;
    if !answer.count.is_told() {
        return None;
    }
    let family = family_of(run, answer, true);
    let others = runs.iter().filter(|(other, _)| !family.contains(other));
    let others: Vec<f64> = others.map(|(_, distance)| *distance).collect();
    let mut found = outlier(nearest, &others)?;
    // Runs of the family were looked at as well.
    let looked_at = runs.len() as f64 / (others.len() + 1) as f64;
    found.ln_p = (found.ln_p + looked_at.ln()).min(0.0);
    Some(found)
}

/// The runs that forks, and common starts if wanted, tie to a run, and itself.
fn family_of(run: usize, answer: &Answer, with_starts: bool) -> BTreeSet<usize> {
    let mut family = BTreeSet::from([run]);
    loop {
        let before = family.len();
        for (index, origin) in answer.origins.iter().enumerate() {
            let tied: &[usize] = match origin {
                Origin::Fork(fork) => std::slice::from_ref(&fork.parent),
                Origin::Siblings(others) if with_starts => others,
                Origin::Siblings(_) | Origin::Root => &[],
            };
            if family.contains(&index) || tied.iter().any(|other| family.contains(other)) {
                family.insert(index);
                family.extend(tied);
            }
        }
        if family.len() == before {
            return family;
        }
    }
}
