//! `modeltrail watch` on trainings whose changes are known.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod restarts;
mod sketches;
#[path = "../support/mod.rs"]
mod support;
mod training;

use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use support::{document, text};
use training::{CHANGE, Following, Training, WEIGHTS, safetensors, walk};

fn of_kind<'a>(lines: &'a [Value], kind: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["kind"] == kind).collect()
}

fn alarms(lines: &[Value]) -> Vec<u64> {
    let alarms = lines.iter().filter(|line| line["alarm"] == true);
    alarms
        .map(|line| line["position"]["value"].as_u64().unwrap())
        .collect()
}

#[test]
fn a_change_raises_an_alarm_where_it_is_and_nowhere_else() {
    let (lines, status) = Training::with(&walk(CHANGE + 1, true)).lines(&[]);
    assert_eq!(status, Some(1));
    assert_eq!(alarms(&lines), [CHANGE as u64]);
    assert!(
        lines
            .iter()
            .all(|line| line["schema"] == "modeltrail.watch/1")
    );
    let last = lines.last().unwrap();
    assert_eq!(last["cause"], "data");
    assert!(last["outside_share"].as_f64().unwrap() > 0.9, "{last}");
    assert!((last["turn_degrees"].as_f64().unwrap() - 90.0).abs() < 5.0);
    assert!((last["step_length"].as_f64().unwrap() - 3.0).abs() < 0.1);
}

#[test]
fn an_undisturbed_training_is_fine_and_comes_in_the_order_of_its_steps() {
    let training = Training::with(&walk(CHANGE + 5, false));
    let (lines, status) = training.lines(&[]);
    assert_eq!(status, Some(0), "{lines:?}");
    let checkpoints = of_kind(&lines, "checkpoint");
    let steps = checkpoints
        .iter()
        .map(|line| line["position"]["value"].as_u64());
    assert!(steps.eq((0..CHANGE as u64 + 5).map(Some)));
    assert!(of_kind(&lines, "note").is_empty(), "{lines:?}");
    let text = text(&training.once(&[]).stdout);
    assert_eq!(text.lines().count(), 3 + CHANGE + 5, "{text}");
}

#[test]
fn the_distance_since_the_accredited_checkpoint_is_in_recent_steps() {
    let training = Training::with(&walk(CHANGE, false));
    let accredited = training.beside("released.safetensors");
    std::fs::copy(training.file(12), &accredited).unwrap();
    let (lines, _) = training.lines(&["--accredited", accredited.to_str().unwrap()]);
    let since = |epoch: usize| lines.iter().rfind(|l| l["position"]["value"] == epoch);
    let since = |epoch| since(epoch).unwrap()["since_accredited_steps"].as_f64();
    assert_eq!(since(0), None);
    assert_eq!(since(12), Some(0.0));
    assert!((since(17).unwrap() - 5.0).abs() < 0.1);
}

