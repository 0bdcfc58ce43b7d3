//! The command of the wheel: the same as that of `cargo install`.

use pyo3::prelude::*;
use std::ffi::OsString;

/// Runs a command line, the name of the program first, and returns its exit status. Once a process.
#[pyfunction]
pub(crate) fn run_command(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| modeltrail_cli::cli::run(arguments))
}
