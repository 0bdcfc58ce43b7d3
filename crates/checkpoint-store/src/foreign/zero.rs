//! Folders of DeepSpeed's ZeRO: the weights in f32, which the processes hold parts of, put together as
//! the `zero_to_fp32.py` that DeepSpeed leaves beside them does.
//!
//! Each process writes the state of its optimiser, `zero_pp_rank_0_mp_rank_00_optim_states.pt`, with its
//! part of the weights as flat vectors; the files of the model, `*_model_states.pt`, say which weights
//! lie in them, in which order and shapes. In stages 1 and 2 the parts of a group follow each other; in
//! stage 3 each weight is cut into as many parts as there are processes.

mod files;
mod flat;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::archive::Archive;
use super::claimed::Claimed;
use super::contents::{Contents, Made, Piece, Stored};
use super::element::Element;
use super::pickle::{Value, Values};
use super::shape::count;
use super::source::{Source, foreign, quoted};
use super::state_dict::StateDict;
use super::tensor::{Declared, ForeignTensor, LeftOut, role};
use super::torch;
use crate::limits::{Limits, MAX_FOREIGN_DIMENSIONS};
use crate::{Error, Fault, Result};

use files::{Kind, Name};
pub(super) use files::{files, is_part};
use flat::{Flat, Row};

/// Reads what these files of a folder hold together.
///
/// # Errors
/// [`Fault::Missing`] naming a process whose file is not there; [`Fault::Unsupported`] for layouts that
/// are not joined; [`Fault::Damaged`] for what contradicts itself.
pub(super) fn open(sources: &[Source], limits: &Limits) -> Result<Contents> {
    let mut model: Vec<(u64, Model)> = Vec::new();
    let mut optimiser: Vec<(u64, Groups)> = Vec::new();
    let mut left = sources.iter().map(Source::len).fold(0, u64::saturating_add);
    left = limits.unpacked_for(left);
    for (file, source) in sources.iter().enumerate() {
        let name = source.path().file_name().unwrap_or_default();
        let Some(name) = Name::of(&name.to_string_lossy()) else {
            continue;
        };
        if name.model_part > 0 || name.is_other {
            return Err(not_joined(source));
        }
        let archive = Archive::read(source, limits)?;
        match name.kind {
            Kind::Model => model.push((
                name.rank.unwrap_or(0),
                Model::read(source, &archive, file, limits)?,
            )),
            Kind::Optimiser => optimiser.push((
                name.rank.unwrap_or(0),
                Groups::read(source, &archive, file, limits)?,
            )),
        }
    }
    model.sort_by_key(|(rank, _)| *rank);
    optimiser.sort_by_key(|(rank, _)| *rank);
    let Some(first) = sources.first() else {
        return Ok(Contents::default());
    };
    check_ranks(first, &optimiser)?;
    let is_third = optimiser.iter().any(|(_, groups)| groups.is_third);
    let groups: Vec<Groups> = optimiser.into_iter().map(|(_, groups)| groups).collect();
    let models: Vec<Model> = model.into_iter().map(|(_, model)| model).collect();
    let Some(main) = models.first() else {
        return Err(foreign(
            first.path(),
            Fault::Missing,
            "the files that say which weights are in it (`*_model_states.pt`) are missing",
            "Copy all files of the folder that DeepSpeed wrote",
        ));
    };
    let mut joined = Joined {
        source: first,
        contents: Contents {
            claimed: main.claimed.clone(),
            ..Contents::default()
        },
        names: HashSet::new(),
        left,
        most: limits.most_tensors,
    };
    for buffer in &main.buffers {
        joined.push_whole(buffer.tensor.name.clone(), buffer.clone())?;
    }
    if is_third {
        joined.third(&models, main, &groups)?;
    } else {
        joined.first_or_second(main, &groups)?;
    }
    joined.shared(main);
    joined.contents.left_out.push(LeftOut {
        name: "optimizer_state_dict".to_owned(),
        why: "stands beside the model".to_owned(),
    });
    Ok(joined.contents)
}

