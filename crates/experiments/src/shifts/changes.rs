//! What is changed in the middle of a training.

use anyhow::Result;
use std::path::Path;
use trajectory::shift::Cause;
use zoo_training::dataset::{CLASSES, Images};
use zoo_training::{Dataset, Population};

/// Seed of what a change draws.
const SEED: u64 = 1;
/// Added to every seed for another shuffle.
const OTHER_SEEDS: u64 = 1_000_000;

/// Images of clothes, drawn as digits are: what a network trained on digits has never seen.
fn fashion() -> Result<Dataset> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets/fashion14.images");
    Ok(Dataset::open(&path)?)
}

/// A change, and what a detector should say of it.
pub(super) struct Change {
    pub(super) name: &'static str,
    /// What really changed.
    pub(super) kind: Kind,
    /// The images that training goes on with.
    pub(super) images: Option<Images>,
    /// What happens to the models.
    pub(super) models: fn(&mut Population),
}

/// What really changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Nothing,
    Shuffle,
    Reset,
    Data,
    HalfTheData,
    RateUp,
    RateDown,
    Batch,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Shuffle,
        Self::Reset,
        Self::Data,
        Self::HalfTheData,
        Self::RateUp,
        Self::RateDown,
        Self::Batch,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Shuffle => "new shuffle",
            Self::Reset => "momentum reset",
            Self::Data => "other data",
            Self::HalfTheData => "half the data",
            Self::RateUp => "learning rate x 3",
            Self::RateDown => "learning rate x 0.3",
            Self::Batch => "batch x 4",
        }
    }

    /// What the detector would have to say.
    pub(super) fn cause(self) -> Cause {
        match self {
            Self::Nothing | Self::Shuffle | Self::Reset => Cause::Nothing,
            Self::Data | Self::HalfTheData => Cause::Data,
            Self::RateUp => Cause::RateUp,
            Self::RateDown => Cause::RateDown,
            Self::Batch => Cause::Batch,
        }
    }

    /// Whether an alarm with this cause is right: a larger batch and a lower learning rate are the same
    /// training but for its noise.
    pub(super) fn is_named_by(self, cause: Cause) -> bool {
        let alike = |cause| match cause {
            Cause::Batch => Cause::RateDown,
            cause => cause,
        };
        alike(self.cause()) == alike(cause)
    }
}

/// All changes, the one that changes nothing first.
pub(super) fn all(data: &Dataset) -> Result<Vec<Change>> {
    let train = &data.train;
    let count = train.len();
    let mut fewer_low_digits = [1.0; CLASSES];
    fewer_low_digits[..CLASSES / 2].fill(0.1);
    let of_models = |name, kind, models| Change {
        name,
        kind,
        images: None,
        models,
    };
    let mut changes = vec![of_models("nothing", Kind::Nothing, |_| ())];
    let of_data = [
        ("rotation by 90°", train.rotated(90.0)),
        ("rotation by 45°", train.rotated(45.0)),
        ("rotation by 15°", train.rotated(15.0)),
        ("inversion", train.inverted()),
        ("foreign images", fashion()?.train.repeated(count)),
        ("noise, σ 50/255", train.with_noise(50.0, SEED)),
        ("noise, σ 20/255", train.with_noise(20.0, SEED)),
        ("labels permuted", train.with_permuted_labels()),
        ("label noise, 20 %", train.with_label_noise(0.2, SEED)),
        ("label noise, 5 %", train.with_label_noise(0.05, SEED)),
        (
            "one class dropped",
            train.only(|_, label| label != 3).repeated(count),
        ),
        ("priors 10 : 1", train.with_priors(fewer_low_digits, SEED)),
    ];
    let half = train.only(|index, _| index % 2 == 0);
    let of_half = [
        ("half the data, twice", half.repeated(count)),
        ("half the data", half),
    ];
    for (kind, images) in [
        (Kind::Data, of_data.to_vec()),
        (Kind::HalfTheData, of_half.to_vec()),
    ] {
        changes.extend(images.into_iter().map(|(name, images)| Change {
            name,
            kind,
            images: Some(images),
            models: |_| (),
        }));
    }
    changes.push(of_models("learning rate x 3", Kind::RateUp, |models| {
        models.recipe.learning_rate *= 3.0;
    }));
    changes.push(of_models("learning rate x 0.3", Kind::RateDown, |models| {
        models.recipe.learning_rate *= 0.3;
    }));
    changes.push(of_models("batch x 4", Kind::Batch, |models| {
        models.recipe.batch_size *= 4;
    }));
    changes.push(of_models("momentum reset", Kind::Reset, |models| {
        models.velocity.fill(0.0);
    }));
    changes.push(of_models("new shuffle", Kind::Shuffle, |models| {
        for seed in &mut models.seeds {
            *seed += OTHER_SEEDS;
        }
    }));
    Ok(changes)
}
