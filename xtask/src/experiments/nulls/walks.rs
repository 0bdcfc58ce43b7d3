//! Runs that nobody trained: random walks and clouds at the scale of a trained run.

use nalgebra::{DMatrix, DMatrixView};

/// What stands in for a run.
#[derive(Clone, Copy, PartialEq)]
pub(in crate::experiments) enum Kind {
    Trained,
    Walk,
    Independent,
}

impl Kind {
    pub(in crate::experiments) const ALL: [Self; 3] =
        [Self::Trained, Self::Walk, Self::Independent];

    pub(in crate::experiments) fn name(self) -> &'static str {
        match self {
            Self::Trained => "trained",
            Self::Walk => "random walk",
            Self::Independent => "independent points",
        }
    }

    /// A run, or what stands in for it: as many points (parameters, checkpoints) as the order has.
    ///
    /// A walk begins where the run does and takes its step lengths in independent directions.
    /// Independent points lie around the run's mean, each as far from it as one of the run's.
    pub(in crate::experiments) fn of(
        self,
        points: DMatrixView<'_, f32>,
        order: &[u32],
        seed: u64,
    ) -> DMatrix<f32> {
        let columns: Vec<usize> = order.iter().map(|&column| column as usize).collect();
        let run = points.select_columns(&columns);
        let mut normal = Normal(seed);
        match self {
            Self::Trained => run,
            Self::Walk => {
                let mut walk = run.clone();
                for step in 1..run.ncols() {
                    let length = (run.column(step) - run.column(step - 1)).norm();
                    let next = walk.column(step - 1) + normal.of_length(run.nrows(), length);
                    walk.set_column(step, &next);
                }
                walk
            }
            Self::Independent => {
                let mean = run.column_mean();
                let mut cloud = run.clone();
                for (column, mut point) in cloud.column_iter_mut().enumerate() {
                    let length = (run.column(column) - &mean).norm();
                    point.copy_from(&(&mean + normal.of_length(run.nrows(), length)));
                }
                cloud
            }
        }
    }
}

/// Nearly normal numbers: sums of four uniform ones of a SplitMix64 stream (Steele, Lea and Flood
/// 2014).
struct Normal(u64);

impl Normal {
    /// A vector of this length in an even direction.
    fn of_length(&mut self, rows: usize, length: f32) -> nalgebra::DVector<f32> {
        let direction = nalgebra::DVector::from_fn(rows, |_, _| self.sample());
        let norm = direction.norm();
        direction * (length / norm)
    }

    fn sample(&mut self) -> f32 {
        let sum: f64 = (0..4).map(|_| self.uniform()).sum();
        (sum - 2.0) as f32
    }

    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}
