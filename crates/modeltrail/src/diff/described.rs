//! Kinds of change, each in a sentence.

use super::lines::significant;
use crate::printable::printable;
use crate::text::{counted, thousands};
use weightspace::compare::Kind;
use weightspace::compare::affine::Affine;
use weightspace::compare::grid::{Grid, Group};
use weightspace::compare::itself::Itself;
use weightspace::compare::lines::{Along, Edit, Lines};
use weightspace::compare::noise::Noise;
use weightspace::compare::rounding::Format;

/// What kind of change it is.
pub(super) fn described(kind: &Kind) -> String {
    match kind {
        Kind::Identical => "identical, bit for bit".to_owned(),
        Kind::Pruned { zeros, share } => format!(
            "pruned: {} weights ({:.1} %) became zero, no other changed",
            thousands(*zeros as u64),
            100.0 * share
        ),
        Kind::Scaled { factor } => format!("scaled: B = {factor:.6} · A"),
        Kind::Affine { tensors } => all_affine(tensors),
        Kind::Lines { tensors } => all_lines(tensors),
        Kind::Sparse {
            changed,
            share,
            tensors,
        } => format!(
            "sparse, of full rank: {} weights changed, {:.1} % of those in {}, and all others are the \
             same bits. Small steps stored in a narrow type leave this, as in reinforcement learning",
            thousands(*changed as u64),
            100.0 * share,
            counted(*tensors, "tensor")
        ),
        Kind::Quantised { grid, tensors } => {
            format!(
                "quantised: {} on a grid, mostly {}",
                counted(*tensors, "tensor"),
                on(grid)
            )
        }
        Kind::LowRank {
            rank,
            tensors,
            energy,
        } => format!(
            "a low-rank update, as LoRA makes: rank {rank} at most, in {} ({:.2} % of the change)",
            counted(*tensors, "tensor"),
            100.0 * energy
        ),
        Kind::Noise { noise } => format!("independent Gaussian noise was added, {}", scale(*noise)),
    }
}

/// Most tensors, and most lines of one, that are named.
const NAMED: usize = 4;

/// Tensors that were multiplied by a number, or had one added.
fn all_affine(tensors: &[(String, Affine)]) -> String {
    let said = tensors.iter().map(|(name, done)| {
        let name = printable(name);
        match done {
            Affine::Times(factor) => format!("{name} × {}", significant(*factor)),
            Affine::Plus(summand) => {
                let sign = if *summand < 0.0 { '−' } else { '+' };
                format!("{name} {sign} {}", significant(summand.abs()))
            }
        }
    });
    format!(
        "every tensor that changed was multiplied by a number or had one added: {}",
        first(said)
    )
}

/// Rows or columns that hold all that changed.
fn all_lines(tensors: &[Lines]) -> String {
    let said = tensors.iter().map(|lines| {
        let along = match (lines.along, lines.lines.len()) {
            (Along::Rows, 1) => "row",
            (Along::Rows, _) => "rows",
            (Along::Columns, 1) => "column",
            (Along::Columns, _) => "columns",
        };
        let numbers = lines.lines.iter().map(usize::to_string);
        let edit = match lines.edit {
            Edit::Flipped => ", of which the sign was turned",
            Edit::Zeroed => ", which became zero",
            Edit::Exchanged => ", which were put in each other's places",
            Edit::Changed => "",
        };
        let name = printable(&lines.tensor);
        format!(
            "{along} {} of {} in {name}{edit}",
            first(numbers),
            thousands(lines.of as u64)
        )
    });
    format!("few rows or columns changed: {}", first(said))
}

/// The first few of some.
fn first(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(NAMED);
    let mut named: Vec<String> = all.take(NAMED).collect();
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    named.join(", ")
}

/// What B is by itself, where A is not; none if there is nothing to say.
pub(super) fn by_itself(found: &Itself) -> Option<String> {
    let mut parts = Vec::new();
    let zeros = found
        .zeros
        .map(|share| format!("{:.0} % of its weights are zero", 100.0 * share));
    parts.extend(zeros);
    let format = found
        .format
        .map(|format| format!("all of its values are values of {}", float(format)));
    parts.extend(format);
    let grid = found
        .grid
        .map(|grid| format!("its matrices lie on a grid, mostly {}", on(&grid)));
    parts.extend(grid);
    (!parts.is_empty()).then(|| format!("B by itself: {}; those of A are not", parts.join("; ")))
}

fn scale(noise: Noise) -> String {
    match noise {
        Noise::Absolute(deviation) => {
            format!(
                "of standard deviation {} in every tensor",
                significant(deviation)
            )
        }
        Noise::Relative(times) => format!(
            "of {} times the root mean square of each tensor",
            significant(times)
        ),
    }
}

pub(crate) fn on(grid: &Grid) -> String {
    match grid {
        Grid::Float(format) => format!("that of {}", float(*format)),
        Grid::Uniform { levels, per } => format!("{levels} even levels per {}", shared(*per)),
        Grid::Codebook { values, per } => format!("{values} uneven levels per {}", shared(*per)),
    }
}

fn float(format: Format) -> &'static str {
    match format {
        Format::E5m2 => "fp8 (e5m2)",
        Format::E4m3 => "fp8 (e4m3)",
        Format::Bf16 => "bfloat16",
        Format::Fp16 => "fp16",
        Format::F32 => "fp32",
    }
}

fn shared(group: Group) -> String {
    match group {
        Group::Tensor => "tensor".to_owned(),
        Group::Row => "row".to_owned(),
        Group::Column => "column".to_owned(),
        Group::Block(values) => format!("block of {values}"),
    }
}
