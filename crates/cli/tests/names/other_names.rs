//! The same tensors under other names, and other tensors.

use crate::models::{classifier, gate, noise, renamed, write};
use crate::support::{self, Folder, json, modeltrail, text};
use serde_json::{Value, json as value};

/// What a tensor of this name is called elsewhere.
type Renamed<'a> = &'a dyn Fn(&str) -> String;

#[test]
fn one_model_under_other_names_is_the_same_model_in_every_command() {
    let folder = Folder::new();
    let plain = write(&folder, "plain.safetensors", &classifier(1, 5));
    let other = |name: &str| match name.split_once('.') {
        Some(("fc1", last)) => format!("layer_a/{last}").replace("weight", "kernel"),
        Some(("fc2", last)) => format!("layer_b/{last}").replace("weight", "kernel"),
        Some((_, last)) => format!("classes/{last}").replace("weight", "kernel"),
        None => name.to_owned(),
    };
    let names: [(&str, Renamed<'_>); 4] = [
        ("model", &|name| format!("model.{name}")),
        ("nested", &|name| format!("net.module.{name}")),
        ("parts", &|name| {
            name.replace("fc", "layers.").replace("head", "out.0")
        }),
        ("other", &other),
    ];
    for (file, name) in names {
        let renamed = renamed(classifier(1, 5), name);
        let wrapped = write(&folder, &format!("{file}.safetensors"), &renamed);
        let answer = json(&["diff", &plain, &wrapped], 0);
        assert_eq!(answer["verdict"], value!({"kind": "identical"}), "{file}");
        assert_eq!(answer["mapping"]["tensors"].as_array().unwrap().len(), 6);
        let page = text(&modeltrail(&["diff", &plain, &wrapped]).stdout);
        assert!(page.contains("the same model under other names"), "{page}");
        let answer = gate(&plain, &wrapped, 0);
        assert_eq!(
            (&answer["verdict"], &answer["identical"]),
            (&value!("within"), &value!(true))
        );
        let answer = json(&["lineage", &wrapped, "--against", &plain], 0);
        assert_eq!(answer["verdict"], "identical");
        let answer = json(&["runs", &plain, &wrapped], 0);
        assert_eq!(answer["groups"].as_array().unwrap().len(), 1, "{file}");
        assert_eq!(answer["groups"][0]["taken"][0]["checkpoints"], 1);
        let page = text(&modeltrail(&["runs", &plain, &wrapped]).stdout);
        assert!(
            page.contains("the weights of both are the same, bit for bit"),
            "{page}"
        );
    }
}

#[test]
fn unrelated_models_of_one_architecture_under_other_names_stay_different() {
    let folder = Folder::new();
    let plain = write(&folder, "a.safetensors", &classifier(1, 5));
    for (file, name) in [
        (
            "wrapped",
            (&|name: &str| format!("model.{name}")) as &dyn Fn(&str) -> String,
        ),
        ("other", &|name: &str| {
            name.replace("fc1", "x")
                .replace("fc2", "y")
                .replace("head", "z")
        }),
    ] {
        let unrelated = renamed(classifier(2, 5), name);
        let unrelated = write(&folder, &format!("{file}.safetensors"), &unrelated);
        let page = text(&modeltrail(&["diff", &plain, &unrelated]).stdout);
        let is_different = ["training, or another run", "these are different models"];
        assert!(
            is_different.iter().any(|text| page.contains(text)),
            "{page}"
        );
        let output = modeltrail(&["gate", "--accredited", &plain, "--candidate", &unrelated]);
        assert!(matches!(output.status.code(), Some(1 | 2)));
        assert!(!text(&output.stdout).contains("WITHIN"));
        let answer = json(&["lineage", &unrelated, "--against", &plain], 1);
        assert_eq!(answer["verdict"], "none", "{file}");
    }
}

#[test]
fn a_run_that_changes_its_names_on_the_way_is_one_run() {
    let folder = Folder::new();
    for epoch in 0..8 {
        let own = classifier(3, epoch);
        let own = if epoch < 4 {
            own
        } else {
            renamed(own, |name| format!("backbone.{name}"))
        };
        write(&folder, &format!("run/epoch-{epoch}.safetensors"), &own);
        let other = classifier(4, epoch);
        write(&folder, &format!("other/epoch-{epoch}.safetensors"), &other);
    }
    let answer = json(&["runs", folder.root()], 0);
    let groups = answer["groups"].as_array().unwrap();
    assert_eq!((groups.len(), &groups[0]["checkpoints"]), (1, &value!(16)));
    assert_eq!(groups[0]["families"].as_array().unwrap().len(), 2);
    let runs = groups[0]["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert_eq!(run["agreement"]["claimed"], run["agreement"]["in_order"]);
    }
    // As it was before: by name alone.
    let answer = json(&["runs", folder.root(), "--map", "exact"], 0);
    assert_eq!(answer["groups"].as_array().unwrap().len(), 2);
}

#[test]
fn a_map_is_a_file_of_names() {
    let folder = Folder::new();
    let a = write(&folder, "a.safetensors", &classifier(1, 5));
    // Of two trainings neither names nor values say which layer is which.
    let other = renamed(classifier(2, 5), |name| {
        name.replace("fc1", "in")
            .replace("fc2", "mid")
            .replace("head", "out")
    });
    let b = write(&folder, "b.safetensors", &other);
    std::fs::write(
        folder.path("map.toml"),
        "\"fc1.*\" = \"in.*\"\n\"fc2.*\" = \"mid.*\"\n\"head.*\" = \"out.*\"\n",
    )
    .unwrap();
    let map = folder.shown("map.toml");
    let answer = json(&["diff", &a, &b, "--map", &map], 0);
    assert_eq!(answer["tensors"].as_array().unwrap().len(), 6);
    assert_eq!(answer["mapping"]["tensors"][0]["by"], "file");
    assert_eq!(gate_with_map(&a, &b, &map)["verdict"], "retest");
    std::fs::write(folder.path("map.toml"), "fc1 = 3\n").unwrap();
    support::refused(
        &["diff", &a, &b, "--map", &map],
        &["map.toml", "\"fc1.weight\" = "],
    );
    support::refused(
        &["diff", &a, &b, "--map", "nothing.toml"],
        &["nothing.toml"],
    );
}

fn gate_with_map(a: &str, b: &str, map: &str) -> Value {
    json(
        &["gate", "--accredited", a, "--candidate", b, "--map", map],
        1,
    )
}

#[test]
fn exchanged_layers_under_other_names_are_no_copy_of_the_model() {
    let folder = Folder::new();
    let mut tensors = classifier(1, 5);
    tensors.retain(|tensor| tensor.0 != "fc1.weight" && tensor.0 != "fc1.bias");
    for (name, salt) in [("fc1.weight", 70), ("fc3.weight", 71)] {
        tensors.push((name.to_owned(), vec![24, 24], noise(576, salt)));
    }
    let plain = write(&folder, "a.safetensors", &tensors);
    let exchanged = renamed(tensors, |name| match name.split_once('.') {
        Some(("fc1", last)) => format!("layer3_{last}"),
        Some(("fc2", last)) => format!("layer2_{last}"),
        Some(("fc3", last)) => format!("layer1_{last}"),
        _ => name.replace("head.", "classes_"),
    });
    let exchanged = write(&folder, "b.safetensors", &exchanged);
    let answer = json(&["diff", &plain, &exchanged], 1);
    assert_eq!(answer["verdict"]["kind"], "identical_in_another_order");
    let page = text(&modeltrail(&["diff", &plain, &exchanged]).stdout);
    assert!(!page.contains("the same model under other names"), "{page}");
    assert_eq!(gate(&plain, &exchanged, 1)["identical"], false);
}
