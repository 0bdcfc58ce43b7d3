//! Watches that are killed and started again, files that are deleted or not yet whole.

use super::support::text;
use super::training::{CHANGE, Following, Training, safetensors, walk};
use serde_json::Value;
use std::time::Duration;

/// Points of a training with a change at [`CHANGE`], and some after it.
const POINTS: usize = CHANGE + 6;
/// What a watch says of a checkpoint that does not depend on when it was started.
const TOLD: [&str; 9] = [
    "position",
    "step_length",
    "turn_degrees",
    "outside_share",
    "judged",
    "alarm",
    "continues",
    "cause",
    "verdict",
];

/// Files that stay when checkpoints roll.
const KEPT: usize = 2;

/// What was said of each checkpoint, in its order; of one that was judged again, the last.
fn told(lines: &[Value]) -> Vec<Vec<Value>> {
    let mut told: Vec<Vec<Value>> = Vec::new();
    for line in lines.iter().filter(|line| line["kind"] == "checkpoint") {
        let line: Vec<Value> = TOLD.iter().map(|key| line[*key].clone()).collect();
        if told.last().is_some_and(|last| last.first() == line.first()) {
            assert_eq!(told.pop().as_ref(), Some(&line), "judged otherwise");
        }
        told.push(line);
    }
    told
}

/// What a watch says that is never killed, of files that stay.
fn undisturbed(points: &[Vec<f32>]) -> Vec<Vec<Value>> {
    let (lines, status) = Training::with(points).lines(&[]);
    assert_eq!(status, Some(1));
    told(&lines)
}

fn new_alarms(lines: &[Value]) -> usize {
    let is_new = |line: &&Value| {
        line["alarm"] == true && line["continues"] == false && line["again"] == false
    };
    lines.iter().filter(is_new).count()
}

/// A small generator: the moments of killing.
fn drawn(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    *state >> 33
}

#[test]
fn a_watch_that_is_killed_again_and_again_says_what_one_says_that_is_not() {
    let points = walk(POINTS, true);
    let training = Training::new();
    let state = training.beside("watch.state");
    let told_by_exec = training.beside("told");
    let exec = format!("echo \"$MODELTRAIL_CAUSE\" >> '{}'", told_by_exec.display());
    let arguments = ["--state", state.to_str().unwrap(), "--exec", &exec];
    let mut lines = Vec::new();
    let mut chance = 7;
    let mut watch = Following::with(&training, &arguments);
    for (epoch, weights) in points.iter().enumerate() {
        training.save(epoch, weights);
        // Killed before it looks, while it reads, or when it has said something.
        std::thread::sleep(Duration::from_millis(drawn(&mut chance) % 120));
        lines.extend(watch.killed());
        watch = Following::with(&training, &arguments);
        // One that is there at once is read before the next is written.
        loop {
            let line = watch.next();
            let is_newest = line["position"]["value"] == epoch;
            lines.push(line);
            if is_newest {
                break;
            }
        }
        // Rolling checkpoints: the oldest are deleted, and no restart sees them.
        if let Some(old) = epoch.checked_sub(KEPT) {
            std::fs::remove_file(training.file(old)).unwrap();
        }
    }
    lines.extend(watch.killed());
    assert_eq!(told(&lines), undisturbed(&points));
    assert!(new_alarms(&lines) <= 1, "{lines:?}");
    // At least once: one that was running when the watch was killed may run again.
    let ran = std::fs::read_to_string(told_by_exec).unwrap();
    assert!(ran.starts_with("data\n"), "{ran}");
    let left = std::fs::read_dir(training.directory.path()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        left.len() <= 4,
        "an unfinished file of the last, at most: {left:?}"
    );
}

#[test]
fn an_alarm_that_was_told_is_not_told_as_new_after_a_restart() {
    let points = walk(CHANGE + 1, true);
    let training = Training::with(&points);
    let state = training.beside("watch.state");
    let told_by_exec = training.beside("told");
    let exec = format!("echo ran >> '{}'", told_by_exec.display());
    let arguments = ["--state", state.to_str().unwrap(), "--exec", &exec];
    let (lines, status) = training.lines(&arguments);
    assert_eq!((new_alarms(&lines), status), (1, Some(1)));
    let (lines, status) = training.lines(&arguments);
    assert_eq!((lines.len(), new_alarms(&lines), status), (1, 0, Some(0)));
    assert_eq!(lines[0]["again"], true);
    assert_eq!(lines[0]["alarm"], true);
    assert_eq!(std::fs::read_to_string(told_by_exec).unwrap(), "ran\n");
    let page = text(&training.once(&arguments).stdout);
    assert!(page.contains("reported before: other data"), "{page}");
}

#[test]
fn one_look_after_another_says_what_one_watch_says_of_rolling_checkpoints() {
    let points = walk(POINTS, true);
    let training = Training::new();
    let state = training.beside("watch.state");
    let arguments = ["--state", state.to_str().unwrap()];
    let mut lines = Vec::new();
    for (epoch, weights) in points.iter().enumerate() {
        training.save(epoch, weights);
        lines.extend(training.lines(&arguments).0);
        std::fs::remove_file(training.file(epoch)).unwrap();
    }
    assert_eq!(told(&lines), undisturbed(&points));
}

#[test]
fn checkpoints_that_roll_while_they_are_watched_are_judged_as_if_they_stayed() {
    let points = walk(POINTS, true);
    let training = Training::new();
    let watch = Following::of(&training);
    let mut lines = Vec::new();
    for (epoch, weights) in points.iter().enumerate() {
        training.save(epoch, weights);
        lines.push(watch.next());
        if let Some(old) = epoch.checked_sub(KEPT) {
            std::fs::remove_file(training.file(old)).unwrap();
        }
    }
    watch.silent_for(Duration::from_millis(500));
    assert_eq!(told(&lines), undisturbed(&points));
}

#[test]
fn a_file_that_is_written_slowly_is_read_when_it_is_whole_and_in_its_place() {
    let points = walk(POINTS, true);
    let training = Training::with(&points[..5]);
    let watch = Following::of(&training);
    let mut lines: Vec<Value> = (0..5).map(|_| watch.next()).collect();
    let whole = safetensors(&points[5]);
    std::fs::write(training.file(5), &whole[..whole.len() / 3]).unwrap();
    // It grows for some looks, and later ones come meanwhile.
    for part in 4..12 {
        std::fs::write(training.file(5), &whole[..part * whole.len() / 12]).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    std::fs::write(training.file(5), &whole).unwrap();
    for (epoch, weights) in points.iter().enumerate().skip(6) {
        training.save(epoch, weights);
    }
    while lines.iter().filter(|l| l["kind"] == "checkpoint").count() < POINTS {
        lines.push(watch.next());
    }
    assert_eq!(told(&lines), undisturbed(&points));
}

#[test]
fn a_state_that_is_damaged_or_of_another_folder_is_refused_and_left_as_it_is() {
    let training = Training::with(&walk(3, false));
    let state = training.beside("watch.state");
    let arguments = ["--state", state.to_str().unwrap()];
    training.lines(&arguments);
    let whole = std::fs::read(&state).unwrap();
    for place in [0, whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        std::fs::write(&state, &bytes).unwrap();
        let output = training.once(&arguments);
        assert_eq!(output.status.code(), Some(2));
        let message = text(&output.stderr);
        assert!(message.contains("Remove it"), "{message}");
        assert_eq!(std::fs::read(&state).unwrap(), bytes);
    }
    std::fs::write(&state, &whole).unwrap();
    let other = Training::with(&walk(3, false));
    let output = other.once(&arguments);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("a state of its own"), "{message}");
}
