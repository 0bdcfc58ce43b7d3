//! The `modeltrail` command: it parses, calls the library, and prints.
#![forbid(unsafe_code)]

pub mod cli;
mod commands;
pub mod failure;
mod global;
pub mod memory;
pub mod progress;
mod publish;
mod terminal;
