use super::*;
use crate::collection::{Claims, From, PositionClaim, RunClaim};
use crate::coverage::Unread;
use crate::source::{TensorSource, Tensors};
use std::sync::Arc;

/// Where a run is after so many steps, of two tensors: 0.5 further in a straight line each.
fn values(step: f32) -> (Vec<f32>, Vec<f32>) {
    (vec![5.0 + 0.3 * step, 1.0, 2.0], vec![1.0 + 0.4 * step])
}

fn accredited(step: f32) -> Checkpoint {
    let (a, b) = values(step);
    Checkpoint::of_vectors("accredited", &[("a", &a), ("b", &b)])
}

/// The checkpoints of a run after these steps, with a claim each.
fn run(steps: &[f32]) -> Collection {
    let sources = steps.iter().map(|&step| {
        let (a, b) = values(step);
        let mut tensors = Tensors::new();
        tensors.add("a", &[3], a).unwrap();
        tensors.add("b", &[1], b).unwrap();
        let source: Arc<dyn TensorSource> = Arc::new(tensors);
        (format!("{step}"), source)
    });
    let mut collection =
        Collection::from_sources(sources, &Options::default(), &crate::progress::Silent).unwrap();
    for member in &mut collection.groups[0].members {
        let value = member.name.parse::<f32>().unwrap() as u64;
        member.claims.position = Some(PositionClaim {
            value,
            unit: Unit::Step,
            from: From::FileName,
        });
    }
    collection
}

fn history(collection: &Collection, step: f32) -> Result<History> {
    History::of(collection, &accredited(step), 0)
}

fn refused(collection: &Collection, word: &str) {
    let error = history(collection, 2.0).unwrap_err();
    assert_eq!(error.kind(), "history");
    assert!(error.to_string().contains(word), "{error}");
}

#[test]
fn a_step_is_the_median_of_the_newest_up_to_the_accredited_checkpoint() {
    // The step to 9 is six times as long, and comes later.
    let found = history(&run(&[3.0, 0.0, 9.0, 2.0, 1.0]), 3.0).unwrap();
    assert!((found.recent_step - 0.5).abs() < 1e-6, "{found:?}");
    assert_eq!((found.steps, found.checkpoints), (3, 5));
    assert!(found.is_claimed && found.has_accredited);
}

#[test]
fn without_the_accredited_checkpoint_the_steps_end_where_the_history_does() {
    let found = history(&run(&[0.0, 1.0, 2.0]), 7.0).unwrap();
    assert_eq!((found.steps, found.has_accredited), (2, false));
}

#[test]
fn an_accredited_checkpoint_that_is_not_finite_is_not_looked_for() {
    let broken = Checkpoint::of_vectors("x", &[("a", &[f32::NAN; 3]), ("b", &[1.0])]);
    let found = History::of(&run(&[0.0, 1.0, 2.0]), &broken, 0).unwrap();
    assert!(!found.has_accredited);
}

#[test]
fn without_claims_the_order_is_inferred_from_the_weights() {
    let mut collection = run(&[3.0, 0.0, 2.0, 1.0]);
    for member in &mut collection.groups[0].members {
        member.claims = Claims::default();
    }
    let found = history(&collection, 3.0).unwrap();
    assert!(!found.is_claimed && found.has_accredited);
    assert!((found.recent_step - 0.5).abs() < 1e-6, "{found:?}");
}

#[test]
fn two_checkpoints_that_claim_one_position_leave_the_order_to_the_weights() {
    let mut collection = run(&[3.0, 0.0, 2.0, 1.0]);
    let members = &mut collection.groups[0].members;
    members[0].claims.position = members[1].claims.position;
    assert_eq!(claimed_order(&collection.groups[0]), None);
}

#[test]
fn checkpoints_of_another_architecture_are_counted_and_skipped() {
    let mut collection = run(&[0.0, 1.0, 2.0]);
    let other = Checkpoint::of_vectors("accredited", &[("c", &[1.0])]);
    let error = History::of(&collection, &other, 0).unwrap_err();
    assert!(
        error.to_string().contains("none of its checkpoints"),
        "{error}"
    );
    let mut more = run(&[0.0, 1.0]).groups.pop().unwrap();
    more.layout.pop();
    collection.groups.push(more);
    assert_eq!(history(&collection, 2.0).unwrap().others, 2);
}

#[test]
fn a_history_that_is_not_complete_is_refused() {
    let mut unread = run(&[0.0, 1.0, 2.0]);
    unread.unread.push(Unread {
        checkpoint: "1".to_owned(),
        tensor: "a".to_owned(),
        dtype: "F8_E4M3".to_owned(),
        elements: None,
        reason: "its type is not supported".to_owned(),
    });
    refused(&unread, "tensor a of 1 could not be read");
    refused(&run(&[2.0]), "a step needs two");
    let mut mixed = run(&[0.0, 1.0, 2.0]);
    for (member, run) in mixed.groups[0].members.iter_mut().zip(["x", "y", "y"]) {
        member.claims.run = Some(RunClaim {
            value: run.to_owned(),
            from: From::FileName,
        });
    }
    refused(&mixed, "several runs (x, y)");
}
