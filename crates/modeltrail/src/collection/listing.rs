//! Which checkpoints there are: descriptions only, no weights.

use super::claims::{AsideClaim, Claims, From, PositionClaim, RunClaim, Unit};
use super::group::Taken;
use super::layout::parameters;
use super::noted::Noted;
use super::options::Options;
use super::sketches::{self, Kept, StoredAs};
use super::source::{Source, weights};
use crate::coverage::{LeftOut, NotCompared, Unread};
use crate::error::{Error, Problem, Result};
use crate::exchange::imported::Imported;
use crate::printable::printable;
use crate::progress::Progress;
use crate::remote;
use crate::source::TensorSource;
use checkpoint_store::foreign::{
    Claimed, Companion, Description, Discovery, Found, Limits, OtherFormat, Role, natural,
};
use checkpoint_store::{Fault, Store, TensorShape};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// File that makes a folder a store.
const DESCRIPTION: &str = "zoo.description";

/// One checkpoint that can be read.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) claims: Claims,
    /// The claimed epoch, if one is claimed: the position of the claims may be a step.
    pub(super) epoch: Option<u64>,
    pub(super) step: Option<u64>,
    /// What its names alone say of it.
    pub(super) names: Claimed,
    /// That it stands beside the others, once that is settled.
    pub(super) aside: Option<AsideClaim>,
    /// Whether it is a sketch of what could be read of a checkpoint, which had more.
    pub(super) is_partial: bool,
    /// How the tensors of a sketch were stored.
    pub(super) kept_as: Vec<StoredAs>,
    pub(super) source: Source,
}

impl Entry {
    /// How its tensors are stored: number types, and files where there are several.
    pub(super) fn stored(&self) -> Vec<StoredAs> {
        let Source::Foreign(description) = &self.source else {
            return self.kept_as.clone();
        };
        let has_several = description.files().count() > 1;
        let mut stored: BTreeMap<(Option<String>, String), Vec<String>> = BTreeMap::new();
        for (place, tensor) in description.tensors().iter().enumerate() {
            if tensor.role != Role::Weight {
                continue;
            }
            let file = description.file_of(place).filter(|_| has_several);
            let file = file.and_then(Path::file_name);
            let file = file.map(|name| name.to_string_lossy().into_owned());
            let kind = (file, tensor.element.to_string());
            stored.entry(kind).or_default().push(tensor.name.clone());
        }
        let stored = stored.into_iter();
        stored
            .map(|((file, dtype), tensors)| StoredAs {
                file,
                dtype,
                tensors,
            })
            .collect()
    }

    /// Bytes of its files that lie elsewhere.
    pub(super) fn remote_bytes(&self) -> u64 {
        match &self.source {
            Source::Foreign(description) => remote::bytes(description),
            _ => 0,
        }
    }

    /// A path for it: of sketches, that which it had, as far as its name tells.
    pub(super) fn place(&self) -> PathBuf {
        if self.source.is_sketch() {
            self.path.join(&self.name)
        } else {
            self.path.clone()
        }
    }
}

/// Entries with the same tensors.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) layout: Vec<TensorShape>,
    pub(super) entries: Vec<Entry>,
    /// How some were taken into it.
    pub(super) taken: Vec<Taken>,
    /// What some have beside the layout.
    pub(super) not_compared: Vec<NotCompared>,
}

/// What the paths stand for.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) groups: Vec<Pending>,
    pub(super) problems: Vec<Problem>,
    pub(super) left_out: LeftOut,
    /// Files that lie beside checkpoints and are none.
    pub(super) companions: Vec<Companion>,
    pub(super) others: Vec<OtherFormat>,
    pub(super) unread: Vec<Unread>,
    pub(super) noted: Noted,
    /// Files in folders that have no model in them, and why: companions, if there is anything else.
    without_model: Vec<(PathBuf, Error)>,
    /// Paths that have a problem.
    reported: HashSet<PathBuf>,
    /// Stores and files of sketches that were read, by their real paths.
    read: HashSet<PathBuf>,
    /// Paths that stand for stores or sketches, whatever else they stand for.
    fruitful: HashSet<PathBuf>,
    /// Groups by their tensors, sorted by name.
    known: HashMap<Vec<TensorShape>, usize>,
}

impl Listing {
    /// The groups, to be added to anew.
    pub(super) fn take_groups(&mut self) -> Vec<Pending> {
        self.known.clear();
        std::mem::take(&mut self.groups)
    }

