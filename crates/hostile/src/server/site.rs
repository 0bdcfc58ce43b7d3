//! What a server has: files, and repositories of a hub.

use super::State;
use super::answer::{Answer, Request};
use percent_encoding::percent_decode_str;
use sha2::Digest;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::Ordering;

/// A revision of a repository.
#[derive(Debug, Clone)]
pub struct Revision {
    /// The name of its branch, or of its tag.
    pub name: String,
    /// Whether it is a tag.
    pub is_tag: bool,
    /// Its commit, 40 hexadecimal digits.
    pub commit: String,
    /// Its files.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What a server has.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// Files by their paths, which begin with `/`: nobody lists them.
    pub files: BTreeMap<String, Vec<u8>>,
    /// Repositories by their names, `ORG/NAME`.
    pub repositories: BTreeMap<String, Vec<Revision>>,
    /// The token that the hub asks for.
    pub token: Option<String>,
    /// Items on a page of a listing; all if zero.
    pub page: usize,
    /// Whether files have no ETag.
    pub has_no_tags: bool,
    /// Another server, to which every request is passed on.
    pub upstream: Option<SocketAddr>,
    /// The port of the hub; any if zero.
    pub port: u16,
}

impl Revision {
    /// A branch of these files.
    #[must_use]
    pub fn branch(name: &str, files: BTreeMap<String, Vec<u8>>) -> Self {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in name.bytes().chain(files.values().flatten().copied()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self {
            name: name.to_owned(),
            is_tag: false,
            commit: format!("{hash:040x}"),
            files,
        }
    }
}

/// The files in a folder and those in it, by their paths below it.
///
/// # Errors
/// When they cannot be read.
pub fn files_in(folder: &Path) -> std::io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(inner)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap_or(&path);
            files.insert(name.to_string_lossy().into_owned(), std::fs::read(&path)?);
        }
    }
    Ok(files)
}

