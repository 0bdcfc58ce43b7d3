//! One model under other names, in other wrappers, with a few tensors more or fewer; and models that
//! only look like one.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use serde_json::{Value, json as value};
use support::{Folder, json, modeltrail, text};

/// A tensor: its name, its shape and its values.
type Owned = (String, Vec<usize>, Vec<f32>);

/// Numbers that look random, of mean 0.
fn noise(count: usize, salt: u64) -> Vec<f32> {
    let mut state = salt.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    let mut unit = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    (0..count).map(|_| unit()).collect()
}

/// A classifier after so many epochs of a training: every epoch moves it along the same way.
fn classifier(seed: u64, epoch: usize) -> Vec<Owned> {
    let shapes: [(&str, &[usize]); 6] = [
        ("fc1.weight", &[24, 16]),
        ("fc1.bias", &[24]),
        ("fc2.weight", &[24, 24]),
        ("fc2.bias", &[24]),
        ("head.weight", &[10, 24]),
        ("head.bias", &[10]),
    ];
    let tensors = shapes.iter().zip(1..);
    let tensors = tensors.map(|((name, shape), index)| {
        let count = shape.iter().product();
        let start = noise(count, 100 * seed + index);
        let along = noise(count, 100 * seed + 50 + index);
        let jitter = noise(count, 10_000 * seed + 100 * epoch as u64 + index);
        let moved = start.iter().zip(along).zip(jitter);
        let values = moved.map(|((w, a), j)| w + 0.03 * epoch as f32 * a + 0.01 * j);
        ((*name).to_owned(), shape.to_vec(), values.collect())
    });
    tensors.collect()
}

fn renamed(tensors: Vec<Owned>, name: impl Fn(&str) -> String) -> Vec<Owned> {
    let tensors = tensors.into_iter();
    tensors
        .map(|(own, shape, values)| (name(&own), shape, values))
        .collect()
}

fn write(folder: &Folder, name: &str, tensors: &[Owned]) -> String {
    let tensors: Vec<_> = tensors
        .iter()
        .map(|(name, shape, values)| (name.as_str(), shape.as_slice(), values.as_slice()))
        .collect();
    folder.write(name, &tensors);
    folder.shown(name)
}

fn gate(accredited: &str, candidate: &str, status: i32) -> Value {
    json(
        &["gate", "--accredited", accredited, "--candidate", candidate],
        status,
    )
}

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
        let stranger = renamed(classifier(2, 5), name);
        let stranger = write(&folder, &format!("{file}.safetensors"), &stranger);
        let page = text(&modeltrail(&["diff", &plain, &stranger]).stdout);
        let is_different = ["training, or another run", "these are different models"];
        assert!(
            is_different.iter().any(|text| page.contains(text)),
            "{page}"
        );
        let output = modeltrail(&["gate", "--accredited", &plain, "--candidate", &stranger]);
        assert!(matches!(output.status.code(), Some(1 | 2)));
        assert!(!text(&output.stdout).contains("WITHIN"));
        let answer = json(&["lineage", &stranger, "--against", &plain], 1);
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
    assert_eq!(groups[0]["verdict"], "separated");
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
fn a_few_tensors_more_make_no_other_architecture_and_are_said() {
    let folder = Folder::new();
    let plain = write(&folder, "a.safetensors", &classifier(1, 5));
    let mut more = classifier(1, 5);
    more.push(("aux.weight".to_owned(), vec![4, 16], noise(64, 9)));
    let more = write(&folder, "b.safetensors", &more);
    let answer = json(&["diff", &plain, &more], 0);
    assert_eq!(answer["verdict"]["kind"], "identical_in_common");
    assert_eq!(answer["only_b"], value!(["aux.weight"]));
    assert_eq!(
        answer["coverage"]["not_compared"][0]["tensor"],
        "aux.weight"
    );
    let page = text(&modeltrail(&["diff", &plain, &more]).stdout);
    assert!(
        page.contains("identical in all that both have, 95.2 % of the weights"),
        "{page}"
    );
    // For the gate it is a reason to test again, in whichever of the two it is.
    for (a, b, word) in [(&plain, &more, "is new"), (&more, &plain, "is missing")] {
        let answer = gate(a, b, 1);
        assert_eq!(answer["identical"], false);
        assert_eq!(
            answer["other_tensors"],
            value!([format!("aux.weight {word}")])
        );
    }
    let output = modeltrail(&["runs", &plain, &more]);
    let page = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{page}");
    assert!(
        page.contains("not compared, since not all have it in the same shape: aux.weight"),
        "{page}"
    );
    assert!(page.contains("bit for bit in all that both have"), "{page}");
}

