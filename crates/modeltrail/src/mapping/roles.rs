//! What the names of projections say that they are.

use super::names::leaf;
use std::collections::BTreeMap;

/// Projections that are stored together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Set {
    QueryKeyValue,
    KeyValue,
    GateUp,
}

/// What a part of a name says that the tensor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// One of a set: the first, the second, …
    One(Set, usize),
    /// All of a set.
    All(Set),
}

fn role(part: &str) -> Option<Role> {
    use Role::{All, One};
    use Set::{GateUp, KeyValue, QueryKeyValue};
    Some(match part.to_ascii_lowercase().as_str() {
        "q_proj" | "query" | "q" | "to_q" | "q_lin" | "wq" | "query_proj" | "q_linear" => {
            One(QueryKeyValue, 0)
        }
        "k_proj" | "key" | "k" | "to_k" | "k_lin" | "wk" | "key_proj" | "k_linear" => {
            One(QueryKeyValue, 1)
        }
        "v_proj" | "value" | "v" | "to_v" | "v_lin" | "wv" | "value_proj" | "v_linear" => {
            One(QueryKeyValue, 2)
        }
        "qkv" | "qkv_proj" | "query_key_value" | "c_attn" | "in_proj" | "wqkv" | "to_qkv"
        | "attn_qkv" | "w_qkv" | "qkv_linear" | "w_pack" | "qkv_net" => All(QueryKeyValue),
        "kv" | "kv_proj" | "to_kv" | "key_value" | "wkv" | "w_kv" | "kv_linear" => All(KeyValue),
        "gate_proj" | "gate" | "w1" | "wi_0" => One(GateUp, 0),
        "up_proj" | "up" | "w3" | "wi_1" => One(GateUp, 1),
        "gate_up_proj" | "gate_up" | "w13" | "gate_and_up_proj" | "up_gate_proj" => All(GateUp),
        _ => return None,
    })
}

/// Where a tensor stands, and what it is there: what is before the part that says so, and what is
/// after it.
fn placed(name: &str) -> Option<(Role, String, String)> {
    let parts = super::names::parts(name);
    for (at, part) in parts.iter().enumerate().rev() {
        let before = parts.get(..at).unwrap_or_default().join(".");
        if let Some(role) = role(part) {
            let after = parts.get(at + 1..).unwrap_or_default();
            let last = after.last().map_or("weight", |last| leaf(last));
            return Some((role, before, last.to_owned()));
        }
        // As `in_proj_weight`.
        let split = part.rsplit_once('_');
        if let Some((word, last @ ("weight" | "bias"))) = split
            && let Some(role) = role(word)
        {
            return Some((role, before, last.to_owned()));
        }
    }
    None
}

/// The tensors of one set at one place: those of its parts, in order.
#[derive(Debug, Clone)]
pub(super) struct Split {
    pub(super) set: Set,
    pub(super) before: String,
    pub(super) last: String,
    pub(super) tensors: Vec<usize>,
}

/// A tensor of a whole set.
#[derive(Debug, Clone)]
pub(super) struct Whole {
    pub(super) set: Set,
    pub(super) before: String,
    pub(super) last: String,
    pub(super) tensor: usize,
}

/// The whole tensors and the sets of parts among these names.
pub(super) fn found<'a>(names: impl Iterator<Item = (usize, &'a str)>) -> (Vec<Whole>, Vec<Split>) {
    let mut wholes = Vec::new();
    let mut splits: BTreeMap<(Set, String, String), Vec<(usize, usize)>> = BTreeMap::new();
    for (tensor, name) in names {
        match placed(name) {
            Some((Role::All(set), before, last)) => wholes.push(Whole {
                set,
                before,
                last,
                tensor,
            }),
            Some((Role::One(set, at), before, last)) => {
                splits
                    .entry((set, before, last))
                    .or_default()
                    .push((at, tensor));
            }
            None => {}
        }
    }
    let splits = splits
        .into_iter()
        .flat_map(|((set, before, last), tensors)| {
            let split = |set, wanted: &[usize]| {
                let tensor = |at: &usize| tensors.iter().find(|(own, _)| own == at);
                let tensors = wanted.iter().map(|at| Some(tensor(at)?.1));
                Some(Split {
                    set,
                    before: before.clone(),
                    last: last.clone(),
                    tensors: tensors.collect::<Option<_>>()?,
                })
            };
            let (all, some) = match set {
                Set::QueryKeyValue => (split(set, &[0, 1, 2]), split(Set::KeyValue, &[1, 2])),
                Set::KeyValue | Set::GateUp => (split(set, &[0, 1]), None),
            };
            all.into_iter().chain(some).collect::<Vec<_>>()
        });
    (wholes, splits.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_projection_is() {
        let whole = |name| placed(name).map(|(role, before, last)| (role, before + "|" + &last));
        let all = Role::All(Set::QueryKeyValue);
        assert_eq!(
            whole("h.0.attn.c_attn.weight"),
            Some((all, "h.0.attn|weight".to_owned()))
        );
        assert_eq!(
            whole("self_attn.in_proj_bias"),
            Some((all, "self_attn|bias".to_owned()))
        );
        assert_eq!(
            whole("layers.3.mlp.up_proj.weight"),
            Some((Role::One(Set::GateUp, 1), "layers.3.mlp|weight".to_owned()))
        );
        assert_eq!(
            whole("l/0/query/kernel"),
            Some((Role::One(Set::QueryKeyValue, 0), "l.0|weight".to_owned()))
        );
        assert_eq!(whole("fc1.weight"), None);
    }
}
