//! The hostile files of the importers' own tests, by way of the program.

use crate::corpus::{Case, cases};
use crate::folder::{Folder, GOOD, checkpoint, modeltrail};
use std::ffi::OsStr;

/// Every one of them, in a folder of its own beside a sound training: as many lines as bad files,
/// whatever is in them.
#[test]
fn hostile_files_are_told_one_by_one_and_the_rest_goes_on() {
    let folder = Folder::sound();
    let cases = cases();
    let mut told = Vec::new();
    for (number, Case { files, .. }) in cases.iter().enumerate() {
        let place = format!("hostile-{number:03}");
        for (name, bytes) in files {
            folder.write(format!("{place}/{name}"), bytes);
        }
        told.push((place, files));
    }
    // The newest file decides which run is watched.
    for epoch in 0..GOOD {
        std::fs::write(folder.good(epoch), checkpoint(epoch)).unwrap();
    }
    for command in [["runs", "--json"], ["watch", "--once"]] {
        let [command, option] = command.map(OsStr::new);
        let said = modeltrail([command, folder.path("").as_os_str(), option]);
        assert_eq!(said.status, 1, "{}", said.err);
        let unread = said.unread();
        for (place, files) in &told {
            let inside = format!("/{place}/");
            let lines: Vec<&&str> = unread
                .iter()
                .filter(|line| line.contains(&inside))
                .collect();
            // A name that says nothing, and content that says nothing, are passed over.
            let general = |name: &str| name.ends_with(".bin") || name.ends_with(".ckpt");
            let least = usize::from(!files.iter().all(|(name, _)| general(name)));
            assert!(
                (least..=files.len()).contains(&lines.len()),
                "{place}: {lines:?}"
            );
            for (name, _) in files.iter() {
                let about = format!("/{place}/{name}: ");
                let count = lines.iter().filter(|line| line.contains(&about)).count();
                assert!(count <= 1, "{place}: {lines:?}");
            }
        }
    }
}

#[test]
fn a_comparison_with_a_hostile_file_names_it_and_ends() {
    let folder = Folder::sound();
    let good = folder.good(0);
    for Case { name, files, .. } in cases() {
        for (file, bytes) in &files {
            folder.write(format!("hostile/{file}"), bytes);
        }
        let bad = folder.path(format!("hostile/{}", files[0].0));
        let said = modeltrail([OsStr::new("diff"), good.as_os_str(), bad.as_os_str()]);
        assert_eq!(said.status, 2, "{name}: {}", said.err);
        assert_eq!(said.err.lines().count(), 1, "{name}: {}", said.err);
        assert!(said.err.contains("hostile/"), "{name}: {}", said.err);
        std::fs::remove_dir_all(folder.path("hostile")).unwrap();
    }
    let said = modeltrail([OsStr::new("runs"), folder.path("").as_os_str()]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(
        said.out.contains(&format!("{GOOD} checkpoints")),
        "{}",
        said.out
    );
}
