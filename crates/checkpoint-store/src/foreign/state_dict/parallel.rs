//! Whether a file says that it is a part of a model that was cut by tensor or pipeline parallelism.

use crate::Error;
use crate::foreign::pickle::{Value, Values};
use crate::foreign::source::{Source, quoted};

/// Fields of DeepSpeed, which stand beside the model, and of Megatron, which stand in its arguments.
const BESIDE: [&str; 1] = ["mp_world_size"];
const ARGUMENTS: [&str; 3] = [
    "tensor_model_parallel_size",
    "pipeline_model_parallel_size",
    "model_parallel_size",
];

/// The field that says so, and of how many parts.
pub(super) fn of(values: &Values, root: Value) -> Option<(&'static str, i64)> {
    let arguments = values.get(root, "args");
    let said = |mapping: Option<Value>, field: &'static str| match values.get(mapping?, field) {
        Some(Value::Int(count)) if count > 1 => Some((field, count)),
        _ => None,
    };
    let beside = BESIDE.iter().find_map(|field| said(Some(root), field));
    beside.or_else(|| ARGUMENTS.iter().find_map(|field| said(arguments, field)))
}

/// The error for such a part.
pub(super) fn part(source: &Source, field: &str, count: i64) -> Error {
    source.unsupported(
        format!(
            "it is one of {count} parts of one model that was cut by tensor or pipeline parallelism ({} says \
             so), and how they are joined does not stand in them",
            quoted(field)
        ),
        "Join them with the tool of the program that wrote them, and name the file that it writes",
    )
}
