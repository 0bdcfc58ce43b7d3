//! Runs that nobody trained: random walks and clouds at the scale of a given run.
//!
//! What an analysis finds in a run means something only where it does not find as much in these.
//! Directions are uniform on the sphere: normal deviates, scaled to length.

use nalgebra::{DMatrix, DMatrixView, DVector};
use weightspace::random::{ChaCha8Rng, normal};

/// A random walk (parameters x checkpoints) that begins where `run` does and takes steps of the same
/// lengths, each in an independent direction. O(parameters · checkpoints).
///
/// ```
/// use nalgebra::DMatrix;
/// use trajectory::null_models::random_walk;
/// use weightspace::random::stream;
///
/// let run = DMatrix::from_fn(100, 5, |i, j| (i + j) as f32);
/// let walk = random_walk(run.as_view(), &mut stream(0, "walk", 0));
/// let step = (walk.column(1) - walk.column(0)).norm();
/// assert!((step / 10.0 - 1.0).abs() < 1e-5); // as in the run
/// ```
pub fn random_walk(run: DMatrixView<'_, f32>, random: &mut ChaCha8Rng) -> DMatrix<f32> {
    let mut walk = run.into_owned();
    for step in 1..run.ncols() {
        let length = (run.column(step) - run.column(step - 1)).norm();
        let next = walk.column(step - 1) + vector(run.nrows(), length, random);
        walk.set_column(step, &next);
    }
    walk
}

/// Independent points (parameters x checkpoints) around the mean of `run`, each as far from it as
/// the run's own, in an independent direction: points without an order. O(parameters ·
/// checkpoints).
pub fn cloud(run: DMatrixView<'_, f32>, random: &mut ChaCha8Rng) -> DMatrix<f32> {
    let mean = run.column_mean();
    let mut cloud = run.into_owned();
    for mut point in cloud.column_iter_mut() {
        let length = (&point - &mean).norm();
        point.copy_from(&(&mean + vector(run.nrows(), length, random)));
    }
    cloud
}

/// A vector of this length in a random direction.
fn vector(rows: usize, length: f32, random: &mut ChaCha8Rng) -> DVector<f32> {
    let direction = DVector::from_fn(rows, |_, _| normal(random) as f32);
    let norm = direction.norm();
    if norm > 0.0 {
        direction * (length / norm)
    } else {
        direction
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weightspace::random::stream;

    fn run() -> DMatrix<f32> {
        DMatrix::from_fn(400, 6, |i, j| (j * j) as f32 * ((i % 5) as f32 - 2.0) * 0.1)
    }

    #[test]
    fn a_walk_keeps_its_start_and_the_lengths_of_its_steps_but_not_their_directions() {
        let run = run();
        let walk = random_walk(run.as_view(), &mut stream(1, "walk", 0));
        assert_eq!(walk.column(0), run.column(0));
        let step = |points: &DMatrix<f32>, j| points.column(j + 1) - points.column(j);
        for j in 0..5 {
            let (ours, theirs) = (step(&walk, j), step(&run, j));
            assert!((ours.norm() / theirs.norm() - 1.0).abs() < 1e-4);
            // Five standard deviations of a cosine in 400 dimensions.
            let cosine = ours.dot(&theirs) / (ours.norm() * theirs.norm());
            assert!(cosine.abs() < 0.25, "{cosine}");
        }
    }

    #[test]
    fn a_cloud_keeps_the_distances_from_the_mean() {
        let run = run();
        let cloud = cloud(run.as_view(), &mut stream(1, "cloud", 0));
        let mean = run.column_mean();
        for (ours, theirs) in cloud.column_iter().zip(run.column_iter()) {
            let (ours, theirs) = ((ours - &mean).norm(), (theirs - &mean).norm());
            assert!((ours / theirs - 1.0).abs() < 1e-4);
        }
        assert_ne!(cloud, run);
    }

    #[test]
    fn the_stream_decides_and_nothing_else() {
        let run = run();
        let walk = |index| random_walk(run.as_view(), &mut stream(1, "walk", index));
        assert_eq!(walk(0), walk(0));
        assert_ne!(walk(0), walk(1));
    }
}
