//! Checkpoints that other programs wrote: finding them, and reading their weights as a stream.
//!
//! [`discover`] turns what a person names (files, folders, globs) into [`Found`] checkpoints and
//! [`Problem`]s. [`ForeignCheckpoint::open`] reads the description of one: which tensors it has, in
//! which shapes, and what it says of its run and step. [`ForeignCheckpoint::read`] streams the values
//! of one tensor, widened to f32 in row-major order, through one small buffer.
//!
//! # Formats
//! safetensors and Burn's burnpack; PyTorch's zip archives and its form before 1.6; NumPy's `.npz`
//! and `.npy`; llama.cpp's GGUF; ONNX; Keras's HDF5;
//! Flax's msgpack; safetensors and PyTorch files split into shards. The content decides, not the
//! extension. What is read of each, and what is left out, is in `docs/import.md`.
//!
//! # What a file cannot do
//! Run code: a pickle is read as data, and what it would call stays a name. Write: nothing is ever
//! written. Take much: every length is checked against the file and the [`Limits`] before it is
//! used. Crash the reader by changing under it: foreign files are read, never mapped.
//!
//! # Example
//! ```
//! use checkpoint_store::foreign::{ForeignCheckpoint, Limits, Role, discover};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let temporary = tempfile::tempdir()?;
//! # let header = br#"{"weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
//! # let mut file = (header.len() as u64).to_le_bytes().to_vec();
//! # file.extend_from_slice(header);
//! # file.extend_from_slice(&[0, 0, 128, 63, 0, 0, 0, 64]);
//! # std::fs::write(temporary.path().join("epoch_3.safetensors"), file)?;
//! let limits = Limits::default();
//! let discovery = discover(&[temporary.path().to_path_buf()], &limits);
//! assert!(discovery.problems.is_empty());
//! for found in &discovery.checkpoints {
//!     let checkpoint = ForeignCheckpoint::open(found, &limits)?;
//!     assert_eq!(checkpoint.claimed().position(), Some(3));
//!     for (index, tensor) in checkpoint.tensors().iter().enumerate() {
//!         if tensor.role == Role::Weight {
//!             let mut sum = 0.0;
//!             checkpoint.read(index, &mut |values| sum += values.iter().sum::<f32>())?;
//!             assert_eq!(sum, 3.0);
//!         }
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod adapter;
mod archive;
mod burnpack;
mod cbor;
mod checkpoint;
mod claimed;
mod contents;
mod cursor;
mod cut;
mod decoded;
mod description;
mod discover;
mod distributed;
mod element;
mod flax;
mod format;
mod found;
mod gguf;
mod hdf5;
mod json;
mod memory;
mod metadata;
mod npy;
mod npz;
mod onnx;
mod others;
mod packed;
mod part;
mod pattern;
mod pickle;
mod place;
mod problem;
mod product;
mod protobuf;
mod quantised;
mod ranks;
mod readers;
mod safetensors;
mod shape;
mod shards;
mod sniff;
mod source;
mod state_dict;
mod stored;
mod stream;
mod tensor;
mod tiles;
mod torch;
mod trainer;
mod unpack;
mod walk;
mod window;
mod zero;

pub use crate::limits::Limits;
pub use adapter::Adapter;
pub use checkpoint::ForeignCheckpoint;
pub use claimed::{Aside, Claim, Claimed, Origin};
pub use description::Description;
pub use discover::{Discovery, discover, discover_held, discover_only};
pub use element::{Element, Packing};
pub use format::Format;
pub use found::Found;
pub use memory::{Arrays, Bytes, Layout};
pub use metadata::Metadata;
pub use others::{Companion, KnownFormat, OtherFormat, known_and_not_supported};
pub use problem::Problem;
pub use tensor::{ForeignTensor, LeftOut, Role, Unread};
pub use trainer::TrainerState;
pub use walk::{natural, natural_names};
