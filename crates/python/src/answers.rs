//! The questions: each takes what the command takes, and returns what it prints.

use crate::asked::{Asked, pattern};
use crate::errors::{raise, refuse};
use crate::work::{Reporter, work};
use checkpoint_store::NewFile;
use modeltrail::audit::{AuditOptions, Verdict as Soundness, audit as audited};
use modeltrail::collection::{Collection, Options, collect_watched};
use modeltrail::diff::DiffOptions;
use modeltrail::gate::{Budget, History, Verdict};
use modeltrail::hash::{Expected, Verdict as Match};
use modeltrail::lineage::{Candidates, Relation};
use modeltrail::linkage::Linkage;
use modeltrail::order::Orders;
use modeltrail::points::Trained;
use modeltrail::progress::Progress;
use modeltrail::runs::{CollectionRuns, RunOptions};
use modeltrail::umap::Umap;
use modeltrail::{Checkpoint, Error};
use pyo3::prelude::*;
use serde::Serialize;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use weightspace::space::Space;
use weightspace::umap::Parameters;

/// An answer as it crosses the border: JSON, text, what is to be known beside it, and how the command
/// would end.
pub(crate) type Answer = (String, String, Vec<String>, u8);

/// Exit statuses of the command.
pub(crate) const FINE: u8 = 0;
const FINDING: u8 = 1;
const UNKNOWN: u8 = 2;

/// A finding, unless all is fine.
pub(crate) fn fine_or_finding(is_fine: bool) -> u8 {
    if is_fine { FINE } else { FINDING }
}

/// An answer with its notes.
///
/// # Errors
/// When it cannot be written as JSON.
pub(crate) fn said(
    answer: &(impl Serialize + Display),
    notes: &[String],
    status: u8,
) -> Result<Answer, Error> {
    let json = serde_json::to_string(answer).map_err(|error| Error::Unsuitable {
        path: PathBuf::from("the answer"),
        what: format!("it cannot be written as JSON ({error})"),
        way_out: "This is a defect of modeltrail",
    })?;
    Ok((json, answer.to_string(), notes.to_vec(), status))
}

/// Reads checkpoints.
fn collect(
    paths: &[PathBuf],
    options: &Options,
    progress: &dyn Progress,
) -> Result<Collection, Error> {
    progress.working_on("reading");
    let collection = collect_watched(paths, options, progress);
    if collection.groups.is_empty() {
        return Err(nothing(&collection));
    }
    Ok(collection)
}

/// Why nothing was read: the first trouble, if there was any.
fn nothing(collection: &Collection) -> Error {
    match collection.problems.first() {
        Some(problem) => Error::Unsuitable {
            path: problem.path.clone(),
            what: format!("no checkpoint could be read: {}", problem.message),
            way_out: "Give at least one that can be read",
        },
        None => Error::NothingRead,
    }
}

/// Finds runs.
fn find(
    collection: &Collection,
    runs: Option<usize>,
    seed: u64,
    progress: &dyn Progress,
) -> Result<CollectionRuns, Error> {
    let options = RunOptions {
        runs,
        seed,
        ..RunOptions::default()
    };
    collection.runs(&options, progress)
}

/// `modeltrail runs`.
#[pyfunction]
pub(crate) fn runs(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    asked: Asked,
    runs: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Answer> {
    let options = asked.options(py)?;
    work(py, progress, move |reporter: &Reporter<Answer>| {
        let collection = collect(&paths, &options, reporter)?;
        let found = find(&collection, runs, options.seed, reporter)?;
        let status = fine_or_finding(!found.has_findings());
        said(&found, &collection.notes, status)
    })
}

/// `modeltrail report`.
#[pyfunction]
pub(crate) fn report(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    asked: Asked,
    how: (PathBuf, Option<usize>),
    progress: Option<Py<PyAny>>,
) -> PyResult<Answer> {
    let (out, runs) = how;
    let options = asked.options(py)?;
    work(py, progress, move |reporter: &Reporter<Answer>| {
        let collection = collect(&paths, &options, reporter)?;
        let found = find(&collection, runs, options.seed, reporter)?;
        let page = found.to_html(&collection, &paths, options.seed, reporter)?;
        write(&out, page.as_bytes())?;
        let status = fine_or_finding(!found.has_findings());
        said(
            &found.page(&out, page.len() as u64),
            &collection.notes,
            status,
        )
    })
}

/// Writes a file, whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = NewFile::create(path, true)?;
    file.append(bytes);
    Ok(file.finish()?)
}

