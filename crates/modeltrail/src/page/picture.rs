//! The runs as trails in the plane: principal components, and UMAP where there are many points.

use super::source::Source;
use crate::collection::Group;
use crate::error::Result;
use crate::runs::Run;
use crate::text::thousands;
use nalgebra::DMatrix;
use report::figure::{Embedding, Trajectory, TrajectoryPoint};
use report::html::{Block, Trails};
use weightspace::principal::principal_components;
use weightspace::umap::{Parameters, embed};

/// Most checkpoints in a UMAP. Of more, every second, third, … of each run is shown.
pub(super) const MOST_POINTS: usize = 20_000;
/// Most checkpoints in a picture of principal components, which takes the cube of their number.
const MOST_COMPONENTS: usize = 2_000;
/// Below so many a UMAP, which knows neighbourhoods only, shows less than principal components do.
const FEWEST_FOR_UMAP: usize = 60;
/// From so many on the UMAP comes first.
const MANY: usize = 300;
/// Up to so many checkpoints and runs, lines along the runs are always there.
const MOST_IN_LINES: (usize, usize) = (3_000, 60);

/// The picture, with its views.
pub(super) fn blocks(found: &Source<'_>, seed: u64) -> Result<Vec<Block>> {
    let count: usize = found.runs.runs.iter().map(|run| run.places.len()).sum();
    let mut views = Vec::new();
    if let Some(view) = components(found)? {
        views.push(view);
    }
    if count >= FEWEST_FOR_UMAP {
        let place = if count >= MANY { 0 } else { views.len() };
        views.insert(place, neighbourhoods(found, seed)?);
    }
    if views.is_empty() {
        return Ok(Vec::new());
    }
    let mut caption = String::from(
        "Every checkpoint as a point, its run as a line in the order that was found. ",
    );
    if views.iter().any(|view| !view.embedding.ticks) {
        caption.push_str(
            "In a UMAP only neighbourhoods mean something: distances between groups, and sizes, do \
             not. ",
        );
    }
    if found.runs.runs.iter().any(|run| !run.events.is_empty()) {
        caption.push_str("A diamond is the first checkpoint after an event. ");
    }
    caption.push_str(
        "Principal components are a true projection: what lies apart in them lies apart, what lies \
         together may not.",
    );
    Ok(vec![Block::Trails { views, caption }])
}

/// The places of every run that are shown, if at most so many of all are.
fn thinned(runs: &[Run], most: usize) -> (Vec<Vec<usize>>, usize) {
    let count: usize = runs.iter().map(|run| run.places.len()).sum();
    let every = count.div_ceil(most).max(1);
    let shown = |run: &Run| (0..run.places.len()).step_by(every).collect();
    (runs.iter().map(shown).collect(), every)
}

/// The points of the places that are shown, run after run.
fn points(group: &Group, runs: &[Run], shown: &[Vec<usize>]) -> DMatrix<f32> {
    let places = runs.iter().zip(shown);
    let members: Vec<usize> = places
        .flat_map(|(run, shown)| shown.iter().filter_map(|&at| run.places.get(at)))
        .map(|place| place.member)
        .collect();
    group.points.select_columns(&members)
}

/// The first two principal components; none of fewer than two points, or of points all alike.
fn components(found: &Source<'_>) -> Result<Option<Trails>> {
    let (shown, every) = thinned(found.runs.runs(), MOST_COMPONENTS);
    let points = points(found.group, found.runs.runs(), &shown);
    if points.ncols() < 2 {
        return Ok(None);
    }
    let count = points.nrows().min(2);
    let principal = match principal_components(points.as_view(), count) {
        Err(weightspace::Error::Constant) => return Ok(None),
        other => other?,
    };
    let place = |column: usize| -> [f64; 2] {
        let at = |row: usize| {
            let value = principal.coordinates.get((row, column)).copied();
            f64::from(value.unwrap_or_default())
        };
        [at(0), at(1)]
    };
    let label = |component: usize| {
        let share = 100.0 * principal.shares.get(component).copied().unwrap_or_default();
        format!("component {}: {share:.0} % of the variance", component + 1)
    };
    let title = titled("Principal components", every);
    let embedding = embedding(title, [label(0), label(1)], true, found, &shown, place);
    Ok(Some(embedding))
}

/// A UMAP.
fn neighbourhoods(found: &Source<'_>, seed: u64) -> Result<Trails> {
    let (shown, every) = thinned(found.runs.runs(), MOST_POINTS);
    let points = points(found.group, found.runs.runs(), &shown);
    let parameters = Parameters {
        seed,
        ..Parameters::default()
    };
    let layout = embed(points.as_view(), &parameters)?;
    let place = |column: usize| {
        let position = layout.positions.get(column).copied();
        position.unwrap_or([f32::NAN; 2]).map(f64::from)
    };
    let title = titled("UMAP", every);
    let labels = ["UMAP 1".to_owned(), "UMAP 2".to_owned()];
    Ok(embedding(title, labels, false, found, &shown, place))
}

fn titled(what: &str, every: usize) -> String {
    match every {
        1 => format!("{what}, all checkpoints"),
        _ => format!("{what}, one checkpoint in {every}"),
    }
}

fn embedding(
    title: String,
    [x_label, y_label]: [String; 2],
    ticks: bool,
    found: &Source<'_>,
    shown: &[Vec<usize>],
    position: impl Fn(usize) -> [f64; 2],
) -> Trails {
    let unit = super::position_name(found.runs);
    let mut column = 0;
    let mut names = Vec::new();
    let mut marked = Vec::new();
    let mut trajectories = Vec::new();
    for (index, (run, shown)) in found.runs.runs.iter().zip(shown).enumerate() {
        let positions = super::positions(run, unit);
        let mut points = Vec::new();
        let mut named = Vec::new();
        for &at in shown {
            let [x, y] = position(column);
            column += 1;
            let epoch = positions.get(at).copied().unwrap_or_default();
            points.push(TrajectoryPoint {
                x,
                y,
                epoch: u32::try_from(epoch).unwrap_or(u32::MAX),
                accuracy: f64::NAN,
            });
            named.push(said(run, at));
        }
        names.push(named);
        let is_event = |at: &usize| run.events.iter().any(|event| event.place == *at);
        marked.push(shown.iter().map(is_event).collect());
        trajectories.push(Trajectory {
            run: super::run_name(index, run),
            points,
        });
    }
    let (most, most_runs) = MOST_IN_LINES;
    Trails {
        lines: column <= most && trajectories.len() <= most_runs,
        names,
        marked,
        position: unit.to_owned(),
        embedding: Embedding {
            title,
            x_label,
            y_label,
            ticks,
            trajectories,
        },
    }
}

/// The name of a checkpoint, what is wrong with it, and what happened before it.
fn said(run: &Run, at: usize) -> String {
    let Some(place) = run.places.get(at) else {
        return String::new();
    };
    let mut text = place.name().to_owned();
    for found in &place.contradictions {
        text.push_str(&format!("\n{found}"));
    }
    for event in run.events.iter().filter(|event| event.place == at) {
        text.push_str(&format!("\n{event}"));
    }
    if !place.copies.is_empty() {
        let copies = match place.copies.len() {
            1 => "1 copy with the same weights".to_owned(),
            several => format!("{} copies with the same weights", thousands(several as u64)),
        };
        text.push_str(&format!("\n{copies}"));
    }
    text
}
