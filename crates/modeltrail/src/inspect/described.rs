//! What one checkpoint, store or file of sketches holds.

use crate::collection::listing::stores as stores_of;
use crate::collection::sketches::Kept;
use crate::collection::{Aside, AsideClaim, Claims, From, sketches as files};
use crate::coverage::Unread as Lost;
use crate::error::Result;
use crate::printable::printable;
use checkpoint_store::foreign::{self, Description, Found, Limits, natural_names};
use checkpoint_store::{Store, TensorShape};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A checkpoint, a store or a file of sketches.
#[derive(Debug, Serialize)]
pub struct Inspected {
    /// What to call it, on one line.
    #[serde(skip)]
    pub name: String,
    /// The file or folder.
    #[serde(serialize_with = "crate::path::serialize")]
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// Its format, in words.
    pub format: String,
    /// Its files.
    pub files: Vec<File>,
    /// How many checkpoints are in it; those of a store all have the same tensors.
    pub checkpoints: usize,
    /// Number of weights that can be read: of one checkpoint.
    pub weights: u64,
    /// Its tensors.
    pub tensors: Vec<Tensor>,
    /// What else it holds, and why that is not read.
    pub left_out: Vec<Contents>,
    /// The run that it claims, and where that stands.
    pub run: Option<Claim<String>>,
    /// The epoch.
    pub epoch: Option<Claim<u64>>,
    /// The step.
    pub step: Option<Claim<u64>>,
    /// That it claims to be a copy or an average beside a run.
    pub aside: Option<Claim<Aside>>,
    /// Texts and numbers that stand beside the tensors.
    pub metadata: Vec<(String, String)>,
    /// How many more there are.
    pub metadata_not_shown: usize,
}

/// What was inspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A checkpoint of another program.
    Checkpoint,
    /// A store.
    Store,
    /// A file of sketches.
    Sketches,
}

/// A file of a checkpoint.
#[derive(Debug, Clone, Serialize)]
pub struct File {
    /// Where it is.
    #[serde(serialize_with = "crate::path::serialize")]
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
}

/// A tensor.
#[derive(Debug, Clone, Serialize)]
pub struct Tensor {
    /// Its name in the model.
    pub name: String,
    /// Its number type, as the file names it.
    pub dtype: String,
    /// Its sides, the slowest first, if the file says.
    pub shape: Option<Vec<u64>>,
    /// Number of its values, if the file says.
    pub elements: Option<u64>,
    /// What it is for.
    pub role: Role,
    /// Why it is not read; none if it is.
    pub reason: Option<String>,
}

/// What a tensor is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A weight that can be read.
    Weight,
    /// Numbers that are not learned.
    Buffer,
    /// Integers and booleans that are no weights.
    NotFloat,
    /// It cannot be read, and may be a weight.
    Unread,
}

impl Role {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Buffer => "buffer",
            Self::NotFloat => "integer or boolean",
            Self::Unread => "unread",
        }
    }
}

/// What stands beside the model.
#[derive(Debug, Clone, Serialize)]
pub struct Contents {
    /// Its name in the file.
    pub name: String,
    /// Why it is not read.
    pub reason: String,
}

/// A claim, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Claim<T> {
    /// What is claimed.
    pub value: T,
    /// Where.
    pub from: From,
}

impl Inspected {
    /// Tensors that cannot be read.
    pub fn unread(&self) -> impl Iterator<Item = &Tensor> {
        self.of(Role::Unread)
    }

    /// Tensors of a role.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &Tensor> {
        self.tensors
            .iter()
            .filter(move |tensor| tensor.role == role)
    }

    /// Of a path, with nothing in it.
    fn at(path: &Path, kind: Kind, format: &str) -> Self {
        Self {
            name: printable(&path.to_string_lossy()),
            path: path.to_path_buf(),
            kind,
            format: format.to_owned(),
            files: Vec::new(),
            checkpoints: 1,
            weights: 0,
            tensors: Vec::new(),
            left_out: Vec::new(),
            run: None,
            epoch: None,
            step: None,
            aside: None,
            metadata: Vec::new(),
            metadata_not_shown: 0,
        }
    }
}

/// The stores that a path stands for.
pub(super) fn stores(path: &Path) -> Vec<PathBuf> {
    stores_of(path)
}

/// What a checkpoint of another program holds.
///
/// # Errors
/// When its description cannot be read.
pub(super) fn foreign(found: &Found, limits: &Limits) -> Result<Inspected> {
    let description = found.describe(limits)?;
    let claimed = description.claimed();
    let aside = claimed.aside.as_ref().map(AsideClaim::of);
    let metadata = description.metadata();
    let tensors = tensors(&description);
    let files = description.files().map(|(path, bytes)| File {
        path: path.to_path_buf(),
        bytes,
    });
    let left_out = description.left_out().iter().map(|left| Contents {
        name: left.name.clone(),
        reason: left.why.clone(),
    });
    Ok(Inspected {
        files: files.collect(),
        weights: weights(&tensors),
        left_out: left_out.collect(),
        run: claimed.run.as_ref().map(claim),
        epoch: claimed.epoch.as_ref().map(claim),
        step: claimed.step.as_ref().map(claim),
        aside: aside.map(|claim| Claim {
            value: claim.value,
            from: claim.from,
        }),
        metadata: metadata.entries.clone(),
        metadata_not_shown: metadata.more,
        tensors,
        ..Inspected::at(&found.path, Kind::Checkpoint, &format(&description))
    })
}

