//! How `object_store` sends requests: through the client of the other remote paths, on the thread that
//! asks.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io::Read;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};

use crate::Fault;
use crate::remote::client::{Client, FAILING, LONGEST_WAIT, UNREACHABLE, Wrong};
use crate::remote::ranges::cut;
use crate::remote::url::Url;

/// Largest answer that is read, in bytes: more than any range that is asked for.
const MOST_ANSWER: u64 = 64 << 20;

thread_local! {
    /// What went wrong with the last request of this thread, in words without addresses that are signed.
    static LAST: RefCell<Option<Wrong>> = const { RefCell::new(None) };
}

/// What went wrong with the last request of this thread, once.
pub(super) fn last_wrong() -> Option<Wrong> {
    LAST.with(|last| last.borrow_mut().take())
}

fn note(wrong: Option<Wrong>) {
    LAST.with(|last| *last.borrow_mut() = wrong);
}

/// Sends requests.
#[derive(Debug, Clone)]
pub(super) struct Transport(Arc<Client>);

impl Transport {
    pub(super) fn new(client: &Arc<Client>) -> Self {
        Self(Arc::clone(client))
    }

    fn send(&self, request: HttpRequest) -> Result<HttpResponse, Wrong> {
        let (parts, body) = request.into_parts();
        let Some(url) = Url::parse(&parts.uri.to_string()) else {
            return Err(Wrong::last(
                Fault::Unreachable,
                "the address of the bucket is none of the web",
                UNREACHABLE,
            ));
        };
        let host = url.host.clone();
        let bytes = body.as_bytes().map(|bytes| bytes.to_vec());
        let request = ureq::http::Request::from_parts(parts, bytes.unwrap_or_default());
        let (parts, mut body) = self.0.send(&url, request)?.into_parts();
        let announced = parts.headers.get("content-length");
        let announced = announced.and_then(|text| text.to_str().ok()?.parse::<u64>().ok());
        let status = parts.status.as_u16();
        let mut bytes = Vec::new();
        let reader = body.with_config().limit(u64::MAX).reader();
        reader
            .take(MOST_ANSWER + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| cut(&host, &error))?;
        if bytes.len() as u64 > MOST_ANSWER {
            return Err(Wrong::last(
                Fault::Unsupported,
                format!("{host} sends the whole file where a part was asked for"),
                "Such a server cannot be read from: download the file, and name that",
            ));
        }
        // What was asked for without a body is announced with its length.
        let is_short = announced.is_some_and(|announced| announced > bytes.len() as u64);
        if is_short && !bytes.is_empty() {
            return Err(Wrong::again(format!(
                "{host} ends the connection after {} of the bytes that it announced",
                bytes.len()
            )));
        }
        let retry_after = parts.headers.get("retry-after");
        let seconds = retry_after.and_then(|text| text.to_str().ok()?.trim().parse().ok());
        note(refusal(&host, status, seconds.map(Duration::from_secs)));
        Ok(HttpResponse::from_parts(parts, bytes.into()))
    }
}

/// What an answer means that is no success.
fn refusal(host: &str, status: u16, wait: Option<Duration>) -> Option<Wrong> {
    let (fault, what, way_out) = match status {
        200..=299 => return None,
        // Those of S3 are of an expired token.
        400 | 401 | 403 => (
            Fault::Refused,
            format!("{host} refuses it (status {status})"),
            "Check the credentials in the environment: they may have expired, or lack the right to read \
             this. A bucket that anybody may read is asked without them where AWS_SKIP_SIGNATURE=true",
        ),
        404 => (
            Fault::Missing,
            format!("{host} does not have it (status 404)"),
            "Check the spelling",
        ),
        412 => (
            Fault::Changed,
            "it changed while it was read".to_owned(),
            "Wait for the program that writes it, and read it again",
        ),
        301 | 302 | 307 | 308 => (
            Fault::Unreachable,
            format!("{host} says that the bucket is elsewhere (status {status})"),
            "Set AWS_REGION to the region of the bucket",
        ),
        408 | 429 | 500..=599 => {
            return Some(match wait.filter(|wait| *wait > LONGEST_WAIT) {
                Some(wait) => Wrong::last(
                    Fault::Unreachable,
                    format!(
                        "{host} asks to wait for {} seconds (status {status})",
                        wait.as_secs()
                    ),
                    FAILING,
                ),
                None => Wrong::Again {
                    what: format!("{host} answers with status {status}"),
                    wait,
                },
            });
        }
        _ => (
            Fault::Unreachable,
            format!("{host} answers with status {status}"),
            UNREACHABLE,
        ),
    };
    Some(Wrong::last(fault, what, way_out))
}

/// That a request failed; in which way is noted apart.
#[derive(Debug)]
struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the request failed")
    }
}

impl Error for Failed {}

impl HttpService for Transport {
    fn call<'life, 'future>(
        &'life self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'future>>
    where
        'life: 'future,
        Self: 'future,
    {
        Box::pin(async move {
            self.send(request).map_err(|wrong| {
                note(Some(wrong));
                HttpError::new(HttpErrorKind::Unknown, Failed)
            })
        })
    }
}

impl HttpConnector for Transport {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}
