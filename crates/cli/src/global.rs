//! What all commands have in common: their options, and how they end.

use crate::terminal::Color;
use clap::Args;

/// Options of every command.
#[derive(Args)]
pub(crate) struct Global {
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Threads to use, at most four per core; 0 = one per core. No result depends on it.
    #[arg(long, global = true, default_value_t = 0, value_name = "N")]
    pub(crate) threads: usize,
    /// Exit with status 1 for remarks, too: copies and averages beside a run, companion files, and files
    /// of other formats.
    #[arg(long, global = true)]
    pub(crate) strict: bool,
    /// Print nothing but errors on stderr.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// When to print colours: `auto` (on a terminal, unless NO_COLOR is set), `always` or `never`.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) color: Color,
}

/// How an answer ends.
pub(crate) enum Outcome {
    /// All is well.
    Fine,
    /// Something was found that someone should look at.
    Finding,
    /// There is an answer, and it is that nobody can tell: something could not be read.
    Unknown,
}
