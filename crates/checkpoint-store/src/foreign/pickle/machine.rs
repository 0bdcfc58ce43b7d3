//! The machine that reads a pickle, opcode by opcode.
//!
//! The opcodes are those of Python's `pickletools`, protocols 0 to 5, as far as programs that save
//! checkpoints write them.

use std::collections::HashMap;
use std::io::{self, BufReader, Read};

use super::super::place::Window;
use super::super::source::{Source, quoted};
use super::{Global, Object, Text, Tuple, Value, Values};
use crate::limits::Limits;
use crate::{Error, Result};

/// Longest text that is kept; longer ones are read over.
const MAX_TEXT_BYTES: u64 = 64 << 10;
/// Longest line of the opcodes that hold their text in lines: a module or a name.
const MAX_LINE_BYTES: usize = 1024;

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

    fn push_tuple(&mut self, count: usize) -> Result<()> {
        let items = self.pop_many(count)?;
        self.pay(2 * (count * size_of::<Value>()) as u64)?;
        let start = self.number(self.values.tuples.len())?;
        let len = self.number(count)?;
        self.values.tuples.extend(items);
        self.stack.push(Value::Tuple(Tuple { start, len }));
        Ok(())
    }

    fn new_list(&mut self, items: Vec<Value>) -> Result<Value> {
        self.pay(64)?;
        let list = self.number(self.values.lists.len())?;
        self.values.lists.push(Vec::new());
        self.stack.push(Value::List(list));
        self.append(&items)?;
        self.pop()
    }

    pub(super) fn new_dict(&mut self) -> Result<u32> {
        self.pay(64)?;
        let dict = self.number(self.values.dicts.len())?;
        self.values.dicts.push(Vec::new());
        Ok(dict)
    }

    pub(super) fn new_object(&mut self, class: u32) -> Result<Value> {
        self.pay(2 * size_of::<Object>() as u64)?;
        let object = self.number(self.values.objects.len())?;
        self.values.objects.push(Object {
            class,
            state: Value::Nothing,
            entries: None,
        });
        Ok(Value::Object(object))
    }

    fn new_global(&mut self, module: &str, name: &str) -> Result<Value> {
        self.refuse_attack(module, name)?;
        self.pay(2 * size_of::<Global>() as u64)?;
        let global = self.number(self.values.globals.len())?;
        let (module, name) = (self.intern(module)?, self.intern(name)?);
        self.values.globals.push(Global { module, name });
        Ok(Value::Global(global))
    }

    /// Fills the list on top. Numbers are let go: long histories of them stand in checkpoints,
    /// and none is of use.
    fn append(&mut self, items: &[Value]) -> Result<()> {
        let Value::List(list) = self.top()? else {
            // An object that acts as a list; what it holds is of no use.
            return Ok(());
        };
        let kept = items.iter().filter(|item| {
            !matches!(
                item,
                Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Nothing | Value::Skipped
            )
        });
        self.pay(2 * (kept.clone().count() * size_of::<Value>()) as u64)?;
        if let Some(list) = self.values.lists.get_mut(list as usize) {
            list.extend(kept);
        }
        Ok(())
    }

    /// Fills the dictionary on top with keys and values in turn.
    fn set_items(&mut self, items: &[Value]) -> Result<()> {
        let dict = match self.top()? {
            Value::Dict(dict) => dict,
            Value::Object(object) => {
                let entries = self.values.objects.get(object as usize);
                match entries.and_then(|object| object.entries) {
                    Some(entries) => entries,
                    None => {
                        let entries = self.new_dict()?;
                        if let Some(object) = self.values.objects.get_mut(object as usize) {
                            object.entries = Some(entries);
                        }
                        entries
                    }
                }
            }
            _ => return Err(self.bad("fills something that is no dictionary")),
        };
        if !items.len().is_multiple_of(2) {
            return Err(self.bad("has a key without a value"));
        }
        let pairs = items.chunks_exact(2).filter_map(|pair| match *pair {
            [key, value] => Some((key, value)),
            _ => None,
        });
        // A number under a number is of no use.
        let kept = pairs.filter(|(key, value)| {
            matches!(key, Value::Text(_))
                || !matches!(
                    value,
                    Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Nothing
                )
        });
        self.pay(4 * (kept.clone().count() * size_of::<Value>()) as u64)?;
        if let Some(dict) = self.values.dicts.get_mut(dict as usize) {
            dict.extend(kept);
        }
        Ok(())
    }

    /// Gives an object its fields.
    fn set_state(&mut self, target: Value, state: Value) {
        let fields = match state {
            // Fields, and those in slots.
            Value::Tuple(tuple) => self.values.tuple(tuple).first().copied(),
            state => Some(state),
        };
        if let (Value::Object(object), Some(fields)) = (target, fields)
            && let Some(object) = self.values.objects.get_mut(object as usize)
        {
            object.state = fields;
        }
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

    fn push_text(&mut self, len: u64, is_text: bool) -> Result<()> {
        if !is_text || len > MAX_TEXT_BYTES {
            self.skip(len)?;
            self.stack.push(Value::Skipped);
            return Ok(());
        }
        let mut bytes = vec![0; len as usize];
        self.fill(&mut bytes)?;
        let text = self.intern(&String::from_utf8_lossy(&bytes))?;
        self.stack.push(Value::Text(text));
        Ok(())
    }

    /// A number of so many bytes, signed.
    fn long(&mut self, len: u64) -> Result<Value> {
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

    fn byte(&mut self) -> Result<u8> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<()> {
        self.advance(buffer.len() as u64)?;
        self.input
            .read_exact(buffer)
            .map_err(|error| self.ended(error))
    }

    fn skip(&mut self, len: u64) -> Result<()> {
        self.advance(len)?;
        let copied = io::copy(&mut self.input.by_ref().take(len), &mut io::sink())
            .map_err(|error| self.ended(error))?;
        if copied < len {
            return Err(self.bad("ends early"));
        }
        Ok(())
    }

    /// Counts bytes before they are read.
    fn advance(&mut self, len: u64) -> Result<()> {
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

    fn ended(&self, error: io::Error) -> Error {
        if error.raw_os_error().is_some() {
            Error::io("read", self.source.path(), error)
        } else {
            self.bad("ends early")
        }
    }

    fn line(&mut self) -> Result<String> {
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

    fn line_number(&mut self) -> Result<u32> {
        let line = self.line()?;
        line.parse()
            .map_err(|_| self.bad("has a place in its memo that is no number"))
    }
}
