//! The machine that reads a pickle, opcode by opcode.
//!
//! The opcodes are those of Python's `pickletools`, protocols 0 to 5, as far as programs that save
//! checkpoints write them.

mod containers;
mod input;

use std::collections::HashMap;
use std::io::BufReader;

use super::super::source::Source;
use super::super::window::Window;
use super::values::{Text, Value, Values};
use crate::limits::Limits;
use crate::{Error, Result};

/// Reads one pickle from `offset` and at most `len` bytes long. Returns its values, the outermost
/// one, and how many bytes it took.
///
/// # Errors
/// [`Fault::Damaged`](crate::Fault::Damaged) if it is no pickle or ends early,
/// [`Fault::TooLarge`](crate::Fault::TooLarge) if its values take more than
/// [`Limits::memory_for`] the file, [`Fault::Code`](crate::Fault::Code) if it names a function
/// whose only use in a checkpoint is an attack.
pub(in crate::foreign) fn read(
    source: &Source,
    offset: u64,
    len: u64,
    limits: &Limits,
) -> Result<(Values, Value, u64)> {
    let budget = limits.memory_for(source.len());
    let mut machine = Machine {
        source,
        input: BufReader::with_capacity(16 << 10, Window::new(source, offset, len)),
        taken: 0,
        most: len.min(limits.largest_header),
        is_cut: len > limits.largest_header,
        values: Values::default(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        highest: 0,
        budget,
        left: budget,
    };
    let root = machine.run()?;
    Ok((machine.values, root, machine.taken))
}

pub(super) struct Machine<'a> {
    pub(super) source: &'a Source,
    input: BufReader<Window<'a>>,
    /// Bytes read so far, and how many may be.
    taken: u64,
    most: u64,
    /// Whether that is by the limits, rather than by the file.
    is_cut: bool,
    pub(super) values: Values,
    stack: Vec<Value>,
    /// Heights of the stack at which marks were set.
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    /// The highest that the stack and the marks were, paid for.
    highest: usize,
    budget: u64,
    left: u64,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Value> {
        loop {
            let opcode = self.byte()?;
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode)?;
            let height = self.stack.len() + self.marks.len();
            if height > self.highest {
                self.highest = height;
                self.pay(2 * size_of::<Value>() as u64)?;
            }
        }
    }

    fn step(&mut self, opcode: u8) -> Result<()> {
        match opcode {
            // PROTO, FRAME: nothing to do but to read over their arguments.
            0x80 => {
                let protocol = self.byte()?;
                if protocol > 5 {
                    return Err(self.bad(format!("has protocol {protocol}")));
                }
            }
            0x95 => self.skip(8)?,
            // Plain values.
            b'N' => self.stack.push(Value::Nothing),
            0x88 => self.stack.push(Value::Bool(true)),
            0x89 => self.stack.push(Value::Bool(false)),
            b'J' => {
                let number = i32::from_le_bytes(self.array()?);
                self.stack.push(Value::Int(number.into()));
            }
            b'K' => {
                let number = self.byte()?;
                self.stack.push(Value::Int(number.into()));
            }
            b'M' => {
                let number = u16::from_le_bytes(self.array()?);
                self.stack.push(Value::Int(number.into()));
            }
            b'I' | b'L' => {
                let line = self.line()?;
                let value = match line.as_str() {
                    "00" => Value::Bool(false),
                    "01" => Value::Bool(true),
                    number => number
                        .trim_end_matches('L')
                        .parse()
                        .map_or(Value::Skipped, Value::Int),
                };
                self.stack.push(value);
            }
            0x8a | 0x8b => {
                let len = if opcode == 0x8a {
                    u64::from(self.byte()?)
                } else {
                    u64::from(self.u32()?)
                };
                let value = self.long(len)?;
                self.stack.push(value);
            }
            b'G' => {
                let number = f64::from_be_bytes(self.array()?);
                self.stack.push(Value::Float(number));
            }
            b'F' => {
                let line = self.line()?;
                let value = line.parse().map_or(Value::Skipped, Value::Float);
                self.stack.push(value);
            }
            // Texts and bytes, with lengths of 1, 4 and 8 bytes.
            0x8c | b'U' | b'C' => {
                let len = u64::from(self.byte()?);
                self.push_text(len, opcode != b'C')?;
            }
            b'X' | b'T' | b'B' => {
                let len = u64::from(self.u32()?);
                self.push_text(len, opcode != b'B')?;
            }
            0x8d | 0x8e | 0x96 => {
                let len = u64::from_le_bytes(self.array()?);
                self.push_text(len, opcode == 0x8d)?;
            }
            b'V' => {
                let line = self.line()?;
                let text = self.intern(&line)?;
                self.stack.push(Value::Text(text));
            }
            // Containers.
            b'(' => self.marks.push(self.stack.len()),
            b')' => self.push_tuple(0)?,
            0x85 => self.push_tuple(1)?,
            0x86 => self.push_tuple(2)?,
            0x87 => self.push_tuple(3)?,
            b't' => {
                let count = self.above_mark()?;
                self.push_tuple(count)?;
            }
            b']' | 0x8f => {
                let list = self.new_list(Vec::new())?;
                self.stack.push(list);
            }
            b'l' | 0x91 => {
                let count = self.above_mark()?;
                let items = self.pop_many(count)?;
                let list = self.new_list(items)?;
                self.stack.push(list);
            }
            b'}' => {
                let dict = self.new_dict()?;
                self.stack.push(Value::Dict(dict));
            }
            b'd' => {
                let count = self.above_mark()?;
                let items = self.pop_many(count)?;
                let dict = Value::Dict(self.new_dict()?);
                self.stack.push(dict);
                self.set_items(&items)?;
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' | 0x90 => {
                let count = self.above_mark()?;
                let items = self.pop_many(count)?;
                self.append(&items)?;
            }
            b's' => {
                let items = self.pop_many(2)?;
                self.set_items(&items)?;
            }
            b'u' => {
                let count = self.above_mark()?;
                let items = self.pop_many(count)?;
                self.set_items(&items)?;
            }
            // The stack and the memo.
            b'0' => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => {
                let count = self.above_mark()?;
                self.pop_many(count)?;
            }
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'q' | b'r' | b'p' | 0x94 => {
                let key = match opcode {
                    b'q' => u32::from(self.byte()?),
                    b'r' => self.u32()?,
                    b'p' => self.line_number()?,
                    _ => u32::try_from(self.memo.len()).unwrap_or(u32::MAX),
                };
                let top = self.top()?;
                if self.memo.insert(key, top).is_none() {
                    self.pay(3 * (size_of::<Value>() as u64 + 8))?;
                }
            }
            b'h' | b'j' | b'g' => {
                let key = match opcode {
                    b'h' => u32::from(self.byte()?),
                    b'j' => self.u32()?,
                    _ => self.line_number()?,
                };
                let value = self.memo.get(&key).copied();
                let value = value.ok_or_else(|| self.bad("uses a value before it is there"))?;
                self.stack.push(value);
            }
            // Names, and what is called by them.
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                let global = self.new_global(&module, &name)?;
                self.stack.push(global);
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (module, name) else {
                    return Err(self.bad("names a class by something else than a text"));
                };
                let module = self.values.text(module).to_owned();
                let name = self.values.text(name).to_owned();
                let global = self.new_global(&module, &name)?;
                self.stack.push(global);
            }
            b'R' | 0x81 => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                let value = self.call(callable, arguments, 0)?;
                self.stack.push(value);
            }
            0x92 => {
                let (_named, arguments, callable) = (self.pop()?, self.pop()?, self.pop()?);
                let value = self.call(callable, arguments, 0)?;
                self.stack.push(value);
            }
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                let count = self.above_mark()?;
                self.push_tuple(count)?;
                let arguments = self.pop()?;
                let global = self.new_global(&module, &name)?;
                let value = self.call(global, arguments, 0)?;
                self.stack.push(value);
            }
            b'o' => {
                let count = self.above_mark()?;
                let arguments = count
                    .checked_sub(1)
                    .ok_or_else(|| self.bad("makes an object of no class"))?;
                self.push_tuple(arguments)?;
                let (arguments, class) = (self.pop()?, self.pop()?);
                let value = self.call(class, arguments, 0)?;
                self.stack.push(value);
            }
            b'b' => {
                let state = self.pop()?;
                let target = self.top()?;
                self.set_state(target, state);
            }
            b'Q' => {
                let id = self.pop()?;
                let value = self.persistent(id)?;
                self.stack.push(value);
            }
            _ => {
                return Err(self.bad(format!("has the opcode {opcode:#04x}, which is not read")));
            }
        }
        Ok(())
    }

    /// The pickle contradicts itself, at the place reached.
    pub(super) fn bad(&self, what: impl std::fmt::Display) -> Error {
        self.source
            .damaged(format!("its pickle {what} (at byte {})", self.taken))
    }

    /// Takes memory from the budget.
    pub(super) fn pay(&mut self, bytes: u64) -> Result<()> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.source.too_large(
                "the memory for the values of its pickle, in bytes,",
                self.budget.saturating_add(bytes - self.left),
                self.budget,
            )),
        }
    }

    fn pop(&mut self) -> Result<Value> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.bad("takes more than is there"));
        }
        self.stack
            .pop()
            .ok_or_else(|| self.bad("takes more than is there"))
    }

    fn top(&self) -> Result<Value> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let top = self.stack.last().filter(|_| self.stack.len() > floor);
        top.copied()
            .ok_or_else(|| self.bad("takes more than is there"))
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Value>> {
        let start = self.stack.len().checked_sub(count);
        let floor = self.marks.last().copied().unwrap_or(0);
        match start.filter(|start| *start >= floor) {
            Some(start) => Ok(self.stack.split_off(start)),
            None => Err(self.bad("takes more than is there")),
        }
    }

    /// How many values lie above the last mark, which is taken away.
    fn above_mark(&mut self) -> Result<usize> {
        let mark = self.marks.pop().ok_or_else(|| self.bad("lacks a mark"))?;
        self.stack
            .len()
            .checked_sub(mark)
            .ok_or_else(|| self.bad("lacks a mark"))
    }

    /// A number for an arena of this length.
    pub(super) fn number(&self, len: usize) -> Result<u32> {
        u32::try_from(len).map_err(|_| self.bad("has more values than can be numbered"))
    }

    /// Keeps a text.
    pub(super) fn intern(&mut self, text: &str) -> Result<Text> {
        self.pay(2 * text.len() as u64)?;
        let start = self.number(self.values.text.len())?;
        let len = self.number(text.len())?;
        self.values.text.push_str(text);
        Ok(Text { start, len })
    }
}
