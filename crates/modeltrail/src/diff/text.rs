//! The comparison for people.

use super::described::{by_itself, described};
use super::lines::{CANNOT_TELL, MANY, NAMED, SHOWN, lines, significant, unpaired};
use super::merged::Merge;
use super::rounding::Rounded;
use super::verdict::{Beyond, Verdict};
use super::{Diff, Exact, Summary, sketched};
use crate::printable::printable;
use crate::text::{Shown, beside_weights, counted, memory, part, table, thousands, unread};
use std::collections::HashSet;
use std::fmt::Write;
use weightspace::compare::{Change, Kind, TensorChange};

impl Diff {
    /// The answer for people: all tensors, or of many those that changed most.
    pub fn to_text(&self, shown: Shown<'_>) -> String {
        match self {
            Self::Exact(exact) => page(exact, shown),
            Self::Sketched(sketched) => sketched::text::page(sketched, shown),
        }
    }
}

impl std::fmt::Display for Diff {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.to_text(Shown::default()))
    }
}

/// The verdict and what is not as expected, then the tensors, then notes. Of many tensors those that
/// changed most, if not all are asked for.
fn page(found: &Exact, shown: Shown<'_>) -> String {
    let mut text = String::new();
    let most = if shown.all { usize::MAX } else { NAMED };
    let _ = writeln!(text, "verdict: {}", verdict(found));
    for line in beside_verdict(found) {
        let _ = writeln!(text, "{line}");
    }
    if let Some(merge) = &found.merge {
        let _ = writeln!(text, "{}", of_parents(merge));
    }
    if let Some(needed) = found.not_fitted {
        let _ = writeln!(
            text,
            "cannot tell whether it is a merge: fitting it takes {} of memory, which is more than may be used",
            memory(needed)
        );
    }
    let broken = found.frozen.iter().map(|broken| {
        let name = printable(&broken.tensor);
        let what = if broken.is_buffer { "buffer " } else { "" };
        format!("! not frozen: {what}{name} ({})", broken.why)
    });
    lines(&mut text, &broken.collect::<Vec<_>>(), most, shown);
    let _ = writeln!(text, "\n{}", tensors(found, shown));
    for line in found.said.sentences("A", "B") {
        let _ = writeln!(text, "{line}");
    }
    unpaired(
        &mut text,
        &found.only_a,
        &found.only_b,
        &found.reshaped,
        most,
    );
    for single in [&found.a, &found.b] {
        if let Some(note) = beside_weights(single.left_out, 0) {
            let _ = writeln!(text, "{}: {note}", single.name);
        }
    }
    for note in adapters(found) {
        let _ = writeln!(text, "{note}");
    }
    if let Some(note) = found.buffers.to_note() {
        let _ = writeln!(text, "{note}");
    }
    if let Some(note) = unread(&found.coverage) {
        let _ = writeln!(text, "! {note}");
    }
    let bad = found.comparison.tensors.iter();
    let bad = bad.filter(|tensor| tensor.change.non_finite > 0);
    let bad: Vec<String> = bad
        .map(|tensor| {
            let (name, count) = (printable(&tensor.name), tensor.change.non_finite);
            format!("! {name}: {count} values are NaN or infinite")
        })
        .collect();
    lines(&mut text, &bad, most, shown);
    text.trim_end().to_owned()
}

/// What is said of adapters.
fn adapters(found: &Exact) -> Vec<String> {
    let sides = [
        (&found.a, "A", "B", found.onto == Some(false)),
        (&found.b, "B", "A", found.onto == Some(true)),
    ];
    let notes = sides.into_iter().filter_map(|(own, name, other, is_onto)| {
        let adapter = own.adapter.as_ref()?;
        Some(adapter.to_note(name, is_onto.then_some(other)))
    });
    notes.collect()
}

