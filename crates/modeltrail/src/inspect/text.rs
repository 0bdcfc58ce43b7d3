//! What was found, for people.

use super::described::{Claim, Inspected, Kind, Role, Tensor};
use super::{Inspection, Other};
use crate::collection::From;
use crate::collection::listing::common_folder;
use crate::printable::printable;
use crate::text::{Shown, counted, laid_out, shortened, thousands};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Most tensors of a checkpoint that are listed, if not all are asked for.
const TENSORS: usize = 40;
/// Most checkpoints of one kind that are listed, if not all are asked for.
const CHECKPOINTS: usize = 40;
/// Most files and entries that are named in a line.
const NAMED: usize = 4;
/// Longest text of metadata, in characters.
const TEXT: usize = 60;

impl Inspection {
    /// The answer for people: everything, or the tensors of the first checkpoints of each kind.
    pub fn to_text(&self, shown: Shown<'_>) -> String {
        page(self, shown)
    }
}

impl std::fmt::Display for Inspection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.to_text(Shown::default()))
    }
}

/// One checkpoint in full; of several a table, and the tensors of the first with others than before.
fn page(found: &Inspection, shown: Shown<'_>) -> String {
    let mut parts = Vec::new();
    match found.checkpoints() {
        [] => {}
        [only] => parts.push(whole(only, shown)),
        several if shown.all => parts.extend(several.iter().map(|one| whole(one, shown))),
        several => {
            parts.push(overview(several, shown));
            let layout = |one: &Inspected| {
                let tensors = one.tensors.iter();
                let layout = tensors.map(|tensor| (tensor.name.clone(), tensor.shape.clone()));
                layout.collect::<Vec<_>>()
            };
            let mut known = Vec::new();
            for one in several {
                let own = layout(one);
                if !known.contains(&own) && known.len() < NAMED {
                    parts.push(format!("tensors of {}\n{}", one.name, tensors(one, shown)));
                    known.push(own);
                }
            }
        }
    }
    parts.extend(found.other_formats().iter().map(other));
    parts.extend(skipped(found, shown));
    parts.join("\n\n")
}

/// A row for each checkpoint.
fn overview(all: &[Inspected], shown: Shown<'_>) -> String {
    let common = common_folder(all.iter().map(|one| one.path.as_path()));
    let short = |one: &Inspected| {
        let path = one.path.strip_prefix(&common).unwrap_or(&one.path);
        printable(&path.to_string_lossy())
    };
    let mut rows: Vec<[String; 6]> = all
        .iter()
        .take(CHECKPOINTS)
        .map(|one| {
            let unread = one.unread().count();
            [
                short(one),
                one.format.clone(),
                thousands(one.weights),
                thousands(one.tensors.len() as u64),
                if unread == 0 {
                    "–".to_owned()
                } else {
                    unread.to_string()
                },
                claims(one, false),
            ]
        })
        .collect();
    if all.len() > CHECKPOINTS {
        let mut row = [const { String::new() }; 6];
        if let Some(first) = row.first_mut() {
            *first = shown.more(all.len() - CHECKPOINTS);
        }
        rows.push(row);
    }
    let titles = [
        "checkpoint",
        "format",
        "weights",
        "tensors",
        "unread",
        "claims",
    ];
    format!(
        "{}\n{}",
        counted(all.len(), "checkpoint"),
        laid_out(titles, rows, 2..5)
    )
}

/// Everything about one.
fn whole(one: &Inspected, shown: Shown<'_>) -> String {
    let bytes: u64 = one.files.iter().map(|file| file.bytes).sum();
    let mut text = format!("{}: {}", one.name, one.format);
    if one.kind != Kind::Checkpoint {
        let _ = write!(text, ", {}", counted(one.checkpoints, "checkpoint"));
    }
    if !one.files.is_empty() {
        let files = counted(one.files.len(), "file");
        let _ = write!(text, ", {files}, {} bytes", thousands(bytes));
    }
    let mut counts = vec![format!("{} weights", thousands(one.weights))];
    for (role, what) in [
        (Role::Buffer, "buffer"),
        (Role::NotFloat, "integer or boolean tensor"),
    ] {
        let count = one.of(role).count();
        if count > 0 {
            counts.push(counted(count, what));
        }
    }
    let unread = one.unread().count();
    let _ = write!(
        text,
        "\n{} in {}",
        counts.join(", "),
        counted(one.tensors.len(), "tensor")
    );
    if unread > 0 {
        let _ = write!(text, "\n! {} cannot be read", counted(unread, "tensor"));
    }
    let claims = claims(one, true);
    let _ = write!(
        text,
        "\nclaims: {}",
        if claims.is_empty() {
            "nothing"
        } else {
            &claims
        }
    );
    if !one.metadata.is_empty() {
        let _ = write!(text, "\nmetadata: {}", metadata(one, shown));
    }
    if !one.left_out.is_empty() {
        let most = if shown.all { usize::MAX } else { NAMED };
        let named = one.left_out.iter().take(most);
        let named: Vec<String> = named
            .map(|left| format!("{} ({})", name(&left.name), left.reason))
            .collect();
        let more = and_more(one.left_out.len().saturating_sub(most), shown);
        let _ = write!(text, "\nnot read: {}{more}", named.join(", "));
    }
    let _ = write!(text, "\n\n{}", tensors(one, shown));
    text
}