/// What linkage, orders and pictures look at.
fn trained(
    paths: &[PathBuf],
    options: &Options,
    space: Space,
    progress: &dyn Progress,
) -> Result<Trained, Error> {
    Trained::of(collect(paths, options, progress)?, space)
}

fn space(py: Python<'_>, text: &str) -> PyResult<Space> {
    text.parse()
        .map_err(|error: weightspace::Error| refuse(py, &error.to_string()))
}

/// `modeltrail order`.
#[pyfunction]
pub(crate) fn order(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    asked: Asked,
    how: (String, Option<usize>),
    progress: Option<Py<PyAny>>,
) -> PyResult<Answer> {
    let (in_space, runs) = how;
    let (options, space) = (asked.options(py)?, space(py, &in_space)?);
    work(py, progress, move |reporter: &Reporter<Answer>| {
        let trained = trained(&paths, &options, space, reporter)?;
        let notes = trained.collection.notes.clone();
        let orders = Orders::find(trained, runs, options.seed, reporter)?;
        let status = fine_or_finding(orders.trained().is_fine());
        said(&orders, &notes, status)
    })
}

/// `modeltrail linkage`.
#[pyfunction]
pub(crate) fn linkage(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    asked: Asked,
    how: (String, Option<usize>),
    progress: Option<Py<PyAny>>,
) -> PyResult<Answer> {
    let (in_space, clusters) = how;
    let (options, space) = (asked.options(py)?, space(py, &in_space)?);
    work(py, progress, move |reporter: &Reporter<Answer>| {
        let trained = trained(&paths, &options, space, reporter)?;
        let notes = trained.collection.notes.clone();
        let linkage = Linkage::find(trained, clusters, reporter)?;
        let status = fine_or_finding(linkage.trained().is_fine());
        said(&linkage, &notes, status)
    })
}

/// `modeltrail umap`.
#[pyfunction]
pub(crate) fn umap(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    asked: Asked,
    how: (String, usize, f64),
    progress: Option<Py<PyAny>>,
) -> PyResult<Answer> {
    let (in_space, neighbors, min_dist) = how;
    let (options, space) = (asked.options(py)?, space(py, &in_space)?);
    work(py, progress, move |reporter: &Reporter<Answer>| {
        let trained = trained(&paths, &options, space, reporter)?;
        let notes = trained.collection.notes.clone();
        let parameters = Parameters {
            neighbors,
            min_dist,
            seed: options.seed,
            ..Parameters::default()
        };
        let umap = Umap::find(trained, &parameters, reporter)?;
        let status = fine_or_finding(umap.trained().is_fine());
        said(&umap, &notes, status)
    })
}

/// `modeltrail inspect`.
#[pyfunction]
pub(crate) fn inspect(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    asked: Asked,
    progress: Option<Py<PyAny>>,
) -> PyResult<Answer> {
    let options = asked.options(py)?;
    work(py, progress, move |_: &Reporter<Answer>| {
        let found = modeltrail::inspect::inspect(&paths, &options)?;
        if found.checkpoints().is_empty() && found.other_formats().is_empty() {
            return Err(match found.problems().first() {
                Some(problem) => Error::Unsuitable {
                    path: problem.path.clone(),
                    what: format!("no checkpoint could be described: {}", problem.message),
                    way_out: "Give at least one that can be read",
                },
                None => Error::NothingRead,
            });
        }
        let status = fine_or_finding(found.problems().is_empty());
        said(&found, &[], status)
    })
}

