//! The same test for models that are larger than memory.
//!
//! Of a layer of many units [`UNITS`] are tested, evenly spaced, and of the weights of each unit
//! [`WIDTH`] signed sums: every weight is added, with a random sign, to one of them (M. Charikar, K.
//! Chen and M. Farach-Colton, *Finding frequent items in data streams*, 2002). Both are chosen by
//! places alone and are the same for A and B. Under the null hypothesis some units are exchangeable as all
//! are, and a statistic of sums is a statistic of the weights: the p-value stays exact. What is lost is
//! power, where the models have hardly anything in common.

use super::{Layer, Units, log_p, products, standardised};
use crate::Error;
use crate::compare::{Pair, Pairs};
use crate::matching::chain::{Chain, Part};
use crate::matching::exchangeable;
use crate::random::stream;
use crate::relation::combined;
use rayon::prelude::*;

/// Most units of a layer that are tested.
pub const UNITS: usize = 512;
/// Sums that are kept of the weights of each.
pub const WIDTH: usize = 1024;
/// Values that are read at a time.
const AT_ONCE: usize = 1 << 22;

/// Tests whether A and B are independent, as [`test`](super::test) does, and reads every tensor of a
/// hidden layer once. O(w) for w weights; 8 MiB for each thread.
///
/// # Errors
/// When values cannot be read; [`Error::NonFiniteTensor`].
pub fn test<P: Pairs>(pairs: &P, seed: u64) -> Result<Units, P::Error> {
    let headers: Vec<(String, Vec<usize>)> = (0..pairs.count())
        .map(|pair| {
            let (name, shape) = pairs.header(pair);
            (name.to_owned(), shape.to_vec())
        })
        .collect();
    let empty: Vec<Pair<'_>> = headers
        .iter()
        .map(|(name, shape)| Pair {
            name,
            shape,
            a: &[],
            b: &[],
        })
        .collect();
    let chain = exchangeable(&empty);
    let groups: Vec<usize> = (0..chain.groups.len())
        .filter(|&group| chain.groups[group].size > 1)
        .collect();
    let layers = groups.par_iter().with_max_len(1).map(|&group| {
        let units = &chain.groups[group];
        let [a, b] = sums(pairs, &chain, group, units.size)?;
        let tested = a.len();
        let cosines = products(&standardised(&a), &standardised(&b), tested);
        let diagonal = (0..tested).map(|i| f64::from(cosines[(i, i)]));
        let random = stream(seed, "unit orders", group as u64);
        Ok(Layer {
            layer: pairs.header(units.pair).0.to_owned(),
            units: units.size,
            similarity: diagonal.sum::<f64>() / tested as f64,
            ln_p: log_p(cosines.as_ref(), random),
        })
    });
    let layers: Vec<Layer> = layers.collect::<Result<_, P::Error>>()?;
    let logs: Vec<f64> = layers.iter().map(|layer| layer.ln_p).collect();
    Ok(Units {
        ln_p: combined(&logs),
        layers,
    })
}

/// The sums of the tested units of a layer, in A and in B.
fn sums<P: Pairs>(
    pairs: &P,
    chain: &Chain,
    group: usize,
    size: usize,
) -> Result<[Vec<Vec<f32>>; 2], P::Error> {
    let tested = size.min(UNITS);
    // The place of each unit among those that are tested.
    let mut places = vec![None; size];
    for place in 0..tested {
        places[place * size / tested] = Some(place);
    }
    let mut sums = [0, 1].map(|_| vec![vec![0.0f32; WIDTH]; tested]);
    let is_earlier = |other: Option<usize>| other.is_none_or(|other| other < group);
    for (number, part) in chain.parts.iter().enumerate() {
        let by_rows = part.output == Some(group) && is_earlier(part.input);
        let by_blocks = part.input == Some(group) && is_earlier(part.output);
        if !by_rows && !by_blocks {
            continue;
        }
        let all = pairs.elements_of(part.pair);
        let mut bad = 0;
        for start in (0..all).step_by(AT_ONCE) {
            let range = start..(start + AT_ONCE).min(all);
            pairs.read(part.pair, range, &mut |a, b| {
                bad += add(part, by_rows, (number, start), &places, [a, b], &mut sums);
            })?;
        }
        if bad > 0 {
            let name = pairs.header(part.pair).0.to_owned();
            return Err(Error::NonFiniteTensor { name, count: bad }.into());
        }
    }
    Ok(sums)
}

