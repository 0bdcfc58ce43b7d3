//! Single files behind web addresses: what they are is found out by asking for their beginning.

use std::path::Path;
use std::sync::Arc;

use super::client::{Answer, Client, Wrong};
use super::object::{HEAD, Object};
use super::ranges::{ContentRange, WebFile, beginning, is_as_it_is, plain, tag};
use super::secret;
use super::trouble::{Failure, Trouble};
use super::url::Url;
use crate::Fault;

/// Files of the web.
#[derive(Debug)]
pub(super) struct Web {
    client: Arc<Client>,
}

/// What the first answer says of a file.
struct First {
    len: u64,
    linked: Option<String>,
    /// What the server calls its version, and its host.
    tag: Option<(String, String)>,
    /// How it begins, if that came.
    bytes: Vec<u8>,
}

impl Web {
    pub(super) fn new(client: &Arc<Client>) -> Self {
        Self {
            client: Arc::clone(client),
        }
    }

    /// Asks whether there is a file of this path; none if there is not.
    ///
    /// One that was not named, but may lie beside one that was, is not there either where the server
    /// refuses to show it: many servers refuse what they do not have.
    ///
    /// # Errors
    /// When the server cannot be asked; of a file that was named also when it is not there.
    pub(super) fn ask(
        &self,
        path: &Path,
        is_named: bool,
        failure: &Failure,
    ) -> Result<Option<Arc<Object>>, Trouble> {
        let text = secret::whole(path).or_else(|| path.to_str().map(str::to_owned));
        let Some(url) = text.and_then(|text| Url::parse(&text)) else {
            return Err(Trouble::missing(path, "it is no address of the web"));
        };
        let mut patience = self.client.patience();
        let first = loop {
            let asked = self.client.ask(&url, Some(&(0..HEAD)));
            match asked.and_then(|answer| self.first(answer)) {
                Ok(first) => break first,
                Err(Wrong::Final { fault, .. })
                    if !is_named && matches!(fault, Fault::Missing | Fault::Refused) =>
                {
                    return Ok(None);
                }
                Err(wrong) => patience.after(wrong, path)?,
            }
        };
        let First {
            len,
            linked,
            tag,
            bytes,
        } = first;
        let version = linked
            .clone()
            .or_else(|| tag.as_ref().map(|(_, tag)| tag.clone()));
        let client = Arc::clone(&self.client);
        let file = WebFile::new(client, path, url, len, linked, tag);
        let object = Object::new(path, len, version, Box::new(file), failure.clone());
        object.begin_with(bytes);
        Ok(Some(Arc::new(object)))
    }

    /// The length, the version and the beginning of a file.
    fn first(&self, mut answer: Answer) -> Result<First, Wrong> {
        let host = answer.from.host.clone();
        let len = match answer.status {
            206 => {
                let range = answer.header("content-range").and_then(ContentRange::parse);
                range
                    .filter(|range| range.first == 0)
                    .and_then(|range| range.len)
            }
            200 => answer.length(),
            // It has no first byte.
            416 => answer
                .header("content-range")
                .and_then(|range| range.trim().strip_prefix("bytes */"))
                .and_then(|len| len.parse().ok()),
            _ => return Err(self.client.refusal(&answer)),
        };
        let Some(len) = len else {
            return Err(Wrong::again(format!(
                "{host} does not say how long the file is"
            )));
        };
        is_as_it_is(&answer)?;
        let bytes = match answer.status {
            416 => Vec::new(),
            _ => beginning(&mut answer, len.min(HEAD)),
        };
        Ok(First {
            len,
            linked: answer.linked.as_deref().map(|tag| plain(tag).to_owned()),
            tag: tag(&answer).map(|tag| (host, tag)),
            bytes,
        })
    }
}
