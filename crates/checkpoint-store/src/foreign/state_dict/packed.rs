//! Tensors of torchao, which hold their codes and scales as tensors.

use super::super::pickle::{Value, Values};
use super::sharded::filled;

/// Those whose codes are elements; others are packed in ways that are not read.
const CLASSES: [&str; 2] = ["Int8Tensor", "Float8Tensor"];

/// The tensors that a packed one is made of, by what they are; none if it is none that is read.
pub(super) fn parts(values: &Values, value: Value) -> Option<Vec<(&'static str, u32)>> {
    let class = values.class(value)?;
    let is_read = CLASSES.iter().any(|name| class.ends_with(name));
    if !class.starts_with("torchao.") || !is_read {
        return None;
    }
    let state = filled(values, value)?;
    let fields = values
        .sequence(state)
        .unwrap_or(std::slice::from_ref(&state));
    let field = |name: &str| fields.iter().find_map(|&fields| values.get(fields, name));
    // What inputs are scaled with first belongs to the weight, too.
    if matches!(field("act_pre_scale"), Some(Value::Tensor(_))) {
        return None;
    }
    let tensor = |name| match field(name) {
        Some(Value::Tensor(tensor)) => Some((name, tensor)),
        _ => None,
    };
    let mut parts = vec![tensor("qdata")?, tensor("scale")?];
    parts.extend(tensor("zero_point"));
    Some(parts)
}
