//! In which order checkpoints came, and how sure each step of it is.

mod json;
mod text;

use crate::collection::Group;
use crate::coverage::Coverage;
use crate::error::Result;
use crate::points::Trained;
use crate::progress::{Progress, stage};
use crate::runs::scores::{Scores, score};
use crate::runs::{RunOptions, Runs, STAGES, find};

/// The orders of a collection: one of everything in a group, unless its weights separate runs, or
/// their number is given; then one of each run.
#[derive(Debug)]
pub struct Orders {
    trained: Trained,
    /// In the order of the groups.
    answers: Vec<(Runs, Option<Scores>)>,
}

/// A group, its orders, and how right they are.
struct Ordered<'a> {
    group: &'a Group,
    answer: &'a Runs,
    /// None where nothing is claimed.
    scores: Option<&'a Scores>,
}

impl Orders {
    /// Orders every group, and scores the orders where positions are claimed. `runs` is their number,
    /// if it is known; `seed` breaks ties.
    ///
    /// # Errors
    /// When more runs are asked for than there are distinct checkpoints, or the space has more
    /// dimensions than there are points.
    pub fn find(
        trained: Trained,
        runs: Option<usize>,
        seed: u64,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let options = RunOptions {
            runs,
            space: trained.space,
            seed,
            join_parts: false,
        };
        progress.add(trained.groups.len() as u64 * (STAGES + 1));
        let answers = trained.groups.iter().map(|group| {
            let answer = find(group, &options, progress)?;
            let scores = stage(progress, "scoring", || score(group, &answer, &options))?;
            Ok((answer, scores))
        });
        let answers = answers.collect::<Result<_>>()?;
        Ok(Self { trained, answers })
    }

    /// How much of the checkpoints was read.
    pub fn coverage(&self) -> &Coverage {
        &self.trained.coverage
    }

    /// What was ordered, and what was skipped.
    pub fn trained(&self) -> &Trained {
        &self.trained
    }

    fn ordered(&self) -> impl Iterator<Item = Ordered<'_>> {
        let groups = self.trained.groups.iter().zip(&self.answers);
        groups.map(|(group, (answer, scores))| Ordered {
            group,
            answer,
            scores: scores.as_ref(),
        })
    }
}
