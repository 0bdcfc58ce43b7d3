//! The bytes of a pickle, counted as they are read.

use std::io::{self, Read};

use super::super::super::source::quoted;
use super::super::values::Value;
use super::Machine;
use crate::{Error, Result};

/// Longest text that is kept; longer ones are read over.
const MAX_TEXT_BYTES: u64 = 64 << 10;
/// Most bytes that are kept: those of one number.
const MAX_KEPT_BYTES: u64 = 16;
/// Longest line of the opcodes that hold their text in lines: a module or a name.
const MAX_LINE_BYTES: usize = 1024;

impl Machine<'_> {
    pub(super) fn push_text(&mut self, len: u64, is_text: bool) -> Result<()> {
        let most = if is_text {
            MAX_TEXT_BYTES
        } else {
            MAX_KEPT_BYTES
        };
        if len > most {
            self.skip(len)?;
            self.stack.push(Value::Skipped);
            return Ok(());
        }
        let mut bytes = vec![0; len as usize];
        self.fill(&mut bytes)?;
        if !is_text {
            let characters: String = bytes.iter().map(|&byte| char::from(byte)).collect();
            let text = self.intern(&characters)?;
            self.stack.push(Value::Bytes(text));
            return Ok(());
        }
        let text = self.intern(&String::from_utf8_lossy(&bytes))?;
        self.stack.push(Value::Text(text));
        Ok(())
    }

    /// A number of so many bytes, signed.
    pub(super) fn long(&mut self, len: u64) -> Result<Value> {
        if len > 8 {
            self.skip(len)?;
            return Ok(Value::Skipped);
        }
        let mut bytes = [0; 8];
        let used = bytes.get_mut(..len as usize).unwrap_or_default();
        self.fill(used)?;
        let number = i64::from_le_bytes(bytes);
        // Shifted up and down again, the sign fills what was not there.
        let unused = 64 - 8 * len as u32;
        Ok(Value::Int(match len {
            0 => 0,
            _ => (number << unused) >> unused,
        }))
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<()> {
        self.advance(buffer.len() as u64)?;
        self.input
            .read_exact(buffer)
            .map_err(|error| self.ended(error))
    }

    pub(super) fn skip(&mut self, len: u64) -> Result<()> {
        self.advance(len)?;
        let copied = io::copy(&mut self.input.by_ref().take(len), &mut io::sink())
            .map_err(|error| self.ended(error))?;
        if copied < len {
            return Err(self.bad("ends early"));
        }
        Ok(())
    }

    /// Counts bytes before they are read.
    pub(super) fn advance(&mut self, len: u64) -> Result<()> {
        let taken = self.taken.saturating_add(len);
        if taken > self.most {
            return Err(if self.is_cut {
                let what = "the size of its pickle, in bytes,";
                self.source.too_large(what, taken, self.most)
            } else {
                self.bad("ends early")
            });
        }
        self.taken = taken;
        Ok(())
    }

    pub(super) fn ended(&self, error: io::Error) -> Error {
        if error.raw_os_error().is_some() {
            Error::io("read", self.source.path(), error)
        } else {
            self.bad("ends early")
        }
    }

    pub(super) fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => break,
                _ if line.len() == MAX_LINE_BYTES => {
                    let start = String::from_utf8_lossy(&line).into_owned();
                    return Err(self.bad(format!("has a name without end, {}", quoted(&start))));
                }
                byte => line.push(byte),
            }
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    pub(super) fn line_number(&mut self) -> Result<u32> {
        let line = self.line()?;
        line.parse()
            .map_err(|_| self.bad("has a place in its memo that is no number"))
    }
}
