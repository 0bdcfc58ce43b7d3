//! What lies under a remote root: names, lengths, versions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::object::Object;
use super::trouble::{Failure, Trouble};
use super::web::Web;

/// What lies under a root.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    failure: Failure,
    entries: Entries,
}

#[derive(Debug)]
enum Entries {
    /// All of it, as its server lists it.
    Listed {
        files: BTreeMap<PathBuf, Arc<Object>>,
        folders: BTreeSet<PathBuf>,
    },
    /// Nobody lists it: each file is asked for once.
    Asked {
        web: Web,
        known: Mutex<HashMap<PathBuf, Option<Arc<Object>>>>,
    },
}

impl Tree {
    /// Of files that were listed.
    pub(super) fn listed(root: &Path, files: Vec<Object>, failure: Failure) -> Self {
        let mut folders = BTreeSet::from([root.to_path_buf()]);
        for file in &files {
            let above = file.path().ancestors().skip(1);
            folders.extend(
                above
                    .take_while(|above| *above != root)
                    .map(Path::to_path_buf),
            );
        }
        let files = files.into_iter();
        Self {
            root: root.to_path_buf(),
            failure,
            entries: Entries::Listed {
                files: files
                    .map(|file| (file.path().to_path_buf(), Arc::new(file)))
                    .collect(),
                folders,
            },
        }
    }

    /// Of files that are asked for one by one.
    pub(super) fn asked(root: &Path, web: Web, failure: Failure) -> Self {
        Self {
            root: root.to_path_buf(),
            failure,
            entries: Entries::Asked {
                web,
                known: Mutex::default(),
            },
        }
    }

    /// The path that everything here lies under.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Why nothing here can be trusted, if something failed.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        self.failure.check()
    }

    /// Looks at what a person named, so that what is wrong with it is said of it.
    pub(super) fn name(&self, path: &Path) -> Result<(), Trouble> {
        let Entries::Asked { web, known } = &self.entries else {
            return Ok(());
        };
        let object = web.ask(path, true, &self.failure)?;
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(path.to_path_buf(), object);
        Ok(())
    }

    /// The file of this path.
    pub(super) fn file(&self, path: &Path) -> Option<Arc<Object>> {
        match &self.entries {
            Entries::Listed { files, .. } => files.get(path).map(Arc::clone),
            Entries::Asked { web, known } => {
                let lock = || known.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(known) = lock().get(path) {
                    return known.clone();
                }
                let object = match web.ask(path, false, &self.failure) {
                    Ok(object) => object,
                    Err(trouble) => {
                        self.failure.note(&trouble);
                        None
                    }
                };
                lock().insert(path.to_path_buf(), object.clone());
                object
            }
        }
    }

    /// Whether a path is a folder; none if it is not there.
    pub(super) fn look(&self, path: &Path) -> Option<bool> {
        if let Entries::Listed { folders, .. } = &self.entries
            && folders.contains(path)
        {
            return Some(true);
        }
        self.file(path).map(|_| false)
    }

    /// What lies right inside a folder.
    pub(super) fn list(&self, folder: &Path) -> Option<Vec<PathBuf>> {
        let Entries::Listed { files, folders } = &self.entries else {
            return None;
        };
        folders.contains(folder).then(|| {
            let inside = files.keys().chain(folders);
            inside
                .filter(|path| path.parent() == Some(folder))
                .cloned()
                .collect()
        })
    }

    /// The files that match a pattern.
    pub(super) fn matching(&self, pattern: &glob::Pattern) -> Vec<PathBuf> {
        let Entries::Listed { files, .. } = &self.entries else {
            return Vec::new();
        };
        let options = glob::MatchOptions {
            require_literal_separator: true,
            require_literal_leading_dot: true,
            case_sensitive: true,
        };
        let files = files.keys();
        files
            .filter(|path| pattern.matches_path_with(path, options))
            .cloned()
            .collect()
    }
}

/// Whether a name that a server lists stays below its folder.
pub(super) fn is_inside(path: &str) -> bool {
    let is_plain = |part| matches!(part, Component::Normal(_));
    !path.is_empty()
        && !path.contains(['\\', '\0'])
        && path.split('/').all(|part| !part.is_empty() && part != ".")
        && Path::new(path).components().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_of_their_folder_are_none() {
        for name in ["a", "a/b.pt", "step-1/é.pt", "..a"] {
            assert!(is_inside(name), "{name}");
        }
        for name in [
            "", "/a", "../a", "a/../b", "a//b", "./a", "a\\b", "a\0", "a/",
        ] {
            assert!(!is_inside(name), "{name}");
        }
    }
}
