//! Requests: what is sent to whom, which redirects are followed, and what is tried again.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ureq::http::HeaderMap;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Proxy};

use super::settings::Settings;
use super::trouble::Trouble;
use super::url::Url;
use crate::Fault;

/// Most redirects that one request follows.
const MOST_REDIRECTS: usize = 10;
/// Longest wait that a server may ask for.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How many times as long as a pause in it an answer may take as a whole.
const PAUSES: u32 = 6;
/// Connections that are kept for further requests.
const IDLE: usize = 16;

/// What to do about a server that cannot be reached.
pub(super) const UNREACHABLE: &str = "Check the network and the address, and try again";
/// What to do about a server that fails.
pub(super) const FAILING: &str = "Try again later, or download the files and name their folder";

/// What sends requests.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) settings: Settings,
    endpoint: Option<Url>,
    /// One that goes through the proxy of the environment, and one that does not.
    agents: [Agent; 2],
}

/// How an attempt failed.
#[derive(Debug)]
pub(super) enum Wrong {
    /// In a way that may pass; the server may have said when.
    Again {
        what: String,
        wait: Option<Duration>,
    },
    /// For good.
    Final {
        fault: Fault,
        what: String,
        way_out: String,
    },
}

impl Wrong {
    pub(super) fn again(what: impl Into<String>) -> Self {
        Self::Again {
            what: what.into(),
            wait: None,
        }
    }

    pub(super) fn last(fault: Fault, what: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self::Final {
            fault,
            what: what.into(),
            way_out: way_out.into(),
        }
    }
}

/// An answer whose body was not read yet.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: ureq::Body,
    /// Where it came from, after all redirects.
    pub(super) from: Url,
    /// The hash of the file that the hub names beside a redirect.
    pub(super) linked: Option<String>,
}

impl Answer {
    /// The text of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How many bytes follow, if it says.
    pub(super) fn length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }
}

