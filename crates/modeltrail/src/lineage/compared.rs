//! The suspect beside one group of checkpoints, and what comes of it.
//!
//! [`compare`] goes step by step: distances to all checkpoints; the exact test with the nearest; the
//! search for hidden units in another order, after which distances are measured again; the verdict;
//! other runs that are related; the place along the nearest run.

use super::candidates::Completeness;
use super::families::standing_out;
use super::near::{Near, by_run, norm, ranked};
use super::order_of_units::{Aligned, test};
use super::permuted::{self, Search};
use super::place::{self, Place};
use super::rearranged::{self, Arrangement};
use super::suspect::{Same, Suspect};
use super::verdict::{Copies, Decision, Evidence, Grounds, Relation, is_sure};
use crate::checkpoint::Checkpoint;
use crate::collection::{Group, Options, Space};
use crate::error::Result;
use crate::runs::origins::{Tie, family_of};
use crate::runs::{RunOptions, Runs};
use weightspace::relation::units::Units;
use weightspace::relation::unrelated::Outlier;

/// Checkpoints of the nearest run, and of other runs, that are shown.
const SHOWN: (usize, usize) = (3, 4);
/// Other runs that are tested for a start in common.
const TESTED: usize = 16;
/// Nearer than this share of the distance to any other related run, the suspect belongs to one run.
const CLEARLY: f64 = 0.65;

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
    pub(crate) runs: Runs,
    pub(crate) relation: Relation,
    pub(crate) grounds: Grounds,
    /// Logarithm of the p-value that the verdict rests on; none for equal bits and the threshold.
    pub(crate) ln_p: Option<f64>,
    /// Whether one of the two has weights that the other has not.
    pub(crate) is_part: bool,
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
    /// What is in common once other arrangements are undone, where that was looked for.
    pub(crate) rearranged: Option<Arrangement>,
    pub(crate) place: Option<Place>,
}

impl Compared {
    /// Whether distances are those of sketches.
    pub(crate) fn is_sketched(&self) -> bool {
        self.group.space == Space::Sketches
    }

    pub(crate) fn is_related(&self) -> bool {
        !matches!(self.relation, Relation::None | Relation::CannotTell)
    }

    pub(crate) fn nearest(&self) -> Option<&Near> {
        self.rows.first().map(|row| &row.near)
    }

    /// Its place among the groups: the related ones first, then the nearer.
    pub(crate) fn rank(&self) -> (bool, f64) {
        let nearest = self
            .nearest()
            .map_or(f64::INFINITY, |near| near.relative_to_unrelated);
        (!self.is_related(), nearest)
    }

