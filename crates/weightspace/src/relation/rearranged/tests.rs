use super::*;
use crate::random::{normal, permutation, stream};
use planted::{Axis, Planted, SMALL, chain, shuffle, transformer, whole, with_units};

#[path = "planted.rs"]
mod planted;

fn views(model: &Planted) -> Vec<Tensor<'_>> {
    let tensors = model.0.iter();
    tensors
        .map(|(name, shape, values)| Tensor {
            name,
            shape,
            values,
        })
        .collect()
}

fn held(a: &Planted, b: &Planted) -> Rearranged {
    let (a, b) = (views(a), views(b));
    test(&a, &b, 7).unwrap()
}

fn exact(found: &Rearranged) -> f64 {
    found.ln_exact.unwrap()
}

fn matched(found: &Rearranged) -> f64 {
    found.ln_matched.unwrap_or(0.0)
}

const SURE: f64 = -30.0;

#[test]
fn a_renumbered_stream_is_undone_and_the_order_of_hidden_units_is_exact() {
    let base = transformer(SMALL, 1);
    let child = base
        .tuned(0.1, 1)
        .renumbered(|axis| axis == Axis::Stream, 5);
    let found = held(&base, &child);
    assert!(
        matches!(
            found.stream,
            Some(Stream::Renumbered {
                moved: 25..,
                of: 32
            })
        ),
        "{found:?}"
    );
    assert!(exact(&found) < SURE, "{found:?}");
    assert!(
        found
            .layers
            .iter()
            .all(|layer| layer.by == By::Order && layer.similarity > 0.8)
    );
}

#[test]
fn flipped_signs_and_a_turned_stream_are_undone() {
    let base = transformer(SMALL, 1);
    let flipped = base.tuned(0.1, 1).picked(|axis, size| match axis {
        Axis::Stream => (0..size)
            .map(|at| (at, if at % 3 == 0 { -1.0 } else { 1.0 }))
            .collect(),
        _ => whole(size),
    });
    let found = held(&base, &flipped);
    assert_eq!(found.stream, Some(Stream::Renumbered { moved: 11, of: 32 }));
    assert!(exact(&found) < SURE);
    let turned = base.tuned(0.1, 1).turned(32, 4);
    let found = held(&base, &turned);
    assert_eq!(found.stream, Some(Stream::Turned));
    assert!(exact(&found) < SURE, "{found:?}");
}

#[test]
fn everything_renumbered_at_once_is_found_by_the_weights_of_units() {
    let base = transformer(SMALL, 1);
    let is_moved = |axis| matches!(axis, Axis::Stream | Axis::Hidden(_));
    let found = held(&base, &base.tuned(0.1, 1).renumbered(is_moved, 5));
    assert!(exact(&found) > -7.0 && matched(&found) < SURE, "{found:?}");
    assert!(found.similarity > 0.8);
    assert!(
        found
            .layers
            .iter()
            .all(|layer| layer.by == By::Weights && layer.found[0] >= 40)
    );
}

#[test]
fn cut_units_missing_blocks_and_added_units_leave_the_rest_to_be_found() {
    let base = transformer(SMALL, 1);
    let tuned = base.tuned(0.1, 1);
    let cut = held(&base, &tuned.cut(3));
    assert!(matched(&cut) < SURE && cut.similarity > 0.8, "{cut:?}");
    assert_eq!(cut.layers[0].units, [36, 48]);
    let shallow = held(&base, &tuned.without_blocks(&[1]));
    assert!(exact(&shallow) < SURE, "{shallow:?}");
    let of: Vec<&str> = shallow
        .layers
        .iter()
        .map(|layer| &layer.of[13..14])
        .collect();
    assert_eq!(of, ["0", "2", "3"]);
    let wide = held(&base, &tuned.widened(16, 2));
    assert!(exact(&wide) < SURE, "{wide:?}");
    assert_eq!(wide.layers[0].units, [64, 48]);
}

