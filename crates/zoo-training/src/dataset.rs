//! Labelled images, and the file that holds them.
//!
//! A file is a magic number, a 32-byte BLAKE3 of everything after it, the name, the counts, and
//! one Zstandard frame of all pixels and labels. `mnist14`, the default, is built in.

use crate::Error;
use std::path::Path;

/// Rows and columns of an image.
pub const SIDE: usize = 14;
/// Pixels of an image.
pub const PIXELS: usize = SIDE * SIDE;
/// Number of classes.
pub const CLASSES: usize = 10;

/// BLAKE3 of the built-in file, in hexadecimal.
pub const MNIST14_BLAKE3: &str = "236e5b626c80b5d350491ba7cf4aa01324aee478e0dac9a9f70f4b503d47a0f1";

const MNIST14: &[u8] = include_bytes!("../data/mnist14.images");
const MAGIC: &[u8; 8] = b"IMAGES1\n";
const COMPRESSION_LEVEL: i32 = 22;
const MAX_NAME: usize = 64;
const MAX_IMAGES: usize = 1 << 24;
const PREFIX: usize = MAGIC.len() + 32;

/// Greyscale images of 14x14 and their classes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Images {
    /// [`PIXELS`] grey values an image, row by row, 0 = background; a network sees value / 255.
    pub pixels: Vec<u8>,
    /// One class an image, below [`CLASSES`].
    pub labels: Vec<u8>,
}

impl Images {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of one image.
    pub fn image(&self, index: usize) -> &[u8] {
        &self.pixels[index * PIXELS..][..PIXELS]
    }

    /// The first `count` images, or all when there are fewer.
    #[must_use]
    pub fn take(&self, count: usize) -> Self {
        let count = count.min(self.len());
        Self {
            pixels: self.pixels[..count * PIXELS].to_vec(),
            labels: self.labels[..count].to_vec(),
        }
    }
}

/// What a zoo is trained and tested on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// Short name.
    pub name: String,
    /// Images to train on.
    pub train: Images,
    /// Images to test on.
    pub test: Images,
}

impl Dataset {
    /// MNIST, reduced to 14x14: 60,000 training and 10,000 test images.
    ///
    /// # Errors
    /// [`Error::Dataset`] when the bytes built in are not the ones whose hash is pinned.
    pub fn mnist14() -> Result<Self, Error> {
        let origin = "built-in mnist14";
        if blake3::hash(MNIST14).to_hex().as_str() != MNIST14_BLAKE3 {
            return Err(refusal(
                origin,
                "its hash is not the pinned one; make it again with `cargo xtask dataset mnist DIR`",
            ));
        }
        Self::decode(MNIST14, origin)
    }

    /// Reads a file that [`encode`](Self::encode) made.
    ///
    /// # Errors
    /// [`Error::Io`] or [`Error::Dataset`], both with the path.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        Self::decode(&bytes, &path.display().to_string())
    }

    /// The first images of each half: for trials that must be short.
    #[must_use]
    pub fn take(&self, train: usize, test: usize) -> Self {
        Self {
            name: self.name.clone(),
            train: self.train.take(train),
            test: self.test.take(test),
        }
    }

    /// BLAKE3 of all pixels and labels, in hexadecimal: the same for the same images, whatever
    /// they are called.
    pub fn content_hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for images in [&self.train, &self.test] {
            hasher.update(&(images.len() as u64).to_le_bytes());
            hasher.update(&images.pixels);
            hasher.update(&images.labels);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// The bytes of the file; the same data set always gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Dataset`] when pixels and labels do not match or the name is too long.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let origin = &self.name;
        let mut raw = Vec::new();
        let mut body = vec![self.name.len() as u8];
        body.extend_from_slice(self.name.as_bytes());
        if self.name.len() > MAX_NAME {
            return Err(refusal(origin, "its name is longer than 64 bytes"));
        }
        for images in [&self.train, &self.test] {
            check(images, origin)?;
            body.extend_from_slice(&(images.len() as u32).to_le_bytes());
            raw.extend_from_slice(&images.pixels);
            raw.extend_from_slice(&images.labels);
        }
        let frame = zstd::bulk::compress(&raw, COMPRESSION_LEVEL)
            .map_err(|error| refusal(origin, &format!("it cannot be compressed: {error}")))?;
        body.extend_from_slice(&frame);
        let mut file = MAGIC.to_vec();
        file.extend_from_slice(blake3::hash(&body).as_bytes());
        file.extend_from_slice(&body);
        Ok(file)
    }

    /// Reads the bytes of a file; `origin` names it in errors.
    ///
    /// # Errors
    /// [`Error::Dataset`] when it is another kind of file, truncated or damaged.
    pub fn decode(file: &[u8], origin: &str) -> Result<Self, Error> {
        let refuse = |reason: &str| refusal(origin, reason);
        if !file.starts_with(MAGIC) {
            return Err(refuse(
                "it does not start as a modeltrail image file does; make one with `cargo xtask dataset mnist DIR`",
            ));
        }
        let truncated = || refuse("it is truncated; copy it again");
        let hash = file.get(MAGIC.len()..PREFIX).ok_or_else(truncated)?;
        let body = &file[PREFIX..];
        if blake3::hash(body).as_bytes() != hash {
            return Err(refuse(
                "it is truncated or damaged: its content does not match its hash; copy it again",
            ));
        }
        let (&name_length, rest) = body.split_first().ok_or_else(truncated)?;
        let (name, rest) = rest
            .split_at_checked(usize::from(name_length))
            .ok_or_else(truncated)?;
        let (counts, frame) = rest.split_at_checked(8).ok_or_else(truncated)?;
        let count = |half: usize| {
            let bytes = [0, 1, 2, 3].map(|byte| counts[half * 4 + byte]);
            usize::try_from(u32::from_le_bytes(bytes))
                .ok()
                .filter(|&count| count <= MAX_IMAGES)
        };
        let (Some(train), Some(test)) = (count(0), count(1)) else {
            return Err(refuse("it claims more than 16,777,216 images"));
        };
        let size = (train + test) * (PIXELS + 1);
        let raw = zstd::bulk::decompress(frame, size)
            .map_err(|error| refuse(&format!("it cannot be decompressed: {error}")))?;
        if raw.len() != size {
            return Err(refuse("it holds fewer images than it claims"));
        }
        let (train_bytes, test_bytes) = raw.split_at(train * (PIXELS + 1));
        let images = |bytes: &[u8], count: usize| {
            let (pixels, labels) = bytes.split_at(count * PIXELS);
            Images {
                pixels: pixels.to_vec(),
                labels: labels.to_vec(),
            }
        };
        let dataset = Self {
            name: String::from_utf8_lossy(name).into_owned(),
            train: images(train_bytes, train),
            test: images(test_bytes, test),
        };
        check(&dataset.train, origin)?;
        check(&dataset.test, origin)?;
        Ok(dataset)
    }
}

