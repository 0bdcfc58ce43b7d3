//! Files and folders that may not be read.

use crate::folder::{Folder, GOOD, Said, bounded, finish, program};
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn set(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// The program without the rights of a superuser, who may read everything. None where they cannot be
/// given up.
fn unprivileged() -> Option<Command> {
    let folder = tempfile::tempdir().unwrap();
    let closed = folder.path().join("closed");
    std::fs::write(&closed, "").unwrap();
    set(&closed, 0o000);
    if std::fs::read(&closed).is_err() {
        return Some(program());
    }
    let drop = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let [program, options @ ..] = drop;
    // Whoever gives rights up must still reach the program itself.
    let works = Command::new(program)
        .args(options)
        .args([env!("CARGO_BIN_EXE_modeltrail"), "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("SKIPPED: this user may read everything, and the right cannot be given up");
        return None;
    }
    Some(bounded(&drop))
}

/// Runs it on a folder that others may look through.
fn run(folder: &Folder, arguments: &[&OsStr]) -> Option<Said> {
    set(&folder.path(""), 0o755);
    Some(finish(unprivileged()?.args(arguments)))
}

#[test]
fn files_that_may_not_be_read_are_left_out() {
    let folder = Folder::sound();
    let closed = folder.write("closed-9.safetensors", b"");
    set(&closed, 0o000);
    let place = folder.path("");
    for (status, arguments) in [
        (
            1,
            [OsStr::new("runs"), place.as_os_str(), OsStr::new("--all")],
        ),
        (
            1,
            [OsStr::new("watch"), place.as_os_str(), OsStr::new("--once")],
        ),
        (
            2,
            [OsStr::new("runs"), closed.as_os_str(), OsStr::new("--all")],
        ),
        (
            2,
            [OsStr::new("diff"), closed.as_os_str(), closed.as_os_str()],
        ),
        (
            2,
            [
                OsStr::new("diff"),
                folder.good(0).as_os_str(),
                closed.as_os_str(),
            ],
        ),
    ] {
        let Some(said) = run(&folder, &arguments) else {
            return;
        };
        assert_eq!(said.status, status, "{arguments:?}: {}", said.err);
        said.names_once("closed-9", &["ermission denied", "Check its permissions"]);
    }
}

#[test]
fn folders_that_may_not_be_read_are_left_out() {
    let folder = Folder::sound();
    folder.write("closed/epoch-1.pt", b"");
    let (place, closed) = (folder.path(""), folder.path("closed"));
    set(&closed, 0o000);
    let runs = [
        (
            1,
            [OsStr::new("runs"), place.as_os_str(), OsStr::new("--all")],
        ),
        (
            2,
            [OsStr::new("runs"), closed.as_os_str(), OsStr::new("--all")],
        ),
        (
            1,
            [OsStr::new("watch"), place.as_os_str(), OsStr::new("--once")],
        ),
    ];
    for (status, arguments) in runs {
        let said = run(&folder, &arguments);
        let Some(said) = said else {
            return set(&closed, 0o755);
        };
        assert_eq!(said.status, status, "{arguments:?}: {}", said.err);
        said.names_once("closed", &["ermission denied", "Check its permissions"]);
        if status == 1 {
            assert!(said.out.lines().count() > GOOD, "{}", said.out);
        }
    }
    // A folder that is watched and may not be read is no empty one.
    let arguments = [
        OsStr::new("watch"),
        closed.as_os_str(),
        OsStr::new("--once"),
    ];
    if let Some(said) = run(&folder, &arguments) {
        assert_eq!(said.status, 2);
        assert!(said.err.contains("ermission denied"), "{}", said.err);
    }
    set(&closed, 0o755);
}

#[test]
fn folders_that_may_not_be_written_to_are_refused_and_left_as_they_were() {
    let folder = Folder::sound();
    let place = folder.path("locked");
    std::fs::create_dir_all(&place).unwrap();
    set(&place, 0o555);
    let (run_folder, out) = (folder.run(), place.join("out.json"));
    let before = folder.names();
    for [command, option] in [
        ["sketch", "--out"],
        ["runs", "--dot"],
        ["watch", "--prometheus"],
    ] {
        let once = if command == "watch" {
            "--once"
        } else {
            "--threads=1"
        };
        let arguments = [
            OsStr::new(command),
            run_folder.as_os_str(),
            OsStr::new(option),
            out.as_os_str(),
            OsStr::new(once),
        ];
        let Some(said) = run(&folder, &arguments) else {
            return;
        };
        assert_eq!(said.status, 2, "{arguments:?}: {}", said.err);
        assert!(said.err.contains("locked/out.json"), "{}", said.err);
        assert!(said.err.contains("ermission denied"), "{}", said.err);
        assert_eq!(folder.names(), before);
    }
}
