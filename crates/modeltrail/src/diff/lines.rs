//! What the comparisons of weights and of sketches have in common, as people and programs read them.

use crate::text::{Shown, few, thousands};
use std::fmt::Write;

/// What this document is; a change that breaks readers gets another number.
pub(super) const SCHEMA: &str = "modeltrail.diff/1";
/// More tensors than this are summed up, if not all are asked for.
pub(super) const MANY: usize = 60;
/// So many of many are shown: those that changed most.
pub(super) const SHOWN: usize = 20;
/// Most names, and most lines of one kind, that are not the answer itself.
pub(super) const NAMED: usize = 8;
/// The verdict where tensors could not be read.
pub(super) const CANNOT_TELL: &str =
    "cannot tell: some tensors could not be read, and no verdict is given on the others alone";

/// The first few of many lines of one kind.
pub(super) fn lines(text: &mut String, lines: &[String], most: usize, shown: Shown<'_>) {
    for line in lines.iter().take(most) {
        let _ = writeln!(text, "{line}");
    }
    let more = lines.len().saturating_sub(most);
    if more > 0 {
        let _ = writeln!(
            text,
            "! {} more like these{}",
            thousands(more as u64),
            shown.ask()
        );
    }
}

/// Tensors that have no counterpart, the first few of many.
pub(super) fn unpaired(
    text: &mut String,
    only_a: &[String],
    only_b: &[String],
    reshaped: &[String],
    most: usize,
) {
    let named = [
        ("only in A", only_a),
        ("only in B", only_b),
        ("of another shape in B", reshaped),
    ];
    for (what, names) in named.into_iter().filter(|(_, names)| !names.is_empty()) {
        let names = few(names.iter().map(String::as_str), most);
        let _ = writeln!(text, "{what}: {names}");
    }
}

/// Three significant digits.
pub(super) fn significant(value: f64) -> String {
    let size = value.abs();
    match size {
        0.0 => "0".to_owned(),
        _ if !(1e-3..1e4).contains(&size) => format!("{value:.2e}"),
        _ => {
            let places = (2 - size.log10().floor() as i32).clamp(0, 6);
            format!("{value:.*}", usize::try_from(places).unwrap_or(0))
        }
    }
}