    pub(super) fn of(paths: &[PathBuf], options: &Options) -> Self {
        let paths = remote::all_shown(paths);
        let mut listing = Self::default();
        let mut others = Vec::new();
        for path in &paths {
            if options.in_memory.has(path) {
                match options.in_memory.sketch(path) {
                    Some(kept) => listing.add_sketch(path, kept.clone()),
                    None => others.push(path.clone()),
                }
                continue;
            }
            let stores = stores(path);
            let sketches = sketches::named(path);
            // Beside stores there may be checkpoints, and a pattern may match both.
            if sketches.is_empty() || !sketches::is_named_so(path) {
                others.push(path.clone());
            }
            for file in sketches {
                listing.fruitful.insert(path.clone());
                if listing.is_first(&file) {
                    listing.add_sketches(&file);
                }
            }
            for store in stores {
                listing.fruitful.insert(path.clone());
                if !listing.is_first(&store) {
                    continue;
                }
                if let Err(error) = listing.add_store(&store) {
                    listing.problem(&store, &error);
                }
            }
        }
        if !others.is_empty() {
            let discovery = options.discover(&others);
            listing.add_foreign(discovery, options, &others);
        }
        for (path, error) in std::mem::take(&mut listing.without_model) {
            if listing.groups.is_empty() {
                listing.problem(&path, &error);
            } else {
                let what = WITHOUT_MODEL;
                listing.companions.push(Companion { path, what });
            }
        }
        for group in &mut listing.groups {
            prefer_names(&mut group.entries);
        }
        listing
    }

    /// Says how many bytes are to come over the network, if any are.
    pub(super) fn tell_transfer(&self, work: &dyn Progress) {
        let entries = self.groups.iter().flat_map(|group| &group.entries);
        let bytes: u64 = entries.map(Entry::remote_bytes).sum();
        if bytes > 0 {
            work.transfer(bytes);
        }
    }

    /// Notes what is wrong with a path; the first thing, if several are.
    fn problem(&mut self, path: &Path, error: &Error) {
        if self.reported.insert(path.to_path_buf()) {
            self.problems.push(Problem::new(path, error));
        }
    }

    /// Whether a path was not read before, by this or another name.
    fn is_first(&mut self, path: &Path) -> bool {
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        self.read.insert(real)
    }

    /// The group of the checkpoints of this layout.
    pub(super) fn group_of(&mut self, layout: &[TensorShape]) -> Option<&mut Pending> {
        let group = self.known.get(&key(layout)).copied()?;
        self.groups.get_mut(group)
    }

    pub(super) fn add(&mut self, layout: &[TensorShape], entry: Entry) {
        let next = self.groups.len();
        let group = *self.known.entry(key(layout)).or_insert(next);
        if group == next {
            self.groups.push(Pending {
                layout: layout.to_vec(),
                entries: Vec::new(),
                taken: Vec::new(),
                not_compared: Vec::new(),
            });
        }
        if let Some(group) = self.groups.get_mut(group) {
            group.entries.push(entry);
        }
    }

    /// Adds a checkpoint of its owner's.
    pub(super) fn add_own(&mut self, name: String, source: Arc<dyn TensorSource>) {
        let layout = source.tensors().to_vec();
        let entry = Entry {
            path: PathBuf::from(&name),
            name: printable(&name),
            claims: Claims::default(),
            epoch: None,
            step: None,
            names: Claimed::default(),
            aside: None,
            is_partial: false,
            kept_as: Vec::new(),
            source: Source::Own(source),
        };
        self.add(&layout, entry);
    }

    fn add_store(&mut self, directory: &Path) -> Result<()> {
        let store = Store::open(directory)?;
        let checkpoints = Arc::new(store.load()?);
        // A store that was imported knows what its runs were called, and what it counts.
        let imported = Imported::of(&store);
        let counts_epochs = imported.as_ref().is_none_or(Imported::counts_epochs);
        let layout: Arc<[TensorShape]> = store.layout().into();
        let name = directory.file_name().unwrap_or(directory.as_os_str());
        let name = printable(&name.to_string_lossy());
        for (column, label) in checkpoints.checkpoints().iter().enumerate() {
            let position = u64::from(label.epoch);
            let run = imported.as_ref().and_then(|store| store.run(label.run));
            let entry = Entry {
                name: format!("{name}:{}/{}", label.run, label.epoch),
                path: directory.to_path_buf(),
                claims: Claims {
                    run: Some(RunClaim {
                        value: run.map_or_else(|| label.run.to_string(), str::to_owned),
                        from: From::Store,
                    }),
                    position: Some(PositionClaim {
                        value: position,
                        unit: if counts_epochs {
                            Unit::Epoch
                        } else {
                            Unit::Step
                        },
                        from: From::Store,
                    }),
                    aside: None,
                },
                names: Claimed::default(),
                aside: None,
                is_partial: false,
                kept_as: Vec::new(),
                epoch: counts_epochs.then_some(position),
                step: (!counts_epochs).then_some(position),
                source: Source::Store(Arc::clone(&checkpoints), column, Arc::clone(&layout)),
            };
            self.add(store.layout(), entry);
        }
        Ok(())
    }

