//! Whether two contenders gave the same answer.

use super::contender::python;
use super::npy;
use super::points::Points;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Largest relative difference of two ascending or descending lists.
pub(super) fn difference(left: &Path, right: &Path) -> Result<f64> {
    let (left, right) = (
        npy::read::<f64>(left)?.values,
        npy::read::<f64>(right)?.values,
    );
    ensure!(
        left.len() == right.len(),
        "answers of {} and {} values cannot be compared",
        left.len(),
        right.len()
    );
    let largest = left.iter().zip(&right).map(|(x, y)| {
        let size = x.abs().max(y.abs());
        if size > 0.0 {
            (x - y).abs() / size
        } else {
            0.0
        }
    });
    Ok(largest.fold(0.0, f64::max))
}

/// How good a picture is.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Quality {
    pub(super) trustworthiness: f64,
    pub(super) purity: f64,
}

impl Quality {
    /// Mean of some.
    pub(super) fn mean(all: &[Self]) -> Self {
        let mean = |value: fn(&Self) -> f64| all.iter().map(value).sum::<f64>() / all.len() as f64;
        Self {
            trustworthiness: mean(|quality| quality.trustworthiness),
            purity: mean(|quality| quality.purity),
        }
    }
}

/// The quality of every picture, by the script.
pub(super) fn qualities(
    points: &Points,
    home: &Path,
    pictures: &[PathBuf],
) -> Result<Vec<Quality>> {
    eprintln!("umap {}: quality of {}", points.size(), pictures.len());
    let output = Command::new(python(home))
        .arg(home.join("peers/quality.py"))
        .arg(&points.path)
        .arg(&points.labels_path)
        .args(pictures)
        .output()?;
    ensure!(
        output.status.success(),
        "quality.py: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8_lossy(&output.stdout);
    let qualities: Vec<Quality> = lines
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .context("quality.py said something else")?;
    ensure!(
        qualities.len() == pictures.len(),
        "quality.py said too little"
    );
    Ok(qualities)
}

/// Share of the successive epochs of all runs that stand beside each other in the answer.
pub(super) fn share_in_order(points: &Points, answer: &Path) -> Result<f64> {
    let order: Vec<usize> = npy::read::<f64>(answer)?
        .values
        .iter()
        .map(|&leaf| leaf as usize)
        .collect();
    let right = order.windows(2).filter(|pair| {
        points.labels[pair[0]] == points.labels[pair[1]]
            && points.epochs[pair[0]].abs_diff(points.epochs[pair[1]]) == 1
    });
    Ok(right.count() as f64 / (points.count - points.runs) as f64)
}
