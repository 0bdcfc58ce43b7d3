//! Forks: parent and fork point of branches whose origin is known.

mod branches;
mod mixed;

use super::world::World;
use crate::findings::{Figure, Findings};
use anyhow::Result;
use branches::{Families, Kind, Outcome};
use mixed::{Mixed, mixed_collections};
use report::figure::chart::{Axis, Chart, Panel, Reference, Series, Style};
use report::table::{Column, Table};
use serde_json::{Map, Value, json};
use trajectory::forks::Parameters;

/// Choices of the slack that are compared on the even seeds.
const SLACKS: [f64; 5] = [1.0, 1.5, 2.0, 2.5, 3.0];
/// Ends of the bins of confidence.
const BINS: [f64; 6] = [0.0, 0.5, 0.8, 0.9, 0.99, 1.0];

const TEXT: &str = "\
Trunks are trained, and at some epochs branches leave them with their momentum kept: on changed data, \
or on the same data in another shuffle. A pool holds one trunk with all its branches, a branch of a \
branch, and two unrelated trunks; which run left which is not given, only the order within each run. \
Runs from one start are tried in pools of three, without the shared first weights among the checkpoints \
and with them. No model here has a seed that any zoo has. The method's constants were chosen on seeds of the zoos, \
and its preference for older runs after a trial on other families than these.\n\n\
The slack, the number of spreads that a checkpoint may be worse than the best and stay possible, is \
compared on the even seeds; everything else is of the odd seeds, at the slack that `trajectory::forks` \
has by default. A fork within ±1 has the right parent as well. An answer is certain if one parent is \
possible and all possible forks are within one checkpoint of the estimate, at a confidence of 0.9; \
every other fork is reported as \"cannot tell\", with its estimate. Where a run has no recorded fork, \
the right answer is that it has none. The branch of a branch counts in the headline figures only \
as a certain and wrong answer.\n\n\
A mixed collection is a trunk, one branch and two unrelated trunks, and nobody says which is which: merge \
heights count the runs, and then the tree's branches are split off (`trajectory::branches`). Where the \
two parts that a trunk and its branch have after the fork go on alike, as they do with label noise in the \
CNN, either may be called the branch.";

