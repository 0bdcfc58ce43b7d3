//! `modeltrail completions` and `modeltrail man`: the command line, told to shells and to `man`.

use super::print_text;
use crate::global::Outcome;
use crate::publish::publish;
use anyhow::{Context, Result};
use clap::Args;
use clap_complete::Shell;
use modeltrail::text::counted;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail completions bash > ~/.local/share/bash-completion/completions/modeltrail
  modeltrail completions fish > ~/.config/fish/completions/modeltrail.fish
  modeltrail completions zsh > ~/.zfunc/_modeltrail")]
pub(crate) struct Completions {
    /// The shell that should know the command.
    shell: Shell,
}

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail man --out ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// Folder for the pages, one a command; made if there is none.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Prints the completions of a shell.
pub(crate) fn completions(command: &Completions, mut line: clap::Command) -> Result<Outcome> {
    // The generator cannot report a pipe that closes; writing does.
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut line, "modeltrail", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(Outcome::Fine)
}

/// Writes a page of the manual for every command.
pub(crate) fn man(command: &Man, mut line: clap::Command) -> Result<Outcome> {
    std::fs::create_dir_all(&command.out)
        .with_context(|| format!("cannot make the folder {}", command.out.display()))?;
    line.build();
    let pages = write_pages(&line, &command.out)?;
    print_text(&format!(
        "{} in {}",
        counted(pages, "page"),
        command.out.display()
    ))?;
    Ok(Outcome::Fine)
}

/// The page of a command that was built, and those of the commands below it.
fn write_pages(line: &clap::Command, out: &Path) -> Result<usize> {
    let name = line.get_display_name().unwrap_or(line.get_name());
    let mut page = Vec::new();
    clap_mangen::Man::new(line.clone()).render(&mut page)?;
    publish(&out.join(format!("{name}.1")), &page)?;
    let mut pages = 1;
    for below in line.get_subcommands() {
        if below.get_name() != "help" && !below.is_hide_set() {
            pages += write_pages(below, out)?;
        }
    }
    Ok(pages)
}
