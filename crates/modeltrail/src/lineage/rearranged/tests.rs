//! What people do to models, planted, with unrelated models beside it that the same was done to.

use super::super::{Candidates, Lineage, Relation, lineage};
use super::*;
use crate::planted::{Axis, Planted, SMALL, chain, save, shuffle, transformer, whole, with_units};
use std::path::PathBuf;
use weightspace::relation::rearranged::By;

/// The suspect beside three bases.
fn ask(suspect: &Planted, bases: &[Planted]) -> Lineage {
    ask_with(suspect, bases, &Options::default())
}

fn ask_with(suspect: &Planted, bases: &[Planted], options: &Options) -> Lineage {
    asked(suspect, bases, options).unwrap()
}

fn asked(suspect: &Planted, bases: &[Planted], options: &Options) -> Result<Lineage> {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("suspect.safetensors");
    save(suspect, &own);
    let paths: Vec<PathBuf> = (0..bases.len())
        .map(|place| folder.path().join(format!("base-{place}.safetensors")))
        .collect();
    bases
        .iter()
        .zip(&paths)
        .for_each(|(base, path)| save(base, path));
    let suspect = Checkpoint::open(&own, options).unwrap();
    let candidates = Candidates::read(&paths, &suspect, options);
    lineage(&suspect, candidates, Some(bases.len()), options)
}

/// The checkpoint that a relation was found to.
fn found_in(found: &Lineage) -> String {
    if found.is_related_apart() {
        return found.apart.as_ref().unwrap().name.clone();
    }
    let best = &found.compared[0];
    best.name(best.nearest().unwrap().member).to_owned()
}

fn log10_p(found: &Lineage) -> f64 {
    let best = found.compared.first().filter(|best| best.is_related());
    let ln_p = best.and_then(|best| best.ln_p);
    let apart = found
        .apart
        .as_ref()
        .and_then(Arrangement::grounds)
        .map(|(_, ln_p)| ln_p);
    ln_p.or(apart).unwrap_or(0.0) / std::f64::consts::LN_10
}

/// What was done to a model.
type Operation = (&'static str, fn(&Planted) -> Planted);

const OPERATIONS: [Operation; 12] = [
    ("stream renumbered", |model| {
        model.renumbered(|axis| axis == Axis::Stream, 5)
    }),
    ("stream and hidden units renumbered", |model| {
        model.renumbered(|axis| matches!(axis, Axis::Stream | Axis::Hidden(_)), 5)
    }),
    ("stream, heads and hidden units renumbered", |model| {
        model.renumbered(|axis| axis != Axis::Tokens, 5)
    }),
    ("signs of the stream flipped", |model| {
        model.picked(|axis, size| match axis {
            Axis::Stream => (0..size)
                .map(|at| (at, if at % 2 == 0 { -1.0 } else { 1.0 }))
                .collect(),
            _ => whole(size),
        })
    }),
    ("stream turned", |model| model.turned(32, 4)),
    ("hidden units cut by a quarter", |model| model.cut(3)),
    (
        "hidden units cut and renumbered, stream renumbered",
        |model| {
            model
                .cut(3)
                .renumbered(|axis| matches!(axis, Axis::Stream | Axis::Hidden(_)), 5)
        },
    ),
    ("two of four blocks dropped", |model| {
        model.without_blocks(&[0, 2])
    }),
    ("hidden units added", |model| model.widened(16, 2)),
    ("dimensions of the stream cut", |model| {
        model.picked(|axis, size| match axis {
            Axis::Stream => (0..size)
                .filter(|at| at % 4 != 1)
                .map(|at| (at, 1.0))
                .collect(),
            _ => whole(size),
        })
    }),
    ("stream turned and cut", |model| model.turned(24, 4)),
    (
        "blocks dropped, hidden units cut, stream renumbered",
        |model| {
            model
                .without_blocks(&[1])
                .cut(3)
                .renumbered(|axis| axis == Axis::Stream, 5)
        },
    ),
];

#[test]
fn whatever_is_done_to_a_transformer_its_base_is_found_and_unrelated_ones_are_not() {
    let bases: Vec<Planted> = (1..4).map(|seed| transformer(SMALL, seed)).collect();
    for (what, operation) in OPERATIONS {
        let found = ask(&operation(&bases[1].tuned(0.1, 1)), &bases);
        assert!(found.is_related(), "{what}: {found}");
        assert!(found_in(&found).starts_with("base-1"), "{what}: {found}");
        assert!(log10_p(&found) < -5.0, "{what}: {found}");
        println!("{what}: log10 p = {:.1}", log10_p(&found));
        let control = operation(&transformer(SMALL, 9));
        match asked(&control, &bases, &Options::default()) {
            Ok(control) => assert_eq!(
                control.relation(),
                Relation::None,
                "{what}, unrelated: {control}"
            ),
            // Of other shapes, and nothing of them is related.
            Err(error) => assert!(
                matches!(error, crate::Error::NothingInCommon { .. }),
                "{what}: {error}"
            ),
        }
    }
}

#[test]
fn chains_of_layers_too() {
    let bases: Vec<Planted> = (1..4).map(|seed| chain(&[24, 40, 32, 10], seed)).collect();
    let cut = |model: &Planted| {
        with_units(model, |layer, size| {
            let mut kept = shuffle(size, 3, layer as u64);
            kept.truncate(size * 3 / 4);
            kept
        })
    };
    let moved = |model: &Planted| with_units(model, |layer, size| shuffle(size, 3, layer as u64));
    let tuned = bases[1].tuned(0.1, 1);
    let other = chain(&[24, 40, 32, 10], 9);
    let changed = [
        ("cut", cut(&tuned), cut(&other)),
        ("moved", moved(&tuned), moved(&other)),
    ];
    for (what, tuned, other) in changed {
        let found = ask(&tuned, &bases);
        assert!(found.is_related(), "{what}: {found}");
        assert!(found_in(&found).starts_with("base-1"), "{what}: {found}");
        let control = ask(&other, &bases);
        assert_eq!(
            control.relation(),
            Relation::None,
            "{what}, unrelated: {control}"
        );
    }
}

#[test]
fn a_part_with_the_same_bits_is_related_and_not_identical() {
    let base = transformer(SMALL, 1);
    let shallow = base.without_blocks(&[3]);
    let found = ask(&shallow, std::slice::from_ref(&base));
    assert_eq!(found.relation(), Relation::Derived);
    let page = found.to_string();
    assert!(
        !page.contains("IDENTICAL") && page.contains("that both have are the same bits"),
        "{page}"
    );
    assert_eq!(
        ask(&base, std::slice::from_ref(&base)).relation(),
        Relation::Identical
    );
}

#[test]
fn layers_that_are_left_are_named_with_the_layers_that_they_were() {
    let base = transformer(SMALL, 1);
    let bases = [base.clone(), transformer(SMALL, 2)];
    let child = base.tuned(0.1, 1).without_blocks(&[0, 2]).cut(3);
    let found = ask(&child, &bases);
    let best = found.compared[0].rearranged.as_ref().unwrap();
    let pairs: Vec<(&str, &str, By)> = best
        .held
        .layers
        .iter()
        .map(|one| (&one.layer[13..14], &one.of[13..14], one.by))
        .collect();
    assert_eq!(pairs, [("0", "1", By::Weights), ("1", "3", By::Weights)]);
    assert!(found.to_string().contains("36 of 36"), "{found}");
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["groups"][0]["grounds"], "matched_units");
    assert_eq!(json["verdict"], "derived");
}

