//! Checkpoints in memory as one side of a matching, and two of them brought to the same tensors.

use super::beside::Unreads;
use super::{How, Map, Mapping, Said, Side, Unsupported, find};
use crate::checkpoint::Checkpoint;
use crate::coverage::NotCompared;
use crate::error::{Error, Result};
use checkpoint_store::TensorShape;
use std::borrow::Cow;
use std::collections::HashSet;
use weightspace::compare::Tensor;
use weightspace::sketch::{Parameters, Sketch, Sketcher};

/// The tensors of a checkpoint in memory, or of a sketch, of which only names and shapes are left.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    shapes: Vec<TensorShape>,
    values: Option<Vec<&'a [f32]>>,
}

impl<'a> Held<'a> {
    /// What is left of a checkpoint.
    pub(crate) fn of(checkpoint: &'a Checkpoint) -> Self {
        match checkpoint.tensors() {
            Some(tensors) => Self::of_tensors(&tensors),
            None => Self {
                shapes: checkpoint
                    .in_order()
                    .into_iter()
                    .map(|(name, shape)| tensor_shape(name, shape))
                    .collect(),
                values: None,
            },
        }
    }

    /// Tensors with their values.
    pub(crate) fn of_tensors(tensors: &[Tensor<'a>]) -> Self {
        Self {
            shapes: tensors
                .iter()
                .map(|tensor| tensor_shape(tensor.name, tensor.shape))
                .collect(),
            values: Some(tensors.iter().map(|tensor| tensor.values).collect()),
        }
    }

    fn get(&self, place: usize) -> Result<Cow<'a, [f32]>> {
        let values = self.values.as_ref().ok_or(Error::SketchOnly)?;
        let values = values.get(place);
        Ok(Cow::Borrowed(
            values.ok_or(Error::NoSuchTensor { index: place })?,
        ))
    }
}

fn tensor_shape(name: &str, shape: &[usize]) -> TensorShape {
    let sides: Vec<u64> = shape.iter().map(|&side| side as u64).collect();
    TensorShape::new(name.to_owned(), sides)
}

impl Side for Held<'_> {
    fn tensors(&self) -> &[TensorShape] {
        &self.shapes
    }

    fn values(&self, place: usize) -> Result<Cow<'_, [f32]>> {
        self.get(place)
    }

    fn has_values(&self) -> bool {
        self.values.is_some()
    }

    fn is_in_memory(&self) -> bool {
        true
    }
}

/// Two checkpoints with the same tensors: what both have, as the first one calls it and stores it.
#[derive(Debug)]
pub(crate) struct Alike<'a> {
    pub(crate) mapping: Mapping,
    pub(crate) said: Said,
    /// What only one of them has.
    pub(crate) not_compared: Vec<NotCompared>,
    only_a: Vec<String>,
    only_b: Vec<String>,
    reshaped: Vec<String>,
    names: Vec<String>,
    shapes: Vec<Vec<usize>>,
    a: Vec<Cow<'a, [f32]>>,
    b: Vec<Cow<'a, [f32]>>,
}

/// Brings two checkpoints to the same tensors. Only what is stored in another way is copied.
///
/// # Errors
/// When one is only a sketch, or the map names no tensor of them.
pub(crate) fn alike<'a>(a: &'a Checkpoint, b: &'a Checkpoint, map: &Map) -> Result<Alike<'a>> {
    let (own, other) = (Held::of(a), Held::of(b));
    if !own.has_values() || !other.has_values() {
        return Err(Error::SketchOnly);
    }
    let mapping = find(&own, &other, map, Unsupported::Drop)?;
    if let Map::Table(table) = map
        && mapping.pairs.iter().all(|pair| pair.how != How::File)
    {
        return Err(table.unused());
    }
    let layout = mapping.layout(&own.shapes);
    let made = |recipes: &mut dyn Iterator<Item = super::Recipe>, held: &Held<'a>| {
        let values = |place| held.get(place);
        recipes
            .map(|recipe| recipe.make(&held.shapes, &values))
            .collect::<Result<Vec<_>>>()
    };
    let values_a = made(&mut mapping.recipes_a(), &own)?;
    let values_b = made(&mut mapping.pairs.iter().map(|pair| pair.b.clone()), &other)?;
    let sides = |tensor: &TensorShape| tensor.shape.iter().map(|&side| side as usize).collect();
    Ok(Alike {
        said: Said::of(&mapping, &own.shapes, &other.shapes),
        not_compared: mapping.not_compared((a.name(), &own.shapes), (b.name(), &other.shapes)),
        only_a: named(&own.shapes, mapping.only_a.iter()),
        only_b: named(&other.shapes, mapping.only_b.iter()),
        reshaped: named(&own.shapes, mapping.reshaped.iter().map(|(own, _)| own)),
        shapes: layout.iter().map(sides).collect(),
        names: layout.into_iter().map(|tensor| tensor.name).collect(),
        a: values_a,
        b: values_b,
        mapping,
    })
}

