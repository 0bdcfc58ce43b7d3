//! `modeltrail limits`: what bounds the reading of files, and raising it.

use super::{print_json, print_text};
use crate::global::{Global, Outcome};
use crate::memory::Memory;
use anyhow::Result;
use checkpoint_store::limits::{Limits, Unit, all};
use clap::Args;
use modeltrail::collection::Options;
use modeltrail::diff::Pattern;
use modeltrail::text::{laid_out, thousands};
use serde::Serialize;

#[derive(Args)]
#[command(after_help = "Examples:
  modeltrail limits
  modeltrail runs checkpoints/ --limit largest_header=256MiB

Limits bound what a broken or hostile file can make a reader do. Raise one for files that you trust.")]
pub(crate) struct Command {}

/// How foreign files are read.
#[derive(Args)]
pub(crate) struct Reading {
    /// Raise a limit for foreign files (see `modeltrail limits`): `largest_header=256MiB`; repeatable.
    #[arg(long = "limit", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, u64)>,
    /// In folders, read only checkpoints whose file or folder name matches this pattern: `epoch-*.pt`,
    /// `checkpoint-*`. A pattern with a `/` is compared with the path below the folder.
    #[arg(long = "match", value_name = "GLOB")]
    only: Option<Pattern>,
}

impl Reading {
    /// The limits with these settings.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        for (name, value) in &self.settings {
            // Tried when it was parsed.
            let _ = limits.set(name, *value);
        }
        limits
    }

    /// The usual options, with these limits.
    pub(crate) fn options(&self) -> Options {
        Options {
            limits: self.limits(),
            only: self.only.clone(),
            ..Options::default()
        }
    }
}

/// Parses `NAME=VALUE`.
fn setting(text: &str) -> Result<(String, u64), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| "write NAME=VALUE, as largest_header=256MiB".to_owned())?;
    let value = value.parse::<Memory>()?.0;
    Limits::default()
        .set(name, value)
        .map_err(|error| error.to_string())?;
    Ok((name.to_owned(), value))
}

#[derive(Serialize)]
struct Answer {
    schema: &'static str,
    limits: Vec<Limit>,
}

#[derive(Serialize)]
struct Limit {
    name: &'static str,
    value: u64,
    unit: &'static str,
    meets: &'static str,
    can_be_set: bool,
}

pub(crate) fn run(_: &Command, global: &Global) -> Result<Outcome> {
    if global.json {
        let limits = all().into_iter().map(|limit| Limit {
            name: limit.name,
            value: limit.value,
            unit: match limit.unit {
                Unit::Bytes => "bytes",
                Unit::Count => "count",
            },
            meets: limit.meets,
            can_be_set: limit.can_be_set,
        });
        print_json(&Answer {
            schema: "modeltrail.limits/1",
            limits: limits.collect(),
        })?;
        return Ok(Outcome::Fine);
    }
    let part = |can_be_set: bool, title: &str| {
        let limits = all()
            .into_iter()
            .filter(move |limit| limit.can_be_set == can_be_set);
        let rows = limits.map(|limit| {
            [
                limit.name.to_owned(),
                amount(limit.value, limit.unit),
                limit.meets.to_owned(),
            ]
        });
        laid_out([title, "limit", "meets"], rows, 1..2)
    };
    print_text(&format!(
        "{}\n\n{}",
        part(true, "raise with --limit NAME=VALUE"),
        part(false, "fixed")
    ))?;
    Ok(Outcome::Fine)
}

/// A number of bytes in the largest unit that divides it, or a number.
fn amount(value: u64, unit: Unit) -> String {
    let names = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    match (
        unit,
        names
            .iter()
            .find(|(power, _)| value > 0 && value.trailing_zeros() >= *power),
    ) {
        (Unit::Bytes, Some((power, name))) => format!("{} {name}", value >> power),
        (Unit::Bytes, None) => format!("{} bytes", thousands(value)),
        (Unit::Count, _) => thousands(value),
    }
}
