//! Files of sketches: what is kept of checkpoints when their weights are gone.

mod file;
mod made;

pub use file::{
    Kept, SCHEMA, Sketches, StoredAs, check, in_folder, is_named_so, layout, named, read,
};
pub use made::{Sketched, sketch, sketch_watched};
