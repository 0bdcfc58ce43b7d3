//! Tensors of two checkpoints, matched by name and shape.

use std::collections::HashMap;

use crate::Error;

/// One tensor of a checkpoint, row-major.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tensor<'a> {
    /// Its name, by which it is matched.
    pub name: &'a str,
    /// Its shape, output units first.
    pub shape: &'a [usize],
    /// Its values, as many as the shape says.
    pub values: &'a [f32],
}

/// One tensor in both checkpoints: the same name, shape and number of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its shape.
    pub shape: &'a [usize],
    /// Its values in A.
    pub a: &'a [f32],
    /// Its values in B.
    pub b: &'a [f32],
}

impl Pair<'_> {
    /// Whether all bits are the same.
    pub fn is_same(&self) -> bool {
        let mut both = self.a.iter().zip(self.b);
        both.all(|(a, b)| a.to_bits() == b.to_bits())
    }

    /// The tensor as a matrix: (first dimension, product of the others), if both exceed 1.
    pub fn matrix(&self) -> Option<(usize, usize)> {
        let rows = *self.shape.first()?;
        let columns = self.a.len().checked_div(rows)?;
        (rows > 1 && columns > 1).then_some((rows, columns))
    }
}

/// The tensors of two checkpoints matched by name, in the order of A.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Paired<'a> {
    /// In both, with the same shape.
    pub pairs: Vec<Pair<'a>>,
    /// Names that only A has.
    pub only_a: Vec<&'a str>,
    /// Names that only B has.
    pub only_b: Vec<&'a str>,
    /// Names that both have, with different shapes.
    pub reshaped: Vec<&'a str>,
}

impl<'a> Paired<'a> {
    /// Matches tensors by name.
    ///
    /// # Errors
    /// [`Error::TensorElements`] if a tensor's values are not as many as its shape says;
    /// [`Error::DuplicateTensor`].
    pub fn new(a: &[Tensor<'a>], b: &[Tensor<'a>]) -> Result<Self, Error> {
        let mut others = by_name(b)?;
        by_name(a)?;
        let mut paired = Self::default();
        for tensor in a {
            match others.remove(tensor.name) {
                None => paired.only_a.push(tensor.name),
                Some(other) if other.shape != tensor.shape => paired.reshaped.push(tensor.name),
                Some(other) => paired.pairs.push(Pair {
                    name: tensor.name,
                    shape: tensor.shape,
                    a: tensor.values,
                    b: other.values,
                }),
            }
        }
        let rest = b.iter().map(|tensor| tensor.name);
        paired.only_b = rest.filter(|name| others.contains_key(name)).collect();
        Ok(paired)
    }

    /// Number of values in all pairs.
    pub fn elements(&self) -> usize {
        self.pairs.iter().map(|pair| pair.a.len()).sum()
    }

    /// Refuses values that are not finite, which no verdict can be based on.
    pub(crate) fn check_finite(&self) -> Result<(), Error> {
        for pair in &self.pairs {
            let values = pair.a.iter().chain(pair.b);
            let count = values.filter(|value| !value.is_finite()).count() as u64;
            if count > 0 {
                let name = pair.name.to_owned();
                return Err(Error::NonFiniteTensor { name, count });
            }
        }
        Ok(())
    }
}

/// Tensors by name, each checked to be whole.
pub(crate) fn by_name<'a>(tensors: &[Tensor<'a>]) -> Result<HashMap<&'a str, Tensor<'a>>, Error> {
    let mut map = HashMap::with_capacity(tensors.len());
    for &tensor in tensors {
        let expected = tensor
            .shape
            .iter()
            .try_fold(1usize, |product, &side| product.checked_mul(side));
        if expected != Some(tensor.values.len()) {
            return Err(Error::TensorElements {
                name: tensor.name.to_owned(),
                shape: tensor.shape.to_vec(),
                elements: tensor.values.len() as u64,
            });
        }
        if map.insert(tensor.name, tensor).is_some() {
            let name = tensor.name.to_owned();
            return Err(Error::DuplicateTensor { name });
        }
    }
    Ok(map)
}
