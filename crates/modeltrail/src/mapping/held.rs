//! Checkpoints in memory as one side of a matching, and two of them brought to the same tensors.

use super::beside::Unreads;
use super::{How, Map, Mapping, Recipe, Said, Side, Unsupported, find};
use crate::checkpoint::Checkpoint;
use crate::collection::Single;
use crate::coverage::NotCompared;
use crate::error::{Error, Result};
use crate::source::TensorSource;
use checkpoint_store::TensorShape;
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashSet;
use std::ops::Range;
use weightspace::compare::slices::VALUES;
use weightspace::compare::{Pairs, Tensor};
use weightspace::sketch::{Parameters, Sketch, Sketcher};

/// The tensors of a checkpoint, or of a sketch, of which only names and shapes are left.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    shapes: Vec<TensorShape>,
    values: Option<&'a Single>,
}

impl<'a> Held<'a> {
    /// What is known of a checkpoint.
    pub(crate) fn of(checkpoint: &'a Checkpoint) -> Self {
        let tensors = checkpoint.in_order().into_iter();
        Self {
            shapes: tensors
                .map(|(name, shape)| tensor_shape(name, shape))
                .collect(),
            values: checkpoint.weights(),
        }
    }

    fn single(&self) -> Result<&'a Single> {
        self.values.ok_or(Error::SketchOnly)
    }

    fn get(&self, place: usize) -> Result<Cow<'a, [f32]>> {
        self.single()?.all_values(place)
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
        self.values.is_none_or(Single::is_here)
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
    a: Shown<'a>,
    b: Shown<'a>,
}

/// One of two checkpoints, with the tensors that both have.
#[derive(Debug)]
struct Shown<'a> {
    single: &'a Single,
    stored: Vec<TensorShape>,
    recipes: Vec<Recipe>,
    /// What it shows, where it is in memory.
    here: Option<Vec<Cow<'a, [f32]>>>,
}

impl<'a> Shown<'a> {
    fn new(held: &Held<'a>, recipes: Vec<Recipe>) -> Result<Self> {
        let single = held.single()?;
        let mut shown = Self {
            single,
            stored: held.shapes.clone(),
            recipes,
            here: None,
        };
        if single.is_here() {
            let made = shown.recipes.iter().map(|recipe| shown.made(recipe));
            shown.here = Some(made.collect::<Result<_>>()?);
        }
        Ok(shown)
    }

    fn made(&self, recipe: &Recipe) -> Result<Cow<'a, [f32]>> {
        let single = self.single;
        recipe.make(&self.stored, &|place| single.all_values(place))
    }

    /// The values of a tensor at these places, in the buffer if they are not in memory.
    fn range<'s>(
        &'s self,
        tensor: usize,
        range: Range<usize>,
        buffer: &'s mut Vec<f32>,
    ) -> Result<&'s [f32]> {
        if let Some(here) = &self.here {
            let values = here.get(tensor).and_then(|values| values.get(range));
            return Ok(values.unwrap_or_default());
        }
        buffer.clear();
        let recipe = self.recipes.get(tensor);
        let recipe = recipe.ok_or(Error::NoSuchTensor { index: tensor })?;
        if let Some(stored) = recipe.as_stored() {
            self.single.add_to(buffer, stored, range)?;
        } else {
            let wanted = range.start as u64..range.end as u64;
            recipe.read_range(self, wanted, &mut |part| buffer.extend_from_slice(part))?;
        }
        Ok(buffer)
    }

    /// All of it, in memory.
    fn all(&self) -> Result<Vec<Cow<'_, [f32]>>> {
        match &self.here {
            Some(here) => Ok(here.iter().map(|values| Cow::Borrowed(&**values)).collect()),
            None => self
                .recipes
                .iter()
                .map(|recipe| self.made(recipe))
                .collect(),
        }
    }
}

impl TensorSource for Shown<'_> {
    fn tensors(&self) -> &[TensorShape] {
        &self.stored
    }

    fn read(&self, index: usize, sink: &mut dyn FnMut(&[f32])) -> Result<()> {
        self.single.stream(index, sink)
    }

    fn read_range(
        &self,
        index: usize,
        range: Range<u64>,
        sink: &mut dyn FnMut(&[f32]),
    ) -> Result<()> {
        let values = self
            .single
            .values(index, range.start as usize..range.end as usize)?;
        sink(&values);
        Ok(())
    }
}

