//! Which end of an order came first, from weights alone.
//!
//! Steps shrink as training settles, so the end with the longer steps is the likelier start. That
//! holds for every run by itself, but few kept checkpoints show it badly. In a zoo of one recipe
//! the runs also agree on what training does to a point as such: its norm grows in one zoo and
//! shrinks in another. Which it is, the steps of all runs together tell; then the norms direct the
//! runs whose own steps do not.

use nalgebra::DMatrixView;
use rayon::prelude::*;
use serde::Serialize;
use weightspace::distance::{distance, squared_distance};

use crate::Error;
use crate::rank_correlation::{concordance, pairs};

/// From this confidence on, an order is called [`Direction::Forward`].
pub const DIRECTION_CONFIDENCE: f64 = 0.95;

/// Log-odds that an order stands right way round per standard deviation of its step trend: 1.96
/// deviations, the two-sided 5 % level of the test, are odds of 19 to 1.
const ODDS_PER_DEVIATION: f64 = 1.5;
/// Log-odds beyond which no evidence is believed: a probability of 0.999.
const MOST_ODDS: f64 = 6.907;

/// Whether an order knows which of its ends came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// The first leaf is the earliest.
    Forward,
    /// The evidence is weak; the order may as well be read backwards.
    Undirected,
}

/// One order with its likelier start first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Directed {
    /// The leaves of the order, from the likelier start.
    pub leaves: Vec<u32>,
    /// Whether the direction is claimed.
    pub direction: Direction,
    /// Probability that the likelier start is the start, 0.5 to 1.
    pub confidence: f64,
}

impl AsRef<[u32]> for Directed {
    fn as_ref(&self) -> &[u32] {
        &self.leaves
    }
}

/// What one order says about its direction. Both numbers change their sign when the order is
/// reversed, and speak for the order as it stands if they are positive, or may do so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Evidence {
    /// Log-odds from the trend of the step lengths, and from whatever else the run itself shows but
    /// its norm.
    pub(super) steps: f64,
    /// Kendall's τ of the norms with their places.
    pub(super) norm: f64,
}

impl Evidence {
    /// Expected direction as the steps have it: 1 as it stands, −1 reversed, 0 unknown.
    fn expected(&self) -> f64 {
        (self.steps / 2.0).tanh()
    }
}

/// How steps shrink along an order, in standard deviations of their Mann–Kendall statistic, and
/// Kendall's τ of its norms.
pub(super) fn trends(points: DMatrixView<'_, f32>, order: &[u32]) -> (f64, f64) {
    let columns: Vec<&[f32]> = order
        .iter()
        .map(|&leaf| points.column(leaf as usize).data.into_slice())
        .collect();
    let origin = vec![0.0; points.nrows()];
    let steps: Vec<f64> = columns
        .windows(2)
        .map(|pair| distance(pair[0], pair[1]))
        .collect();
    let norms: Vec<f64> = columns
        .iter()
        .map(|column| squared_distance(column, &origin))
        .collect();
    let norm = concordance(&norms) as f64 / pairs(norms.len()).max(1) as f64;
    (-deviations(&steps), norm)
}

/// For every order the log-odds that a growing norm means forward, as the other orders have it.
pub(super) fn clocks(evidence: &[Evidence]) -> Vec<f64> {
    let agreement: f64 = evidence.iter().map(|e| e.expected() * sign(e.norm)).sum();
    let weight: f64 = evidence.iter().map(|e| e.expected().powi(2)).sum();
    let others = evidence.iter().map(|own| {
        // What a run itself expects must not come back to it as what the others say.
        let others = agreement - own.expected() * sign(own.norm);
        clock_odds(others, weight - own.expected().powi(2))
    });
    others.collect()
}

/// The order with its likelier start first, from the log-odds that it stands the right way round.
pub(super) fn directed(order: &[u32], odds: f64) -> Directed {
    let odds = odds.clamp(-MOST_ODDS, MOST_ODDS);
    let mut leaves = order.to_vec();
    if odds < 0.0 {
        leaves.reverse();
    }
    let confidence = 1.0 / (1.0 + (-odds.abs()).exp());
    Directed {
        leaves,
        direction: if confidence >= DIRECTION_CONFIDENCE {
            Direction::Forward
        } else {
            Direction::Undirected
        },
        confidence,
    }
}

