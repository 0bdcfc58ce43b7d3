//! Which units of which tensors can be permuted together, read off the shapes.

use serde::{Deserialize, Serialize};

use super::modules::orders;
use crate::compare::Pair;

/// Parts of names that say that a layer is not one link of a chain, whatever its shape.
pub(super) const BRANCHES: [&str; 9] = [
    "attn",
    "attention",
    "q_proj",
    "k_proj",
    "v_proj",
    "downsample",
    "shortcut",
    "embed",
    "rnn",
];

/// Why the chain ends before or at a tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    /// The tensor.
    pub tensor: String,
    /// Why.
    pub why: String,
}

/// One tensor as rows of output units, each row cut into blocks, one for each input unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    /// Place among the pairs.
    pub(crate) pair: usize,
    /// Group whose units are the rows.
    pub(crate) output: Option<usize>,
    /// Group whose units are the blocks of a row.
    pub(crate) input: Option<usize>,
    /// Number of rows.
    pub(crate) rows: usize,
    /// Number of blocks per row.
    pub(crate) blocks: usize,
    /// Values per block.
    pub(crate) length: usize,
    /// Whether it is stored as [in, out].
    pub(crate) transposed: bool,
}

/// The units of one hidden layer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Units {
    /// Place of the weight that they are the outputs of.
    pub(crate) pair: usize,
    pub(crate) size: usize,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Chain {
    pub(crate) parts: Vec<Part>,
    pub(crate) groups: Vec<Units>,
    pub(crate) breaks: Vec<Break>,
    /// Whether the first group is a stream that all layers read and write.
    pub(crate) has_stream: bool,
}

/// The last weight, while its outputs wait for a reader.
struct Open {
    pair: usize,
    outputs: usize,
    is_convolution: bool,
    /// Its own part and those of its bias and normalisation.
    parts: Vec<usize>,
}

/// Outputs, inputs, and values of a kernel for a convolution; none for what is no layer.
pub(crate) fn sides(shape: &[usize], transposed: bool) -> Option<(usize, usize, Option<usize>)> {
    match *shape {
        [inputs, outputs] if transposed => Some((outputs, inputs, None)),
        [outputs, inputs] => Some((outputs, inputs, None)),
        [outputs, inputs, height, width] if !transposed => {
            Some((outputs, inputs, Some(height * width)))
        }
        _ => None,
    }
}

/// The chain that explains more: in the order of the modules' names or as the tensors lie, with weights
/// stored as [out, in] or as [in, out]. Names come first where they explain as much, so that the answer
/// does not depend on the order in a file.
pub(crate) fn chain(pairs: &[Pair<'_>]) -> Chain {
    let orders = |transposed| {
        let orders = orders(pairs, transposed).into_iter().enumerate();
        orders.map(move |(place, order)| (place, transposed, order))
    };
    let mut tried: Vec<_> = orders(false).chain(orders(true)).collect();
    tried.sort_by_key(|(place, transposed, _)| (*transposed, *place));
    let mut best: Option<(Chain, usize)> = None;
    for (_, transposed, order) in tried {
        let (chain, links) = read(pairs, &order, transposed);
        if best.as_ref().is_none_or(|(_, most)| links > *most) {
            best = Some((chain, links));
        }
    }
    best.map_or_else(Chain::default, |(chain, _)| chain)
}

/// The chain in this order, if weights are stored as [in, out] (`transposed`) or not, and how many
/// links between weights, and vectors that fit their weight, it explains.
fn read(pairs: &[Pair<'_>], order: &[usize], transposed: bool) -> (Chain, usize) {
    let mut chain = Chain::default();
    let mut links = 0;
    let mut open: Option<Open> = None;
    for &place in order {
        let pair = &pairs[place];
        if let [length] = *pair.shape {
            if let Some(open) = open.as_mut().filter(|open| open.outputs == length) {
                links += 1;
                open.parts.push(chain.parts.len());
                chain.parts.push(Part {
                    pair: place,
                    output: None,
                    input: None,
                    rows: length,
                    blocks: 1,
                    length: 1,
                    transposed: false,
                });
            } else if length > 1 && open.is_some() {
                chain.stop(
                    pair,
                    format!("a vector of {length} fits no layer before it"),
                );
            }
            continue;
        }
        if pair.shape.is_empty() {
            continue;
        }
        let Some((outputs, inputs, kernel)) = sides(pair.shape, transposed) else {
            let why = format!("shape {:?} is no linear layer or convolution", pair.shape);
            chain.stop(pair, why);
            open = None;
            continue;
        };
        let kernel = kernel.unwrap_or(1);
        let lower = pair.name.to_lowercase();
        if let Some(word) = BRANCHES.into_iter().find(|word| lower.contains(word)) {
            chain.stop(
                pair,
                format!("{word:?} in its name: not one link of a chain"),
            );
            open = None;
            continue;
        }
        if outputs == 0 || inputs == 0 || kernel == 0 {
            continue;
        }
        let is_convolution = pair.shape.len() == 4;
        let mut part = Part {
            pair: place,
            output: None,
            input: None,
            rows: outputs,
            blocks: inputs,
            length: kernel,
            transposed,
        };
        match open.take() {
            None => {}
            Some(last) if reads(&last, inputs, is_convolution) => {
                links += 1;
                let group = chain.groups.len();
                part.input = Some(group);
                part.blocks = last.outputs;
                part.length = inputs / last.outputs * kernel;
                for writer in last.parts {
                    chain.parts[writer].output = Some(group);
                }
                chain.groups.push(Units {
                    pair: last.pair,
                    size: last.outputs,
                });
            }
            Some(last) => {
                let before = pairs.get(last.pair).map_or("", |pair| pair.name);
                let why = format!(
                    "{inputs} inputs, but {before:?} before it has {} outputs",
                    last.outputs
                );
                chain.stop(pair, why);
            }
        }
        open = Some(Open {
            pair: place,
            outputs,
            is_convolution,
            parts: vec![chain.parts.len()],
        });
        chain.parts.push(part);
    }
    if chain.groups.is_empty() && chain.breaks.is_empty() {
        let tensor = pairs.last().map_or("", |pair| pair.name).to_owned();
        let why = "there is no hidden layer: no two layers follow each other".to_owned();
        chain.breaks.push(Break { tensor, why });
    }
    (chain, links)
}

/// Whether a layer of so many inputs can read these outputs: as many, or after a convolution a
/// flattened map of each channel.
fn reads(last: &Open, inputs: usize, is_convolution: bool) -> bool {
    inputs == last.outputs
        || last.is_convolution && !is_convolution && inputs.is_multiple_of(last.outputs)
}

impl Chain {
    fn stop(&mut self, pair: &Pair<'_>, why: String) {
        let tensor = pair.name.to_owned();
        self.breaks.push(Break { tensor, why });
    }
}