    fn add_sketches(&mut self, path: &Path) {
        let file = match sketches::read(path) {
            Ok(file) => file,
            Err(error) => return self.problem(path, &error),
        };
        for kept in file.checkpoints {
            self.add_sketch(path, kept);
        }
    }

    /// Adds a sketch that stands in this file, or is held under this name.
    fn add_sketch(&mut self, path: &Path, kept: Kept) {
        let is_partial = !kept.unread.is_empty();
        self.unread.extend(kept.unread);
        let layout = sketches::layout(&kept.sketch);
        let claimed = |unit| {
            let position = kept.claims.position.filter(|claim| claim.unit == unit);
            position.map(|claim| claim.value)
        };
        let entry = Entry {
            name: printable(&kept.name),
            path: path.to_path_buf(),
            epoch: claimed(Unit::Epoch),
            step: claimed(Unit::Step),
            claims: kept.claims,
            names: Claimed::default(),
            aside: None,
            is_partial,
            kept_as: kept.stored,
            source: Source::Sketch(Arc::new(kept.sketch)),
        };
        self.add(&layout, entry);
    }

    /// Adds what was found; the named paths stand for themselves, whatever is in them.
    fn add_foreign(&mut self, discovery: Discovery, options: &Options, named: &[PathBuf]) {
        self.companions.extend(discovery.companions);
        self.others.extend(discovery.others);
        for problem in discovery.problems {
            // Of stores or sketches there was something.
            let is_nothing = matches!(&problem.error, checkpoint_store::Error::Foreign { fault, .. } if *fault == Fault::Missing);
            if is_nothing && self.fruitful.contains(&problem.path) {
                continue;
            }
            self.problem(&problem.path, &problem.error.into());
        }
        let found = discovery.checkpoints;
        let opened: Vec<_> = found
            .par_iter()
            .map(|found| Opened::of(found, &options.limits))
            .collect();
        let common = common_folder(found.iter().map(|found| found.path.as_path()));
        for (found, opened) in found.into_iter().zip(opened) {
            match remote::sound(&found.path, opened) {
                Err(error) if is_without_model(&error) && !named.contains(&found.path) => {
                    self.without_model.push((found.path, error));
                }
                Err(error) => self.problem(&found.path, &error),
                Ok(opened) => {
                    let name = found.path.strip_prefix(&common).unwrap_or(&found.path);
                    let name = printable(&name.to_string_lossy());
                    self.unread.extend(opened.unread(&name));
                    self.noted.add(&opened.description);
                    self.left_out = self.left_out.and(opened.left_out);
                    let entry = Entry {
                        name,
                        path: found.path,
                        claims: opened.claims,
                        epoch: opened.epoch,
                        step: opened.step,
                        names: found.claimed,
                        aside: None,
                        is_partial: false,
                        kept_as: Vec::new(),
                        source: Source::Foreign(Box::new(opened.description)),
                    };
                    self.add(&opened.layout, entry);
                }
            }
        }
    }
}

/// The same for the same tensors, in whatever order.
fn key(layout: &[TensorShape]) -> Vec<TensorShape> {
    let mut key = layout.to_vec();
    key.sort_by(|a, b| a.name.cmp(&b.name));
    key
}

/// What is kept of a foreign checkpoint that was opened: files do not stay open.
pub(crate) struct Opened {
    pub(crate) description: Description,
    pub(crate) layout: Vec<TensorShape>,
    pub(crate) claims: Claims,
    pub(crate) epoch: Option<u64>,
    pub(crate) step: Option<u64>,
    pub(crate) left_out: LeftOut,
}

