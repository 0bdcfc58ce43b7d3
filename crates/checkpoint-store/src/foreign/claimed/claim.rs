//! Claims, and how those of several places are put together.

/// What a checkpoint claims to be. Nobody has looked at its weights for this.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claimed {
    /// The run it belongs to.
    pub run: Option<Claim<String>>,
    /// The epoch it was saved at.
    pub epoch: Option<Claim<u64>>,
    /// The step it was saved at, or the number in its name if that says not of what.
    pub step: Option<Claim<u64>>,
    /// That it stands beside a run rather than in it: an average, or a copy of its best or last.
    pub aside: Option<Claim<Aside>>,
    /// Steps so far, of programs that count epochs first.
    pub(super) steps_so_far: Option<u64>,
    /// Whether the step stands in a name beside the word.
    pub(super) is_step_named: bool,
}

/// One claim, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim<T> {
    /// What is claimed.
    pub value: T,
    /// Where.
    pub from: Origin,
}

/// Where a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// In the file: safetensors metadata, fields beside the state dict, scalars of an archive.
    Metadata,
    /// In a file beside it: `trainer_state.json`.
    Beside,
    /// In the name of the file.
    FileName,
    /// In the name of a folder above it.
    FolderName,
}

/// What a checkpoint is that stands beside a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Aside {
    /// Weights averaged along the run, the newest most (an exponential moving average).
    Ema,
    /// Weights averaged over several checkpoints, as SWA does.
    Average,
    /// A copy of the best checkpoint so far.
    Best,
    /// A copy of the last checkpoint so far.
    Last,
    /// What was saved when the training ended.
    Final,
}

impl Claimed {
    /// The step, or the epoch where no step is claimed: what orders the checkpoints of one run.
    #[must_use]
    pub fn position(&self) -> Option<u64> {
        let step = self.step.as_ref().or(self.epoch.as_ref());
        step.map(|claim| claim.value)
    }

    /// Whether a field of this name says where a training is.
    pub(in crate::foreign) fn is_field(key: &str) -> bool {
        Field::of(key).is_some()
    }

    /// Takes over a number that stands in a field of a file's own, if its key is one of those that
    /// training programs use for where they are; the first of several spellings stays.
    pub(in crate::foreign) fn add_number(&mut self, key: &str, value: u64) {
        let from = Origin::Metadata;
        match Field::of(key) {
            Some(Field::Step) => {
                self.step.get_or_insert(Claim { value, from });
            }
            Some(Field::Epoch) => {
                self.epoch.get_or_insert(Claim { value, from });
            }
            Some(Field::Run) => {
                // `7` alone would not say that it is a seed.
                let value = format!("{key}-{value}");
                self.run.get_or_insert(Claim { value, from });
            }
            Some(Field::StepsSoFar) => {
                self.steps_so_far.get_or_insert(value);
            }
            None => {}
        }
    }

    /// Takes over a number that may be written in parts; whole ones are claims.
    pub(in crate::foreign) fn add_float(&mut self, key: &str, value: f64) {
        if value >= 0.0 && value.fract() == 0.0 {
            self.add_number(key, value as u64);
        }
    }

    /// Takes over a text that stands in a file's metadata, which may be a number.
    pub(in crate::foreign) fn add_text(&mut self, key: &str, text: &str) {
        if let Some(value) = whole_number(text) {
            self.add_number(key, value);
        } else if Field::of(key) == Some(Field::Run) && !text.is_empty() && text.len() <= 256 {
            self.run.get_or_insert(Claim {
                value: text.to_owned(),
                from: Origin::Metadata,
            });
        }
    }

    /// Puts what the fields of the file say over what the names say.
    pub(in crate::foreign) fn overridden_by(&self, metadata: &Self) -> Self {
        let mut claimed = self.clone();
        if metadata.run.is_some() {
            claimed.run.clone_from(&metadata.run);
        }
        // Several files of one epoch are told apart by their steps, and then their names have these.
        let counts_steps = metadata.epoch.is_none() || self.is_step_named;
        let step = metadata.step.clone().or_else(|| {
            let value = metadata.steps_so_far.filter(|_| counts_steps)?;
            let from = Origin::Metadata;
            Some(Claim { value, from })
        });
        if step.is_some() || metadata.epoch.is_some() {
            claimed.step = step;
            claimed.epoch.clone_from(&metadata.epoch);
        }
        if metadata.aside.is_some() {
            claimed.aside.clone_from(&metadata.aside);
        }
        // What settings say of steps so far is not lost to what stands over them.
        claimed.steps_so_far = metadata.steps_so_far.or(self.steps_so_far);
        claimed.is_step_named |= metadata.is_step_named;
        claimed
    }

