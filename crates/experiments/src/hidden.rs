//! What is found of checkpoints whose names claim nothing, held against what is true of them.

mod reliability;

use crate::findings::Findings;
use crate::gallery::share::Share;
use anyhow::{Context, Result};
use modeltrail::collection::Collection;
use modeltrail::progress::Silent;
use modeltrail::runs::origins::Origin;
use modeltrail::runs::{Run, RunOptions, Runs};
use modeltrail::{TensorSource, Tensors};
use rayon::prelude::*;
use reliability::{diagram, reliability};
use report::table::{Column, Table};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use trajectory::ordering::Direction;
use weightspace::random::{normal, permutation, stream};

/// Shares of the checkpoints that are kept.
const KEPT: [(&str, f64); 3] = [("all", 1.0), ("a third", 1.0 / 3.0), ("a tenth", 0.1)];

/// Cases in which there is no order to find.
const UNRELATED: &str = "unrelated models";
const NOISE: &str = "one model with noise";
/// Copies of a model, and the noise of each, as a share of a tensor's root mean square.
const NOISY: usize = 12;
const NOISE_SHARE: f64 = 0.02;

/// A checkpoint of a case, and what is true of it.
#[derive(Clone)]
pub(crate) struct Truth {
    pub(crate) tensors: Tensors,
    /// The training.
    pub(crate) training: usize,
    /// Its run: 0 for the training that was left alone, then its continuations.
    pub(crate) run: usize,
    /// Its place in the training: continuations go on from the checkpoint that they left.
    pub(crate) place: usize,
}

/// What one case came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    pub(crate) kind: String,
    pub(crate) case: &'static str,
    pub(crate) kept: &'static str,
    /// Whether the families are those that there are.
    pub(crate) families: bool,
    /// Whether the runs are, too.
    pub(crate) runs: bool,
    /// Directions that are asserted, and those that are right.
    pub(crate) directions: (usize, usize),
    /// Runs of three checkpoints and more.
    pub(crate) directable: usize,
    /// Successive pairs of a run, and those in order.
    pub(crate) pairs: (usize, usize),
    /// Forks that are called certain, and those more than one checkpoint off.
    pub(crate) forks: (usize, usize),
    /// Stated confidences that two neighbours of an order are successive, and whether they are.
    #[serde(skip)]
    pub(crate) edges: Vec<(f64, bool)>,
    /// How many families and runs were found, for who looks closer.
    pub(crate) found: (usize, usize),
}

/// Some of the checkpoints, drawn at random, at least three.
pub(crate) fn thinned(base: &[Truth], share: f64, draw: u64) -> Vec<Truth> {
    let count = ((base.len() as f64 * share).round() as usize).max(3);
    let number = base.first().map_or(0, |first| first.training as u64);
    let mut places = permutation(
        base.len() as u32,
        &mut stream(draw, "gallery thinned", number),
    );
    places.truncate(count);
    places.sort_unstable();
    places
        .iter()
        .filter_map(|&place| base.get(place as usize).cloned())
        .collect()
}