pub(super) fn run(world: &World) -> Result<Findings> {
    let mut findings = Findings {
        title: "Forks: which run left which, and where",
        text: TEXT.into(),
        ..Findings::default()
    };
    let mut all = Vec::new();
    let mut json = Map::new();
    let mut slacks = Vec::new();
    let (mut rows, mut by_epoch, mut panels) = (Vec::new(), Vec::new(), Vec::new());
    let (mut mixed_rows, mut mixed_json) = (Vec::new(), Map::new());
    for name in ["mlp", "cnn"] {
        let families = Families::new(world, name)?;
        for slack in SLACKS {
            let parameters = Parameters {
                slack,
                ..Parameters::default()
            };
            let tuning = families.outcomes(|seed| seed % 2 == 0, &parameters)?;
            slacks.push(slack_row(name, slack, &tuning));
        }
        let outcomes = families.outcomes(|seed| seed % 2 == 1, &Parameters::default())?;
        let mut of_kinds = Map::new();
        for kind in Kind::ALL {
            let of_kind: Vec<&Outcome> = outcomes.iter().filter(|o| o.kind == kind).collect();
            rows.push(kind_row(name, kind, &of_kind));
            of_kinds.insert(kind.name().into(), outcomes_json(&of_kind));
        }
        json.insert(name.into(), Value::Object(of_kinds));
        for &epoch in &families.forks {
            let at = |other_data: bool| -> Vec<&Outcome> {
                let chosen = |o: &&Outcome| {
                    let is_branch = o.kind != Kind::OfAFork && o.epoch == epoch;
                    is_branch && o.kind.is_of_other_data() == other_data
                };
                outcomes.iter().filter(chosen).collect()
            };
            let (changed, shuffled) = (at(true), at(false));
            by_epoch.push(vec![
                name.to_owned(),
                epoch.to_string(),
                share(&changed, |o| o.is_within_1()),
                share(&changed, |o| o.certain),
                share(&shuffled, |o| o.is_within_1()),
                share(&shuffled, |o| o.certain),
            ]);
        }
        panels.push(panel(&families, &outcomes));
        let collections = mixed_collections(&families)?;
        for kind in Kind::ALL {
            let of_kind: Vec<&Mixed> = collections.iter().filter(|one| one.kind == kind).collect();
            if !of_kind.is_empty() {
                mixed_rows.push(mixed_row(name, kind, &of_kind));
                let key = format!("{name}: {}", kind.name());
                mixed_json.insert(key, json_of_mixed(&of_kind));
            }
        }
        all.extend(outcomes);
    }
    panels.push(reliability(&all));
    json.insert("heaps".into(), Value::Object(mixed_json));

    let changed: Vec<&Outcome> = all.iter().filter(|o| o.kind.is_of_other_data()).collect();
    let certain: Vec<&Outcome> = changed.iter().filter(|o| o.certain).copied().collect();
    let everything: Vec<&Outcome> = all.iter().collect();
    let n = changed.len();
    findings.headline("fork_within_1", mean(&changed, |o| o.is_within_1()), n);
    findings.headline("fork_parent_right", mean(&changed, |o| o.parent), n);
    findings.headline("fork_certain", mean(&changed, |o| o.certain), n);
    let right = mean(&certain, |o| o.is_within_1());
    findings.headline("fork_within_1_when_certain", right, certain.len());
    let wrong = everything.iter().filter(|o| o.is_certain_and_wrong());
    findings.headline("confident_wrong_forks", wrong.count() as f64, all.len());

    let columns = |names: &[&str], numbers: &[&str]| {
        let names = names.iter().map(|name| Column::text(name));
        names
            .chain(numbers.iter().map(|name| Column::number("", name)))
            .collect()
    };
    findings.tables = vec![
        Table {
            caption: "Origins found, odd seeds".into(),
            columns: columns(
                &["zoo", "origin"],
                &[
                    "runs",
                    "parent right",
                    "fork exact",
                    "within ±1",
                    "in the interval",
                    "certain",
                    "certain and wrong",
                ],
            ),
            rows,
        },
        Table {
            caption: "Forks by epoch, odd seeds".into(),
            columns: columns(
                &["zoo", "fork at epoch"],
                &[
                    "other data: within ±1",
                    "other data: certain",
                    "shuffle only: within ±1",
                    "shuffle only: certain",
                ],
            ),
            rows: by_epoch,
        },
        Table {
            caption:
                "Mixed collections separated without knowing how many runs there are, odd seeds"
                    .into(),
            columns: columns(
                &["zoo", "branch"],
                &[
                    "n",
                    "all runs separated by merge heights",
                    "with branches split off",
                    "split, but trunk and branch changed parts",
                ],
            ),
            rows: mixed_rows,
        },
        Table {
            caption: "Choice of the slack, even seeds; branches of all kinds".into(),
            columns: columns(
                &["zoo"],
                &["slack", "in the interval", "certain", "certain and wrong"],
            ),
            rows: slacks,
        },
    ];
    findings.figures = vec![Figure {
        name: "forks".into(),
        caption:
            "Forks found to within one epoch, by the epoch of the fork and what changed; and how \
                  often an estimate of some confidence is right to within one epoch (numbers of \
                  forks in the tables)."
                .into(),
        svg: Chart {
            title: "Forks found".into(),
            columns: 3,
            panels,
        }
        .to_svg(),
    }];
    findings.json = Value::Object(json);
    Ok(findings)
}

fn mean(outcomes: &[&Outcome], is: impl Fn(&Outcome) -> bool) -> f64 {
    let count = outcomes.iter().filter(|outcome| is(outcome)).count();
    count as f64 / outcomes.len() as f64
}

fn share(outcomes: &[&Outcome], is: impl Fn(&Outcome) -> bool) -> String {
    match outcomes {
        [] => String::new(),
        _ => format!("{:.3}", mean(outcomes, is)),
    }
}

fn is_branch(outcome: &Outcome) -> bool {
    outcome.epoch > 0
}

fn slack_row(name: &str, slack: f64, outcomes: &[Outcome]) -> Vec<String> {
    let branches: Vec<&Outcome> = outcomes.iter().filter(|o| is_branch(o)).collect();
    let wrong = outcomes.iter().filter(|o| o.is_certain_and_wrong()).count();
    vec![
        name.to_owned(),
        format!("{slack:.1}"),
        share(&branches, |o| o.covered),
        share(&branches, |o| o.certain),
        wrong.to_string(),
    ]
}

