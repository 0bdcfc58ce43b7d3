//! What is known of the terminal, and of how much is to be said: how wide it is, whether there are
//! colours, whether notes are wanted.

use clap::ValueEnum;
use modeltrail::text::{set_width, with_short_words, wrapped};
use std::borrow::Cow;
use std::io::IsTerminal;
use std::sync::OnceLock;

/// Narrower than this is no terminal that anybody reads tables in.
const NARROWEST: usize = 20;
/// Begins and ends of what is set apart, by the codes of ANSI.
const END: &str = "\x1b[0m";
const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const GREEN: &str = "\x1b[1;32m";
const YELLOW: &str = "\x1b[33m";
const FAINT: &str = "\x1b[2m";

/// When there are colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How things are said.
#[derive(Debug, Clone, Copy, Default)]
struct Manner {
    is_quiet: bool,
    /// Whether there are colours on stdout, and on stderr.
    colours: [bool; 2],
    /// Columns of the terminal that stdout is, if it is one.
    columns: Option<usize>,
}

static MANNER: OnceLock<Manner> = OnceLock::new();

/// Where something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Answers.
    Out,
    /// Everything else.
    Err,
}

/// Settles how things are said, once.
pub(crate) fn settle(color: Color, is_quiet: bool) {
    let (out, err) = (
        std::io::stdout().is_terminal(),
        std::io::stderr().is_terminal(),
    );
    let columns = columns(out);
    if let Some(columns) = columns {
        set_width(columns);
    }
    let _ = MANNER.set(Manner {
        is_quiet,
        colours: [has_colours(color, out), has_colours(color, err)],
        columns: columns.filter(|_| out),
    });
}

/// Whether nothing but errors is to be said beside the answer.
pub(crate) fn is_quiet() -> bool {
    MANNER.get().is_some_and(|manner| manner.is_quiet)
}

/// The columns of the terminal: what COLUMNS says, then what the terminal does.
fn columns(is_terminal: bool) -> Option<usize> {
    let set = std::env::var("COLUMNS").ok();
    let set = set.and_then(|columns| columns.trim().parse().ok());
    let own = || {
        let size = is_terminal.then(terminal_size::terminal_size)?;
        size.map(|(width, _)| usize::from(width.0))
    };
    set.or_else(own)
        .filter(|&columns: &usize| columns >= NARROWEST)
}

fn has_colours(color: Color, is_terminal: bool) -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
            is_terminal && !is_dumb && !is_set("NO_COLOR")
        }
    }
}

/// What the command line says of colours, before it is parsed: its own errors have them, too.
pub(crate) fn color_of(arguments: impl Iterator<Item = std::ffi::OsString>) -> clap::ColorChoice {
    let mut arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    let mut color = None;
    while let Some(argument) = arguments.next() {
        if argument == "--color" {
            color = arguments.next();
        } else if let Some(value) = argument.strip_prefix("--color=") {
            color = Some(value.to_owned());
        }
    }
    match color.as_deref() {
        Some("always") => clap::ColorChoice::Always,
        Some("never") => clap::ColorChoice::Never,
        _ => clap::ColorChoice::Auto,
    }
}

/// A line of an answer, or a note, as it is shown: no longer than the terminal is wide where that is a
/// sentence, and with colours where there are any.
pub(crate) fn shown(line: &str, stream: Stream) -> String {
    let manner = MANNER.get().copied().unwrap_or_default();
    let line = with_short_words(line.trim_end());
    let lines = match manner.columns {
        Some(columns) if stream == Stream::Out && is_sentence(&line) => indented(&line, columns),
        _ => vec![line.into_owned()],
    };
    let [out, err] = manner.colours;
    let has_colours = match stream {
        Stream::Out => out,
        Stream::Err => err,
    };
    let lines = lines.iter().map(|line| match has_colours {
        true => painted(line),
        false => Cow::Borrowed(line.as_str()),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a line is prose: a row of a table has gaps between its cells.
fn is_sentence(line: &str) -> bool {
    !line.trim_start().contains("  ")
}

/// A sentence in lines that begin where it does.
fn indented(line: &str, columns: usize) -> Vec<String> {
    let text = line.trim_start();
    let blanks = line.len() - text.len();
    let most = columns.saturating_sub(blanks).max(NARROWEST);
    let lines = wrapped(text, most).into_iter();
    lines.map(|line| format!("{:blanks$}{line}", "")).collect()
}

/// A line with what matters set apart.
fn painted(line: &str) -> Cow<'_, str> {
    let at = |start: usize, colour: &str| {
        let (before, rest) = line.split_at_checked(start).unwrap_or((line, ""));
        Cow::Owned(format!("{before}{colour}{rest}{END}"))
    };
    if let Some(start) = line.find("ALARM: ") {
        return at(start, RED);
    }
    if let Some(start) = line.find("! ").filter(|&start| {
        let before = line.get(..start).unwrap_or_default();
        before.trim().is_empty() || before.ends_with("  ")
    }) {
        return at(start, YELLOW);
    }
    let head = line.split_once(": ").map_or(line, |(head, _)| head);
    let colour = match head {
        "error" | "RETEST" | "DAMAGED" => RED,
        "WITHIN BUDGET" => GREEN,
        "CANNOT TELL" | "not read" | "skipped" => YELLOW,
        "note" | "beside" | "waiting" | "Evidence" | "Scale" | "Caveat" => FAINT,
        "verdict" => BOLD,
        _ if is_shouted(head) => BOLD,
        _ => return Cow::Borrowed(line),
    };
    let rest = line.get(head.len()..).unwrap_or_default();
    Cow::Owned(format!("{colour}{head}{END}{rest}"))
}

/// Whether a text is a verdict in capitals.
fn is_shouted(text: &str) -> bool {
    text.len() > 3
        && text
            .chars()
            .all(|sign| sign.is_ascii_uppercase() || sign == ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_set_apart_and_all_of_the_line_is_kept() {
        for (line, painted_line) in [
            ("error: no", "\x1b[1;31merror\x1b[0m: no"),
            (
                "WITHIN BUDGET: b after a",
                "\x1b[1;32mWITHIN BUDGET\x1b[0m: b after a",
            ),
            (
                "  a.pt  step 3  ! claims",
                "  a.pt  step 3  \x1b[33m! claims\x1b[0m",
            ),
            ("epoch-1.pt! b", "epoch-1.pt! b"),
            ("run 1: 3 checkpoints", "run 1: 3 checkpoints"),
        ] {
            assert_eq!(painted(line), painted_line);
        }
    }

    #[test]
    fn colours_are_asked_for_before_anything_else_is_read() {
        let of = |line: &str| color_of(line.split(' ').map(Into::into));
        assert_eq!(
            of("modeltrail runs --color never"),
            clap::ColorChoice::Never
        );
        assert_eq!(
            of("modeltrail --color=always runs"),
            clap::ColorChoice::Always
        );
        assert_eq!(of("modeltrail runs"), clap::ColorChoice::Auto);
        assert!(has_colours(Color::Always, false) && !has_colours(Color::Never, true));
    }

    #[test]
    fn sentences_go_on_below_where_they_begin() {
        assert_eq!(
            indented("  one two three four five six", 20),
            ["  one two three four", "  five six"]
        );
        assert!(is_sentence("  one two") && !is_sentence("  one  two"));
    }
}
