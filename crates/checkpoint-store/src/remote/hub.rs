//! Repositories of the Hugging Face hub: what they hold, by revision.
//!
//! Asked for as `huggingface_hub` asks: `api/models/ID/revision/REV` says which commit a revision is,
//! `api/models/ID/refs` which branches and tags there are, `api/models/ID/tree/COMMIT` which files a
//! commit has, with the SHA-256 of the large ones. Files are read from `ID/resolve/COMMIT/FILE`, so that
//! a branch that moves on meanwhile changes nothing.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::ahead;
use super::client::{Answer, Client, Wrong};
use super::object::Object;
use super::ranges::{WebFile, cut};
use super::tree::is_inside;
use super::trouble::{Failure, Trouble};
use super::url::{self, Url};
use crate::Fault;
use crate::foreign::natural_names;
use crate::limits::MAX_FILES;

/// Largest answer of the hub that is read, in bytes.
const MOST_ANSWER: u64 = 64 << 20;
/// Most pages of one listing.
const MOST_PAGES: usize = 1000;
/// What revisions with a pattern may be written with.
const PATTERN: [char; 3] = ['*', '?', '['];

/// A repository, at a revision or at all that match a pattern.
#[derive(Debug, Clone)]
pub(super) struct Repository {
    /// The path that stands for it, as it was written.
    pub(super) root: PathBuf,
    /// `models`, `datasets` or `spaces`.
    kind: &'static str,
    /// `ORG/NAME`.
    id: String,
    revision: String,
}

