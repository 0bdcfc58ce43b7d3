//! Bad input: whatever is wrong with a file, a path or an output, the command says so on one line
//! that names it, the rest goes on, and the exit status tells. Nothing panics, hangs or is left
//! half-written.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, unreachable_pub)]

mod broken;
mod closed;
mod folder;
mod hostile;
mod many;
mod names;
mod outputs;
mod paths;
mod permission;
mod special;
#[path = "../support/mod.rs"]
mod support;

use ::hostile::corpus;