    /// Notes what the file itself shows that it is.
    pub(in crate::foreign) fn stands_aside(&mut self, value: Aside) {
        let from = Origin::Metadata;
        self.aside.get_or_insert(Claim { value, from });
    }
}

/// What a key of metadata is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Step,
    Epoch,
    Run,
    StepsSoFar,
}

impl Field {
    /// Totals (`epochs`, `num_steps`, `iterations`, `max_steps`, `total_steps`) say how long a
    /// training is to be, not where it is.
    fn of(key: &str) -> Option<Self> {
        match key {
            "step" | "global_step" | "global_steps" | "iter" | "iteration" | "iter_num"
            | "train_step" | "training_step" | "current_step" | "current_iter" | "num_updates" => {
                Some(Self::Step)
            }
            "epoch" | "current_epoch" | "cur_epoch" | "epoch_idx" | "epoch_num" | "ss_epoch" => {
                Some(Self::Epoch)
            }
            "ss_steps" => Some(Self::StepsSoFar),
            "run" | "run_id" | "run_name" | "seed" | "trial" | "experiment" => Some(Self::Run),
            _ => None,
        }
    }
}

/// A number without sign, perhaps written as a float.
fn whole_number(text: &str) -> Option<u64> {
    let text = text.strip_suffix(".0").unwrap_or(text);
    text.parse().ok().filter(|_| !text.starts_with('+'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn metadata_is_put_over_names() {
        let mut metadata = Claimed::default();
        metadata.add_text("global_step", "40");
        metadata.add_text("step", "41");
        metadata.add_text("seed", "7");
        metadata.add_text("format", "pt");
        let claimed = Claimed::by_name(Path::new("run1/epoch_3.pt")).overridden_by(&metadata);
        assert_eq!(claimed.position(), Some(40));
        assert_eq!(claimed.epoch, None);
        let run = claimed.run.expect("a run");
        assert_eq!((run.value.as_str(), run.from), ("seed-7", Origin::Metadata));
    }

    #[test]
    fn totals_are_no_position() {
        let mut metadata = Claimed::default();
        for key in [
            "epochs",
            "num_epochs",
            "ss_num_epochs",
            "num_steps",
            "iterations",
            "max_iters",
            "max_steps",
            "ss_max_train_steps",
            "total_steps",
            "n_steps",
            "steps",
        ] {
            metadata.add_text(key, "100");
            metadata.add_number(key, 100);
        }
        assert_eq!(metadata, Claimed::default());
    }

    #[test]
    fn steps_so_far_count_where_no_epoch_does_or_the_name_counts_steps() {
        let claimed = |name: &str, fields: &[(&str, &str)]| {
            let mut metadata = Claimed::default();
            for (key, text) in fields {
                metadata.add_text(key, text);
            }
            let claimed = Claimed::by_name(Path::new(name)).overridden_by(&metadata);
            (
                claimed.epoch.map(|c| c.value),
                claimed.step.map(|c| c.value),
            )
        };
        let both = [("ss_epoch", "3"), ("ss_steps", "600")];
        assert_eq!(claimed("style-000003.safetensors", &both), (Some(3), None));
        assert_eq!(claimed("style.safetensors", &both), (Some(3), None));
        let named = "style-step00000600.safetensors";
        assert_eq!(claimed(named, &both), (Some(3), Some(600)));
        assert_eq!(claimed("style.safetensors", &both[1..]), (None, Some(600)));
    }

    #[test]
    fn whole_numbers_are_claims_and_parts_of_an_epoch_are_none() {
        let mut metadata = Claimed::default();
        metadata.add_float("epoch", 2.5);
        assert_eq!(metadata.position(), None);
        metadata.add_float("epoch", 2.0);
        assert_eq!(metadata.position(), Some(2));
    }
}
