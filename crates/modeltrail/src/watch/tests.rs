//! The core of a watch, on small files: what is read when, in which order, and what is kept.

use super::facts::Facts;
use super::state::State;
use super::*;
use crate::collection::Options;
use crate::error::{Error, Result};
use checkpoint_store::foreign::TrainerState;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use trajectory::shift::{Cause, WINDOW};

/// A safetensors file with one matrix, saved so many seconds after the epoch.
fn bytes(value: f32) -> Vec<u8> {
    let header = r#"{"fc.weight":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    for place in 0..8_u8 {
        bytes.extend((value * f32::from(place + 1)).to_le_bytes());
    }
    bytes
}

fn write(folder: &TempDir, name: &str, bytes: &[u8], seconds: u64) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let file = File::options().write(true).open(&path).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    file.set_modified(time).unwrap();
    path
}

fn watcher(folder: &TempDir) -> Watcher {
    Watcher::new(folder.path(), None, &Options::default()).unwrap()
}

/// Everything that a look finds: rows of checkpoints by what they are called, problems by their kind.
fn look(watcher: &mut Watcher, at_once: bool) -> Vec<String> {
    let mut found = Vec::new();
    let looked: Result<()> = watcher.look(at_once, &mut |event| {
        found.push(match event {
            Event::Problem(problem) => {
                let name = problem.path.file_stem().unwrap().to_string_lossy();
                format!("{name}: {}", problem.kind)
            }
            Event::Beside(beside) => format!("beside {}", beside.message),
            Event::Note(_) => return Ok(()),
            Event::Checkpoint(one) => {
                let went_back = if one.went_back { " went back" } else { "" };
                let again = if one.again { " again" } else { "" };
                format!("{}{went_back}{again}", one.label())
            }
        });
        Ok(())
    });
    looked.unwrap();
    found
}

#[test]
fn checkpoints_are_judged_in_the_order_of_their_claimed_steps() {
    let folder = tempfile::tempdir().unwrap();
    for (step, seconds) in [(30, 1), (10, 2), (20, 3)] {
        let name = format!("step-{step}.safetensors");
        write(&folder, &name, &bytes(step as f32), seconds);
    }
    let mut watcher = watcher(&folder);
    assert_eq!(look(&mut watcher, false), ["10", "20", "30"]);
    assert!(look(&mut watcher, false).is_empty());
}

#[test]
fn without_claims_modification_times_order() {
    let folder = tempfile::tempdir().unwrap();
    for (name, seconds) in [("a", 3), ("b", 1), ("c", 2)] {
        let name = format!("{name}.safetensors");
        write(&folder, &name, &bytes(1.0), seconds);
    }
    let expected = ["b.safetensors", "c.safetensors", "a.safetensors"];
    assert_eq!(look(&mut watcher(&folder), false), expected);
}

#[test]
fn copies_lie_beside_a_training_and_are_followed_only_where_there_is_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "best.safetensors", &bytes(1.0), 1);
    write(&folder, "last.safetensors", &bytes(2.0), 2);
    let mut one = watcher(&folder);
    assert_eq!(
        look(&mut one, false),
        ["best.safetensors", "last.safetensors"]
    );
    assert_eq!(
        one.waits_for(),
        format!(
            "waiting for the next checkpoint in {}",
            folder.path().display()
        )
    );
    // The last one is written anew, and is followed still.
    write(&folder, "last.safetensors", &bytes(3.0), 3);
    assert_eq!(look(&mut one, false), ["last.safetensors"]);
    // The training itself: from now on copies lie beside.
    write(&folder, "step-10.safetensors", &bytes(4.0), 4);
    write(&folder, "last.safetensors", &bytes(4.0), 5);
    let said = "beside last.safetensors: the last checkpoint so far, by its name; \
                the same weights as step-10.safetensors";
    assert_eq!(look(&mut one, false), ["10", said]);
    // It is said once, whatever becomes of the copy.
    write(&folder, "last.safetensors", &bytes(5.0), 6);
    write(&folder, "step-20.safetensors", &bytes(5.0), 7);
    assert_eq!(look(&mut one, false), ["20"]);
}

