use thiserror::Error;

/// Why a computation on a matrix of checkpoints could not be done.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum Error {
    /// A weight is NaN or infinite, so distances to its checkpoint mean nothing.
    #[error(
        "checkpoint (column) {column}, parameter (row) {row} is {value}: weights must be finite, \
         remove diverged checkpoints from the matrix"
    )]
    NonFinite {
        /// Column of the first offending weight.
        column: usize,
        /// Row of the first offending weight.
        row: usize,
        /// The weight itself.
        value: f32,
    },
    /// The matrix has fewer columns than the method needs.
    #[error("{found} checkpoints (columns) given, at least {needed} are needed: add checkpoints")]
    TooFewCheckpoints {
        /// Smallest number of columns that would do.
        needed: usize,
        /// Number of columns given.
        found: usize,
    },
    /// Column numbers are stored in 32 bits.
    #[error(
        "{found} checkpoints (columns) given, at most {} can be numbered: split the zoo",
        u32::MAX
    )]
    TooManyCheckpoints {
        /// Number of columns given.
        found: usize,
    },
    /// More neighbours were asked for than there are other points, or none.
    #[error(
        "{k} nearest neighbours asked for among {checkpoints} checkpoints: \
         k must be at least 1 and less than the number of checkpoints"
    )]
    NeighborCount {
        /// Number of neighbours asked for.
        k: usize,
        /// Number of columns given.
        checkpoints: usize,
    },
    /// More components were asked for than the matrix has, or none.
    #[error(
        "rank {rank} asked of a matrix of {parameters} parameters x {checkpoints} checkpoints: \
         the rank must lie between 1 and the smaller of the two"
    )]
    Rank {
        /// Rank asked for.
        rank: usize,
        /// Rows of the matrix.
        parameters: usize,
        /// Columns of the matrix.
        checkpoints: usize,
    },
    /// The eigensolver gave up.
    #[error("the eigensolver did not converge on the {size} x {size} Gram matrix")]
    NoConvergence {
        /// Size of the Gram matrix.
        size: usize,
    },
    /// A parameter of UMAP is out of range.
    #[error("umap: {name} is {value}, it must be {needed}")]
    UmapParameter {
        /// The field of [`umap::Parameters`](crate::umap::Parameters).
        name: &'static str,
        /// What it was.
        value: f64,
        /// What it may be.
        needed: &'static str,
    },
    /// Fewer values or examples than the method needs.
    #[error("{found} values or examples given, at least {needed} are needed")]
    TooFewExamples {
        /// Smallest number that would do.
        needed: usize,
        /// Number given.
        found: usize,
    },
    /// All values are equal, so there is nothing to compare.
    #[error("all values are equal: a similarity or a tail needs values that differ")]
    Constant,
    /// Two models were not shown the same examples.
    #[error("one model was shown {left} examples, the other {right}: both must see the same")]
    DifferentExamples {
        /// Examples of the first.
        left: usize,
        /// Examples of the second.
        right: usize,
    },
    /// A regression was not given a target and a group for every sample.
    #[error(
        "features of {features} samples, targets of {targets} and groups of {groups} were given: \
         each sample needs all three"
    )]
    Samples {
        /// Rows of the features.
        features: usize,
        /// Rows of the targets.
        targets: usize,
        /// Number of groups.
        groups: usize,
    },
    /// The normal equations of a regression have no solution.
    #[error("the normal equations are singular: features and targets must be finite")]
    Singular,
    /// The sizes of the weight tensors are not those of the matrix.
    #[error(
        "the tensors have {sum} parameters together, the matrix has {parameters}: \
         each must have one at least, and all of them as many as the matrix has rows"
    )]
    Tensors {
        /// Parameters of all tensors.
        sum: usize,
        /// Rows of the matrix.
        parameters: usize,
    },
    /// A parameter of a sketch is out of range.
    #[error("sketch: {name} is {value}, it must be {needed}")]
    SketchParameter {
        /// The field of [`sketch::Parameters`](crate::sketch::Parameters).
        name: &'static str,
        /// What it was.
        value: usize,
        /// What it may be.
        needed: &'static str,
    },
    /// A tensor of the same name was already there.
    #[error("tensor {name:?} is given twice: names tell tensors apart, so each must be unique")]
    DuplicateTensor {
        /// Its name.
        name: String,
    },
    /// The values of a tensor are not as many as its shape says.
    #[error(
        "tensor {name:?} of shape {shape:?} came with {elements} values: give all of them, once"
    )]
    TensorElements {
        /// Its name.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// How many values were given.
        elements: u64,
    },
    /// A tensor has values that are NaN or infinite, so distances to it mean nothing.
    #[error("tensor {name:?} has {count} values that are NaN or infinite: skip the checkpoint")]
    NonFiniteTensor {
        /// Its name.
        name: String,
        /// How many of its values.
        count: u64,
    },
    /// Two sketches that were not made alike, or not of the same architecture.
    #[error(
        "sketches {left} and {right} cannot be compared: {what}; sketch both again with the same parameters"
    )]
    SketchesDiffer {
        /// Place of the first in what was given.
        left: usize,
        /// Place of the second.
        right: usize,
        /// In what they differ.
        what: String,
    },
    /// A space has more dimensions than the points allow.
    #[error(
        "{space} is not a space of {points} checkpoints with {parameters} weights each; give svd-1 \
         to svd-{most}"
    )]
    NoSuchSpace {
        /// Its name.
        space: String,
        /// Columns of the matrix.
        points: usize,
        /// Rows of the matrix.
        parameters: usize,
        /// Most dimensions that there are.
        most: usize,
    },
    /// A name that is not one of a space.
    #[error("there is no space `{name}`; give `full`, or `svd-50` for 50 dimensions")]
    UnknownSpace {
        /// What was given.
        name: String,
    },
}
