//! The suspect, and candidates with all their weights.

use crate::checkpoint::{Checkpoint, Contents};
use crate::collection::{
    From, Group, Member, Options, Single, Space, identity, identity_of_sketch, identity_of_weights,
    single,
};
use crate::error::Result;
use checkpoint_store::TensorShape;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use weightspace::compare::Tensor;
use weightspace::sketch::{Parameters, Sketch, Sketcher};

/// Tensors of a checkpoint in memory.
#[derive(Debug, Clone)]
pub(crate) struct Weights(Vec<(String, Vec<usize>, Vec<f32>)>);

impl Weights {
    /// As many of the tensors as the layout names, in its order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn reduced(single: &Single, layout: &[TensorShape]) -> Result<Self> {
        let known = places(single);
        let mut own = Vec::with_capacity(layout.len());
        for tensor in layout {
            let shape: Vec<usize> = tensor.shape.iter().map(|&side| side as usize).collect();
            // Of a vocabulary that grew only the rows are compared that all have.
            let count: usize = shape.iter().product();
            if let Some(&(place, all)) = known.get(tensor.name.as_str())
                && count <= all
            {
                let values = single.values(place, 0..count)?.into_owned();
                own.push((tensor.name.clone(), shape, values));
            }
        }
        Ok(Self(own))
    }

    /// With other values, by name.
    pub(crate) fn replaced(&self, values: &[(String, Vec<f32>)]) -> Self {
        let known: HashMap<&str, &[f32]> = values
            .iter()
            .map(|(name, v)| (name.as_str(), v.as_slice()))
            .collect();
        let tensors = self.0.iter().map(|(name, shape, own)| {
            let values = known.get(name.as_str()).filter(|v| v.len() == own.len());
            let values = values.map_or_else(|| own.clone(), |v| v.to_vec());
            (name.clone(), shape.clone(), values)
        });
        Self(tensors.collect())
    }

    pub(crate) fn tensors(&self) -> Vec<Tensor<'_>> {
        let tensors = self.0.iter();
        tensors
            .map(|(name, shape, values)| Tensor {
                name,
                shape,
                values,
            })
            .collect()
    }

    /// All values, tensor after tensor.
    fn values(&self) -> Vec<f32> {
        self.0
            .iter()
            .flat_map(|(_, _, v)| v.iter().copied())
            .collect()
    }

    fn sketch(&self) -> Result<Sketch> {
        let mut sketcher = Sketcher::new(Parameters::default())?;
        for (name, shape, values) in &self.0 {
            let mut part = sketcher.tensor(name, shape);
            part.feed(values);
            sketcher.add(part.finish())?;
        }
        Ok(sketcher.finish())
    }
}

/// How far a checkpoint is the same as the suspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Same {
    /// It is another.
    No,
    /// Its numbers are the same as f32.
    Numbers,
    /// Everything is the same as it is stored, also what f32 does not hold or could not be read.
    Stored,
}

/// The suspect among the checkpoints of a group.
#[derive(Debug)]
pub(crate) struct Suspect {
    /// Its tensors, if there is more than a sketch of it, and they are in memory.
    pub(crate) weights: Option<Weights>,
    /// Where its tensors lie, if they are more than memory has room for.
    pub(crate) large: Option<Arc<Single>>,
    /// As a column of the group.
    pub(crate) point: Vec<f32>,
    /// Equal to that of members that are stored the same.
    identity: u64,
}

impl Suspect {
    pub(crate) fn among(group: &Group, checkpoint: &Checkpoint) -> Result<Self> {
        match checkpoint.contents() {
            Contents::Weights(single) if group.space == Space::Sketches && !single.is_here() => {
                let sketch = sketch_of(single, &group.layout)?;
                let (stored, name) = (single.stored(), checkpoint.name());
                Ok(Self {
                    weights: None,
                    large: Some(Arc::clone(single)),
                    identity: identity_of_sketch(&sketch, &group.layout, stored, name),
                    point: sketch.values,
                })
            }
            Contents::Weights(single) => {
                let weights = Weights::reduced(single, &group.layout)?;
                let name = checkpoint.name();
                Self::new(weights, group, &|sketch, values| match sketch {
                    Some(sketch) => {
                        identity_of_sketch(sketch, &group.layout, single.stored(), name)
                    }
                    None => identity_of_weights(
                        std::iter::once(values),
                        &group.layout,
                        single.stored(),
                        name,
                    ),
                })
            }
            Contents::Sketch(sketch) => Ok(Self {
                weights: None,
                large: None,
                point: sketch.values.clone(),
                identity: identity(sketch),
            }),
        }
    }

    /// Weights that are no checkpoint's as they are stored: units were put in another order.
    pub(crate) fn of(weights: Weights, group: &Group) -> Result<Self> {
        let nothing = BTreeMap::new();
        Self::new(weights, group, &|sketch, values| match sketch {
            Some(sketch) => identity(sketch),
            None => identity_of_weights(std::iter::once(values), &group.layout, &nothing, ""),
        })
    }