#[test]
fn positions_that_all_files_claim_alike_are_no_order() {
    // A total under the name of a position, in the file.
    let claiming = |value: f32| {
        let header = r#"{"__metadata__":{"epoch":"300"},"fc.weight":{"dtype":"F32","shape":[2,4],"data_offsets":[0,32]}}"#;
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        file.extend(bytes(value).split_off(bytes(value).len() - 32));
        file
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, seconds) in [("x", 2), ("y", 1), ("z", 3)] {
        write(
            &folder,
            &format!("{name}.safetensors"),
            &claiming(seconds as f32),
            seconds,
        );
    }
    let expected = ["y.safetensors", "x.safetensors", "z.safetensors"];
    assert_eq!(look(&mut watcher(&folder), false), expected);
    // One by one, as they come.
    let folder = tempfile::tempdir().unwrap();
    let mut one = watcher(&folder);
    for (name, seconds) in [("b", 1), ("a", 2), ("c", 3)] {
        write(
            &folder,
            &format!("{name}.safetensors"),
            &claiming(seconds as f32),
            seconds,
        );
        assert_eq!(look(&mut one, false).len(), 1, "{name}");
    }
    // Where their names tell, these are believed.
    let folder = tempfile::tempdir().unwrap();
    for (epoch, seconds) in [(1, 3), (2, 1), (3, 2)] {
        write(
            &folder,
            &format!("w_{epoch}.safetensors"),
            &claiming(epoch as f32),
            seconds,
        );
    }
    assert_eq!(look(&mut watcher(&folder), false), ["1", "2", "3"]);
}

#[test]
fn a_half_written_file_waits_and_later_steps_wait_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let whole = bytes(2.0);
    write(&folder, "step-1.safetensors", &bytes(1.0), 1);
    write(&folder, "step-2.safetensors", &whole[..60], 2);
    write(&folder, "step-3.safetensors", &bytes(3.0), 3);
    let mut first = watcher(&folder);
    let mut second = watcher(&folder);
    assert_eq!(look(&mut first, false), ["1"]);
    assert_eq!(look(&mut second, false), ["1"]);
    // One that stays as it is is broken, and is reported once; the rest goes on.
    let found = look(&mut first, false);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("step-2: "), "{found:?}");
    assert_eq!(found[1], "3");
    assert!(look(&mut first, false).is_empty());
    // One that was finished is judged in its place.
    write(&folder, "step-2.safetensors", &whole, 4);
    assert_eq!(look(&mut second, false), ["2", "3"]);
}

#[test]
fn a_single_look_reports_what_cannot_be_read_at_once() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "step-1.safetensors", &bytes(1.0)[..40], 1);
    write(&folder, "step-2.safetensors", &bytes(2.0), 2);
    let found = look(&mut watcher(&folder), true);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[1], "2");
}

#[test]
fn a_step_that_is_written_again_begins_anew_and_one_that_came_late_is_skipped() {
    let folder = tempfile::tempdir().unwrap();
    for step in [10, 20] {
        let name = format!("step-{step}.safetensors");
        write(&folder, &name, &bytes(step as f32), step);
    }
    let mut watcher = watcher(&folder);
    assert_eq!(look(&mut watcher, false), ["10", "20"]);
    write(&folder, "step-15.safetensors", &bytes(15.0), 30);
    assert_eq!(look(&mut watcher, false), ["step-15: skipped"]);
    write(&folder, "step-10.safetensors", &bytes(11.0), 40);
    assert_eq!(look(&mut watcher, false), ["10 went back"]);
}

