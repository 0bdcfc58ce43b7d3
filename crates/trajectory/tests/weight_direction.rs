//! Which end came first, on made-up trainings whose steps grow.
#![allow(clippy::unwrap_used)]

use nalgebra::DMatrix;
use proptest::prelude::*;
use trajectory::Error;
use trajectory::ordering::{Direction, direct, direct_weights};
use trajectory::whitening::Tensor;

const OUTPUTS: usize = 12;
const INPUTS: usize = 30;
const PARAMETERS: usize = OUTPUTS * INPUTS + OUTPUTS;
const CHECKPOINTS: usize = 10;

fn layout() -> [Tensor; 2] {
    [&[OUTPUTS, INPUTS][..], &[OUTPUTS]].map(Tensor::of_shape)
}

/// Numbers between −1 and 1.
fn numbers(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }
}

/// A random start, and an update of rank two that grows by steps that grow, while the start decays.
fn warm_up(seed: u64, decay: f32) -> DMatrix<f32> {
    let mut draw = numbers(seed);
    let start: Vec<f32> = (0..PARAMETERS).map(|_| draw()).collect();
    let factors: Vec<f32> = (0..2 * (OUTPUTS + INPUTS)).map(|_| draw()).collect();
    let (outputs, inputs) = factors.split_at(2 * OUTPUTS);
    DMatrix::from_fn(PARAMETERS, CHECKPOINTS, |parameter, checkpoint| {
        let (row, column) = (parameter / INPUTS, parameter % INPUTS);
        let learnt = match row < OUTPUTS {
            true => (0..2)
                .map(|k| outputs[2 * row + k] * inputs[2 * column + k])
                .sum(),
            false => 0.0,
        };
        let time = checkpoint as f32;
        start[parameter] * (1.0 - decay * time) + 0.02 * time * time * learnt
    })
}

const FORWARD: [u32; CHECKPOINTS] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];

#[test]
fn growing_steps_of_a_warm_up_are_read_forward_where_steps_alone_read_them_backwards() {
    for seed in 1..=20 {
        for decay in [0.0, 0.01] {
            let points = warm_up(seed, decay);
            let steps = direct(points.as_view(), &[FORWARD]).unwrap().remove(0);
            assert_eq!(steps.leaves[0], 9);
            let found = direct_weights(points.as_view(), &layout(), &[FORWARD]).unwrap();
            assert_eq!(found[0].leaves, FORWARD, "seed {seed}, decay {decay}");
        }
    }
}

#[test]
fn runs_that_all_err_in_their_steps_do_not_persuade_each_other() {
    // Sketches have no spectra: only steps, which are wrong, and norms.
    let runs: Vec<DMatrix<f32>> = (1..=30).map(|seed| warm_up(seed, 0.0)).collect();
    let columns: Vec<_> = runs.iter().flat_map(|run| run.column_iter()).collect();
    let points = DMatrix::from_columns(&columns);
    let orders: Vec<Vec<u32>> = (0..30)
        .map(|run| FORWARD.iter().map(|place| 10 * run + place).collect())
        .collect();
    for (order, found) in orders
        .iter()
        .zip(direct_weights(points.as_view(), &[], &orders).unwrap())
    {
        assert!(found.direction == Direction::Undirected || found.leaves == *order);
    }
}

#[test]
fn few_or_equal_checkpoints_have_no_direction_and_bad_input_is_an_error() {
    let points = warm_up(1, 0.0);
    for few in 0..=3 {
        let found = direct_weights(points.as_view(), &layout(), &[&FORWARD[..few]]).unwrap();
        assert_eq!(found[0].direction, Direction::Undirected);
    }
    let equal = DMatrix::<f32>::zeros(PARAMETERS, CHECKPOINTS);
    let found = direct_weights(equal.as_view(), &layout(), &[FORWARD]).unwrap();
    assert_eq!(
        (found[0].direction, found[0].confidence),
        (Direction::Undirected, 0.5)
    );
    assert!(matches!(
        direct_weights(points.as_view(), &layout()[..1], &[FORWARD]),
        Err(Error::LengthMismatch { .. })
    ));
    assert!(direct_weights(points.as_view(), &layout(), &[[10]]).is_err());
    let mut broken = points;
    broken[(5, 3)] = f32::INFINITY;
    assert!(direct_weights(broken.as_view(), &layout(), &[FORWARD]).is_err());
}

proptest! {
    #[test]
    fn reading_an_order_backwards_changes_nothing(seed in 1_u64..1000, jitter in 0.0_f32..1.0) {
        let mut draw = numbers(seed);
        let points = warm_up(seed, 0.02).map(|weight| weight + jitter * draw());
        let backwards: Vec<u32> = FORWARD.iter().rev().copied().collect();
        let one = direct_weights(points.as_view(), &layout(), &[FORWARD.to_vec()]).unwrap();
        let other = direct_weights(points.as_view(), &layout(), &[backwards]).unwrap();
        prop_assert_eq!(&one[0].leaves, &other[0].leaves);
        prop_assert!((one[0].confidence - other[0].confidence).abs() < 1e-9);
    }

    #[test]
    fn scale_and_transposition_change_nothing(seed in 1_u64..1000) {
        let points = warm_up(seed, 0.01);
        let one = direct_weights(points.as_view(), &layout(), &[FORWARD]).unwrap();
        let scaled = &points * 64.0;
        let same = direct_weights(scaled.as_view(), &layout(), &[FORWARD]).unwrap();
        prop_assert_eq!(&one, &same);
        let turned = DMatrix::from_fn(PARAMETERS, CHECKPOINTS, |parameter, checkpoint| {
            let source = match parameter < OUTPUTS * INPUTS {
                true => parameter % OUTPUTS * INPUTS + parameter / OUTPUTS,
                false => parameter,
            };
            points[(source, checkpoint)]
        });
        let layout = [&[INPUTS, OUTPUTS][..], &[OUTPUTS]].map(Tensor::of_shape);
        let same = direct_weights(turned.as_view(), &layout, &[FORWARD]).unwrap();
        prop_assert_eq!(&one[0].leaves, &same[0].leaves);
        prop_assert!((one[0].confidence - same[0].confidence).abs() < 1e-9);
    }
}