/// Adds values to the sums of their units; how many are not finite.
fn add(
    part: &Part,
    by_rows: bool,
    (number, start): (usize, usize),
    places: &[Option<usize>],
    values: [&[f32]; 2],
    sums: &mut [Vec<Vec<f32>>; 2],
) -> u64 {
    let width = part.blocks * part.length;
    let mut bad = 0;
    for (offset, (&a, &b)) in values[0].iter().zip(values[1]).enumerate() {
        let place = start + offset;
        let (row, column) = if part.transposed {
            (place % part.rows, place / part.rows)
        } else {
            (place / width, place % width)
        };
        // The unit, and which of its weights it is.
        let (unit, coordinate) = if by_rows {
            (row, column)
        } else {
            let within = column % part.length;
            (column / part.length, row * part.length + within)
        };
        let Some(Some(unit)) = places.get(unit) else {
            continue;
        };
        let hash = mixed((number as u64) << 40 ^ coordinate as u64);
        let (sum, sign) = (
            hash as usize % WIDTH,
            if hash >> 63 == 0 { 1.0 } else { -1.0 },
        );
        for (sums, value) in sums.iter_mut().zip([a, b]) {
            bad += u64::from(!value.is_finite());
            sums[*unit][sum] += sign * value;
        }
    }
    bad
}

/// SplitMix64's output function.
fn mixed(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::super::super::units;
    use super::*;
    use crate::compare::cases::{Model, normal};
    use crate::compare::{Paired, Tensor};

    fn net(seed: u64) -> Model {
        let shapes = [
            ("fc1.weight", [40, 30]),
            ("fc2.weight", [40, 40]),
            ("fc3.weight", [10, 40]),
        ];
        let tensors = shapes.into_iter().zip(0..);
        Model::new(
            tensors
                .map(|((name, shape), place)| {
                    (
                        name,
                        shape.to_vec(),
                        normal(shape[0] * shape[1], 100 * seed + place),
                    )
                })
                .collect(),
        )
    }

    fn ln_p(a: &Model, b: &Model) -> f64 {
        let (a, b): (Vec<Tensor<'_>>, Vec<Tensor<'_>>) = (a.views(), b.views());
        test(&Paired::new(&a, &b).unwrap(), 3).unwrap().ln_p
    }

    #[test]
    fn a_child_is_found_and_unrelated_models_are_not() {
        let base = net(1);
        let child = base.map(|w| 1.1 * w + 0.01);
        assert!(ln_p(&base, &child) < -50.0);
        let unrelated: Vec<f64> = (0..200).map(|seed| ln_p(&base, &net(10 + seed))).collect();
        // No more of them are below p than p of them, but for chance.
        for (p, most) in [(0.05f64, 20), (0.01, 7)] {
            let below = unrelated.iter().filter(|ln_p| **ln_p < p.ln()).count();
            assert!(below <= most, "{below} of 200 below {p}");
        }
    }

    #[test]
    fn small_layers_give_nearly_what_the_test_in_memory_gives() {
        let base = net(1);
        let noise = net(2);
        let mut far = base.clone();
        for (tensor, noise) in far.tensors.iter_mut().zip(&noise.tensors) {
            let both = tensor.values.iter_mut().zip(&noise.values);
            both.for_each(|(w, z)| *w += 2.0 * z);
        }
        let (a, b) = (base.views(), far.views());
        let paired = Paired::new(&a, &b).unwrap();
        let exact = units::test(&paired, 3).unwrap();
        let found = test(&paired, 3).unwrap();
        assert_eq!(found.layers.len(), exact.layers.len());
        for (found, exact) in found.layers.iter().zip(&exact.layers) {
            assert_eq!((&found.layer, found.units), (&exact.layer, exact.units));
            assert!((found.similarity - exact.similarity).abs() < 0.05);
        }
    }
}
