//! Series of the gallery with planted defects: how often `audit` names the right step, file and tensor, and
//! how often it accuses what is sound.

mod judged;
mod planted;
mod replay;
mod series;
mod tables;

use crate::findings::Findings;
use crate::gallery::training::Training;
use anyhow::{Result, ensure};
use judged::{Outcome, judge};
use planted::{Defect, KINDS, Planted};
use rayon::prelude::*;
pub use replay::{Replay, replay};
use series::Series;
use std::path::PathBuf;
use weightspace::random::{ChaCha8Rng, below, stream};

/// Numbers that sketches keep of a tensor.
pub(crate) const SIZES: [usize; 3] = [32, 256, 1024];
/// Places of each kind in each training.
const PLACES: u64 = 3;
/// Series with several defects, of each training.
const SEVERAL: u64 = 4;

/// Everything that was judged.
pub(crate) struct Judged {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) sound: Vec<Sound>,
}

/// A series without a defect, and what was said of it.
pub(crate) struct Sound {
    pub(crate) is_even: bool,
    pub(crate) kind: String,
    pub(crate) event: String,
    pub(crate) size: usize,
    pub(crate) is_bf16: bool,
    pub(crate) checkpoints: usize,
    pub(crate) findings: Vec<String>,
}

/// Plants every kind of defect into series of these trainings, and audits them. `tick` is called after each
/// training.
///
/// # Errors
/// When a training cannot be read, or there are none of even or of odd seeds.
pub fn audit(folders: &[PathBuf], tick: &(dyn Fn() + Sync)) -> Result<Findings> {
    let trainings: Vec<Training> = folders
        .iter()
        .map(|folder| Training::read(folder))
        .collect::<Result<_>>()?;
    for parity in [0, 1] {
        let count = trainings
            .iter()
            .filter(|training| training.seed % 2 == parity)
            .count();
        ensure!(
            count > 0,
            "there is no training whose seed leaves {parity}, divided by 2"
        );
    }
    let judged: Vec<Judged> = trainings
        .par_iter()
        .map(|training| {
            // Weights of another seed of the same kind are what is foreign.
            let mut others = trainings.iter().filter(|other| other.kind == training.kind);
            let other = others.find(|other| other.seed != training.seed);
            let judged = of_training(training, other);
            tick();
            judged
        })
        .collect::<Result<_>>()?;
    let mut all = Judged {
        outcomes: Vec::new(),
        sound: Vec::new(),
    };
    for one in judged {
        all.outcomes.extend(one.outcomes);
        all.sound.extend(one.sound);
    }
    Ok(tables::findings(&all, trainings.len()))
}

fn of_training(training: &Training, other: Option<&Training>) -> Result<Judged> {
    let base = Series::base(training)?;
    let other = other.map(Series::base).transpose()?;
    let mut judged = Judged {
        outcomes: Vec::new(),
        sound: Vec::new(),
    };
    for is_bf16 in [false, true] {
        let series = base.stored(is_bf16);
        let foreign = other.as_ref().map(|other| other.stored(is_bf16));
        let sketches: Vec<_> = SIZES.iter().map(|&size| series.sketched(size)).collect();
        sound(&mut judged, training, &series, "none", is_bf16)?;
        for (number, &kind) in KINDS.iter().enumerate() {
            for place in 0..PLACES {
                let mut random = drawn(
                    training,
                    (number as u64) << 8 | place << 1 | u64::from(is_bf16),
                );
                let planted = Planted::draw(&series, foreign.as_ref(), &[kind], place, &mut random);
                record(&mut judged, training, &series, planted, &sketches, false)?;
            }
        }
        for number in 0..SEVERAL {
            let mut random = drawn(training, (1 << 20) | number << 1 | u64::from(is_bf16));
            let count = 2 + below(2, &mut random) as usize;
            let mixed: Vec<Defect> = KINDS
                .iter()
                .copied()
                .filter(|kind| kind.goes_with_others())
                .collect();
            let kinds: Vec<Defect> = (0..count)
                .map(|_| mixed[below(mixed.len() as u32, &mut random) as usize])
                .collect();
            let planted = Planted::draw(&series, foreign.as_ref(), &kinds, 2, &mut random);
            record(&mut judged, training, &series, planted, &sketches, true)?;
        }
        for (event, series) in Series::events(training, &base)? {
            let series = series.stored(is_bf16);
            if event == "older" {
                let sketches: Vec<_> = SIZES.iter().map(|&size| series.sketched(size)).collect();
                let planted = Some(Planted::older(&series, training));
                record(&mut judged, training, &series, planted, &sketches, false)?;
            } else if event != "frozen" && event != "rounded" && event != "merged" {
                sound(&mut judged, training, &series, &event, is_bf16)?;
            }
        }
    }
    Ok(judged)
}

/// The random numbers of one place.
fn drawn(training: &Training, index: u64) -> ChaCha8Rng {
    let name = training.kind.bytes().fold(training.seed, |hash, byte| {
        hash.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
    });
    stream(name, "audit", index)
}

fn sound(
    judged: &mut Judged,
    training: &Training,
    series: &Series,
    event: &str,
    is_bf16: bool,
) -> Result<()> {
    for size in SIZES {
        let audit = series::audit(&series.sketched(size))?;
        judged.sound.push(Sound {
            is_even: training.seed.is_multiple_of(2),
            kind: training.kind.clone(),
            event: event.to_owned(),
            size,
            is_bf16,
            checkpoints: series.steps.len(),
            findings: audit.findings().iter().map(ToString::to_string).collect(),
        });
    }
    Ok(())
}

fn record(
    judged: &mut Judged,
    training: &Training,
    series: &Series,
    planted: Option<Planted>,
    sketches: &[Vec<modeltrail::collection::sketches::Kept>],
    is_mixed: bool,
) -> Result<()> {
    let Some(planted) = planted else {
        return Ok(());
    };
    for (size, clean) in SIZES.into_iter().zip(sketches) {
        let audit = series::audit(&planted.sketched(series, clean, size))?;
        judged
            .outcomes
            .extend(judge(&planted, &audit, training, size, is_mixed));
    }
    Ok(())
}