fn not_joined(source: &Source) -> Error {
    source.unsupported(
        "it is a part of one model that is also cut by tensor, pipeline or expert parallelism, and how \
         those parts are joined does not stand in it",
        "Save the whole model, as with `save_16bit_model` or a universal checkpoint converted to one file",
    )
}

/// Every process must have left its file, once.
fn check_ranks(source: &Source, optimiser: &[(u64, Groups)]) -> Result<()> {
    let said = optimiser.iter().filter_map(|(_, groups)| groups.processes);
    let there = optimiser.len() as u64;
    let wanted = said.max().unwrap_or(there).max(there);
    let ranks = optimiser.iter().map(|(rank, _)| *rank);
    let missing = (0_u64..).zip(ranks.chain([u64::MAX]));
    let missing = missing
        .filter(|(wanted, there)| wanted != there)
        .map(|(rank, _)| rank);
    let missing = missing.min().filter(|&rank| rank < wanted);
    if missing.is_none() && there == wanted {
        return Ok(());
    }
    Err(foreign(
        source.path(),
        Fault::Missing,
        format!(
            "{wanted} processes wrote this checkpoint, and the states of the optimiser of {} of them are \
             there; the first that is missing is that of rank {}",
            there.min(wanted),
            missing.unwrap_or(0)
        ),
        "Copy the `*_optim_states.pt` files of all ranks into one folder",
    ))
}

/// Parameters, with shapes, in the order in which they lie.
type Shapes = Vec<(String, Vec<u64>)>;

/// What a file of the model says.
#[derive(Default)]
struct Model {
    /// By group of the optimiser.
    parameters: Vec<Shapes>,
    frozen: Shapes,
    /// What this process has of the frozen parameters, by name.
    fragments: HashMap<String, Stored>,
    buffers: Vec<Stored>,
    /// Names that stand for a parameter of another name.
    shared: Vec<(String, String)>,
    claimed: Claimed,
}

impl Model {
    fn read(source: &Source, archive: &Archive, file: usize, limits: &Limits) -> Result<Self> {
        let mut model = Self::default();
        let mut is_buffer = Vec::new();
        let mut find = |values: &Values, root: Value| {
            let wrong = |what: &str| source.damaged(format!("it {what}"));
            let field = |name| values.get(root, name);
            // By group; one group, in older versions.
            let groups = field("param_shapes").and_then(|groups| match values.mapping(groups) {
                Some(_) => Some(vec![groups]),
                None => values.sequence(groups).map(<[Value]>::to_vec),
            });
            let groups = groups.ok_or_else(|| {
                source.unsupported(
                    "it does not say which weights its processes hold (`param_shapes`)",
                    "It was written without ZeRO, or by a DeepSpeed before 0.4: name `mp_rank_00_model_states.pt`",
                )
            })?;
            for group in groups {
                model.parameters.push(shapes(source, values, group)?);
            }
            if let Some(frozen) = field("frozen_param_shapes")
                && frozen != Value::Nothing
            {
                model.frozen = shapes(source, values, frozen)?;
            }
            let mut found = StateDict::default();
            super::state_dict::note(values, root, &mut found.claimed, (&mut found.metadata, ""));
            if let Some(Value::Int(steps)) = field("global_steps")
                && let Ok(steps) = u64::try_from(steps)
            {
                found.claimed.add_number("global_step", steps);
            }
            for &(name, other) in field("shared_params")
                .and_then(|shared| values.mapping(shared))
                .unwrap_or_default()
            {
                let (Value::Text(name), Value::Text(other)) = (name, other) else {
                    return Err(wrong("shares a parameter that has no name"));
                };
                model
                    .shared
                    .push((values.text(name).to_owned(), values.text(other).to_owned()));
            }
            let buffers = field("buffer_names").and_then(|names| values.sequence(names));
            let buffers: HashSet<&str> = buffers
                .unwrap_or_default()
                .iter()
                .filter_map(|name| match name {
                    Value::Text(name) => Some(values.text(*name)),
                    _ => None,
                })
                .collect();
            let module = field("module").and_then(|module| values.mapping(module));
            let fragments = field("frozen_param_fragments");
            let fragments = fragments.and_then(|fragments| values.mapping(fragments));
            for (entries, buffer) in [(module, true), (fragments, false)] {
                for &(name, value) in entries.unwrap_or_default() {
                    let (Value::Text(name), Value::Tensor(tensor)) = (name, value) else {
                        continue;
                    };
                    let name = values.text(name);
                    if buffer && !buffers.contains(name) {
                        continue;
                    }
                    if found.tensors.len() >= limits.most_tensors {
                        let most = limits.most_tensors as u64;
                        return Err(source.too_large("the number of tensors", most + 1, most));
                    }
                    let declared = match buffer {
                        true => Declared::Buffer,
                        false => Declared::Nothing,
                    };
                    // A frozen one may be called as a buffer is.
                    let kind = if buffer { "b " } else { "f " };
                    found
                        .tensors
                        .push((format!("{kind}{name}"), tensor, declared));
                    is_buffer.push(buffer);
                }
            }
            Ok(found)
        };
        let mut contents = torch::open_with(source, archive, limits, &mut find)?;
        contents.lies_in(file);
        if let Some(raw) = contents.unread.first() {
            return Err(source.unsupported(
                format!(
                    "the tensor {} has a type that is not read",
                    quoted(&raw.unread.name)
                ),
                "Join it with `zero_to_fp32.py`, which lies beside it",
            ));
        }
        model.claimed = contents.claimed;
        for mut stored in contents.tensors {
            let name = stored.tensor.name.split_off(2);
            let kind = std::mem::replace(&mut stored.tensor.name, name);
            match kind.as_str() {
                "b " => model.buffers.push(stored),
                _ => {
                    let name = stored.tensor.name.clone();
                    model.fragments.insert(name, stored);
                }
            }
        }
        Ok(model)
    }
}

