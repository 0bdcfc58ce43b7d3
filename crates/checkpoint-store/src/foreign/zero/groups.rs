//! What the state of an optimiser holds of the weights.

use super::flat::Flat;
use crate::Result;
use crate::foreign::archive::Archive;
use crate::foreign::pickle::{Value, Values};
use crate::foreign::source::{Source, quoted};
use crate::foreign::state_dict::StateDict;
use crate::foreign::tensor::Declared;
use crate::foreign::torch;
use crate::limits::Limits;

/// Flat vectors, by group.
pub(super) struct Groups {
    pub(super) vectors: Vec<Flat>,
    pub(super) is_third: bool,
    /// How many processes there are, as far as it says.
    pub(super) processes: Option<u64>,
}

impl Groups {
    pub(super) fn read(
        source: &Source,
        archive: &Archive,
        file: usize,
        limits: &Limits,
    ) -> Result<Self> {
        let (mut is_third, mut processes) = (false, None);
        let mut find = |values: &Values, root: Value| {
            let not_zero = || {
                source.unsupported(
                    "it holds no weights of ZeRO (`single_partition_of_fp32_groups` or `fp32_flat_groups`)",
                    "Name the file of the model beside it",
                )
            };
            let state = values
                .get(root, "optimizer_state_dict")
                .ok_or_else(not_zero)?;
            let groups = match values.get(state, "fp32_flat_groups") {
                Some(groups) => {
                    is_third = true;
                    groups
                }
                None => values
                    .get(state, "single_partition_of_fp32_groups")
                    .ok_or_else(not_zero)?,
            };
            processes = match values.get(state, "partition_count") {
                Some(Value::Int(count)) => u64::try_from(count).ok(),
                // By group.
                Some(counts) => values
                    .counts(counts)
                    .and_then(|counts| counts.into_iter().max()),
                None => None,
            };
            let mut found = StateDict::default();
            for (place, &group) in values
                .sequence(groups)
                .ok_or_else(not_zero)?
                .iter()
                .enumerate()
            {
                let Value::Tensor(tensor) = group else {
                    return Err(source.damaged("a group of its weights is no tensor"));
                };
                let declared = Declared::Nothing;
                found.tensors.push((place.to_string(), tensor, declared));
            }
            Ok(found)
        };
        let mut contents = torch::open_with(source, archive, limits, &mut find)?;
        contents.lies_in(file, 0);
        let vectors = contents
            .tensors
            .into_iter()
            .map(|stored| Flat::of(source, stored));
        let vectors = vectors.collect::<Result<Vec<Flat>>>()?;
        if let Some(raw) = contents.unread.first() {
            return Err(source.unsupported(
                format!(
                    "its weights have the type {}, which is not read",
                    quoted(&raw.unread.dtype)
                ),
                "Join it with `zero_to_fp32.py`, which lies beside it",
            ));
        }
        Ok(Self {
            vectors,
            is_third,
            processes,
        })
    }
}
