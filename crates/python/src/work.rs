//! Work without Python's lock: on a thread of its own, which Ctrl-C ends, and which may report.

use crate::errors::{defect, raise};
use modeltrail::Error;
use modeltrail::progress::Progress;
use pyo3::prelude::*;
use rayon::ThreadPool;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How often it is asked whether Ctrl-C was pressed.
const LOOK: Duration = Duration::from_millis(50);

/// What the thread says.
enum Said<T> {
    /// So much more is to be done.
    More(u64),
    /// So much is done.
    Done(u64),
    /// What is worked on.
    On(String),
    /// What came of it; none if it was given up or broke.
    Result(Option<Result<T, Error>>),
}

/// Reports, and gives the work up between two parts of it.
pub(crate) struct Reporter<T> {
    said: Sender<Said<T>>,
    is_given_up: Arc<AtomicBool>,
}

/// What unwinds from work that was given up: no panic, and nothing is printed.
struct GivenUp;

impl<T: Send> Reporter<T> {
    fn say(&self, said: Said<T>) {
        if self.is_given_up.load(Ordering::Relaxed) {
            resume_unwind(Box::new(GivenUp));
        }
        // That nobody listens any more changes nothing.
        let _ = self.said.send(said);
    }
}

impl<T: Send> Progress for Reporter<T> {
    fn add(&self, parts: u64) {
        self.say(Said::More(parts));
    }

    fn done(&self, parts: u64) {
        self.say(Said::Done(parts));
    }

    fn working_on(&self, what: &str) {
        self.say(Said::On(what.to_owned()));
    }
}

/// Does a job, and calls `progress(done, total, what)` as it goes, if that is given.
///
/// # Errors
/// What the job or the callback answers; `KeyboardInterrupt`, upon which the job ends after the part that
/// it is at.
pub(crate) fn work<T: Send + 'static>(
    py: Python<'_>,
    progress: Option<Py<PyAny>>,
    job: impl FnOnce(&Reporter<T>) -> Result<T, Error> + Send + 'static,
) -> PyResult<T> {
    let (said, hears) = channel();
    let is_given_up = Arc::new(AtomicBool::new(false));
    let reporter = Reporter {
        said: said.clone(),
        is_given_up: Arc::clone(&is_given_up),
    };
    let work = move || {
        let result = catch_unwind(AssertUnwindSafe(|| match pool() {
            // The result travels to the caller, so that the reporter need not outlive it.
            Some(pool) => pool.install(|| job(&reporter)),
            None => job(&reporter),
        }));
        let _ = said.send(Said::Result(result.ok()));
    };
    let thread = std::thread::Builder::new().name("modeltrail".to_owned());
    thread
        .spawn(work)
        .map_err(|error| defect(py, &format!("no thread could be started: {error}")))?;
    let heard = hear(py, hears, progress.as_ref());
    if heard.is_err() {
        is_given_up.store(true, Ordering::Relaxed);
    }
    match heard? {
        Some(Ok(answer)) => Ok(answer),
        Some(Err(error)) => Err(raise(py, &error)),
        None => Err(defect(
            py,
            "this is a defect of modeltrail, and the answer is not known; what was printed above helps to find it",
        )),
    }
}

/// Hears what the thread says, to its end.
fn hear<T: Send>(
    py: Python<'_>,
    hears: Receiver<Said<T>>,
    progress: Option<&Py<PyAny>>,
) -> PyResult<Option<Result<T, Error>>> {
    let hears = Mutex::new(hears);
    let (mut done, mut total, mut what) = (0_u64, 0_u64, String::new());
    loop {
        let heard = py.detach(|| {
            let hears = hears.lock().unwrap_or_else(PoisonError::into_inner);
            hears.recv_timeout(LOOK)
        });
        match heard {
            Ok(Said::Result(result)) => {
                py.check_signals()?;
                return Ok(result);
            }
            Ok(Said::More(parts)) => total = total.saturating_add(parts),
            Ok(Said::Done(parts)) => done = done.saturating_add(parts),
            Ok(Said::On(now)) => what = now,
            Err(RecvTimeoutError::Timeout) => {
                py.check_signals()?;
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
        py.check_signals()?;
        if let Some(progress) = progress {
            progress.call1(py, (done, total, what.as_str()))?;
        }
    }
}

/// Threads of this process, where it is one that was forked after others had been started: those of its
/// parent are not in it. None in any other process, which has rayon's own.
fn pool() -> Option<Arc<ThreadPool>> {
    static FIRST: OnceLock<u32> = OnceLock::new();
    static OWN: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);
    let process = std::process::id();
    if *FIRST.get_or_init(|| process) == process {
        return None;
    }
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, pool)) = own.as_ref()
        && *of == process
    {
        return Some(Arc::clone(pool));
    }
    let pool = rayon::ThreadPoolBuilder::new().build().ok().map(Arc::new)?;
    // One of a parent has no threads here that could be ended.
    std::mem::forget(own.replace((process, Arc::clone(&pool))));
    Some(pool)
}