fn named<'p>(tensors: &[TensorShape], places: impl Iterator<Item = &'p usize>) -> Vec<String> {
    let tensors = places.filter_map(|&place| tensors.get(place));
    tensors.map(|tensor| tensor.name.clone()).collect()
}

impl Alike<'_> {
    /// Tensors that only the first has, but those that the second could not read.
    pub(crate) fn only_a(&self, unread: &Unreads<'_>) -> Vec<String> {
        let names = self.only_a.iter();
        names
            .filter(|name| !unread.has(name, None))
            .cloned()
            .collect()
    }

    /// Tensors that only the second has, but those that the first could not read.
    pub(crate) fn only_b(&self, unread: &Unreads<'_>) -> Vec<String> {
        let is_unread = |name: &&String| {
            let in_a = self.mapping.name_in_a(name);
            unread.has(name, in_a.as_deref())
        };
        let names = self.only_b.iter();
        names.filter(|name| !is_unread(name)).cloned().collect()
    }

    /// Tensors of one name that cannot be compared, as their shapes differ.
    pub(crate) fn reshaped(&self) -> &[String] {
        &self.reshaped
    }

    /// The tensors of the first.
    pub(crate) fn a(&self) -> Vec<Tensor<'_>> {
        self.tensors(&self.a)
    }

    /// The tensors of the second, as the first calls them and stores them.
    pub(crate) fn b(&self) -> Vec<Tensor<'_>> {
        self.tensors(&self.b)
    }

    fn tensors<'s>(&'s self, values: &'s [Cow<'_, [f32]>]) -> Vec<Tensor<'s>> {
        let shapes = self.names.iter().zip(&self.shapes);
        let tensors = shapes.zip(values).map(|((name, shape), values)| Tensor {
            name,
            shape,
            values,
        });
        tensors.collect()
    }
}

/// Two sketches with the same names, where one of the two checkpoints is only a sketch: the other is
/// sketched under the names of the first. Names alone match them.
///
/// # Errors
/// When two tensors have one name.
pub(crate) fn sketches<'a>(
    a: &'a Checkpoint,
    b: &'a Checkpoint,
    map: &Map,
) -> Result<(Cow<'a, Sketch>, Cow<'a, Sketch>, Option<Said>)> {
    let (kept, whole) = match (a.is_sketch(), b.is_sketch()) {
        (true, false) => (a, b),
        (false, true) => (b, a),
        _ => return Ok((a.sketch()?, b.sketch()?, None)),
    };
    let (own, other) = (Held::of(kept), Held::of(whole));
    let mapping = find(&own, &other, map, Unsupported::Drop)?;
    if !mapping.is_renamed() {
        return Ok((a.sketch()?, b.sketch()?, None));
    }
    let mut sketcher = Sketcher::new(Parameters::default())?;
    let mut names: HashSet<&str> = HashSet::new();
    let mut add = |tensor: &TensorShape, values: &[f32]| {
        let shape: Vec<usize> = tensor.shape.iter().map(|&side| side as usize).collect();
        let mut part = sketcher.tensor(&tensor.name, &shape);
        part.feed(values);
        sketcher.add(part.finish())
    };
    let layout = mapping.layout(&own.shapes);
    for (tensor, pair) in layout.iter().zip(&mapping.pairs) {
        let made = pair.b.make(&other.shapes, &|place| other.get(place))?;
        add(tensor, &made)?;
        names.insert(tensor.name.as_str());
    }
    for &place in &mapping.only_b {
        if let Some(tensor) = other.shapes.get(place)
            && names.insert(tensor.name.as_str())
        {
            add(tensor, &other.get(place)?)?;
        }
    }
    let said = Said::of(&mapping, &own.shapes, &other.shapes);
    let made = Cow::Owned(sketcher.finish());
    let kept = kept.sketch()?;
    Ok(if a.is_sketch() {
        (kept, made, Some(said))
    } else {
        (made, kept, Some(said.turned()))
    })
}
