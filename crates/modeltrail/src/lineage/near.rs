//! How far the suspect is from every checkpoint of a group.

use super::suspect::Suspect;
use crate::collection::Group;
use crate::runs::Runs;
use rayon::prelude::*;
use weightspace::distance::distance;

/// One checkpoint, and how far the suspect is from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Near {
    /// An index into the group's members.
    pub(crate) member: usize,
    /// An index into the runs that were found.
    pub(crate) run: usize,
    /// Its place in the order of that run.
    pub(crate) place: usize,
    /// ‖s − c‖.
    pub(crate) distance: f64,
    /// ‖s − c‖ / ‖c‖; infinite for a checkpoint of zeros.
    pub(crate) relative: f64,
    /// ‖s − c‖ / √(‖s‖² + ‖c‖²): near 1 for unrelated weights with mean zero.
    pub(crate) relative_to_unrelated: f64,
}

/// Every different checkpoint; the nearest first, relative to the distance of unrelated models.
pub(crate) fn ranked(group: &Group, answer: &Runs, suspect: &Suspect) -> Vec<Near> {
    let places: Vec<(usize, usize, usize)> = (0..)
        .zip(&answer.runs)
        .flat_map(|(run, found)| {
            (0..)
                .zip(&found.places)
                .map(move |(i, p)| (run, i, p.member))
        })
        .collect();
    let own = norm(&suspect.point);
    let mut ranked: Vec<Near> = places
        .into_par_iter()
        .map(|(run, place, member)| {
            let point: &[f32] = group.points.column(member).data.into_slice();
            let distance = distance(&suspect.point, point);
            let theirs = norm(point);
            let share = |whole: f64| match distance {
                0.0 => 0.0,
                _ if whole > 0.0 => distance / whole,
                _ => f64::INFINITY,
            };
            Near {
                member,
                run,
                place,
                distance,
                relative: share(theirs),
                relative_to_unrelated: share(own.hypot(theirs)),
            }
        })
        .collect();
    ranked.sort_by(|a, b| {
        let name = |near: &Near| group.members.get(near.member).map(|m| &m.name);
        let apart = a.relative_to_unrelated.total_cmp(&b.relative_to_unrelated);
        apart.then_with(|| name(a).cmp(&name(b)))
    });
    ranked
}

/// The nearest checkpoint of every run, the nearest first.
pub(crate) fn by_run(ranked: &[Near]) -> Vec<Near> {
    let mut firsts: Vec<Near> = Vec::new();
    for near in ranked {
        if firsts.iter().all(|first| first.run != near.run) {
            firsts.push(*near);
        }
    }
    firsts
}

/// ‖x‖ of finite values.
pub(super) fn norm(point: &[f32]) -> f64 {
    point
        .iter()
        .map(|&x| f64::from(x).powi(2))
        .sum::<f64>()
        .sqrt()
}
