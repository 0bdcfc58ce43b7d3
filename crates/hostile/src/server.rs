//! A server that knows ranges and plays the Hugging Face hub, and that misbehaves when it is told to.
//!
//! It listens on two ports of this machine: the hub, which answers its API and redirects to files, and
//! the server that the redirects lead to, which must never see the hub's token. Requests are counted over
//! both, so that a [`Misdeed`] can be planned for each in turn.

mod answer;
mod misdeed;
mod site;

pub use misdeed::Misdeed;
pub use site::{Revision, Site, files_in};

use answer::{Answer, Request};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a server was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Path and query.
    pub target: String,
    /// The first byte and the last, if a part of a file was asked for.
    pub range: Option<(u64, u64)>,
    /// What stood in the header `Authorization`.
    pub authorization: Option<String>,
    /// Whether it was asked of the server that files come from, rather than of the hub.
    pub of_files: bool,
}

/// When a server misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At this request alone, the first being 0.
    At(usize),
    /// From this request on.
    From(usize),
}

/// What the threads of a server share.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) site: Site,
    pub(crate) hub: SocketAddr,
    pub(crate) files: SocketAddr,
    plan: Mutex<Option<(When, Misdeed)>>,
    count: AtomicUsize,
    log: Mutex<Vec<Asked>>,
    /// Bytes of bodies that were sent.
    pub(crate) sent: AtomicU64,
    /// Addresses that were signed before this are no longer accepted.
    pub(crate) signed: AtomicUsize,
    is_over: AtomicBool,
}

/// A server, until it is dropped.
#[derive(Debug)]
pub struct Server(Arc<State>);

impl Server {
    /// Starts to listen.
    ///
    /// # Errors
    /// When the system gives no port.
    pub fn start(site: Site) -> io::Result<Self> {
        let hub = TcpListener::bind(("127.0.0.1", site.port))?;
        let files = TcpListener::bind(("127.0.0.1", 0))?;
        let state = Arc::new(State {
            site,
            hub: hub.local_addr()?,
            files: files.local_addr()?,
            plan: Mutex::new(None),
            count: AtomicUsize::new(0),
            log: Mutex::default(),
            sent: AtomicU64::new(0),
            signed: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        });
        for (listener, of_files) in [(hub, false), (files, true)] {
            let state = Arc::clone(&state);
            std::thread::spawn(move || listen(&listener, of_files, &state));
        }
        Ok(Self(state))
    }

    /// The address of the hub, as `HF_ENDPOINT` takes it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.0.hub)
    }

    /// Plans a misdeed, or none, and counts requests from 0 again.
    pub fn plan(&self, plan: Option<(When, Misdeed)>) {
        *lock(&self.0.plan) = plan;
        lock(&self.0.log).clear();
        self.0.count.store(0, Ordering::SeqCst);
        self.0.sent.store(0, Ordering::SeqCst);
    }

    /// What was asked since the last plan.
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.0.log).clone()
    }

    /// Bytes of bodies that were sent since the last plan.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.0.sent.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::SeqCst);
        for address in [self.0.hub, self.0.files] {
            // Wakes whoever listens.
            let _ = TcpStream::connect_timeout(&address, Duration::from_millis(100));
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(listener: &TcpListener, of_files: bool, state: &Arc<State>) {
    for stream in listener.incoming() {
        if state.is_over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let state = Arc::clone(state);
        std::thread::spawn(move || {
            // That a client goes away is its own affair.
            let _ = serve(&stream, of_files, &state);
        });
    }
}

/// Answers one request after the other, until the connection ends.
fn serve(stream: &TcpStream, of_files: bool, state: &State) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.set_nodelay(true)?;
    while let Some(request) = Request::read(stream)? {
        let number = state.count.fetch_add(1, Ordering::SeqCst);
        lock(&state.log).push(Asked {
            target: request.target.clone(),
            range: request.range,
            authorization: request.authorization.clone(),
            of_files,
        });
        let plan = *lock(&state.plan);
        let misdeed = plan.and_then(|(when, misdeed)| {
            let is_now = match when {
                When::At(at) => at == number,
                When::From(from) => number >= from,
            };
            is_now.then_some(misdeed)
        });
        let answer = match of_files {
            false => state.site.answer_of_hub(&request, state),
            true => state.site.answer_of_files(&request, state),
        };
        let goes_on = match misdeed {
            None => answer.send(stream, state)?,
            Some(misdeed) => misdeed.commit(answer, &request, stream, state)?,
        };
        if !goes_on {
            return Ok(());
        }
    }
    Ok(())
}

impl State {
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// An answer that is an error of the hub.
    pub(crate) fn refuse(status: u16, code: &str) -> Answer {
        Answer::new(status)
            .with("X-Error-Code", code)
            .with("Content-Type", "application/json")
            .with_body(b"{\"error\":\"no\"}".to_vec())
    }
}