impl Repository {
    /// The repository that a path's parts begin with: `ORG`, `NAME@REVISION`, …
    pub(super) fn of(parts: &[&str]) -> Option<Self> {
        let (kind, own) = match parts {
            ["datasets", own @ ..] => ("datasets", own),
            ["spaces", own @ ..] => ("spaces", own),
            ["models", own @ ..] if own.len() > 1 => ("models", own),
            own => ("models", own),
        };
        let before = parts.len() - own.len();
        let (names, revision) = match own {
            // A few old repositories have no owner.
            [name] => (vec![*name], *name),
            [name, ..] if name.contains('@') => (vec![*name], *name),
            [owner, name, ..] => (vec![*owner, *name], *name),
            [] => return None,
        };
        let revision = revision.split_once('@').map(|(_, revision)| revision);
        let id = names.join("/");
        let id = id.split_once('@').map_or(id.as_str(), |(id, _)| id);
        let is_name = |name: &str| {
            !name.is_empty()
                && name != "."
                && name != ".."
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let is_revision = revision.is_none_or(|revision| !revision.is_empty());
        if !id.split('/').all(is_name) || !is_revision {
            return None;
        }
        let root = parts.get(..before + names.len())?.join("/");
        Some(Self {
            root: PathBuf::from(format!("hf://{root}")),
            kind,
            id: id.to_owned(),
            // Slashes in names of branches are written so in paths.
            revision: revision
                .unwrap_or("main")
                .replace("%2F", "/")
                .replace("%2f", "/"),
        })
    }

    fn is_series(&self) -> bool {
        self.revision.contains(PATTERN)
    }

    /// Where the hub tells about it.
    fn api(&self, client: &Client, rest: &str) -> String {
        let endpoint = &client.settings.endpoint;
        format!("{endpoint}/api/{}/{}/{rest}", self.kind, self.id)
    }

    /// Where a file of a commit is.
    fn file(&self, client: &Client, commit: &str, path: &str) -> String {
        let endpoint = &client.settings.endpoint;
        let kind = match self.kind {
            "models" => String::new(),
            other => format!("{other}/"),
        };
        let path = url::parts(path);
        format!("{endpoint}/{kind}{}/resolve/{commit}/{path}", self.id)
    }
}

#[derive(Deserialize)]
struct Revision {
    sha: String,
}

#[derive(Deserialize)]
struct Refs {
    #[serde(default)]
    branches: Vec<Reference>,
    #[serde(default)]
    tags: Vec<Reference>,
}

#[derive(Debug, Clone, Deserialize)]
struct Reference {
    name: String,
    #[serde(rename = "targetCommit")]
    commit: String,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    oid: Option<String>,
    #[serde(default)]
    lfs: Option<Large>,
}

/// A file that is stored apart from the repository.
#[derive(Deserialize)]
struct Large {
    oid: String,
    size: u64,
}

/// A commit, and the folder that its files are shown in.
struct Commit {
    folder: PathBuf,
    id: String,
}

/// The files of a repository.
///
/// # Errors
/// When the hub cannot be asked, refuses, or answers what makes no sense.
pub(super) fn list(
    repository: &Repository,
    client: &Arc<Client>,
    failure: &Failure,
) -> Result<Vec<Object>, Trouble> {
    let root = repository.root.as_path();
    if client.settings.offline {
        return Err(Trouble::new(
            root,
            Fault::Unreachable,
            "HF_HUB_OFFLINE is set, and the hub is not asked",
            "Unset it, or name a folder on this machine",
        ));
    }
    let commits = commits(repository, client)?;
    let listed: Mutex<Vec<Result<Vec<Object>, Trouble>>> = Mutex::default();
    ahead::all(&commits, |commit| {
        let files = files(repository, commit, client, failure);
        let mut listed = listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.push(files);
    });
    let listed = listed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let files: Vec<Vec<Object>> = listed.into_iter().collect::<Result<_, _>>()?;
    Ok(files.into_iter().flatten().collect())
}

/// The commits that are meant.
fn commits(repository: &Repository, client: &Client) -> Result<Vec<Commit>, Trouble> {
    let root = repository.root.as_path();
    if !repository.is_series() {
        let revision = url::part(&repository.revision);
        let address = repository.api(client, &format!("revision/{revision}"));
        let (revision, _): (Revision, _) = json(client, root, &address)?;
        return Ok(vec![Commit {
            folder: root.to_path_buf(),
            id: checked(root, revision.sha)?,
        }]);
    }
    let pattern = glob::Pattern::new(&repository.revision).map_err(|error| {
        let what = format!("its revision is no pattern ({error})");
        Trouble::new(root, Fault::Unsupported, what, "Check the spelling")
    })?;
    let (refs, _): (Refs, _) = json(client, root, &repository.api(client, "refs"))?;
    let mut references: Vec<Reference> = refs.branches.into_iter().chain(refs.tags).collect();
    references.retain(|reference| pattern.matches(&reference.name));
    // Of several names of one commit, one that says more than that it is the newest.
    let is_main = |reference: &Reference| reference.name == "main";
    references.sort_by(|a, b| {
        let names = natural_names(&a.name, &b.name).then_with(|| a.name.cmp(&b.name));
        is_main(a).cmp(&is_main(b)).then(names)
    });
    let mut commits: Vec<Commit> = Vec::new();
    for Reference { name, commit } in references {
        if !is_inside(&name) {
            return Err(odd(root, "a branch whose name is no name of a folder"));
        }
        let folder = root.join(name);
        let id = checked(root, commit)?;
        let is_known = |known: &Commit| known.id == id || known.folder == folder;
        if !commits.iter().any(is_known) {
            commits.push(Commit { folder, id });
        }
    }
    if commits.is_empty() {
        let what = "no branch and no tag of the repository matches its revision";
        return Err(Trouble::missing(root, what));
    }
    if commits.len() > MAX_FILES {
        return Err(odd(root, "more revisions than can be looked at"));
    }
    Ok(commits)
}

/// A commit that can stand in an address.
fn checked(root: &Path, commit: String) -> Result<String, Trouble> {
    let is_commit = !commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_commit {
        Ok(commit)
    } else {
        Err(odd(root, "a commit that is none"))
    }
}

/// The files of a commit.
fn files(
    repository: &Repository,
    commit: &Commit,
    client: &Arc<Client>,
    failure: &Failure,
) -> Result<Vec<Object>, Trouble> {
    let root = repository.root.as_path();
    let tree = format!("tree/{}?recursive=true&expand=false", commit.id);
    let mut address = Some(repository.api(client, &tree));
    let mut files = Vec::new();
    let mut pages = 0;
    while let Some(page) = address.take() {
        pages += 1;
        let (items, next): (Vec<Item>, _) = json(client, root, &page)?;
        for item in items {
            if item.kind != "file" {
                continue;
            }
            if !is_inside(&item.path) {
                return Err(odd(root, "a file whose name leads out of the repository"));
            }
            let (len, linked) = match item.lfs {
                Some(large) => (large.size, Some(large.oid)),
                None => (item.size, None),
            };
            let path = commit.folder.join(&item.path);
            let address = repository.file(client, &commit.id, &item.path);
            let Some(url) = Url::parse(&address) else {
                return Err(odd(root, "a file that has no address"));
            };
            // What the hub names beside a redirect is the hash of a large file, and of a small one that of
            // its object in the repository.
            let version = linked.clone().or(item.oid);
            let version = version.unwrap_or_else(|| format!("{} {}", commit.id, item.path));
            let ranges = WebFile::new(Arc::clone(client), &path, url, len, linked, None);
            let ranges = Box::new(ranges);
            files.push(Object::new(
                &path,
                len,
                Some(version),
                ranges,
                failure.clone(),
            ));
        }
        if files.len() > MAX_FILES || pages > MOST_PAGES {
            return Err(odd(root, "more files than can be looked at"));
        }
        address = next;
    }
    Ok(files)
}

/// What the hub should not say.
fn odd(root: &Path, what: &str) -> Trouble {
    Trouble::new(
        root,
        Fault::Damaged,
        format!("the hub lists {what}"),
        "Check that HF_ENDPOINT names a hub, or download the files and name their folder",
    )
}

/// Asks for a document, and for the address of its next page.
fn json<T: DeserializeOwned>(
    client: &Client,
    root: &Path,
    address: &str,
) -> Result<(T, Option<String>), Trouble> {
    let Some(url) = Url::parse(address) else {
        return Err(Trouble::new(
            root,
            Fault::Unreachable,
            "HF_ENDPOINT is no address of the web",
            "Set it to one, or unset it",
        ));
    };
    let mut patience = client.patience();
    loop {
        let asked = client.ask(&url, None);
        match asked.and_then(|answer| document(client, answer)) {
            Ok(read) => return Ok(read),
            Err(wrong) => patience.after(wrong, root)?,
        }
    }
}

fn document<T: DeserializeOwned>(
    client: &Client,
    mut answer: Answer,
) -> Result<(T, Option<String>), Wrong> {
    if answer.status != 200 {
        return Err(client.refusal(&answer));
    }
    let host = answer.from.host.clone();
    let announced = answer.length();
    let mut bytes = Vec::new();
    let reader = answer.body.with_config().limit(u64::MAX).reader();
    reader
        .take(MOST_ANSWER + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| cut(&host, &error))?;
    let came = bytes.len() as u64;
    if came > MOST_ANSWER {
        return Err(Wrong::last(
            Fault::TooLarge,
            format!("{host} lists more than {MOST_ANSWER} bytes at a time"),
            "Check that HF_ENDPOINT names a hub",
        ));
    }
    if announced.is_some_and(|announced| announced != came) {
        return Err(Wrong::again(format!(
            "{host} ends the connection after {came} of the bytes that it announced"
        )));
    }
    let read = serde_json::from_slice(&bytes)
        .map_err(|_| Wrong::again(format!("{host} answers with what is no answer of a hub")))?;
    // Of another address than this one only where to go on is taken: mirrors pass on the hub's own.
    let next = answer.header("link").and_then(next_page);
    let next = next
        .and_then(|next| answer.from.join(&next))
        .map(|next| Url {
            query: next.query,
            ..answer.from.clone()
        });
    let next = next.map(|next| next.to_request());
    Ok((read, next))
}

/// The address of the next page (RFC 8288): `<…>; rel="next"`.
fn next_page(link: &str) -> Option<String> {
    link.split(',').find_map(|link| {
        let (address, parameters) = link.split_once('>')?;
        let address = address.trim().strip_prefix('<')?;
        let is_next = parameters.contains("rel=\"next\"") || parameters.contains("rel=next");
        is_next.then(|| address.to_owned())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_a_repository_and_a_revision() {
        let of = |path: &str| {
            let parts: Vec<&str> = path.split('/').collect();
            let found = Repository::of(&parts)?;
            let root = found.root.to_str().unwrap().to_owned();
            Some((root, found.kind, found.id, found.revision))
        };
        let wanted = |root: &str, kind, id: &str, revision: &str| {
            Some((root.to_owned(), kind, id.to_owned(), revision.to_owned()))
        };
        assert_eq!(
            of("org/name"),
            wanted("hf://org/name", "models", "org/name", "main")
        );
        assert_eq!(
            of("org/name@step1000/a/m.pt"),
            wanted("hf://org/name@step1000", "models", "org/name", "step1000")
        );
        assert_eq!(
            of("org/name@*"),
            wanted("hf://org/name@*", "models", "org/name", "*")
        );
        assert_eq!(
            of("org/name@refs%2Fpr%2F1"),
            wanted(
                "hf://org/name@refs%2Fpr%2F1",
                "models",
                "org/name",
                "refs/pr/1"
            )
        );
        assert_eq!(of("gpt2"), wanted("hf://gpt2", "models", "gpt2", "main"));
        assert_eq!(
            of("gpt2@x/m.pt"),
            wanted("hf://gpt2@x", "models", "gpt2", "x")
        );
        assert_eq!(
            of("datasets/org/name"),
            wanted("hf://datasets/org/name", "datasets", "org/name", "main")
        );
        for none in ["", "org/na me", "org/name@", "../name", "org/..", "a?b/c"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn the_next_page_is_found_among_links() {
        let link = r#"<https://h/a?x=1>; rel="prev", <https://h/a?x=2>; rel="next""#;
        assert_eq!(next_page(link).as_deref(), Some("https://h/a?x=2"));
        assert_eq!(next_page("nonsense"), None);
    }
}
