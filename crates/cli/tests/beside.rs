//! Copies, averages, companions and files of other kinds beside the checkpoints of a run: they are said
//! to be what they are, stand in no order, and are no finding, unless that is asked for.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::Value;
use support::{Folder, json, modeltrail, text};

/// Epochs of a run.
const EPOCHS: usize = 8;

/// Weights along a run that slows down.
fn weights(epoch: f32) -> Vec<f32> {
    let along = |index: usize| epoch.sqrt() * (index as f32).cos();
    let weights = (0..40).map(|index| (index as f32).sin() + 0.3 * along(index));
    weights.collect()
}

fn save(folder: &Folder, name: &str, epoch: f32) {
    folder.write(name, &[("fc.weight", &[8, 5], &weights(epoch))]);
}

/// A run in files of these names.
fn run(folder: &Folder, name: impl Fn(usize) -> String) {
    for epoch in 1..=EPOCHS {
        save(folder, &name(epoch), epoch as f32);
    }
}

fn epochs(folder: &Folder) {
    run(folder, |epoch| format!("epoch-{epoch}.safetensors"));
}

/// The names in the first order, and those of its copies.
fn order(answer: &Value) -> (Vec<String>, Vec<String>) {
    let checkpoints = &answer["groups"][0]["runs"][0]["checkpoints"];
    let places = checkpoints.as_array().unwrap();
    let name = |value: &Value| value.as_str().unwrap().to_owned();
    let copies = places
        .iter()
        .flat_map(|place| place["copies"].as_array().unwrap());
    (
        places.iter().map(|place| name(&place["name"])).collect(),
        copies.map(name).collect(),
    )
}