fn refusal(origin: &str, reason: &str) -> Error {
    Error::Dataset {
        origin: origin.to_owned(),
        reason: reason.to_owned(),
    }
}

fn check(images: &Images, origin: &str) -> Result<(), Error> {
    if images.is_empty() {
        return Err(refusal(
            origin,
            "it needs at least one training and one test image",
        ));
    }
    if images.pixels.len() != images.len() * PIXELS {
        return Err(refusal(origin, "pixels and labels do not match"));
    }
    match images
        .labels
        .iter()
        .position(|&label| usize::from(label) >= CLASSES)
    {
        Some(image) => Err(refusal(
            origin,
            &format!("image {image} has a label above 9"),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> Dataset {
        let images = |count: usize| Images {
            pixels: (0..count * PIXELS).map(|i| (i % 251) as u8).collect(),
            labels: (0..count).map(|i| (i % CLASSES) as u8).collect(),
        };
        Dataset {
            name: "tiny".to_owned(),
            train: images(13),
            test: images(5),
        }
    }

    #[test]
    fn the_built_in_set_is_mnist() {
        let mnist = Dataset::mnist14().unwrap();
        assert_eq!((mnist.train.len(), mnist.test.len()), (60_000, 10_000));
        assert_eq!(mnist.train.labels[..8], [5, 0, 4, 1, 9, 2, 1, 3]);
        let ones = mnist
            .train
            .labels
            .iter()
            .filter(|&&label| label == 1)
            .count();
        assert_eq!(ones, 6742);
    }

    #[test]
    fn a_file_reads_back_as_it_was_written() {
        let file = tiny().encode().unwrap();
        assert_eq!(Dataset::decode(&file, "tiny").unwrap(), tiny());
        assert_eq!(file, tiny().encode().unwrap());
    }

    #[test]
    fn every_truncation_and_every_flipped_byte_is_refused_by_name() {
        let file = tiny().encode().unwrap();
        for length in 0..file.len() {
            let message = Dataset::decode(&file[..length], "some/file")
                .unwrap_err()
                .to_string();
            assert!(message.starts_with("some/file: "), "{message}");
        }
        for byte in 0..file.len() {
            let mut damaged = file.clone();
            damaged[byte] ^= 0x10;
            assert!(
                Dataset::decode(&damaged, "some/file").is_err(),
                "byte {byte}"
            );
        }
    }

    #[test]
    fn a_frame_that_unpacks_to_more_than_it_claims_is_refused() {
        let mut body = vec![0];
        body.extend_from_slice(&1u32.to_le_bytes());
        body.extend_from_slice(&1u32.to_le_bytes());
        body.extend_from_slice(&zstd::bulk::compress(&vec![0; 1 << 24], 1).unwrap());
        let mut file = MAGIC.to_vec();
        file.extend_from_slice(blake3::hash(&body).as_bytes());
        file.extend_from_slice(&body);
        assert!(Dataset::decode(&file, "bomb").is_err());
    }
}
