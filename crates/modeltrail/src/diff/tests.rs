use super::*;
use serde_json::{Value, json};

fn checkpoint(name: &str, w: &[f32], v: &[f32]) -> Checkpoint {
    Checkpoint::of_vectors(name, &[("w", w), ("v", v)])
}

fn compared(a: &Checkpoint, b: &Checkpoint, frozen: &[&str]) -> (Diff, Value) {
    let frozen: Vec<Pattern> = frozen.iter().map(|p| Pattern::new(p).unwrap()).collect();
    let options = DiffOptions {
        frozen: &frozen,
        ..DiffOptions::default()
    };
    let diff = diff(a, b, &options).unwrap();
    let json = serde_json::to_value(&diff).unwrap();
    (diff, json)
}

#[test]
fn identical_is_said_only_if_all_tensors_were_read() {
    let a = checkpoint("a", &[1.0, 2.0], &[3.0]);
    let (found, json) = compared(&a, &a, &[]);
    assert_eq!(json["verdict"], json!({"kind": "identical"}));
    assert!(!found.is_undecided());
    let b = checkpoint("b", &[1.0, 2.0], &[3.0]).with_unread("u");
    for (a, b) in [(&a, &b), (&b, &a)] {
        let (found, json) = compared(a, b, &[]);
        assert_eq!(json["verdict"], json!({"kind": "cannot_tell"}));
        assert_eq!(json["coverage"]["unread"][0]["tensor"], "u");
        assert!(found.is_undecided() && !found.has_findings());
        let page = found.to_string();
        assert!(page.contains("verdict: cannot tell"), "{page}");
        assert!(
            page.contains("1 tensor could not be read: u of b (F8"),
            "{page}"
        );
    }
}

#[test]
fn sketches_are_identical_only_if_all_tensors_were_read() {
    let a = checkpoint("a", &[1.0, 2.0], &[3.0]);
    let (_, json) = compared(&a, &a.sketched(), &[]);
    assert_eq!(json["verdict"], "identical");
    let (found, json) = compared(&a, &a.sketched().with_unread("u"), &[]);
    assert_eq!(json["verdict"], "cannot_tell");
    assert!(found.is_undecided());
    assert!(found.to_string().contains("verdict: cannot tell"));
}

#[test]
fn a_tensor_that_one_has_and_the_other_could_not_read_is_not_missing() {
    let a = checkpoint("a", &[1.0, 2.0], &[3.0]);
    let b = Checkpoint::of_vectors("b", &[("w", &[1.0, 2.0])]).with_unread("v");
    let (_, json) = compared(&a, &b, &[]);
    assert_eq!(json["only_a"], json!([]));
    let (_, json) = compared(&a.sketched(), &b, &[]);
    assert_eq!(json["only_a"], json!([]));
}

#[test]
fn a_tensor_that_could_not_be_read_is_not_known_to_be_frozen() {
    let a = checkpoint("a", &[1.0, 2.0], &[3.0]);
    let b = checkpoint("b", &[1.0, 2.0], &[3.0]).with_unread("u");
    for (a, b) in [(&a, &b), (&a.sketched(), &b)] {
        let (found, json) = compared(a, b, &["u"]);
        assert!(found.has_findings());
        assert_eq!(json["not_frozen"][0]["tensor"], "u");
        let (found, _) = compared(a, b, &["w"]);
        assert!(!found.has_findings());
    }
}

#[test]
fn a_pattern_that_matches_no_tensor_is_an_error() {
    let a = checkpoint("a", &[1.0, 2.0], &[3.0]);
    let frozen = [Pattern::new("x*").unwrap()];
    let options = DiffOptions {
        frozen: &frozen,
        ..DiffOptions::default()
    };
    let error = diff(&a, &a, &options).unwrap_err();
    assert_eq!(error.kind(), "no_tensor_matches");
}
