//! Anybody's checkpoints, and the space to look at them in.

use super::runs::Input;
use super::tell;
use anyhow::Result;
use clap::Args;
use modeltrail::points::Trained;
use weightspace::space::Space;

/// What `linkage`, `order` and `umap` look at.
#[derive(Args)]
pub(crate) struct Points {
    #[command(flatten)]
    pub(crate) input: Input,
    /// `full`, or `svd-N` for N dimensions of the truncated SVD.
    #[arg(long, default_value = "full")]
    pub(crate) space: Space,
}

impl Points {
    /// Reads them, and says on stderr what is skipped.
    ///
    /// # Errors
    /// When nothing is left that could be compared.
    pub(crate) fn read(&self) -> Result<Trained> {
        let trained = Trained::of(self.input.collect()?, self.space)?;
        if trained.diverged > 0 {
            tell(&format!(
                "note: {} diverged run(s) skipped (weights that are not finite)",
                trained.diverged
            ))?;
        }
        for name in &trained.alone {
            tell(&format!(
                "note: {name} is the only checkpoint with its tensors: there is nothing to compare it with"
            ))?;
        }
        Ok(trained)
    }
}
