//! Reading a group into points, shuffled.

use super::copies::copies_last;
use super::layout::parameters;
use super::listing::{Entry, Pending};
use super::stored::Stored;
use super::{Group, Member, NotFinite, Options, Space, cache};
use crate::error::{Error, Problem, Result};
use crate::progress::Progress;
use crate::remote;
use checkpoint_store::TensorShape;
use checkpoint_store::foreign::natural_names;
use nalgebra::DMatrix;
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};
use weightspace::random::{permutation, stream};
use weightspace::sketch::{Parameters, Sketch, matrix};

/// A group, and what of it could not be used.
pub(super) struct Read {
    /// None if nothing is left.
    pub(super) group: Option<Group>,
    pub(super) problems: Vec<Problem>,
    pub(super) not_finite: Vec<NotFinite>,
}

/// What is known of one checkpoint beside its values.
struct Point {
    identity: u64,
    not_finite: Vec<(String, u64)>,
    /// Tensors that it has beside those of the group.
    beside: Vec<(String, blake3::Hash)>,
}

/// Reads a group, its members in an order drawn from the seed.
pub(super) fn read(pending: Pending, space: Space, options: &Options, work: &dyn Progress) -> Read {
    let Pending {
        layout,
        entries,
        taken,
        not_compared,
    } = pending;
    let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
    let order = permutation(count, &mut stream(options.seed, "checkpoints", 0));
    let shuffled: Vec<&Entry> = order
        .iter()
        .filter_map(|&place| entries.get(place as usize))
        .collect();
    let rows = match space {
        Space::Weights => parameters(&layout) as usize,
        Space::Sketches => Parameters::default().dimensions,
    };
    let mut values = vec![0.0; rows * shuffled.len()];
    let mut rest = values.as_mut_slice();
    let columns: Vec<(&Entry, &mut [f32])> = shuffled
        .iter()
        .filter_map(|&entry| Some((entry, rest.split_off_mut(..rows)?)))
        .collect();
    let mut points: Vec<Result<Point>> = columns
        .into_par_iter()
        .map(|(entry, column)| {
            let point = match space {
                Space::Sketches => cache::sketch(options.cache.as_deref(), &entry.source, &layout)
                    .and_then(|sketch| sketched(entry, &layout, &sketch, column)),
                Space::Weights => weights(entry, &layout, column),
            };
            work.done(1);
            point
        })
        .collect();
    // What the others are that came before something could not be had is no answer.
    for (entry, point) in shuffled.iter().zip(&mut points) {
        if let Err(error) = remote::sound(&entry.path, Ok::<_, Error>(())) {
            *point = Err(error);
        }
    }
    distinguish(&mut points);
    let mut read = Read {
        group: None,
        problems: Vec::new(),
        not_finite: Vec::new(),
    };
    let mut members = Vec::new();
    for (column, (entry, point)) in shuffled.into_iter().zip(points).enumerate() {
        match point {
            Err(error) => read.problems.push(Problem::new(&entry.path, &error)),
            Ok(point) if !point.not_finite.is_empty() => read.not_finite.push(NotFinite {
                name: entry.name.clone(),
                tensors: point.not_finite,
                path: entry.path.clone(),
                claims: entry.claims.clone(),
            }),
            Ok(point) => {
                values.copy_within(column * rows..(column + 1) * rows, members.len() * rows);
                members.push(Member {
                    name: entry.name.clone(),
                    path: entry.path.clone(),
                    claims: entry.claims.clone(),
                    aside: entry.aside,
                    identity: point.identity,
                    view: entry.source.view().cloned(),
                });
            }
        }
    }
    // The shuffle is for the algorithms; people read these.
    read.not_finite
        .sort_by(|a, b| natural_names(&a.name, &b.name));
    values.truncate(rows * members.len());
    if members.iter().all(|member| member.aside.is_some()) {
        // What they stand beside could not be read.
        members.iter_mut().for_each(|member| member.aside = None);
    }
    if !members.is_empty() {
        copies_last(&mut members, &mut values, rows);
        read.group = Some(Group {
            points: DMatrix::from_vec(rows, members.len(), values),
            layout,
            members,
            space,
            taken,
            not_compared,
        });
    }
    read
}

