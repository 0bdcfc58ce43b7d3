//! Kinds of change, each in a sentence.

use super::lines::significant;
use crate::text::{counted, thousands};
use weightspace::compare::Kind;
use weightspace::compare::grid::{Grid, Group};
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

fn on(grid: &Grid) -> String {
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
