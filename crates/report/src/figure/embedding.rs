//! Trajectories in the plane, coloured by run (the paper's figures 5, 6 and 7).

use std::collections::BTreeMap;

use crate::{
    area::{Area, WIDTH, panel_title},
    axes::{Axis, Frame},
    colour::{Rgb, WHITE, run_colour},
    legend::{Entry, Mark, legend},
    scale::{Domain, Scale},
    style::stroke,
    svg::{Path, Svg},
};

/// One checkpoint in the plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrajectoryPoint {
    /// Horizontal coordinate.
    pub x: f64,
    /// Vertical coordinate.
    pub y: f64,
    /// Epoch (or step) of the checkpoint.
    pub epoch: u32,
    /// Test accuracy, 0..=1; NaN where unknown.
    pub accuracy: f64,
}

/// The checkpoints of one run, in the order in which they are to be joined by a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Trajectory {
    /// Name of the run, as in "seed 17".
    pub run: String,
    /// Its checkpoints.
    pub points: Vec<TrajectoryPoint>,
}

/// Many runs in one plane. The position of a run in `trajectories` decides its colour.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding {
    /// Title, as in "CNN, 250 runs".
    pub title: String,
    /// Name of the horizontal axis, as in "UMAP 1".
    pub x_label: String,
    /// Name of the vertical axis.
    pub y_label: String,
    /// Whether the axes carry ticks: positions in a UMAP mean nothing, those of a principal
    /// component do.
    pub ticks: bool,
    /// The runs.
    pub trajectories: Vec<Trajectory>,
}

/// Early points are small and pale, late ones large and full: this many grades between.
const GRADES: usize = 6;

/// Draws all checkpoints as dots coloured by run, growing and gaining colour with the epoch, and
/// thin lines along the runs in `highlighted` (positions in `trajectories`; others are ignored),
/// whose first points are ringed. Both axes share one scale.
#[must_use]
pub fn embedding(embedding: &Embedding, highlighted: &[usize]) -> String {
    let (cells, height) = Area::cells(1, 1, 720.0);
    let mut svg = Svg::new(WIDTH, height, &embedding.title);
    let area = panel_title(&mut svg, cells[0], &embedding.title);
    let (first, last) = epoch_range(&embedding.trajectories);
    let fading = format!("epoch {first} to {last}; one colour per run");
    let mut entries = vec![Entry {
        mark: Mark::Fading,
        colour: "#333".into(),
        name: &fading,
    }];
    if !highlighted.is_empty() {
        entries.push(Entry {
            mark: Mark::Line,
            colour: "#333".into(),
            name: "path of one run",
        });
        entries.push(Entry {
            mark: Mark::Ring,
            colour: "#333".into(),
            name: "where it starts",
        });
    }
    let area = legend(&mut svg, area, &entries);
    let frame = draw_axes(&mut svg, area, embedding);
    let mut points = embedding.trajectories.iter().flat_map(|t| &t.points);
    if !points.any(|p| p.x.is_finite() && p.y.is_finite()) {
        frame.no_data(&mut svg);
        return svg.finish();
    }
    draw_points(&mut svg, &frame, embedding, (first, last));
    draw_lines(&mut svg, &frame, embedding, highlighted);
    svg.finish()
}

fn epoch_range(trajectories: &[Trajectory]) -> (u32, u32) {
    let epochs = || trajectories.iter().flat_map(|t| &t.points).map(|p| p.epoch);
    (epochs().min().unwrap_or(0), epochs().max().unwrap_or(0))
}

fn draw_axes(svg: &mut Svg, area: Area, embedding: &Embedding) -> Frame {
    let points = || embedding.trajectories.iter().flat_map(|t| &t.points);
    let x = Domain::of(Scale::Linear, points().map(|p| p.x)).padded(0.03);
    let y = Domain::of(Scale::Linear, points().map(|p| p.y)).padded(0.03);
    // One unit is as long on both axes: the shorter range is widened about its middle.
    let shape = (area.width - 60.0) / (area.height - 50.0);
    let (width, height) = (x.high - x.low, y.high - y.low);
    let widened = |d: Domain, length: f64| {
        let middle = (d.low + d.high) / 2.0;
        d.including(middle - length / 2.0)
            .including(middle + length / 2.0)
    };
    let mut axes = [
        Axis::new(widened(x, height * shape), &embedding.x_label),
        Axis::new(widened(y, width / shape), &embedding.y_label),
    ];
    if !embedding.ticks {
        axes = axes.map(Axis::without_ticks);
    }
    Frame::draw(svg, area, axes[0], axes[1])
}

fn draw_points(svg: &mut Svg, frame: &Frame, embedding: &Embedding, (first, last): (u32, u32)) {
    let span = f64::from(last - first).max(1.0);
    let runs = embedding.trajectories.len();
    // Grades in the outer order: late points of every run lie above early ones of all runs.
    let mut clouds: BTreeMap<(usize, usize), Path> = BTreeMap::new();
    for (run, trajectory) in embedding.trajectories.iter().enumerate() {
        for p in &trajectory.points {
            let (x, y) = frame.point(p.x, p.y);
            if x.is_finite() {
                let age = f64::from(p.epoch - first) / span;
                let grade = ((age * GRADES as f64) as usize).min(GRADES - 1);
                clouds.entry((grade, run)).or_default().dot(x, y);
            }
        }
    }
    for ((grade, run), cloud) in &clouds {
        let age = *grade as f64 / (GRADES - 1) as f64;
        let colour = run_colour(*run, runs).mix(WHITE, 0.6 * (1.0 - age));
        svg.dots(cloud, &colour.hex(), 2.2 + 2.2 * age);
    }
}

fn draw_lines(svg: &mut Svg, frame: &Frame, embedding: &Embedding, highlighted: &[usize]) {
    let runs = embedding.trajectories.len();
    let black = Rgb(0, 0, 0);
    for &run in highlighted {
        let Some(trajectory) = embedding.trajectories.get(run) else {
            continue;
        };
        let colour = run_colour(run, runs).mix(black, 0.5).hex();
        let mut line = Path::default();
        line.polyline(trajectory.points.iter().map(|p| frame.point(p.x, p.y)));
        svg.path(&line, &stroke(&colour, 1.2));
        let start = trajectory.points.first().map(|p| frame.point(p.x, p.y));
        if let Some((x, y)) = start.filter(|(x, _)| x.is_finite()) {
            let style = format!("fill=\"#fff\" stroke=\"{colour}\" stroke-width=\"1.4\"");
            svg.circle(x, y, 4.0, &style);
        }
    }
}
