//! What happened along a run: the events that a watch would have reported.

use super::answer::Run;
use super::event::RunEvent;
use crate::collection::{Group, Space};
use crate::detector::ranges;
use crate::error::Result;
use crate::evidence;
use trajectory::ordering::Direction;
use trajectory::shift::{Detector, Threshold, WARM_UP};

/// Least probability of each pair of neighbours where nothing is claimed.
const SURE: f64 = 0.9;

/// The events of a run; none where its order is not known, since checkpoints in another order have
/// others.
pub(super) fn find(run: &Run, group: &Group) -> Result<Vec<RunEvent>> {
    if run.places.len() < WARM_UP + 2 || !is_order_known(run) {
        return Ok(Vec::new());
    }
    let tensors = match group.space {
        Space::Weights => ranges(&group.layout),
        Space::Sketches => Vec::new(),
    };
    let positions = run.claimed_positions().map(|(_, positions)| positions);
    let mut detector = Detector::new(Threshold::built_in(), &tensors)?;
    let mut events: Vec<RunEvent> = Vec::new();
    for (place, about) in run.places.iter().enumerate() {
        let column = group.points.column(about.member);
        let reading =
            detector.push_after(interval(positions.as_deref(), place), column.as_slice())?;
        if let (Some(last), Some(cause)) = (events.last_mut(), reading.revised) {
            last.cause = cause;
        }
        let Some(verdict) = reading.verdict.filter(|verdict| verdict.alarm) else {
            continue;
        };
        events.push(RunEvent {
            place,
            name: about.name().to_owned(),
            cause: verdict.cause,
            evidence: evidence::of(&verdict, &group.layout).join("; "),
        });
    }
    Ok(events)
}

/// Whether all claim the order that was found, or the weights leave no doubt of it and show which end
/// came first.
fn is_order_known(run: &Run) -> bool {
    let agreement = run.agreement;
    if agreement.claimed == run.places.len() && agreement.in_order == agreement.claimed {
        return true;
    }
    let mut sure = run.places.iter().filter_map(|place| place.next);
    run.direction == Direction::Forward && sure.all(|sure| sure > SURE)
}

/// From the checkpoint before to this one, in what is claimed; 1 where nothing is.
fn interval(positions: Option<&[u64]>, place: usize) -> f64 {
    let positions = positions.unwrap_or_default();
    let before = place
        .checked_sub(1)
        .and_then(|before| positions.get(before));
    let passed = positions
        .get(place)
        .zip(before)
        .map(|(now, before)| now.saturating_sub(*before));
    passed
        .filter(|passed| *passed > 0)
        .map_or(1.0, |passed| passed as f64)
}
