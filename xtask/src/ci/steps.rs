//! The steps of the full check.

use super::commands::{cargo, empty, need_software_vulkan, output, run};
use super::{engines, remote};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// One step: what it measured, or why it failed.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) run: fn() -> Result<Vec<String>>,
}

/// All of them, in the order in which they run.
pub(super) const STEPS: [Step; 13] = [
    Step {
        name: "newcomer",
        what: "a fresh clone builds the main job and repeats the paper quickly",
        run: newcomer,
    },
    Step {
        name: "lints",
        what: "clippy and documentation with every engine",
        run: lints,
    },
    Step {
        name: "gpu",
        what: "gradients and training on a software Vulkan",
        run: gpu,
    },
    Step {
        name: "engines",
        what: "`reproduce` with ndarray and wgpu, built by --backend, beside fused",
        run: engines::run,
    },
    Step {
        name: "embedding",
        what: "another tool that uses the crates, with Burn and candle beside",
        run: embedding,
    },
    Step {
        name: "packages",
        what: "every crate that can be published is packaged and builds by itself",
        run: packages,
    },
    Step {
        name: "cargo-install",
        what: "`cargo install` puts the command into an empty folder",
        run: cargo_install,
    },
    Step {
        name: "wheel",
        what: "`pip wheel` builds a wheel that installs, runs, and answers in Python",
        run: wheel,
    },
    Step {
        name: "python",
        what: "Python beside PyTorch, Transformers, Lightning, Keras and Ray; types, and the notebook",
        run: python,
    },
    Step {
        name: "book",
        what: "mdBook builds the book",
        run: book,
    },
    Step {
        name: "integrations",
        what: "hooks of pre-commit and a stage of DVC, in repositories of their own",
        run: integrations,
    },
    Step {
        name: "remote",
        what: "buckets on a server of S3 that misbehaves at every request, and a file over TLS",
        run: remote::check,
    },
    Step {
        name: "torture",
        what: "every promise of the store and the readers, full samples",
        run: torture,
    },
];

fn timed(what: &str, command: &mut Command) -> Result<String> {
    let start = Instant::now();
    run(command)?;
    Ok(format!("{what}: {:.0} s", start.elapsed().as_secs_f64()))
}

/// What is committed, as somebody meets it who has nothing built.
fn newcomer() -> Result<Vec<String>> {
    let clone = empty("clone")?;
    run(Command::new("git")
        .args(["clone", "--quiet", "."])
        .arg(&clone))?;
    let inside = |arguments: &[&str]| {
        let mut command = cargo(arguments);
        command.current_dir(&clone).env_remove("CARGO_TARGET_DIR");
        command
    };
    let notes = vec![
        timed(
            "build of the main job, from nothing",
            &mut inside(&["build", "--release", "--package", "xtask"]),
        )?,
        timed(
            "`cargo xtask reproduce --quick` after it",
            &mut inside(&["xtask", "reproduce", "--quick"]),
        )?,
    ];
    std::fs::remove_dir_all(&clone)?;
    Ok(notes)
}

fn lints() -> Result<Vec<String>> {
    let all = ["--workspace", "--all-features"];
    let lints = ["--all-targets", "--", "-D", "warnings"];
    run(cargo(&["clippy", "--quiet"]).args(all).args(lints))?;
    let mut documentation = cargo(&["doc", "--quiet", "--no-deps"]);
    run(documentation.args(all).env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Vec::new())
}

fn gpu() -> Result<Vec<String>> {
    need_software_vulkan()?;
    let tests = ["--test", "wgpu", "--test", "gradients"];
    let package = ["--package", "zoo-training", "--features", "flex,wgpu"];
    run(cargo(&["test", "--quiet"]).args(package).args(tests))?;
    Ok(Vec::new())
}

fn embedding() -> Result<Vec<String>> {
    run(cargo(&["test", "--quiet"]).current_dir("examples/embed"))?;
    Ok(Vec::new())
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    /// The registries that it may be published to; none named means all.
    publish: Option<Vec<String>>,
}

/// Those that are made for the public registry.
fn publishable() -> Result<Vec<String>> {
    let metadata = ["metadata", "--no-deps", "--format-version", "1"];
    let metadata: Metadata = serde_json::from_str(&output(&mut cargo(&metadata))?)?;
    let packages = metadata.packages.into_iter();
    Ok(packages
        .filter(|package| package.publish.as_ref().is_none_or(|to| !to.is_empty()))
        .map(|package| package.name)
        .collect())
}

fn packages() -> Result<Vec<String>> {
    let names = publishable()?;
    ensure!(!names.is_empty(), "no crate is publishable");
    let mut command = cargo(&["package", "--quiet", "--allow-dirty"]);
    for name in &names {
        command.args(["--package", name]);
    }
    run(&mut command)?;
    Ok(vec![format!("packaged: {}", names.join(", "))])
}

/// The first line that an installed command prints of itself.
fn version(command: &Path) -> Result<String> {
    output(Command::new(command).arg("--version"))
}

fn cargo_install() -> Result<Vec<String>> {
    let root = empty("root")?;
    let install = ["install", "--quiet", "--locked", "--path", "crates/cli"];
    run(cargo(&install).arg("--root").arg(&root))?;
    let command = root.join("bin/modeltrail");
    Ok(vec![
        version(&command)?,
        format!("{:.1} MB", std::fs::metadata(command)?.len() as f64 / 1e6),
    ])
}

/// Largest wheel, in bytes.
const LARGEST_WHEEL: u64 = 15_000_000;

