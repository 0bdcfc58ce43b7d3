//! The commands that the steps are made of, and where they leave what they make.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

/// Where steps leave what they make.
pub(super) const HOME: &str = "target/ci";

/// Runs a command; its output is shown.
pub(super) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("{command:?} cannot be started"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}

/// Cargo with these arguments.
pub(super) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments);
    // This process was started by a Cargo of its own.
    command.env_remove("CARGO");
    command
}

/// What a command prints.
pub(super) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("{command:?} cannot be started"))?;
    ensure!(
        output.status.success(),
        "{command:?} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// An empty folder below [`HOME`].
pub(super) fn empty(name: &str) -> Result<std::path::PathBuf> {
    let folder = std::path::absolute(Path::new(HOME).join(name))?;
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// Whether a Vulkan that needs no GPU is there, or can be installed.
pub(super) fn need_software_vulkan() -> Result<()> {
    let is_there = || {
        let drivers = std::fs::read_dir("/usr/share/vulkan/icd.d");
        drivers.is_ok_and(|mut drivers| {
            drivers.any(|driver| {
                driver.is_ok_and(|driver| driver.file_name().to_string_lossy().starts_with("lvp"))
            })
        })
    };
    if !is_there() {
        let packages = ["mesa-vulkan-drivers", "libvulkan1"];
        // Where this fails, the check below says what is missing.
        let _ = run(Command::new("apt-get").args(["update", "-qq"]));
        let install = ["install", "-y", "-qq", "--no-install-recommends"];
        let _ = run(Command::new("apt-get").args(install).args(packages));
    }
    ensure!(
        is_there(),
        "there is no software Vulkan: install mesa-vulkan-drivers and libvulkan1"
    );
    Ok(())
}
