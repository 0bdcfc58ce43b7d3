//! What checkpoints say of themselves, and where that stands.

use checkpoint_store::foreign::{self, Claim, Claimed, Origin};
use serde::{Deserialize, Serialize};

/// What a checkpoint says of itself; nobody has looked at its weights for this.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The run it belongs to.
    pub run: Option<RunClaim>,
    /// When it was saved.
    pub position: Option<PositionClaim>,
    /// That it is a copy or an average, by its name or by what the file holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<AsideClaim>,
}

/// A claimed run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunClaim {
    /// Its name.
    pub value: String,
    /// Where that stands.
    pub from: From,
}

/// A claimed step or epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionClaim {
    /// Its number.
    pub value: u64,
    /// What it counts.
    pub unit: Unit,
    /// Where that stands.
    pub from: From,
}

/// What a position counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Steps, or a number in a name that says not of what.
    Step,
    /// Epochs.
    Epoch,
}

impl Unit {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Epoch => "epoch",
        }
    }
}

/// Where a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum From {
    /// In the file's metadata.
    Metadata,
    /// In a file beside it that the trainer wrote.
    Beside,
    /// In the file's name.
    FileName,
    /// In the name of a folder.
    FolderName,
    /// In the label of a store.
    Store,
}

impl std::convert::From<Origin> for From {
    fn from(origin: Origin) -> Self {
        match origin {
            Origin::Metadata => Self::Metadata,
            Origin::Beside => Self::Beside,
            Origin::FileName => Self::FileName,
            Origin::FolderName => Self::FolderName,
        }
    }
}

impl std::convert::From<&Claimed> for Claims {
    fn from(claimed: &Claimed) -> Self {
        let run = claimed.run.as_ref().map(|claim| RunClaim {
            value: claim.value.clone(),
            from: claim.from.into(),
        });
        let step = claimed.step.as_ref().map(|claim| (claim, Unit::Step));
        let epoch = claimed.epoch.as_ref().map(|claim| (claim, Unit::Epoch));
        let position = step.or(epoch).map(|(claim, unit)| PositionClaim {
            value: claim.value,
            unit,
            from: claim.from.into(),
        });
        let aside = claimed.aside.as_ref().map(AsideClaim::of);
        Self {
            run,
            position,
            aside,
        }
    }
}

/// What a checkpoint is that stands beside a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aside {
    /// Weights averaged along the run, the newest most.
    Ema,
    /// Weights averaged over several checkpoints.
    Average,
    /// A copy of the best checkpoint.
    Best,
    /// A copy of the last checkpoint.
    Last,
    /// What was saved when the training ended.
    Final,
}

/// What a checkpoint claims to be beside a run, and where that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsideClaim {
    /// What it is.
    pub value: Aside,
    /// Where that stands.
    pub from: From,
}

impl Aside {
    /// What it is, in words.
    pub fn description(self) -> &'static str {
        match self {
            Self::Ema => "a moving average of the weights (EMA)",
            Self::Average => "an average of the weights (SWA)",
            Self::Best => "the best checkpoint so far",
            Self::Last => "the last checkpoint so far",
            Self::Final => "the final save",
        }
    }
}

impl AsideClaim {
    pub(crate) fn of(claim: &Claim<foreign::Aside>) -> Self {
        Self {
            value: match claim.value {
                foreign::Aside::Ema => Aside::Ema,
                foreign::Aside::Average => Aside::Average,
                foreign::Aside::Best => Aside::Best,
                foreign::Aside::Last => Aside::Last,
                foreign::Aside::Final => Aside::Final,
            },
            from: claim.from.into(),
        }
    }
}

impl std::fmt::Display for AsideClaim {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let by = match self.from {
            From::Metadata | From::Beside | From::Store => "what the file holds",
            From::FileName => "its name",
            From::FolderName => "the name of its folder",
        };
        write!(formatter, "{}, by {by}", self.value.description())
    }
}
