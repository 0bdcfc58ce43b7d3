//! The checkpoints that a suspect may come from, reduced to the tensors that it has too.

use super::suspect::Same;
use super::verdict::Copies;
use crate::checkpoint::Checkpoint;
use crate::collection::shared::{Other, Reference, collect_shared, collect_shared_sources};
use crate::collection::{Collection, Group, Member, NotFinite, Options};
use crate::coverage::Coverage;
use crate::error::Problem;
use crate::printable::printable;
use crate::source::TensorSource;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

/// Least share of the suspect's weights that a checkpoint must have too.
pub(crate) use crate::mapping::LEAST_SHARE;

/// The checkpoints that a suspect may come from.
///
/// They are read for one suspect: of each only the tensors that it has too, under whatever names.
/// Checkpoints with less than half of its weights are skipped.
#[derive(Debug)]
pub struct Candidates {
    collection: Collection,
    others: Vec<Other>,
}

impl Candidates {
    /// Reads what the paths stand for: stores, files, folders, globs, and files of sketches. As
    /// sketches, if only a sketch is left of the suspect, or where weights need more memory.
    pub fn read(paths: &[PathBuf], suspect: &Checkpoint, options: &Options) -> Self {
        let reference = Reference {
            one: suspect,
            least: LEAST_SHARE,
            map: &options.map,
        };
        let found = collect_shared(paths, &for_suspect(suspect, options), &reference);
        Self::new(found)
    }

    /// Checkpoints wherever their owner has them, each with a name.
    pub fn from_sources(
        checkpoints: impl IntoIterator<Item = (impl Into<String>, Arc<dyn TensorSource>)>,
        suspect: &Checkpoint,
        options: &Options,
    ) -> Self {
        let checkpoints = checkpoints.into_iter();
        let checkpoints = checkpoints.map(|(name, source)| (name.into(), source));
        let reference = Reference {
            one: suspect,
            least: LEAST_SHARE,
            map: &options.map,
        };
        let options = for_suspect(suspect, options);
        Self::new(collect_shared_sources(checkpoints, &options, &reference))
    }

    fn new((collection, others): (Collection, Vec<Other>)) -> Self {
        Self { collection, others }
    }

    /// What was read, reduced to the tensors in common: problems, coverage, what was skipped.
    pub fn collection(&self) -> &Collection {
        &self.collection
    }

    /// The groups, and what is said of the rest.
    pub(crate) fn into_parts(self) -> (Vec<Group>, Rest) {
        let coverage = self.collection.coverage();
        let rest = Rest {
            others: self.others,
            problems: self.collection.problems,
            not_finite: self.collection.not_finite,
            coverage,
        };
        (self.collection.groups, rest)
    }
}

fn for_suspect(suspect: &Checkpoint, options: &Options) -> Options {
    if suspect.is_sketch() {
        options.clone().memory(0)
    } else {
        options.clone()
    }
}

/// What is known of candidates beside their weights.
#[derive(Debug)]
pub(crate) struct Rest {
    /// Those with too little in common, the nearest first.
    pub(crate) others: Vec<Other>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) not_finite: Vec<NotFinite>,
    pub(crate) coverage: Coverage,
}

/// Which checkpoints were read as a whole.
#[derive(Debug)]
pub(crate) struct Completeness {
    is_suspect_whole: bool,
    /// Names of candidates that were not.
    partial: HashSet<String>,
    /// Whether tensors could not be read of checkpoints that no group has by that name.
    has_unknown: bool,
}

impl Completeness {
    pub(crate) fn of(suspect: &Checkpoint, groups: &[Group], candidates: &Coverage) -> Self {
        let partial = candidates.unread.iter();
        let partial: HashSet<String> = partial.map(|one| printable(&one.checkpoint)).collect();
        let members = groups.iter().flat_map(|group| &group.members);
        let names: HashSet<&str> = members.map(|member| member.name.as_str()).collect();
        Self {
            is_suspect_whole: suspect.unread().is_empty(),
            has_unknown: partial.iter().any(|name| !names.contains(name.as_str())),
            partial,
        }
    }

    /// Whether everything was read.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_suspect_whole && self.partial.is_empty()
    }

    /// What these copies of the suspect prove. `is_known`: whether the bytes of everything are known
    /// that could not be read of the suspect.
    pub(crate) fn of_copies<'a>(
        &self,
        copies: impl Iterator<Item = (&'a Member, Same)>,
        is_known: bool,
    ) -> Copies {
        let mut proof = Copies::None;
        for (copy, same) in copies {
            let was_read = !self.has_unknown && !self.partial.contains(&copy.name);
            let is_whole = was_read && self.is_suspect_whole || is_known && !self.is_suspect_whole;
            match same {
                Same::No => continue,
                Same::Stored if is_whole => return Copies::Whole,
                Same::Stored | Same::Numbers => proof = Copies::OfWhatWasRead,
            }
        }
        proof
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::coverage::Unread;
    use crate::source::Tensors;

    fn candidates(unread: &[&str]) -> (Checkpoint, Vec<Group>, Coverage) {
        let suspect = Checkpoint::of_vectors("s", &[("w", &[1.0, 2.0])]);
        let sources = ["a", "b"].map(|name| {
            let mut tensors = Tensors::new();
            tensors.add("w", &[2], [1.0, 2.0]).unwrap();
            let source: Arc<dyn TensorSource> = Arc::new(tensors);
            (name, source)
        });
        let found = Candidates::from_sources(sources, &suspect, &Options::default());
        let (groups, mut rest) = found.into_parts();
        for name in unread {
            rest.coverage.unread.push(Unread {
                checkpoint: (*name).to_owned(),
                tensor: "v".to_owned(),
                dtype: "F8_E4M3".to_owned(),
                elements: None,
                reason: String::new(),
            });
        }
        (suspect, groups, rest.coverage)
    }

    fn copies(unread: &[&str]) -> Copies {
        let (suspect, groups, coverage) = candidates(unread);
        let completeness = Completeness::of(&suspect, &groups, &coverage);
        assert_eq!(completeness.is_complete(), unread.is_empty());
        completeness.of_copies(
            groups[0].members.iter().map(|one| (one, Same::Stored)),
            false,
        )
    }

    #[test]
    fn one_copy_that_was_read_as_a_whole_is_enough() {
        assert_eq!(copies(&[]), Copies::Whole);
        assert_eq!(copies(&["a"]), Copies::Whole);
        assert_eq!(copies(&["a", "b"]), Copies::OfWhatWasRead);
    }

    #[test]
    fn a_tensor_of_an_unknown_checkpoint_may_be_that_of_any_copy() {
        assert_eq!(copies(&["elsewhere"]), Copies::OfWhatWasRead);
    }

    #[test]
    fn a_suspect_that_was_not_read_as_a_whole_has_no_whole_copy() {
        let (suspect, groups, coverage) = candidates(&[]);
        let suspect = suspect.with_unread("v");
        let completeness = Completeness::of(&suspect, &groups, &coverage);
        let members = groups[0].members.iter().map(|one| (one, Same::Stored));
        assert_eq!(
            completeness.of_copies(members, false),
            Copies::OfWhatWasRead
        );
        assert_eq!(
            completeness.of_copies(std::iter::empty(), false),
            Copies::None
        );
    }
}
