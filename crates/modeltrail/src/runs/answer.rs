//! The answer: runs of one group, each in its order, and runs of a whole collection.

use super::beside::Beside;
use super::claims::{Agreement, Contradiction};
use super::event::RunEvent;
use super::family::Family;
use super::gaps::Gap;
use super::origins::Origin;
use crate::audit::Finding;
use crate::collection::{
    Claims, Group, Member, NotFinite, PositionClaim, Space, Taken, Unit, parameters,
};
use crate::coverage::{Coverage, LeftOut, NotCompared};
use crate::error::Problem;
use checkpoint_store::TensorShape;
use std::path::Path;
use trajectory::dendrogram::Dendrogram;
use trajectory::geometry::Geometry;
use trajectory::ordering::Direction;
use trajectory::runs::{Runs as Separation, Verdict};
use trajectory::spanning_tree::SpanningTree;
use weightspace::sketch::relative_error;

/// The runs of every group of a collection.
#[derive(Debug)]
pub struct CollectionRuns {
    pub(crate) groups: Vec<Runs>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) not_finite: Vec<NotFinite>,
    pub(crate) left_out: LeftOut,
    pub(crate) passed_over: usize,
    /// Files of formats that are not supported.
    pub(crate) others: usize,
    pub(crate) coverage: Coverage,
}

impl CollectionRuns {
    /// The answer of every group, the largest group first.
    pub fn groups(&self) -> &[Runs] {
        &self.groups
    }

    /// How much of the checkpoints was read.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Whether there is anything to look at: a path that could not be read, weights that are not
    /// finite, or a claim that the weights contradict.
    pub fn has_findings(&self) -> bool {
        let mut runs = self.groups.iter().flat_map(Runs::runs);
        !self.problems.is_empty()
            || !self.not_finite.is_empty()
            || runs.any(Run::has_contradictions)
    }

    /// Whether there is anything beside the checkpoints of the runs, as copies, averages, companion files and
    /// files of other formats, or anything that an audit finds. That is no finding about the models; a strict reader may count it.
    pub fn has_remarks(&self) -> bool {
        let has_copies = |run: &Run| run.places.iter().any(|place| !place.copies.is_empty());
        self.passed_over + self.others > 0
            || self.groups.iter().any(|runs| !runs.beside.is_empty())
            || self.groups.iter().any(|runs| !runs.findings.is_empty())
            || self.groups.iter().flat_map(Runs::runs).any(has_copies)
    }
}

impl<'a> IntoIterator for &'a CollectionRuns {
    type Item = &'a Runs;
    type IntoIter = std::slice::Iter<'a, Runs>;

    fn into_iter(self) -> Self::IntoIter {
        self.groups.iter()
    }
}

/// The runs of a group of checkpoints. It holds no weights.
#[derive(Debug)]
pub struct Runs {
    pub(crate) described: Described,
    pub(crate) families: Vec<Family>,
    pub(crate) runs: Vec<Run>,
    /// Where each run came from, in the same order. Empty if that was not looked for: in sketches,
    /// and where there is one run.
    pub(crate) origins: Vec<Origin>,
    pub(crate) tree: SpanningTree,
    pub(crate) dendrogram: Dendrogram,
    /// What stands beside the runs, by name.
    pub(crate) beside: Vec<Beside>,
    /// The member of the group that each leaf of both is.
    pub(crate) leaves: Vec<usize>,
    /// What an audit of the claimed steps finds.
    pub(crate) findings: Vec<Finding>,
    pub(crate) coverage: Coverage,
}

impl Runs {
    /// The families, the largest first.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// The runs, family by family, and the largest of each first.
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// The family that a run is of; none if there is no such run.
    pub fn family(&self, run: usize) -> Option<&Family> {
        let mut families = self.families.iter();
        families.find(|family| family.runs.contains(&run))
    }

    /// Whether its runs are known to be different ones: they are of several families, or stand clear
    /// of each other.
    pub(crate) fn are_told_apart(&self) -> bool {
        self.families.len() > 1 || self.families.iter().any(|family| family.count.is_known())
    }

