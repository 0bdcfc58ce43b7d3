//! Which files of a folder are those of one checkpoint of ZeRO, by their names.

use std::path::{Path, PathBuf};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Model,
    Optimiser,
}

/// What the name of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) kind: Kind,
    /// The process among those that share the optimiser, if it says.
    pub(super) rank: Option<u64>,
    /// The part of the model, of tensor parallelism.
    pub(super) model_part: u64,
    /// Whether it is of an expert, or of a layer of a pipeline.
    pub(super) is_other: bool,
}

impl Name {
    pub(super) fn of(name: &str) -> Option<Self> {
        let (stem, kind) = if let Some(stem) = name.strip_suffix("_optim_states.pt") {
            (stem, Kind::Optimiser)
        } else {
            let stem = name.strip_suffix("model_states.pt")?;
            (stem.trim_end_matches(['_', '-']), Kind::Model)
        };
        Some(Self {
            kind,
            rank: after(stem, "zero_pp_rank_"),
            model_part: after(stem, "mp_rank_").unwrap_or(0),
            is_other: stem.contains("expert")
                || stem.contains("expp_rank")
                || stem.contains("layer_"),
        })
    }
}

/// The number after a word.
fn after(name: &str, word: &str) -> Option<u64> {
    let (_, rest) = name.split_once(word)?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let digits = rest.get(..digits).filter(|digits| !digits.is_empty())?;
    // One that is too large is that of no process.
    Some(digits.parse().unwrap_or(u64::MAX))
}

/// Whether a file of this name holds weights only together with others.
pub(in crate::foreign) fn is_part(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_of_zero = name.contains("zero_pp_rank_");
    Name::of(&name).is_some_and(|name| is_of_zero && name.kind == Kind::Optimiser)
}

/// The files of a folder that are one checkpoint of ZeRO; none if it is no such folder.
pub(in crate::foreign) fn files(folder: &Path) -> Option<Vec<PathBuf>> {
    let entries = crate::files::list(folder).ok()?.into_iter();
    let mut files: Vec<PathBuf> = entries
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            Name::of(&name).is_some()
        })
        .collect();
    files.sort();
    let is_whole = files.iter().any(|path| is_part(path));
    is_whole.then_some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_of_which_process_a_file_is() {
        let parsed =
            |name: &str| Name::of(name).map(|name| (name.kind, name.rank, name.model_part));
        assert_eq!(
            parsed("bf16_zero_pp_rank_3_mp_rank_00_optim_states.pt"),
            Some((Kind::Optimiser, Some(3), 0))
        );
        assert_eq!(
            parsed("zero_pp_rank_10_mp_rank_01_model_states.pt"),
            Some((Kind::Model, Some(10), 1))
        );
        assert_eq!(
            parsed("mp_rank_00_model_states.pt"),
            Some((Kind::Model, None, 0))
        );
        assert_eq!(parsed("model.pt"), None);
        let expert = Name::of("layer_0_expert_1_mp_rank_00_model_states.pt");
        assert!(expert.is_some_and(|name| name.is_other));
    }
}
