//! Checkpoints that lie elsewhere: on the Hugging Face hub, behind a web address, in a bucket.
//!
//! A path that is discovered is mounted: what is under it is listed, once, and kept as a tree of names,
//! lengths and versions. Reading asks for ranges of a file, streams them through a bounded number of
//! windows and keeps none of them longer than it is needed: no file is ever whole in memory or on disk.
//!
//! # Paths
//! - `hf://ORG/NAME`, `hf://ORG/NAME@REVISION`, and files and folders below them. A revision with a
//!   pattern, as `@*` or `@step*`, is a folder with one folder for each branch and tag that matches.
//! - `https://…`, `http://…`: a file, or an index of shards that lie beside it.
//! - `s3://BUCKET/…`, `gs://…`, `az://…`: a file or all under a prefix, with the feature `buckets`.
//!
//! # What a server cannot do
//! Give wrong bytes where it says which it gives: the range, the length and the version (ETag, or the
//! hash that the hub lists) of every answer are compared with what was asked for. Give a part of an
//! answer: a request that fails for good makes everything fail that is under the same root
//! ([`files::failure`](crate::files::failure)). Hold up a reader for ever: every wait ends. Learn a token
//! that is not meant for it: the hub's token is sent to the hub's own address alone.
//!
//! What no client can notice: a server that sends other bytes under the same version and length.

mod ahead;
#[cfg(feature = "buckets")]
mod buckets;
mod client;
mod hub;
mod object;
mod place;
mod ranges;
mod secret;
mod settings;
mod tree;
mod trouble;
mod url;
mod web;

pub(crate) use object::Object;
pub use secret::Secret;
pub use settings::{Settings, configure};
pub(crate) use trouble::Trouble;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::files::is_remote;
use crate::{Error, Result};
use client::Client;
use place::Place;
use tree::Tree;

/// What is mounted, by root. As the file system is, it is one for the process.
static MOUNTED: LazyLock<RwLock<HashMap<PathBuf, Arc<Tree>>>> = LazyLock::new(RwLock::default);
/// Bytes of files that came.
static RECEIVED: AtomicU64 = AtomicU64::new(0);

fn mounted() -> RwLockReadGuard<'static, HashMap<PathBuf, Arc<Tree>>> {
    MOUNTED
        .read()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn mounted_to_change() -> RwLockWriteGuard<'static, HashMap<PathBuf, Arc<Tree>>> {
    MOUNTED
        .write()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The tree that a path lies in.
fn tree_of(path: &Path) -> Option<Arc<Tree>> {
    let mounted = mounted();
    path.ancestors()
        .find_map(|above| mounted.get(above))
        .map(Arc::clone)
}

/// Lists what remote paths stand for; the others are handed back.
pub(crate) fn mount(paths: &[PathBuf]) -> Vec<Result<PathBuf>> {
    let client = Arc::new(Client::new(Settings::current()));
    let mut trees: HashMap<PathBuf, std::result::Result<Arc<Tree>, Trouble>> = HashMap::new();
    paths
        .iter()
        .map(|path| {
            if !is_remote(path) {
                return Ok(path.clone());
            }
            let path = shown(path);
            let place = Place::of(&path)?;
            let listed = place.listed().to_path_buf();
            let tree = trees.entry(listed).or_insert_with(|| {
                let tree = Arc::new(place.list(&client)?);
                mounted_to_change().insert(tree.root().to_path_buf(), Arc::clone(&tree));
                Ok(tree)
            });
            let tree = tree.as_ref().map_err(|trouble| trouble.clone())?;
            tree.name(&path)?;
            Ok(path)
        })
        .collect()
}

/// Whether a path is a folder; none if it is not there.
pub(crate) fn look(path: &Path) -> Option<bool> {
    tree_of(path)?.look(path)
}

pub(crate) fn list(folder: &Path) -> Option<Vec<PathBuf>> {
    tree_of(folder)?.list(folder)
}

pub(crate) fn matching(pattern: &str) -> Vec<PathBuf> {
    let Ok(compiled) = glob::Pattern::new(pattern) else {
        return Vec::new();
    };
    let tree = tree_of(Path::new(pattern));
    tree.map(|tree| tree.matching(&compiled))
        .unwrap_or_default()
}

/// The file of this path.
///
/// # Errors
/// That it is not there, or that its root failed.
pub(crate) fn open(path: &Path) -> Result<Arc<Object>> {
    let missing = || Trouble::missing(path, "there is no such file");
    let tree = tree_of(path).ok_or_else(missing)?;
    tree.check()?;
    Ok(tree.file(path).ok_or_else(missing)?)
}

pub(crate) fn warm<'a>(paths: impl Iterator<Item = &'a Path>) {
    let paths: Vec<&Path> = paths.collect();
    ahead::all(&paths, |path| {
        let object = tree_of(path).and_then(|tree| tree.file(path));
        if let Some(object) = object {
            object.warm();
        }
    });
}

pub(crate) fn confirm(path: &Path) {
    if let Some(object) = tree_of(path).and_then(|tree| tree.file(path)) {
        object.confirm();
    }
}

pub(crate) fn shown(path: &Path) -> PathBuf {
    secret::shown(path)
}

pub(crate) fn failure(path: &Path) -> Option<Error> {
    tree_of(path)?.check().err().map(Error::from)
}

pub(crate) fn received() -> u64 {
    RECEIVED.load(Ordering::Relaxed)
}

/// Counts bytes that came.
fn count_received(bytes: usize) {
    RECEIVED.fetch_add(bytes as u64, Ordering::Relaxed);
}
