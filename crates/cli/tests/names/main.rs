//! One model under other names, in other wrappers, with a few tensors more or fewer; and models that
//! only look like one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod models;
mod more_or_fewer;
mod other_names;
mod stored_bytes;
#[path = "../support/mod.rs"]
mod support;
