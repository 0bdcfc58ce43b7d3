//! Whether parents and places of forks are found.

use super::scores::Scores;
use super::series::{Family, Run, Series};
use anyhow::Result;
use nalgebra::DMatrix;
use trajectory::forks::{Origin, Parameters, family as found_family};

pub(super) fn measure(series: &Series, scores: &mut Scores) -> Result<()> {
    for family in &series.families {
        of_family(family, scores)?;
    }
    Ok(())
}

/// Every trunk in a pool with its branches and the other trunks.
fn of_family(family: &Family, scores: &mut Scores) -> Result<()> {
    let (mut roots, mut parents, mut places) = (Vec::new(), Vec::new(), Vec::new());
    let (mut certain, mut confidences) = (Vec::new(), Vec::new());
    for trunk in family.trunks() {
        let strangers = family.trunks().filter(|other| other.seed != trunk.seed);
        let mut pool: Vec<&Run> = family.branches(trunk).collect();
        let parent = pool.len();
        pool.push(trunk);
        pool.extend(strangers);
        let columns: Vec<_> = pool
            .iter()
            .flat_map(|run| run.weights.column_iter())
            .collect();
        let points = DMatrix::from_columns(&columns);
        let mut first = 0;
        let orders: Vec<Vec<u32>> = pool
            .iter()
            .map(|run| {
                let order = (first..).take(run.weights.ncols());
                first += run.weights.ncols() as u32;
                order.collect()
            })
            .collect();
        let found = found_family(points.as_view(), &orders, &Parameters::default())?;
        let is = |holds: bool| f64::from(u8::from(holds));
        for (number, run) in pool.iter().enumerate() {
            let Some((behind, _)) = run.left else {
                roots.push(is(found.origins()[number] == Origin::Root));
                continue;
            };
            let fork = found.fork(number).filter(|fork| fork.parent == parent);
            parents.push(is(fork.is_some()));
            places.push(is(
                fork.is_some_and(|fork| fork.after.abs_diff(behind - 1) <= 1)
            ));
            certain.push(is(fork.is_some_and(|fork| fork.is_certain())));
            confidences.push(fork.map_or(0.0, |fork| fork.confidence));
        }
    }
    let name = |what| format!("forks, {}: {what}", family.name);
    scores.add_mean(name("trunks without a parent"), &roots)?;
    if parents.is_empty() {
        return Ok(());
    }
    scores.add_mean(name("right parent"), &parents)?;
    scores.add_mean(name("placed within one checkpoint"), &places)?;
    scores.add_mean(name("certain"), &certain)?;
    scores.add_mean(name("confidence"), &confidences)
}
