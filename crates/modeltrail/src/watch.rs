//! A training that is running, followed by the checkpoints that it writes into a folder.
//!
//! [`Watcher::look`] reads what is new in the folder, in the order of claimed steps, else of
//! modification times, and gives each checkpoint to the detector of [`trajectory::shift`]. The
//! detector holds the last steps itself, so that files that were read may be deleted; what would be
//! too large is followed by its sketch. With [`Watcher::keep`] all of it is on disk, too, and a
//! watcher that starts anew continues; without, it reads what is there.

mod accredited;
mod beside;
mod facts;
mod following;
mod happened;
mod judging;
mod keeping;
mod observation;
mod pending;
pub mod prometheus;
mod pushed;
mod reading;
mod record;
mod state;
pub mod tensorboard;
#[cfg(test)]
mod tests;
mod watcher;

pub use facts::Fact;
pub use observation::Observation;
pub use record::Record;
pub use watcher::{Beside, Event, Watcher};