/// A row for each tensor.
fn tensors(one: &Inspected, shown: Shown<'_>) -> String {
    let most = if shown.all { usize::MAX } else { TENSORS };
    let mut rows: Vec<[String; 5]> = one.tensors.iter().take(most).map(row).collect();
    let more = one.tensors.len().saturating_sub(most);
    if more > 0 {
        let mut row = [const { String::new() }; 5];
        if let Some(first) = row.first_mut() {
            *first = shown.more(more);
        }
        rows.push(row);
    }
    laid_out(["tensor", "type", "shape", "values", "role"], rows, 2..4)
}

fn row(tensor: &Tensor) -> [String; 5] {
    let sides = tensor.shape.as_ref().map(|shape| {
        let sides: Vec<String> = shape.iter().map(u64::to_string).collect();
        if sides.is_empty() {
            "scalar".to_owned()
        } else {
            sides.join(" × ")
        }
    });
    let role = match &tensor.reason {
        Some(reason) => format!("! {}: {reason}", tensor.role.name()),
        None => tensor.role.name().to_owned(),
    };
    [
        printable(&tensor.name),
        shortened(&printable(&tensor.dtype), TEXT),
        sides.unwrap_or_else(|| "?".to_owned()),
        tensor.elements.map_or_else(|| "?".to_owned(), thousands),
        role,
    ]
}

/// What it claims, and where that stands if that is asked for.
fn claims(one: &Inspected, with_place: bool) -> String {
    let number = |what: &str, claim: &Option<Claim<u64>>| {
        let claim = claim.as_ref()?;
        Some((format!("{what} {}", claim.value), claim.from))
    };
    let run = one.run.as_ref();
    let aside = one.aside.as_ref();
    let all = [
        number("epoch", &one.epoch),
        number("step", &one.step),
        run.map(|claim| (format!("run {}", name(&claim.value)), claim.from)),
        aside.map(|claim| (claim.value.description().to_owned(), claim.from)),
    ];
    let all = all.into_iter().flatten();
    let all: Vec<String> = all
        .map(|(what, from)| match with_place {
            true => format!("{what} ({})", place(from)),
            false => what,
        })
        .collect();
    all.join(", ")
}

fn place(from: From) -> &'static str {
    match from {
        From::Metadata => "in the file",
        From::Beside => "in trainer_state.json",
        From::FileName => "file name",
        From::FolderName => "folder name",
        From::Store => "in the store",
    }
}

fn metadata(one: &Inspected, shown: Shown<'_>) -> String {
    let most = if shown.all { usize::MAX } else { 2 * NAMED };
    let entries = one.metadata.iter().take(most);
    let entries: Vec<String> = entries
        .map(|(key, value)| format!("{} = {}", name(key), name(value)))
        .collect();
    let more = one.metadata.len().saturating_sub(most) + one.metadata_not_shown;
    format!("{}{}", entries.join(", "), and_more(more, shown))
}

fn name(text: &str) -> String {
    shortened(&printable(text), TEXT)
}

fn and_more(more: usize, shown: Shown<'_>) -> String {
    match more {
        0 => String::new(),
        more => format!(" and {more} more{}", shown.ask()),
    }
}

fn other(other: &Other) -> String {
    format!(
        "not supported: {}, {} ({}). {}",
        other.what,
        counted(other.count, "file"),
        printable(&other.first.to_string_lossy()),
        other.way_out
    )
}

/// Files that lie beside the checkpoints, by what they are.
fn skipped(found: &Inspection, shown: Shown<'_>) -> Vec<String> {
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for file in found.skipped() {
        let path = printable(&file.path.to_string_lossy());
        reasons.entry(&file.reason).or_default().push(path);
    }
    let most = if shown.all { usize::MAX } else { NAMED };
    let lines = reasons.into_iter().map(|(reason, files)| {
        let named = files.get(..most.min(files.len())).unwrap_or_default();
        let more = and_more(files.len().saturating_sub(most), shown);
        format!("skipped: {}{more}: {reason}", named.join(", "))
    });
    lines.collect()
}
