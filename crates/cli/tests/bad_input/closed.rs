//! Readers that go away before the answer is told, and those that never were.

use crate::folder::{Folder, modeltrail, program, wait};
use std::ffi::OsStr;
use std::process::Stdio;

/// The exit status with stdout, or all, closed on the other side.
fn status(arguments: &[&OsStr], and_stderr: bool) -> Option<i32> {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = program();
    command.args(arguments).stdin(Stdio::null());
    if and_stderr {
        command.stderr(writer.try_clone().unwrap());
    } else {
        command.stderr(Stdio::null());
    }
    let mut child = command.stdout(writer).spawn().unwrap();
    wait(&mut child, &command).code()
}

#[test]
fn the_exit_status_is_the_same_whether_or_not_somebody_reads() {
    let folder = Folder::sound();
    let (first, last) = (folder.good(0), folder.good(5));
    folder.write("bad/epoch-0.pt", b"");
    folder.write("bad/epoch-1.pt", &std::fs::read(&first).unwrap());
    let (run, bad) = (folder.run(), folder.path("bad"));
    let [run, bad, first, last] = [&run, &bad, &first, &last].map(|path| path.as_os_str());
    let text = OsStr::new;
    let gate = [
        text("gate"),
        text("--accredited"),
        first,
        text("--candidate"),
    ];
    for (expected, arguments) in [
        (0, vec![text("runs"), run]),
        (1, vec![text("runs"), bad]),
        (2, vec![text("runs"), text("nowhere")]),
        (0, vec![text("diff"), first, last]),
        (
            1,
            vec![
                text("diff"),
                first,
                last,
                text("--expect-frozen"),
                text("fc*"),
            ],
        ),
        (0, [&gate[..], &[first]].concat()),
        (1, [&gate[..], &[last]].concat()),
        (0, vec![text("watch"), run, text("--once")]),
        (1, vec![text("watch"), bad, text("--once")]),
    ] {
        for more in [&[][..], &[text("--json")]] {
            let arguments = [&arguments[..], more].concat();
            assert_eq!(modeltrail(&arguments).status, expected, "{arguments:?}");
            assert_eq!(status(&arguments, false), Some(expected), "{arguments:?}");
            assert_eq!(status(&arguments, true), Some(expected), "{arguments:?}");
        }
    }
}

#[test]
fn a_watch_that_follows_ends_when_nobody_reads_it() {
    let folder = Folder::sound();
    let run = folder.run();
    let arguments = [
        OsStr::new("watch"),
        run.as_os_str(),
        OsStr::new("--interval=0.1"),
    ];
    assert_eq!(status(&arguments, false), Some(0));
}

#[test]
fn what_is_written_before_the_reader_went_away_is_whole() {
    let folder = Folder::sound();
    let (run, out) = (folder.run(), folder.path("kept.json"));
    let text = OsStr::new;
    let arguments = [
        text("sketch"),
        run.as_os_str(),
        text("--out"),
        out.as_os_str(),
    ];
    assert_eq!(status(&arguments, true), Some(0));
    let said = modeltrail([text("runs"), out.as_os_str()]);
    assert_eq!(said.status, 0, "{}", said.err);
}
