//! The weights put together out of the vectors of all processes.

use std::collections::{HashMap, HashSet};

use super::flat::{Flat, Row};
use super::groups::Groups;
use super::model::Model;
use crate::foreign::contents::Contents;
use crate::foreign::element::Element;
use crate::foreign::shape::count;
use crate::foreign::source::{Source, quoted};
use crate::foreign::stored::{Made, Piece, Stored};
use crate::foreign::tensor::{Declared, ForeignTensor, role};
use crate::{Error, Result};

/// What was put together so far.
pub(super) struct Joined<'a> {
    pub(super) source: &'a Source,
    pub(super) contents: Contents,
    pub(super) names: HashSet<String>,
    /// Bytes that the tensors may still take.
    pub(super) left: u64,
    pub(super) most: usize,
}

impl Joined<'_> {
    /// In each group, the parts of all processes follow each other, and the weights lie in them.
    pub(super) fn first_or_second(&mut self, main: &Model, processes: &[Groups]) -> Result<()> {
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
    pub(super) fn third(
        &mut self,
        models: &[Model],
        main: &Model,
        processes: &[Groups],
    ) -> Result<()> {
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
    pub(super) fn shared(&mut self, main: &Model) {
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

    pub(super) fn push_whole(&mut self, name: String, stored: Stored) -> Result<()> {
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