#[test]
fn a_watch_continues_from_its_state_and_judges_the_checkpoint_in_hand_again() {
    let folder = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap().path().join("state");
    std::fs::create_dir_all(state.parent().unwrap()).unwrap();
    for step in [1, 2] {
        write(
            &folder,
            &format!("step-{step}.safetensors"),
            &bytes(step as f32),
            step,
        );
    }
    let mut first = watcher(&folder);
    assert!(!first.keep(&state).unwrap());
    assert_eq!(look(&mut first, false), ["1", "2"]);
    write(&folder, "step-3.safetensors", &bytes(3.0), 3);
    let mut second = watcher(&folder);
    assert!(second.keep(&state).unwrap());
    assert_eq!(look(&mut second, false), ["2 again", "3"]);
    std::fs::remove_dir_all(state.parent().unwrap()).unwrap();
}

/// The state with another first line, and a checksum that fits.
fn with_header(path: &Path, change: impl Fn(&str) -> String) {
    let bytes = std::fs::read(path).unwrap();
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap();
    let header = change(std::str::from_utf8(&bytes[..end]).unwrap());
    let mut changed = header.into_bytes();
    changed.extend(&bytes[end..bytes.len() - 32]);
    let digest = blake3::hash(&changed);
    changed.extend(digest.as_bytes());
    std::fs::write(path, changed).unwrap();
}

#[test]
fn a_state_of_an_older_version_is_refused_by_version_and_a_damaged_one_as_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let kept = tempfile::tempdir().unwrap();
    let state = kept.path().join("state");
    write(&folder, "step-1.safetensors", &bytes(1.0), 1);
    let mut first = watcher(&folder);
    first.keep(&state).unwrap();
    look(&mut first, false);
    assert!(State::read(&state).unwrap().is_some());
    // What an older version kept beside the schema need not be readable any more.
    with_header(&state, |_| {
        r#"{"schema":"modeltrail.watch-state/1"}"#.to_owned()
    });
    match watcher(&folder).keep(&state) {
        Err(Error::Version { found, .. }) => assert_eq!(found, "modeltrail.watch-state/1"),
        other => panic!("{other:?}"),
    }
    let mut bytes = std::fs::read(&state).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&state, bytes).unwrap();
    let error = watcher(&folder).keep(&state).unwrap_err();
    assert_eq!(error.kind(), "unsuitable");
    assert!(error.to_string().contains("damaged"), "{error}");
}

#[test]
fn an_alarm_continues_the_last_one_of_its_cause_if_that_is_recent() {
    let folder = tempfile::tempdir().unwrap();
    let mut watcher = watcher(&folder);
    let mut continues =
        |cause: Cause| watcher.continues(Some(cause).filter(|cause| *cause != Cause::Nothing));
    assert!(!continues(Cause::Data));
    assert!(continues(Cause::Data));
    assert!(!continues(Cause::RateDown));
    for _ in 1..WINDOW {
        assert!(!continues(Cause::Nothing));
    }
    assert!(continues(Cause::RateDown));
    for _ in 0..WINDOW {
        assert!(!continues(Cause::Nothing));
    }
    assert!(!continues(Cause::RateDown));
}

#[test]
fn what_a_schedule_planned_explains_an_event_at_the_next_checkpoint_too() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder, "epoch-0.safetensors", &bytes(1.0), 1);
    let mut watcher = watcher(&folder);
    look(&mut watcher, true);
    let facts = |rate: f64| {
        Facts::from(TrainerState {
            learning_rates: vec![rate],
            scheduled_rates: vec![rate],
            base_rates: vec![1e-3],
            ..TrainerState::default()
        })
    };
    let mut since = |rate: f64, is_event| -> Vec<(Cause, Option<bool>)> {
        let facts = watcher.facts_since(Some(&facts(rate)), is_event);
        facts
            .iter()
            .map(|fact| (fact.cause, fact.planned))
            .collect()
    };
    assert_eq!(since(1e-3, false), []);
    // The rate of the steps to come.
    assert_eq!(since(1e-4, false), [(Cause::RateDown, Some(true))]);
    assert_eq!(since(1e-4, true), [(Cause::RateDown, Some(true))]);
    assert_eq!(since(1e-4, true), []);
}
