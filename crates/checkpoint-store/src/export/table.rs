//! All checkpoints as one Parquet table, one row each.

use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

use super::labels::{Labels, elements, expect_all};
use crate::NewFile;
use crate::TensorShape;
use crate::error::{Error, Result};

/// Weights that are gathered before they are written as one row group, in bytes: 64 MiB, or one
/// checkpoint if that is larger.
pub const ROW_GROUP_BYTES: usize = 64 << 20;

/// Most weights of a checkpoint in a table: a page holds at least a row, and less than 2 GiB.
const MOST_WEIGHTS: u64 = 1 << 28;

/// The columns. `name` and `path` are texts for people, the rest is what checkpoints claim.
const SCHEMA: &str = "message checkpoints {
    required binary name (STRING);
    required binary path (STRING);
    optional binary run (STRING);
    optional int64 epoch;
    optional int64 step;
    required group weights (LIST) {
        repeated group list {
            required float element;
        }
    }
}";

/// The key of the file's metadata under which its tensors stand, as JSON.
const TENSORS: &str = "modeltrail.tensors";

/// One checkpoint without its weights.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// What it is called.
    pub name: String,
    /// Where it was.
    pub path: String,
    /// What it says of itself.
    pub labels: Labels,
}

/// Writes a table of checkpoints that have the same tensors.
pub struct Table {
    writer: SerializedFileWriter<NewFile>,
    parameters: usize,
    rows: Vec<Row>,
    weights: Vec<f32>,
}

impl Table {
    /// Begins a table of checkpoints with these tensors, whose values a row holds one after the
    /// other, row-major.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for checkpoints of more than 2²⁸ weights; [`Error::Invalid`].
    pub fn begin(file: NewFile, layout: &[TensorShape]) -> Result<Self> {
        let mut parameters = 0_u64;
        for tensor in layout {
            parameters = parameters.saturating_add(elements(tensor)?);
        }
        if parameters > MOST_WEIGHTS {
            return Err(Error::invalid(format!(
                "a checkpoint has {parameters} weights, and at most {MOST_WEIGHTS} fit into a row \
                 of a Parquet table: write safetensors"
            )));
        }
        let tensors =
            serde_json::to_string(layout).map_err(|error| Error::invalid(error.to_string()))?;
        let weights = ColumnPath::new(["weights", "list", "element"].map(str::to_owned).to_vec());
        let properties = WriterProperties::builder()
            .set_created_by(concat!("modeltrail version ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::UNCOMPRESSED)
            .set_key_value_metadata(Some(vec![KeyValue::new(TENSORS.to_owned(), tensors)]))
            // Weights hardly repeat, and nobody asks for those between two bounds.
            .set_column_dictionary_enabled(weights.clone(), false)
            .set_column_statistics_enabled(weights, EnabledStatistics::None)
            .build();
        let schema = parse_message_type(SCHEMA).map_err(failed)?;
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties));
        Ok(Self {
            writer: writer.map_err(failed)?,
            parameters: parameters as usize,
            rows: Vec::new(),
            weights: Vec::new(),
        })
    }

    /// Number of weights of a row.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// Appends a checkpoint. Memory: [`ROW_GROUP_BYTES`] and a checkpoint.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it has another number of weights, or a step of 2⁶³ or more;
    /// [`Error::Io`], [`Error::StorageFull`].
    pub fn row(&mut self, row: Row, weights: &[f32]) -> Result<()> {
        expect_all(
            self.writer.inner(),
            weights.len() as u64,
            self.parameters as u64,
        )?;
        for position in [row.labels.epoch, row.labels.step].into_iter().flatten() {
            if i64::try_from(position).is_err() {
                return Err(Error::invalid(format!(
                    "{} claims position {position}, and a table holds numbers below 2^63",
                    row.name
                )));
            }
        }
        if 4 * (self.weights.len() + weights.len()) > ROW_GROUP_BYTES {
            self.write_group()?;
        }
        self.rows.push(row);
        self.weights.extend_from_slice(weights);
        Ok(())
    }

    fn write_group(&mut self) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group().map_err(failed)?;
        let mut column = 0;
        while let Some(writer) = group.next_column().map_err(failed)? {
            write_column(writer, column, &self.rows, &self.weights).map_err(failed)?;
            column += 1;
        }
        group.close().map_err(failed)?;
        self.rows.clear();
        self.weights.clear();
        self.writer.inner_mut().check()
    }

    /// Writes what is left, and publishes the file.
    ///
    /// # Errors
    /// As [`NewFile::finish`].
    pub fn finish(mut self) -> Result<()> {
        self.write_group()?;
        self.writer.into_inner().map_err(failed)?.finish()
    }
}

/// Writes the column of this number in [`SCHEMA`].
fn write_column(
    mut writer: SerializedColumnWriter<'_>,
    column: usize,
    rows: &[Row],
    weights: &[f32],
) -> Result<(), ParquetError> {
    // Whether a value is there: all texts that must be are.
    let levels = |is_there: &dyn Fn(&Row) -> bool| -> Vec<i16> {
        rows.iter().map(|row| i16::from(is_there(row))).collect()
    };
    match writer.untyped() {
        ColumnWriter::ByteArrayColumnWriter(writer) => {
            let text = |row: &Row| match column {
                0 => Some(row.name.as_str().into()),
                1 => Some(row.path.as_str().into()),
                _ => row.labels.run.as_deref().map(ByteArray::from),
            };
            let values: Vec<ByteArray> = rows.iter().filter_map(text).collect();
            let levels = (column > 1).then(|| levels(&|row| row.labels.run.is_some()));
            writer.write_batch(&values, levels.as_deref(), None)?;
        }
        ColumnWriter::Int64ColumnWriter(writer) => {
            let number = |row: &Row| match column {
                3 => row.labels.epoch,
                _ => row.labels.step,
            };
            // What exceeds an i64 was refused when it came.
            let values = rows.iter().filter_map(number).map(|number| number as i64);
            let values: Vec<i64> = values.collect();
            let levels = levels(&|row| number(row).is_some());
            writer.write_batch(&values, Some(&levels), None)?;
        }
        ColumnWriter::FloatColumnWriter(writer) => {
            let parameters = weights.len() / rows.len().max(1);
            let there = vec![1; parameters];
            // A list begins at 0.
            let mut repeated = vec![1; parameters];
            if let Some(first) = repeated.first_mut() {
                *first = 0;
            }
            for row in weights.chunks_exact(parameters.max(1)) {
                writer.write_batch(row, Some(&there), Some(&repeated))?;
            }
        }
        _ => return Err(ParquetError::General("a column of another type".to_owned())),
    }
    writer.close()
}

fn failed(error: ParquetError) -> Error {
    Error::invalid(format!("the table cannot be written: {error}"))
}
