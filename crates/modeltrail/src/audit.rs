//! Whether a series of checkpoints is sound: which steps, files and tensors are not what they claim to be.
//!
//! Everything is judged by sketches: a file is read once, tensor by tensor, and of each tensor a few
//! numbers, counts and a fingerprint are kept, so that memory does not follow the model. The claimed order
//! is taken as given; [`trajectory::soundness`] holds the weights against it, and counts, number types and
//! claims are looked at here.
//!
//! | submodule | does |
//! |---|---|
//! | `series` | sorts checkpoints into claimed runs, by claimed step |
//! | `tracks` | makes every tensor a sequence of projections |
//! | `facts` | what counts, types, tensors and claims say |
//! | [`finding`] | one defect, as it is said |

mod beside;
mod facts;
pub mod finding;
mod junit;
mod page;
mod series;
mod text;
mod tracks;

pub(crate) use beside::of_group;
pub use finding::{Affected, Confidence, Finding, Kind};

use crate::collection::sketches::{Kept, Sketched, sketch_watched};
use crate::collection::{Options, Unit};
use crate::coverage::{Coverage, LeftOut};
use crate::error::{Error, Problem, Result};
use crate::progress::Progress;
use serde::Serialize;
use series::Series;
use std::path::PathBuf;
use weightspace::sketch::Parameters;

/// What this document is; a change that breaks readers gets another number.
const SCHEMA: &str = "modeltrail.audit/1";
/// Numbers that are kept of a tensor where weights are read.
pub const NUMBERS: usize = 256;

/// What is asked beside soundness.
#[derive(Debug, Clone, Default)]
pub struct AuditOptions {
    /// Tensors that should have changed, by patterns of names: one that never moved is a finding.
    pub expect_changed: Vec<glob::Pattern>,
    /// Tensors that should not have changed: one that did is a finding.
    pub expect_frozen: Vec<glob::Pattern>,
}

/// The answer.
#[derive(Debug, Clone, Serialize)]
pub struct Audit {
    schema: &'static str,
    verdict: Verdict,
    findings: Vec<Finding>,
    series: Vec<AuditedSeries>,
    problems: Vec<Problem>,
    coverage: Coverage,
    #[serde(skip)]
    left_out: LeftOut,
}

/// Whether the series are sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing was found.
    Sound,
    /// Something was found.
    Defects,
    /// Nothing was found, and not everything could be read.
    CannotTell,
}

/// One claimed run, in the order of its claimed steps.
#[derive(Debug, Clone, Serialize)]
pub struct AuditedSeries {
    run: Option<String>,
    unit: Unit,
    checkpoints: usize,
    first: u64,
    last: u64,
    tensors: usize,
    /// Tensors that have the same bits at all steps.
    never_moved: usize,
    /// Numbers of a sketch that distances of a tensor rest on.
    numbers: usize,
    /// What cannot be seen.
    unseen: Unseen,
    /// What is no defect and worth knowing: sentences without their full stops.
    notes: Vec<String>,
}

/// Changes of a tensor at one step that cannot be told from training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Unseen {
    /// In distances between the steps on both sides.
    steps: f64,
    /// The same as a share of the weights of a tensor: the median over tensors that move, and over steps.
    /// None where nothing moves.
    of_weights: Option<f64>,
}

/// Audits what the paths stand for: stores, files, folders, globs and files of sketches.
///
/// Costs one pass over all weights; memory: the sketches, a kilobyte and a half a tensor.
///
/// # Errors
/// When nothing can be read, no checkpoint claims a step, or sketches were made in different ways.
pub fn audit(
    paths: &[PathBuf],
    options: &Options,
    asked: &AuditOptions,
    work: &dyn Progress,
) -> Result<Audit> {
    of_sketches(read(paths, options, work), asked)
}

/// Sketches what the paths stand for, as an audit needs it: see [`of_sketches`].
pub fn read(paths: &[PathBuf], options: &Options, work: &dyn Progress) -> Sketched {
    let parameters = Parameters {
        tensor_dimensions: NUMBERS,
        ..Parameters::default()
    };
    sketch_watched(paths, options, parameters, work)
}

/// Audits checkpoints that were sketched.
///
/// # Errors
/// When there is none, none claims a step, or they were sketched in different ways.
pub fn of_sketches(sketched: Sketched, asked: &AuditOptions) -> Result<Audit> {
    let Sketched {
        file,
        problems,
        left_out,
        unread,
        passed_over,
        ..
    } = sketched;
    let kept = file.checkpoints;
    if kept.is_empty() {
        return Err(Error::NothingRead);
    }
    let weights = kept.iter().map(|kept| kept.sketch.elements()).sum();
    let coverage = Coverage {
        skipped: left_out.skipped(passed_over),
        ..Coverage::of_one(weights, unread)
    };
    let mut audit = of_kept(&kept, asked)?;
    if audit.verdict == Verdict::Sound && !(coverage.is_complete() && problems.is_empty()) {
        audit.verdict = Verdict::CannotTell;
    }
    Ok(Audit {
        problems,
        coverage,
        left_out,
        ..audit
    })
}

/// Audits sketches, each with what it claims.
///
/// # Errors
/// As [`of_sketches`].
pub fn of_kept(kept: &[Kept], asked: &AuditOptions) -> Result<Audit> {
    let mut findings = Vec::new();
    let mut all = Vec::new();
    let listed = series::of(kept)?;
    let has_several = listed.len() > 1;
    for series in listed {
        let (found, about) = one(&series, asked)?;
        let run = about.run.clone().filter(|_| has_several);
        findings.extend(found.into_iter().map(|finding| Finding {
            run: run.clone(),
            ..finding
        }));
        all.push(about);
    }
    Ok(Audit {
        schema: SCHEMA,
        verdict: if findings.is_empty() {
            Verdict::Sound
        } else {
            Verdict::Defects
        },
        findings,
        series: all,
        problems: Vec::new(),
        coverage: Coverage::default(),
        left_out: LeftOut::default(),
    })
}

/// Audits one claimed run.
fn one(series: &Series<'_>, asked: &AuditOptions) -> Result<(Vec<Finding>, AuditedSeries)> {
    let numbers = series.numbers()?;
    let mut facts = facts::of(series, asked);
    let tracks = tracks::of(series, &facts)?;
    let mut findings = facts.take_findings();
    findings.extend(tracks.findings(series));
    let findings = finding::merged(finding::explained(findings));
    let about = AuditedSeries {
        run: series.run.map(str::to_owned),
        unit: series.unit,
        checkpoints: series.steps.len(),
        first: series.steps.first().map_or(0, |step| step.position),
        last: series.steps.last().map_or(0, |step| step.position),
        tensors: series.layout.len(),
        never_moved: tracks.never_moved(),
        numbers,
        unseen: tracks.unseen(),
        notes: facts.notes,
    };
    Ok((findings, about))
}

impl Audit {
    /// Whether the series are sound.
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// What is wrong, series by series.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The claimed runs.
    pub fn series(&self) -> &[AuditedSeries] {
        &self.series
    }

    /// What could not be read.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What the checkpoints hold beside weights.
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// How much was read.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}

impl AuditedSeries {
    /// What is claimed as the name of the run.
    pub fn run(&self) -> Option<&str> {
        self.run.as_deref()
    }

    /// Number of checkpoints.
    pub fn checkpoints(&self) -> usize {
        self.checkpoints
    }

    /// What is no defect and worth knowing.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What cannot be seen.
    pub fn unseen(&self) -> Unseen {
        self.unseen
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
