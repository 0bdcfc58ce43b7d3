//! Which processes have their parts elsewhere.

use std::collections::BTreeSet;

use crate::foreign::part::{Part, number};
use crate::foreign::source::{Source, foreign, quoted};
use crate::{Error, Fault};

/// Most processes whose absence is spelled out.
const MOST_NAMED: usize = 4;

/// Which processes have their parts elsewhere.
#[derive(Debug)]
pub(super) struct Missing {
    /// The first of them.
    first: Vec<u64>,
    pub(super) count: u64,
    of: u64,
}

impl Missing {
    pub(super) fn of(parts: &[Part]) -> Self {
        let of = parts.iter().map(|part| part.cut.processes()).max();
        let of = of.unwrap_or(1);
        let present: BTreeSet<u64> = parts
            .iter()
            .map(|part| {
                let mesh = part.cut.mesh.as_deref().unwrap_or_default();
                let coordinate = part.cut.coordinate.as_deref();
                coordinate
                    .and_then(|coordinate| number(coordinate, mesh))
                    .or(part.cut.rank)
                    .unwrap_or(part.file as u64)
            })
            .collect();
        // Of a number that a file says, only the first few are looked at.
        let missing = (0..of.min(1 << 16)).filter(|rank| !present.contains(rank));
        Self {
            first: missing.take(MOST_NAMED).collect(),
            count: of.saturating_sub(present.len() as u64),
            of,
        }
    }

    pub(super) fn error(&self, source: &Source, name: &str) -> Error {
        let named: Vec<String> = self.first.iter().map(u64::to_string).collect();
        let more = if self.count > named.len() as u64 {
            ", …"
        } else {
            ""
        };
        foreign(
            source.path(),
            Fault::Missing,
            format!(
                "it is a part of one model that {} processes hold together, and the files of {} of them were \
                 not named or are missing (rank {}{more}): {} is cut into parts",
                self.of,
                self.count,
                named.join(", "),
                quoted(name)
            ),
            "Name the folder that holds the files of all ranks",
        )
    }
}