/// Looks at checkpoints under names that claim nothing.
pub(crate) fn look(
    kind: &str,
    case: &'static str,
    kept: &'static str,
    checkpoints: &[Truth],
) -> Result<Outcome> {
    let order = permutation(checkpoints.len() as u32, &mut stream(0, "gallery names", 0));
    let name = |drawn: u32| {
        format!("model-{}", (b'a' + (drawn % 26) as u8) as char).repeat(1 + drawn as usize / 26)
    };
    let names: Vec<String> = order.iter().map(|&drawn| name(drawn)).collect();
    let named = names
        .iter()
        .cloned()
        .zip(checkpoints.iter().map(|one| one.tensors.clone()));
    let collection = Collection::from_tensors(named)?;
    let found = collection.runs(&RunOptions::default(), &Silent)?;
    let runs: &Runs = found.groups().first().context("no group was found")?;
    let truth_of: BTreeMap<&str, &Truth> =
        names.iter().map(String::as_str).zip(checkpoints).collect();
    let of = |run: &Run| -> Vec<&Truth> {
        let names = run.checkpoints().iter().map(|place| place.name());
        names
            .filter_map(|name| truth_of.get(name).copied())
            .collect()
    };
    let each: Vec<Vec<&Truth>> = runs.runs().iter().map(of).collect();
    let key = |one: &&Truth| (one.training, one.run, one.place);
    let sets = |parts: Vec<Vec<&Truth>>| -> BTreeSet<BTreeSet<(usize, usize, usize)>> {
        parts
            .iter()
            .map(|part| part.iter().map(key).collect())
            .collect()
    };
    let by = |of: &dyn Fn(&Truth) -> (usize, usize)| {
        let mut parts: BTreeMap<(usize, usize), Vec<&Truth>> = BTreeMap::new();
        for one in checkpoints {
            parts.entry(of(one)).or_default().push(one);
        }
        sets(parts.into_values().collect())
    };
    let families = runs.families().iter().map(|family| {
        let own = family.runs();
        each.get(own).unwrap_or_default().concat()
    });
    let families = sets(families.collect()) == by(&|one| (one.training, 0));
    // A base that is cut at the fork is one run with one of its continuations: any of them.
    let whole = by(&|one| (one.training, one.run));
    let is_fork = case.starts_with("base");
    let is_right = if case == "pairs" {
        families
    } else if is_fork {
        each.len() == whole.len() && is_tree(&each)
    } else {
        sets(each.clone()) == whole
    };
    let mut outcome = Outcome {
        kind: kind.to_owned(),
        case,
        kept,
        families,
        runs: is_right,
        directions: (0, 0),
        directable: 0,
        pairs: (0, 0),
        forks: (0, 0),
        edges: Vec::new(),
        found: (runs.families().len(), each.len()),
    };
    let has_order = !matches!(case, UNRELATED | NOISE);
    for (run, order) in runs.runs().iter().zip(&each) {
        let places = run.checkpoints().iter().zip(order.windows(2));
        let stated = places.filter_map(|(place, pair)| Some((place.confidence_of_next()?, pair)));
        outcome.edges.extend(stated.map(|(sure, pair)| {
            (
                sure,
                has_order && are_successive(checkpoints, pair[0], pair[1]),
            )
        }));
        if is_fork || order.len() < 3 {
            continue;
        }
        outcome.directable += 1;
        if !has_order {
            outcome.directions.0 += usize::from(run.direction() == Direction::Forward);
            continue;
        }
        let places: Vec<usize> = order.iter().map(|one| one.place).collect();
        let rises = places.windows(2).filter(|pair| pair[0] < pair[1]).count();
        let is_forward = 2 * rises > places.len() - 1;
        if run.direction() == Direction::Forward {
            outcome.directions.0 += 1;
            outcome.directions.1 += usize::from(is_forward);
        }
        let mut sorted: Vec<(usize, usize)> = places.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        outcome.pairs.0 += sorted.len() - 1;
        let in_order = |pair: &&[(usize, usize)]| (pair[0].1 < pair[1].1) == is_forward;
        outcome.pairs.1 += sorted.windows(2).filter(in_order).count();
    }
    for (index, order) in each.iter().enumerate() {
        if let Some(Origin::Fork(fork)) = runs.origin(index)
            && fork.is_certain
        {
            outcome.forks.0 += 1;
            let left = truth_of.get(fork.after.as_str()).copied();
            let first = order.iter().min_by_key(|one| one.place);
            let is_right = left.zip(first).is_some_and(|(left, first)| {
                left.training == first.training
                    && is_fork
                    && (left.place + 1).abs_diff(first.place) <= 1
            });
            outcome.forks.1 += usize::from(!is_right);
        }
    }
    Ok(outcome)
}

/// Whether no other checkpoint of the case lies between two of one training: continuations go on from the
/// checkpoint that they left.
fn are_successive(checkpoints: &[Truth], a: &Truth, b: &Truth) -> bool {
    let (first, last) = if a.place < b.place { (a, b) } else { (b, a) };
    let is_way = first.run == last.run || first.run == 0;
    let is_between = |one: &Truth| {
        one.training == first.training
            && (one.run == first.run || one.run == last.run)
            && (first.place + 1..last.place).contains(&one.place)
    };
    a.training == b.training && a.place != b.place && is_way && !checkpoints.iter().any(is_between)
}

