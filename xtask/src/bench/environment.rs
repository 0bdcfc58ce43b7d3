//! Virtual environments that hold the peers, made by the benchmark itself.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How variables begin that keep libraries from the kernels that they would choose themselves.
const CHOICES: [&str; 9] = [
    "ATEN_CPU_",
    "BLIS_",
    "DNNL_",
    "MKL_",
    "NPY_",
    "NUMBA_",
    "ONEDNN_",
    "OPENBLAS_",
    "XLA_",
];

/// The same program, free to choose its kernels by the processor, whatever this process was told.
pub(super) fn unhindered(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if CHOICES.iter().any(|start| text.starts_with(start)) {
            command.env_remove(&name);
        }
    }
    command
}

/// The interpreter of an environment.
pub(super) fn python(environment: &Path) -> PathBuf {
    environment.join("bin/python")
}

/// Makes an environment of exactly these requirements, unless it is there.
pub(super) fn make(environment: &Path, requirements: &str) -> Result<()> {
    let made = environment.join("made");
    if std::fs::read_to_string(&made).is_ok_and(|made| made == requirements) {
        return Ok(());
    }
    eprintln!("making {}", environment.display());
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(environment))?;
    let list = environment.join("requirements.txt");
    std::fs::write(&list, requirements)?;
    run(Command::new(python(environment))
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .arg(&list))?;
    Ok(std::fs::write(&made, requirements)?)
}

/// Runs a command that must succeed.
pub(super) fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_owned();
    let status = command.status().with_context(|| {
        format!(
            "{} cannot be run; install it, or give --alone to measure without peers",
            program.display()
        )
    })?;
    ensure!(
        status.success(),
        "{} ended with {status}; give --alone to measure without peers",
        program.display()
    );
    Ok(())
}
