//! Buckets: Amazon's S3 and what speaks as it does, Google Cloud Storage, Azure's blobs.
//!
//! `object_store` knows their protocols, and reads credentials from the environment as their own tools
//! do; its requests go through the [`Client`] of the other remote paths.

mod transport;

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::StreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};

use super::client::{Client, Wrong};
use super::count_received;
use super::object::Object;
use super::ranges::Ranges;
use super::tree::{Tree, is_inside};
use super::trouble::{Failure, Trouble};
use crate::Fault;
use crate::limits::MAX_FILES;
use transport::{Transport, last_wrong};

/// Something in a bucket.
#[derive(Debug)]
pub(super) struct Place {
    /// As it was written, and stands for what is listed.
    path: PathBuf,
    scheme: &'static str,
    bucket: String,
    /// What comes after the bucket.
    key: String,
}

/// What a path names in a bucket: its root, and what lies under that.
type Listed = (PathBuf, Vec<ObjectMeta>);

impl Place {
    pub(super) fn of(scheme: &'static str, parts: &[&str]) -> Option<Self> {
        let (bucket, key) = parts.split_first()?;
        let scheme = if scheme == "gcs" { "gs" } else { scheme };
        Some(Self {
            path: PathBuf::from(format!("{scheme}://{}", parts.join("/"))),
            scheme,
            bucket: (*bucket).to_owned(),
            key: key.join("/"),
        })
    }

    pub(super) fn listed(&self) -> &Path {
        &self.path
    }

    /// The path of the folder that a key stands for.
    fn root(&self, key: &str) -> PathBuf {
        let bucket = format!("{}://{}", self.scheme, self.bucket);
        match key {
            "" => bucket.into(),
            key => format!("{bucket}/{key}").into(),
        }
    }

    /// Lists what it stands for: all under a prefix; of one object what lies beside it, too.
    ///
    /// # Errors
    /// When the bucket cannot be asked.
    pub(super) fn list(&self, client: &Arc<Client>, failure: Failure) -> Result<Tree, Trouble> {
        let store = self.store(client)?;
        let asking = Asking {
            client: Arc::clone(client),
            path: self.path.clone(),
        };
        let (root, items) = self.items(store.as_ref(), &asking)?;
        if items.len() > MAX_FILES {
            let what = "more objects lie there than can be looked at";
            return Err(Trouble::new(
                &self.path,
                Fault::TooLarge,
                what,
                "Name a part of it",
            ));
        }
        let mut files = Vec::new();
        for item in items {
            let name = item.location.as_ref();
            let key = root.strip_prefix(self.root("")).unwrap_or(Path::new(""));
            let below = Path::new(name).strip_prefix(key).unwrap_or(Path::new(name));
            let below = below.to_string_lossy();
            // Objects that stand for folders, and what no file can be called.
            if name.ends_with('/') || !is_inside(&below) {
                continue;
            }
            let path = root.join(&*below);
            let tag = item.e_tag.clone();
            let ranges = BucketFile {
                store: Arc::clone(&store),
                asking: Asking {
                    client: Arc::clone(client),
                    path: path.clone(),
                },
                key: item.location,
                len: item.size,
                tag: tag.clone(),
            };
            let version = item.version.or(tag);
            let version = version.unwrap_or_else(|| item.last_modified.to_rfc3339());
            let ranges = Box::new(ranges);
            files.push(Object::new(
                &path,
                item.size,
                Some(version),
                ranges,
                failure.clone(),
            ));
        }
        Ok(Tree::listed(&root, files, failure))
    }

    fn items(&self, store: &dyn ObjectStore, asking: &Asking) -> Result<Listed, Trouble> {
        // A pattern is one of what lies under the folder before it.
        let before = match self.key.find(['*', '?', '[']) {
            Some(at) => self.key.get(..at).unwrap_or_default(),
            None => &self.key,
        };
        let folder = |key: &str| {
            key.rsplit_once('/')
                .map_or("", |(above, _)| above)
                .to_owned()
        };
        let is_pattern = before != self.key;
        let prefix = if is_pattern {
            folder(before)
        } else {
            self.key.clone()
        };
        let is_object = if is_pattern || prefix.is_empty() {
            false
        } else {
            let key = Key::from(prefix.as_str());
            asking.of(true, || store.head(&key))?.is_some()
        };
        if is_object {
            let above = folder(&prefix);
            let key = (!above.is_empty()).then(|| Key::from(above.as_str()));
            let beside = asking.of(false, || store.list_with_delimiter(key.as_ref()))?;
            let beside = beside.map(|listed| listed.objects);
            return Ok((self.root(&above), beside.unwrap_or_default()));
        }
        let key = (!prefix.is_empty()).then(|| Key::from(prefix.as_str()));
        let items = asking.of(false, || async {
            let mut listed = store.list(key.as_ref());
            let mut items = Vec::new();
            while let Some(item) = listed.next().await {
                items.push(item?);
                if items.len() > MAX_FILES {
                    break;
                }
            }
            Ok(items)
        })?;
        let items = items.unwrap_or_default();
        if items.is_empty() {
            let what = "there is no object of this name, and none under it";
            return Err(Trouble::missing(&self.path, what));
        }
        Ok((self.root(&prefix), items))
    }

