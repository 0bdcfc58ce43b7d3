//! The state from which an interrupted training goes on, bit for bit.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::directory;
use crate::error::{Error, Result};
use crate::frame::{Frame, Kind};
use crate::header::{TensorShape, validate_description};
use crate::names::{self, Name};
use crate::segment::Mapped;
use crate::store::{Published, Store};

/// What an optimiser needs besides the recipe to go on: the weights and velocities of the models
/// of one shard.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingState {
    /// The shard.
    pub shard: u32,
    /// The epoch to be trained next: 1 for models that are just initialised.
    pub next_epoch: u32,
    /// The runs, one per model, in the order of the columns.
    pub runs: Vec<u64>,
    /// The weights: one column of parameters per run.
    pub weights: Vec<f32>,
    /// The optimiser's velocity (momentum buffer), shaped as the weights.
    pub velocity: Vec<f32>,
}

/// A [`TrainingState`] whose weights are borrowed: what an epoch leaves is stored without a copy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainingStateRef<'a> {
    /// The shard.
    pub shard: u32,
    /// The epoch to be trained next: 1 for models that are just initialised.
    pub next_epoch: u32,
    /// The runs, one per model, in the order of the columns.
    pub runs: &'a [u64],
    /// The weights: one column of parameters per run.
    pub weights: &'a [f32],
    /// The optimiser's velocity (momentum buffer), shaped as the weights.
    pub velocity: &'a [f32],
}

impl<'a> From<&'a TrainingState> for TrainingStateRef<'a> {
    fn from(state: &'a TrainingState) -> Self {
        Self {
            shard: state.shard,
            next_epoch: state.next_epoch,
            runs: &state.runs,
            weights: &state.weights,
            velocity: &state.velocity,
        }
    }
}

/// What a state file says about its weights.
#[derive(Serialize, Deserialize)]
pub(crate) struct StateHeader {
    pub(crate) recipe: String,
    pub(crate) layout: Vec<TensorShape>,
    shard: u32,
    next_epoch: u32,
    pub(crate) runs: Vec<u64>,
}