/// Names with shapes, in order.
fn shapes(source: &Source, values: &Values, entries: Value) -> Result<Shapes> {
    let wrong = || source.damaged("it has a parameter without a shape");
    let entries = values.mapping(entries).ok_or_else(wrong)?;
    entries
        .iter()
        .map(|&(name, shape)| {
            let Value::Text(name) = name else {
                return Err(wrong());
            };
            let shape = values.counts(shape).ok_or_else(wrong)?;
            if shape.len() > MAX_FOREIGN_DIMENSIONS {
                return Err(wrong());
            }
            Ok((values.text(name).to_owned(), shape))
        })
        .collect()
}

/// What the state of an optimiser holds of the weights: flat vectors, by group.
struct Groups {
    vectors: Vec<Flat>,
    is_third: bool,
    /// How many processes there are, as far as it says.
    processes: Option<u64>,
}

impl Groups {
    fn read(source: &Source, archive: &Archive, file: usize, limits: &Limits) -> Result<Self> {
        let (mut is_third, mut processes) = (false, None);
        let mut find = |values: &Values, root: Value| {
            let not_zero = || {
                source.unsupported(
                    "it holds no weights of ZeRO (`single_partition_of_fp32_groups` or `fp32_flat_groups`)",
                    "Name the file of the model beside it",
                )
            };
            let state = values
                .get(root, "optimizer_state_dict")
                .ok_or_else(not_zero)?;
            let groups = match values.get(state, "fp32_flat_groups") {
                Some(groups) => {
                    is_third = true;
                    groups
                }
                None => values
                    .get(state, "single_partition_of_fp32_groups")
                    .ok_or_else(not_zero)?,
            };
            processes = match values.get(state, "partition_count") {
                Some(Value::Int(count)) => u64::try_from(count).ok(),
                // By group.
                Some(counts) => values
                    .counts(counts)
                    .and_then(|counts| counts.into_iter().max()),
                None => None,
            };
            let mut found = StateDict::default();
            for (place, &group) in values
                .sequence(groups)
                .ok_or_else(not_zero)?
                .iter()
                .enumerate()
            {
                let Value::Tensor(tensor) = group else {
                    return Err(source.damaged("a group of its weights is no tensor"));
                };
                let declared = Declared::Nothing;
                found.tensors.push((place.to_string(), tensor, declared));
            }
            Ok(found)
        };
        let mut contents = torch::open_with(source, archive, limits, &mut find)?;
        contents.lies_in(file);
        let vectors = contents
            .tensors
            .into_iter()
            .map(|stored| Flat::of(source, stored));
        let vectors = vectors.collect::<Result<Vec<Flat>>>()?;
        if let Some(raw) = contents.unread.first() {
            return Err(source.unsupported(
                format!(
                    "its weights have the type {}, which is not read",
                    quoted(&raw.unread.dtype)
                ),
                "Join it with `zero_to_fp32.py`, which lies beside it",
            ));
        }
        Ok(Self {
            vectors,
            is_third,
            processes,
        })
    }
}

