//! One streaming source of tensors, which files, stores and arrays in memory all are.

use crate::error::{Error, Result};
use checkpoint_store::TensorShape;
use std::fmt::Debug;
use std::ops::Range;

/// The weights of one checkpoint, wherever they lie: read tensor by tensor, in slices, so that no
/// answer has to hold a model.
///
/// Implement it for tensors of your own (of another library, of a training in memory) to ask about
/// them without writing a file: [`Collection::from_sources`](crate::collection::Collection::from_sources).
pub trait TensorSource: Debug + Send + Sync {
    /// Its tensors, names unique, shapes with the slowest dimension first.
    fn tensors(&self) -> &[TensorShape];

    /// Streams all values of the tensor at this index of [`tensors`](Self::tensors), row-major, in
    /// slices of any length.
    ///
    /// # Errors
    /// When they cannot be read, or there is no such tensor.
    fn read(&self, index: usize, sink: &mut dyn FnMut(&[f32])) -> Result<()>;

    /// As [`read`](Self::read), but only the values at these places of the row-major order. Without one
    /// of its own, what stands before them is read and passed over.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_range(
        &self,
        index: usize,
        range: Range<u64>,
        sink: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        let mut at = 0_u64;
        self.read(index, &mut |values| {
            let end = at + values.len() as u64;
            let from = range.start.clamp(at, end) - at;
            let to = range.end.clamp(at, end) - at;
            at = end;
            if let Some(part) = values.get(from as usize..to as usize)
                && !part.is_empty()
            {
                sink(part);
            }
        })
    }
}

/// Named tensors in memory.
///
/// ```
/// use modeltrail::{Collection, Tensors};
///
/// # fn main() -> modeltrail::Result<()> {
/// // Three networks of one layer, on the way from one point to another.
/// let checkpoint = |step: usize| {
///     let weights: Vec<f32> = (0..12).map(|i| (i * i % 7) as f32 + 0.1 * step as f32).collect();
///     let mut tensors = Tensors::new();
///     tensors.add("layer.weight", &[3, 4], weights)?;
///     Ok::<_, modeltrail::Error>((format!("step {step}"), tensors))
/// };
/// let checkpoints = [checkpoint(2)?, checkpoint(0)?, checkpoint(1)?];
/// let collection = Collection::from_tensors(checkpoints)?;
/// assert_eq!(collection.groups.len(), 1);
/// assert_eq!(collection.groups[0].members.len(), 3);
/// assert!(collection.coverage().is_complete());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct Tensors {
    shapes: Vec<TensorShape>,
    values: Vec<Vec<f32>>,
}

impl Tensors {
    /// No tensors yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor of this shape (none for a scalar), its values row-major.
    ///
    /// # Errors
    /// When a tensor of that name is there already, or the values are not as many as the shape says.
    pub fn add(
        &mut self,
        name: impl Into<String>,
        shape: &[usize],
        values: impl Into<Vec<f32>>,
    ) -> Result<()> {
        let (name, values) = (name.into(), values.into());
        if self.shapes.iter().any(|tensor| tensor.name == name) {
            return Err(weightspace::Error::DuplicateTensor { name }.into());
        }
        let elements = shape
            .iter()
            .try_fold(1_usize, |all, &side| all.checked_mul(side));
        if elements != Some(values.len()) {
            return Err(weightspace::Error::TensorElements {
                name,
                shape: shape.to_vec(),
                elements: values.len() as u64,
            }
            .into());
        }
        let sides: Vec<u64> = shape.iter().map(|&side| side as u64).collect();
        self.shapes.push(TensorShape::new(name, sides));
        self.values.push(values);
        Ok(())
    }
}

impl TensorSource for Tensors {
    fn tensors(&self) -> &[TensorShape] {
        &self.shapes
    }

    fn read(&self, index: usize, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        let values = self
            .values
            .get(index)
            .ok_or(Error::NoSuchTensor { index })?;
        if !values.is_empty() {
            sink(values);
        }
        Ok(())
    }
}

/// The sides of a shape as this machine counts.
///
/// # Errors
/// When a side is larger than memory can be.
pub(crate) fn sides(tensor: &TensorShape) -> Result<Vec<usize>> {
    let sides = tensor.shape.iter().map(|&side| usize::try_from(side));
    sides
        .collect::<Result<_, _>>()
        .map_err(|_| Error::TooLarge {
            tensor: tensor.name.clone(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_in_memory_are_read_back_as_they_were_given() {
        let mut tensors = Tensors::new();
        tensors.add("a", &[2, 2], [1.0, 2.0, 3.0, 4.0]).unwrap();
        tensors.add("scalar", &[], [7.0]).unwrap();
        tensors.add("empty", &[0, 3], []).unwrap();
        let read = |index| {
            let mut values = Vec::new();
            tensors.read(index, &mut |slice| values.extend_from_slice(slice))?;
            Ok::<_, Error>(values)
        };
        assert_eq!(read(0).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(read(1).unwrap(), [7.0]);
        assert!(read(2).unwrap().is_empty());
        assert!(matches!(read(3), Err(Error::NoSuchTensor { index: 3 })));
    }

    #[test]
    fn names_are_unique_and_shapes_fit_the_values() {
        let mut tensors = Tensors::new();
        tensors.add("a", &[2], [1.0, 2.0]).unwrap();
        assert!(tensors.add("a", &[2], [1.0, 2.0]).is_err());
        assert!(tensors.add("b", &[2], [1.0]).is_err());
        assert!(tensors.add("c", &[usize::MAX, 2], [1.0]).is_err());
    }
}
