//! The points that are worked on, as .npy files with a point per row.

use super::npy;
use super::works::Source;
use crate::bench::mirrored::Mirrored;
use crate::files::write;
use crate::zoos;
use anyhow::{Result, ensure};
use nalgebra::DMatrix;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weightspace::svd;
use zoo_training::{Backend, Dataset, Recipe};

/// Runs of the zoo that `--quick` keeps.
const QUICK_RUNS: u32 = 40;
const QUICK_IMAGES: usize = 2000;
/// Copies of every run in a crowd.
const CROWD: u32 = 4;

/// Points on disk, and what is known of them.
pub(super) struct Points {
    pub(super) name: &'static str,
    pub(super) what: String,
    pub(super) path: PathBuf,
    pub(super) hash: String,
    pub(super) count: usize,
    pub(super) dimensions: usize,
    /// Run or digit of every point, on disk too.
    pub(super) labels: Vec<f64>,
    pub(super) labels_path: PathBuf,
    /// Number of labels.
    pub(super) runs: usize,
    /// Epoch of every point, where it has one.
    pub(super) epochs: Vec<u32>,
}

impl Points {
    pub(super) fn size(&self) -> String {
        format!("{} x {}", self.count, self.dimensions)
    }

    fn new(
        folder: &Path,
        source: Source,
        what: &str,
        points: &DMatrix<f32>,
        labels: &[u32],
        epochs: &[u32],
    ) -> Result<Self> {
        let name = source.name();
        let place = |file: &str| folder.join(format!("{name}{file}"));
        let (path, labels_path) = (place(".npy"), place("-labels.npy"));
        let bytes = npy::bytes(points.as_slice(), points.nrows())?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        write(&path, bytes)?;
        let labels: Vec<f64> = labels.iter().copied().map(f64::from).collect();
        write(&labels_path, npy::bytes(&labels, 1)?)?;
        let mut kinds = labels.clone();
        kinds.sort_by(f64::total_cmp);
        kinds.dedup();
        Ok(Self {
            name,
            what: what.to_owned(),
            path,
            hash,
            count: points.ncols(),
            dimensions: points.nrows(),
            labels,
            labels_path,
            runs: kinds.len(),
            epochs: epochs.to_vec(),
        })
    }
}

/// Writes the points of all sources that are asked for below `home`.
pub(super) fn all(
    home: &Path,
    zoo: &Path,
    quick: bool,
    sources: &[Source],
) -> Result<BTreeMap<Source, Points>> {
    let folder = home.join(if quick { "points-quick" } else { "points" });
    let mut all = BTreeMap::new();
    let data = Dataset::mnist14()?;
    if sources.iter().any(|&source| source != Source::Mnist) {
        let trained = zoos::train(Recipe::preset("mlp")?, Backend::Fused, &data, zoo)?;
        let truth = trained.points.truth();
        let keep: Vec<usize> = (0..truth.runs.len())
            .filter(|&point| !quick || truth.runs[point] < QUICK_RUNS)
            .collect();
        let points = trained.points.matrix().select_columns(&keep);
        let runs: Vec<u32> = keep.iter().map(|&point| truth.runs[point]).collect();
        let epochs: Vec<u32> = keep.iter().map(|&point| truth.epochs[point]).collect();
        let low = svd::truncated(points.as_view(), 50)?.coordinates().clone();
        let crowd = Mirrored::new(low.as_slice(), &runs, CROWD);
        let crowd_runs: Vec<u32> = (0..crowd.len()).map(|place| crowd.run(place)).collect();
        let crowd = DMatrix::from_vec(low.nrows(), crowd.len(), crowd.columns());
        for (source, what, points, runs) in [
            (
                Source::Zoo,
                "trained MLPs, all weights, shuffled",
                &points,
                &runs,
            ),
            (Source::Svd50, "the same in 50 dimensions", &low, &runs),
            (
                Source::Crowd,
                "the same and three mirrored copies of every run, shuffled",
                &crowd,
                &crowd_runs,
            ),
        ] {
            if sources.contains(&source) {
                all.insert(
                    source,
                    Points::new(&folder, source, what, points, runs, &epochs)?,
                );
            }
        }
    }
    if sources.contains(&Source::Mnist) {
        let images = data
            .test
            .take(if quick { QUICK_IMAGES } else { usize::MAX });
        ensure!(!images.is_empty(), "MNIST has no test images");
        let pixels = images.pixels.iter().map(|&grey| f32::from(grey) / 255.0);
        let points = DMatrix::from_iterator(zoo_training::dataset::PIXELS, images.len(), pixels);
        let labels: Vec<u32> = images
            .labels
            .iter()
            .map(|&digit| u32::from(digit))
            .collect();
        let what = "MNIST's test images, 14x14";
        all.insert(
            Source::Mnist,
            Points::new(&folder, Source::Mnist, what, &points, &labels, &[])?,
        );
    }
    Ok(all)
}