struct Joined<'a> {
    source: &'a Source,
    contents: Contents,
    names: HashSet<String>,
    /// Bytes that the tensors may still take.
    left: u64,
    most: usize,
}

impl Joined<'_> {
    /// In each group, the parts of all processes follow each other, and the weights lie in them.
    fn first_or_second(&mut self, main: &Model, processes: &[Groups]) -> Result<()> {
        for (name, shape) in &main.frozen {
            let fragment = main.fragments.get(name).ok_or_else(|| self.lacks(name))?;
            if fragment.tensor.shape != *shape {
                return Err(
                    self.damaged(format!("{} has another shape than it says", quoted(name)))
                );
            }
            self.push_whole(name.clone(), fragment.clone())?;
        }
        let groups = processes.iter().map(|process| process.vectors.len());
        if groups.clone().any(|groups| groups != main.parameters.len()) {
            return Err(self.damaged(format!(
                "the model has {} groups of weights, and its parts have {}",
                main.parameters.len(),
                groups.max().unwrap_or(0)
            )));
        }
        for (group, shapes) in main.parameters.iter().enumerate() {
            let parts = processes.iter();
            let parts = parts.filter_map(|process| process.vectors.get(group));
            let row = Row::of(parts.collect());
            let there = row.total();
            let mut at = 0_u64;
            for (name, shape) in shapes {
                let elements = self.elements(name, shape)?;
                let runs = row.runs(at, elements).ok_or_else(|| self.short(name))?;
                self.push(name.clone(), shape.clone(), runs)?;
                at = at.saturating_add(elements);
            }
            // DeepSpeed fills each group up to twice the number of processes.
            let align = (processes.len() as u64).saturating_mul(2).max(1);
            let aligned = |count: u64| count.div_ceil(align);
            if aligned(at) != aligned(there) {
                return Err(self.damaged(format!(
                    "its weights take {at} values, and its parts have {there}"
                )));
            }
        }
        Ok(())
    }

    /// Each weight is cut into as many parts as there are processes, the last filled up.
    fn third(&mut self, models: &[Model], main: &Model, processes: &[Groups]) -> Result<()> {
        let world = processes.len() as u64;
        for (name, shape) in &main.frozen {
            let elements = self.elements(name, shape)?;
            let mut parts = Vec::with_capacity(models.len());
            for model in models {
                let fragment = model.fragments.get(name).ok_or_else(|| self.lacks(name))?;
                parts.push(Flat::of(self.source, fragment.clone())?);
            }
            let row = Row::of(parts.iter().collect());
            let runs = row.runs(0, elements).ok_or_else(|| self.short(name))?;
            self.push(name.clone(), shape.clone(), runs)?;
        }
        let own: Vec<Row<'_>> = processes
            .iter()
            .map(|process| Row::of(process.vectors.iter().collect()))
            .collect();
        let mut at = 0_u64;
        for (name, shape) in main.parameters.iter().flatten() {
            let elements = self.elements(name, shape)?;
            let part = elements.div_ceil(world.max(1));
            let mut runs = Vec::with_capacity(own.len());
            let mut begin = 0_u64;
            for row in &own {
                let wanted = part.min(elements - begin);
                let found = row.runs(at, wanted).ok_or_else(|| self.short(name))?;
                runs.extend(found);
                begin += wanted;
            }
            self.push(name.clone(), shape.clone(), runs)?;
            at = at.saturating_add(part);
        }
        let mut totals = own.iter().map(Row::total);
        if let Some(there) = totals.find(|&there| there != at) {
            return Err(self.damaged(format!(
                "its weights take {at} values of each process, and one has {there}"
            )));
        }
        Ok(())
    }

    /// Parameters under several names.
    fn shared(&mut self, main: &Model) {
        let places: HashMap<String, usize> = self
            .contents
            .tensors
            .iter()
            .enumerate()
            .map(|(place, stored)| (stored.tensor.name.clone(), place))
            .collect();
        for (name, other) in &main.shared {
            let known = places.get(other);
            let known = known.and_then(|&place| self.contents.tensors.get(place));
            if let (Some(mut stored), false) = (known.cloned(), self.names.contains(name)) {
                stored.tensor.name.clone_from(name);
                self.names.insert(name.clone());
                self.contents.tensors.push(stored);
            }
        }
    }

    fn elements(&self, name: &str, shape: &[u64]) -> Result<u64> {
        count(shape).ok_or_else(|| self.damaged(format!("{} is too large", quoted(name))))
    }

    /// Adds a weight that consists of these runs.
    fn push(&mut self, name: String, shape: Vec<u64>, runs: Vec<(Element, Piece)>) -> Result<()> {
        let Some((element, first)) = runs.first().cloned() else {
            // It has no values, and lies nowhere.
            return Ok(());
        };
        if runs.iter().any(|(other, _)| *other != element) {
            return Err(self.damaged(format!("{} has parts of different types", quoted(&name))));
        }
        let mut begin = 0_u64;
        let pieces: Vec<Piece> = runs
            .into_iter()
            .map(|(_, mut piece)| {
                piece.at = vec![begin];
                begin = begin.saturating_add(piece.shape.first().copied().unwrap_or(0));
                piece
            })
            .collect();
        let stored = Stored {
            tensor: ForeignTensor {
                role: role(&name, &shape, element, Declared::Parameter),
                name: name.clone(),
                shape,
                element,
            },
            place: first.place,
            made: match pieces.len() {
                1 => Made::Whole,
                _ => Made::Pieces(pieces),
            },
        };
        self.push_whole(name, stored)
    }

    fn push_whole(&mut self, name: String, stored: Stored) -> Result<()> {
        if self.contents.tensors.len() >= self.most {
            let most = self.most as u64;
            return Err(self
                .source
                .too_large("the number of tensors", most + 1, most));
        }
        if !self.names.insert(name.clone()) {
            return Err(self.damaged(format!("two tensors are named {}", quoted(&name))));
        }
        let bytes = stored.tensor.elements();
        let bytes = bytes.saturating_mul(stored.tensor.element.bytes());
        self.left = self.left.checked_sub(bytes).ok_or_else(|| {
            let what = "the size of all its tensors, in bytes,";
            self.source.too_large(what, bytes, self.left)
        })?;
        self.contents.tensors.push(stored);
        Ok(())
    }

    fn damaged(&self, what: String) -> Error {
        self.source.damaged(what)
    }

    fn lacks(&self, name: &str) -> Error {
        self.damaged(format!("the frozen weight {} is not in it", quoted(name)))
    }

    fn short(&self, name: &str) -> Error {
        self.damaged(format!(
            "its parts end before the weight {} does",
            quoted(name)
        ))
    }
}

/// The error for a file that was named alone.
pub(super) fn alone(path: &Path) -> Error {
    foreign(
        path,
        Fault::Unsupported,
        "it is a part of a checkpoint of DeepSpeed's ZeRO, whose files hold the weights together",
        "Name the folder that holds the files of all ranks",
    )
}