/// Brings two checkpoints to the same tensors. Only what is in memory, and stored in another way, is
/// copied.
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
    let shown_a = Shown::new(&own, mapping.recipes_a().collect())?;
    let shown_b = Shown::new(
        &other,
        mapping.pairs.iter().map(|pair| pair.b.clone()).collect(),
    )?;
    let sides = |tensor: &TensorShape| tensor.shape.iter().map(|&side| side as usize).collect();
    Ok(Alike {
        said: Said::of(&mapping, &own.shapes, &other.shapes),
        not_compared: mapping.not_compared((a.name(), &own.shapes), (b.name(), &other.shapes)),
        only_a: named(&own.shapes, mapping.only_a.iter()),
        only_b: named(&other.shapes, mapping.only_b.iter()),
        reshaped: named(&own.shapes, mapping.reshaped.iter().map(|(own, _)| own)),
        shapes: layout.iter().map(sides).collect(),
        names: layout.into_iter().map(|tensor| tensor.name).collect(),
        a: shown_a,
        b: shown_b,
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

    /// Bytes that both take as f32, and the most that they may take.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        let elements = self
            .shapes
            .iter()
            .map(|shape| shape.iter().product::<usize>() as u64);
        let bytes = elements.fold(0_u64, |all, count| {
            all.saturating_add(count.saturating_mul(8))
        });
        (bytes, self.a.single.memory().min(self.b.single.memory()))
    }

    /// Does work that looks at slices, by no more threads than their memory is enough for.
    pub(crate) fn within_memory<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        let most = (self.bytes().1 / SLICE_BYTES).max(1);
        let threads = rayon::current_num_threads();
        if self.a.here.is_some() && self.b.here.is_some() || most >= threads as u64 {
            return work();
        }
        match rayon::ThreadPoolBuilder::new()
            .num_threads(most as usize)
            .build()
        {
            Ok(pool) => pool.install(work),
            Err(_) => work(),
        }
    }

    /// All values of the tensors that both have, in memory.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn whole(&self) -> Result<Whole<'_>> {
        Ok(Whole {
            names: &self.names,
            shapes: &self.shapes,
            a: self.a.all()?,
            b: self.b.all()?,
        })
    }
}

thread_local! {
    /// Room for a slice of both, which is not asked for anew each time.
    static BUFFERS: Cell<[Vec<f32>; 2]> = const { Cell::new([Vec::new(), Vec::new()]) };
}

/// What a thread needs for a slice of both, and for work on it.
const SLICE_BYTES: u64 = 24 * VALUES as u64;

impl Pairs for Alike<'_> {
    type Error = Error;

    fn count(&self) -> usize {
        self.names.len()
    }

    fn header(&self, pair: usize) -> (&str, &[usize]) {
        let named = self.names.get(pair).zip(self.shapes.get(pair));
        named.map_or(("", &[]), |(name, shape)| (name, shape))
    }

    fn read(
        &self,
        pair: usize,
        range: Range<usize>,
        look: &mut dyn FnMut(&[f32], &[f32]),
    ) -> Result<()> {
        // Taken and not borrowed: a thread that waits for others may begin another slice.
        let [mut one, mut two] = BUFFERS.take();
        let a = self.a.range(pair, range.clone(), &mut one)?;
        let b = self.b.range(pair, range, &mut two)?;
        look(a, b);
        BUFFERS.set([one, two]);
        Ok(())
    }
}

/// All values of two checkpoints, as the first calls them and stores them.
#[derive(Debug)]
pub(crate) struct Whole<'s> {
    names: &'s [String],
    shapes: &'s [Vec<usize>],
    a: Vec<Cow<'s, [f32]>>,
    b: Vec<Cow<'s, [f32]>>,
}

impl Whole<'_> {
    /// The tensors of the first.
    pub(crate) fn a(&self) -> Vec<Tensor<'_>> {
        self.tensors(&self.a)
    }

    /// The tensors of the second, as the first calls them and stores them.
    pub(crate) fn b(&self) -> Vec<Tensor<'_>> {
        self.tensors(&self.b)
    }

    fn tensors<'s>(&'s self, values: &'s [Cow<'_, [f32]>]) -> Vec<Tensor<'s>> {
        let shapes = self.names.iter().zip(self.shapes);
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