    /// A distance relative to the norm of a member.
    pub(crate) fn relative_to(&self, member: usize, distance: f64) -> f64 {
        let point: &[f32] = self.group.points.column(member).data.into_slice();
        let norm = norm(point);
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

/// Compares. `known` is the number of runs, if it is known.
pub(crate) fn compare(
    group: Group,
    checkpoint: &Checkpoint,
    completeness: &Completeness,
    known: Option<usize>,
    options: &Options,
) -> Result<Compared> {
    let stored = Suspect::among(&group, checkpoint)?;
    let runs = group.runs(&RunOptions {
        runs: known,
        seed: options.seed,
        ..RunOptions::default()
    })?;
    let near = ranked(&group, &runs, &stored);
    let same = (0..group.members.len()).map(|member| (member, stored.same(&group, member)));
    let same: Vec<(usize, Same)> = same.filter(|(_, same)| *same != Same::No).collect();
    let copies: Vec<usize> = same.iter().map(|(member, _)| *member).collect();
    let is_known = has_known_bytes(checkpoint);

    let units = match near.first() {
        Some(nearest) => test(&group, nearest.member, &stored, options)?,
        None => None,
    };
    let candidates = near.len();
    let ln_units = units.as_ref().map(|units| corrected(units, candidates));
    let search = if copies.is_empty() {
        let is_related_as_stored = ln_units.is_some_and(is_sure);
        permuted::search(&group, &runs, &near, &stored, is_related_as_stored, options)?
    } else {
        Search::default()
    };
    let is_permuted = search.is_permuted;
    let is_part = has_more(checkpoint, &group);
    let is_known_already = !copies.is_empty() || ln_units.is_some_and(is_sure);
    let arrangement = if is_known_already {
        None
    } else {
        rearranged::among(&group, &near, (&stored, checkpoint), is_part, options)?
    };
    let (suspect, mut near, outlier) = if let (true, Some(best)) = (is_permuted, &search.best) {
        let suspect = Suspect::of(best.weights.clone(), &group)?;
        let near = ranked(&group, &runs, &suspect);
        (suspect, near, search.outlier)
    } else {
        let distances = by_run(&near).into_iter();
        let distances = distances.map(|near| (near.run, near.relative_to_unrelated));
        let outlier = standing_out(&distances.collect::<Vec<_>>(), &runs);
        (stored, near, outlier)
    };

    let proof = completeness.of_copies(
        same.iter()
            .filter_map(|&(copy, same)| Some((group.members.get(copy)?, same))),
        is_known,
    );
    let proof = match proof {
        Copies::Whole if is_part => Copies::OfAPart,
        proof => proof,
    };
    // Beside one that is stored the same, others of the same numbers are no copies.
    let copies = if matches!(proof, Copies::Whole | Copies::OfAPart) {
        let whole = same.iter().filter(|(_, same)| *same == Same::Stored);
        whole.map(|(member, _)| *member).collect()
    } else {
        copies
    };
    let evidence = Evidence {
        copies: proof,
        ln_units,
        ln_rearranged: arrangement.as_ref().and_then(|one| one.ln_exact),
        ln_matched: arrangement.as_ref().and_then(Arrangement::ln_alike),
        ln_unrelated: outlier.map(|found| found.ln_p),
        is_permuted,
        nearest: near.first().map(|near| near.relative_to_unrelated),
        is_clear: true,
        is_all_read: completeness.is_complete(),
        share_read: checkpoint.coverage().share(),
    };
    let Decision {
        is_related,
        grounds,
        ln_p,
    } = evidence.decide();
    let is_rearranged = matches!(grounds, Grounds::Rearranged | Grounds::MatchedUnits);
    if let Some(found) = arrangement
        .as_ref()
        .filter(|_| is_rearranged && !is_permuted)
    {
        // Distances of what is stored in another arrangement say nothing: the one that was found is first.
        near.sort_by_key(|near| near.member != found.member);
    }
    let case = Case {
        group: &group,
        suspect: &suspect,
        near: &near,
        is_permuted,
        options,
    };
    let (also_related, tested) = if is_related && copies.is_empty() {
        case.other_runs()?
    } else {
        (Vec::new(), 0)
    };
    let evidence = Evidence {
        is_clear: is_clear(&near, &also_related, &runs),
        ..evidence
    };
    let is_placed = is_related && (is_permuted || !is_rearranged);
    let place = near.first().filter(|_| is_placed);
    let place = place.map(|near| place::find(&group, &runs, &suspect, near));
    Ok(Compared {
        relation: evidence.relation(),
        grounds,
        ln_p,
        rows: case.rows()?,
        candidates,
        is_part,
        copies,
        units,
        outlier,
        also_related,
        tested,
        place: place.transpose()?.flatten(),
        alignment: search.best,
        alignments: search.tried,
        is_aligned: is_permuted,
        rearranged: arrangement,
        group,
        runs,
    })
}

/// Whether one of the two has weights that the other has not.
fn has_more(checkpoint: &Checkpoint, group: &Group) -> bool {
    let own = checkpoint.shapes().into_values();
    let own: usize = own.map(|shape| shape.iter().product::<usize>()).sum();
    own as u64 > group.parameters() || !group.not_compared.is_empty()
}

/// Whether the bytes of all tensors are known that could not be read.
fn has_known_bytes(checkpoint: &Checkpoint) -> bool {
    let stored = checkpoint.weights().map(|weights| weights.stored());
    let is_known = |name: &str| {
        let stored = stored.and_then(|stored| stored.get(name));
        stored.is_some_and(|stored| stored.hash.is_some())
    };
    let mut unread = checkpoint.unread().iter();
    unread.all(|tensor| is_known(&tensor.tensor))
}

/// The exact p-value, as a logarithm, corrected for having looked at so many checkpoints.
fn corrected(units: &Units, candidates: usize) -> f64 {
    (units.ln_p + (candidates as f64).ln()).min(0.0)
}

/// Whether the nearest run is clearly nearer than any other run that is related. Branches of one
/// trunk are expected to be related; a start in common is the question.
fn is_clear(near: &[Near], also_related: &[usize], runs: &Runs) -> bool {
    let Some(nearest) = near.first() else {
        return true;
    };
    let family = family_of(nearest.run, &runs.origins, Tie::Fork);
    let other = near
        .iter()
        .find(|other| also_related.contains(&other.run) && !family.contains(&other.run));
    other.is_none_or(|other| nearest.relative_to_unrelated <= CLEARLY * other.relative_to_unrelated)
}

/// A suspect in the order of units that its distances are measured in.
struct Case<'a> {
    group: &'a Group,
    suspect: &'a Suspect,
    /// All checkpoints, the nearest first.
    near: &'a [Near],
    is_permuted: bool,
    options: &'a Options,
}

impl Case<'_> {
    /// Logarithm of the exact p-value of a checkpoint, corrected. None can be given once units were
    /// put in the order of one checkpoint.
    fn ln_p(&self, near: &Near) -> Result<Option<f64>> {
        if self.is_permuted {
            return Ok(None);
        }
        let units = test(self.group, near.member, self.suspect, self.options)?;
        Ok(units.map(|units| corrected(&units, self.near.len())))
    }

    /// Other runs that the exact test finds related, and how many were tested.
    fn other_runs(&self) -> Result<(Vec<usize>, usize)> {
        let (mut related, mut tested) = (Vec::new(), 0);
        for other in by_run(self.near).iter().skip(1).take(TESTED) {
            if let Some(ln_p) = self.ln_p(other)? {
                tested += 1;
                if is_sure(ln_p) {
                    related.push(other.run);
                }
            }
        }
        Ok((related, tested))
    }

    /// The nearest few, and the nearest of other runs.
    fn rows(&self) -> Result<Vec<Row>> {
        let firsts = by_run(self.near);
        let nearest = firsts.first().map(|near| near.run);
        let own = self.near.iter().filter(|near| Some(near.run) == nearest);
        let others = firsts.iter().skip(1).take(SHOWN.1);
        own.take(SHOWN.0)
            .chain(others)
            .map(|near| {
                Ok(Row {
                    near: *near,
                    ln_p: self.ln_p(near)?,
                })
            })
            .collect()
    }
}