fn kind_row(name: &str, kind: Kind, outcomes: &[&Outcome]) -> Vec<String> {
    let wrong = outcomes.iter().filter(|o| o.is_certain_and_wrong()).count();
    let branches: Vec<&Outcome> = outcomes.iter().filter(|o| is_branch(o)).copied().collect();
    vec![
        name.to_owned(),
        kind.name().to_owned(),
        outcomes.len().to_string(),
        share(outcomes, |o| o.parent),
        share(&branches, |o| o.error == Some(0)),
        share(&branches, |o| o.is_within_1()),
        share(&branches, |o| o.covered),
        share(&branches, |o| o.certain),
        wrong.to_string(),
    ]
}

fn mixed_row(name: &str, kind: Kind, collections: &[&Mixed]) -> Vec<String> {
    let share = |is: fn(&Mixed) -> bool| {
        let count = collections.iter().filter(|one| is(one)).count();
        format!("{:.3}", count as f64 / collections.len() as f64)
    };
    vec![
        name.to_owned(),
        kind.name().to_owned(),
        collections.len().to_string(),
        share(|one| one.separated_by_heights),
        share(|one| one.separated),
        share(|one| one.split_otherwise),
    ]
}

fn json_of_mixed(collections: &[&Mixed]) -> Value {
    let count = |is: fn(&Mixed) -> bool| collections.iter().filter(|one| is(one)).count();
    json!({
        "heaps": collections.len(),
        "told_by_heights": count(|one| one.separated_by_heights),
        "told": count(|one| one.separated),
        "split_otherwise": count(|one| one.split_otherwise),
    })
}

fn outcomes_json(outcomes: &[&Outcome]) -> Value {
    let each = outcomes.iter().map(|o| {
        json!({
            "seed": o.seed, "fork": o.epoch, "parent_right": o.parent, "error": o.error,
            "covered": o.covered, "certain": o.certain, "confidence": o.confidence,
        })
    });
    each.collect()
}

/// Share within ±1 by the epoch of the fork.
fn panel(families: &Families, outcomes: &[Outcome]) -> Panel {
    let kinds = Kind::ALL.into_iter().filter(|&kind| {
        kind != Kind::OfAFork && outcomes.iter().any(|o| o.kind == kind && is_branch(o))
    });
    let series = kinds.map(|kind| {
        let points = families.forks.iter().map(|&epoch| {
            let at = |o: &&Outcome| o.kind == kind && o.epoch == epoch;
            let of: Vec<&Outcome> = outcomes.iter().filter(at).collect();
            (epoch as f64, mean(&of, |o| o.is_within_1()))
        });
        let series = Series::new(kind.name(), points.collect()).styled(Style::LineAndMarkers);
        match kind {
            Kind::Shuffle => series.as_baseline(),
            _ => series,
        }
    });
    Panel {
        title: families.name.clone(),
        x: Axis::linear("epoch of the fork"),
        y: Axis::linear("parent right and fork within ±1").within(0.0, 1.02),
        series: series.collect(),
        references: Vec::new(),
    }
}

/// Share within ±1 by stated confidence.
fn reliability(outcomes: &[Outcome]) -> Panel {
    let branches: Vec<&Outcome> = outcomes.iter().filter(|o| is_branch(o)).collect();
    let mut points = Vec::new();
    for ends in BINS.windows(2) {
        let inside = |o: &&&Outcome| o.confidence > ends[0] && o.confidence <= ends[1];
        let bin: Vec<&Outcome> = branches.iter().filter(inside).copied().collect();
        if !bin.is_empty() {
            let stated = bin.iter().map(|o| o.confidence).sum::<f64>() / bin.len() as f64;
            points.push((stated, mean(&bin, |o| o.is_within_1())));
        }
    }
    Panel {
        title: "confidence, both zoos".into(),
        x: Axis::linear("stated confidence").within(0.0, 1.02),
        y: Axis::linear("within ±1").within(0.0, 1.02),
        series: vec![Series::new("all branches", points).styled(Style::LineAndMarkers)],
        references: vec![Reference::diagonal("calibrated")],
    }
}
