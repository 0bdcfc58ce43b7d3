//! Pickles, read as data.
//!
//! A pickle is a program for a small machine that builds objects and calls functions by name. Here
//! the machine builds plain values only. The few functions that PyTorch needs to describe a tensor
//! are known by name and turned into a description; whatever else a pickle names stays a name, on
//! an object that nothing is done with. No code is run and none is looked for.
//!
//! Values lie in arenas and refer to each other by number, so that a pickle of any depth or with
//! circles is freed without recursion. What they take is counted against a budget.

mod machine;
mod rebuild;

pub(super) use machine::read;

use super::element::Element;

/// A value of a pickle; small, and a number where it is more than that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Nothing,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Text),
    Tuple(Tuple),
    List(u32),
    Dict(u32),
    Global(u32),
    Storage(u32),
    Tensor(u32),
    Object(u32),
    /// Bytes, long texts, long numbers: read over.
    Skipped,
}

/// A text in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text {
    start: u32,
    len: u32,
}

/// A tuple in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tuple {
    start: u32,
    len: u32,
}

/// A class or function by its name.
#[derive(Debug, Clone, Copy)]
struct Global {
    module: Text,
    name: Text,
}

/// A number type, read or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbers {
    Read(Element),
    /// What it is called, and the bytes of one element; zero if that is not known.
    Unread {
        name: Text,
        bytes: u8,
    },
}

impl Numbers {
    /// Bytes of one element; zero if that is not known.
    pub(super) fn bytes(self) -> u64 {
        match self {
            Self::Read(element) => element.bytes(),
            Self::Unread { bytes, .. } => bytes.into(),
        }
    }
}

/// The bytes of one or several tensors, which lie outside the pickle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Storage {
    /// Under which name the bytes lie in the file.
    pub(super) key: Text,
    pub(super) numbers: Numbers,
    /// How many elements there are, as the pickle says.
    pub(super) elements: u64,
    /// Where this one begins in those, in elements: older files have views of storages.
    pub(super) start: u64,
}

/// A tensor, described.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tensor {
    pub(super) storage: u32,
    pub(super) numbers: Numbers,
    /// Where it begins in its storage, in elements.
    pub(super) offset: u64,
    shape: Tuple,
    strides: Tuple,
    /// Whether it was saved as a parameter of a module.
    pub(super) parameter: bool,
}

/// An object of a class that is only a name here.
#[derive(Debug, Clone, Copy)]
struct Object {
    class: u32,
    state: Value,
    /// What a dictionary-like object was filled with.
    entries: Option<u32>,
}

/// All values of a pickle.
#[derive(Debug, Default)]
pub(super) struct Values {
    text: String,
    tuples: Vec<Value>,
    lists: Vec<Vec<Value>>,
    dicts: Vec<Vec<(Value, Value)>>,
    globals: Vec<Global>,
    pub(super) storages: Vec<Storage>,
    pub(super) tensors: Vec<Tensor>,
    objects: Vec<Object>,
}

impl Values {
    pub(super) fn text(&self, text: Text) -> &str {
        let start = text.start as usize;
        let end = start.saturating_add(text.len as usize);
        self.text.get(start..end).unwrap_or_default()
    }

    pub(super) fn tuple(&self, tuple: Tuple) -> &[Value] {
        let start = tuple.start as usize;
        let end = start.saturating_add(tuple.len as usize);
        self.tuples.get(start..end).unwrap_or_default()
    }

    /// The values of a list or tuple.
    pub(super) fn sequence(&self, value: Value) -> Option<&[Value]> {
        match value {
            Value::Tuple(tuple) => Some(self.tuple(tuple)),
            Value::List(list) => self.lists.get(list as usize).map(Vec::as_slice),
            _ => None,
        }
    }

    /// The entries of a dictionary, of an object that is one, or of an object's fields.
    pub(super) fn mapping(&self, value: Value) -> Option<&[(Value, Value)]> {
        let dict = match value {
            Value::Dict(dict) => dict,
            Value::Object(object) => {
                let object = self.objects.get(object as usize)?;
                match (object.entries, object.state) {
                    (Some(entries), _) => entries,
                    (None, Value::Dict(state)) => state,
                    _ => return None,
                }
            }
            _ => return None,
        };
        self.dicts.get(dict as usize).map(Vec::as_slice)
    }

    /// The value under this key, the last one if there are several.
    pub(super) fn get(&self, mapping: Value, key: &str) -> Option<Value> {
        let entries = self.mapping(mapping)?.iter().rev();
        let mut entries = entries.filter(|(entry, _)| match entry {
            Value::Text(text) => self.text(*text) == key,
            _ => false,
        });
        entries.next().map(|(_, value)| *value)
    }

    /// The name of the class of an object.
    pub(super) fn class(&self, value: Value) -> Option<String> {
        let global = match value {
            Value::Object(object) => self.objects.get(object as usize)?.class,
            Value::Global(global) => global,
            _ => return None,
        };
        let (module, name) = self.global(global)?;
        Some(format!("{module}.{name}"))
    }

    /// The names of the classes of all objects, some of them twice.
    pub(super) fn classes(&self) -> impl Iterator<Item = String> {
        (0..self.objects.len()).filter_map(|index| self.class(Value::Object(index as u32)))
    }

    fn global(&self, global: u32) -> Option<(&str, &str)> {
        let global = self.globals.get(global as usize)?;
        Some((self.text(global.module), self.text(global.name)))
    }

    /// The dimensions of a tensor.
    pub(super) fn shape(&self, tensor: &Tensor) -> Option<Vec<u64>> {
        self.numbers(tensor.shape)
    }

    /// The distances of its neighbours along each dimension, in elements.
    pub(super) fn strides(&self, tensor: &Tensor) -> Option<Vec<u64>> {
        self.numbers(tensor.strides)
    }

    fn numbers(&self, tuple: Tuple) -> Option<Vec<u64>> {
        let numbers = self.tuple(tuple).iter().map(|value| match value {
            Value::Int(number) => u64::try_from(*number).ok(),
            _ => None,
        });
        numbers.collect()
    }
}
