//! The `modeltrail` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(modeltrail_cli::cli::run(std::env::args_os().collect()))
}
