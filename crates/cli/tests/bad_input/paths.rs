//! Paths that lead nowhere, in circles, or to nothing that is read.

use crate::folder::{
    Folder, GOOD, left_out_by_every_command, modeltrail, refused_by_every_command,
};
use std::os::unix::fs::symlink;

#[test]
fn paths_that_are_not_there_are_refused() {
    let folder = Folder::sound();
    let nowhere = folder.path("nowhere.pt");
    refused_by_every_command(&folder, &nowhere, "nowhere.pt", &["no such file"]);
    let below = folder.good(0).join("x.pt");
    refused_by_every_command(&folder, &below, "safetensors/x.pt", &[]);
}

#[test]
fn patterns_without_a_match_are_refused() {
    let folder = Folder::sound();
    let pattern = folder.path("nothing-*.pt");
    refused_by_every_command(&folder, &pattern, "nothing-*.pt", &["no file matches"]);
    let pattern = folder.path("a[");
    refused_by_every_command(&folder, &pattern, "a[", &["no pattern"]);
}

#[test]
fn one_path_of_several_that_is_not_there_leaves_the_others() {
    let folder = Folder::sound();
    let nowhere = folder.path("nowhere.pt");
    let run = folder.run();
    let arguments = ["runs".as_ref(), run.as_os_str(), nowhere.as_os_str()];
    let said = modeltrail(arguments);
    assert_eq!(said.status, 1, "{}", said.err);
    said.names_once("nowhere.pt", &["Check the spelling"]);
    assert!(
        said.out.contains(&format!("{GOOD} checkpoints")),
        "{}",
        said.out
    );
}

#[test]
fn a_path_that_is_named_twice_is_told_once() {
    let folder = Folder::sound();
    let bad = folder.write("run/broken-9.pt", b"");
    let nowhere = folder.path("nowhere.pt");
    let lost = folder.path("lost.pt");
    symlink(folder.path("gone"), &lost).unwrap();
    let run = folder.run();
    let json = folder.path("nowhere.json");
    let again = [&bad, &run, &nowhere, &lost, &json];
    let arguments = again.iter().chain(&again).map(|path| path.as_os_str());
    let said = modeltrail(std::iter::once("runs".as_ref()).chain(arguments));
    assert_eq!(said.status, 1, "{}", said.err);
    for name in ["broken-9.pt", "nowhere.pt", "lost.pt", "nowhere.json"] {
        said.names_once(name, &[]);
    }
    assert!(
        said.out.contains(&format!("{GOOD} checkpoints")),
        "{}",
        said.out
    );
}

#[test]
fn a_file_of_sketches_that_is_named_twice_counts_once() {
    let folder = Folder::sound();
    let out = folder.path("kept.json");
    let run = folder.run();
    let sketch = [
        "sketch".as_ref(),
        run.as_os_str(),
        "--out".as_ref(),
        out.as_os_str(),
    ];
    assert_eq!(modeltrail(sketch).status, 0);
    let same = folder.path("run/../kept.json");
    let said = modeltrail([
        "runs".as_ref(),
        out.as_os_str(),
        same.as_os_str(),
        "--json".as_ref(),
    ]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert_eq!(said.json()["groups"][0]["checkpoints"], GOOD);
}

#[test]
fn folders_without_checkpoints_are_refused() {
    let folder = Folder::sound();
    for name in ["none", "folder.pt", "folder.json"] {
        folder.write(format!("{name}/letter.txt"), b"nothing to see");
        let place = folder.path(name);
        refused_by_every_command(&folder, &place, name, &["no checkpoint"]);
        let said = modeltrail(["watch".as_ref(), place.as_os_str(), "--once".as_ref()]);
        assert_eq!(said.status, 2, "{}", said.err);
        said.names_once(name, &["no checkpoint"]);
    }
    // Beside checkpoints they are nothing to speak of.
    let place = folder.path("");
    let said = modeltrail(["runs".as_ref(), place.as_os_str()]);
    assert_eq!((said.status, said.err.as_str()), (0, ""));
}

#[test]
fn a_folder_that_is_called_like_a_file_is_looked_through() {
    let folder = Folder::sound();
    for name in ["run.pt", "run.json"] {
        std::fs::rename(folder.run(), folder.path(name)).unwrap();
        let place = folder.path(name);
        let said = modeltrail(["runs".as_ref(), place.as_os_str()]);
        assert_eq!(said.status, 0, "{}", said.err);
        assert!(
            said.out.contains(&format!("{GOOD} checkpoints")),
            "{}",
            said.out
        );
        std::fs::rename(folder.path(name), folder.run()).unwrap();
    }
}

#[test]
fn links_in_a_circle_end() {
    let folder = Folder::sound();
    // A folder in itself, two that hold each other, and the training by another name.
    symlink(folder.path(""), folder.path("self")).unwrap();
    std::fs::create_dir_all(folder.path("a")).unwrap();
    std::fs::create_dir_all(folder.path("b")).unwrap();
    symlink(folder.path("b"), folder.path("a/b")).unwrap();
    symlink(folder.path("a"), folder.path("b/a")).unwrap();
    symlink(folder.run(), folder.path("same")).unwrap();
    let place = folder.path("");
    for pattern in [place.clone(), folder.path("**/*.safetensors")] {
        let said = modeltrail(["runs".as_ref(), pattern.as_os_str()]);
        assert_eq!((said.status, said.err.as_str()), (0, ""));
        assert!(
            said.out.contains(&format!("{GOOD} checkpoints")),
            "{}",
            said.out
        );
    }
}

#[test]
fn links_that_lead_nowhere_or_to_themselves_are_left_out() {
    let folder = Folder::sound();
    let link = folder.path("loop-9.pt");
    symlink(&link, &link).unwrap();
    refused_by_every_command(&folder, &link, "loop-9.pt", &["symbolic link"]);
    left_out_by_every_command(&folder, "loop-9.pt", &["back to itself"]);
    std::fs::remove_file(&link).unwrap();

    let link = folder.path("lost-9.pt");
    symlink(folder.path("gone.pt"), &link).unwrap();
    refused_by_every_command(&folder, &link, "lost-9.pt", &["nowhere"]);
    left_out_by_every_command(&folder, "lost-9.pt", &["nowhere"]);
}