/// What a store holds.
///
/// # Errors
/// When it cannot be opened.
pub(super) fn store(directory: &Path) -> Result<Inspected> {
    let store = Store::open(directory)?;
    let tensors: Vec<Tensor> = store.layout().iter().map(of_shape).collect();
    Ok(Inspected {
        checkpoints: store.checkpoints()?.len(),
        weights: weights(&tensors),
        tensors,
        ..Inspected::at(directory, Kind::Store, "modeltrail store")
    })
}

/// What a file of sketches holds: the tensors of the first, and the claims where there is one.
///
/// # Errors
/// When it cannot be read, or is something else.
pub(super) fn sketches(path: &Path) -> Result<Inspected> {
    let file = files::read(path)?;
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    Ok(Inspected {
        files: vec![File {
            path: path.to_path_buf(),
            bytes,
        }],
        ..kept(path, &file.checkpoints)
    })
}

/// What sketches hold, of a file or in memory.
pub(super) fn kept(path: &Path, kept: &[Kept]) -> Inspected {
    let first = kept.first();
    let layout = first.map(|kept| files::layout(&kept.sketch));
    let mut tensors: Vec<Tensor> = layout.iter().flatten().map(of_shape).collect();
    tensors.extend(first.iter().flat_map(|kept| &kept.unread).map(of_lost));
    let claims = match kept {
        [only] => only.claims.clone(),
        _ => Claims::default(),
    };
    let position = |unit| {
        let claimed = claims.position.filter(|claim| claim.unit == unit);
        claimed.map(|claim| Claim {
            value: claim.value,
            from: claim.from,
        })
    };
    Inspected {
        checkpoints: kept.len(),
        weights: weights(&tensors),
        tensors,
        epoch: position(crate::collection::Unit::Epoch),
        step: position(crate::collection::Unit::Step),
        run: claims.run.as_ref().map(|run| Claim {
            value: run.value.clone(),
            from: run.from,
        }),
        ..Inspected::at(path, Kind::Sketches, "modeltrail sketches")
    }
}

fn claim<T: Clone>(claim: &foreign::Claim<T>) -> Claim<T> {
    Claim {
        value: claim.value.clone(),
        from: claim.from.into(),
    }
}

/// Tensors as a person sorts their names: `layers.2` before `layers.10`.
fn tensors(description: &Description) -> Vec<Tensor> {
    let read = description.tensors().iter().map(|tensor| Tensor {
        name: tensor.name.clone(),
        dtype: tensor.element.to_string(),
        shape: Some(tensor.shape.clone()),
        elements: Some(tensor.elements()),
        role: match tensor.role {
            foreign::Role::Weight => Role::Weight,
            foreign::Role::Buffer => Role::Buffer,
            foreign::Role::NotFloat => Role::NotFloat,
        },
        reason: None,
    });
    let unread = description.unread().iter().map(|tensor| Tensor {
        name: tensor.name.clone(),
        dtype: tensor.dtype.clone(),
        shape: tensor.shape.clone(),
        elements: tensor.elements,
        role: Role::Unread,
        reason: Some(tensor.reason.clone()),
    });
    let mut tensors: Vec<Tensor> = read.chain(unread).collect();
    tensors.sort_by(|a, b| natural_names(&a.name, &b.name).then_with(|| a.name.cmp(&b.name)));
    tensors
}

fn of_shape(tensor: &TensorShape) -> Tensor {
    Tensor {
        name: tensor.name.clone(),
        dtype: "f32".to_owned(),
        elements: Some(tensor.shape.iter().copied().fold(1, u64::saturating_mul)),
        shape: Some(tensor.shape.clone()),
        role: Role::Weight,
        reason: None,
    }
}

fn of_lost(lost: &Lost) -> Tensor {
    Tensor {
        name: lost.tensor.clone(),
        dtype: lost.dtype.clone(),
        shape: None,
        elements: lost.elements,
        role: Role::Unread,
        reason: Some(lost.reason.clone()),
    }
}

/// Number of weights that can be read.
fn weights(tensors: &[Tensor]) -> u64 {
    let weights = tensors.iter().filter(|tensor| tensor.role == Role::Weight);
    let elements = weights.filter_map(|tensor| tensor.elements);
    elements.fold(0, u64::saturating_add)
}

/// The format of a checkpoint, and what it is to a model if it is an adapter.
fn format(description: &Description) -> String {
    let format = description.format();
    match description.adapter() {
        Some(adapter) if adapter.has_base => {
            format!(
                "{format}, with a {} adapter that is not merged",
                adapter.kind
            )
        }
        Some(adapter) => format!(
            "{format}, {} adapter of rank {}",
            adapter.kind, adapter.rank
        ),
        None => format.to_string(),
    }
}