#[test]
fn it_says_what_is_followed_and_how_it_is_judged() {
    let training = Training::new();
    training.save(0, &vec![0.25; 100_000]);
    let said = text(&training.once(&[]).stdout).to_owned();
    let message: Vec<&str> = said.lines().take(2).collect();
    let message = message.join("\n");
    for part in [
        "100,000 weights in 2 tensors",
        "my checkpoints",
        "1 checkpoint in 200 raises a false alarm",
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn what_a_trainer_s_files_say_is_said_before_what_the_weights_look_like() {
    let training = Training::new();
    for (epoch, weights) in walk(CHANGE + 2, true).iter().enumerate() {
        let folder = training.folder().join(format!("checkpoint-{epoch}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("model.safetensors"), safetensors(weights)).unwrap();
        let rate = if epoch < CHANGE { 1e-3 } else { 3e-3 };
        let log = json!({
            "global_step": epoch, "train_batch_size": 16,
            "log_history": [{"step": epoch, "learning_rate": rate, "loss": 1.0}],
        });
        std::fs::write(folder.join("trainer_state.json"), log.to_string()).unwrap();
    }
    let (lines, status) = training.lines(&[]);
    assert_eq!(status, Some(1));
    assert_eq!(alarms(&lines), [CHANGE as u64]);
    let alarm = lines.iter().find(|line| line["alarm"] == true).unwrap();
    assert_eq!(alarm["cause"], "rate-up");
    assert!(alarm["facts"][0]["planned"].is_null());
    let evidence = alarm["evidence"].as_str().unwrap();
    assert!(evidence.contains("1.000e-3 → 3.000e-3"), "{evidence}");
}

#[test]
fn a_drop_that_nothing_says_was_planned_is_an_alarm() {
    // The last step is a tenth as long; the rate of the steps to come is written at the one before.
    let mut points = walk(16, false);
    let (last, before) = (points[15].clone(), points[14].clone());
    let short = std::iter::zip(&last, &before).map(|(a, b)| a + 0.1 * (a - b));
    points.push(short.collect());
    let training = Training::new();
    for (epoch, weights) in points.iter().enumerate() {
        let rate = if epoch < 15 { 1e-3 } else { 1e-4 };
        let folder = training.folder().join(format!("checkpoint-{epoch}"));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("model.safetensors"), safetensors(weights)).unwrap();
        let log = json!({"global_step": epoch, "log_history": [{"learning_rate": rate}]});
        std::fs::write(folder.join("trainer_state.json"), log.to_string()).unwrap();
    }
    // Without the schedule's own file nothing says that it was planned; a rate in a log names what the
    // weights show, and is no alarm by itself.
    let (lines, _) = training.lines(&[]);
    assert_eq!(alarms(&lines), [16]);
    let facts = lines
        .iter()
        .map(|line| line["facts"].as_array().unwrap().len());
    assert_eq!(facts.sum::<usize>(), 2, "{lines:?}");
    let alarm = lines.iter().find(|line| line["alarm"] == true).unwrap();
    assert_eq!(alarm["cause"], "rate-down");
}

#[test]
fn runs_shows_the_event_that_a_watch_reports() {
    let training = Training::with(&walk(CHANGE + 6, true));
    let runs = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_modeltrail"));
        let command = command.arg("runs").arg(training.folder()).args(arguments);
        text(&command.output().unwrap().stdout).to_owned()
    };
    let said = runs(&[]);
    let event = format!("event at epoch {CHANGE}.safetensors: other data (step 3.0");
    assert!(said.contains(&event), "{said}");
    let document = document(runs(&["--json"]).as_bytes());
    let events = &document["groups"][0]["runs"][0]["events"];
    assert_eq!(events.as_array().unwrap().len(), 1, "{events}");
    assert_eq!(
        (&events[0]["place"], &events[0]["cause"]),
        (&json!(CHANGE), &json!("data"))
    );
}

#[test]
fn thresholds_are_set_by_an_undisturbed_training_of_ones_own() {
    let undisturbed = Training::with(&walk(80, false));
    let folder = undisturbed.folder();
    let folder = folder.to_str().unwrap();
    let own = |rate| ["--undisturbed", folder, "--false-alarms", rate];
    // 69 checkpoints can show a rate of 1 in 20: three alarms.
    let (lines, _) = undisturbed.lines(&own("0.05"));
    assert!(alarms(&lines).len() <= 3, "{lines:?}");
    let (lines, status) = Training::with(&walk(CHANGE + 1, true)).lines(&own("0.05"));
    assert_eq!(status, Some(1));
    assert!(alarms(&lines).contains(&(CHANGE as u64)), "{lines:?}");
    let refused = undisturbed.once(&own("0.005"));
    assert_eq!(refused.status.code(), Some(2));
    let message = text(&refused.stderr);
    assert!(message.contains("200"), "{message}");
}

#[test]
fn half_of_a_file_is_reported_and_the_rest_goes_on() {
    let training = Training::with(&walk(5, false));
    let whole = std::fs::read(training.file(2)).unwrap();
    std::fs::write(training.file(2), &whole[..whole.len() / 2]).unwrap();
    let (lines, status) = training.lines(&[]);
    assert_eq!(status, Some(1));
    assert_eq!(of_kind(&lines, "checkpoint").len(), 4);
    let problems = of_kind(&lines, "problem");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0]["path"].as_str().unwrap().contains("epoch 2"));
}

#[test]
fn checkpoints_of_another_network_and_weights_that_are_not_finite_are_left_out() {
    let training = Training::with(&walk(5, false));
    training.save(5, &vec![1.0; 2 * WEIGHTS]);
    training.save(6, &vec![f32::NAN; WEIGHTS]);
    training.save(7, &walk(6, false)[5]);
    let (lines, status) = training.lines(&[]);
    assert_eq!(status, Some(1));
    assert_eq!(of_kind(&lines, "problem").len(), 2, "{lines:?}");
    assert_eq!(of_kind(&lines, "checkpoint").len(), 6);
}

