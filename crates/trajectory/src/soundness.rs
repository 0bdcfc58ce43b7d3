//! Whether a series of checkpoints is sound: which steps, and which tensors of them, are not what they
//! claim to be.
//!
//! The claimed order is taken as given, and every tensor is placed on its own trajectory. On a path whose
//! distances grow with the lag, a step lies between its neighbours; whatever breaks that is explained by
//! the fewest defects, the most certain first, and what one defect explains raises no other:
//!
//! 1. bits that are equal where they should differ: [`Defect::Copy`], [`Defect::Standstill`], and of single
//!    tensors [`Fault::Equal`] and [`Fault::Still`];
//! 2. two steps whose exchange shortens the path: [`Defect::Swapped`];
//! 3. steps farther from both neighbours than these are from each other: [`Defect::Misplaced`];
//! 4. steps nearer to an earlier one than to the one before: [`Defect::Restarted`];
//! 5. steps that lie in the flat of their neighbours: [`Defect::Average`];
//! 6. single tensors that are out of place: [`Fault::Strange`], [`Fault::Rearranged`],
//!    [`Fault::Reinitialised`].
//!
//! Of a checkpoint the median over its tensors counts; a tensor is held against its own history as well.
//! Projections of 32 numbers a tensor are enough (docs/audit.md has the rates of error).
//!
//! Cost: O(T² · N · d) for T steps, N tensors and projections of d numbers; memory O(T² + T · N · d).

mod averages;
mod chain;
mod copies;
mod find;
mod places;
mod series;
mod single;

pub use find::find;
pub use series::{Series, Track};
pub use single::least_visible;

/// One defect, and how far its evidence lies beyond the line.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// What is wrong.
    pub defect: Defect,
    /// The statistic ÷ its line, above 1; none where equal bits say it.
    pub margin: Option<f64>,
}

/// What is wrong with a series. Steps are numbered from 0, in their claimed order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Defect {
    /// A step has all bits of another one, whose they are.
    Copy {
        /// The step that is wrong.
        step: usize,
        /// The step whose weights it has.
        of: usize,
    },
    /// Nothing changes from a step on to the end.
    Standstill {
        /// The first step that repeats the one before.
        from: usize,
    },
    /// Two steps stand in each other's place.
    Swapped {
        /// Both, ascending.
        steps: [usize; 2],
    },
    /// A step is farther from its neighbours than these are from each other.
    Misplaced {
        /// The step.
        step: usize,
        /// The step that it is nearest to, if it is related to any.
        nearest: Option<usize>,
    },
    /// The series goes on from an earlier step than the one before.
    Restarted {
        /// The first step that does.
        step: usize,
        /// The step that it comes from.
        from: usize,
        /// Whether it has that step's bits.
        is_equal: bool,
    },
    /// A step is made of its neighbours.
    Average {
        /// The step.
        step: usize,
    },
    /// Some tensors of a step are wrong.
    Tensors {
        /// The step.
        step: usize,
        /// Indices of the tensors, ascending.
        tensors: Vec<usize>,
        /// What is wrong with them.
        fault: Fault,
    },
}

/// What is wrong with some tensors of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// They have the bits of another step.
    Equal {
        /// That step.
        to: usize,
    },
    /// They do not move from this step up to and including another.
    Still {
        /// The last step that repeats the one before.
        until: usize,
    },
    /// They lie elsewhere, near another step or near none.
    Strange {
        /// The step that they are near.
        nearest: Option<usize>,
    },
    /// They lie elsewhere, with norm and range as they should be: transposed or permuted.
    Rearranged,
    /// They are unrelated to what they were, and training goes on from them.
    Reinitialised,
}

#[cfg(test)]
mod tests;
