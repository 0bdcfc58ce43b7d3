//! Whether B is a merge of A and others.

use crate::collection::{Options, Single};
use crate::gate::sides::{Kept, Side};
use anyhow::{Result, bail};
use serde::Serialize;
use std::path::PathBuf;
use weightspace::compare::merge::fit;

/// B as a combination of A and the other parents.
#[derive(Debug, Serialize)]
pub(super) struct Merge {
    /// Whether it explains B.
    pub(super) is_merge: bool,
    /// A first, then the others in the order in which they were given.
    pub(super) parents: Vec<Parent>,
    /// Distance that the combination leaves.
    pub(super) residual: f64,
    /// Distance to the nearest parent.
    pub(super) nearest: f64,
    /// Weights that it is about: those of tensors that all have.
    pub(super) elements: usize,
}

#[derive(Debug, Serialize)]
pub(super) struct Parent {
    pub(super) name: String,
    pub(super) coefficient: f64,
}

/// Fits B by A and the others.
///
/// # Errors
/// When one cannot be read, is only a sketch, or is not finite; when no tensor is in all.
pub(super) fn find(a: &Single, b: &Single, paths: &[PathBuf], options: &Options) -> Result<Merge> {
    let mut others = Vec::new();
    for path in paths {
        let side = Side::read(path, options)?;
        let Kept::Weights(single) = side.kept else {
            bail!(
                "{}: a merge cannot be told from sketches: give the weights",
                side.name
            );
        };
        others.push(single);
    }
    let all: Vec<&Single> = std::iter::once(a).chain(&others).collect();
    let tensors: Vec<_> = all.iter().map(|single| single.tensors()).collect();
    let candidates: Vec<&[_]> = tensors.iter().map(Vec::as_slice).collect();
    let found = fit(&b.tensors(), &candidates)?;
    let parents = all.iter().zip(&found.coefficients);
    Ok(Merge {
        is_merge: found.is_merge(),
        residual: found.residual,
        nearest: found.nearest,
        elements: found.elements,
        parents: parents
            .map(|(single, &coefficient)| Parent {
                name: single.name.clone(),
                coefficient,
            })
            .collect(),
    })
}