/// Copies of one model with independent noise: related, and in no order.
fn noisy(model: &Truth) -> Vec<Truth> {
    let copy = |number: usize| {
        let mut random = stream(number as u64, "gallery noise", model.training as u64);
        let mut tensors = Tensors::new();
        for (index, shape) in model.tensors.tensors().iter().enumerate() {
            let mut values = Vec::new();
            // What is in memory can be read.
            let _ = model
                .tensors
                .read(index, &mut |chunk| values.extend_from_slice(chunk));
            let squares = values.iter().map(|value: &f32| f64::from(*value).powi(2));
            let size = (squares.sum::<f64>() / values.len().max(1) as f64).sqrt();
            for value in &mut values {
                *value += (NOISE_SHARE * size * normal(&mut random)) as f32;
            }
            let sides: Vec<usize> = shape.shape.iter().map(|&side| side as usize).collect();
            // Names are those of the model, each once.
            let _ = tensors.add(&shape.name, &sides, values);
        }
        Truth {
            tensors,
            place: number,
            ..model.clone()
        }
    };
    (0..NOISY).map(copy).collect()
}

/// Whether each part is a path of the tree of a base and its continuations: behind the fork, and one
/// checkpoint farther, it has checkpoints of one of them alone; before the fork only one part has any.
fn is_tree(parts: &[Vec<&Truth>]) -> bool {
    let fork = parts
        .iter()
        .flatten()
        .filter(|one| one.run > 0)
        .map(|one| one.place)
        .min();
    let fork = fork.unwrap_or(0);
    let is_pure = |part: &Vec<&Truth>| {
        let behind: BTreeSet<usize> = part
            .iter()
            .filter(|one| one.place > fork)
            .map(|one| one.run)
            .collect();
        behind.len() < 2
    };
    let before = parts
        .iter()
        .filter(|part| part.iter().any(|one| one.place < fork))
        .count();
    before < 2 && parts.iter().all(is_pure)
}

/// Cases of trainings that are known whole, all of one kind: one run alone, three seeds, and models of
/// which one checkpoint each is there.
pub(crate) fn cases_of_seeds(
    bases: &[Vec<Truth>],
) -> Vec<(&'static str, &'static str, Vec<Truth>)> {
    let mut cases = Vec::new();
    for (kept, share) in KEPT {
        for base in bases {
            cases.push(("one run", kept, thinned(base, share, 0)));
        }
        for (draw, three) in bases.windows(3).enumerate() {
            let runs = three.iter();
            let runs = runs.flat_map(|base| thinned(base, share, draw as u64 + 1));
            cases.push(("three seeds", kept, runs.collect()));
        }
    }
    let lasts = bases.iter().filter_map(|base| base.last().cloned());
    cases.push((UNRELATED, "all", lasts.collect()));
    let lasts = bases.iter().filter_map(|base| base.last());
    cases.extend(lasts.map(|last| (NOISE, "all", noisy(last))));
    cases
}

/// The runs of a store with odd seeds, or even ones.
pub(crate) fn of_store(path: &std::path::Path, parity: u64) -> Result<Vec<Outcome>> {
    let store = checkpoint_store::Store::open(path)?;
    let checkpoints = store.load()?;
    let mut runs: BTreeMap<u64, Vec<(u32, usize)>> = BTreeMap::new();
    for (column, label) in checkpoints.checkpoints().iter().enumerate() {
        if label.epoch > 0 && label.run % 2 == parity {
            runs.entry(label.run)
                .or_default()
                .push((label.epoch, column));
        }
    }
    let mut bases = Vec::new();
    for (training, epochs) in runs.values_mut().enumerate() {
        epochs.sort_unstable();
        let mut base = Vec::new();
        for (place, &(_, column)) in epochs.iter().enumerate() {
            let mut tensors = Tensors::new();
            let matrix = checkpoints.matrix();
            let column = matrix.column(column);
            let mut rest: &[f32] = column.data.into_slice();
            for tensor in store.layout() {
                let shape: Vec<usize> = tensor.shape.iter().map(|&side| side as usize).collect();
                let (values, after) = rest.split_at(shape.iter().product());
                tensors.add(&tensor.name, &shape, values.to_vec())?;
                rest = after;
            }
            base.push(Truth {
                tensors,
                training,
                run: 0,
                place,
            });
        }
        bases.push(base);
    }
    let kind = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    cases_of_seeds(&bases)
        .par_iter()
        .filter(|(.., checkpoints)| checkpoints.len() > 1)
        .map(|(case, kept, checkpoints)| look(&kind, case, kept, checkpoints))
        .collect()
}