#[test]
fn a_model_of_other_shapes_is_related_in_part() {
    let base = transformer(SMALL, 1);
    let bases = [base.clone(), transformer(SMALL, 2)];
    let found = ask(&base.tuned(0.1, 1).turned(24, 4), &bases);
    let page = found.to_string();
    assert!(page.starts_with("RELATED IN PART"), "{page}");
    assert!(page.contains("turned back"), "{page}");
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["apart"]["grounds"], "rearranged");
    assert_eq!(json["verdict"], "derived");
    assert!(json["groups"].as_array().unwrap().is_empty());
}

#[test]
fn the_order_of_tensors_in_a_file_does_not_matter() {
    let base = chain(&[24, 40, 40, 10], 1);
    let as_stored = |model: &Planted, by_name: bool| {
        let mut model = model.clone();
        // PyTorch's order is weight, bias; by names it is bias, weight.
        model.0.sort_by_key(|one| {
            one.0
                .replace("weight", if by_name { "weight" } else { "a" })
        });
        model
    };
    let child = with_units(&base.tuned(0.3, 1), |layer, size| match layer {
        0 => (0..size).collect(),
        _ => shuffle(size, 3, 1),
    });
    let answers = [true, false].map(|by_name| {
        let found = ask(&as_stored(&child, by_name), &[as_stored(&base, by_name)]);
        let json = serde_json::to_value(&found).unwrap();
        (
            json["groups"][0]["units"].clone(),
            // Sums over all weights, in another order.
            json["groups"][0]["alignment"]["distance_after"]
                .as_f64()
                .unwrap() as f32,
            json["groups"][0]["alignment"]["moved"].clone(),
            json["verdict"].clone(),
        )
    });
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0["layers"].as_array().unwrap().len(), 2);
}

#[test]
fn large_models_are_held_against_each_other_where_they_lie() {
    let bases: Vec<Planted> = (1..3).map(|seed| transformer(SMALL, seed)).collect();
    let child = bases[1]
        .tuned(0.1, 1)
        .renumbered(|axis| axis == Axis::Stream, 5);
    let options = Options {
        memory: 64 << 10,
        ..Options::default()
    };
    let found = ask_with(&child, &bases, &options);
    assert!(found.is_related(), "{found}");
    assert!(found_in(&found).starts_with("base-1"), "{found}");
    assert!(log10_p(&found) < -6.0, "{found}");
}