#[test]
fn the_command_of_an_alarm_gets_names_as_values_and_never_as_commands() {
    let training = Training::with(&walk(CHANGE, true));
    let name = "epoch 20 $(touch hacked) `touch hacked`;touch hacked.safetensors";
    let last = &walk(CHANGE + 1, true)[CHANGE];
    std::fs::write(training.folder().join(name), safetensors(last)).unwrap();
    let reported = training.beside("reported");
    let exec = format!(
        "printf '%s|%s|%s' \"$MODELTRAIL_STEP\" \"$MODELTRAIL_CAUSE\" \"$MODELTRAIL_PATH\" > '{}'",
        reported.display()
    );
    let mut command = training.command(&["--once", "--exec", &exec]);
    let output = command.current_dir(training.folder()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let reported = std::fs::read_to_string(reported).unwrap();
    let path = training.folder().join(name);
    assert_eq!(reported, format!("20|data|{}", path.display()));
    assert!(!training.folder().join("hacked").exists());
}

#[test]
fn a_training_that_slows_down_all_the_time_is_one_alarm() {
    let steady = walk(16, false);
    let mut points = steady.clone();
    for epoch in 0..8 {
        let [.., before, last] = points.as_slice() else {
            panic!("too short")
        };
        let slowed = std::iter::zip(before, last).map(|(a, b)| b + 0.4 * (b - a));
        let mut slowed: Vec<f32> = slowed.collect();
        // The old jitter would be a step that only goes on; this one is new.
        slowed[20 + epoch] += 0.01 * 0.4_f32.powi(epoch as i32 + 1);
        points.push(slowed);
    }
    let training = Training::with(&points);
    let reported = training.beside("reported");
    let exec = format!("echo \"$MODELTRAIL_CAUSE\" >> '{}'", reported.display());
    let (lines, status) = training.lines(&["--exec", &exec]);
    let alarms: Vec<&Value> = lines.iter().filter(|line| line["alarm"] == true).collect();
    assert_eq!(status, Some(1));
    assert_eq!(alarms.len(), 1, "{lines:?}");
    assert_eq!(alarms[0]["cause"], "rate-down");
    assert_eq!(std::fs::read_to_string(reported).unwrap(), "rate-down\n");
}

#[test]
fn the_prometheus_file_has_the_newest_numbers_and_nothing_is_left_beside_it() {
    let training = Training::with(&walk(CHANGE + 1, true));
    let file = training.beside("watch.prom");
    training.once(&["--prometheus", file.to_str().unwrap()]);
    let text = std::fs::read_to_string(&file).unwrap();
    let value = |name: &str| {
        let start = format!("modeltrail_{name}{{");
        let line = text.lines().find(|line| line.starts_with(&start)).unwrap();
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
    };
    assert_eq!(value("position"), 20.0);
    assert_eq!(value("alarm"), 1.0);
    assert_eq!(value("alarms_total"), 1.0);
    assert_eq!(value("checkpoints_total"), 21.0);
    let beside = std::fs::read_dir(training.directory.path()).unwrap();
    assert_eq!(beside.count(), 2);
}

#[test]
fn an_empty_folder_and_one_that_is_not_there_are_errors() {
    let training = Training::new();
    let output = training.once(&[]);
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("no checkpoint"), "{message}");
    let nowhere = training.beside("nowhere");
    let output = Command::new(env!("CARGO_BIN_EXE_modeltrail"))
        .args([Path::new("watch"), &nowhere])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let message = text(&output.stderr);
    assert!(message.contains("is not a folder"), "{message}");
}

#[test]
fn a_training_is_followed_through_half_written_files_and_deletions() {
    let points = walk(CHANGE + 1, true);
    let training = Training::new();
    let watch = Following::of(&training);
    for (epoch, weights) in points.iter().enumerate() {
        if epoch == 3 {
            // Broken for good: said once, and the others go on.
            std::fs::write(training.folder().join("broken 3.safetensors"), [7; 20]).unwrap();
            assert_eq!(watch.next()["kind"], "problem");
        }
        training.save(epoch, weights);
        let line = watch.next();
        assert_eq!(line["position"]["value"], epoch, "{line}");
        assert_eq!(line["alarm"], epoch == CHANGE, "{line}");
        assert_eq!(line["step_length"].is_null(), epoch == 0, "{line}");
        // Rolling checkpoints: only the newest stays.
        std::fs::remove_file(training.file(epoch)).unwrap();
    }
    watch.silent_for(Duration::from_secs(1));
}

#[test]
fn a_training_that_goes_back_is_judged_anew() {
    let points = walk(4, false);
    let training = Training::with(&points);
    let watch = Following::of(&training);
    for epoch in 0..4 {
        assert_eq!(watch.next()["position"]["value"], epoch);
    }
    // A resumed training writes the same name again, of another length of time ago.
    std::thread::sleep(Duration::from_millis(50));
    training.save(2, &points[3]);
    let line = watch.next();
    assert_eq!(line["position"]["value"], 2, "{line}");
    assert_eq!(line["went_back"], true, "{line}");
}
