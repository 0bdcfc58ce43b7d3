//! Digests for people.

use super::digest::Digest;
use super::held::{Against, Verdict};
use super::{Hashes, Model};
use crate::printable::printable;
use crate::text::{Shown, counted, few, laid_out, table};
use std::fmt::Write;

/// Most tensors of a model that are listed, if not all are asked for.
const TENSORS: usize = 40;
/// Digits of a digest that are shown in a table: enough to compare by eye.
const DIGITS: usize = 16;
/// Names in a line.
const NAMED: usize = 4;

impl Hashes {
    /// The answer for people.
    pub fn to_text(&self, shown: Shown<'_>) -> String {
        let mut parts = Vec::new();
        match self.models.as_slice() {
            [only] => parts.push(whole(only, shown)),
            several if shown.all => parts.extend(several.iter().map(|one| whole(one, shown))),
            several => parts.push(overview(several)),
        }
        if let Some(check) = &self.check {
            let file = printable(&check.file.to_string_lossy());
            let lines = check.models.iter().map(|one| against(one, &file, shown));
            parts.push(lines.collect::<Vec<_>>().join("\n"));
        }
        parts.join("\n\n")
    }
}

impl std::fmt::Display for Hashes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.to_text(Shown::default()))
    }
}

/// A line for each model: its root, whole, and its name.
fn overview(models: &[Model]) -> String {
    let lines = models.iter().map(|model| match &model.root {
        Some(root) => format!("{}  {}", root.blake3, model.name),
        None => format!(
            "no root: {} not read  {}",
            counted(model.unread.len(), "tensor"),
            model.name
        ),
    });
    let lines: Vec<String> = lines.collect();
    format!("BLAKE3\n{}", lines.join("\n"))
}

/// Everything about one.
fn whole(model: &Model, shown: Shown<'_>) -> String {
    let count = counted(model.tensors.len(), "tensor");
    let mut text = format!("{}: {}, {count}\n", model.name, model.format);
    match &model.root {
        Some(Digest { blake3, sha256 }) => {
            let _ = write!(text, "BLAKE3   {blake3}\nSHA-256  {sha256}");
        }
        None => {
            let names = model.unread.iter().map(|one| one.tensor.as_str());
            let _ = write!(
                text,
                "no root: {} could not be read ({})",
                counted(model.unread.len(), "tensor"),
                few(names, NAMED)
            );
        }
    }
    let most = if shown.all { usize::MAX } else { TENSORS };
    let mut rows: Vec<[String; 5]> = model
        .tensors
        .iter()
        .take(most)
        .map(|tensor| {
            let sides: Vec<String> = tensor.shape.iter().map(u64::to_string).collect();
            let sides = if sides.is_empty() {
                "scalar".to_owned()
            } else {
                sides.join(" × ")
            };
            let short = |digest: String| digest.chars().take(DIGITS).collect::<String>();
            [
                printable(&tensor.name),
                tensor.dtype.clone(),
                sides,
                short(tensor.digest.blake3.to_string()),
                short(tensor.digest.sha256.to_string()),
            ]
        })
        .collect();
    let more = model.tensors.len().saturating_sub(most);
    if more > 0 {
        let mut row = [const { String::new() }; 5];
        if let Some(first) = row.first_mut() {
            *first = shown.more(more);
        }
        rows.push(row);
    }
    let titles = ["tensor", "type", "shape", "BLAKE3 …", "SHA-256 …"];
    let _ = write!(text, "\n\n{}", laid_out(titles, rows, 2..3));
    text
}

/// What one model is to the digests that were kept.
fn against(one: &Against, file: &str, shown: Shown<'_>) -> String {
    let most = if shown.all { usize::MAX } else { NAMED };
    let mut text = match one.verdict {
        Verdict::Same => {
            return format!(
                "SAME: {} has the tensors that {file} says of {}, bit for bit",
                one.name, one.expected
            );
        }
        Verdict::Differs => format!(
            "DIFFERENT: {} is not what {file} says of {}",
            one.name, one.expected
        ),
        Verdict::CannotTell => format!(
            "CANNOT TELL: what could be read of {} is what {file} says of {}, and the rest is not known",
            one.name, one.expected
        ),
    };
    let changed: Vec<String> = one
        .changed
        .iter()
        .map(|one| format!("{} ({})", one.name, one.what))
        .collect();
    let renamed: Vec<String> = one
        .renamed
        .iter()
        .map(|one| format!("{} is now {}", one.from, one.to))
        .collect();
    let rows = [
        ("changed", &changed),
        ("under another name", &renamed),
        ("missing", &one.missing),
        ("added", &one.added),
        ("not read", &one.unknown),
    ];
    let rows = rows.into_iter().filter(|(_, names)| !names.is_empty());
    let rows = rows.map(|(what, names)| {
        let named = few(names.iter().map(String::as_str), most);
        [what.to_owned(), counted(names.len(), "tensor"), named]
    });
    let _ = write!(text, "\n{}", table(["", "", ""], rows));
    text
}
