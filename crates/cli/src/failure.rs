//! How a command fails: a line on stderr, a document on stdout, and an exit status.

use crate::terminal::{self, Stream};
use modeltrail::Error;
use modeltrail::collection::printable;
use serde::Serialize;
use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// An error as JSON, on stdout.
#[derive(Serialize)]
struct ErrorDocument<'a> {
    schema: &'static str,
    /// What kind of error it is.
    kind: &'a str,
    /// What happened, where, and what helps, on one line.
    message: String,
    /// The file or folder that it is about, if it is about one.
    path: Option<String>,
}

/// What an error document is; a change that breaks readers gets another number.
const ERROR: &str = "modeltrail.error/1";

/// Prints an error as JSON. That nobody reads it changes nothing.
pub(crate) fn print_error(error: &anyhow::Error) {
    let known = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Error>());
    let path = known.and_then(Error::path);
    let document = ErrorDocument {
        schema: ERROR,
        kind: known.map_or("other", Error::kind),
        message: one_line(error),
        path: path.map(modeltrail::path::write),
    };
    if let Ok(text) = serde_json::to_string_pretty(&document) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// Says what is wrong with the command line, as JSON too if that was asked for; exit status 2, but 0
/// where help was asked for.
pub(crate) fn refuse(error: &clap::Error, arguments: &[OsString]) -> u8 {
    let _ = error.print();
    if error.use_stderr() && arguments.iter().any(|argument| argument == "--json") {
        let message = error.render().to_string();
        let first = message.lines().next().unwrap_or_default();
        let document = ErrorDocument {
            schema: ERROR,
            kind: "usage",
            message: first.trim_start_matches("error: ").to_owned(),
            path: None,
        };
        if let Ok(text) = serde_json::to_string_pretty(&document) {
            let _ = writeln!(std::io::stdout(), "{text}");
        }
    }
    u8::try_from(error.exit_code()).unwrap_or(2)
}

/// Prints the error and those of its causes that it does not say itself; exit status 2.
pub fn fail(error: &anyhow::Error) -> ExitCode {
    let line = terminal::shown(&format!("error: {}", one_line(error)), Stream::Err);
    let _ = writeln!(std::io::stderr(), "{line}");
    ExitCode::from(2)
}

/// An error and those of its causes that it does not say itself. Names of files reach errors as they
/// are, and may hold anything.
fn one_line(error: &anyhow::Error) -> String {
    let mut message = String::new();
    for cause in error.chain() {
        let is_of_store = cause.is::<checkpoint_store::Error>()
            || matches!(cause.downcast_ref(), Some(Error::Store(_)))
            || cause.is::<::zoo::Error>();
        let text = if is_of_store {
            printable(&cause.to_string())
        } else {
            cause.to_string()
        };
        if message.is_empty() {
            message = text;
        } else if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
    }
    if let Some(flag) = error.chain().find_map(flag) {
        message.push_str(&format!(" ({flag})"));
    }
    message
}

/// The flag that helps against an error, which a library cannot name.
fn flag(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    let error: &Error = cause.downcast_ref()?;
    if let Some(limit) = error.limit() {
        return Some(limit_flag(limit.name, limit.enough));
    }
    let flag = match error {
        Error::Exists { .. } => "--force",
        Error::Labels(_) => "--number",
        Error::HistoryMissing => "--history",
        Error::Uncalibrated { .. } => "--undisturbed",
        Error::WouldLose { .. } => "--allow-unread",
        _ => return None,
    };
    Some(flag.to_owned())
}

/// The flag that raises a limit on reading files.
pub(crate) fn limit_flag(name: &str, enough: u64) -> String {
    format!("--limit {name}={enough}")
}

/// Whoever reads our output has seen enough.
pub(crate) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    })
}
