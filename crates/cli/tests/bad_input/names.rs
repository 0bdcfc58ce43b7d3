//! Names that are hard to print.

use crate::folder::{
    Folder, GOOD, checkpoint, left_out_by_every_command, modeltrail, refused_by_every_command,
};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Names of sound files, and how they are shown.
fn odd_names() -> Vec<(OsString, &'static str)> {
    let names: [(&[u8], &str); 5] = [
        (
            b"two words epoch-6.safetensors",
            "two words epoch-6.safetensors",
        ),
        (
            b"two\nlines epoch-7.safetensors",
            "two\\nlines epoch-7.safetensors",
        ),
        (
            b"bell\x07\x1b[31m epoch-8.safetensors",
            "bell\\u{7}\\u{1b}[31m epoch-8.safetensors",
        ),
        (
            b"not \xff utf-8 epoch-9.safetensors",
            "not \u{fffd} utf-8 epoch-9.safetensors",
        ),
        (
            b"--json epoch-10.safetensors",
            "--json epoch-10.safetensors",
        ),
    ];
    let names = names.into_iter();
    names
        .map(|(name, shown)| (OsString::from_vec(name.to_vec()), shown))
        .collect()
}

#[test]
fn sound_files_of_odd_names_are_read_and_shown_on_one_line_each() {
    let folder = Folder::sound();
    let odd = odd_names();
    for (epoch, (name, _)) in (GOOD..).zip(&odd) {
        folder.write(folder.run().join(name), &checkpoint(epoch));
    }
    let run = folder.run();
    let said = modeltrail(["runs".as_ref(), run.as_os_str(), "--all".as_ref()]);
    assert_eq!(said.status, 0, "{}", said.err);
    for (_, shown) in &odd {
        let lines = said.out.lines().filter(|line| line.contains(shown));
        assert_eq!(lines.count(), 1, "{shown}: {}", said.out);
    }
    for option in ["--json", "--all"] {
        let dot = folder.path("trail.dot");
        let arguments = [
            "runs".as_ref(),
            run.as_os_str(),
            option.as_ref(),
            "--dot".as_ref(),
            dot.as_os_str(),
        ];
        assert_eq!(modeltrail(arguments).status, 0);
        let dot = std::fs::read_to_string(&dot).unwrap();
        assert_eq!(
            dot.matches("[label=\"").count(),
            2 * (GOOD + odd.len()) - 1,
            "{dot}"
        );
    }
    for option in ["--json", "--threads=1"] {
        let arguments = [
            "watch".as_ref(),
            run.as_os_str(),
            "--once".as_ref(),
            option.as_ref(),
        ];
        let said = modeltrail(arguments);
        assert!(said.unread().is_empty(), "{}", said.err);
        assert!(!said.out.contains("problem"), "{}", said.out);
        assert!(said.out.lines().count() >= GOOD + odd.len(), "{}", said.out);
    }
    for (name, _) in &odd {
        let path = folder.run().join(name);
        let said = modeltrail([
            "diff".as_ref(),
            folder.good(0).as_os_str(),
            path.as_os_str(),
        ]);
        assert_eq!(said.status, 0, "{}", said.err);
        assert!(said.out.contains("fc.weight"), "{}", said.out);
    }
}

#[test]
fn broken_files_of_odd_names_are_one_line_each() {
    for (name, shown) in odd_names() {
        let folder = Folder::sound();
        let bad = folder.path(&name);
        std::fs::write(&bad, b"").unwrap();
        refused_by_every_command(&folder, &bad, shown, &["it is empty"]);
        left_out_by_every_command(&folder, shown, &["it is empty"]);
        // JSON has to be Unicode, whatever paths are.
        let said = modeltrail([
            "watch".as_ref(),
            folder.path("").as_os_str(),
            "--once".as_ref(),
            "--json".as_ref(),
        ]);
        assert_eq!(said.status, 1, "{}", said.err);
        assert!(said.out.contains("it is empty"), "{}", said.out);
    }
}

#[test]
fn folders_and_outputs_of_odd_names_work_too() {
    for (name, shown) in odd_names() {
        let folder = Folder::empty();
        let place = folder.path(&name);
        for epoch in 0..GOOD {
            folder.write(place.join(format!("{epoch}.pt")), &checkpoint(epoch));
        }
        let mut out = place.join(&name).into_os_string();
        out.push(".json");
        let said = modeltrail([
            "sketch".as_ref(),
            place.as_os_str(),
            "--out".as_ref(),
            out.as_os_str(),
        ]);
        assert_eq!(said.status, 0, "{}", said.err);
        assert!(said.out.contains(shown), "{}", said.out);
        assert_eq!(said.out.lines().count(), 1, "{}", said.out);
        let said = modeltrail(["runs".as_ref(), out.as_os_str(), "--json".as_ref()]);
        assert_eq!(said.status, 0, "{}", said.err);
    }
}