/// `modeltrail audit`. The answer as JUnit XML and as a page come with it.
#[pyfunction]
pub(crate) fn audit(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    asked: Asked,
    expected: (Vec<String>, Vec<String>),
    progress: Option<Py<PyAny>>,
) -> PyResult<(Answer, String, String)> {
    let (changed, frozen) = expected;
    let options = asked.options(py)?;
    let asked = AuditOptions {
        expect_changed: patterns(py, &changed)?,
        expect_frozen: patterns(py, &frozen)?,
    };
    work(
        py,
        progress,
        move |reporter: &Reporter<(Answer, String, String)>| {
            reporter.working_on("reading");
            let audit = audited(&paths, &options, &asked, reporter)?;
            let status = match audit.verdict() {
                Soundness::Sound => FINE,
                Soundness::Defects => FINDING,
                Soundness::CannotTell => UNKNOWN,
            };
            let answer = said(&audit, &[], status)?;
            Ok((answer, audit.to_junit(), audit.to_html()))
        },
    )
}

/// Patterns of names.
fn patterns(py: Python<'_>, texts: &[String]) -> PyResult<Vec<glob::Pattern>> {
    texts.iter().map(|text| pattern(py, text)).collect()
}

/// `modeltrail hash`. Kept digests are a file, or the text of a document.
#[pyfunction]
pub(crate) fn hash(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    asked: Asked,
    check: (Option<PathBuf>, Option<String>),
    progress: Option<Py<PyAny>>,
) -> PyResult<Answer> {
    let (file, text) = check;
    let options = asked.options(py)?;
    // A mistake in the kept digests is reported before large models are read.
    let expected = match (&file, &text) {
        (Some(file), _) => Some(Expected::read(file)),
        (None, Some(text)) => Some(Expected::from_json(text)),
        (None, None) => None,
    };
    let expected = expected.transpose().map_err(|error| raise(py, &error))?;
    work(py, progress, move |reporter: &Reporter<Answer>| {
        let mut hashes = modeltrail::hash(&paths, &options, reporter)?;
        if let Some(expected) = &expected {
            hashes = hashes.held_against(expected)?;
        }
        let status = match hashes.check().map(|check| check.verdict) {
            Some(Match::Differs) => FINDING,
            Some(Match::CannotTell) => UNKNOWN,
            None if !hashes.is_complete() => UNKNOWN,
            Some(Match::Same) | None => fine_or_finding(hashes.problems().is_empty()),
        };
        said(&hashes, &[], status)
    })
}

/// `modeltrail tree`. The trees in DOT and as a picture come with it.
#[pyfunction]
pub(crate) fn tree(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    asked: Asked,
    progress: Option<Py<PyAny>>,
) -> PyResult<(Answer, String, String)> {
    let options = asked.options(py)?;
    type Drawn = (Answer, String, String);
    work(py, progress, move |reporter: &Reporter<Drawn>| {
        let tree = modeltrail::tree(&paths, &options, reporter)?;
        let status = fine_or_finding(tree.is_fine());
        let answer = said(&tree, tree.notes(), status)?;
        Ok((answer, tree.to_dot(), tree.to_svg()))
    })
}

