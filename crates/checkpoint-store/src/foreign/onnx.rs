//! ONNX: the initialisers of a graph, and the constants in its nodes.
//!
//! A model is one protocol buffer, whose tensors hold their bytes, or say in which file beside it they
//! lie. The graph itself is walked through for its constants and not understood.

mod beside;
mod tensor;

use super::contents::Contents;
use super::cursor::Cursor;
use super::protobuf::{Message, Wire, text};
use super::source::Source;
use super::tensor::LeftOut;
use crate::Result;
use crate::limits::Limits;
use beside::Beside;
use tensor::Tensor;

/// Longest name or text that is kept, in bytes.
const LONGEST: u64 = 4096;

/// Whether a file begins as ONNX models do: with the version of the format, and a field of a model.
pub(super) fn is_model(start: &[u8]) -> bool {
    /// Producer, its version, domain, version of the model, description, graph, operators.
    const NEXT: [u8; 7] = [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42];
    match start {
        [0x08, version, next, ..] => (2..32).contains(version) && NEXT.contains(next),
        _ => false,
    }
}

/// Reads the description of all tensors.
pub(super) fn open(source: &Source, limits: &Limits) -> Result<Contents> {
    let mut reader = Reader {
        source,
        limits,
        cursor: Cursor::new(source, "the graph", 0, limits),
        beside: Beside::new(source),
        contents: Contents::default(),
        total: 0,
    };
    let model = Message::begin(&reader.cursor, source.len());
    while let Some((field, value)) = model.next(&mut reader.cursor, source)? {
        match (field, value) {
            (7, Wire::Bytes(len)) => reader.graph(len, 0)?,
            (14, Wire::Bytes(len)) => {
                let (key, value) = reader.entry(len)?;
                reader.contents.claimed.add_text(&key, &value);
                reader.contents.metadata.add(&key, &value);
            }
            (2, Wire::Bytes(len)) => {
                let name = text(&mut reader.cursor, len, LONGEST)?;
                let name = name.unwrap_or_default();
                reader.contents.metadata.add("producer_name", &name);
            }
            (_, value) => reader.pass(value)?,
        }
    }
    reader.contents.beside = reader.beside.into_sources();
    Ok(reader.contents)
}

struct Reader<'a> {
    source: &'a Source,
    limits: &'a Limits,
    cursor: Cursor<'a>,
    beside: Beside<'a>,
    contents: Contents,
    /// Bytes of all tensors so far.
    total: u64,
}

impl Reader<'_> {
    /// Passes over the value of a field that is of no use.
    fn pass(&mut self, value: Wire) -> Result<()> {
        match value {
            Wire::Bytes(len) => self.cursor.skip(len),
            Wire::Number(_) => Ok(()),
        }
    }

    /// A pair of texts.
    fn entry(&mut self, len: u64) -> Result<(String, String)> {
        let entry = Message::begin(&self.cursor, len);
        let (mut key, mut own) = (String::new(), String::new());
        while let Some((field, value)) = entry.next(&mut self.cursor, self.source)? {
            match (field, value) {
                (1, Wire::Bytes(len)) => {
                    key = text(&mut self.cursor, len, LONGEST)?.unwrap_or_default();
                }
                (2, Wire::Bytes(len)) => {
                    own = text(&mut self.cursor, len, LONGEST)?.unwrap_or_default();
                }
                (_, value) => self.pass(value)?,
            }
        }
        Ok((key, own))
    }

    /// A graph; those in nodes lie deeper.
    fn graph(&mut self, len: u64, depth: usize) -> Result<()> {
        if depth > self.limits.deepest_nesting {
            let most = self.limits.deepest_nesting as u64;
            return Err(self
                .source
                .too_large("the nesting of its graphs", most + 1, most));
        }
        let graph = Message::begin(&self.cursor, len);
        while let Some((field, value)) = graph.next(&mut self.cursor, self.source)? {
            match (field, value) {
                (1, Wire::Bytes(len)) => self.node(len, depth)?,
                (5, Wire::Bytes(len)) => {
                    let tensor = Tensor::read(&mut self.cursor, self.source, len)?;
                    self.add(tensor)?;
                }
                (15, Wire::Bytes(len)) => self.sparse(len)?,
                (_, value) => self.pass(value)?,
            }
        }
        Ok(())
    }

    /// A node, whose attributes may be tensors and graphs.
    fn node(&mut self, len: u64, depth: usize) -> Result<()> {
        let node = Message::begin(&self.cursor, len);
        let (mut output, mut tensors) = (String::new(), Vec::new());
        while let Some((field, value)) = node.next(&mut self.cursor, self.source)? {
            match (field, value) {
                (2, Wire::Bytes(len)) if output.is_empty() => {
                    output = text(&mut self.cursor, len, LONGEST)?.unwrap_or_default();
                }
                (5, Wire::Bytes(len)) => {
                    let attribute = Message::begin(&self.cursor, len);
                    while let Some((field, value)) =
                        attribute.next(&mut self.cursor, self.source)?
                    {
                        match (field, value) {
                            (5 | 10, Wire::Bytes(len)) => {
                                tensors.push(Tensor::read(&mut self.cursor, self.source, len)?);
                            }
                            (6 | 11, Wire::Bytes(len)) => self.graph(len, depth + 1)?,
                            (_, value) => self.pass(value)?,
                        }
                    }
                }
                (_, value) => self.pass(value)?,
            }
        }
        for (number, mut tensor) in tensors.into_iter().enumerate() {
            tensor.name = match number {
                0 => output.clone(),
                number => format!("{output}.{number}"),
            };
            // What computes with a number is no weight.
            if tensor.is_small() {
                self.contents.left_out.push(LeftOut {
                    name: tensor.name,
                    why: "it is a constant of the graph".to_owned(),
                });
            } else {
                self.add(tensor)?;
            }
        }
        Ok(())
    }

    /// A sparse tensor: its values are one.
    fn sparse(&mut self, len: u64) -> Result<()> {
        let sparse = Message::begin(&self.cursor, len);
        while let Some((field, value)) = sparse.next(&mut self.cursor, self.source)? {
            match (field, value) {
                (1, Wire::Bytes(len)) => {
                    let values = Tensor::read(&mut self.cursor, self.source, len)?;
                    self.count()?;
                    self.contents.unread.push(values.unread("it is sparse"));
                }
                (_, value) => self.pass(value)?,
            }
        }
        Ok(())
    }

    /// Counts a tensor more.
    fn count(&self) -> Result<()> {
        let count = self.contents.count() as u64;
        let most = self.limits.most_tensors as u64;
        if count >= most {
            return Err(self
                .source
                .too_large("the number of tensors", count + 1, most));
        }
        Ok(())
    }

    fn add(&mut self, tensor: Tensor) -> Result<()> {
        self.count()?;
        let bytes = tensor.add(
            self.source,
            &mut self.beside,
            &mut self.contents,
            self.limits,
        )?;
        self.total = self.total.saturating_add(bytes);
        // Tensors may share the bytes of a file beside the model.
        let most = self
            .limits
            .unpacked_for(self.beside.bytes(self.source.len()));
        if self.total > most {
            let what = "the size of all its tensors, in bytes,";
            return Err(self.source.too_large(what, self.total, most));
        }
        Ok(())
    }
}
