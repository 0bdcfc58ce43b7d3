//! How long work reports how far it is.

/// Hears how far a piece of work is. All methods may be called from any thread.
pub trait Progress: Sync {
    /// So many more parts are to be done than was known before.
    fn add(&self, parts: u64);
    /// So many parts are done.
    fn done(&self, parts: u64);
    /// What is being worked on, in a few words.
    fn working_on(&self, what: &str);
    /// At most so many bytes are to come over the network. How many came is
    /// [`received`](crate::remote::received).
    fn transfer(&self, _bytes: u64) {}
}

/// Does one part of a piece of work, named while it is at work.
pub(crate) fn stage<T>(progress: &dyn Progress, name: &str, work: impl FnOnce() -> T) -> T {
    progress.working_on(name);
    let result = work();
    progress.done(1);
    result
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn add(&self, _: u64) {}
    fn done(&self, _: u64) {}
    fn working_on(&self, _: &str) {}
}
