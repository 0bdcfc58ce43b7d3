//! How many planted defects `audit` names in each family's trunks, and what it says of sound ones.

use super::scores::Scores;
use super::series::{Family, Series};
use anyhow::Result;
use modeltrail::audit::{AuditOptions, Kind, of_kept};
use modeltrail::collection::sketches::Kept;
use modeltrail::collection::{Claims, From, PositionClaim, Unit};
use nalgebra::DMatrix;
use weightspace::sketch::{Parameters, Sketcher};

/// Changes the weights of a trunk, a checkpoint a column; the second number is where its first tensor ends.
type Plant = fn(&mut DMatrix<f32>, usize);

/// What is planted, at which epochs (from 0), and what it should be called.
const DEFECTS: [(Kind, &[u64], Plant); 4] = [
    (Kind::Copy, &[5], |weights, _| copy(weights, 11, 5)),
    (Kind::Swapped, &[7, 9], |weights, _| {
        weights.swap_columns(7, 9)
    }),
    (Kind::Stale, &[4], |weights, end| {
        let before = weights.column(3).rows(0, end).into_owned();
        weights.column_mut(4).rows_mut(0, end).copy_from(&before);
    }),
    (Kind::Rearranged, &[10], |weights, end| {
        let own = weights.column(10).rows(0, end).into_owned();
        for (place, value) in own.iter().enumerate() {
            weights[((place + 7) % end, 10)] = *value;
        }
    }),
];

fn copy(weights: &mut DMatrix<f32>, from: usize, to: usize) {
    let own = weights.column(from).into_owned();
    weights.set_column(to, &own);
}

pub(super) fn measure(series: &Series, scores: &mut Scores) -> Result<()> {
    for family in &series.families {
        let name = family.name;
        let mut sound = Vec::new();
        let mut named = vec![Vec::new(); DEFECTS.len()];
        for run in family.trunks() {
            sound.push(findings(family, &run.weights)?.len() as f64);
            let end = family
                .tensors
                .first()
                .map_or(0, |tensor| tensor.outputs * tensor.inputs);
            for ((kind, steps, plant), named) in DEFECTS.into_iter().zip(&mut named) {
                let mut weights = run.weights.clone();
                plant(&mut weights, end);
                let found = findings(family, &weights)?;
                let is_right = found == [(kind, steps.to_vec())];
                named.push(f64::from(u8::from(is_right)));
            }
        }
        scores.add_mean(format!("audit, {name}: findings in sound series"), &sound)?;
        for ((kind, ..), named) in DEFECTS.into_iter().zip(&named) {
            scores.add_mean(format!("audit, {name}: {} alone named", kind.name()), named)?;
        }
    }
    Ok(())
}

/// What is said of a trunk: kinds and epochs.
fn findings(family: &Family, weights: &DMatrix<f32>) -> Result<Vec<(Kind, Vec<u64>)>> {
    let kept = (0..).zip(weights.column_iter()).map(|(epoch, column)| {
        let mut sketcher = Sketcher::new(Parameters::default())?;
        let mut rest = column.as_slice();
        for (number, tensor) in family.tensors.iter().enumerate() {
            let (own, others) = rest.split_at((tensor.outputs * tensor.inputs).min(rest.len()));
            let mut part = sketcher.tensor(&format!("tensor-{number}"), &[own.len()]);
            part.feed(own);
            sketcher.add(part.finish())?;
            rest = others;
        }
        Ok(Kept {
            name: format!("epoch-{epoch}"),
            claims: Claims {
                position: Some(PositionClaim {
                    value: epoch,
                    unit: Unit::Epoch,
                    from: From::FileName,
                }),
                ..Claims::default()
            },
            sketch: sketcher.finish(),
            stored: Vec::new(),
            unread: Vec::new(),
        })
    });
    let kept: Vec<Kept> = kept.collect::<Result<_>>()?;
    let audit = of_kept(&kept, &AuditOptions::default())?;
    let findings = audit.findings().iter();
    Ok(findings.map(|one| (one.kind, one.steps.clone())).collect())
}