/// All weights, tensor after tensor, into a column of as many values.
fn weights(entry: &Entry, layout: &[TensorShape], column: &mut [f32]) -> Result<Point> {
    let reader = entry.source.open(layout)?;
    let mut hasher = blake3::Hasher::new();
    let mut rest = column;
    let mut not_finite = Vec::new();
    for (index, tensor) in layout.iter().enumerate() {
        let mut bad = 0;
        reader.read(index, &mut |values| {
            bad += values.iter().filter(|value| !value.is_finite()).count() as u64;
            hash(&mut hasher, values);
            if let Some(part) = rest.split_off_mut(..values.len()) {
                part.copy_from_slice(values);
            }
        })?;
        if bad > 0 {
            not_finite.push((tensor.name.clone(), bad));
        }
    }
    let stored = entry.source.beyond_f32()?;
    take_in_stored(&stored, layout, &entry.name, &mut hasher);
    Ok(Point {
        identity: first_bytes(&hasher),
        not_finite,
        beside: reader.beside()?,
    })
}

/// What [`Member::identity`] is of weights of this layout.
pub(crate) fn identity_of_weights<'a>(
    values: impl Iterator<Item = &'a [f32]>,
    layout: &[TensorShape],
    stored: &BTreeMap<String, Stored>,
    name: &str,
) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for values in values {
        hash(&mut hasher, values);
    }
    take_in_stored(stored, layout, name, &mut hasher);
    first_bytes(&hasher)
}

/// Checkpoints with the same tensors in common are the same only if no tensor differs that both have
/// beside these.
fn distinguish(points: &mut [Result<Point>]) {
    let mut alike: HashMap<u64, Vec<usize>> = HashMap::new();
    for (index, point) in points.iter().enumerate() {
        if let Ok(point) = point {
            alike.entry(point.identity).or_default().push(index);
        }
    }
    for mut places in alike.into_values() {
        let beside = |index: usize| -> Vec<(String, blake3::Hash)> {
            let point = points.get(index).and_then(|point| point.as_ref().ok());
            point.map_or_else(Vec::new, |point| point.beside.clone())
        };
        places.sort_by_key(|&index| std::cmp::Reverse(beside(index).len()));
        // What the checkpoints of each kind have beside the rest.
        let mut kinds: Vec<BTreeMap<String, blake3::Hash>> = Vec::new();
        let mut found: Vec<(usize, usize)> = Vec::new();
        for &index in &places {
            let own = beside(index);
            let agrees = |kind: &BTreeMap<String, blake3::Hash>| {
                own.iter()
                    .all(|(name, hash)| kind.get(name).is_none_or(|known| known == hash))
            };
            let kind = kinds.iter().position(agrees).unwrap_or_else(|| {
                kinds.push(BTreeMap::new());
                kinds.len() - 1
            });
            if let Some(kind) = kinds.get_mut(kind) {
                kind.extend(own);
            }
            found.push((index, kind));
        }
        for (index, kind) in found.into_iter().filter(|(_, kind)| *kind > 0) {
            if let Some(Ok(point)) = points.get_mut(index) {
                let mut hasher = blake3::Hasher::new();
                hasher.update(&point.identity.to_le_bytes());
                hasher.update(&(kind as u64).to_le_bytes());
                point.identity = first_bytes(&hasher);
            }
        }
    }
}

/// What [`Member::identity`] is of a sketch.
pub fn identity(sketch: &Sketch) -> u64 {
    let mut prints: Vec<(&str, u64)> = sketch
        .tensors
        .iter()
        .map(|tensor| (tensor.name.as_str(), tensor.fingerprint))
        .collect();
    prints.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for (name, print) in prints {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(&print.to_le_bytes());
    }
    first_bytes(&hasher)
}

