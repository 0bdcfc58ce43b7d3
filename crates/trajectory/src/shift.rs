//! Whether something has just changed in a training, from its checkpoints alone, one at a time.
//!
//! A [`Detector`] is fed one checkpoint after another and measures the run that it follows. From the
//! steps between checkpoints it reads how long the newest is, how much of it lies outside the span of
//! recent steps, at which angle to that span, and how differently the tensors changed. Each number is
//! forecast by a robust line through the run's own last values and held against their scatter about
//! it ([`Scores`]); beyond a [`Threshold`] it is an event, and its [`Cause`] is named. Nothing is
//! calibrated on other networks but how often undisturbed runs exceed the threshold.
//!
//! # Example
//!
//! ```
//! use trajectory::shift::{Cause, Detector, Threshold};
//!
//! // A run along one axis with some jitter, and then along another.
//! let mut detector = Detector::new(Threshold::built_in(), &[])?;
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

mod cause;
mod detector;
mod exact;
mod forecast;
mod grid;
mod history;
mod memory;
mod motion;
mod pace;
mod threshold;

pub use cause::Cause;
pub use detector::{Detector, Numbers, Reading, Verdict};
pub use grid::Grid;
pub use history::{Ratios, Scores, WARM_UP, WINDOW};
pub use motion::{Motion, SPAN};
pub use threshold::Threshold;
