//! Threads that fetch what will be read next, while what came is worked on.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::object::Object;

/// Most threads that fetch. They wait for the network nearly all the time.
const MOST_THREADS: usize = 8;
/// How long a thread waits for more before it ends.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is to be fetched, and by whom.
#[derive(Debug)]
struct Queue {
    tasks: VecDeque<(Arc<Object>, Range<u64>)>,
    threads: usize,
    idle: usize,
    /// The process: one that was forked off has none of the threads.
    process: u32,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue {
    tasks: VecDeque::new(),
    threads: 0,
    idle: 0,
    process: 0,
});
static MORE: Condvar = Condvar::new();

fn queue() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has a window fetched that is marked as coming. Returns false where nobody can.
pub(super) fn later(object: Arc<Object>, range: Range<u64>) -> bool {
    let mut queue = queue();
    let process = std::process::id();
    if queue.process != process {
        *queue = Queue {
            tasks: VecDeque::new(),
            threads: 0,
            idle: 0,
            process,
        };
    }
    queue.tasks.push_back((object, range));
    if queue.idle < queue.tasks.len() && queue.threads < MOST_THREADS {
        let thread = std::thread::Builder::new().name("fetch".to_owned());
        match thread.spawn(work) {
            Ok(_) => queue.threads += 1,
            Err(_) if queue.threads == 0 => {
                queue.tasks.pop_back();
                return false;
            }
            // Those that are there do it.
            Err(_) => {}
        }
    }
    MORE.notify_one();
    true
}

fn work() {
    let mut queue = queue();
    loop {
        if let Some((object, range)) = queue.tasks.pop_front() {
            drop(queue);
            // The object keeps what failed for whoever reads it.
            let _ = object.fetch(range);
            drop(object);
            queue = self::queue();
            continue;
        }
        queue.idle += 1;
        let (woken, waited) = MORE
            .wait_timeout(queue, PATIENCE)
            .unwrap_or_else(PoisonError::into_inner);
        queue = woken;
        queue.idle -= 1;
        if waited.timed_out() && queue.tasks.is_empty() {
            queue.threads -= 1;
            return;
        }
    }
}

/// Does something with each of these, several at a time, and waits for all.
pub(super) fn all<T: Sync>(these: &[T], work: impl Fn(&T) + Sync) {
    if let [one] = these {
        return work(one);
    }
    let next = AtomicUsize::new(0);
    let one_after_the_other = || {
        while let Some(one) = these.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(one);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..these.len().min(MOST_THREADS) {
            // Where there is no further thread, this one does it.
            let _ = std::thread::Builder::new().spawn_scoped(scope, one_after_the_other);
        }
        one_after_the_other();
    });
}
