use super::*;
use crate::source::{TensorSource, Tensors};
use serde_json::json;
use std::sync::Arc;

/// Units of every layer, from the input to the output.
const SIDES: [usize; 4] = [8, 24, 16, 4];
const NAMES: [&str; 3] = ["fc1.weight", "fc2.weight", "head.weight"];

/// Numbers of mean 0 and variance 1 that look random.
fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03;
    let mut unit = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    (0..count).map(|_| 12f32.sqrt() * unit()).collect()
}

/// A network without biases: one matrix [out, in] per layer.
#[derive(Clone)]
struct Net(Vec<Vec<f32>>);

impl Net {
    fn new(seed: u64) -> Self {
        let layers = SIDES.windows(2).zip(0..);
        Self(
            layers
                .map(|(sides, layer)| noise(sides[0] * sides[1], 10 * seed + layer))
                .collect(),
        )
    }

    /// Trained on, by so much of the weights.
    fn moved(&self, by: f32, seed: u64) -> Self {
        let layers = self.0.iter().zip(500..);
        let moved = layers.map(|(layer, salt)| {
            let steps = noise(layer.len(), 1000 * seed + salt);
            layer.iter().zip(steps).map(|(w, s)| w + by * s).collect()
        });
        Self(moved.collect())
    }

    /// The same function, with the hidden units turned around.
    fn permuted(&self) -> Self {
        let mut net = self.clone();
        for layer in 0..2 {
            net.0[layer].rotate_left(5 * SIDES[layer]);
            for row in net.0[layer + 1].chunks_exact_mut(SIDES[layer + 1]) {
                row.rotate_left(5);
            }
        }
        net
    }

    fn tensors(&self) -> Tensors {
        let mut tensors = Tensors::new();
        for ((name, values), inputs) in NAMES.iter().zip(&self.0).zip(SIDES) {
            let shape = [values.len() / inputs, inputs];
            tensors.add(*name, &shape, values.clone()).unwrap();
        }
        tensors
    }

    fn suspect(&self) -> Checkpoint {
        Checkpoint::from_source("suspect", Arc::new(self.tensors()), &Options::default()).unwrap()
    }
}

/// Six unrelated networks.
fn unrelated() -> Vec<Net> {
    (0..6).map(Net::new).collect()
}

fn ask(suspect: &Checkpoint, against: &[Net]) -> Lineage {
    let sources = against.iter().enumerate().map(|(i, net)| {
        let source: Arc<dyn TensorSource> = Arc::new(net.tensors());
        (format!("run-{i}"), source)
    });
    let options = Options::default();
    let candidates = Candidates::from_sources(sources, suspect, &options);
    lineage(suspect, candidates, Some(against.len()), &options).unwrap()
}

fn nearest(found: &Lineage) -> &str {
    let best = &found.compared[0];
    best.name(best.nearest().unwrap().member)
}

#[test]
fn a_copy_is_identical() {
    let found = ask(&Net::new(3).suspect(), &unrelated());
    assert_eq!(found.relation(), Relation::Identical);
    assert_eq!(nearest(&found), "run-3");
    assert!(found.coverage().is_complete());
    // Six networks and the suspect.
    let weights = 7 * (8 * 24 + 24 * 16 + 16 * 4);
    assert_eq!(found.coverage().weights_read, weights);
}

#[test]
fn a_network_that_was_trained_on_is_derived_from_where_it_started() {
    let found = ask(&Net::new(3).moved(0.3, 1).suspect(), &unrelated());
    assert_eq!(found.relation(), Relation::Derived);
    assert_eq!(nearest(&found), "run-3");
    let best = &found.compared[0];
    assert_eq!(best.grounds, verdict::Grounds::OrderOfUnits);
    assert!(best.ln_p.unwrap() < -40.0);
    assert!(best.also_related.is_empty() && best.tested == 5);
}

#[test]
fn networks_from_one_start_share_a_start() {
    let start = Net::new(50);
    let against: Vec<Net> = (0..6).map(|seed| start.moved(0.5, seed)).collect();
    let found = ask(&start.moved(0.5, 9).suspect(), &against);
    assert_eq!(found.relation(), Relation::SharedStart);
    assert_eq!(found.compared[0].also_related.len(), 5);
}

