//! Finding the weights of the model among the values of a training checkpoint.

mod effort;
mod fields;
mod found;
mod keys;
mod packed;
mod parallel;
mod search;
mod sharded;

use super::pickle::{Numbers, Value, Values};
use super::source::{Source, foreign, quoted};
use super::tensor::LeftOut;
use crate::limits::Limits;
use crate::{Error, Fault, Result};
use effort::Effort;
pub(super) use fields::note;
pub(super) use found::StateDict;
pub(super) use keys::{is_model_key, is_other};
use search::Search;

/// Finds the tensors of the model under this value. `stem` names a tensor that was saved alone.
///
/// # Errors
/// [`Fault::Unsupported`](crate::Fault::Unsupported) naming the classes in the file, if there is
/// no model; [`Fault::TooLarge`](crate::Fault::TooLarge) for what the limits do not allow.
pub(super) fn find(
    values: &Values,
    root: Value,
    source: &Source,
    stem: &str,
    limits: &Limits,
) -> Result<StateDict> {
    let mut search = Search {
        values,
        source,
        limits,
        effort: Effort::new(source, limits),
        found: StateDict::default(),
    };
    let model = search.model(root)?;
    // What torch.optim saves has this form, and tensors of the sizes of the weights.
    if values.get(root, "param_groups").is_some() && values.get(root, "state").is_some() {
        let left_out = [LeftOut {
            name: "state".to_owned(),
            why: "is the state of an optimiser".to_owned(),
        }];
        return Err(without_model(values, source, &left_out));
    }
    search.collect(model, &mut String::new(), 0)?;
    let mut found = search.found;
    if found.tensors.is_empty() && found.unread.is_empty() && found.parts.is_empty() {
        return Err(without_model(values, source, &found.left_out));
    }
    if found.parts.is_empty()
        && let Some((field, count)) = parallel::of(values, root)
    {
        return Err(parallel::part(source, field, count));
    }
    for (name, _, _) in &mut found.tensors {
        if name.is_empty() {
            stem.clone_into(name);
        }
    }
    Ok(found)
}

/// The error for a file without a model, naming what it holds instead.
fn without_model(values: &Values, source: &Source, left_out: &[LeftOut]) -> Error {
    let mut classes: Vec<String> = Vec::new();
    for class in values.classes() {
        if classes.len() < 3 && !classes.contains(&class) {
            classes.push(class);
        }
    }
    let classes: Vec<String> = classes.iter().map(|class| quoted(class)).collect();
    let what = match (left_out.first(), classes.is_empty()) {
        (Some(first), _) => format!(
            "there is no model in it, only what a training keeps beside one ({})",
            quoted(&first.name)
        ),
        (None, false) => format!(
            "there is no model in it that can be read without running code; it holds objects of {}",
            classes.join(", ")
        ),
        (None, true) => "there is no model in it".to_owned(),
    };
    // An object that may be a model is not the same as a file that has no room for one.
    let is_float = |numbers: &Numbers| match numbers {
        Numbers::Read(element) => element.is_float(),
        Numbers::Unread { .. } => true,
    };
    let has_floats = values
        .tensors
        .iter()
        .any(|tensor| is_float(&tensor.numbers));
    let fault = if left_out.is_empty() && has_floats {
        Fault::Unsupported
    } else {
        Fault::NoModel
    };
    foreign(
        source.path(),
        fault,
        what,
        "Save the weights alone: torch.save(model.state_dict(), …)",
    )
}