/// The table of tensors.
fn tensors(found: &Exact, shown: Shown<'_>) -> String {
    let all = &found.comparison.tensors;
    let mut listed: Vec<&TensorChange> = all.iter().collect();
    let is_cut = !shown.all && all.len() > MANY;
    let more: HashSet<&str> = found.bytes.more_digits.iter().map(String::as_str).collect();
    let has_changed =
        |tensor: &TensorChange| !tensor.change.identical() || more.contains(tensor.name.as_str());
    if is_cut {
        let size = |tensor: &TensorChange| tensor.change.relative().unwrap_or(f64::INFINITY);
        listed.retain(|tensor| has_changed(tensor));
        listed.sort_by(|a, b| size(b).total_cmp(&size(a)));
        listed.truncate(SHOWN);
    }
    let rows = listed.iter().map(|tensor| {
        let mut row = row(&printable(&tensor.name), &tensor.change);
        if let (true, Some(last)) = (more.contains(tensor.name.as_str()), row.last_mut()) {
            *last = "beyond f32".to_owned();
        }
        row
    });
    let mut total = row("all", &found.comparison.total);
    if let (false, Some(last)) = (more.is_empty(), total.last_mut())
        && found.comparison.total.identical()
    {
        *last = "beyond f32".to_owned();
    }
    let first = if is_cut { "changed most" } else { "tensor" };
    let titles = [
        first,
        "weights",
        "distance ÷ ‖a‖",
        "angle",
        "norm",
        "changed",
    ];
    let mut text = format!("{}\n", table(titles, rows.chain([total])));
    if is_cut {
        let changed = all.iter().filter(|tensor| has_changed(tensor)).count();
        let _ = writeln!(
            text,
            "{} of {} changed, and {} are the same bits; shown are {}{}",
            thousands(changed as u64),
            counted(all.len(), "tensor"),
            thousands((all.len() - changed) as u64),
            thousands(listed.len() as u64),
            shown.ask()
        );
    }
    text
}

fn row(name: &str, change: &Change) -> [String; 6] {
    if change.identical() {
        let count = thousands(change.elements as u64);
        return [name, &count, "0", "0°", "+0 %", "frozen"].map(str::to_owned);
    }
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    [
        name.to_owned(),
        thousands(change.elements as u64),
        or_dash(change.relative().map(significant)),
        or_dash(
            change
                .angle()
                .map(|angle| format!("{}°", significant(angle.to_degrees()))),
        ),
        or_dash(
            change
                .norm_change()
                .map(|change| format!("{:+.2} %", 100.0 * change)),
        ),
        share(change),
    ]
}

/// A share that is never shown as all or nothing when it is not.
fn share(change: &Change) -> String {
    let percent = 100.0 * change.share_changed();
    match percent {
        _ if change.changed == change.elements => "all".to_owned(),
        _ if percent > 99.9 => ">99.9 %".to_owned(),
        _ if percent < 0.1 => "<0.1 %".to_owned(),
        _ => format!("{percent:.1} %"),
    }
}

/// What holds beside the verdict: frozen tensors, stored types, and what B is by itself.
fn beside_verdict(found: &Exact) -> Vec<String> {
    let mut lines = Vec::new();
    let tensors = &found.comparison.tensors;
    let more: HashSet<&str> = found.bytes.more_digits.iter().map(String::as_str).collect();
    let is_frozen =
        |tensor: &&TensorChange| tensor.change.identical() && !more.contains(tensor.name.as_str());
    let frozen: Vec<&TensorChange> = tensors.iter().filter(is_frozen).collect();
    if !frozen.is_empty() && frozen.len() < tensors.len() {
        let weights: usize = frozen.iter().map(|tensor| tensor.change.elements).sum();
        lines.push(format!(
            "frozen: {} of {} are the same bits, {} of the weights",
            thousands(frozen.len() as u64),
            counted(tensors.len(), "tensor"),
            part(weights as f64 / found.comparison.total.elements.max(1) as f64)
        ));
    }
    if let (Some(a), Some(b)) = (&found.a.stored_as, &found.b.stored_as)
        && a != b
    {
        lines.push(format!("stored as {b}, where A is stored as {a}"));
    }
    let is_said = found.verdict.is_none() && found.rounded.as_ref().is_some_and(Rounded::is_all);
    if let Some(rounded) = found.rounded.as_ref().filter(|_| !is_said) {
        lines.push(rounded.to_note(&first));
    }
    lines.extend(by_itself(&found.itself));
    lines
}