    fn new(
        weights: Weights,
        group: &Group,
        identity: &dyn Fn(Option<&Sketch>, &[f32]) -> u64,
    ) -> Result<Self> {
        let (point, identity) = match group.space {
            Space::Weights => {
                let values = weights.values();
                let identity = identity(None, &values);
                (values, identity)
            }
            Space::Sketches => {
                let sketch = weights.sketch()?;
                let identity = identity(Some(&sketch), &[]);
                (sketch.values, identity)
            }
        };
        Ok(Self {
            weights: Some(weights),
            large: None,
            point,
            identity,
        })
    }

    /// How far a member is the same.
    pub(crate) fn same(&self, group: &Group, column: usize) -> Same {
        let Some(member) = group.members.get(column) else {
            return Same::No;
        };
        if self.identity == member.identity {
            return Same::Stored;
        }
        let values: &[f32] = group.points.column(column).data.into_slice();
        let mut bits = values.iter().zip(&self.point);
        let is_same = group.space == Space::Weights
            && values.len() == self.point.len()
            && bits.all(|(a, b)| a.to_bits() == b.to_bits());
        if is_same { Same::Numbers } else { Same::No }
    }
}

/// The sketch of as many of the tensors as the layout names.
fn sketch_of(single: &Single, layout: &[TensorShape]) -> Result<Sketch> {
    let places = places(single);
    let mut sketcher = Sketcher::new(Parameters::default())?;
    for tensor in layout {
        let shape: Vec<usize> = tensor.shape.iter().map(|&side| side as usize).collect();
        let count: usize = shape.iter().product();
        if let Some(&(place, all)) = places.get(tensor.name.as_str())
            && count <= all
        {
            let mut part = sketcher.tensor(&tensor.name, &shape);
            let mut left = count;
            single.stream(place, &mut |values| {
                let taken = values.len().min(left);
                left -= taken;
                part.feed(values.get(..taken).unwrap_or_default());
            })?;
            sketcher.add(part.finish())?;
        }
    }
    Ok(sketcher.finish())
}

/// Where tensors are by their names, and how many values each has.
pub(super) fn places(single: &Single) -> HashMap<&str, (usize, usize)> {
    let known = single.shapes().enumerate();
    known
        .map(|(place, (name, shape))| (name, (place, shape.iter().product())))
        .collect()
}

/// A member whose weights were only sketched, opened again; none if they are gone, or are shown in another
/// way than they are stored.
pub(crate) fn opened(group: &Group, member: usize, options: &Options) -> Option<Single> {
    let known = group.members.get(member)?;
    if known.view.is_some() {
        return None;
    }
    single(&path_of(known)?, options).ok()
}

/// Everything that a member holds, under its own names; none if its weights are gone.
pub(crate) fn whole_of(group: &Group, member: usize, options: &Options) -> Option<Single> {
    single(&path_of(group.members.get(member)?)?, options).ok()
}

/// The weights of a member: out of the points, or read again where these are sketches. None where
/// the weights are gone.
pub(crate) fn weights_of(group: &Group, member: usize, options: &Options) -> Option<Weights> {
    let known = group.members.get(member)?;
    if group.space == Space::Sketches {
        let single = single(&path_of(known)?, options).ok()?;
        let Some(view) = &known.view else {
            return Weights::reduced(&single, &group.layout).ok();
        };
        let shown = view.shown(&single).ok()?;
        let known: HashMap<&str, Vec<f32>> = view
            .layout()
            .iter()
            .map(|tensor| tensor.name.as_str())
            .zip(shown)
            .collect();
        let own = group.layout.iter().filter_map(|tensor| {
            let shape: Vec<usize> = tensor.shape.iter().map(|&side| side as usize).collect();
            let values = known.get(tensor.name.as_str())?;
            let values = values.get(..shape.iter().product())?.to_vec();
            Some((tensor.name.clone(), shape, values))
        });
        return Some(Weights(own.collect()));
    }
    let mut rest: &[f32] = group.points.column(member).data.into_slice();
    let mut tensors = Vec::with_capacity(group.layout.len());
    for tensor in &group.layout {
        let sides = tensor.shape.iter().map(|&side| usize::try_from(side).ok());
        let shape = sides.collect::<Option<Vec<usize>>>()?;
        let (values, after) = rest.split_at_checked(shape.iter().product())?;
        tensors.push((tensor.name.clone(), shape, values.to_vec()));
        rest = after;
    }
    Some(Weights(tensors))
}

/// What [`single`] reads a member by.
pub(crate) fn path_of(member: &Member) -> Option<PathBuf> {
    let claims = &member.claims;
    let run = claims.run.as_ref().filter(|run| run.from == From::Store);
    match (run, claims.position) {
        (Some(run), Some(epoch)) if member.path.is_dir() => {
            let store = member.path.display();
            Some(PathBuf::from(format!(
                "{store}:{}/{}",
                run.value, epoch.value
            )))
        }
        _ => (member.path.extension()? != "json"
            || member.path.to_string_lossy().ends_with(".index.json"))
        .then(|| member.path.clone()),
    }
}
