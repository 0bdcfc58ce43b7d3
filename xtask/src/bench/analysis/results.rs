//! What the turns amount to: rows of JSON, and a table.

use super::agreement::{Quality, difference, qualities, share_in_order};
use super::contender::{Contender, Turn};
use super::points::Points;
use super::works::{Job, WORKS, Work};
use crate::bench::{Rounds, least, median};
use anyhow::Result;
use report::table::{Column, Table};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Relative difference up to which lengths of edges, and singular values, are the same.
const SAME_LENGTH: f64 = 1e-6;
const SAME_SINGULAR_VALUE: f64 = 1e-5;
/// What one seed more or less makes of a picture's quality.
const SEED: f64 = 0.002;
/// Share of the pairs in order from which an order is right.
const IN_ORDER: f64 = 0.99;

/// Ours beside one peer. Seconds of processor time are on one thread, the least of the turns; wall
/// time is on two.
#[derive(Serialize, Deserialize)]
pub(super) struct Row {
    work: String,
    points: String,
    size: String,
    ours_cpu_s: f64,
    ours_wall_2_s: f64,
    ours_peak_mib: f64,
    peer: String,
    peer_version: String,
    peer_cpu_s: Option<f64>,
    peer_wall_2_s: Option<f64>,
    peer_peak_mib: Option<f64>,
    /// The peer's processor time over ours.
    ratio: Option<f64>,
    /// The same, round by round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rounds: Option<Rounds>,
    /// Whether the answers are the same; of a picture, whether ours is no worse.
    agree: bool,
    /// Largest relative difference of the answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    difference: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ours_quality: Option<Quality>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    peer_quality: Option<Quality>,
    /// Share of successive epochs that the order puts beside each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    in_order: Option<f64>,
}

/// What a peer cost: its name, its turn on one thread and that on two.
struct Cost {
    name: String,
    version: String,
    /// In each turn.
    cpu_s: Vec<f64>,
    wall_2_s: Option<f64>,
    peak_mib: f64,
}

impl Cost {
    fn of(contender: &Contender, name: String, cpu: fn(&Turn) -> Option<f64>) -> Option<Self> {
        let cpu_s: Vec<f64> = contender.turns.iter().filter_map(cpu).collect();
        (!cpu_s.is_empty()).then(|| Self {
            name,
            version: contender.turns[0].version.clone(),
            cpu_s,
            wall_2_s: None,
            peak_mib: median(contender.turns.iter().map(|turn| turn.peak_mib)),
        })
    }

    fn warm(contender: &Contender) -> Option<Self> {
        let mut name = contender.name.to_owned();
        if contender.turns.first()?.cold_cpu_s.is_some() {
            name += ", warm";
        }
        let cost = Self::of(contender, name, |turn| Some(turn.cpu_s))?;
        let wall_2_s = contender.on_two.as_ref().map(|turn| turn.wall_s);
        Some(Self { wall_2_s, ..cost })
    }

    fn cold(contender: &Contender) -> Option<Self> {
        let name = format!("{}, with import and compilation", contender.name);
        let cost = Self::of(contender, name, |turn| turn.cold_cpu_s)?;
        let wall_2_s = contender.on_two.as_ref().and_then(|turn| turn.cold_wall_s);
        Some(Self { wall_2_s, ..cost })
    }

    fn least_cpu_s(&self) -> f64 {
        least(self.cpu_s.iter().copied())
    }
}

/// The rows of an earlier run; none if there was none, or of another kind.
pub(super) fn read(path: &Path) -> Vec<Row> {
    std::fs::read(path)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default()
}

/// Puts the rows of one work in the place of those of before, in the order of the works.
pub(super) fn replace(rows: &mut Vec<Row>, new: Vec<Row>) {
    if let Some(first) = new.first() {
        let place = (first.work.clone(), first.points.clone());
        rows.retain(|row| (&row.work, &row.points) != (&place.0, &place.1));
    }
    rows.extend(new);
    let place = |row: &Row| {
        WORKS
            .iter()
            .position(|work| work.name() == row.work && work.points.name() == row.points)
    };
    rows.sort_by_key(place);
}