/// What is aimed at, by case and what is kept of the checkpoints.
const AIMS: [(&str, &str, f64); 9] = [
    ("one run", "all", 1.0),
    ("three seeds", "all", 0.98),
    ("three seeds", "a third", 0.98),
    ("three seeds", "a tenth", 0.95),
    (UNRELATED, "all", 1.0),
    (NOISE, "all", 1.0),
    ("pairs", "all", 1.0),
    ("base and 1 continuation", "all", 0.9),
    ("base and 3 continuations", "all", 0.9),
];

const TEXT: &str = "\
Checkpoints of which neither name nor order says anything. A case is right if the families and the runs \
are exactly those that there are; of a base and what was trained on from it, a run may be the base up to \
the fork and any one continuation, and the first checkpoint after the fork may lie in any. Continuations \
are four to eight checkpoints on other data, in another order of the same data, and with 20 % of the \
targets wrong. One model with noise: twelve copies of a last checkpoint with independent noise of 2 %, one \
family and one run in no order. All are of odd seeds.";

/// Text and tables.
pub(crate) fn findings(outcomes: &[Outcome]) -> Findings {
    let share = |part: usize, of: usize| Share::of((0..of).map(|place| place < part));
    let mut cases: Vec<(&str, &str)> = outcomes.iter().map(|one| (one.case, one.kept)).collect();
    cases.sort_unstable();
    cases.dedup();
    let shown = |share: Share| match share.of {
        0 => "–".to_owned(),
        _ => share.shown(),
    };
    let row = |name: &[&str], own: &[&Outcome]| -> Vec<String> {
        let sum = |of: &dyn Fn(&Outcome) -> usize| own.iter().map(|one| of(one)).sum::<usize>();
        let families = share(sum(&|one| usize::from(one.families)), own.len());
        let runs = share(sum(&|one| usize::from(one.runs)), own.len());
        let (directed, right) = (sum(&|one| one.directions.0), sum(&|one| one.directions.1));
        let (pairs, in_order) = (sum(&|one| one.pairs.0), sum(&|one| one.pairs.1));
        let (certain, wrong) = (sum(&|one| one.forks.0), sum(&|one| one.forks.1));
        let mut row: Vec<String> = name.iter().map(|name| (*name).to_owned()).collect();
        row.extend([
            own.len().to_string(),
            families.shown(),
            runs.shown(),
            shown(share(right, directed)),
            format!("{directed} of {}", sum(&|one| one.directable)),
            shown(share(in_order, pairs)),
            format!("{wrong} of {certain}"),
        ]);
        row
    };
    let columns = |first: &[&'static str]| {
        let mut columns: Vec<Column> = first.iter().map(|title| Column::text(title)).collect();
        let titles = [
            "cases",
            "families right",
            "runs right",
            "direction right",
            "asserted",
            "successive pairs in order",
            "wrong of forks called certain",
        ];
        columns.extend(titles.map(|title| Column::number("", title)));
        columns
    };
    let by_case = cases.iter().map(|&(case, kept)| {
        let own = outcomes.iter();
        let own = own.filter(|one| (one.case, one.kept) == (case, kept));
        let mut row = row(&[case, kept], &own.collect::<Vec<_>>());
        let aim = AIMS.iter().find(|aim| (aim.0, aim.1) == (case, kept));
        row.push(aim.map(|aim| format!("{:.2}", aim.2)).unwrap_or_default());
        row
    });
    let mut of_cases = columns(&["case", "kept"]);
    of_cases.push(Column::number("", "aim for runs"));
    let mut kinds: Vec<&str> = outcomes.iter().map(|one| one.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let by_kind = kinds.iter().map(|kind| {
        let own = outcomes.iter().filter(|one| one.kind == *kind);
        row(&[kind], &own.collect::<Vec<_>>())
    });
    Findings {
        title: "Families and runs with names hidden",
        text: TEXT.to_owned(),
        json: serde_json::json!(outcomes),
        tables: vec![
            Table {
                caption: "Every case, with 95 % intervals".into(),
                columns: of_cases,
                rows: by_case.collect(),
            },
            reliability(outcomes),
            Table {
                caption: "Every kind of training, all cases together".into(),
                columns: columns(&["kind"]),
                rows: by_kind.collect(),
            },
        ],
        figures: vec![diagram(outcomes)],
        ..Findings::default()
    }
}