/// What kind of change it is, in a sentence.
fn verdict(found: &Exact) -> String {
    let total = &found.comparison.total;
    if total.elements == 0 && !found.said.ambiguous.is_empty() {
        return "cannot tell which tensor of A is which of B: neither names nor values say it"
            .to_owned();
    }
    if total.elements == 0 {
        return "no tensor is in both with one shape: these are different models".to_owned();
    }
    if total.non_finite > 0 {
        return "none, since weights are NaN or infinite".to_owned();
    }
    let is_partial = found.share < 1.0;
    let suffix = if is_partial {
        " (of what both have)"
    } else {
        ""
    };
    let said = match &found.verdict {
        Some(Verdict::Kind(Kind::Identical)) => identical(found),
        Some(Verdict::Kind(kind)) => format!("{}{suffix}", described(kind)),
        Some(Verdict::Beyond(beyond)) => beyond_numbers(found, beyond),
        None if are_same_products(found) => {
            "the same changes but for rounding: both adapters multiply out to the same, whatever their \
             factors are"
                .to_owned()
        }
        None => match found.rounded.as_ref().filter(|rounded| rounded.is_all()) {
            Some(rounded) => format!("{}{suffix}", rounded.to_note(&first)),
            None => format!("{}{suffix}", unexplained(found)),
        },
    };
    if found.is_other_architecture() {
        return format!(
            "another architecture: only {} of the weights are in both. In these: {said}",
            part(found.share)
        );
    }
    said
}

/// All bits are the same, under whatever names.
fn identical(found: &Exact) -> String {
    let same = if found.buffers.has_changed() {
        "the weights are the same, bit for bit, and buffers changed"
    } else {
        "identical, bit for bit"
    };
    let same = match found.bytes.unread.same.len() {
        0 => same.to_owned(),
        count => format!(
            "{same}; the bytes of {} that could not be read are the same too",
            counted(count, "tensor")
        ),
    };
    if found.said.has_other_names() {
        format!("the same model under other names: {same}")
    } else if found.is_renamed {
        format!("the same model, stored in another way: {same}")
    } else {
        same
    }
}

/// What the numbers that are compared do not show alone.
fn beyond_numbers(found: &Exact, beyond: &Beyond) -> String {
    match beyond {
        Beyond::CannotTell if found.coverage.is_complete() => {
            "cannot tell: the same as f32, and one or both are stored with more digits that are not \
             known to be the same"
                .to_owned()
        }
        Beyond::CannotTell => CANNOT_TELL.to_owned(),
        Beyond::IdenticalInCommon { share } => format!(
            "identical in all that both have, {} of the weights{}",
            part(*share),
            if found.said.has_other_names() {
                "; some have other names"
            } else {
                ""
            }
        ),
        Beyond::IdenticalInAnotherOrder { tensors } => format!(
            "the same tensors under other names, but {} of them in another order of their numbers: the same \
             model only if B counts its layers otherwise",
            thousands(*tensors as u64)
        ),
        Beyond::ChangedBeyondF32 { tensors } => format!(
            "changed, by less than f32 shows: {} of f64 are the same as f32 and differ in further digits \
             ({})",
            counted(*tensors, "tensor"),
            first(&found.bytes.more_digits)
        ),
        Beyond::ChangedByUnknownAmount { tensors } => format!(
            "changed, by an unknown amount: the bytes of {} that could not be read differ ({}), and all \
             others are the same",
            counted(*tensors, "tensor"),
            first(&found.bytes.unread.changed)
        ),
    }
}

/// The first few names.
fn first(names: &[String]) -> String {
    const NAMED: usize = 4;
    let named: Vec<String> = names
        .iter()
        .take(NAMED)
        .map(|name| printable(name))
        .collect();
    match names.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{}, and {more} more", named.join(", ")),
    }
}

