//! Protocol buffers, field after field, without a schema and without recursion.

use super::cursor::Cursor;
use super::source::Source;
use crate::Result;

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// A number.
    Number(u64),
    /// So many bytes, which the cursor stands before: a text, a message, a list of numbers.
    Bytes(u64),
}

/// A message that ends at this byte.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message {
    end: u64,
}

impl Message {
    /// The one that begins where the cursor stands, and has so many bytes.
    pub(super) fn begin(cursor: &Cursor<'_>, len: u64) -> Self {
        Self {
            end: cursor.at().saturating_add(len),
        }
    }

    /// The next field: its number and its value; none at the end.
    ///
    /// # Errors
    /// When it is not as it should be, or lies beyond the end.
    pub(super) fn next(
        self,
        cursor: &mut Cursor<'_>,
        source: &Source,
    ) -> Result<Option<(u64, Wire)>> {
        if cursor.at() >= self.end {
            return match cursor.at() == self.end {
                true => Ok(None),
                false => Err(source.damaged("a message in it goes on after its end")),
            };
        }
        let key = varint(cursor, source)?;
        let value = match key & 7 {
            0 => Wire::Number(varint(cursor, source)?),
            1 => Wire::Number(cursor.u64()?),
            5 => Wire::Number(u64::from(cursor.u32()?)),
            2 => {
                let len = varint(cursor, source)?;
                if self
                    .end
                    .checked_sub(cursor.at())
                    .is_none_or(|left| len > left)
                {
                    return Err(
                        source.damaged("a field in it goes on after the end of its message")
                    );
                }
                Wire::Bytes(len)
            }
            _ => return Err(source.damaged("a field in it is of a kind that there is not")),
        };
        Ok(Some((key >> 3, value)))
    }
}

/// A number of seven bits a byte.
///
/// # Errors
/// When it does not end.
pub(super) fn varint(cursor: &mut Cursor<'_>, source: &Source) -> Result<u64> {
    let mut number = 0_u64;
    for place in 0..10 {
        let [byte] = cursor.array()?;
        number |= u64::from(byte & 127) << (7 * place).min(63);
        if byte < 128 {
            return Ok(number);
        }
    }
    Err(source.damaged("a number in it does not end"))
}

/// The text of so many bytes; none of a longer one than this, which is passed over.
///
/// # Errors
/// When the file ends before.
pub(super) fn text(cursor: &mut Cursor<'_>, len: u64, longest: u64) -> Result<Option<String>> {
    if len > longest {
        cursor.skip(len)?;
        return Ok(None);
    }
    Ok(Some(
        String::from_utf8_lossy(cursor.bytes(len)?).into_owned(),
    ))
}