/// Directs every order: turns it so that its likelier start stands first, and says how sure that
/// is.
///
/// **Steps.** Log-odds: the Mann–Kendall statistic of the step lengths in
/// standard deviations, times 1.5.
///
/// **Norms.** Let e be the direction that the steps of a run lead one to expect, from −1 to 1, and
/// n the sign of its norm's trend. Were the norm right with probability p, and the odds of the
/// steps what they claim, then Σ e·n ÷ Σ e² over the other runs would estimate 2p − 1, with a
/// standard error of at most 1 ÷ √Σ e². The estimate less one standard error (0 if that changes
/// its sign) gives the log-odds of the norm, which count in proportion to τ of the run's norm.
/// A single run, or one among runs that disagree, is left with its steps.
///
/// Both log-odds are added and limited to a probability of 0.999. Orders of less than three leaves
/// have no trend of steps. O(checkpoints · parameters).
///
/// # Errors
///
/// An order names a leaf that does not exist, or passes through a weight that is not finite.
pub fn direct(
    points: DMatrixView<'_, f32>,
    orders: &[impl AsRef<[u32]> + Sync],
) -> Result<Vec<Directed>, Error> {
    for order in orders {
        check(points, order.as_ref())?;
    }
    let evidence: Vec<Evidence> = orders
        .par_iter()
        .map(|order| {
            let (deviations, norm) = trends(points, order.as_ref());
            Evidence {
                steps: ODDS_PER_DEVIATION * deviations,
                norm,
            }
        })
        .collect();
    let own = orders.iter().zip(&evidence).zip(clocks(&evidence));
    let orders = own.map(|((order, own), clock)| {
        let odds = own.steps + clock * own.norm;
        directed(order.as_ref(), odds)
    });
    Ok(orders.collect())
}

pub(super) fn check(points: DMatrixView<'_, f32>, order: &[u32]) -> Result<(), Error> {
    for &leaf in order {
        if leaf as usize >= points.ncols() {
            return Err(Error::OutOfRange {
                what: "leaf",
                index: leaf as usize,
                length: points.ncols(),
            });
        }
        if points
            .column(leaf as usize)
            .iter()
            .any(|weight| !weight.is_finite())
        {
            return Err(Error::NotFinite {
                what: "point",
                index: leaf as usize,
            });
        }
    }
    Ok(())
}

/// Log-odds that a growing norm means forward, from Σ e·n and Σ e² of some runs.
fn clock_odds(agreement: f64, weight: f64) -> f64 {
    if weight <= 0.0 {
        return 0.0;
    }
    let estimate = agreement / weight;
    let sure = (estimate.abs() - 1.0 / weight.sqrt()).clamp(0.0, 1.0);
    // 2 artanh(2p − 1) = ln(p / (1 − p))
    (2.0 * sure.min((MOST_ODDS / 2.0).tanh()).atanh()).copysign(estimate)
}

fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// The Mann–Kendall statistic of a series in standard deviations of a series without trend, with
/// the continuity correction; 0 for fewer than two values.
fn deviations(series: &[f64]) -> f64 {
    let m = series.len();
    let statistic = concordance(series) as f64;
    let variance = pairs(m) as f64 * (2 * m + 5) as f64 / 9.0;
    if variance > 0.0 {
        // The statistic moves in steps of two.
        sign(statistic) * (statistic.abs() - 1.0).max(0.0) / variance.sqrt()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_falling_steps_are_as_many_deviations_as_in_the_textbook() {
        let falling: Vec<f64> = (0..10).map(|i| -f64::from(i)).collect();
        // S = −45, variance 125, z = −44 / √125
        assert!((deviations(&falling) + 3.935_5).abs() < 1e-4);
        assert_eq!(deviations(&[1.0]), 0.0);
        assert_eq!(deviations(&[]), 0.0);
        assert_eq!(deviations(&[2.0, 2.0, 2.0]), 0.0);
    }

    #[test]
    fn a_clock_is_believed_as_far_as_the_runs_agree_on_it() {
        assert_eq!(clock_odds(0.0, 0.0), 0.0);
        assert_eq!(clock_odds(0.5, 1.0), 0.0);
        assert!(clock_odds(100.0, 100.0) > 2.5);
        assert_eq!(clock_odds(-100.0, 100.0), -clock_odds(100.0, 100.0));
        assert!(clock_odds(60.0, 100.0) < 1.5);
    }
}
