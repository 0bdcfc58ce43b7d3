//! Buckets on a real server of S3, from a package of Python, and a file over TLS.

use super::commands::{cargo, empty, output, run};
use anyhow::{Context, Result, ensure};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What the servers are made of.
const PACKAGES: [&str; 3] = ["moto[server]", "boto3", "trustme"];
/// What the bucket holds.
const FIXTURES: &str = "crates/checkpoint-store/tests/foreign/fixtures";
/// What is sent over TLS.
const FILE: &str = "run3/step=000100.safetensors";

/// The servers, until they are dropped.
struct Servers {
    child: Child,
    s3: String,
    file: String,
}

impl Servers {
    fn start(folder: &Path) -> Result<Self> {
        let environment = folder.join("venv");
        run(Command::new("python3")
            .args(["-m", "venv"])
            .arg(&environment))?;
        let mut pip = Command::new(environment.join("bin/pip"));
        pip.args(["--quiet", "--disable-pip-version-check", "install"]);
        run(pip.args(PACKAGES))?;
        let mut child = Command::new(environment.join("bin/python"))
            .arg("crates/checkpoint-store/tests/s3_server.py")
            .arg(FIXTURES)
            .arg(Path::new(FIXTURES).join(FILE))
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = child.stdout.take().context("the servers say nothing")?;
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        let (s3, file) = line
            .trim()
            .split_once(' ')
            .context("the servers did not start")?;
        Ok(Self {
            s3: s3.to_owned(),
            file: file.to_owned(),
            child,
        })
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn check() -> Result<Vec<String>> {
    let folder = empty("remote")?;
    let servers = Servers::start(&folder)?;
    let tests = ["test", "--quiet", "--package", "checkpoint-store"];
    let which = ["--features", "buckets", "--test", "buckets", "--"];
    run(cargo(&tests)
        .args(which)
        .args(["--ignored", "--test-threads=1"])
        .env("S3_SERVER", &servers.s3))?;
    let build = [
        "build",
        "--quiet",
        "--release",
        "--package",
        "modeltrail-cli",
    ];
    run(cargo(&build).args(["--features", "buckets"]))?;
    let inspect = |trusted: bool| {
        let mut command = Command::new("target/release/modeltrail");
        command.args(["inspect", &servers.file]);
        command.env("MODELTRAIL_RETRIES", "0");
        if trusted {
            command.env("SSL_CERT_FILE", folder.join("authority.pem"));
        }
        command
    };
    let read = output(&mut inspect(true))?;
    ensure!(
        read.contains("safetensors"),
        "over TLS it is read as: {read}"
    );
    let refused = inspect(false).output()?;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    ensure!(
        refused.status.code() == Some(2) && said.contains("certificate"),
        "a certificate of nobody known is taken: {said}"
    );
    let bytes = std::fs::metadata("target/release/modeltrail")?.len();
    Ok(vec![
        "every fixture from a bucket as from a folder; misdeeds at every request in front of it"
            .to_owned(),
        "a file over TLS: read with its authority, refused without".to_owned(),
        format!("the command with buckets: {:.1} MB", bytes as f64 / 1e6),
    ])
}