#[test]
fn an_unrelated_network_has_no_relation() {
    let found = ask(&Net::new(9).suspect(), &unrelated());
    assert_eq!(found.relation(), Relation::None);
    assert!(!found.is_related());
    assert!(found.compared[0].place.is_none());
}

#[test]
fn permuted_units_are_put_back_before_distances_are_compared() {
    let found = ask(
        &Net::new(3).moved(0.2, 1).permuted().suspect(),
        &unrelated(),
    );
    assert_eq!(found.relation(), Relation::Derived);
    assert_eq!(nearest(&found), "run-3");
    let best = &found.compared[0];
    assert_eq!(best.grounds, verdict::Grounds::MatchedUnits);
    assert!(best.is_aligned && best.alignments == 6);
    assert_eq!(best.alignment.as_ref().unwrap().moved, 40);
    assert!(best.nearest().unwrap().relative < 0.25);
}

#[test]
fn with_too_few_unrelated_runs_permuted_units_are_believed_by_how_well_they_match() {
    let against = &unrelated()[2..5];
    let found = ask(&Net::new(3).moved(0.2, 1).permuted().suspect(), against);
    assert_eq!(found.relation(), Relation::Derived);
    assert_eq!(found.compared[0].grounds, verdict::Grounds::MatchedUnits);
}

#[test]
fn no_relation_is_not_said_of_a_suspect_that_was_not_read_as_a_whole() {
    let found = ask(&Net::new(9).suspect().with_unread("scale"), &unrelated());
    assert_eq!(found.relation(), Relation::CannotTell);
    assert!(!found.is_related() && !found.coverage().is_complete());
    let page = found.to_string();
    assert!(page.starts_with("CANNOT TELL: no relation"), "{page}");
    assert!(page.contains("scale of suspect (F8_E4M3"), "{page}");
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["verdict"], "cannot_tell");
    assert_eq!(json["coverage"]["unread"][0]["tensor"], json!("scale"));
}

#[test]
fn a_copy_of_what_could_be_read_is_related_and_not_identical() {
    let found = ask(&Net::new(3).suspect().with_unread("scale"), &unrelated());
    assert_eq!(found.relation(), Relation::Derived);
    let page = found.to_string();
    assert!(
        page.starts_with("RELATED: suspect is nearest to run-3"),
        "{page}"
    );
    assert!(
        page.contains("all tensors that could be read are the same bits"),
        "{page}"
    );
}

#[test]
fn a_relation_that_was_found_holds_whatever_could_not_be_read() {
    let suspect = Net::new(3).moved(0.3, 1).suspect().with_unread("scale");
    assert_eq!(ask(&suspect, &unrelated()).relation(), Relation::Derived);
}

#[test]
fn sketches_are_compared_by_distances_alone() {
    let suspect = Net::new(3).moved(0.3, 1).suspect().sketched();
    let found = ask(&suspect, &unrelated());
    assert_eq!(found.relation(), Relation::Derived);
    assert_eq!(found.compared[0].grounds, verdict::Grounds::UnrelatedRuns);
    assert!(found.compared[0].is_sketched());
}

#[test]
fn what_cannot_be_compared_is_an_error_that_says_why() {
    let options = Options::default();
    let refused = |suspect: &Checkpoint, against: &[Net]| {
        let sources = against.iter().map(|net| {
            let source: Arc<dyn TensorSource> = Arc::new(net.tensors());
            ("run", source)
        });
        let candidates = Candidates::from_sources(sources, suspect, &options);
        lineage(suspect, candidates, None, &options).unwrap_err()
    };
    let mut broken = Net::new(3);
    broken.0[1][5] = f32::NAN;
    let error = refused(&broken.suspect(), &unrelated());
    assert_eq!(error.kind(), "not_finite");
    assert!(error.to_string().contains("1 in fc2.weight"), "{error}");
    let other = Checkpoint::of_vectors("x", &[("fc1.weight", &[1.0; 8])]);
    let error = refused(&other, &unrelated());
    assert_eq!(error.kind(), "nothing_in_common");
    assert!(
        error
            .to_string()
            .contains("fc1.weight is [24, 8] and not [8]"),
        "{error}"
    );
    assert_eq!(refused(&other, &[]).kind(), "nothing_read");
}
