//! Outputs that cannot be written.

use crate::folder::{Folder, Said, modeltrail};
use std::ffi::OsStr;
use std::path::Path;

/// Every command that writes a file, told to write this one; what they write is removed.
fn write_to(folder: &Folder, out: &Path) -> Vec<Said> {
    let (run, good) = (folder.run(), folder.good(0));
    let [run, good, out] = [run.as_os_str(), good.as_os_str(), out.as_os_str()];
    let text = OsStr::new;
    let gate = [
        text("gate"),
        text("--accredited"),
        good,
        text("--candidate"),
        good,
    ];
    let commands = [
        vec![text("runs"), run, text("--dot"), out],
        vec![text("sketch"), run, text("--out"), out],
        vec![
            text("watch"),
            run,
            text("--once"),
            text("--prometheus"),
            out,
        ],
        [&gate[..], &[text("--junit"), out]].concat(),
    ];
    let said = commands.iter().map(|arguments| {
        let said = modeltrail(arguments);
        if Path::new(out).is_file() {
            std::fs::remove_file(out).unwrap();
        }
        said
    });
    said.collect()
}

#[test]
fn outputs_in_folders_that_are_not_there_are_refused_before_any_work() {
    let folder = Folder::sound();
    let before = folder.names();
    for said in write_to(&folder, &folder.path("nowhere/out.txt")) {
        assert_eq!(said.status, 2, "{}", said.err);
        assert!(said.out.is_empty(), "{}", said.out);
        said.names_once("nowhere/out.txt", &["no folder", "Make it first"]);
    }
    assert_eq!(folder.names(), before);
}

#[test]
fn outputs_that_are_folders_are_refused_before_any_work() {
    let folder = Folder::sound();
    std::fs::create_dir_all(folder.path("out")).unwrap();
    let before = folder.names();
    for said in write_to(&folder, &folder.path("out")) {
        assert_eq!(said.status, 2, "{}", said.err);
        assert!(said.out.is_empty(), "{}", said.out);
        said.names_once("/out", &["it is a folder", "Give the name of a file"]);
    }
    assert_eq!(folder.names(), before);
}

#[test]
fn outputs_of_the_longest_name_are_written_and_longer_ones_refused() {
    let folder = Folder::sound();
    let longest = "n".repeat(255);
    for said in write_to(&folder, &folder.path(&longest)) {
        assert_eq!(said.status, 0, "{}", said.err);
    }
    let before = folder.names();
    for said in write_to(&folder, &folder.path("n".repeat(256))) {
        assert_eq!(said.status, 2, "{}", said.err);
        assert_eq!(
            said.err.lines().filter(|l| l.starts_with("error")).count(),
            1
        );
    }
    assert_eq!(folder.names(), before);
}

#[test]
fn sketches_never_take_the_place_of_a_file() {
    let folder = Folder::sound();
    let mine = folder.write("mine.txt", b"mine");
    let said = modeltrail([
        OsStr::new("sketch"),
        folder.run().as_os_str(),
        OsStr::new("--out"),
        mine.as_os_str(),
    ]);
    assert_eq!(said.status, 2);
    said.names_once("mine.txt", &["it exists", "another name"]);
    assert_eq!(std::fs::read(&mine).unwrap(), b"mine");
}

#[test]
fn devices_are_written_to_and_stay_what_they_are() {
    let folder = Folder::sound();
    let dot = modeltrail([
        OsStr::new("runs"),
        folder.run().as_os_str(),
        OsStr::new("--dot"),
        OsStr::new("/dev/stdout"),
    ]);
    assert_eq!(dot.status, 0, "{}", dot.err);
    assert!(dot.out.starts_with("digraph"), "{}", dot.out);
    for said in write_to(&folder, Path::new("/dev/full")) {
        assert_eq!(said.status, 2, "{}", said.err);
        assert!(said.err.contains("/dev/full"), "{}", said.err);
    }
    let kind = std::fs::metadata("/dev/full").unwrap().file_type();
    assert!(!kind.is_file());
}
