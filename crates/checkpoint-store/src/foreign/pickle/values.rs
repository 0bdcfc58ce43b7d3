//! The values of a pickle, and how they are looked at.

use crate::foreign::element::Element;

/// A value of a pickle; small, and a number where it is more than that.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::foreign) enum Value {
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
    /// A few bytes, one of the text's characters each.
    Bytes(Text),
    /// Many bytes, long texts, long numbers: read over.
    Skipped,
}

/// A text in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::foreign) struct Text {
    pub(super) start: u32,
    pub(super) len: u32,
}

/// A tuple in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::foreign) struct Tuple {
    pub(super) start: u32,
    pub(super) len: u32,
}

/// A class or function by its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Global {
    pub(super) module: Text,
    pub(super) name: Text,
}

/// A number type, read or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::foreign) enum Numbers {
    Read(Element),
    /// What it is called, and the bytes of one element; zero if that is not known.
    Unread {
        name: Text,
        bytes: u8,
    },
}

impl Numbers {
    /// Bytes of one element; zero if that is not known.
    pub(in crate::foreign) fn bytes(self) -> u64 {
        match self {
            Self::Read(element) => element.bytes(),
            Self::Unread { bytes, .. } => bytes.into(),
        }
    }
}

/// The bytes of one or several tensors, which lie outside the pickle.
#[derive(Debug, Clone, Copy)]
pub(in crate::foreign) struct Storage {
    /// Under which name the bytes lie in the file.
    pub(in crate::foreign) key: Text,
    pub(in crate::foreign) numbers: Numbers,
    /// How many elements there are, as the pickle says.
    pub(in crate::foreign) elements: u64,
    /// Where this one begins in those, in elements: older files have views of storages.
    pub(in crate::foreign) start: u64,
}

/// A tensor, described.
#[derive(Debug, Clone, Copy)]
pub(in crate::foreign) struct Tensor {
    pub(in crate::foreign) storage: u32,
    pub(in crate::foreign) numbers: Numbers,
    /// Where it begins in its storage, in elements.
    pub(in crate::foreign) offset: u64,
    pub(super) shape: Tuple,
    pub(super) strides: Tuple,
    /// Whether it was saved as a parameter of a module.
    pub(in crate::foreign) parameter: bool,
}

/// An object of a class that is only a name here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object {
    pub(super) class: u32,
    /// What it was made of.
    pub(super) arguments: Value,
    pub(super) state: Value,
    /// Whether it is a tensor of a class of its own.
    pub(super) is_tensor: bool,
    /// What a dictionary-like object was filled with.
    pub(super) entries: Option<u32>,
}

/// All values of a pickle.
#[derive(Debug, Default)]
pub(in crate::foreign) struct Values {
    pub(super) text: String,
    pub(super) tuples: Vec<Value>,
    pub(super) lists: Vec<Vec<Value>>,
    pub(super) dicts: Vec<Vec<(Value, Value)>>,
    pub(super) globals: Vec<Global>,
    pub(in crate::foreign) storages: Vec<Storage>,
    pub(in crate::foreign) tensors: Vec<Tensor>,
    pub(super) objects: Vec<Object>,
}

impl Values {
    pub(in crate::foreign) fn text(&self, text: Text) -> &str {
        let start = text.start as usize;
        let end = start.saturating_add(text.len as usize);
        self.text.get(start..end).unwrap_or_default()
    }

    pub(in crate::foreign) fn tuple(&self, tuple: Tuple) -> &[Value] {
        let start = tuple.start as usize;
        let end = start.saturating_add(tuple.len as usize);
        self.tuples.get(start..end).unwrap_or_default()
    }

    /// The values of a list or tuple.
    pub(in crate::foreign) fn sequence(&self, value: Value) -> Option<&[Value]> {
        match value {
            Value::Tuple(tuple) => Some(self.tuple(tuple)),
            Value::List(list) => self.lists.get(list as usize).map(Vec::as_slice),
            _ => None,
        }
    }

    /// The entries of a dictionary, of an object that is one, or of an object's fields.
    pub(in crate::foreign) fn mapping(&self, value: Value) -> Option<&[(Value, Value)]> {
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
    pub(in crate::foreign) fn get(&self, mapping: Value, key: &str) -> Option<Value> {
        let entries = self.mapping(mapping)?.iter().rev();
        let mut entries = entries.filter(|(entry, _)| match entry {
            Value::Text(text) => self.text(*text) == key,
            _ => false,
        });
        entries.next().map(|(_, value)| *value)
    }

    /// The name of the class of an object.
    pub(in crate::foreign) fn class(&self, value: Value) -> Option<String> {
        let global = match value {
            Value::Object(object) => self.objects.get(object as usize)?.class,
            Value::Global(global) => global,
            _ => return None,
        };
        let (module, name) = self.global(global)?;
        Some(format!("{module}.{name}"))
    }

    /// The name of the class of an object, without that of its module.
    pub(in crate::foreign) fn class_name(&self, value: Value) -> Option<&str> {
        let Value::Object(object) = value else {
            return None;
        };
        let object = self.objects.get(object as usize)?;
        self.global(object.class).map(|(_, name)| name)
    }

    /// What an object was made of.
    pub(in crate::foreign) fn arguments(&self, value: Value) -> &[Value] {
        let Value::Object(object) = value else {
            return &[];
        };
        let object = self.objects.get(object as usize);
        object
            .and_then(|object| self.sequence(object.arguments))
            .unwrap_or_default()
    }

    /// What an object was filled with, as it is in the pickle.
    pub(in crate::foreign) fn state(&self, value: Value) -> Value {
        let Value::Object(object) = value else {
            return Value::Nothing;
        };
        let object = self.objects.get(object as usize);
        object.map_or(Value::Nothing, |object| object.state)
    }

    /// Whether a value is a tensor of a class of its own.
    pub(in crate::foreign) fn is_wrapper(&self, value: Value) -> bool {
        let Value::Object(object) = value else {
            return false;
        };
        let object = self.objects.get(object as usize);
        object.is_some_and(|object| object.is_tensor)
    }

    /// The names of the classes of all objects, some of them twice.
    pub(in crate::foreign) fn classes(&self) -> impl Iterator<Item = String> {
        (0..self.objects.len()).filter_map(|index| self.class(Value::Object(index as u32)))
    }

    pub(super) fn global(&self, global: u32) -> Option<(&str, &str)> {
        let global = self.globals.get(global as usize)?;
        Some((self.text(global.module), self.text(global.name)))
    }

    /// The dimensions of a tensor.
    pub(in crate::foreign) fn shape(&self, tensor: &Tensor) -> Option<Vec<u64>> {
        self.numbers(tensor.shape)
    }

    /// The distances of its neighbours along each dimension, in elements.
    pub(in crate::foreign) fn strides(&self, tensor: &Tensor) -> Option<Vec<u64>> {
        self.numbers(tensor.strides)
    }

    /// The numbers of a list or tuple, none of them negative.
    pub(in crate::foreign) fn counts(&self, value: Value) -> Option<Vec<u64>> {
        let numbers = self.sequence(value)?.iter().map(|value| match value {
            Value::Int(number) => u64::try_from(*number).ok(),
            _ => None,
        });
        numbers.collect()
    }

    fn numbers(&self, tuple: Tuple) -> Option<Vec<u64>> {
        self.counts(Value::Tuple(tuple))
    }
}
