//! Whether something has just changed in a training, from its checkpoints alone, one at a time.
//!
//! A [`Detector`] is fed one checkpoint after another. From the steps between them it reads three
//! numbers ([`Features`]): how much longer the newest step is than the run's recent ones, how much
//! more of it lies outside the span of recent steps, and how much larger that part's share is. A
//! softmax regression ([`Calibration`]) turns them into the odds of a change of data and of a
//! faster or slower training against nothing, and an alarm is raised where the odds exceed what
//! undisturbed runs reach at a declared rate.
//!
//! # Example
//!
//! ```
//! use trajectory::shift::{Calibration, Cause, Detector};
//!
//! // A run along one axis with some jitter, and then along another.
//! let mut detector = Detector::new(Calibration::zoos(), &[])?;
//! let mut alarms = Vec::new();
//! for epoch in 0..24 {
//!     let jitter = |k: i32| if (epoch * k) % 5 < 2 { 0.02 } else { -0.02 };
//!     let turned = (epoch - 20).max(0) as f32;
//!     let checkpoint = [epoch as f32 - turned, 3.0 * turned, jitter(7), jitter(3)];
//!     let reading = detector.push(&checkpoint)?;
//!     if let Some(verdict) = reading.verdict.filter(|verdict| verdict.alarm) {
//!         alarms.push((epoch, verdict.cause));
//!     }
//! }
//! assert_eq!(alarms[0], (21, Cause::Data));
//! # Ok::<(), trajectory::Error>(())
//! ```

mod calibration;
mod detector;
mod features;
mod memory;
mod softmax;

pub use calibration::{Calibration, Cause, Example, Verdict};
pub use detector::{Detector, Reading};
pub use features::{Features, Motion, RECENT, SPAN, WARM_UP};
pub use memory::Tracks;
