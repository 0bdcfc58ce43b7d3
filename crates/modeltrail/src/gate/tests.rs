use super::*;
use crate::error::Error;
use budget::{Rule, Total};

const BODY: [f32; 4] = [3.0, 0.0, 4.0, 0.0];

/// A body of length 5 and a head of length 1, each scaled.
fn model(name: &str, body: f32, head: f32) -> Checkpoint {
    let body = BODY.map(|value| value * body);
    Checkpoint::of_vectors(name, &[("body", &body), ("head", &[head])])
}

fn total(relative: f64) -> Budget {
    Budget {
        total: Total {
            relative: Some(relative),
            ..Total::default()
        },
        ..Budget::default()
    }
}

fn tensor(name: &str, relative: f64) -> Budget {
    Budget {
        tensors: vec![Rule {
            name: name.to_owned(),
            relative,
        }],
        ..Budget::default()
    }
}

fn judge(budget: &Budget, candidate: &Checkpoint) -> Judgement {
    budget
        .judge(&model("a", 1.0, 1.0), candidate, None)
        .unwrap()
}

#[test]
fn a_candidate_is_within_a_budget_or_over_it() {
    let moved = model("b", 1.1, 1.1);
    assert_eq!(judge(&total(0.11), &moved).verdict(), Verdict::Within);
    assert_eq!(judge(&total(0.09), &moved).verdict(), Verdict::Retest);
}

#[test]
fn weights_that_are_not_finite_are_to_be_tested_again_even_if_others_could_not_be_read() {
    let broken = model("b", 1.0, f32::NAN);
    assert_eq!(judge(&total(9.0), &broken).verdict(), Verdict::Retest);
    let partial = broken.with_unread("tail");
    assert_eq!(judge(&total(9.0), &partial).verdict(), Verdict::Retest);
}

#[test]
fn nothing_is_within_a_budget_where_tensors_could_not_be_read() {
    let same = model("b", 1.0, 1.0).with_unread("tail");
    let judgement = judge(&total(9.0), &same);
    assert_eq!(judgement.verdict(), Verdict::CannotTell);
    assert_eq!(judgement.limits[0].status, Status::NotMeasured);
    assert!(!judgement.coverage().is_complete());
    let page = judgement.to_string();
    assert!(page.starts_with("CANNOT TELL: "), "{page}");
    assert!(page.contains("tail of b (F8_E4M3: its type"), "{page}");
    assert!(!page.contains("Identical"), "{page}");
    let json = serde_json::to_value(&judgement).unwrap();
    assert_eq!(json["verdict"], "cannot_tell");
    assert_eq!(json["identical"], false);
    assert_eq!(json["coverage"]["weights_in_all"], 20);
    // Nor are sketches of it.
    let sketched = judge(&total(9.0), &same.sketched());
    assert_eq!(sketched.verdict(), Verdict::CannotTell);
}

#[test]
fn a_limit_on_tensors_holds_for_those_that_were_read() {
    let partial = model("b", 2.0, 1.0).with_unread("tail");
    let status = |name, limit| judge(&tensor(name, limit), &partial).limits[0].status;
    assert_eq!(status("head", 0.1), Status::Within);
    assert_eq!(status("tail", 0.1), Status::NotMeasured);
    assert_eq!(status("*", 9.0), Status::NotMeasured);
    // Whatever the others hold, this one is over.
    assert_eq!(status("*", 0.1), Status::Over);
    assert_eq!(
        judge(&tensor("*", 0.1), &partial).verdict(),
        Verdict::Retest
    );
    // A verdict on the whole is not given on the limits that could be measured.
    let judgement = judge(&tensor("head", 0.1), &partial);
    assert_eq!(judgement.verdict(), Verdict::CannotTell);
}

#[test]
fn a_limit_in_steps_needs_a_history_and_a_glob_a_tensor() {
    let steps = Budget {
        total: Total {
            steps: Some(3.0),
            ..Total::default()
        },
        ..Budget::default()
    };
    let (a, b) = (model("a", 1.0, 1.0), model("b", 1.0, 1.0));
    let refused = |budget: &Budget| budget.judge(&a, &b, None).unwrap_err();
    assert!(matches!(refused(&steps), Error::HistoryMissing));
    let error = refused(&tensor("tail.*", 1.0));
    assert!(matches!(error, Error::NoTensorMatches { pattern } if pattern == "tail.*"));
}

#[test]
fn junit_distinguishes_a_failure_from_what_is_not_known() {
    let moved = judge(&total(0.09), &model("b\"<&\u{1}", 1.1, 1.1)).to_junit();
    assert!(
        moved.contains("tests=\"3\" skipped=\"0\" failures=\"1\" errors=\"0\""),
        "{moved}"
    );
    assert!(moved.contains("b&quot;&lt;&amp;"), "{moved}");
    assert!(!moved.contains('\u{1}'), "{moved}");
    let partial = judge(&total(9.0), &model("b", 1.0, 1.0).with_unread("tail")).to_junit();
    assert!(
        partial.contains("tests=\"3\" skipped=\"0\" failures=\"0\" errors=\"2\""),
        "{partial}"
    );
}

/// A matrix of 20 rows of 10 that look random.
fn matrix() -> Vec<f32> {
    let value = |i: u32| ((i * 7919 + 13) % 1009) as f32 / 1009.0 - 0.5;
    (0..2000).map(value).collect()
}

fn with_matrix(name: &str, values: &[f32]) -> Checkpoint {
    let mut tensors = crate::Tensors::new();
    tensors.add("embedding", &[200, 10], values).unwrap();
    Checkpoint::from_source(
        name,
        std::sync::Arc::new(tensors),
        &crate::collection::Options::default(),
    )
    .unwrap()
}

#[test]
fn one_flipped_row_two_exchanged_ones_and_a_zeroed_column_are_over_the_usual_budget() {
    let values = matrix();
    let accredited = with_matrix("a", &values);
    let judged = |change: &dyn Fn(&mut Vec<f32>)| {
        let mut candidate = values.clone();
        change(&mut candidate);
        let candidate = with_matrix("b", &candidate);
        Budget::usual(false)
            .judge(&accredited, &candidate, None)
            .unwrap()
    };
    let flipped = judged(&|values| values[30..40].iter_mut().for_each(|x| *x = -*x));
    assert_eq!(flipped.verdict(), Verdict::Retest);
    let lines = flipped
        .limits
        .iter()
        .find(|limit| limit.of == "rows and columns")
        .unwrap();
    assert_eq!(lines.worst.as_deref(), Some("embedding, row 3"));
    let exchanged = judged(&|values| {
        let (front, back) = values.split_at_mut(1000);
        front[..10].swap_with_slice(&mut back[..10]);
    });
    assert_eq!(exchanged.verdict(), Verdict::Retest);
    let zeroed = judged(&|values| values.iter_mut().skip(4).step_by(10).for_each(|x| *x = 0.0));
    assert_eq!(zeroed.verdict(), Verdict::Retest);
    let rounded = judged(&|values| {
        values
            .iter_mut()
            .for_each(|x| *x = (*x * 256.0).round() / 256.0)
    });
    assert_eq!(rounded.verdict(), Verdict::Within);
}