impl Store {
    /// Stores the state of a shard, then removes its earlier ones. When this returns, the new one
    /// is durable; killed in between, the store holds the earlier one, or both, of which the one
    /// with the greater `next_epoch` counts.
    ///
    /// To resume without gaps, publish an epoch before the state that follows it: if the training
    /// is killed in between, it trains that epoch again, to the same bits, and publishes the same
    /// bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`] if lengths do not fit; [`Error::StorageFull`], [`Error::Io`],
    /// [`Error::TooLarge`]. After an error the earlier state is still there.
    pub fn save_state<'a>(&self, state: impl Into<TrainingStateRef<'a>>) -> Result<Published> {
        let state = state.into();
        let expected = state.runs.len().checked_mul(self.parameters);
        if state.runs.is_empty()
            || [state.weights.len(), state.velocity.len()] != [expected.unwrap_or(0); 2]
        {
            return Err(Error::invalid(format!(
                "{} weights and {} velocities for {} runs of {} parameters",
                state.weights.len(),
                state.velocity.len(),
                state.runs.len(),
                self.parameters
            )));
        }
        let header = codec::encode(&StateHeader {
            recipe: self.recipe().to_owned(),
            layout: self.layout().to_vec(),
            shard: state.shard,
            next_epoch: state.next_epoch,
            runs: state.runs.to_vec(),
        })?;
        let frame = Frame::new(
            Kind::State,
            &header,
            self.parameters as u64,
            vec![state.weights, state.velocity],
        )?;
        let name = names::state(state.shard, state.next_epoch);
        let path = self.write(&name, &frame)?;
        self.remove_states_where(|shard, next_epoch| {
            shard == state.shard && next_epoch != state.next_epoch
        })?;
        Ok(Published {
            path,
            hash: frame.digest().to_hex().to_string(),
        })
    }

    /// The newest state of a shard, or `None` if there is none. Every byte is verified.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::NewerFormat`]; [`Error::WrongRecipe`], [`Error::WrongLayout`]
    /// if it belongs to another store; [`Error::Io`].
    pub fn load_state(&self, shard: u32) -> Result<Option<TrainingState>> {
        directory::retry(|| {
            let newest = self
                .names()?
                .iter()
                .filter_map(|name| match names::parse(name) {
                    Name::State {
                        shard: of,
                        next_epoch,
                    } if of == shard => Some(next_epoch),
                    _ => None,
                })
                .max();
            newest
                .map(|next_epoch| self.read_state(shard, next_epoch))
                .transpose()
        })
    }

    /// Removes the states of all shards, once the store is whole.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remove_states(&self) -> Result<()> {
        self.remove_states_where(|_, _| true)
    }

    fn read_state(&self, shard: u32, next_epoch: u32) -> Result<TrainingState> {
        let path = self.directory.join(names::state(shard, next_epoch));
        let file = Mapped::open(&path, Kind::State)?;
        let header = StateHeader::decode(&file, shard, next_epoch)?;
        self.expect(&path, &header.recipe, &header.layout)?;
        let (weights, velocity) = file.weights().split_at(file.weights().len() / 2);
        Ok(TrainingState {
            shard,
            next_epoch,
            runs: header.runs,
            weights: weights.to_vec(),
            velocity: velocity.to_vec(),
        })
    }

    /// Removes the states that a writer was killed before removing, unless the newer one is
    /// damaged.
    pub(crate) fn remove_superseded_states(&self) -> Result<()> {
        let mut states: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for name in self.names()? {
            if let Name::State { shard, next_epoch } = names::parse(&name) {
                states.entry(shard).or_default().push(next_epoch);
            }
        }
        for (shard, epochs) in states {
            let keep = match epochs.iter().max() {
                Some(&newest) if epochs.len() > 1 => newest,
                _ => continue,
            };
            match self.read_state(shard, keep) {
                Ok(_) => {
                    self.remove_states_where(|of, next_epoch| of == shard && next_epoch < keep)?
                }
                // Its writer is alive and has replaced it meanwhile.
                Err(error) if error.is_vanished() => {}
                // For whoever loads it to see, with the older one still there.
                Err(error) if error.is_damage() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn remove_states_where(&self, which: impl Fn(u32, u32) -> bool) -> Result<()> {
        for name in self.names()? {
            if let Name::State { shard, next_epoch } = names::parse(&name)
                && which(shard, next_epoch)
            {
                let path = self.directory.join(name);
                match self.storage.remove(&path) {
                    // Another process that opened the store removed it first.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    other => other.map_err(|source| Error::io("remove", &path, source))?,
                }
            }
        }
        Ok(())
    }
}

impl StateHeader {
    /// Decodes the header of a state file and checks it against its preamble and its name.
    pub(crate) fn decode(file: &Mapped, shard: u32, next_epoch: u32) -> Result<Self> {
        let header: Self = file.decode_as()?;
        let parameters = validate_description(&header.recipe, &header.layout)
            .map_err(|error| header.damaged(file, &error.to_string()))?;
        let columns = 2 * header.runs.len() as u64;
        if (parameters, columns) != (file.preamble.rows, file.preamble.columns) {
            return Err(header.damaged(
                file,
                "it does not hold one weight and one velocity per run and parameter",
            ));
        }
        if (header.shard, header.next_epoch) != (shard, next_epoch) {
            return Err(header.damaged(file, "it has the name of another state"));
        }
        Ok(header)
    }

    fn damaged(&self, file: &Mapped, what: &str) -> Error {
        let offset = file.preamble.header.start as u64;
        Error::damaged(
            &file.path,
            offset,
            format!(
                "{what} (state of shard {} before epoch {})",
                self.shard, self.next_epoch
            ),
        )
    }
}
