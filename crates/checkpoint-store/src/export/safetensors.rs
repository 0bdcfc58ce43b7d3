//! One checkpoint as safetensors: a JSON text with the place of each tensor, then the values.

use serde_json::{Map, Value, json};

use super::labels::{Labels, elements, expect_all};
use crate::NewFile;
use crate::TensorShape;
use crate::error::{Error, Result};

/// The key beside the tensors under which texts stand.
const METADATA: &str = "__metadata__";
/// Where values begin, in bytes: a multiple of this, so that they may be mapped.
const ALIGNMENT: usize = 8;

/// Writes one checkpoint, its values in the order of its layout.
pub struct Safetensors {
    file: NewFile,
    start: u64,
    wanted: u64,
}

impl Safetensors {
    /// Writes everything but the values. O(tensors) in time and memory.
    ///
    /// Run, epoch and step stand as texts in `__metadata__`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a tensor that is called `__metadata__`, or too large; [`Error::Io`],
    /// [`Error::StorageFull`].
    pub fn begin(mut file: NewFile, layout: &[TensorShape], labels: &Labels) -> Result<Self> {
        let mut header = Map::new();
        header.insert(METADATA.to_owned(), metadata(labels));
        let mut end = 0_u64;
        for tensor in layout {
            let start = end;
            let bytes = 4 * elements(tensor)?;
            end = start
                .checked_add(bytes)
                .ok_or_else(|| Error::invalid("a checkpoint has more than 2^62 values"))?;
            let place = json!({
                "dtype": "F32", "shape": tensor.shape, "data_offsets": [start, end],
            });
            if header.insert(tensor.name.clone(), place).is_some() {
                return Err(Error::invalid(format!(
                    "a safetensors file has no room for two tensors named `{}`, or for one named \
                     `{METADATA}`: write npz",
                    tensor.name
                )));
            }
        }
        let mut text = Value::Object(header).to_string().into_bytes();
        text.resize(text.len().next_multiple_of(ALIGNMENT), b' ');
        file.append(&(text.len() as u64).to_le_bytes());
        file.append(&text);
        file.check()?;
        Ok(Self {
            start: file.written(),
            wanted: end / 4,
            file,
        })
    }

    /// Appends values; errors show in [`finish`](Self::finish).
    pub fn values(&mut self, values: &[f32]) {
        self.file.append_values(values);
    }

    /// Publishes the file.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there are fewer or more values than the tensors have; as
    /// [`NewFile::finish`].
    pub fn finish(mut self) -> Result<()> {
        self.file.check()?;
        let came = (self.file.written() - self.start) / 4;
        expect_all(&self.file, came, self.wanted)?;
        self.file.finish()
    }
}

fn metadata(labels: &Labels) -> Value {
    let numbers = [("epoch", labels.epoch), ("step", labels.step)];
    let mut metadata = Map::new();
    // What other libraries expect to find: who wrote it, as in PyTorch's order of dimensions.
    metadata.insert("format".to_owned(), "pt".into());
    if let Some(run) = &labels.run {
        metadata.insert("run".to_owned(), run.as_str().into());
    }
    for (key, number) in numbers {
        if let Some(number) = number {
            metadata.insert(key.to_owned(), number.to_string().into());
        }
    }
    Value::Object(metadata)
}