/// The wheel, and an environment of Python that it is installed into, without Rust.
struct Installed {
    wheel: PathBuf,
    environment: PathBuf,
    /// What building it took.
    build: String,
}

impl Installed {
    /// Builds the wheel and installs it, with these packages besides.
    fn with(folder: &Path, packages: &[&str]) -> Result<Self> {
        let environment = folder.join("venv");
        run(Command::new("python3")
            .args(["-m", "venv"])
            .arg(&environment))?;
        let pip = || {
            let mut command = Command::new(environment.join("bin/pip"));
            command.args(["--quiet", "--disable-pip-version-check"]);
            command
        };
        let build = ["wheel", "--no-deps", "crates/python", "--wheel-dir"];
        let build = timed("build", pip().args(build).arg(folder))?;
        let wheels = std::fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
        let wheel = wheels
            .into_iter()
            .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
            .context("pip made no wheel")?;
        run(pip().arg("install").arg(&wheel).args(packages))?;
        Ok(Self {
            wheel,
            environment,
            build,
        })
    }

    fn python(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.environment.join("bin/python"));
        command.args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

fn wheel() -> Result<Vec<String>> {
    let folder = empty("wheel")?;
    let installed = Installed::with(&folder, &[])?;
    let bytes = std::fs::metadata(&installed.wheel)?.len();
    ensure!(
        bytes <= LARGEST_WHEEL,
        "the wheel has {bytes} bytes, and {LARGEST_WHEEL} are allowed"
    );
    let question =
        "import modeltrail; print(len(modeltrail.runs('examples/checkpoints/two-runs')), 'runs')";
    Ok(vec![
        version(&installed.environment.join("bin/modeltrail"))?,
        output(&mut installed.python(&["-c", question]))?
            .trim()
            .to_owned(),
        installed.build,
        format!("{:.1} MB", bytes as f64 / 1e6),
    ])
}

/// What Python is tried with.
const PACKAGES: [&str; 17] = [
    "pytest",
    "hypothesis",
    "pandas",
    "ml_dtypes",
    "torch",
    "safetensors",
    "transformers",
    "accelerate",
    "lightning",
    "keras",
    "tensorboard",
    "tqdm",
    "mypy",
    "ray",
    "nbconvert",
    "ipykernel",
    "matplotlib",
];

fn python() -> Result<Vec<String>> {
    let folder = empty("python")?;
    let installed = Installed::with(&folder, &PACKAGES)?;
    let mut notes = Vec::new();
    let tests = ["-m", "pytest", "--quiet", "-p", "no:cacheprovider"];
    let mut tests = installed.python(&tests);
    // Not from here: a folder `datasets` would be taken for a package that Transformers looks for.
    tests
        .arg(std::fs::canonicalize("crates/python/tests")?)
        .current_dir(&folder);
    notes.push(timed("tests", &mut tests)?);
    let types = ["-m", "mypy", "--strict", "--ignore-missing-imports"];
    let mut types = installed.python(&types);
    types.args(["--cache-dir", "/dev/null", "-p", "modeltrail"]);
    notes.push(timed("types", &mut types)?);
    let notebook = ["-m", "nbconvert", "--to", "notebook", "--execute"];
    let mut notebook = installed.python(&notebook);
    notebook.args(["examples/python/trails.ipynb", "--output-dir"]);
    notes.push(timed("notebook", notebook.arg(&folder))?);
    let mut cluster = installed.python(&["examples/cluster/sketch_with_ray.py"]);
    notes.push(output(cluster.arg(&folder))?.trim().to_owned());
    Ok(notes)
}

fn book() -> Result<Vec<String>> {
    let tools = Path::new("target/tools");
    let mdbook = tools.join("bin/mdbook");
    let mut notes = Vec::new();
    if !mdbook.is_file() {
        let install = [
            "install",
            "--quiet",
            "--locked",
            "mdbook",
            "--version",
            "^0.5",
        ];
        let mut install = cargo(&install);
        install.args(["--no-default-features", "--features", "search", "--root"]);
        notes.push(timed("installing mdBook", install.arg(tools))?);
    }
    run(Command::new(&mdbook).arg("build"))?;
    notes.push(version(&mdbook)?.trim().to_owned());
    Ok(notes)
}

fn integrations() -> Result<Vec<String>> {
    run(&mut cargo(&[
        "build",
        "--quiet",
        "--release",
        "--package",
        "modeltrail-cli",
    ]))?;
    let folder = empty("integrations")?;
    let environment = folder.join("venv");
    run(Command::new("python3")
        .args(["-m", "venv"])
        .arg(&environment))?;
    run(Command::new(environment.join("bin/pip")).args([
        "--quiet",
        "--disable-pip-version-check",
        "install",
        "pre-commit",
        "dvc",
    ]))?;
    let others = std::env::var_os("PATH").unwrap_or_default();
    let own = [
        std::fs::canonicalize("target/release")?,
        std::fs::canonicalize(environment.join("bin"))?,
    ];
    let path = std::env::join_paths(own.into_iter().chain(std::env::split_paths(&others)))?;
    let mut script = Command::new("examples/integrations/try.sh");
    let said = output(script.arg(folder.join("work")).env("PATH", path))?;
    let is_result = |line: &&str| line.starts_with("pre-commit:") || line.starts_with("DVC:");
    Ok(said.lines().filter(is_result).map(str::to_owned).collect())
}

fn torture() -> Result<Vec<String>> {
    run(&mut cargo(&["xtask", "torture"]))?;
    Ok(vec![
        "counts: [results/reliability/summary.md](../reliability/summary.md)".to_owned(),
    ])
}
