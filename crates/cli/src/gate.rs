//! Whether a candidate is so near the accredited checkpoint that its tests may stand: a budget of
//! movement, what was measured, and within or over for every limit.
//!
//! | submodule | does |
//! |---|---|
//! | [`budget`] | reads the limits |
//! | [`sides`] | reads both checkpoints, as weights or as sketches |
//! | [`buffers`] | what changed that is no weight |
//! | [`measured`] | how far all and each tensor moved |
//! | [`history`] | how long the run's own recent steps are |
//! | [`judged`] | holds the one against the other |

pub(crate) mod budget;
pub(crate) mod buffers;
pub(crate) mod history;
pub(crate) mod judged;
pub(crate) mod measured;
pub(crate) mod sides;
