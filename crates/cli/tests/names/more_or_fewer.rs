//! Tensors, or rows of one, that only one of two models has.

use crate::models::{Owned, classifier, gate, noise, write};
use crate::support::{self, Folder, json, modeltrail, text};
use serde_json::json as value;

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
    // Of a part that is not said.
    assert_eq!(answer["verdict"], "derived");
    assert!(answer["groups"][0]["compared_share"].as_f64().unwrap() < 1.0);
}