#[test]
fn copies_in_what_all_have_are_no_copies_where_both_have_more_and_that_differs() {
    let folder = Folder::new();
    let own = |head: Option<u64>| {
        let mut tensors = classifier(1, 5);
        tensors.extend(head.map(|salt| ("aux.weight".to_owned(), vec![4, 16], noise(64, salt))));
        tensors
    };
    write(&folder, "one.safetensors", &own(Some(1)));
    write(&folder, "two.safetensors", &own(Some(2)));
    write(&folder, "none.safetensors", &own(None));
    let answer = json(&["runs", folder.root()], 0);
    let checkpoints = answer["groups"][0]["runs"][0]["checkpoints"]
        .as_array()
        .unwrap();
    assert_eq!(checkpoints.len(), 2, "{checkpoints:#?}");
}

#[test]
fn less_than_half_in_common_is_another_architecture() {
    let folder = Folder::new();
    let whole = write(&folder, "a.safetensors", &classifier(1, 5));
    let part: Vec<Owned> = classifier(1, 5)
        .into_iter()
        .filter(|one| one.0.contains("fc1"))
        .collect();
    let part = write(&folder, "b.safetensors", &part);
    let answer = json(&["diff", &whole, &part], 1);
    assert_eq!(answer["verdict"]["kind"], "identical_in_common");
    assert!(answer["share_in_both"].as_f64().unwrap() < 0.5);
    let page = text(&modeltrail(&["diff", &whole, &part]).stdout);
    assert!(
        page.contains("another architecture: only 32.4 % of the weights are in both"),
        "{page}"
    );
    support::refused(
        &["gate", "--accredited", &whole, "--candidate", &part],
        &["head.weight is missing"],
    );
    let page = text(&modeltrail(&["runs", &whole, &part]).stdout);
    assert!(page.contains("another architecture"), "{page}");
}

/// A language model whose output layer is its embedding: `head` says whether both names are stored.
fn language_model(epoch: usize, rows: usize, has_embed: bool, has_head: bool) -> Vec<Owned> {
    let mut tensors = classifier(7, epoch);
    let mut embed = noise(20 * 16, 900);
    let moved = noise(embed.len(), 950 + epoch as u64);
    for (value, step) in embed.iter_mut().zip(moved) {
        *value += 0.02 * step;
    }
    embed.extend(noise((rows - 20) * 16, 77));
    for (name, is_there) in [("embed.weight", has_embed), ("lm_head.weight", has_head)] {
        if is_there {
            tensors.push((name.to_owned(), vec![rows, 16], embed.clone()));
        }
    }
    tensors
}

#[test]
fn an_output_layer_that_is_stored_once_explains_itself() {
    let folder = Folder::new();
    let forms = [
        ("both", true, true),
        ("embed", true, false),
        ("head", false, true),
    ];
    for epoch in 0..5 {
        for (name, embed, head) in forms {
            let tensors = language_model(epoch, 20, embed, head);
            write(
                &folder,
                &format!("{name}/epoch-{epoch}.safetensors"),
                &tensors,
            );
        }
    }
    let path = |form: &str| folder.shown(&format!("{form}/epoch-4.safetensors"));
    for (a, b) in [
        ("both", "embed"),
        ("embed", "both"),
        ("both", "head"),
        ("head", "both"),
    ] {
        let answer = json(&["diff", &path(a), &path(b)], 0);
        assert_eq!(answer["verdict"]["kind"], "identical", "{a} {b}");
        assert_eq!(gate(&path(a), &path(b), 0)["identical"], true);
    }
    let answer = json(&["runs", folder.root()], 0);
    assert_eq!(answer["groups"].as_array().unwrap().len(), 1);
    let run = &answer["groups"][0]["runs"][0];
    assert_eq!(run["checkpoints"].as_array().unwrap().len(), 5, "{run:#}");
    assert_eq!(run["checkpoints"][0]["copies"].as_array().unwrap().len(), 2);
    // One that is not the embedding again is missing.
    let mut untied = language_model(4, 20, true, true);
    untied.last_mut().unwrap().2 = noise(320, 5);
    let untied = write(&folder, "untied.safetensors", &untied);
    let answer = gate(&untied, &path("embed"), 1);
    assert_eq!(
        answer["other_tensors"],
        value!(["lm_head.weight is missing"])
    );
}

