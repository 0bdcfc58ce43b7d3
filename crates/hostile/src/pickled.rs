//! Pickles of plain values, built as PyTorch's programs write them.
#![allow(missing_docs)]

use crate::bytes::{number, text};

/// A value of a pickle.
#[derive(Debug, Clone)]
pub enum Pickled {
    Nothing,
    Number(i64),
    Text(String),
    Tuple(Vec<Pickled>),
    List(Vec<Pickled>),
    Dict(Vec<(Pickled, Pickled)>),
    /// An object of this class, made of these, with this state.
    Object(&'static str, &'static str, Vec<Pickled>, Box<Pickled>),
    /// What a function makes of these.
    Call(&'static str, &'static str, Vec<Pickled>),
    /// Opcodes that leave one value.
    Opcodes(Vec<u8>),
}

use Pickled::{Call, Dict, List, Nothing, Number, Object, Opcodes, Text, Tuple};

/// A text.
#[must_use]
pub fn t(value: &str) -> Pickled {
    Text(value.to_owned())
}

/// A tuple of numbers.
#[must_use]
pub fn shape(sides: &[i64]) -> Pickled {
    Tuple(sides.iter().map(|&side| Number(side)).collect())
}

/// A dictionary under names.
#[must_use]
pub fn fields(fields: Vec<(&str, Pickled)>) -> Pickled {
    Dict(
        fields
            .into_iter()
            .map(|(name, value)| (t(name), value))
            .collect(),
    )
}

/// A tensor of f32 on the storage of this name, with so many values.
#[must_use]
pub fn tensor(key: &str, elements: i64, sides: &[i64]) -> Pickled {
    let mut strides = vec![1; sides.len()];
    for place in (1..sides.len()).rev() {
        strides[place - 1] = strides[place] * sides[place];
    }
    Opcodes(crate::bytes::tensor(key, elements, 0, sides, &strides))
}

impl Pickled {
    /// The opcodes that leave it on the stack.
    #[must_use]
    pub fn opcodes(&self) -> Vec<u8> {
        let all = |values: &[Self]| -> Vec<u8> { values.iter().flat_map(Self::opcodes).collect() };
        let global = |module: &str, name: &str| format!("c{module}\n{name}\n").into_bytes();
        match self {
            Nothing => b"N".to_vec(),
            Number(value) => number(*value),
            Text(value) => text(value),
            Tuple(values) => [b"(".to_vec(), all(values), b"t".to_vec()].concat(),
            List(values) => [b"](".to_vec(), all(values), b"e".to_vec()].concat(),
            Dict(entries) => {
                let entries = entries.iter();
                let entries = entries.flat_map(|(key, value)| [key.opcodes(), value.opcodes()]);
                [b"}(".to_vec(), entries.flatten().collect(), b"u".to_vec()].concat()
            }
            Object(module, name, arguments, state) => [
                global(module, name),
                Tuple(arguments.clone()).opcodes(),
                vec![0x81],
                state.opcodes(),
                b"b".to_vec(),
            ]
            .concat(),
            Call(module, name, arguments) => [
                global(module, name),
                Tuple(arguments.clone()).opcodes(),
                b"R".to_vec(),
            ]
            .concat(),
            Opcodes(opcodes) => opcodes.clone(),
        }
    }

    /// The whole pickle.
    #[must_use]
    pub fn pickle(&self) -> Vec<u8> {
        [b"\x80\x02".to_vec(), self.opcodes(), b".".to_vec()].concat()
    }
}
