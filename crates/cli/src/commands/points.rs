//! Anybody's checkpoints, and the space to look at them in.

use super::runs::Input;
use super::tell;
use anyhow::Result;
use clap::Args;
use modeltrail::points::Trained;
use modeltrail::text::counted;
use weightspace::space::Space;

/// Checkpoints of no group that are named each by itself.
const NAMED: usize = 3;

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
        for name in trained.alone.iter().take(NAMED) {
            tell(&format!(
                "note: {name} is the only checkpoint with its tensors: there is nothing to compare it with"
            ))?;
        }
        if trained.alone.len() > NAMED {
            let more = counted(trained.alone.len() - NAMED, "more checkpoint");
            tell(&format!("note: {more} each the only one with its tensors"))?;
        }
        Ok(trained)
    }
}
