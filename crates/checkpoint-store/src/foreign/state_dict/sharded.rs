//! Tensors of which a process holds a part: PyTorch's `DTensor`, and its older `ShardedTensor`.

use crate::foreign::part::{Cut, Placement};
use crate::foreign::pickle::{Value, Values};
use crate::limits::MAX_FOREIGN_DIMENSIONS;

/// Most parts of one tensor that one process holds.
const MOST_PARTS: usize = 1024;

/// One part that is there.
#[derive(Debug)]
pub(in crate::foreign) struct Sharded {
    /// The name of the tensor.
    pub(in crate::foreign) name: String,
    /// The part, by its number among the tensors of the pickle.
    pub(in crate::foreign) tensor: u32,
    /// The shape of the whole.
    pub(in crate::foreign) shape: Vec<u64>,
    pub(in crate::foreign) cut: Cut,
}

/// The parts of a tensor that a value holds; none if it is no tensor of which there are parts.
pub(super) fn parts(values: &Values, value: Value, name: &str) -> Option<Vec<Sharded>> {
    if !values.is_wrapper(value) {
        return None;
    }
    match values.class_name(value)? {
        "DTensor" => distributed(values, value, name).map(|part| vec![part]),
        "ShardedTensor" => older(values, value, name),
        _ => None,
    }
}

/// What fills a wrapper: the state that its pickle gives it.
pub(super) fn filled(values: &Values, value: Value) -> Option<Value> {
    let state = values.state(value);
    values.sequence(state)?.first().copied()
}

/// The shape that a wrapper says it has.
fn shape(values: &Values, value: Value) -> Option<Vec<u64>> {
    let size = values.arguments(value).get(2).copied()?;
    let shape = values.counts(size)?;
    (shape.len() <= MAX_FOREIGN_DIMENSIONS).then_some(shape)
}

fn distributed(values: &Values, value: Value, name: &str) -> Option<Sharded> {
    let state = filled(values, value)?;
    // Its fields, or a pair of fields and those in slots.
    let fields = values
        .sequence(state)
        .unwrap_or(std::slice::from_ref(&state));
    let field = |name| fields.iter().find_map(|&fields| values.get(fields, name));
    let Some(Value::Tensor(tensor)) = field("_local_tensor") else {
        return None;
    };
    let spec = field("_spec")?;
    let mesh = values.get(spec, "mesh")?;
    let placements = values.get(spec, "placements")?;
    let placements = values.sequence(placements)?;
    if placements.len() > MAX_FOREIGN_DIMENSIONS {
        return None;
    }
    let coordinate = values.get(mesh, "_coordinate_on_dim");
    Some(Sharded {
        name: name.to_owned(),
        tensor,
        shape: shape(values, value)?,
        cut: Cut {
            at: None,
            mesh: mesh_shape(values, mesh),
            coordinate: coordinate
                .and_then(|coordinate| values.counts(coordinate))
                .filter(|coordinate| coordinate.len() == placements.len()),
            rank: number(values, mesh, "_rank"),
            world: None,
            placements: placements
                .iter()
                .map(|&placement| placed(values, placement))
                .collect(),
        },
    })
}

/// How many processes there are along each dimension of a mesh.
fn mesh_shape(values: &Values, mesh: Value) -> Option<Vec<u64>> {
    if let Some(Value::Tensor(tensor)) = values.get(mesh, "mesh") {
        return values.shape(values.tensors.get(tensor as usize)?);
    }
    let layout = values.get(mesh, "_layout")?;
    let sides = match values.get(layout, "axes") {
        // Each dimension is a layout of its own.
        Some(axes) => values
            .sequence(axes)?
            .iter()
            .map(|&axis| {
                values
                    .get(axis, "shape")
                    .and_then(|side| product(values, side))
            })
            .collect::<Option<Vec<u64>>>()?,
        None => match values.get(layout, "shape")? {
            Value::Int(side) => vec![u64::try_from(side).ok()?],
            shape => values
                .sequence(shape)?
                .iter()
                .map(|&side| product(values, side))
                .collect::<Option<Vec<u64>>>()?,
        },
    };
    (sides.len() <= MAX_FOREIGN_DIMENSIONS).then_some(sides)
}

/// The product of numbers, which may be nested once.
fn product(values: &Values, value: Value) -> Option<u64> {
    if let Value::Int(number) = value {
        return u64::try_from(number).ok();
    }
    let numbers = values.counts(value)?;
    numbers
        .into_iter()
        .try_fold(1_u64, |all, number| all.checked_mul(number))
}

fn placed(values: &Values, placement: Value) -> Placement {
    let argument = |place: usize| match values.arguments(placement).get(place) {
        Some(Value::Int(number)) => u64::try_from(*number).ok(),
        _ => None,
    };
    let field = |name, place| number(values, placement, name).or_else(|| argument(place));
    let dimension = || usize::try_from(field("dim", 0)?).ok();
    let known = match values.class_name(placement) {
        Some("Replicate") => Some(Placement::Replicate),
        Some("Shard") => dimension().map(Placement::Shard),
        Some("_StridedShard") => dimension()
            .zip(field("split_factor", 1))
            .map(|(dimension, factor)| Placement::Strided(dimension, factor)),
        _ => None,
    };
    known.unwrap_or(Placement::Other)
}

fn number(values: &Values, mapping: Value, name: &str) -> Option<u64> {
    match values.get(mapping, name)? {
        Value::Int(number) => u64::try_from(number).ok(),
        _ => None,
    }
}

/// A `ShardedTensor` is filled with its parts, each with its place, its metadata, its processes, and
/// how it was cut.
fn older(values: &Values, value: Value, name: &str) -> Option<Vec<Sharded>> {
    let state = filled(values, value)?;
    let [locals, metadata, processes, ..] = values.sequence(state)? else {
        return None;
    };
    let size = values.get(*metadata, "size");
    let size = size.and_then(|size| values.counts(size));
    let size = size.or_else(|| shape(values, value))?;
    let locals = values.sequence(*locals)?;
    if size.len() > MAX_FOREIGN_DIMENSIONS || locals.len() > MOST_PARTS {
        return None;
    }
    let process = |name, place: usize| {
        let argument = values.arguments(*processes).get(place);
        let argument = argument.and_then(|argument| match argument {
            Value::Int(number) => u64::try_from(*number).ok(),
            _ => None,
        });
        number(values, *processes, name).or(argument)
    };
    locals
        .iter()
        .map(|&local| {
            let metadata = values.get(local, "metadata")?;
            let Some(Value::Tensor(tensor)) = values.get(local, "tensor") else {
                return None;
            };
            Some(Sharded {
                name: name.to_owned(),
                tensor,
                shape: size.clone(),
                cut: Cut {
                    at: Some(values.counts(values.get(metadata, "shard_offsets")?)?),
                    rank: process("global_rank", 1),
                    world: process("global_world_size", 3),
                    ..Cut::default()
                },
            })
        })
        .collect()
}
