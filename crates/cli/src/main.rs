//! The `modeltrail` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    modeltrail_cli::cli::main()
}
