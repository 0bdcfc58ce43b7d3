//! What every command answers on small inputs, held against what it answered before.
//!
//! The answers lie in `recorded/`. After a change that was meant, `cargo xtask regress --accept`
//! writes them anew; read their diff before it is committed.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod examples;
mod exchange;
mod names;
mod normal;
mod page;
mod refusals;
mod transcript;
mod zoos;
