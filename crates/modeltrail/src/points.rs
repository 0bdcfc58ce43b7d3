//! What linkage, orders and pictures look at: the trained checkpoints of stores, and all foreign ones.
//!
//! The paper skips untrained networks (epoch 0 of a store), and runs that diverged. Of foreign
//! checkpoints nobody knows what epoch 0 means, so all of them stay.

use crate::collection::{Claims, Collection, From, Group, Member};
use crate::coverage::Coverage;
use crate::error::{Error, Result};
use crate::runs::Described;
use crate::runs::scores::label;
use crate::text::{counted, thousands};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;
use weightspace::space::Space;

/// What is left of a collection to look at, and the space to look at it in.
#[derive(Debug)]
pub struct Trained {
    /// Groups of two and more.
    pub groups: Vec<Group>,
    /// The space.
    pub space: Space,
    /// Checkpoints of stores that were not trained yet.
    pub untrained: usize,
    /// Runs of stores with weights that are not finite.
    pub diverged: usize,
    /// Checkpoints that are the only ones with their tensors, by name.
    pub alone: Vec<String>,
    /// How much was read of what is left.
    pub coverage: Coverage,
    /// The rest of what was read; its groups are above.
    pub collection: Collection,
}

/// What is said of all groups, as JSON.
#[derive(Serialize)]
pub(crate) struct Document<G> {
    schema: &'static str,
    space: String,
    left_out_runs: usize,
    untrained: usize,
    pub(crate) groups: Vec<G>,
    coverage: Coverage,
}

impl Trained {
    /// Keeps what is trained and finite.
    ///
    /// # Errors
    /// When nothing is left that could be compared.
    pub fn of(mut collection: Collection, space: Space) -> Result<Self> {
        let skipped: BTreeSet<(&Path, &str)> = collection
            .not_finite
            .iter()
            .filter_map(|found| {
                let run = found.claims.run.as_ref()?;
                let is_store = run.from == From::Store;
                is_store.then_some((found.path.as_path(), run.value.as_str()))
            })
            .collect();
        let has_diverged = |member: &Member| match label(member) {
            (Some(store), Some(run)) => skipped.contains(&(store, run)),
            _ => false,
        };
        let mut groups = std::mem::take(&mut collection.groups);
        let mut untrained = 0;
        let mut kept = 0;
        for group in &mut groups {
            untrained += group.members.iter().filter(|m| is_untrained(m)).count();
            keep(group, |member| {
                !is_untrained(member) && !has_diverged(member)
            });
            kept += group.members.len();
        }
        let diverged = skipped.len();
        let (groups, alone): (Vec<Group>, Vec<Group>) = groups
            .into_iter()
            .partition(|group| group.members.len() > 1);
        if groups.is_empty() {
            return Err(Error::NothingToCompare { checkpoints: kept });
        }
        let alone = alone.iter().filter_map(|group| group.members.first());
        Ok(Self {
            alone: alone.map(|member| member.name.clone()).collect(),
            coverage: Coverage {
                skipped: collection.skipped(),
                ..crate::collection::coverage(&groups, &collection.unread)
            },
            groups,
            space,
            untrained,
            diverged,
            collection,
        })
    }

    /// The document, of what is said of each group.
    pub(crate) fn document<G>(&self, schema: &'static str, groups: Vec<G>) -> Document<G> {
        Document {
            schema,
            space: self.space.to_string(),
            left_out_runs: self.diverged,
            untrained: self.untrained,
            groups,
            coverage: self.coverage.clone(),
        }
    }

    /// What is said of each group, under its heading.
    pub(crate) fn text<G>(&self, found: &[G], say: impl Fn(&G) -> String) -> String {
        let groups = found.iter().zip(&self.groups);
        let parts: Vec<String> = groups
            .map(|(found, group)| format!("{}\n{}", self.heading(group), say(found)))
            .collect();
        parts.join("\n\n")
    }

    /// Whether everything could be read, and all foreign weights are finite. A store knows its
    /// diverged runs.
    pub fn is_fine(&self) -> bool {
        let is_foreign = |claims: &Claims| {
            let run = claims.run.as_ref();
            run.is_none_or(|run| run.from != From::Store)
        };
        let mut not_finite = self.collection.not_finite.iter();
        self.collection.problems.is_empty() && !not_finite.any(|found| is_foreign(&found.claims))
    }

    /// Whether there is anything beside the checkpoints: copies, averages, companion files, files of
    /// other formats. That is no finding about the models.
    pub fn has_remarks(&self) -> bool {
        let members = || self.groups.iter().flat_map(|group| &group.members);
        let distinct: BTreeSet<(usize, u64)> = (0..)
            .zip(&self.groups)
            .flat_map(|(at, group)| group.members.iter().map(move |m| (at, m.identity)))
            .collect();
        self.collection.passed_over > 0
            || !self.collection.others.is_empty()
            || members().any(|member| member.aside.is_some())
            || distinct.len() < members().count()
    }

    /// What a group is, on one line, with what is skipped of stores.
    pub(crate) fn heading(&self, group: &Group) -> String {
        let heading = crate::runs::text::heading(&Described::of(group));
        let heading = match self.space {
            Space::Full => heading,
            Space::Svd(rank) => {
                format!("{heading}, in {} of an SVD", counted(rank, "dimension"))
            }
        };
        match self.untrained {
            0 => heading,
            count => format!("{heading}; {} untrained skipped", thousands(count as u64)),
        }
    }
}

fn is_untrained(member: &Member) -> bool {
    let position = member.claims.position;
    position.is_some_and(|position| position.from == From::Store && position.value == 0)
}

fn keep(group: &mut Group, is_kept: impl Fn(&Member) -> bool) {
    let members = group.members.iter().enumerate();
    let removed: Vec<usize> = members
        .filter(|(_, member)| !is_kept(member))
        .map(|(index, _)| index)
        .collect();
    if removed.is_empty() {
        return;
    }
    group.members.retain(|member| is_kept(member));
    let points = std::mem::take(&mut group.points);
    group.points = points.remove_columns_at(&removed);
}