    fn store(&self, client: &Arc<Client>) -> Result<Arc<dyn ObjectStore>, Trouble> {
        // Requests are tried again by who asks, as those of all remote paths.
        let retries = RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        };
        let transport = Transport::new(client);
        let bucket = self.bucket.as_str();
        let built: object_store::Result<Arc<dyn ObjectStore>> = match self.scheme {
            "s3" => AmazonS3Builder::from_env()
                .with_bucket_name(bucket)
                .with_retry(retries)
                .with_http_connector(transport)
                .build()
                .map(|store| Arc::new(store) as _),
            "gs" => GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(bucket)
                .with_retry(retries)
                .with_http_connector(transport)
                .build()
                .map(|store| Arc::new(store) as _),
            _ => MicrosoftAzureBuilder::from_env()
                .with_container_name(bucket)
                .with_retry(retries)
                .with_http_connector(transport)
                .build()
                .map(|store| Arc::new(store) as _),
        };
        built.map_err(|_| {
            Trouble::new(
                &self.path,
                Fault::Refused,
                "the environment does not say how the bucket is reached",
                match self.scheme {
                    "s3" => {
                        "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, and AWS_ENDPOINT_URL \
                         (with AWS_ALLOW_HTTP=true where it is not encrypted) if it is not Amazon's"
                    }
                    "gs" => "Set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account",
                    _ => "Set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
                },
            )
        })
    }
}

/// Who asks a bucket, and for what.
struct Asking {
    client: Arc<Client>,
    path: PathBuf,
}

impl Asking {
    /// Asks until there is an answer; none if there is no such object, where that `may_be_missing`.
    fn of<T, F: Future<Output = object_store::Result<T>>>(
        &self,
        may_be_missing: bool,
        ask: impl Fn() -> F,
    ) -> Result<Option<T>, Trouble> {
        let mut patience = self.client.patience();
        loop {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .map_err(|error| {
                    let what = format!("no request can be made ({error})");
                    Trouble::new(&self.path, Fault::Unreachable, what, "Try again")
                })?;
            let _ = last_wrong();
            let error = match runtime.block_on(ask()) {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) => error,
            };
            let wrong = last_wrong();
            if may_be_missing && matches!(error, object_store::Error::NotFound { .. }) {
                return Ok(None);
            }
            patience.after(wrong.unwrap_or_else(|| meant(&error)), &self.path)?;
        }
    }
}

/// What an error means that came after an answer. Its words may hold an address with a signature.
fn meant(error: &object_store::Error) -> Wrong {
    match error {
        object_store::Error::NotFound { .. } => Wrong::last(
            Fault::Missing,
            "the bucket does not have it",
            "Check the spelling",
        ),
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => Wrong::last(
            Fault::Refused,
            "the bucket refuses it",
            "Check the credentials in the environment, and what they may read",
        ),
        _ => Wrong::again("the bucket answers with what makes no sense"),
    }
}

/// A file in a bucket.
struct BucketFile {
    store: Arc<dyn ObjectStore>,
    asking: Asking,
    key: Key,
    len: u64,
    tag: Option<String>,
}

impl fmt::Debug for BucketFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The store knows credentials.
        formatter
            .debug_struct("BucketFile")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Ranges for BucketFile {
    fn get(&self, range: Range<u64>) -> Result<Vec<u8>, Trouble> {
        let path = &self.asking.path;
        let changed =
            |how: String| Trouble::changed(path, format!("it changed while it was read: {how}"));
        let options = || GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            if_match: self.tag.clone(),
            ..GetOptions::default()
        };
        let mut patience = self.asking.client.patience();
        loop {
            let got = self.asking.of(false, || async {
                let got = self.store.get_opts(&self.key, options()).await?;
                let (meta, part) = (got.meta.clone(), got.range.clone());
                Ok((meta, part, got.bytes().await?))
            })?;
            let Some((meta, part, bytes)) = got else {
                return Err(changed("it is gone".to_owned()));
            };
            count_received(bytes.len());
            if meta.size != self.len {
                let how = format!("it had {} bytes, and has {}", self.len, meta.size);
                return Err(changed(how));
            }
            if self.tag.is_some() && meta.e_tag != self.tag {
                return Err(changed("its server names another version of it".to_owned()));
            }
            if part == range && bytes.len() as u64 == range.end - range.start {
                return Ok(bytes.to_vec());
            }
            let what = "the bucket sends other bytes of the file than were asked for";
            patience.after(Wrong::again(what), path)?;
        }
    }
}
