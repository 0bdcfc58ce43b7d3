//! Checkpoints on disk: immutable, checksummed segments that map into memory as one matrix.
//!
//! A [`Store`] is a directory. Every (shard, epoch) of a training is published into it as one
//! segment, which is durable once [`Store::publish`] returns and never changes afterwards. A
//! finished store is compacted into one segment, whose weights are mapped, not read: a matrix of
//! shape (parameters, checkpoints), column-major, with the labels beside it. The bytes, and what
//! is promised about them on which system, are in `docs/format.md`.
//!
//! # Overview
//! - [`Store`] creates, opens, publishes, loads and compacts; [`TrainingState`] is what an
//!   interrupted training resumes from.
//! - [`Segment`] is one sealed file; [`Checkpoints`] are those of a whole store.
//! - [`Header`], [`Checkpoint`] and [`TensorShape`] say what the weights are.
//! - [`verify`] looks at every byte of a directory and reports; [`repair`] moves aside what is damaged.
//! - [`Storage`] is everything that is ever done to a disk; [`FileSystem`] does it, and a [`NewFile`]
//!   uses it to write whole files or nothing.
//! - [`foreign`] finds and reads the checkpoints of other programs; [`export`] writes for them.
//! - [`files`] says where paths lie; with the feature `remote`, [`remote`](crate::files) paths are read.
//! - [`limits`] are the limits, [`Error`] is what goes wrong.
//!
//! Writers need no lock, as long as each has a shard number of its own; readers need none either,
//! even while another process compacts.
//!
//! # Example
//! ```
//! use checkpoint_store::{Checkpoint, Store, TensorShape};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let temporary = tempfile::tempdir()?;
//! # let directory = temporary.path().join("zoo");
//! let layout = [TensorShape::new("weight", [2, 1])];
//! let store = Store::create(&directory, "lr = 0.03", &layout)?;
//! for epoch in 0..=2 {
//!     let labels = [Checkpoint::new(10, epoch), Checkpoint::new(11, epoch)];
//!     let columns = [1.0, 2.0, 3.0, 4.0].map(|weight: f32| weight + epoch as f32);
//!     store.publish(0, epoch, &labels, &columns)?;
//! }
//! store.compact(0..=2, &[10, 11])?;
//!
//! let checkpoints = Store::open(&directory)?.load()?;
//! assert!(checkpoints.is_mapped());
//! let trained = checkpoints.epochs(1..);
//! assert_eq!(trained.matrix.shape(), (2, 4));
//! assert_eq!(trained.matrix.column(3).as_slice(), [5.0, 6.0]);
//! assert_eq!(trained.checkpoints[3].run, 11);
//! # Ok(())
//! # }
//! ```
//!
//! # What the tests do not cover
//! Real loss of power, and disks that lie about having synced; network file systems; Windows and
//! macOS; big-endian machines, for which the crate does not compile. Another program that changes
//! a segment in place while it is mapped.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod checkpoints;
mod codec;
mod compact;
mod directory;
mod error;
pub mod export;
pub mod files;
pub mod foreign;
mod frame;
mod header;
pub mod limits;
mod names;
mod new_file;
mod preamble;
#[cfg(feature = "remote")]
pub mod remote;
mod repair;
mod segment;
mod state;
mod storage;
mod store;
mod verify;

pub use checkpoints::{Checkpoints, CheckpointsView};
pub use error::{Error, Fault, LimitMet, Result};
pub use frame::FORMAT_VERSION;
pub use header::{Checkpoint, Header, TensorShape};
pub use new_file::NewFile;
pub use repair::{ASIDE, Moved, Repair, repair, repair_on};
pub use segment::Segment;
pub use state::{TrainingState, TrainingStateRef};
pub use storage::{FileSystem, Storage, StorageFile};
pub use store::{Published, Store};
pub use verify::{FileReport, Report, Status, verify};
