//! Claims compared with the answer from the weights.

pub(super) mod check;

use crate::collection::Unit;
use crate::printable::printable;
use serde::Serialize;

/// A place contradicts a claimed step only if the edges beside it are at least so sure.
pub const SURE: f64 = 0.9;
/// Share of the claimed steps that must agree with the order before single ones are held against it.
pub const MOSTLY: f64 = 2.0 / 3.0;

/// What a checkpoint claims and the weights contradict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "contradiction")]
pub enum Contradiction {
    /// It lies in a run most of whose checkpoints claim another.
    Run {
        /// What it claims.
        claimed: String,
        /// What the others claim.
        others: String,
    },
    /// Its place in the order is not where its step belongs.
    Position {
        /// The step that it claims.
        claimed: u64,
        /// What steps count.
        unit: Unit,
        /// The claimed step before it in the order.
        after: Option<u64>,
        /// The claimed step behind it.
        before: Option<u64>,
    },
    /// Copies of the same weights claim different steps.
    Copies {
        /// All of them, ascending.
        claimed: Vec<u64>,
        /// What steps count.
        unit: Unit,
    },
}

impl std::fmt::Display for Contradiction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run { claimed, others } => write!(
                f,
                "claims run {}, but lies in run {}",
                printable(claimed),
                printable(others)
            ),
            Self::Position {
                claimed,
                unit,
                after,
                before,
            } => {
                let unit = unit.name();
                write!(f, "claims {unit} {claimed}, but lies ")?;
                match (after, before) {
                    (Some(after), Some(before)) => {
                        write!(f, "between {unit}s {after} and {before}")
                    }
                    (Some(after), None) => write!(f, "after {unit} {after}"),
                    (None, Some(before)) => write!(f, "before {unit} {before}"),
                    (None, None) => write!(f, "elsewhere"),
                }
            }
            Self::Copies { claimed, unit } => {
                let claimed: Vec<String> = claimed.iter().map(u64::to_string).collect();
                let unit = unit.name();
                write!(
                    f,
                    "the same weights claim {unit}s {}",
                    claimed.join(" and ")
                )
            }
        }
    }
}

/// How far claimed steps agree with an order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// Checkpoints whose claimed step was held against the order.
    pub claimed: usize,
    /// Most of them that stand in the order of their steps, or all in the opposite one.
    pub in_order: usize,
    /// Whether it was the opposite one, and the order was turned round.
    pub is_turned: bool,
    /// Whether the weights are sure of the order and few of the claimed steps agree with it.
    contradicted: bool,
}

impl Agreement {
    /// Whether so few agree, and the order is so sure, that the claims as a whole are wrong.
    pub fn is_contradicted(&self) -> bool {
        self.contradicted
    }
}
