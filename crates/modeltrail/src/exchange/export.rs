//! Checkpoints written out for other programs.

use super::names::Names;
use crate::collection::{Alike, Inventory, Item, only};
use crate::coverage::Coverage;
use crate::error::{Error, Problem, Result};
use crate::text::counted;
use checkpoint_store::NewFile;
use checkpoint_store::export::{Format, Npz, Row, Safetensors, Table};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What was written.
#[derive(Debug, Serialize)]
pub struct Export {
    schema: &'static str,
    #[serde(serialize_with = "crate::path::serialize")]
    out: PathBuf,
    #[serde(serialize_with = "extension")]
    format: Format,
    checkpoints: usize,
    #[serde(serialize_with = "crate::path::serialize_all")]
    files: Vec<PathBuf>,
    problems: Vec<Problem>,
    coverage: Coverage,
}

/// What this document is; a change that breaks readers gets another number.
const SCHEMA: &str = "modeltrail.export/1";

fn extension<S: serde::Serializer>(format: &Format, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(format.extension())
}

impl Export {
    /// The files, in the order in which they were written.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// How many checkpoints they hold.
    pub fn checkpoints(&self) -> usize {
        self.checkpoints
    }

    /// What could not be read, at the first look or later; the rest was written.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How much of the checkpoints was read.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    fn written(&mut self, group: &Alike) {
        self.checkpoints += 1;
        self.coverage.weights_read += group.parameters();
        self.coverage.weights_in_all += group.parameters();
    }

    fn problem(&mut self, group: &Alike, item: &Item, error: &Error) {
        self.problems.push(Problem::new(&item.path, error));
        self.coverage.weights_in_all += group.parameters();
    }
}

impl std::fmt::Display for Export {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{}: {} as {} in {}",
            self.out.display(),
            counted(self.checkpoints, "checkpoint"),
            self.format,
            counted(self.files.len(), "file"),
        )
    }
}

/// How checkpoints are written.
#[derive(Debug, Clone, Copy, Default)]
pub struct ExportOptions {
    /// Whether files of the same names may be replaced.
    pub replace: bool,
    /// Whether checkpoints may be written without tensors that could not be read.
    pub allow_unread: bool,
}

/// Writes every checkpoint: a file each under the folder `out`, or, if `out` ends in the extension
/// of the format or the format is a table, into that one file.
///
/// Reads and writes each weight once. Memory: as the reading takes; a table takes a row group more.
/// Every file gets its name when it is whole and durable; killed at any moment, whole files are there.
///
/// # Errors
/// Before anything is written: when a tensor could not be read and would be lost, or a file is there
/// already, unless the options allow that; when one file
/// cannot hold what was found; when the disk fails. What was written before stays.
pub fn export(
    inventory: &Inventory,
    format: Format,
    out: &Path,
    options: &ExportOptions,
) -> Result<Export> {
    super::refuse_losses(&inventory.unread, options.allow_unread)?;
    let replace = options.replace;
    let mut export = Export {
        schema: SCHEMA,
        out: out.to_owned(),
        format,
        checkpoints: 0,
        files: Vec::new(),
        problems: inventory.problems.clone(),
        coverage: super::coverage(inventory),
    };
    let groups = &inventory.groups;
    if format == Format::Parquet {
        write_table(only(groups, "a table")?, out, replace, &mut export)?;
    } else {
        write_files(groups, format, out, replace, &mut export)?;
    }
    Ok(export)
}

fn write_files(
    groups: &[Alike],
    format: Format,
    out: &Path,
    replace: bool,
    export: &mut Export,
) -> Result<()> {
    let mut names = Names::default();
    let is_file = Format::of(out) == Some(format);
    let mut targets: Vec<(PathBuf, &Item, &Alike)> = Vec::new();
    for group in groups {
        for item in &group.checkpoints {
            let name = names.give(&item.labels, &item.name, format.extension());
            let path = if is_file {
                out.to_owned()
            } else {
                out.join(name)
            };
            targets.push((path, item, group));
        }
    }
    if is_file && targets.len() > 1 {
        return Err(Error::Unsuitable {
            path: out.to_owned(),
            what: format!(
                "it can hold one checkpoint, and there are {}",
                targets.len()
            ),
            way_out: "Name a folder",
        });
    }
    // Better nothing than a part.
    refuse_existing(targets.iter().map(|(path, ..)| path.as_path()), replace)?;
    for (path, item, group) in targets {
        let layout = &group.layout;
        if let Some(folder) = path.parent() {
            NewFile::create_folder(folder)?;
        }
        let file = NewFile::create(&path, replace)?;
        // What cannot be written ends it; what cannot be read is passed over.
        let read = match format {
            Format::Npz => {
                let mut writer = Npz::begin(file, layout)?;
                item.read(layout, &mut |values| writer.values(values))
                    .map(|()| writer.finish())
            }
            _ => {
                let mut writer = Safetensors::begin(file, layout, &item.labels)?;
                item.read(layout, &mut |values| writer.values(values))
                    .map(|()| writer.finish())
            }
        };
        match read {
            Ok(written) => {
                written?;
                export.files.push(path);
                export.written(group);
            }
            Err(error) => export.problem(group, item, &error),
        }
    }
    Ok(())
}

/// Refuses to write over files, unless that is allowed.
fn refuse_existing<'a>(paths: impl Iterator<Item = &'a Path>, replace: bool) -> Result<()> {
    let mut existing = paths.filter(|path| path.exists());
    match existing.next() {
        Some(path) if !replace => Err(Error::Exists {
            path: path.to_owned(),
            others: existing.count(),
        }),
        _ => Ok(()),
    }
}

fn write_table(group: &Alike, out: &Path, replace: bool, export: &mut Export) -> Result<()> {
    refuse_existing(std::iter::once(out), replace)?;
    if let Some(folder) = out.parent() {
        NewFile::create_folder(folder)?;
    }
    let mut table = Table::begin(NewFile::create(out, replace)?, &group.layout)?;
    let mut weights = Vec::with_capacity(table.parameters());
    for item in &group.checkpoints {
        weights.clear();
        let read = item.read(&group.layout, &mut |values| {
            weights.extend_from_slice(values)
        });
        if let Err(error) = read {
            export.problem(group, item, &error);
            continue;
        }
        let row = Row {
            name: item.name.clone(),
            path: crate::path::write(&item.path),
            labels: item.labels.clone(),
        };
        table.row(row, &weights)?;
        export.written(group);
    }
    if export.checkpoints > 0 {
        table.finish()?;
        export.files.push(out.to_owned());
    }
    Ok(())
}
