//! Which tensors of a model are one packed weight.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::config::Config;
use super::methods;
use super::{Lay, Packed};
use crate::foreign::contents::Contents;
use crate::foreign::element::{Element, Packing};
use crate::foreign::place::Order;
use crate::foreign::shape::count;
use crate::foreign::source::Source;
use crate::foreign::stored::{Made, Stored};
use crate::foreign::tensor::{Declared, ForeignTensor, role};
use crate::limits::Limits;

/// The tensors of a model by their names, and what is known of their packing.
pub(super) struct Set<'a> {
    by_name: HashMap<&'a str, &'a Stored>,
    pub(super) config: Option<Config>,
    pub(super) sources: &'a [Source],
    pub(super) limits: &'a Limits,
}

/// A packed weight.
pub(super) struct Found {
    pub(super) name: String,
    pub(super) shape: Vec<u64>,
    pub(super) packing: Packing,
    pub(super) packed: Packed,
    /// The tensors that it is made of.
    pub(super) of: Vec<String>,
}

/// Names of tensors that tell of a packed weight: how they end.
const TELLING: [&str; 9] = [
    "qweight",
    ".absmax",
    ".SCB",
    "weight_packed",
    "_scale",
    "_scale_inv",
    "_scales",
    ".scales",
    "_qdata",
];

/// Puts one tensor in the place of those that a packed weight is made of, where it is known how to read
/// them. Those that are not stay, to be set apart.
pub(in crate::foreign) fn put_together(
    path: &Path,
    sources: &[Source],
    contents: &mut Contents,
    limits: &Limits,
) {
    let is_telling = |name: &str| TELLING.iter().any(|end| name.ends_with(end));
    if !contents
        .tensors
        .iter()
        .any(|stored| is_telling(&stored.tensor.name))
    {
        return;
    }
    let tensors = std::mem::take(&mut contents.tensors);
    let whole = tensors
        .iter()
        .filter(|stored| stored.made == Made::Whole && stored.place.order == Order::RowMajor);
    let set = Set {
        by_name: whole
            .map(|stored| (stored.tensor.name.as_str(), stored))
            .collect(),
        config: Config::beside(path, limits),
        sources,
        limits,
    };
    // By the first of the tensors that each is made of, which it takes the place of.
    let mut found: HashMap<String, Stored> = HashMap::new();
    let mut used: HashSet<String> = HashSet::new();
    let mut names: HashSet<&str> = tensors
        .iter()
        .map(|stored| stored.tensor.name.as_str())
        .collect();
    for stored in &tensors {
        let name = stored.tensor.name.as_str();
        let one = is_telling(name)
            .then(|| methods::packed(name, &set))
            .flatten();
        let Some(one) = one.filter(Found::is_sound) else {
            continue;
        };
        let is_free = one.of.iter().all(|name| !used.contains(name))
            && (!names.contains(one.name.as_str()) || one.of.contains(&one.name));
        let Some(first) = one.of.first().filter(|_| is_free).cloned() else {
            continue;
        };
        used.extend(one.of.iter().cloned());
        for name in &one.of {
            names.remove(name.as_str());
        }
        found.insert(first, one.stored());
    }
    contents.tensors = tensors
        .into_iter()
        .filter_map(|stored| match found.remove(&stored.tensor.name) {
            Some(found) => Some(found),
            None => (!used.contains(&stored.tensor.name)).then_some(stored),
        })
        .collect();
}

impl<'a> Set<'a> {
    /// The tensor of this name that is stored as it is.
    pub(super) fn get(&self, name: &str) -> Option<&'a Stored> {
        self.by_name.get(name).copied()
    }

    /// All numbers of a small tensor; none if it is not small.
    pub(super) fn numbers(&self, stored: &Stored) -> Option<Vec<f32>> {
        /// More than a codebook has.
        const MOST: u64 = 4096;
        if stored.tensor.elements() > MOST {
            return None;
        }
        super::factor::whole(stored, self.sources, self.limits).ok()
    }
}

impl Found {
    /// Whether there are as many codes as the shape needs.
    fn is_sound(&self) -> bool {
        let packed = &self.packed;
        let [rows @ .., units] = packed.codes.tensor.shape.as_slice() else {
            return false;
        };
        let rows = count(rows).and_then(|rows| rows.checked_mul(packed.rows_of_one()));
        let all = rows.and_then(|rows| rows.checked_mul(packed.columns));
        let bits = units.checked_mul(8 * packed.codes.tensor.element.bytes());
        let enough = bits.is_some_and(|bits| match packed.lay {
            Lay::Elements => *units == packed.columns,
            Lay::Planes(_) => *units == packed.columns,
            Lay::Bits(size) => packed
                .columns
                .checked_mul(u64::from(size))
                .is_some_and(|need| need <= bits),
            Lay::UpperFirst => packed
                .columns
                .checked_mul(4)
                .is_some_and(|need| need <= bits),
        });
        enough && all.is_some() && all == count(&self.shape)
    }

    fn stored(self) -> Stored {
        let element = Element::Packed(self.packing);
        Stored {
            place: self.packed.codes.place.clone(),
            tensor: ForeignTensor {
                role: role(&self.name, &self.shape, element, Declared::Nothing),
                name: self.name,
                shape: self.shape,
                element,
            },
            made: Made::Packed(Box::new(self.packed)),
        }
    }
}
