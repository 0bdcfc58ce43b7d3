//! Engines of Burn, which take minutes to build, are built when they are asked for.

use anyhow::{Context, Result, ensure};
use std::process::{Command, ExitStatus};
use zoo_training::Backend;

/// Goes on if this build has the backends. If it lacks one, builds `xtask` with all of them and
/// lets that do what this process was asked to do, whose exit status is then returned.
///
/// # Errors
/// When Cargo cannot be started.
pub(crate) fn have(backends: &[Backend]) -> Result<Option<ExitStatus>> {
    if backends.iter().all(|backend| backend.is_built_in()) {
        return Ok(None);
    }
    let features = features(backends);
    // The build that Cargo starts has what it was built with, so this happens once.
    ensure!(
        std::env::var_os(REBUILT).is_none(),
        "xtask was built with --features {features}, and lacks one of them all the same"
    );
    eprintln!("building the {features} backend; the first build of it takes some minutes");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["run", "--release", "--package", "xtask"])
        .args(["--manifest-path", MANIFEST, "--features", &features, "--"])
        .args(std::env::args_os().skip(1))
        .env(REBUILT, "1");
    Ok(Some(
        replace_by(&mut command).context("cargo cannot be started")?,
    ))
}

/// Set for the process that was built with the backends.
const REBUILT: &str = "XTASK_HAS_BACKENDS";

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

/// The Cargo features of the backends.
fn features(backends: &[Backend]) -> String {
    let mut names: Vec<&str> = backends
        .iter()
        .filter(|&&backend| backend != Backend::Fused)
        .map(|backend| backend.name())
        .collect();
    names.sort_unstable();
    names.dedup();
    names.join(",")
}

/// Where processes can be replaced, a signal to this one reaches the other.
#[cfg(unix)]
fn replace_by(command: &mut Command) -> std::io::Result<ExitStatus> {
    use std::os::unix::process::CommandExt;
    Err(command.exec())
}

#[cfg(not(unix))]
fn replace_by(command: &mut Command) -> std::io::Result<ExitStatus> {
    command.status()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_named_once_and_the_engine_of_every_build_is_none() {
        assert_eq!(
            features(&[Backend::Wgpu, Backend::Fused, Backend::Flex, Backend::Wgpu]),
            "flex,wgpu"
        );
    }

    #[test]
    fn every_backend_but_the_default_is_a_feature_of_this_package() {
        let manifest = std::fs::read_to_string(MANIFEST).unwrap();
        for backend in Backend::ALL {
            let feature = format!("\n{0} = [\"zoo/{0}\"]", backend.name());
            assert_eq!(manifest.contains(&feature), backend != Backend::Fused);
        }
    }

    #[test]
    fn neither_xtask_nor_the_command_is_built_with_burn_unless_asked() {
        for package in ["xtask", "modeltrail-cli"] {
            let tree = Command::new(std::env::var_os("CARGO").unwrap())
                .args(["tree", "--manifest-path", MANIFEST, "--package", package])
                .args(["--edges", "normal,build", "--prefix", "none"])
                .output()
                .unwrap();
            let tree = String::from_utf8(tree.stdout).unwrap();
            assert!(tree.contains("zoo-training"), "{tree}");
            assert!(!tree.contains("burn"), "{package} is built with Burn");
        }
    }

    #[test]
    fn what_this_build_has_is_not_built_again() {
        assert!(have(&[Backend::Fused]).unwrap().is_none());
    }
}
