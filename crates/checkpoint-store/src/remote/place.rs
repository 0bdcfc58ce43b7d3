//! What a remote path names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::client::Client;
use super::hub::{self, Repository};
use super::tree::Tree;
use super::trouble::{Failure, Trouble};
use super::web::Web;
use crate::Fault;
use crate::files::scheme;

/// What a remote path names.
#[derive(Debug)]
pub(super) enum Place {
    /// Something in a repository of the hub.
    Hub(Repository),
    /// A file behind a web address, by the folder that it lies in.
    Web(PathBuf),
    /// Something in a bucket.
    #[cfg(feature = "buckets")]
    Bucket(super::buckets::Place),
}

impl Place {
    /// Takes a path apart.
    ///
    /// # Errors
    /// When it is not written as such paths are.
    pub(super) fn of(path: &Path) -> Result<Self, Trouble> {
        let wrong = |what: &str, way_out: &'static str| {
            Err(Trouble::new(path, Fault::Unsupported, what, way_out))
        };
        let Some(text) = path.to_str() else {
            return wrong("a remote path is Unicode text", "Check the spelling");
        };
        let rest = text.split_once(':').map_or("", |(_, rest)| rest);
        let parts: Vec<&str> = rest.split('/').filter(|part| !part.is_empty()).collect();
        match scheme(path) {
            Some("hf") => match Repository::of(&parts) {
                Some(repository) => Ok(Self::Hub(repository)),
                None => wrong(
                    "it names no repository of the hub",
                    "Write hf://ORG/NAME, hf://ORG/NAME@REVISION or hf://ORG/NAME@*",
                ),
            },
            Some("http" | "https") => match path.parent().filter(|_| parts.len() > 1) {
                Some(folder) => Ok(Self::Web(folder.to_path_buf())),
                None => wrong(
                    "it names a server, and no file on it",
                    "Name one file, or an index of shards (*.index.json)",
                ),
            },
            #[cfg(feature = "buckets")]
            Some(scheme) => match super::buckets::Place::of(scheme, &parts) {
                Some(place) => Ok(Self::Bucket(place)),
                None => wrong("it names no bucket", "Write s3://BUCKET/KEY"),
            },
            #[cfg(not(feature = "buckets"))]
            Some(_) => wrong(
                "this build reads no buckets",
                "Build it with the cargo feature `buckets`, or download the files and name their folder",
            ),
            None => wrong("it is no remote path", "Check the spelling"),
        }
    }

    /// The path that stands for everything that is listed together.
    pub(super) fn listed(&self) -> &Path {
        match self {
            Self::Hub(repository) => &repository.root,
            Self::Web(folder) => folder,
            #[cfg(feature = "buckets")]
            Self::Bucket(place) => place.listed(),
        }
    }

    /// Lists it.
    pub(super) fn list(&self, client: &Arc<Client>) -> Result<Tree, Trouble> {
        let failure = Failure::default();
        match self {
            Self::Hub(repository) => {
                let files = hub::list(repository, client, &failure)?;
                Ok(Tree::listed(&repository.root, files, failure))
            }
            Self::Web(folder) => Ok(Tree::asked(folder, Web::new(client), failure)),
            #[cfg(feature = "buckets")]
            Self::Bucket(place) => place.list(client, failure),
        }
    }
}