impl Site {
    /// A repository with a branch for each folder in this one, by its name.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn series(repository: &str, folder: &Path) -> std::io::Result<Self> {
        let mut revisions = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            revisions.push(Revision::branch(&name, files_in(&path)?));
        }
        revisions.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self {
            repositories: BTreeMap::from([(repository.to_owned(), revisions)]),
            ..Self::default()
        })
    }

    /// What the hub answers.
    pub(super) fn answer_of_hub(&self, request: &Request, state: &State) -> Answer {
        if let Some(upstream) = self.upstream {
            return Answer::of(upstream, request).unwrap_or_else(|_| Answer::new(502));
        }
        let path = decoded(request.path());
        if let Some(bytes) = self.files.get(&path) {
            return self.file(bytes, request);
        }
        let wanted = self.token.as_ref().map(|token| format!("Bearer {token}"));
        if wanted.is_some() && request.authorization != wanted {
            return State::refuse(401, "RepoNotFound");
        }
        let found = self.repositories.iter().find_map(|(id, revisions)| {
            if let Some(rest) = path.strip_prefix(&format!("/api/models/{id}/")) {
                return Some(self.api(id, revisions, rest, request, state));
            }
            let rest = path.strip_prefix(&format!("/{id}/resolve/"))?;
            Some(self.resolve(id, revisions, rest, state))
        });
        found.unwrap_or_else(|| State::refuse(404, "RepoNotFound"))
    }

    fn api(
        &self,
        id: &str,
        revisions: &[Revision],
        rest: &str,
        request: &Request,
        state: &State,
    ) -> Answer {
        let json = |text: String| {
            Answer::new(200)
                .with("Content-Type", "application/json; charset=utf-8")
                .with_body(text.into_bytes())
        };
        let find = |name: &str| {
            let is_it = |revision: &&Revision| revision.name == name || revision.commit == name;
            revisions.iter().find(is_it)
        };
        if rest == "refs" {
            let all = |is_tag: bool| {
                let own = revisions
                    .iter()
                    .filter(|revision| revision.is_tag == is_tag);
                let own = own.map(|revision| {
                    format!(
                        r#"{{"name":"{}","ref":"refs/x/{}","targetCommit":"{}"}}"#,
                        revision.name, revision.name, revision.commit
                    )
                });
                own.collect::<Vec<_>>().join(",")
            };
            return json(format!(
                r#"{{"tags":[{}],"branches":[{}],"converts":[]}}"#,
                all(true),
                all(false)
            ));
        }
        if let Some(name) = rest.strip_prefix("revision/") {
            return match find(name) {
                Some(revision) => json(format!(
                    r#"{{"id":"{id}","sha":"{}","siblings":[]}}"#,
                    revision.commit
                )),
                None => State::refuse(404, "RevisionNotFound"),
            };
        }
        let revision = rest.strip_prefix("tree/").and_then(find);
        let Some(revision) = revision else {
            return State::refuse(404, "RevisionNotFound");
        };
        let from: usize = request
            .query("cursor")
            .and_then(|cursor| cursor.parse().ok())
            .unwrap_or(0);
        let most = match self.page {
            0 => usize::MAX,
            page => page,
        };
        let items = revision.files.iter().skip(from).take(most);
        let items: Vec<String> = items.map(|(path, bytes)| item(path, bytes)).collect();
        let answer = json(format!("[{}]", items.join(",")));
        let next = from.saturating_add(items.len());
        if next < revision.files.len() {
            let target = format!("{}?recursive=true&cursor={next}", request.path());
            let link = format!("<http://{}{target}>; rel=\"next\"", state.hub);
            return answer.with("Link", link);
        }
        answer
    }

    /// Where a file is: large ones are on the other server, small ones here.
    fn resolve(&self, id: &str, revisions: &[Revision], rest: &str, state: &State) -> Answer {
        let found = revisions.iter().find_map(|revision| {
            let own = [&revision.commit, &revision.name];
            let path = own
                .iter()
                .find_map(|name| rest.strip_prefix(name.as_str())?.strip_prefix('/'))?;
            Some((revision, path, revision.files.get(path)?))
        });
        let Some((revision, path, bytes)) = found else {
            return State::refuse(404, "EntryNotFound");
        };
        let signed = state.signed.load(Ordering::SeqCst);
        let location = format!(
            "http://{}/files/{id}/{}/{path}?signature=secret{signed}",
            state.files, revision.commit
        );
        Answer::new(302)
            .with("X-Linked-Size", bytes.len().to_string())
            .with("X-Linked-ETag", format!("\"{}\"", oid(bytes)))
            .with("X-Repo-Commit", revision.commit.clone())
            .with("Location", location)
    }

    /// What the server answers that files come from.
    pub(super) fn answer_of_files(&self, request: &Request, state: &State) -> Answer {
        let path = decoded(request.path());
        let signed = request.query("signature");
        let signed = signed.and_then(|text| text.strip_prefix("secret")?.parse::<usize>().ok());
        if signed.is_none_or(|signed| signed < state.signed.load(Ordering::SeqCst)) {
            return Answer::new(403);
        }
        let found = self.repositories.iter().find_map(|(id, revisions)| {
            let rest = path.strip_prefix(&format!("/files/{id}/"))?;
            let (commit, path) = rest.split_once('/')?;
            let revision = revisions.iter().find(|known| known.commit == commit)?;
            revision.files.get(path)
        });
        match found {
            Some(bytes) => self.file(bytes, request),
            None => Answer::new(404),
        }
    }

    fn file(&self, bytes: &[u8], request: &Request) -> Answer {
        let mut answer = Answer::file(bytes, &oid(bytes), request.range);
        if self.has_no_tags {
            answer.headers.retain(|(name, _)| name != "ETag");
        }
        answer
    }

    /// Makes addresses that were signed before worthless.
    pub(super) fn expire(&self, state: &State) {
        state.signed.fetch_add(1, Ordering::SeqCst);
    }
}

/// An item of a listing, as the hub has it for files that it keeps apart.
fn item(path: &str, bytes: &[u8]) -> String {
    let (oid, size) = (oid(bytes), bytes.len());
    format!(
        r#"{{"type":"file","oid":"{0}","size":{size},"lfs":{{"oid":"{oid}","size":{size},"pointerSize":134}},"path":"{path}"}}"#,
        oid.get(..40).unwrap_or_default()
    )
}

/// The SHA-256 of a file.
fn oid(bytes: &[u8]) -> String {
    let sum = sha2::Sha256::digest(bytes);
    let digits: Vec<String> = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

/// A path without percent signs.
fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}