#[test]
fn rows_that_were_added_to_a_vocabulary_are_named_and_the_others_compared() {
    let folder = Folder::new();
    let before = write(&folder, "a.safetensors", &language_model(3, 20, true, true));
    let after = write(&folder, "b.safetensors", &language_model(3, 23, true, true));
    let page = text(&modeltrail(&["diff", &before, &after]).stdout);
    let said = "embed.weight: 20 of 23 rows are in both and compared; rows 20 to 22 are only in B";
    assert!(page.contains(said), "{page}");
    assert!(page.contains("identical in all that both have"), "{page}");
    let answer = gate(&before, &after, 1);
    assert_eq!(
        answer["other_tensors"][0],
        "embed.weight has 23 rows and not 20"
    );
    let answer = json(&["lineage", &after, "--against", &before], 0);
    assert_eq!(answer["verdict"], "identical");
    assert!(answer["groups"][0]["compared_share"].as_f64().unwrap() < 1.0);
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

/// A file of one tensor of f32 and one of another type, with these bytes.
fn mixed(path: &std::path::Path, dtype: &str, shape: &[usize], bytes: &[u8]) {
    let bias: Vec<u8> = noise(8, 1)
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let end = bias.len() + bytes.len();
    let header = value!({
        "bias": {"dtype": "F32", "shape": [8], "data_offsets": [0, bias.len()]},
        "weight": {"dtype": dtype, "shape": shape, "data_offsets": [bias.len(), end]},
    });
    let header = serde_json::to_vec(&header).unwrap();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(bias);
    file.extend(bytes);
    std::fs::write(path, file).unwrap();
}

#[test]
fn tensors_that_cannot_be_read_are_compared_byte_by_byte() {
    let folder = Folder::new();
    let bytes: Vec<u8> = (0..64).collect();
    let mut other = bytes.clone();
    other[9] ^= 1;
    for (name, bytes) in [("a", &bytes), ("same", &bytes), ("other", &other)] {
        mixed(
            &folder.path(&format!("{name}.safetensors")),
            "F99",
            &[8, 8],
            bytes,
        );
    }
    let [a, same, other] =
        ["a", "same", "other"].map(|name| folder.shown(&format!("{name}.safetensors")));
    let answer = json(&["diff", &a, &same], 0);
    assert_eq!(answer["verdict"]["kind"], "identical");
    assert_eq!(answer["bytes"]["unread"]["same"], value!(["weight"]));
    assert_eq!(gate(&a, &same, 0)["identical"], true);
    let frozen = json(&["diff", &a, &same, "--expect-frozen", "*"], 0);
    assert_eq!(frozen["not_frozen"], value!([]));
    let lineage = json(&["lineage", &a, "--against", &same], 0);
    assert_eq!(lineage["verdict"], "identical");
    let answer = json(&["diff", &a, &other], 2);
    assert_eq!(answer["verdict"]["kind"], "changed_by_unknown_amount");
    assert_eq!(gate(&a, &other, 2)["verdict"], "cannot_tell");
    let lineage = json(&["lineage", &a, "--against", &other], 2);
    assert_eq!(lineage["verdict"], "cannot_tell");
    let page = text(&modeltrail(&["runs", &a, &other]).stdout);
    assert!(!page.contains("bit-identical"), "{page}");
    // A sketch of what could be read says nothing of the rest.
    let kept = folder.shown("kept.json");
    let sketch = ["sketch", &a, &other, "--out", &kept, "--allow-unread"];
    assert_eq!(modeltrail(&sketch).status.code(), Some(0));
    let page = text(&modeltrail(&["runs", &kept]).stdout);
    assert!(!page.contains("one distinct checkpoint"), "{page}");
}

#[test]
fn numbers_of_f64_are_the_same_only_with_all_their_digits() {
    let folder = Folder::new();
    let numbers = |times: f64| -> Vec<u8> {
        let values = noise(64, 3)
            .into_iter()
            .map(|value| f64::from(value) * times);
        values.flat_map(f64::to_le_bytes).collect()
    };
    let single: Vec<u8> = noise(64, 3)
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    for (name, dtype, bytes) in [
        ("a", "F64", numbers(1.0 + 1e-12)),
        ("same", "F64", numbers(1.0 + 1e-12)),
        ("other", "F64", numbers(1.0 + 2e-12)),
        ("whole", "F64", numbers(1.0)),
        ("single", "F32", single),
    ] {
        mixed(
            &folder.path(&format!("{name}.safetensors")),
            dtype,
            &[8, 8],
            &bytes,
        );
    }
    let path = |name: &str| folder.shown(&format!("{name}.safetensors"));
    let verdict =
        |a: &str, b: &str| json(&["diff", &path(a), &path(b)], 0)["verdict"]["kind"].clone();
    assert_eq!(verdict("a", "same"), "identical");
    assert_eq!(verdict("a", "other"), "changed_beyond_f32");
    assert_eq!(verdict("a", "single"), "changed_beyond_f32");
    // The same numbers, only written with more digits.
    assert_eq!(verdict("whole", "single"), "identical");
    let lineage = |a: &str, b: &str| {
        json(&["lineage", &path(a), "--against", &path(b)], 0)["verdict"].clone()
    };
    assert_eq!(lineage("a", "same"), "identical");
    assert_ne!(lineage("a", "other"), "identical");
    assert_eq!(gate(&path("a"), &path("other"), 0)["identical"], false);
}
