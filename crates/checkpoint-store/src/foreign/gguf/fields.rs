//! The fields at the start of a GGUF file: what is kept of them, and what is passed over.

use super::names::Architecture;
use crate::foreign::contents::Contents;
use crate::foreign::cursor::Cursor;
use crate::foreign::source::{Source, quoted};
use crate::limits::Limits;
use crate::{Error, Result};

/// Longest name of a field, and longest text that is kept, in bytes.
const LONGEST: u64 = 4096;
/// What tensors are aligned to where nothing says otherwise, in bytes.
const ALIGNMENT: u64 = 32;

/// What is of use.
pub(super) struct Fields {
    /// Of the tensors, in bytes.
    pub(super) alignment: u64,
    /// If it is said.
    pub(super) architecture: Option<Architecture>,
}

/// A value, as far as it is kept.
enum Value {
    Number(f64),
    Text(String),
    /// A list, a long text.
    Other,
}

impl Fields {
    /// Reads so many fields; texts and numbers go into the metadata.
    pub(super) fn read(
        cursor: &mut Cursor<'_>,
        source: &Source,
        entries: u64,
        contents: &mut Contents,
        limits: &Limits,
    ) -> Result<Self> {
        let mut fields = Self {
            alignment: ALIGNMENT,
            architecture: None,
        };
        let (mut name, mut heads, mut kv_heads, mut experts) = (None, None, None, None);
        // Each takes some bytes, so that their number is bounded by the header's.
        for _ in 0..entries {
            let len = cursor.u64()?;
            if len > LONGEST {
                return Err(source.damaged(format!("a field has a name of {len} bytes")));
            }
            let key = String::from_utf8_lossy(cursor.bytes(len)?).into_owned();
            let kind = cursor.u32()?;
            let value = value(cursor, source, kind, limits.deepest_nesting)?;
            match (key.as_str(), &value) {
                ("general.alignment", Value::Number(number)) => {
                    let alignment = *number as u64;
                    if !alignment.is_power_of_two() {
                        return Err(wrong(source, &key));
                    }
                    fields.alignment = alignment;
                }
                ("general.architecture", Value::Text(text)) => name = Some(text.clone()),
                (key, Value::Number(number)) => {
                    let whole = Some(*number as u64);
                    if key.ends_with(".attention.head_count") {
                        heads = whole;
                    } else if key.ends_with(".attention.head_count_kv") {
                        kv_heads = whole;
                    } else if key.ends_with(".expert_count") {
                        experts = whole.filter(|&count| count > 0);
                    }
                }
                _ => {}
            }
            match value {
                Value::Number(number) => contents.metadata.add(&key, &number.to_string()),
                Value::Text(text) => contents.metadata.add(&key, &text),
                Value::Other => {}
            }
        }
        fields.architecture = name.map(|name| Architecture {
            name,
            heads,
            kv_heads: kv_heads.or(heads),
            experts,
        });
        Ok(fields)
    }
}

fn wrong(source: &Source, key: &str) -> Error {
    source.damaged(format!("its field {} is not as it should be", quoted(key)))
}

/// Reads one value of this type.
fn value(cursor: &mut Cursor<'_>, source: &Source, kind: u32, depth: usize) -> Result<Value> {
    let number = match kind {
        0 => f64::from(cursor.array::<1>().map(u8::from_le_bytes)?),
        1 => f64::from(cursor.array::<1>().map(i8::from_le_bytes)?),
        2 => f64::from(cursor.array::<2>().map(u16::from_le_bytes)?),
        3 => f64::from(cursor.array::<2>().map(i16::from_le_bytes)?),
        4 => f64::from(cursor.u32()?),
        5 => f64::from(cursor.array::<4>().map(i32::from_le_bytes)?),
        6 => f64::from(cursor.array::<4>().map(f32::from_le_bytes)?),
        7 => f64::from(cursor.array::<1>().map(|[byte]| u8::from(byte != 0))?),
        8 => return text(cursor),
        9 => {
            list(cursor, source, depth)?;
            return Ok(Value::Other);
        }
        10 => cursor.u64()? as f64,
        11 => cursor.array::<8>().map(i64::from_le_bytes)? as f64,
        12 => cursor.array::<8>().map(f64::from_le_bytes)?,
        other => {
            return Err(source.damaged(format!("a field has the type {other}, which there is not")));
        }
    };
    Ok(Value::Number(number))
}

fn text(cursor: &mut Cursor<'_>) -> Result<Value> {
    let len = cursor.u64()?;
    if len > LONGEST {
        cursor.skip(len)?;
        return Ok(Value::Other);
    }
    let text = String::from_utf8_lossy(cursor.bytes(len)?).into_owned();
    Ok(Value::Text(text))
}

/// Passes over a list.
fn list(cursor: &mut Cursor<'_>, source: &Source, depth: usize) -> Result<()> {
    let kind = cursor.u32()?;
    let len = cursor.u64()?;
    let size = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        10..=12 => 8,
        8 => {
            for _ in 0..len {
                let text = cursor.u64()?;
                cursor.skip(text)?;
            }
            return Ok(());
        }
        9 if depth > 0 => {
            for _ in 0..len {
                list(cursor, source, depth - 1)?;
            }
            return Ok(());
        }
        _ => return Err(source.damaged("a field holds a list of what there is not")),
    };
    let bytes = len.checked_mul(size);
    let bytes = bytes.ok_or_else(|| source.damaged("a list in a field never ends"))?;
    cursor.skip(bytes)
}