/// `modeltrail diff`.
#[pyfunction]
pub(crate) fn diff(
    py: Python<'_>,
    checkpoints: (PathBuf, PathBuf, Vec<PathBuf>),
    asked: Asked,
    expect_frozen: Vec<String>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Answer> {
    let (a, b, parents) = checkpoints;
    let options = asked.options(py)?;
    let frozen = patterns(py, &expect_frozen)?;
    work(py, progress, move |reporter: &Reporter<Answer>| {
        reporter.add(3 + parents.len() as u64);
        let open = |path: &PathBuf| {
            reporter.working_on("reading");
            let opened = Checkpoint::open(path, &options);
            reporter.done(1);
            opened
        };
        let (a, b) = (open(&a)?, open(&b)?);
        let parents = parents
            .iter()
            .map(open)
            .collect::<Result<Vec<_>, Error>>()?;
        let asked = DiffOptions {
            frozen: &frozen,
            parents: &parents,
            map: options.map.clone(),
        };
        reporter.working_on("comparing");
        let diff = modeltrail::diff(&a, &b, &asked)?;
        reporter.done(1);
        let status = match (diff.has_findings(), diff.is_undecided()) {
            (true, _) => FINDING,
            (false, true) => UNKNOWN,
            (false, false) => FINE,
        };
        said(&diff, &[], status)
    })
}

/// `modeltrail gate`. The answer as JUnit XML comes with it.
#[pyfunction]
pub(crate) fn gate(
    py: Python<'_>,
    checkpoints: (PathBuf, PathBuf, Vec<PathBuf>),
    asked: Asked,
    budget: (Option<PathBuf>, Option<String>),
    progress: Option<Py<PyAny>>,
) -> PyResult<(Answer, String)> {
    let (accredited, candidate, history) = checkpoints;
    let (budget_file, budget_text) = budget;
    let options = asked.options(py)?;
    // A mistake in the budget is reported before large models are read.
    let budget = match (&budget_file, &budget_text) {
        (Some(file), _) => Budget::read(file),
        (None, Some(text)) => Budget::from_toml(text),
        (None, None) => Ok(Budget::usual(!history.is_empty())),
    };
    let budget = budget.map_err(|error| raise(py, &error))?;
    if budget.total.steps.is_some() && history.is_empty() {
        return Err(raise(py, &Error::HistoryMissing));
    }
    work(
        py,
        progress,
        move |reporter: &Reporter<(Answer, String)>| {
            reporter.add(3);
            let open = |path: &PathBuf| {
                reporter.working_on("reading");
                let opened = Checkpoint::open(path, &options);
                reporter.done(1);
                opened
            };
            let (accredited, candidate) = (open(&accredited)?, open(&candidate)?);
            let history = match history.as_slice() {
                [] => None,
                paths => Some(History::read(paths, &accredited, &options)?),
            };
            reporter.working_on("judging");
            let history = history.as_ref();
            let judged = budget.judge_mapped(&accredited, &candidate, history, &options.map)?;
            reporter.done(1);
            let status = match judged.verdict() {
                Verdict::Within => FINE,
                Verdict::Retest => FINDING,
                Verdict::CannotTell => UNKNOWN,
            };
            Ok((said(&judged, &[], status)?, judged.to_junit()))
        },
    )
}

/// `modeltrail lineage`.
#[pyfunction]
pub(crate) fn lineage(
    py: Python<'_>,
    checkpoints: (PathBuf, Vec<PathBuf>),
    asked: Asked,
    runs: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Answer> {
    let (suspect, against) = checkpoints;
    let options = asked.options(py)?;
    if against.is_empty() {
        return Err(refuse(
            py,
            "there is nothing to compare with: give `against` at least one checkpoint",
        ));
    }
    work(py, progress, move |reporter: &Reporter<Answer>| {
        reporter.add(3);
        reporter.working_on("reading");
        let suspect = Checkpoint::open(&suspect, &options)?;
        reporter.done(1);
        let candidates = Candidates::read(&against, &suspect, &options);
        reporter.done(1);
        let notes = candidates.collection().notes.clone();
        reporter.working_on("comparing");
        let lineage = modeltrail::lineage(&suspect, candidates, runs, &options)?;
        reporter.done(1);
        let status = match lineage.relation() {
            Relation::Identical | Relation::Derived | Relation::SharedStart => FINE,
            Relation::None => FINDING,
            Relation::CannotTell => UNKNOWN,
        };
        said(&lineage, &notes, status)
    })
}