/// One row per peer: those that agree before those that do not, the fastest first.
pub(super) fn rows(
    work: &Work,
    points: &Points,
    home: &Path,
    contenders: &[Contender],
) -> Result<Vec<Row>> {
    let [ours, peers @ ..] = contenders else {
        return Ok(Vec::new());
    };
    let Some(own) = Cost::warm(ours) else {
        return Ok(Vec::new());
    };
    let mut quality = Vec::new();
    if work.job == Job::Umap && !peers.is_empty() {
        let pictures: Vec<_> = contenders
            .iter()
            .flat_map(|contender| contender.answers.clone())
            .collect();
        let mut all = qualities(points, home, &pictures)?.into_iter();
        for contender in contenders {
            let own: Vec<Quality> = all.by_ref().take(contender.answers.len()).collect();
            quality.push(Quality::mean(&own));
        }
    }
    let blank = || Row {
        work: work.name(),
        points: points.name.to_owned(),
        size: points.size(),
        ours_cpu_s: own.least_cpu_s(),
        ours_wall_2_s: own.wall_2_s.unwrap_or(f64::NAN),
        ours_peak_mib: own.peak_mib,
        peer: "none".to_owned(),
        peer_version: String::new(),
        peer_cpu_s: None,
        peer_wall_2_s: None,
        peer_peak_mib: None,
        ratio: None,
        rounds: None,
        agree: true,
        difference: None,
        ours_quality: quality.first().copied(),
        peer_quality: None,
        in_order: None,
    };
    let mut rows = Vec::new();
    if peers.is_empty() {
        let mut row = blank();
        if work.job == Job::Order {
            let share = share_in_order(points, &ours.answers[0])?;
            (row.agree, row.in_order) = (share >= IN_ORDER, Some(share));
        }
        rows.push(row);
    }
    for (number, peer) in peers.iter().enumerate() {
        for cost in [Cost::warm(peer), Cost::cold(peer)].into_iter().flatten() {
            let mut row = Row {
                peer_cpu_s: Some(cost.least_cpu_s()),
                peer_wall_2_s: cost.wall_2_s,
                peer_peak_mib: Some(cost.peak_mib),
                ratio: Some(cost.least_cpu_s() / own.least_cpu_s()),
                rounds: Some(Rounds::of(&own.cpu_s, &cost.cpu_s)),
                peer: cost.name,
                peer_version: cost.version,
                ..blank()
            };
            match quality.get(number + 1) {
                Some(&other) => {
                    let own = quality[0];
                    row.agree = own.trustworthiness >= other.trustworthiness - SEED
                        && own.purity >= other.purity - SEED;
                    row.peer_quality = Some(other);
                }
                None => {
                    let most = match work.job {
                        Job::Svd(_) => SAME_SINGULAR_VALUE,
                        _ => SAME_LENGTH,
                    };
                    let difference = difference(&ours.answers[0], &peer.answers[0])?;
                    (row.agree, row.difference) = (difference <= most, Some(difference));
                }
            }
            rows.push(row);
        }
    }
    rows.sort_by(|x, y| {
        let time = |row: &Row| row.peer_cpu_s.unwrap_or(f64::INFINITY);
        (!x.agree).cmp(&!y.agree).then(time(x).total_cmp(&time(y)))
    });
    Ok(rows)
}

pub(super) fn table(rows: &[Row]) -> Table {
    let seconds = |value: Option<f64>| value.map_or("–".to_owned(), |s| format!("{s:.2}"));
    let quality = |quality: Option<Quality>| {
        quality.map_or(String::new(), |quality| {
            format!("{:.4} / {:.4}", quality.trustworthiness, quality.purity)
        })
    };
    let mut lines: Vec<Vec<String>> = Vec::new();
    let mut previous = None;
    for row in rows {
        if previous != Some((&row.work, &row.size)) {
            previous = Some((&row.work, &row.size));
            lines.push(vec![
                row.work.clone(),
                format!("{}, {}", row.points, row.size),
                "ours".to_owned(),
                seconds(Some(row.ours_cpu_s)),
                seconds(Some(row.ours_wall_2_s)),
                format!("{:.0}", row.ours_peak_mib),
                "1".to_owned(),
                String::new(),
                row.in_order.map_or_else(
                    || quality(row.ours_quality),
                    |share| format!("{share:.4} of the pairs in order"),
                ),
            ]);
        }
        if row.peer_cpu_s.is_none() {
            continue;
        }
        let answer = match row.difference {
            Some(_) if row.agree => "the same".to_owned(),
            Some(difference) => format!("off by {:.2} %", 100.0 * difference),
            None => quality(row.peer_quality),
        };
        lines.push(vec![
            String::new(),
            String::new(),
            format!("{} {}", row.peer, row.peer_version),
            seconds(row.peer_cpu_s),
            seconds(row.peer_wall_2_s),
            row.peer_peak_mib
                .map_or(String::new(), |mib| format!("{mib:.0}")),
            row.ratio
                .map_or(String::new(), |ratio| format!("{ratio:.1}")),
            row.rounds.map_or(String::new(), Rounds::cell),
            answer,
        ]);
    }
    Table {
        caption:
            "Seconds of processor time on one thread (the least of the turns), of wall time on two, \
             and peak memory of the process; of pictures trustworthiness and purity"
                .to_owned(),
        columns: vec![
            Column::text("work"),
            Column::text("points"),
            Column::text(""),
            Column::number("", "CPU s"),
            Column::number("", "wall s, 2 threads"),
            Column::number("", "peak MiB"),
            Column::number("", "times ours"),
            Column::number("", "in each round: median (least to most)"),
            Column::text("answer"),
        ],
        rows: lines,
    }
}
