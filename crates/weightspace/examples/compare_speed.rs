//! How long it takes to compare two checkpoints, to name the change, and to undo a permutation.
//!
//! `cargo run --release -p weightspace --example compare_speed [UNITS PER LAYER]`

use std::time::Instant;

use weightspace::Error;
use weightspace::compare::{Paired, Tensor, compare, kind};
use weightspace::matching::align;

const NAMES: [&str; 4] = ["fc1.weight", "fc2.weight", "fc3.weight", "fc4.weight"];

fn main() -> Result<(), Error> {
    let units = std::env::args().nth(1).and_then(|n| n.parse().ok());
    let units: usize = units.unwrap_or(1024);
    let shape = [units, units];
    let (mut state, count) = (1u64, units * units);
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f32 / 2f32.powi(24) - 0.5
    };
    let mut model = || NAMES.map(|_| (0..count).map(|_| random()).collect::<Vec<f32>>());
    let (a, change, unrelated) = (model(), model(), model());
    let near: Vec<Vec<f32>> = a
        .iter()
        .zip(&change)
        .map(|(a, d)| a.iter().zip(d).map(|(a, d)| a + 0.01 * d).collect())
        .collect();
    // Every hidden unit moves one place on.
    let permuted: Vec<Vec<f32>> = (0..)
        .zip(&near)
        .map(|(layer, w)| {
            let row = |i: usize| if layer < 3 { (i + 1) % units } else { i };
            let column = |j: usize| if layer > 0 { (j + 1) % units } else { j };
            let place = |k: usize| row(k / units) * units + column(k % units);
            (0..count).map(|k| w[place(k)]).collect()
        })
        .collect();

    let a = tensors(&a, &shape);
    let paired = Paired::new(&a, &tensors(&near, &shape))?;
    println!("{} layers of {units} x {units}", NAMES.len());
    let start = Instant::now();
    let comparison = compare(&paired)?;
    let relative = comparison.total.relative();
    println!(
        "compare            {:8.3} s, {relative:.4?} apart",
        start.elapsed().as_secs_f64()
    );
    let start = Instant::now();
    let kind = kind(&paired, &comparison)?;
    println!(
        "kind               {:8.3} s, {kind:?}",
        start.elapsed().as_secs_f64()
    );
    for (what, b) in [("permuted", &permuted[..]), ("unrelated", &unrelated[..])] {
        let start = Instant::now();
        let alignment = align(&a, &tensors(b, &shape))?;
        println!(
            "align, {what}    {:8.3} s, distance {:.2} to {:.2} in {} sweeps",
            start.elapsed().as_secs_f64(),
            alignment.before,
            alignment.after,
            alignment.sweeps
        );
    }
    Ok(())
}

fn tensors<'a>(values: &'a [Vec<f32>], shape: &'a [usize]) -> Vec<Tensor<'a>> {
    let named = NAMES.iter().zip(values);
    named
        .map(|(name, values)| Tensor {
            name,
            shape,
            values,
        })
        .collect()
}