    /// Where a run came from, by its place in [`runs`](Self::runs); none if that was not looked for:
    /// in sketches, and where there is one run.
    pub fn origin(&self, run: usize) -> Option<&Origin> {
        self.origins.get(run)
    }

    /// What stands beside the runs: averages, and copies of checkpoints that are not there.
    pub fn beside(&self) -> &[Beside] {
        &self.beside
    }

    /// Minimum spanning tree of the distinct checkpoints.
    pub fn tree(&self) -> &SpanningTree {
        &self.tree
    }

    /// Single linkage of the distinct checkpoints.
    pub fn dendrogram(&self) -> &Dendrogram {
        &self.dendrogram
    }

    /// What was compared.
    pub fn described(&self) -> &Described {
        &self.described
    }

    /// What an audit of the claimed steps finds beside: see [`crate::audit`]. Only [`Collection::runs`] looks
    /// for it, and only where weights are compared exactly.
    ///
    /// [`Collection::runs`]: crate::Collection::runs
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How much of the checkpoints was read.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}

impl<'a> IntoIterator for &'a Runs {
    type Item = &'a Run;
    type IntoIter = std::slice::Iter<'a, Run>;

    fn into_iter(self) -> Self::IntoIter {
        self.runs.iter()
    }
}

/// A group without its weights.
#[derive(Debug, Clone)]
pub struct Described {
    /// Number of checkpoints, copies included.
    pub checkpoints: usize,
    /// The tensors of each.
    pub layout: Vec<TensorShape>,
    /// What was compared.
    pub space: Space,
    /// Numbers of a point: weights, or dimensions of a sketch.
    pub dimensions: usize,
    /// How some of the checkpoints were taken into the group.
    pub taken: Vec<Taken>,
    /// What some of the checkpoints have and others do not.
    pub not_compared: Vec<NotCompared>,
}

impl Described {
    pub(crate) fn of(group: &Group) -> Self {
        Self {
            checkpoints: group.members.len(),
            layout: group.layout.clone(),
            space: group.space,
            dimensions: group.points.nrows(),
            taken: group.taken.clone(),
            not_compared: group.not_compared.clone(),
        }
    }

    /// Number of weights of a checkpoint.
    pub fn parameters(&self) -> u64 {
        parameters(&self.layout)
    }

    /// Relative standard error of distances; 0 for exact ones.
    pub fn distance_error(&self) -> f64 {
        match self.space {
            Space::Weights => 0.0,
            Space::Sketches => relative_error(self.dimensions),
        }
    }
}

/// How the number of runs of a family was found.
#[derive(Debug, Clone, PartialEq)]
pub enum Count {
    /// From the weights, which separate the runs or do not: see the verdict.
    Found(Separation),
    /// It was given.
    Given,
    /// So few distinct checkpoints that several runs could not be separated.
    TooFew(usize),
}

impl Default for Count {
    fn default() -> Self {
        Self::TooFew(0)
    }
}

impl Count {
    /// Whether the runs are known to be different ones.
    pub fn is_known(&self) -> bool {
        match self {
            Self::Found(runs) => runs.verdict == Verdict::Separated,
            Self::Given => true,
            Self::TooFew(_) => false,
        }
    }

    /// So many parts the merge heights separate.
    pub(super) fn parts(&self) -> usize {
        match self {
            Self::Found(runs) => runs.count,
            Self::Given | Self::TooFew(_) => 1,
        }
    }
}

/// Checkpoints that belong together, in order: from the likelier start, or the other way round if
/// most of the claimed steps say so.
#[derive(Debug)]
pub struct Run {
    pub(crate) places: Vec<Place>,
    pub(crate) is_ordered: bool,
    pub(crate) direction: Direction,
    pub(crate) confidence: f64,
    pub(crate) claimed: Option<String>,
    pub(crate) mixed: Vec<(String, usize)>,
    pub(crate) agreement: Agreement,
    pub(crate) geometry: Geometry,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) events: Vec<RunEvent>,
}

impl Run {
    /// The distinct checkpoints, in order.
    pub fn checkpoints(&self) -> &[Place] {
        &self.places
    }