#[test]
fn a_sliced_stream_is_found_by_what_is_left_of_it() {
    let base = transformer(SMALL, 1);
    let tuned = base.tuned(0.1, 1);
    let kept = |axis, size| match axis {
        Axis::Stream => (0..size)
            .filter(|at| at % 4 != 1)
            .map(|at| (at, 1.0))
            .collect(),
        _ => whole(size),
    };
    let found = held(&base, &tuned.picked(kept));
    assert_eq!(found.stream, Some(Stream::Renumbered { moved: 23, of: 24 }));
    assert!(exact(&found) < SURE);
    // Turned, and then cut.
    let found = held(&base, &tuned.turned(24, 4));
    assert_eq!(found.stream, Some(Stream::Turned));
    assert!(exact(&found) < SURE, "{found:?}");
}

#[test]
fn scaled_channels_and_folded_gains_do_not_hide_a_relation() {
    let base = transformer(SMALL, 1);
    let mut folded = base.tuned(0.1, 1);
    let gains: Vec<(String, Vec<f32>)> = folded
        .0
        .iter()
        .filter(|(name, ..)| name.contains("post_attention"))
        .map(|(name, _, values)| {
            (
                name.replace("post_attention_layernorm.weight", "mlp."),
                values.clone(),
            )
        })
        .collect();
    for (name, shape, values) in &mut folded.0 {
        if name.contains("norm") {
            values.fill(1.0);
        }
        let gain = gains.iter().find(|(block, _)| name.starts_with(&**block));
        if let (Some((_, gain)), false) = (gain, name.contains("down")) {
            let width = shape[1];
            values
                .iter_mut()
                .enumerate()
                .for_each(|(at, w)| *w *= gain[at % width]);
        }
        // Units of the hidden layer scaled against each other, as quantisation does.
        if name.contains("up_proj") {
            let width = shape[1];
            values
                .iter_mut()
                .enumerate()
                .for_each(|(at, w)| *w *= 1.0 + (at / width % 7) as f32);
        }
        if name.contains("down_proj") {
            let width = shape[1];
            values
                .iter_mut()
                .enumerate()
                .for_each(|(at, w)| *w /= 1.0 + (at % width % 7) as f32);
        }
    }
    assert!(exact(&held(&base, &folded)) < SURE);
}

#[test]
fn chains_of_layers_are_found_cut_and_renumbered() {
    let base = chain(&[24, 40, 32, 10], 1);
    let tuned = base.tuned(0.1, 1);
    let cut = with_units(&tuned, |layer, size| {
        let mut kept = shuffle(size, 3, layer as u64);
        kept.truncate(size * 3 / 4);
        kept.sort_unstable();
        kept
    });
    let found = held(&base, &cut);
    assert!(
        matched(&found) < -15.0 && found.similarity > 0.7,
        "{found:?}"
    );
    assert_eq!(found.layers.len(), 2);
    assert_eq!(found.layers[0].units, [30, 40]);
    let moved = with_units(&tuned, |layer, size| shuffle(size, 3, layer as u64));
    assert!(matched(&held(&base, &moved)) < -15.0);
    // Another seed: chains of one seed share their first numbers.
    let wide = held(&chain(&[24, 30, 32, 10], 9), &base);
    assert!(exact(&wide) > -7.0 && matched(&wide) > -10.0, "{wide:?}");
}

#[test]
fn unrelated_models_are_not_related_however_they_are_rearranged() {
    let pairs = 60;
    let mut below = [0; 2];
    for seed in 0..pairs {
        let (a, b) = (
            transformer(SMALL, 100 + seed),
            transformer(SMALL, 900 + seed),
        );
        let b = match seed % 4 {
            0 => b,
            1 => b.renumbered(|axis| axis == Axis::Stream, seed),
            2 => b.cut(seed),
            _ => b.without_blocks(&[2]),
        };
        let found = held(&a, &b);
        below[0] += usize::from(exact(&found) <= 0.05f64.ln());
        below[1] += usize::from(matched(&found) <= 0.05f64.ln());
        assert!(exact(&found) > -8.0 && matched(&found) > -8.0, "{found:?}");
    }
    for seed in 0..pairs {
        let (a, b) = (
            chain(&[24, 40, 32, 10], 100 + seed),
            chain(&[24, 40, 32, 10], 900 + seed),
        );
        let found = held(&a, &b);
        assert!(exact(&found) > -8.0 && matched(&found) > -8.0, "{found:?}");
    }
    println!("{below:?} of {pairs} at 0.05");
    assert!(
        below.iter().all(|&count| count <= 6),
        "{below:?} of {pairs} at 0.05"
    );
}