impl Client {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            endpoint: Url::parse(&settings.endpoint),
            agents: agents(settings.timeout),
            settings,
        }
    }

    /// Whether the hub's token goes to this address, and there is one.
    pub(super) fn token_for(&self, url: &Url) -> Option<&str> {
        let endpoint = self.endpoint.as_ref()?;
        let token = self.settings.token.as_ref()?;
        url.has_origin_of(endpoint).then(|| token.reveal())
    }

    /// Whether this is an address of the hub.
    pub(super) fn is_hub(&self, url: &Url) -> bool {
        let endpoint = self.endpoint.as_ref();
        endpoint.is_some_and(|endpoint| url.has_origin_of(endpoint))
    }

    /// Asks once, following redirects.
    pub(super) fn ask(&self, url: &Url, range: Option<&Range<u64>>) -> Result<Answer, Wrong> {
        let mut at = url.clone();
        let mut linked = None;
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.ask_there(&at, range)?;
            if linked.is_none() {
                linked = answer.header("x-linked-etag").map(str::to_owned);
            }
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(Answer { linked, ..answer });
            }
            let location = answer.header("location").unwrap_or_default();
            let next = at.join(location).ok_or_else(|| {
                let what = format!("{} redirects to what is no address of the web", at.host);
                Wrong::last(Fault::Unreachable, what, UNREACHABLE)
            })?;
            if at.scheme == "https" && next.scheme == "http" {
                let what = format!(
                    "{} redirects to an address that is not encrypted ({})",
                    at.host, next.host
                );
                return Err(Wrong::last(Fault::Unreachable, what, UNREACHABLE));
            }
            at = next;
        }
        let what = format!("{} redirects more than {MOST_REDIRECTS} times", url.host);
        Err(Wrong::last(Fault::Unreachable, what, UNREACHABLE))
    }

    /// What sends requests to this address.
    fn agent(&self, url: &Url) -> &Agent {
        let [through_proxy, direct] = &self.agents;
        if url.is_loopback() {
            direct
        } else {
            through_proxy
        }
    }

    /// Sends a request that somebody else has written; no redirect is followed.
    #[cfg(feature = "buckets")]
    pub(super) fn send(
        &self,
        url: &Url,
        request: ureq::http::Request<Vec<u8>>,
    ) -> Result<ureq::http::Response<ureq::Body>, Wrong> {
        let sent = if request.body().is_empty() {
            self.agent(url).run(request.map(|_| ()))
        } else {
            self.agent(url).run(request)
        };
        sent.map_err(|error| failed(url, &error))
    }

    fn ask_there(&self, url: &Url, range: Option<&Range<u64>>) -> Result<Answer, Wrong> {
        let mut request = self
            .agent(url)
            .get(url.to_request())
            .header("Accept-Encoding", "identity");
        if let Some(range) = range {
            let last = range.end.saturating_sub(1);
            request = request.header("Range", format!("bytes={}-{last}", range.start));
        }
        // Whoever writes a password into an address means that one.
        if let Some(user) = &url.user {
            use base64::Engine;
            let user = base64::engine::general_purpose::STANDARD.encode(user);
            request = request.header("Authorization", format!("Basic {user}"));
        } else if let Some(token) = self.token_for(url) {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let (parts, body) = request
            .call()
            .map_err(|error| failed(url, &error))?
            .into_parts();
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            from: url.clone(),
            linked: None,
        })
    }

    /// What an answer means that is no success.
    pub(super) fn refusal(&self, answer: &Answer) -> Wrong {
        let host = &answer.from.host;
        let status = answer.status;
        let said = reason(answer);
        match status {
            401 | 403 => {
                let sent = self.token_for(&answer.from).is_some();
                let what = format!("{host} refuses it (status {status}{said})");
                let way_out = match (self.is_hub(&answer.from), sent) {
                    (true, true) => {
                        "The token that was sent is not accepted for it: it may have expired, or lack \
                         the right to read this repository, or its terms were not accepted yet. Log in \
                         again with `hf auth login`, or set HF_TOKEN"
                    }
                    (true, false) => {
                        "If it is private or has terms to accept, log in with `hf auth login`, or set \
                         HF_TOKEN; if not, check the spelling"
                    }
                    (false, _) => {
                        "Check the address and whether it can be read without logging in; one that is \
                         signed expires"
                    }
                };
                Wrong::last(Fault::Refused, what, way_out)
            }
            404 | 410 => {
                let what = format!("{host} does not have it (status {status}{said})");
                Wrong::last(Fault::Missing, what, "Check the spelling")
            }
            408 | 429 | 500 | 502 | 503 | 504 => {
                let seconds = answer.header("retry-after");
                let seconds = seconds.and_then(|text| text.trim().parse().ok());
                let wait = seconds.map(Duration::from_secs);
                if let Some(wait) = wait.filter(|wait| *wait > LONGEST_WAIT) {
                    let what = format!(
                        "{host} asks to wait for {} seconds (status {status})",
                        wait.as_secs()
                    );
                    return Wrong::last(Fault::Unreachable, what, FAILING);
                }
                Wrong::Again {
                    what: format!("{host} answers with status {status}"),
                    wait,
                }
            }
            _ => {
                let what = format!("{host} answers with status {status}");
                Wrong::last(Fault::Unreachable, what, UNREACHABLE)
            }
        }
    }

    /// How often and how long attempts are made.
    pub(super) fn patience(&self) -> Patience {
        Patience {
            tried: 0,
            most: self.settings.retries.saturating_add(1),
            first: self.settings.first_wait,
        }
    }
}

/// How often and how long attempts are made.
#[derive(Debug)]
pub(super) struct Patience {
    tried: u32,
    most: u32,
    first: Duration,
}

