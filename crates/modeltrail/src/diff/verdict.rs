//! What kind of change it is.

use crate::error::Result;
use crate::mapping::{Alike, ComparedBytes};
use serde::Serialize;
use weightspace::compare::{Comparison, Kind, kind};

/// What kind of change it is.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Verdict {
    /// It is of this kind.
    Kind(Kind),
    /// It is what the numbers that are compared do not show alone.
    Beyond(Beyond),
}

/// As it stands in JSON, where every verdict has a `kind`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(super) enum Beyond {
    /// Tensors could not be read, or nobody knows all their digits.
    CannotTell,
    /// The same bits in everything that both have.
    IdenticalInCommon {
        /// Share of the weights of the larger one.
        share: f64,
    },
    /// The same bits, but what is numbered has other numbers in the second.
    IdenticalInAnotherOrder {
        /// Tensors.
        tensors: usize,
    },
    /// The same as f32, and other digits than f32 holds.
    ChangedBeyondF32 {
        /// Tensors.
        tensors: usize,
    },
    /// The bytes of tensors that could not be read changed, and nothing else did.
    ChangedByUnknownAmount {
        /// Tensors.
        tensors: usize,
    },
}

impl Verdict {
    /// Whether it says that something is not known.
    pub(super) fn is_undecided(&self) -> bool {
        matches!(
            self,
            Self::Beyond(Beyond::CannotTell | Beyond::ChangedByUnknownAmount { .. })
        )
    }
}

/// What kind of change it is; none if it is none of those that are looked for. Tensors that could not
/// be read and have the same bytes are known not to have changed; of others nothing is known, and then
/// no kind of change is said of the rest alone.
pub(super) fn verdict(
    pairs: &Alike<'_>,
    comparison: &Comparison,
    bytes: &ComparedBytes,
) -> Result<Option<Verdict>> {
    if !comparison.total.identical() {
        return Ok(if bytes.is_unread_same() {
            kind(pairs, comparison)?.map(Verdict::Kind)
        } else {
            Some(Verdict::Beyond(Beyond::CannotTell))
        });
    }
    let mapping = &pairs.mapping;
    let (changed, digits) = (bytes.unread.changed.len(), bytes.more_digits.len());
    Ok(Some(match () {
        () if changed > 0 => Verdict::Beyond(Beyond::ChangedByUnknownAmount { tensors: changed }),
        () if !bytes.is_unread_same() => Verdict::Beyond(Beyond::CannotTell),
        () if digits > 0 => Verdict::Beyond(Beyond::ChangedBeyondF32 { tensors: digits }),
        () if !bytes.is_same() => Verdict::Beyond(Beyond::CannotTell),
        () if mapping.is_whole() && !mapping.reordered.is_empty() => {
            Verdict::Beyond(Beyond::IdenticalInAnotherOrder {
                tensors: mapping.reordered.len(),
            })
        }
        () if mapping.is_whole() => Verdict::Kind(Kind::Identical),
        () => Verdict::Beyond(Beyond::IdenticalInCommon {
            share: mapping.share(),
        }),
    }))
}
