//! What the files of settings beside a model say of how it was packed.

use std::path::Path;

use serde::Deserialize;

use crate::files;
use crate::foreign::source::Source;
use crate::limits::Limits;

/// What is known of the packing.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Config {
    /// `gptq`, `awq`.
    pub(super) quant_method: Option<String>,
    pub(super) bits: Option<u32>,
    /// How many columns share a scale; all where it is −1.
    pub(super) group_size: Option<i64>,
    /// `gptq`, where zero points are stored less one, or `gptq_v2`.
    pub(super) checkpoint_format: Option<String>,
    /// `gemm`, `gemv`.
    pub(super) version: Option<String>,
    /// Set where it is MLX's.
    #[serde(skip)]
    pub(super) is_mlx: bool,
}

#[derive(Deserialize)]
struct Settings {
    quantization_config: Option<Config>,
    /// MLX's own.
    quantization: Option<Config>,
}

impl Config {
    /// Reads what stands beside this file; none where nothing does, or it is not understood.
    pub(super) fn beside(path: &Path, limits: &Limits) -> Option<Self> {
        let folder = if files::is_folder(path) {
            path
        } else {
            path.parent()?
        };
        let settings = read::<Settings>(&folder.join("config.json"), limits);
        if let Some(settings) = settings {
            let mlx = settings.quantization.map(|own| Self {
                is_mlx: true,
                ..own
            });
            let own = settings
                .quantization_config
                .filter(|own| own.quant_method.is_some());
            if let Some(config) = own.or(mlx) {
                return Some(config);
            }
        }
        let config = read::<Self>(&folder.join("quantize_config.json"), limits)?;
        let quant_method = config.quant_method.or_else(|| Some("gptq".to_owned()));
        Some(Self {
            quant_method,
            ..config
        })
    }

    pub(super) fn is(&self, method: &str) -> bool {
        self.quant_method.as_deref() == Some(method)
    }
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path, limits: &Limits) -> Option<T> {
    let source = Source::open(path).ok()?;
    let bytes = source.read_description("the settings", 0, source.len(), limits);
    serde_json::from_slice(&bytes.ok()?).ok()
}