fn beside(answer: &Value) -> Vec<(String, String)> {
    let beside = answer["groups"][0]["beside"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    beside
        .map(|one| (text(&one["name"]), text(&one["kind"])))
        .collect()
}

#[test]
fn copies_and_averages_stand_beside_the_order_and_are_no_finding() {
    let folder = Folder::new();
    epochs(&folder);
    save(&folder, "best.safetensors", 6.0);
    save(&folder, "last.safetensors", EPOCHS as f32);
    save(&folder, "model_ema.safetensors", 6.4);
    save(&folder, "swa/model.safetensors", 5.6);
    let answer = json(&["runs", folder.root()], 0);
    let (names, copies) = order(&answer);
    let expected: Vec<String> = (1..=EPOCHS)
        .map(|epoch| format!("epoch-{epoch}.safetensors"))
        .collect();
    assert_eq!(names, expected);
    assert_eq!(copies, ["best.safetensors", "last.safetensors"]);
    let kinds = beside(&answer);
    let expected = [
        ("model_ema.safetensors", "ema"),
        ("swa/model.safetensors", "average"),
    ];
    assert_eq!(
        kinds,
        expected.map(|(name, kind)| (name.to_owned(), kind.to_owned()))
    );
    assert_eq!(
        answer["groups"][0]["beside"][0]["nearest"],
        "epoch-6.safetensors"
    );
    // The same of the commands that have an order, too.
    let answer = json(&["order", folder.root()], 0);
    assert_eq!(beside(&answer).len(), 2);
    assert_eq!(
        answer["groups"][0]["orders"][0]["checkpoints"]
            .as_array()
            .unwrap()
            .len(),
        EPOCHS
    );
    let output = modeltrail(&["runs", folder.root()]);
    let said = text(&output.stdout);
    for words in [
        "best.safetensors, the best checkpoint so far (the same weights)",
        "model_ema.safetensors: a moving average of the weights (EMA), by its name",
        "swa/model.safetensors: an average of the weights (SWA), by the name of its folder",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    for command in ["runs", "order"] {
        let output = modeltrail(&[command, folder.root(), "--strict"]);
        assert_eq!(output.status.code(), Some(1), "{command}");
    }
    let page = folder.shown("page.html");
    let output = modeltrail(&["report", folder.root(), "--out", &page]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.contains("model_ema.safetensors"),
        "the page does not say what stands beside"
    );
}

#[test]
fn a_watch_says_what_lies_beside_and_ends_well() {
    let folder = Folder::new();
    epochs(&folder);
    save(&folder, "best.safetensors", 6.0);
    save(&folder, "latest.safetensors", EPOCHS as f32);
    save(&folder, "ema.safetensors", 6.4);
    // A copy under a name that says nothing.
    save(&folder, "model.safetensors", EPOCHS as f32);
    let output = modeltrail(&["watch", folder.root(), "--once"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(text(&output.stdout).lines().count(), EPOCHS + 3);
    for words in [
        "beside: best.safetensors: the best checkpoint so far, by its name; the same weights as epoch-6.safetensors",
        "beside: latest.safetensors: the last checkpoint so far, by its name; the same weights as epoch-8.safetensors",
        "beside: ema.safetensors: a moving average of the weights (EMA), by its name; its weights are those of no checkpoint",
        "beside: model.safetensors: the same weights as epoch-8.safetensors",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let output = modeltrail(&["watch", folder.root(), "--once", "--json"]);
    let lines = text(&output.stdout);
    assert_eq!(lines.matches("\"kind\":\"beside\"").count(), 4, "{lines}");
    let strict = modeltrail(&["watch", folder.root(), "--once", "--strict"]);
    assert_eq!(strict.status.code(), Some(1));
}

#[test]
fn where_there_are_only_copies_they_are_what_there_is() {
    let folder = Folder::new();
    save(&folder, "one/best.safetensors", 3.0);
    save(&folder, "one/last.safetensors", 5.0);
    save(&folder, "two/best.safetensors", 2.0);
    save(&folder, "two/last.safetensors", 6.0);
    let answer = json(&["runs", folder.root()], 0);
    assert_eq!(order(&answer).0.len(), 4);
    assert!(beside(&answer).is_empty());
    let output = modeltrail(&["watch", &folder.shown("one"), "--once"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).lines().count(), 5);
}

#[test]
fn a_run_that_is_named_after_an_average_is_a_run() {
    let folder = Folder::new();
    for seed in ["no-ema", "ema-decay"] {
        run(&folder, |epoch| format!("{seed}/epoch-{epoch}.safetensors"));
    }
    let answer = json(&["runs", folder.root()], 0);
    assert!(beside(&answer).is_empty());
}

#[test]
fn a_pattern_picks_one_series() {
    let folder = Folder::new();
    epochs(&folder);
    run(&folder, |epoch| {
        format!("hf/checkpoint-{epoch}/model.safetensors")
    });
    save(&folder, "notes.safetensors", 30.0);
    std::fs::write(folder.path("broken.safetensors"), b"").unwrap();
    let count = |pattern: &str| {
        let answer = json(&["runs", folder.root(), "--match", pattern], 0);
        answer["groups"][0]["checkpoints"].as_u64().unwrap() as usize
    };
    // What is broken beside the series is none of its trouble.
    assert_eq!(modeltrail(&["runs", folder.root()]).status.code(), Some(1));
    assert_eq!(count("epoch-*.safetensors"), EPOCHS);
    assert_eq!(count("checkpoint-*"), EPOCHS);
    assert_eq!(count("hf/**/model.safetensors"), EPOCHS);
    assert_eq!(count("epoch-[12].safetensors"), 2);
    for command in ["order", "watch", "inspect", "lineage"] {
        let one = folder.shown("epoch-3.safetensors");
        let mut arguments = match command {
            "lineage" => vec![command, &one, "--against", folder.root()],
            _ => vec![command, folder.root()],
        };
        arguments.extend(["--match", "epoch-*"]);
        if command == "watch" {
            arguments.push("--once");
        }
        let output = modeltrail(&arguments);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{command}: {}",
            text(&output.stderr)
        );
    }
    // Of a folder of many, a pattern picks the one to compare.
    let one = folder.shown("epoch-3.safetensors");
    let answer = json(&["diff", folder.root(), &one, "--match", "epoch-3*"], 0);
    assert_eq!(answer["verdict"]["kind"], "identical");
    support::refused(
        &["runs", folder.root(), "--match", "nothing-*"],
        &["no checkpoint could be read"],
    );
    let output = modeltrail(&["runs", folder.root(), "--match", "nothing-*"]);
    let said = text(&output.stderr);
    assert!(
        said.contains("no checkpoint here has a name that matches `nothing-*`"),
        "{said}"
    );
}

#[test]
fn the_state_of_the_trainer_beside_a_checkpoint_is_its_claim() {
    let folder = Folder::new();
    // Folders whose names say nothing.
    for (epoch, name) in (1..=EPOCHS).zip(["h", "g", "f", "e", "d", "c", "b", "a"]) {
        save(&folder, &format!("{name}/model.safetensors"), epoch as f32);
        let state = format!(
            r#"{{"best_metric": NaN, "epoch": {}, "global_step": {}, "max_steps": 9999}}"#,
            epoch as f32 / 3.0,
            100 * epoch
        );
        std::fs::write(folder.path(&format!("{name}/trainer_state.json")), state).unwrap();
    }
    let answer = json(&["runs", folder.root(), "--runs", "1"], 0);
    let places = answer["groups"][0]["runs"][0]["checkpoints"]
        .as_array()
        .unwrap();
    let claims = places.iter().map(|place| &place["claimed_position"]);
    for (epoch, claim) in (1..).zip(claims) {
        assert_eq!(claim["value"], 100 * epoch);
        assert_eq!(
            (&claim["unit"], &claim["from"]),
            (&"step".into(), &"beside".into())
        );
    }
}

#[test]
fn what_all_files_claim_alike_is_no_order() {
    let folder = Folder::new();
    let metadata = |epoch: usize| {
        let mut bytes = support::safetensors(&[("fc.weight", &[8, 5], &weights(epoch as f32))]);
        // A total under the name of a position.
        let header_len = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        let mut header: Value = serde_json::from_slice(&bytes[8..8 + header_len]).unwrap();
        header["__metadata__"] = serde_json::json!({"epoch": "300"});
        let header = serde_json::to_vec(&header).unwrap();
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header);
        file.extend(bytes.split_off(8 + header_len));
        file
    };
    // Where names tell, they are believed; where they do not, there is no order to compare with.
    for epoch in 1..=EPOCHS {
        let name = ["h", "g", "f", "e", "d", "c", "b", "a"][epoch - 1];
        for path in [
            format!("named/w_{epoch}.safetensors"),
            format!("silent/{name}.safetensors"),
        ] {
            std::fs::create_dir_all(folder.path(&path).parent().unwrap()).unwrap();
            std::fs::write(folder.path(&path), metadata(epoch)).unwrap();
        }
    }
    let answer = json(&["runs", &folder.shown("named")], 0);
    let place = &answer["groups"][0]["runs"][0]["checkpoints"][2]["claimed_position"];
    assert_eq!(
        (&place["value"], &place["from"]),
        (&3.into(), &"file_name".into())
    );
    let output = modeltrail(&["runs", &folder.shown("silent")]);
    let said = text(&output.stdout);
    assert!(
        said.contains("all claim epoch 300, which is no order"),
        "{said}"
    );
    for name in ["named", "silent"] {
        let output = modeltrail(&["watch", &folder.shown(name), "--once"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout).lines().count(), EPOCHS + 3, "{name}");
    }
}

#[test]
fn files_of_other_kinds_nearby_are_named_and_no_finding() {
    let folder = Folder::new();
    epochs(&folder);
    for (name, contents) in [
        ("vocab.bin", "hello world"),
        ("venv/path.pth", "import os\n"),
        ("model.tflite", "x"),
        ("old.pdparams", "x"),
        ("optimizer.pt", "x"),
        ("notes.txt", "x"),
        ("config.json", "{}"),
    ] {
        std::fs::create_dir_all(folder.path(name).parent().unwrap()).unwrap();
        std::fs::write(folder.path(name), contents).unwrap();
    }
    for command in ["runs", "order", "linkage"] {
        let output = modeltrail(&[command, folder.root()]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{command}: {said}");
        assert!(
            said.contains("TensorFlow") && said.contains("Paddle"),
            "{said}"
        );
        assert_eq!(
            modeltrail(&[command, folder.root(), "--strict"])
                .status
                .code(),
            Some(1)
        );
        let quiet = modeltrail(&[command, folder.root(), "--quiet"]);
        assert!(quiet.stderr.is_empty(), "{}", text(&quiet.stderr));
        assert_eq!(quiet.stdout, output.stdout);
    }
    let output = modeltrail(&["watch", folder.root(), "--once"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}
