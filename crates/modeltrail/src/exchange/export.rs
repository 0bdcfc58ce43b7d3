//! Checkpoints written out for other programs.

use super::names::Names;
use crate::collection::{Alike, Item, Problem, only};
use anyhow::{Result, bail};
use checkpoint_store::NewFile;
use checkpoint_store::TensorShape;
use checkpoint_store::export::{Format, Npz, Row, Safetensors, Table};
use std::path::{Path, PathBuf};

/// What was written.
#[derive(Debug, Default)]
pub struct Exported {
    /// The files, in the order in which they were written.
    pub files: Vec<PathBuf>,
    /// How many checkpoints they hold.
    pub checkpoints: usize,
    /// What could not be read; the rest was written.
    pub problems: Vec<Problem>,
}

/// Writes every checkpoint: a file each under the folder `out`, or, if `out` ends in the extension
/// of the format or the format is a table, into that one file.
///
/// Reads and writes each weight once. Memory: as the reading takes; a table takes a row group more.
/// Every file gets its name when it is whole and durable; killed at any moment, whole files are there.
///
/// # Errors
/// When a file is there already and may not be replaced (before anything is written); when one file
/// cannot hold what was found; when the disk fails. What was written before stays.
pub fn export(groups: &[Alike], format: Format, out: &Path, replace: bool) -> Result<Exported> {
    let mut exported = Exported::default();
    if format == Format::Parquet {
        write_table(only(groups, "a table")?, out, replace, &mut exported)?;
    } else {
        write_files(groups, format, out, replace, &mut exported)?;
    }
    Ok(exported)
}

fn write_files(
    groups: &[Alike],
    format: Format,
    out: &Path,
    replace: bool,
    exported: &mut Exported,
) -> Result<()> {
    let mut names = Names::default();
    let is_file = Format::of(out) == Some(format);
    let mut targets: Vec<(PathBuf, &Item, &[TensorShape])> = Vec::new();
    for group in groups {
        for item in &group.checkpoints {
            let name = names.give(&item.labels, &item.name, format.extension());
            let path = if is_file {
                out.to_owned()
            } else {
                out.join(name)
            };
            targets.push((path, item, &group.layout));
        }
    }
    if is_file && targets.len() > 1 {
        bail!(
            "there are {} checkpoints, and {} can hold one: name a folder",
            targets.len(),
            out.display()
        );
    }
    // Better nothing than a part.
    let mut existing = targets.iter().filter(|(path, ..)| path.exists());
    if let (false, Some((path, ..))) = (replace, existing.next()) {
        let others = existing.count();
        bail!(
            "{} exists already, and {others} more of the files to be written: choose another folder, \
             or allow them to be overwritten (--force)",
            path.display()
        );
    }
    for (path, item, layout) in targets {
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
                exported.files.push(path);
                exported.checkpoints += 1;
            }
            Err(error) => exported.problem(item, &error),
        }
    }
    Ok(())
}

fn write_table(group: &Alike, out: &Path, replace: bool, exported: &mut Exported) -> Result<()> {
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
            exported.problem(item, &error);
            continue;
        }
        let row = Row {
            name: item.name.clone(),
            path: item.path.to_string_lossy().into_owned(),
            labels: item.labels.clone(),
        };
        table.row(row, &weights)?;
        exported.checkpoints += 1;
    }
    if exported.checkpoints > 0 {
        table.finish()?;
        exported.files.push(out.to_owned());
    }
    Ok(())
}

impl Exported {
    fn problem(&mut self, item: &Item, error: &crate::Error) {
        self.problems.push(Problem::new(&item.path, error));
    }
}
