//! Pipes, devices and sockets, which may never end.

use crate::folder::{Folder, modeltrail, refused_by_every_command};
use std::os::unix::fs::symlink;
use std::process::Command;

/// A folder with a sound training, and something special under this name.
fn with(name: &str, what: &str) -> Folder {
    let folder = Folder::sound();
    let path = folder.path(name);
    if what == "pipe" {
        let status = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(status.success());
    } else {
        symlink(what, &path).unwrap();
    }
    folder
}

#[test]
fn pipes_and_devices_are_refused_and_never_waited_for() {
    for what in ["pipe", "/dev/zero", "/dev/tty", "/dev/null", "/dev/random"] {
        for name in ["odd.pt", "odd.json", "odd.safetensors.index.json"] {
            let folder = with(name, what);
            let path = folder.path(name);
            refused_by_every_command(&folder, &path, name, &["not a regular file"]);
            // In a folder they are no files.
            let place = folder.path("");
            for arguments in [vec!["runs"], vec!["watch", "--once"]] {
                let arguments = arguments.iter().map(AsRef::as_ref);
                let said = modeltrail(arguments.chain([place.as_os_str()]));
                assert_eq!(said.status, 0, "{}", said.err);
            }
        }
    }
}

#[test]
fn a_budget_that_is_a_pipe_or_a_device_is_refused() {
    for what in ["pipe", "/dev/zero"] {
        let folder = with("budget.toml", what);
        let good = folder.good(0);
        let said = modeltrail([
            "gate".as_ref(),
            "--accredited".as_ref(),
            good.as_os_str(),
            "--candidate".as_ref(),
            good.as_os_str(),
            "--budget".as_ref(),
            folder.path("budget.toml").as_os_str(),
        ]);
        assert_eq!(said.status, 2);
        said.names_once("budget.toml", &["not a regular file"]);
    }
}

#[test]
fn a_sketch_that_is_named_inside_a_pipe_is_refused() {
    let folder = with("odd.json", "pipe");
    let named = folder.path("odd.json:epoch-1");
    let good = folder.good(0);
    let said = modeltrail([
        "gate".as_ref(),
        "--accredited".as_ref(),
        named.as_os_str(),
        "--candidate".as_ref(),
        good.as_os_str(),
    ]);
    assert_eq!(said.status, 2);
    said.names_once("odd.json", &["not a regular file"]);
}
