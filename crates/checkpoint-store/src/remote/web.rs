//! Single files behind web addresses: what they are is found out by asking for their beginning.

use std::path::Path;
use std::sync::Arc;

use super::client::{Answer, Client, Wrong};
use super::object::{HEAD, Object};
use super::ranges::{ContentRange, WebFile, tag};
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
    version: Option<String>,
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
            match asked.and_then(|answer| self.first(&answer)) {
                Ok(first) => break first,
                Err(Wrong::Final { fault, .. })
                    if !is_named && matches!(fault, Fault::Missing | Fault::Refused) =>
                {
                    return Ok(None);
                }
                Err(wrong) => patience.after(wrong, path)?,
            }
        };
        let file = WebFile::new(Arc::clone(&self.client), path, url, first.len, None);
        let ranges = Box::new(file);
        let object = Object::new(path, first.len, first.version, ranges, failure.clone());
        Ok(Some(Arc::new(object)))
    }

    /// The length and the version of a file.
    fn first(&self, answer: &Answer) -> Result<First, Wrong> {
        let host = &answer.from.host;
        let len = match answer.status {
            206 => {
                let range = answer.header("content-range").and_then(ContentRange::parse);
                range.and_then(|range| range.len)
            }
            200 => answer.length(),
            // It has no first byte.
            416 => answer
                .header("content-range")
                .and_then(|range| range.trim().strip_prefix("bytes */"))
                .and_then(|len| len.parse().ok()),
            _ => return Err(self.client.refusal(answer)),
        };
        let len = len.ok_or_else(|| {
            Wrong::again(format!("{host} does not say how long the file is"))
        })?;
        let linked = answer.linked.as_deref().map(super::ranges::plain);
        Ok(First {
            len,
            version: linked.map(str::to_owned).or_else(|| tag(answer)),
        })
    }
}
