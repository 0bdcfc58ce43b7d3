//! One module a command: read, call, print.

pub(crate) mod linkage;
pub(crate) mod order;
pub(crate) mod umap;
pub(crate) mod zoo;

use crate::analysis::{Analysis, analyse};
use crate::cli::Points;
use crate::shuffled::Shuffled;
use anyhow::Result;
use checkpoint_store::Store;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::io::Write;

/// The shuffled checkpoints, and what is found in them: in as many clusters as asked for, or as
/// there are runs.
fn read_and_analyse(points: &Points, clusters: Option<usize>) -> Result<(Shuffled, Analysis)> {
    let shuffled = read(points)?;
    let projected = points.space.project(shuffled.matrix())?;
    let clusters = clusters.unwrap_or(shuffled.runs().len());
    let found = analyse(projected.matrix(), shuffled.truth(), clusters, points.seed)?;
    Ok((shuffled, found))
}

/// The shuffled checkpoints that a command was asked about.
fn read(points: &Points) -> Result<Shuffled> {
    let shuffled = Shuffled::of(&Store::open(&points.store)?.load()?, points.seed)?;
    if !shuffled.diverged().is_empty() {
        let (left_out, runs) = (shuffled.diverged().len(), shuffled.runs().len());
        writeln!(
            std::io::stderr(),
            "note: {left_out} diverged run(s) left out (weights that are not finite); {runs} are \
             analysed"
        )?;
    }
    Ok(shuffled)
}

fn print_json(value: &impl Serialize) -> Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value).map_err(std::io::Error::from)?;
    Ok(writeln!(out)?)
}

fn print_text(text: &impl std::fmt::Display) -> Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{text}")?)
}

/// A table without frame; all columns but the first are right-aligned.
fn table<const N: usize>(titles: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(titles);
    for row in rows {
        table.add_row(row);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A mean with its standard error.
fn estimate(estimate: &trajectory::scoring::Estimate, decimals: usize) -> String {
    match estimate.standard_error {
        Some(error) => format!("{:.decimals$} ± {error:.decimals$}", estimate.value),
        None => format!("{:.decimals$}", estimate.value),
    }
}
