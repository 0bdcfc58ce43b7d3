//! Why the labels of a store cannot be what checkpoints claim.

/// Why checkpoints cannot be labelled by what they claim.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// Two checkpoints claim one place.
    #[error(
        "{first} and {second} both claim {position} of {run}: leave one out, or import them in the \
         order of their names"
    )]
    Same {
        /// One of them.
        first: String,
        /// The other.
        second: String,
        /// The step or epoch.
        position: String,
        /// The run.
        run: String,
    },
    /// A position is larger than a store can hold.
    #[error(
        "{checkpoint} claims {position}, and a store holds numbers up to {}: import in the order of \
         the names",
        u32::MAX
    )]
    TooLarge {
        /// The checkpoint.
        checkpoint: String,
        /// The step or epoch.
        position: String,
    },
    /// A checkpoint claims no position.
    #[error(
        "{checkpoint} claims neither an epoch nor a step, in its name or its metadata: leave it out, \
         or import the checkpoints in the order of their names"
    )]
    Missing {
        /// The checkpoint.
        checkpoint: String,
    },
    /// Steps and epochs do not compare.
    #[error(
        "some of these checkpoints claim epochs, others steps: import each kind into a store of its \
         own, or all of them in the order of their names"
    )]
    Mixed,
}