/// Whether both are adapters that add the same, as near as factors of f32 multiply out.
fn are_same_products(found: &Exact) -> bool {
    const ROUNDING: f64 = 2e-5;
    let is_adapter = |side: &Summary| side.adapter.as_ref().is_some_and(|adapter| adapter.merged);
    let is_near = |change: &Change| {
        change
            .relative()
            .is_some_and(|relative| relative < ROUNDING)
    };
    let mut tensors = found.comparison.tensors.iter();
    let is_all = found.only_a.is_empty() && found.only_b.is_empty() && found.reshaped.is_empty();
    found.onto.is_none()
        && is_all
        && is_adapter(&found.a)
        && is_adapter(&found.b)
        && tensors.all(|tensor| tensor.change.identical() || is_near(&tensor.change))
}

/// B as a combination of others, or that it is none.
fn of_parents(merge: &Merge) -> String {
    let left = if merge.nearest > 0.0 {
        100.0 * merge.residual / merge.nearest
    } else {
        0.0
    };
    let parents = merge.parents.iter();
    let parents: Vec<String> = parents
        .map(|parent| format!("{:.3} · {}", parent.coefficient, parent.name))
        .collect();
    if let Some(parent) = &merge.returned {
        return format!("B is {parent}, bit for bit");
    }
    if let Some(slerp) = merge.slerp {
        let names: Vec<&str> = merge
            .parents
            .iter()
            .map(|parent| parent.name.as_str())
            .collect();
        return format!(
            "a merge by SLERP: every tensor of B lies {:.3} of the way from {} on the sphere",
            slerp.t,
            names.join(" to ")
        );
    }
    if let Some((base, ties)) = &merge.ties {
        return format!(
            "a merge by TIES: B is {base} with {:.3} times the elected mean of what the others changed \
             in it, in {:.1} % of the weights ({:.1} % explained)",
            ties.lambda,
            100.0 * ties.density,
            100.0 * ties.explained
        );
    }
    let what = match merge.is_merge {
        Some(true) => "a merge: B =",
        Some(false) => "not a merge of these, straight, by SLERP or by TIES: at best B =",
        None => "cannot tell whether it is a merge: in the tensors that could be read, at best B =",
    };
    format!(
        "{what} {}, which leaves {} % of the distance to the nearest",
        parents.join(" + "),
        significant(left)
    )
}

fn unexplained(found: &Exact) -> String {
    let none =
        "training, or another run: not rounding, pruning, scaling, noise or a low-rank update";
    if let Some(needed) = found.not_aligned {
        return format!(
            "{none}. Whether hidden units are in another order is not known: looking for them takes {} of \
             memory, which is more than may be used",
            memory(needed)
        );
    }
    let Some(alignment) = &found.alignment else {
        return none.to_owned();
    };
    let (before, after) = (significant(alignment.before), significant(alignment.after));
    if alignment.is_permuted() {
        let layers = alignment.groups.iter().filter(|group| group.moved() > 0);
        let layers: Vec<String> = layers
            .map(|group| {
                format!(
                    "{} of {} in {}",
                    group.moved(),
                    group.permutation.len(),
                    printable(&group.layer)
                )
            })
            .collect();
        return format!(
            "B is A, or near it, with hidden units in another order ({}): distance {before} falls to \
             {after} once they are put back. The table shows them as they are stored",
            layers.join(", ")
        );
    }
    if !alignment.is_aligned() {
        return format!("{none}; permuted units could not be looked for");
    }
    format!("{none}, and not permuted units (distance {before}, {after} at best)")
}

#[cfg(test)]
mod tests {
    use super::significant;

    #[test]
    fn numbers_keep_three_digits() {
        let texts = [0.0, 0.012_345, 1.234_5, 123.45, 1234.5, 1e-7].map(significant);
        assert_eq!(texts, ["0", "0.0123", "1.23", "123", "1234", "1.00e-7"]);
    }
}
