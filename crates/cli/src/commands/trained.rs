//! What `linkage`, `order` and `umap` look at: the trained checkpoints of stores, and all foreign ones.
//!
//! The paper leaves untrained networks out (epoch 0 of a store), and runs that diverged. Of foreign
//! checkpoints nobody knows what epoch 0 means, so all of them stay.

use super::runs::Input;
use super::{counted, thousands};
use crate::collection::{Collection, From, Group, Member};
use crate::runs::scores::label;
use crate::space::Space;
use anyhow::{Result, bail};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

/// Anybody's checkpoints, and the space to look at them in.
#[derive(Args)]
pub(crate) struct Points {
    #[command(flatten)]
    pub(crate) input: Input,
    /// `full`, or `svd-N` for N dimensions of the truncated SVD.
    #[arg(long, default_value = "full")]
    pub(crate) space: Space,
}

/// What is left to look at.
pub(crate) struct Trained {
    /// Groups of two and more.
    pub(crate) groups: Vec<Group>,
    /// Checkpoints of stores that were not trained yet.
    pub(crate) untrained: usize,
    /// Runs of stores with weights that are not finite.
    pub(crate) diverged: usize,
    /// The rest of what was read.
    pub(crate) collection: Collection,
}

/// What is said of all groups, as JSON.
#[derive(Serialize)]
pub(super) struct Answer<G> {
    schema: &'static str,
    space: String,
    left_out_runs: usize,
    untrained: usize,
    pub(super) groups: Vec<G>,
}

impl Trained {
    /// The document, of what is said of each group.
    pub(super) fn answer<G>(
        &self,
        schema: &'static str,
        points: &Points,
        groups: Vec<G>,
    ) -> Answer<G> {
        Answer {
            schema,
            space: points.space.to_string(),
            left_out_runs: self.diverged,
            untrained: self.untrained,
            groups,
        }
    }
}

impl Points {
    /// Reads them, and says on stderr what is left out.
    ///
    /// # Errors
    /// When nothing is left that could be compared.
    pub(crate) fn read(&self) -> Result<Trained> {
        let mut collection = self.input.collect()?;
        let left_out: BTreeSet<(&Path, &str)> = collection
            .not_finite
            .iter()
            .filter_map(|found| {
                let run = found.claims.run.as_ref()?;
                let is_store = run.from == From::Store;
                is_store.then_some((found.path.as_path(), run.value.as_str()))
            })
            .collect();
        let has_diverged = |member: &Member| match label(member) {
            (Some(store), Some(run)) => left_out.contains(&(store, run)),
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
        let diverged = left_out.len();
        let mut err = std::io::stderr().lock();
        if diverged > 0 {
            writeln!(
                err,
                "note: {diverged} diverged run(s) left out (weights that are not finite)"
            )?;
        }
        let (groups, alone): (Vec<Group>, Vec<Group>) = groups
            .into_iter()
            .partition(|group| group.members.len() > 1);
        for member in alone.iter().filter_map(|group| group.members.first()) {
            writeln!(
                err,
                "note: {} is the only checkpoint with its tensors: there is nothing to compare it with",
                member.name
            )?;
        }
        if groups.is_empty() {
            bail!(
                "there is no pair among the {kept} trained checkpoints with finite weights that could \
                 be compared"
            );
        }
        Ok(Trained {
            groups,
            untrained,
            diverged,
            collection,
        })
    }
}

impl Trained {
    /// Whether everything could be read, and all foreign weights are finite. A store knows its
    /// diverged runs.
    pub(crate) fn is_fine(&self) -> bool {
        let is_foreign = |claims: &crate::collection::Claims| {
            let run = claims.run.as_ref();
            run.is_none_or(|run| run.from != From::Store)
        };
        let mut not_finite = self.collection.not_finite.iter();
        self.collection.problems.is_empty() && !not_finite.any(|found| is_foreign(&found.claims))
    }

    /// What is left out of stores, after the heading of a table; empty if nothing is.
    pub(crate) fn untrained_note(&self) -> String {
        match self.untrained {
            0 => String::new(),
            count => format!("; {} untrained left out", thousands(count as u64)),
        }
    }
}

/// What a group is, on one line.
pub(crate) fn heading(group: &Group, space: Space) -> String {
    let heading = super::runs::text::heading(group);
    match space {
        Space::Full => heading,
        Space::Svd(rank) => {
            format!("{heading}, in {} of an SVD", counted(rank, "dimension"))
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
