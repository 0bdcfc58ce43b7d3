//! The hostile files of the importers' own tests, by way of the program.

use crate::corpus::{Case, cases};
use crate::folder::{Folder, GOOD, checkpoint, modeltrail};
use checkpoint_store::Fault;
use std::ffi::OsStr;

/// Every one of them, in a folder of its own beside a sound training: as many problems as bad files,
/// whatever is in them, but for those that are sound and have no model in them.
#[test]
fn hostile_files_are_told_one_by_one_and_the_rest_goes_on() {
    let folder = Folder::sound();
    let cases = cases();
    let mut told = Vec::new();
    for (number, Case { files, fault, .. }) in cases.iter().enumerate() {
        let place = format!("hostile-{number:03}");
        for (name, bytes) in files {
            folder.write(format!("{place}/{name}"), bytes);
        }
        told.push((place, files, *fault));
    }
    // The newest file decides which run is watched.
    for epoch in 0..GOOD {
        std::fs::write(folder.good(epoch), checkpoint(epoch)).unwrap();
    }
    for command in [["runs", "--json"], ["watch", "--once"]] {
        let [command, option] = command.map(OsStr::new);
        let said = modeltrail([command, folder.path("").as_os_str(), option]);
        assert_eq!(said.status, 1, "{}", said.err);
        // Of many files for one reason a line for people is about all.
        let unread: Vec<String> = if command == "runs" {
            let answer = said.json();
            let problems = answer["problems"].as_array().unwrap().iter();
            problems
                .map(|problem| problem["message"].as_str().unwrap().to_owned())
                .collect()
        } else {
            said.unread().into_iter().map(str::to_owned).collect()
        };
        for (place, files, fault) in &told {
            let inside = format!("/{place}/");
            let lines: Vec<&String> = unread
                .iter()
                .filter(|line| line.contains(&inside))
                .collect();
            // A name that says nothing, and content that says nothing, are passed over.
            let general = |name: &str| name.ends_with(".bin") || name.ends_with(".ckpt");
            let is_passed = *fault == Fault::NoModel || files.iter().all(|(name, _)| general(name));
            let least = usize::from(!is_passed);
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