impl Opened {
    /// # Errors
    /// When the file cannot be read, or has no weights.
    pub(crate) fn of(found: &Found, limits: &Limits) -> Result<Self> {
        let description = found.describe(limits)?;
        let tensors = description.tensors();
        let count = |role| tensors.iter().filter(|tensor| tensor.role == role).count();
        let layout: Vec<TensorShape> = weights(&description).map(|(_, tensor)| tensor).collect();
        if parameters(&layout) == 0 {
            if let Some(first) = description.unread().first() {
                return Err(Error::Unread {
                    path: found.path.clone(),
                    tensors: description.unread().len(),
                    first: printable(&first.name),
                    dtype: printable(&first.dtype),
                });
            }
            return Err(Error::NoWeights {
                path: found.path.clone(),
                tensors: tensors.len(),
            });
        }
        let left_out = description.left_out().iter();
        let averaged = left_out.filter(|left| left.is_averaged_copy()).count();
        Ok(Self {
            layout,
            claims: description.claimed().into(),
            epoch: description
                .claimed()
                .epoch
                .as_ref()
                .map(|claim| claim.value),
            step: description.claimed().step.as_ref().map(|claim| claim.value),
            left_out: LeftOut {
                buffers: count(Role::Buffer),
                not_float: count(Role::NotFloat),
                averaged,
                others: description.left_out().len() - averaged,
            },
            description,
        })
    }

    /// The tensors that could not be read, of a checkpoint of this name.
    pub(crate) fn unread(&self, name: &str) -> impl Iterator<Item = Unread> {
        let unread = self.description.unread().iter();
        unread.map(move |tensor| Unread {
            checkpoint: name.to_owned(),
            tensor: printable(&tensor.name),
            dtype: printable(&tensor.dtype),
            elements: tensor.elements,
            reason: tensor.reason.clone(),
        })
    }
}

/// What is said of a file in a folder that has no model in it.
pub(crate) const WITHOUT_MODEL: &str = "there is no model in it";

/// Whether a file is sound and has no model in it: of a folder, that is no trouble of the models.
pub(crate) fn is_without_model(error: &Error) -> bool {
    match error {
        Error::NoWeights { .. } => true,
        Error::Store(checkpoint_store::Error::Foreign { fault, .. }) => *fault == Fault::NoModel,
        _ => false,
    }
}

/// Positions that all files of a run have in common in their metadata are totals by another name, or
/// tell nothing apart; where their names do, the names are believed.
fn prefer_names(entries: &mut [Entry]) {
    let mut runs: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        let is_metadata = |claim: PositionClaim| claim.from == From::Metadata;
        if entry.claims.position.is_some_and(is_metadata) {
            let run = entry.claims.run.as_ref().map(|run| run.value.clone());
            runs.entry(run).or_default().push(index);
        }
    }
    for members in runs.into_values() {
        let all = || members.iter().filter_map(|&index| entries.get(index));
        let claimed: BTreeSet<_> = all()
            .filter_map(|entry| entry.claims.position)
            .map(|claim| (claim.unit, claim.value))
            .collect();
        let named: BTreeSet<u64> = all().filter_map(|entry| entry.names.position()).collect();
        if claimed.len() != 1 || named.len() < 2 {
            continue;
        }
        for index in members {
            if let Some(entry) = entries.get_mut(index) {
                entry.claims.position = Claims::from(&entry.names).position;
                entry.epoch = entry.names.epoch.as_ref().map(|claim| claim.value);
                entry.step = entry.names.step.as_ref().map(|claim| claim.value);
            }
        }
    }
}

/// The stores that a path stands for: itself, or those right inside a folder. They lie on this machine.
pub(crate) fn stores(path: &Path) -> Vec<PathBuf> {
    if remote::is_remote(path) {
        return Vec::new();
    }
    if path.join(DESCRIPTION).is_file() {
        return vec![path.to_path_buf()];
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut stores: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.join(DESCRIPTION).is_file())
        .collect();
    stores.sort_by(|a, b| natural(a, b));
    stores
}

/// The deepest folder that all paths lie in.
pub(crate) fn common_folder<'a>(mut paths: impl Iterator<Item = &'a Path>) -> PathBuf {
    let folder = |path: &Path| path.parent().unwrap_or(Path::new("")).to_path_buf();
    let mut common = paths.next().map(folder).unwrap_or_default();
    for path in paths {
        while !path.starts_with(&common) {
            common = folder(&common);
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_the_folders_that_all_have_in_common() {
        let common = |paths: &[&str]| common_folder(paths.iter().map(Path::new));
        assert_eq!(common(&["a/b/1.pt", "a/c/1.pt"]), Path::new("a"));
        assert_eq!(common(&["a/b/1.pt"]), Path::new("a/b"));
        assert_eq!(common(&["/x/1.pt", "y/1.pt"]), Path::new(""));
        assert_eq!(common(&["ab/1.pt", "abc/1.pt"]), Path::new(""));
        assert_eq!(common(&[]), Path::new(""));
    }
}