/// Takes in the bits of the values.
fn hash(hasher: &mut blake3::Hasher, values: &[f32]) {
    let mut bytes = [0_u8; 4096];
    for part in values.chunks(bytes.len() / 4) {
        for (place, value) in bytes.chunks_exact_mut(4).zip(part) {
            place.copy_from_slice(&value.to_le_bytes());
        }
        hasher.update(bytes.get(..4 * part.len()).unwrap_or_default());
    }
}

/// Checkpoints are the same only if what f32 does not show is the same, byte for byte; where that is
/// not known, a checkpoint is the same as no other. Returns whether there is any of it.
fn take_in_stored(
    all: &BTreeMap<String, Stored>,
    layout: &[TensorShape],
    name: &str,
    hasher: &mut blake3::Hasher,
) -> bool {
    let shown: HashSet<&str> = layout.iter().map(|tensor| tensor.name.as_str()).collect();
    let is_meant = |tensor: &str, stored: &Stored| stored.is_unread || shown.contains(tensor);
    let mut has_more = false;
    for (tensor, stored) in all
        .iter()
        .filter(|(tensor, stored)| is_meant(tensor, stored))
    {
        has_more = true;
        for text in [tensor, &stored.dtype] {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        match stored.hash {
            Some(hash) => hasher.update(hash.as_bytes()),
            None => hasher.update(name.as_bytes()),
        };
    }
    has_more
}

fn first_bytes(hasher: &blake3::Hasher) -> u64 {
    let first = hasher.finalize().as_bytes().first_chunk().copied();
    u64::from_le_bytes(first.unwrap_or_default())
}

fn sketched(
    entry: &Entry,
    layout: &[TensorShape],
    sketch: &Sketch,
    column: &mut [f32],
) -> Result<Point> {
    let bad = sketch.tensors.iter().filter(|tensor| tensor.non_finite > 0);
    let not_finite: Vec<(String, u64)> = bad
        .map(|tensor| (tensor.name.clone(), tensor.non_finite))
        .collect();
    if not_finite.is_empty() {
        // Refuses what no sketcher can have made.
        column.copy_from_slice(matrix(&[sketch])?.as_slice());
    }
    let stored = entry.source.beyond_f32()?;
    let beside = match entry.source.view() {
        Some(_) => entry.source.open(layout)?.beside()?,
        None => Vec::new(),
    };
    let mut identity = identity_of_sketch(sketch, layout, &stored, &entry.name);
    if entry.is_partial {
        // Nobody knows whether the rest is the same as another's.
        let mut hasher = blake3::Hasher::new();
        hasher.update(&identity.to_le_bytes());
        hasher.update(entry.name.as_bytes());
        identity = first_bytes(&hasher);
    }
    Ok(Point {
        identity,
        not_finite,
        beside,
    })
}

/// What [`Member::identity`] is of a sketch of weights of this layout.
pub(crate) fn identity_of_sketch(
    sketch: &Sketch,
    layout: &[TensorShape],
    stored: &BTreeMap<String, Stored>,
    name: &str,
) -> u64 {
    let own = identity(sketch);
    let mut hasher = blake3::Hasher::new();
    hasher.update(&own.to_le_bytes());
    if take_in_stored(stored, layout, name, &mut hasher) {
        first_bytes(&hasher)
    } else {
        own
    }
}

/// The sketches of a listed group, in the order in which it is listed.
pub(super) fn sketches<'a>(
    pending: &'a Pending,
    parameters: Parameters,
    work: &dyn Progress,
) -> Vec<(&'a Entry, Result<Sketch>)> {
    let sketches: Vec<(&Entry, Result<Sketch>)> = pending
        .entries
        .par_iter()
        .map(|entry| {
            let sketch = entry.source.sketch(&pending.layout, parameters);
            work.done(1);
            (entry, sketch)
        })
        .collect();
    let sketches = sketches.into_iter();
    sketches
        .map(|(entry, sketch)| (entry, remote::sound(&entry.path, sketch)))
        .collect()
}