    /// Whether the weights show an order: not if all its checkpoints are about equally far from each
    /// other, as models are that left one start each for itself.
    pub fn is_ordered(&self) -> bool {
        self.is_ordered
    }

    /// Whether the weights show which end came first.
    pub fn direction(&self) -> Direction {
        self.direction
    }

    /// How sure the weights are of the likelier start, 0.5 to 1.
    pub fn direction_confidence(&self) -> f64 {
        self.confidence
    }

    /// The run that most of those claim that claim any.
    pub fn claimed_run(&self) -> Option<&str> {
        self.claimed.as_deref()
    }

    /// The runs that its checkpoints claim, and how many do, if it seems to hold several.
    pub fn mixed(&self) -> &[(String, usize)] {
        &self.mixed
    }

    /// How far the claimed steps agree with the order.
    pub fn agreement(&self) -> Agreement {
        self.agreement
    }

    /// Steps and turns along the order.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Where checkpoints seem to be missing.
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    /// The position that all of several claim alike, if they do.
    pub(crate) fn claimed_alike(&self) -> Option<PositionClaim> {
        let mut claims = self
            .places
            .iter()
            .filter_map(|place| place.claims().position);
        let first = claims.next()?;
        let mut others = claims.map(|claim| (claim.unit, claim.value)).peekable();
        others.peek()?;
        others
            .all(|other| other == (first.unit, first.value))
            .then_some(first)
    }

    /// What all its checkpoints claim, if all do, in one unit, and rising along the order.
    pub(crate) fn claimed_positions(&self) -> Option<(Unit, Vec<u64>)> {
        let claims = self.places.iter().map(|place| place.claims().position);
        let claims: Vec<PositionClaim> = claims.collect::<Option<_>>()?;
        let unit = claims.first()?.unit;
        let rises = |pair: &[PositionClaim]| match pair {
            [before, after] => before.value < after.value,
            _ => false,
        };
        let is_usable =
            claims.iter().all(|claim| claim.unit == unit) && claims.windows(2).all(rises);
        is_usable.then(|| (unit, claims.iter().map(|claim| claim.value).collect()))
    }

    /// What happened along it, as far as it is known which way it went.
    pub fn events(&self) -> &[RunEvent] {
        &self.events
    }

    /// Whether anything in it contradicts what is claimed.
    pub fn has_contradictions(&self) -> bool {
        self.agreement.is_contradicted() || self.places.iter().any(|p| !p.contradictions.is_empty())
    }

    /// The group's members in its order.
    pub(crate) fn members(&self) -> Vec<u32> {
        let members = self.places.iter();
        members.map(|place| place.member as u32).collect()
    }
}

/// A checkpoint at its place in an order.
#[derive(Debug)]
pub struct Place {
    /// An index into the group's members.
    pub(crate) member: usize,
    pub(crate) about: Member,
    pub(crate) copies: Vec<Member>,
    pub(crate) next: Option<f64>,
    pub(crate) contradictions: Vec<Contradiction>,
}

impl Place {
    /// What the checkpoint is called.
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// Its file, or its store.
    pub fn path(&self) -> &Path {
        &self.about.path
    }

    /// What it says of itself.
    pub fn claims(&self) -> &Claims {
        &self.about.claims
    }

    /// Names of the others with the same bits.
    pub fn copies(&self) -> impl Iterator<Item = &str> {
        self.copies.iter().map(|copy| copy.name.as_str())
    }

    /// Probability that the next checkpoint of the order came right after, or before, this one; none
    /// for the last, and in short orders.
    pub fn confidence_of_next(&self) -> Option<f64> {
        self.next
    }

    /// What it claims and the weights contradict.
    pub fn contradictions(&self) -> &[Contradiction] {
        &self.contradictions
    }

    /// What it and its copies say of themselves, itself first. A copy of the best or last checkpoint is
    /// not asked: it may say when it was copied.
    pub(super) fn all_claims(&self) -> impl Iterator<Item = &Claims> {
        let own = self.copies.iter().filter(|copy| copy.aside.is_none());
        let all = std::iter::once(&self.about).chain(own);
        all.map(|member| &member.claims)
    }
}
