//! An adapter put onto its model: the model's weights with what the adapter adds to them.
//!
//! What the adapter does not touch is not copied.

use super::held::Sum;
use super::{Held, Single, Values};
use crate::coverage::Unread;
use crate::error::{Error, Result};
use crate::printable::printable;
use checkpoint_store::foreign::Adapter;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What an adapter that is missing something can be helped with.
const WAY_OUT: &str = "Name the model that it was trained on";

impl Single {
    /// The model that this adapter makes of another.
    ///
    /// # Errors
    /// When it is not known how much the adapter counts, or it changes a weight that the model lacks.
    pub(crate) fn onto(&self, adapter: &Adapter, base: &Self) -> Result<Self> {
        let refused = |what: String, way_out| Error::Adapter {
            adapter: self.name.clone(),
            base: base.name.clone(),
            what,
            way_out,
        };
        if let Some(why) = &adapter.not_applicable {
            let way_out =
                "Copy the whole folder of the adapter, or merge it and name the merged model";
            return Err(refused(why.clone(), way_out));
        }
        let places: HashMap<&str, usize> = base
            .tensors
            .iter()
            .enumerate()
            .map(|(place, tensor)| (tensor.name.as_str(), place))
            .collect();
        let unread: HashSet<&str> = base.unread.iter().map(|one| one.tensor.as_str()).collect();
        let is_there = |name: &str| places.contains_key(name) || unread.contains(name);
        let renamed = Renamed::of(adapter, base, &is_there);
        let mut merged = Self {
            name: self.name.clone(),
            left_out: self.left_out.and(base.left_out),
            unread: self.unread.clone(),
            adapter: self.adapter.clone(),
            stored_as: base.stored_as.clone(),
            format: base.format,
            // What is added has no type of its own.
            elements: std::collections::BTreeMap::new(),
            tensors: base.tensors.clone(),
            stored: base.stored.clone(),
            buffers: base.buffers.clone(),
            memory: base.memory,
        };
        let not_read = base.unread.iter().map(|one| Unread {
            checkpoint: self.name.clone(),
            ..one.clone()
        });
        merged.unread.extend(not_read);
        for change in &self.tensors {
            let to = adapter.added.get(&change.name);
            let name = renamed.of_model(to.unwrap_or(&change.name));
            let place = places.get(name.as_str()).copied();
            let tensor = place.and_then(|place| merged.tensors.get_mut(place));
            match (tensor, to) {
                (Some(tensor), Some(_)) => {
                    let values = sum(tensor, change).ok_or_else(|| {
                        let what = format!(
                            "its change of {} is {:?}, and that is {:?}",
                            printable(&name),
                            change.shape,
                            tensor.shape
                        );
                        refused(what, WAY_OUT)
                    })?;
                    if change.values.all()?.iter().any(|value| *value != 0.0) {
                        merged.stored.remove(&name);
                    }
                    tensor.values = values;
                }
                // Its weight is there, and is not known.
                (None, Some(_)) if unread.contains(name.as_str()) => {}
                (None, Some(_)) => {
                    let what = format!("it changes {}, which that does not have", printable(&name));
                    return Err(refused(what, WAY_OUT));
                }
                (Some(tensor), None) => {
                    merged.stored.remove(&name);
                    tensor.shape.clone_from(&change.shape);
                    tensor.values = change.values.clone();
                }
                (None, None) => {
                    merged.unread.retain(|one| one.tensor != name);
                    merged.tensors.push(Values {
                        name,
                        ..change.clone()
                    });
                }
            }
        }
        Ok(merged)
    }
}

/// The weight with what is added; none if that has another shape. A change of the transposed shape is
/// turned round.
fn sum(tensor: &Values, change: &Values) -> Option<Held> {
    let turned = match (tensor.shape.as_slice(), change.shape.as_slice()) {
        (own, added) if own == added => None,
        (&[rows, columns], &[columns_first, rows_last])
            if (rows, columns) == (rows_last, columns_first) =>
        {
            Some([rows, columns])
        }
        _ => return None,
    };
    Some(Held::Sum(Arc::new(Sum {
        own: tensor.values.clone(),
        added: change.values.clone(),
        turned,
    })))
}

/// How names of an adapter's weights become those of the model.
#[derive(Debug, Default)]
struct Renamed {
    /// What is taken away in front.
    without: String,
    /// What is put there.
    with: String,
}

