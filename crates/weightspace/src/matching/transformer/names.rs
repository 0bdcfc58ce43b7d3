//! What the names of tensors say: where a block is, what is attention, what writes to the stream.

use super::parent;

/// Parts of names of attention.
const ATTENTION: [&str; 12] = [
    "attn",
    "attention",
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "qkv",
    "to_q",
    "to_k",
    "to_v",
    "to_out",
    "query",
];
/// What modules are called that write to the residual stream.
const WRITERS: [&str; 20] = [
    "o_proj",
    "out_proj",
    "c_proj",
    "to_out",
    "out_lin",
    "proj",
    "wo",
    "o",
    "dense",
    "out",
    "down_proj",
    "down",
    "fc2",
    "w2",
    "lin2",
    "output",
    "dense_4h_to_h",
    "fc_out",
    "linear2",
    "ffn_down",
];
/// What a name says of a tensor in a block.
pub(super) struct InBlock<'a> {
    /// The part of the name up to its number: `model.layers`.
    pub(super) stack: &'a str,
    pub(super) number: u64,
    pub(super) rest: &'a str,
}

/// The first number in a name is that of a block.
pub(super) fn in_block(name: &str) -> Option<InBlock<'_>> {
    let mut start = 0;
    for word in name.split(['.', '/']) {
        let end = start + word.len();
        if let (Ok(number), Some(rest)) = (word.parse(), name.get(end + 1..)) {
            let stack = name.get(..start.saturating_sub(1)).unwrap_or_default();
            return Some(InBlock {
                stack,
                number,
                rest,
            });
        }
        start = end + 1;
    }
    None
}

pub(super) fn is_attention(rest: &str) -> bool {
    let lower = rest.to_lowercase();
    ATTENTION.iter().any(|word| lower.contains(word))
        || ["q", "k", "v", "o", "wq", "wk", "wv"]
            .iter()
            .any(|word| module(&lower) == *word)
}

/// What a module is called, without the numbers of containers.
fn module(name: &str) -> &str {
    let words = parent(name).rsplit(['.', '/']);
    let mut words = words.filter(|word| word.parse::<u64>().is_err());
    words.next().unwrap_or_default()
}

pub(super) fn is_writer(name: &str) -> bool {
    let lower = name.to_lowercase();
    // BERT's intermediate layer reads, and is called as its writers are.
    WRITERS.contains(&module(&lower)) && !lower.contains("intermediate")
}

/// The part of a name up to the number of an expert; empty where there is none.
pub(super) fn expert(rest: &str) -> &str {
    let end = rest.find("experts.").and_then(|at| {
        let after = at + "experts.".len();
        let digits = rest[after..].find(|sign: char| !sign.is_ascii_digit())?;
        Some(after + digits)
    });
    rest.get(..end.unwrap_or(0)).unwrap_or_default()
}
