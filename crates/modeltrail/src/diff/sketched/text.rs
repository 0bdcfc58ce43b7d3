//! What sketches show of a change, for people.

use super::{Row, Sketched};
use crate::diff::lines::{CANNOT_TELL, MANY, NAMED, SHOWN, lines, significant, unpaired};
use crate::printable::printable;
use crate::text::{Shown, beside_weights, counted, table, thousands, unread};
use std::fmt::Write;

/// The comparison for people.
pub(crate) fn page(found: &Sketched, shown: Shown<'_>) -> String {
    let most = if shown.all { usize::MAX } else { NAMED };
    let mut text = String::new();
    let verdict = match (found.verdict, found.tensors.is_empty()) {
        (Some(_), _) if !found.coverage.is_complete() => CANNOT_TELL,
        (Some(_), _) => "identical, bit for bit, but for a chance of about 10⁻¹⁹",
        (None, true) if !found.not_finite.is_empty() => "none, since weights are NaN or infinite",
        (None, true) => "no tensor is in both with one shape: these are different models",
        (None, false) => {
            "none: sketches show how far each tensor moved and which did not change, but not the \
             kind of change"
        }
    };
    let _ = writeln!(text, "verdict: {verdict}");
    let broken = found.not_frozen.iter().map(|broken| {
        let name = printable(&broken.tensor);
        format!("! not frozen: {name} ({})", broken.why)
    });
    lines(&mut text, &broken.collect::<Vec<_>>(), most, shown);
    let mut listed: Vec<&Row> = found.tensors.iter().collect();
    let is_cut = !shown.all && listed.len() > MANY;
    if is_cut {
        let size = |row: &Row| row.relative_distance.unwrap_or(f64::INFINITY);
        listed.retain(|row| !row.frozen);
        listed.sort_by(|a, b| size(b).total_cmp(&size(a)));
        listed.truncate(SHOWN);
    }
    let rows = listed.iter().map(|row| cells(&printable(&row.name), row));
    let all = cells("all", &found.total);
    let first = if is_cut { "changed most" } else { "tensor" };
    let titles = [first, "weights", "distance ÷ ‖a‖", "±", "norm", ""];
    let _ = writeln!(text, "\n{}", table(titles, rows.chain([all])));
    if is_cut {
        let changed = found.tensors.iter().filter(|row| !row.frozen).count();
        let _ = writeln!(
            text,
            "{} of {} changed; shown are {}{}",
            thousands(changed as u64),
            counted(found.tensors.len(), "tensor"),
            thousands(listed.len() as u64),
            shown.ask()
        );
    }
    text.push('\n');
    for line in found
        .mapping
        .iter()
        .flat_map(|said| said.sentences("A", "B"))
    {
        let _ = writeln!(text, "{line}");
    }
    unpaired(
        &mut text,
        &found.only_a,
        &found.only_b,
        &found.reshaped,
        most,
    );
    for one in [&found.a, &found.b] {
        if let Some(note) = beside_weights(one.left_out, 0) {
            let _ = writeln!(text, "{}: {note}", one.name);
        }
    }
    let bad = found.not_finite.iter().map(|bad| {
        let name = printable(&bad.tensor);
        let side = bad.checkpoint.to_uppercase();
        format!(
            "! {name}: {} values of {side} are NaN or infinite",
            bad.values
        )
    });
    lines(&mut text, &bad.collect::<Vec<_>>(), most, shown);
    if let Some(note) = unread(&found.coverage) {
        let _ = writeln!(text, "! {note}");
    }
    text.push_str("From sketches: ± is one standard error at most.");
    text
}

fn cells(name: &str, row: &Row) -> [String; 6] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    [
        name.to_owned(),
        thousands(row.elements),
        or_dash(row.relative_distance.map(significant)),
        if row.frozen {
            "exact".to_owned()
        } else {
            format!("{:.1} %", 100.0 * row.error)
        },
        or_dash(
            row.norm_change
                .map(|change| format!("{:+.2} %", 100.0 * change)),
        ),
        if row.frozen { "frozen" } else { "changed" }.to_owned(),
    ]
}
