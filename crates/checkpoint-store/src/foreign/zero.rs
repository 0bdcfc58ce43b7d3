//! Folders of DeepSpeed's ZeRO: the weights in f32, which the processes hold parts of, put together as
//! the `zero_to_fp32.py` that DeepSpeed leaves beside them does.
//!
//! Each process writes the state of its optimiser, `zero_pp_rank_0_mp_rank_00_optim_states.pt`, with its
//! part of the weights as flat vectors; the files of the model, `*_model_states.pt`, say which weights
//! lie in them, in which order and shapes. In stages 1 and 2 the parts of a group follow each other; in
//! stage 3 each weight is cut into as many parts as there are processes.

mod files;
mod flat;
mod groups;
mod joined;
mod model;

use std::collections::HashSet;
use std::path::Path;

use super::archive::Archive;
use super::contents::Contents;
use super::source::{Source, foreign};
use super::tensor::LeftOut;
use crate::limits::Limits;
use crate::{Error, Fault, Result};

use files::{Kind, Name};
pub(super) use files::{files, is_part};
use groups::Groups;
use joined::Joined;
use model::Model;

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

/// The error for a file that was named alone.
pub(super) fn alone(path: &Path) -> Error {
    foreign(
        path,
        Fault::Unsupported,
        "it is a part of a checkpoint of DeepSpeed's ZeRO, whose files hold the weights together",
        "Name the folder that holds the files of all ranks",
    )
}