impl Patience {
    /// Waits before the next attempt, or gives up.
    pub(super) fn after(&mut self, wrong: Wrong, path: &Path) -> Result<(), Trouble> {
        match wrong {
            Wrong::Final {
                fault,
                what,
                way_out,
            } => Err(Trouble::new(path, fault, what, way_out)),
            Wrong::Again { what, wait } => {
                self.tried = self.tried.saturating_add(1);
                if self.tried >= self.most {
                    let times = match self.tried {
                        1 => "once".to_owned(),
                        times => format!("{times} times"),
                    };
                    let what = format!("{what}; it was asked {times}");
                    return Err(Trouble::new(path, Fault::Unreachable, what, FAILING));
                }
                let doubled = self.first.saturating_mul(1 << (self.tried - 1).min(16));
                let wait = wait.unwrap_or_default().max(doubled.min(LONGEST_WAIT));
                std::thread::sleep(wait);
                Ok(())
            }
        }
    }

    /// Something came: what was tried before does not count any more.
    pub(super) fn renew(&mut self) {
        self.tried = 0;
    }
}

/// What the hub says of a refusal, where that is one of the words that it has for it.
fn reason(answer: &Answer) -> &'static str {
    match answer.header("x-error-code") {
        Some("RepoNotFound") => ": there is no such repository, or not for you",
        Some("RevisionNotFound") => ": there is no such revision",
        Some("EntryNotFound") => ": there is no such file",
        Some("GatedRepo") => ": its owner asks to accept terms first",
        Some("DisabledRepo") => ": it is disabled",
        _ => "",
    }
}

/// What went wrong before there was an answer. The address in an error of the library may hold a
/// signature, so that its words are not taken over.
fn failed(url: &Url, error: &ureq::Error) -> Wrong {
    let host = &url.host;
    match error {
        ureq::Error::Timeout(_) => Wrong::again(format!("{host} does not answer in time")),
        ureq::Error::HostNotFound => Wrong::again(format!("there is no server {host}")),
        ureq::Error::ConnectionFailed => Wrong::again(format!("{host} cannot be reached")),
        ureq::Error::Io(error) => Wrong::again(format!(
            "the connection to {host} failed ({})",
            in_words(error)
        )),
        ureq::Error::Protocol(_) => Wrong::again(format!("{host} answers with what is no HTTP")),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => Wrong::last(
            Fault::Unreachable,
            format!("no encrypted connection to {host} ({error})"),
            "Check the address; if its certificate is your own, name the file of your authority in \
             SSL_CERT_FILE",
        ),
        ureq::Error::InvalidProxyUrl | ureq::Error::ConnectProxyFailed(_) => Wrong::last(
            Fault::Unreachable,
            format!("the proxy on the way to {host} does not work"),
            "Correct HTTPS_PROXY or ALL_PROXY, or name the host in NO_PROXY",
        ),
        _ => Wrong::last(
            Fault::Unreachable,
            format!("{host} cannot be asked for this address"),
            "Check the spelling of the address",
        ),
    }
}

/// What the system says, without what a library adds.
pub(super) fn in_words(error: &std::io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => error.to_string(),
        None => error.kind().to_string(),
    }
}

/// Agents by their timeout: each reads the certificates of the system once, and keeps connections.
fn agents(timeout: Duration) -> [Agent; 2] {
    static KNOWN: Mutex<Vec<(Duration, [Agent; 2])>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, agents)) = known.iter().find(|(known, _)| *known == timeout) {
        return agents.clone();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::PlatformVerifier)
        .unversioned_rustls_crypto_provider(provider)
        .build();
    let agent = |proxy: Option<Proxy>| {
        Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(timeout))
            .timeout_connect(Some(timeout))
            .timeout_recv_response(Some(timeout))
            .timeout_per_read(Some(timeout))
            .timeout_per_call(Some(timeout.saturating_mul(PAUSES)))
            .max_idle_connections(IDLE)
            .max_idle_connections_per_host(IDLE)
            .user_agent(concat!("modeltrail/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls.clone())
            .proxy(proxy)
            .build()
            .new_agent()
    };
    let agents = [agent(Proxy::try_from_env()), agent(None)];
    known.push((timeout, agents.clone()));
    agents
}
