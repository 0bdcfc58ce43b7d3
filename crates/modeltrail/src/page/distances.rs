//! All distances between a few checkpoints, as a picture.

use super::source::Source;
use rayon::prelude::*;
use report::figure::matrix::{Matrix, matrices};
use report::html::Block;
use weightspace::distance::distance;

/// Most checkpoints on a side. Of more there is no such picture: it would show their number only.
const MOST: usize = 150;

pub(super) fn blocks(found: &Source<'_>) -> Vec<Block> {
    let members = &found.group.members;
    let order: Vec<u32> = found
        .runs
        .runs
        .iter()
        .flat_map(|run| run.members())
        .collect();
    if order.len() < 2 || order.len() > MOST {
        return Vec::new();
    }
    let columns: Vec<_> = order
        .iter()
        .map(|&member| found.group.points.column(member as usize))
        .collect();
    let values: Vec<Vec<f64>> = columns
        .par_iter()
        .map(|a| {
            let others = columns.iter();
            others
                .map(|b| distance(a.as_slice(), b.as_slice()))
                .collect()
        })
        .collect();
    let names: Vec<String> = order
        .iter()
        .filter_map(|&member| members.get(member as usize))
        .map(|member| super::short(&member.name))
        .collect();
    let matrix = Matrix {
        rows: names.clone(),
        columns: names,
        values,
        value_label: "Euclidean distance".to_owned(),
        ..Matrix::default()
    };
    vec![Block::Figure {
        svg: matrices("Distances between all checkpoints", 1, &[matrix]),
        caption: "Distance between any two checkpoints, run after run in the order that was found. \
                  Dark is near: a run is a dark square, and darkest along the diagonal if its order \
                  is right."
            .to_owned(),
    }]
}
