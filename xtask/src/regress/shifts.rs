//! Whether a watcher sees the first checkpoint after a change, names its cause, and is silent
//! elsewhere.

use super::scores::Scores;
use super::series::{Family, Run, Series};
use anyhow::Result;
use trajectory::shift::{Cause, Detector, Threshold, Verdict};

pub(super) fn measure(series: &Series, scores: &mut Scores) -> Result<()> {
    for family in &series.families {
        of_family(family, scores)?;
    }
    Ok(())
}

fn of_family(family: &Family, scores: &mut Scores) -> Result<()> {
    let name = |what: &str| format!("shifts, {}: {what}", family.name);
    let mean = |scores: &mut Scores, what: &str, of: &[Verdict], value: fn(&Verdict) -> f64| {
        scores.add_mean(name(what), &of.iter().map(value).collect::<Vec<f64>>())
    };
    let alarm = |verdict: &Verdict| f64::from(u8::from(verdict.alarm));
    let (mut undisturbed, mut changed) = (Vec::new(), Vec::new());
    for trunk in family.trunks() {
        undisturbed.extend(
            verdicts(trunk, trunk.weights.ncols(), None)?
                .into_iter()
                .flatten(),
        );
        for branch in family.branches(trunk) {
            let Some((behind, cause)) = branch.left else {
                continue;
            };
            let first = verdicts(trunk, behind, Some(branch))?.swap_remove(behind);
            changed.extend(first.map(|verdict| (cause, verdict)));
        }
    }
    mean(scores, "false alarms", &undisturbed, alarm)?;
    mean(
        scores,
        "evidence where nothing changed",
        &undisturbed,
        |verdict| verdict.score,
    )?;
    for cause in [Cause::Data, Cause::RateUp, Cause::RateDown] {
        let of: Vec<&Verdict> = changed
            .iter()
            .filter(|(changed, _)| *changed == cause)
            .map(|(_, verdict)| verdict)
            .collect();
        if of.is_empty() {
            continue;
        }
        let mut add = |what: &str, value: &dyn Fn(&Verdict) -> f64| {
            let values: Vec<f64> = of.iter().map(|verdict| value(verdict)).collect();
            let what = format!("{}, {what}", cause.description());
            scores.add_mean(name(&what), &values)
        };
        add("found", &alarm)?;
        add("named", &|verdict| {
            f64::from(u8::from(verdict.alarm && verdict.cause == cause))
        })?;
        add("evidence", &|verdict| verdict.score)?;
    }
    Ok(())
}

/// What a detector says of each of so many first checkpoints of a run, and then of another's.
fn verdicts(run: &Run, first: usize, then: Option<&Run>) -> Result<Vec<Option<Verdict>>> {
    let mut detector = Detector::new(Threshold::built_in(), &[])?;
    let checkpoints = run.weights.column_iter().take(first);
    let checkpoints = checkpoints.chain(then.iter().flat_map(|run| run.weights.column_iter()));
    checkpoints
        .map(|checkpoint| Ok(detector.push(checkpoint.as_slice())?.verdict))
        .collect()
}