impl Renamed {
    /// The one that finds all weights that are changed in the model, which may have been saved in a
    /// wrapper, or as a part of one.
    fn of(adapter: &Adapter, base: &Single, is_there: &dyn Fn(&str) -> bool) -> Self {
        let found = |renamed: &Self| {
            let mut names = adapter.added.values();
            names.all(|name| is_there(&renamed.of_model(name)))
        };
        let same = Self::default();
        let Some(first) = adapter.added.values().next() else {
            return same;
        };
        if found(&same) {
            return same;
        }
        let shorter = first.match_indices('.').map(|(dot, _)| Self {
            without: first.get(..=dot).unwrap_or_default().to_owned(),
            with: String::new(),
        });
        let names = base.tensors.iter().map(|tensor| tensor.name.as_str());
        let names = names.chain(base.unread.iter().map(|one| one.tensor.as_str()));
        let longer = names.filter_map(|name| {
            let with = name.strip_suffix(first.as_str())?;
            with.ends_with('.').then(|| Self {
                without: String::new(),
                with: with.to_owned(),
            })
        });
        let mut all = shorter.chain(longer.take(64));
        all.find(found).unwrap_or(same)
    }

    fn of_model(&self, name: &str) -> String {
        let rest = name.strip_prefix(&self.without).unwrap_or(name);
        format!("{}{rest}", self.with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(name: &str, shape: &[usize], values: &[f32]) -> Values {
        Values {
            name: name.to_owned(),
            shape: shape.to_vec(),
            values: Held::here(values.to_vec()),
        }
    }

    fn single(tensors: Vec<Values>) -> Single {
        Single {
            name: "model".to_owned(),
            left_out: crate::collection::LeftOut::default(),
            unread: Vec::new(),
            adapter: None,
            stored_as: None,
            format: None,
            elements: std::collections::BTreeMap::new(),
            tensors,
            stored: std::collections::BTreeMap::new(),
            buffers: std::collections::BTreeMap::new(),
            memory: u64::MAX,
        }
    }

    fn adapter(added: &[(&str, &str)]) -> Adapter {
        let added = added.iter();
        Adapter {
            kind: "LoRA".to_owned(),
            rank: 1,
            scale: Some(1.0),
            added: added
                .map(|(name, to)| ((*name).to_owned(), (*to).to_owned()))
                .collect(),
            has_base: false,
            base: None,
            not_applicable: None,
        }
    }

    fn merged(adapter: &Adapter, own: Vec<Values>, base: Vec<Values>) -> Result<Single> {
        single(own).onto(adapter, &single(base))
    }

    #[test]
    fn changes_are_added_and_other_tensors_take_the_place_of_the_models() {
        let adapter = adapter(&[("a.lora", "a.weight")]);
        let own = vec![
            values("a.lora", &[2, 2], &[1.0, 0.0, 0.0, 2.0]),
            values("head", &[1], &[9.0]),
            values("new", &[1], &[8.0]),
        ];
        let base = vec![
            values("a.weight", &[2, 2], &[1.0, 2.0, 3.0, 4.0]),
            values("head", &[1], &[5.0]),
            values("b", &[1], &[6.0]),
        ];
        let merged = merged(&adapter, own, base).unwrap();
        let all: Vec<(&str, Vec<f32>)> = merged
            .tensors
            .iter()
            .map(|tensor| {
                (
                    tensor.name.as_str(),
                    tensor.values.all().unwrap().into_owned(),
                )
            })
            .collect();
        assert_eq!(
            all,
            [
                ("a.weight", vec![2.0, 2.0, 3.0, 6.0]),
                ("head", vec![9.0]),
                ("b", vec![6.0]),
                ("new", vec![8.0]),
            ]
        );
    }

    #[test]
    fn prefixes_and_transposed_weights_do_not_hide_the_model() {
        let change = || values("x.a.lora", &[1, 2], &[1.0, 2.0]);
        let adapter = adapter(&[("x.a.lora", "x.a.weight")]);
        for name in ["x.a.weight", "a.weight", "model.x.a.weight"] {
            let base = vec![values(name, &[2, 1], &[1.0, 1.0])];
            let merged = merged(&adapter, vec![change()], base).unwrap();
            assert_eq!(
                *merged.tensors[0].values.all().unwrap(),
                [2.0, 3.0],
                "{name}"
            );
        }
    }

    #[test]
    fn a_weight_that_the_model_lacks_is_an_error_that_names_it() {
        let own = || vec![values("a.lora", &[2], &[1.0, 2.0])];
        let known = adapter(&[("a.lora", "a.weight")]);
        for base in [
            values("b.weight", &[2], &[0.0; 2]),
            values("a.weight", &[3], &[0.0; 3]),
        ] {
            let error = merged(&known, own(), vec![base]).unwrap_err();
            assert_eq!(error.kind(), "adapter");
            assert!(error.to_string().contains("a.weight"), "{error}");
        }
        let unknown = Adapter {
            not_applicable: Some("nobody knows its scale".to_owned()),
            ..known
        };
        let base = vec![values("a.weight", &[2], &[0.0; 2])];
        let error = merged(&unknown, own(), base).unwrap_err().to_string();
        assert!(error.contains("nobody knows its scale"), "{error}");
    }
}
