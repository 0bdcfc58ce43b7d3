//! The interactive scatter plot: point data packed for the script in `assets/scatter.js`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::{
    colour::{VIRIDIS, run_colour},
    figure::{Embedding, TrajectoryPoint},
    svg::escape,
};

/// Accuracy code of a checkpoint whose accuracy is unknown.
const UNKNOWN: u16 = u16::MAX;

/// Runs in the plane that are known point by point.
#[derive(Debug, Clone, PartialEq)]
pub struct Trails {
    /// The points.
    pub embedding: Embedding,
    /// Name of every point, in the order of the trajectories and of their points; may be empty.
    pub names: Vec<Vec<String>>,
    /// Points at which something happened, in the same order: they are marked. May be empty.
    pub marked: Vec<Vec<bool>>,
    /// What a point's `epoch` counts, as in "step".
    pub position: String,
    /// Whether lines along all runs are always there, with a number at their ends: for runs that
    /// the eye can distinguish.
    pub lines: bool,
}

/// The markup of one scatter plot with a choice of views. Coordinates take two bytes each, with
/// one scale for both axes (a 65,535th of the longer side), the accuracy two, the epoch four.
/// Points that are not finite are skipped.
pub(crate) fn scatter(views: &[Embedding], caption: &str) -> String {
    let colours = [
        ("run", "run"),
        ("epoch", "epoch"),
        ("accuracy", "test accuracy"),
    ];
    let views: Vec<(&Embedding, Value)> = views.iter().map(|v| (v, view(v))).collect();
    markup(&views, &colours, caption)
}

/// As [`scatter`], with names.
pub(crate) fn trails(views: &[Trails], caption: &str) -> String {
    let position = views.first().map_or("epoch", |v| v.position.as_str());
    let colours = [("run", "run"), ("epoch", position)];
    let views: Vec<(&Embedding, Value)> = views
        .iter()
        .map(|trails| (&trails.embedding, trail_view(trails)))
        .collect();
    markup(&views, &colours, caption)
}

fn trail_view(trails: &Trails) -> Value {
    let mut value = view(&trails.embedding);
    let named = trails.embedding.trajectories.iter().zip(&trails.names);
    let names: Vec<&str> = named
        .flat_map(|(trajectory, names)| trajectory.points.iter().zip(names))
        .filter(|(point, _)| is_finite(point))
        .map(|(_, name)| name.as_str())
        .collect();
    value["names"] = json!(names);
    let marked = trails.embedding.trajectories.iter().zip(&trails.marked);
    let marked = marked
        .flat_map(|(trajectory, marked)| trajectory.points.iter().zip(marked))
        .filter(|(point, _)| is_finite(point));
    let marked = marked.enumerate().filter(|(_, (_, marked))| **marked);
    value["marked"] = json!(marked.map(|(place, _)| place).collect::<Vec<_>>());
    value["position"] = json!(trails.position);
    value["lines"] = json!(trails.lines);
    value
}

fn markup(views: &[(&Embedding, Value)], colours: &[(&str, &str)], caption: &str) -> String {
    let runs = views.iter().map(|(v, _)| v.trajectories.len()).max();
    let runs = runs.unwrap_or(0);
    let data = json!({
        "views": views.iter().map(|(_, value)| value).collect::<Vec<_>>(),
        "runColours": (0..runs).map(|run| run_colour(run, runs).hex()).collect::<Vec<_>>(),
        "rampColours": VIRIDIS.map(|c| c.hex()),
    });
    // A script element ends at the first "</script", so no "<" may stand in it.
    let data = data.to_string().replace('<', "\\u003c");
    let options: String = views
        .iter()
        .enumerate()
        .map(|(i, (v, _))| format!("<option value=\"{i}\">{}</option>", escape(&v.title)))
        .collect();
    let colours: String = colours
        .iter()
        .map(|(by, name)| format!("<option value=\"{by}\">{}</option>", escape(name)))
        .collect();
    format!(
        r#"<figure class="scatter">
<div class="controls">
<label>View <select class="view">{options}</select></label>
<label>Colour by <select class="colour">{colours}</select></label>
<span class="buttons"><button type="button" class="zoom-in" aria-label="Zoom in">+</button><button type="button" class="zoom-out" aria-label="Zoom out">−</button><button type="button" class="reset">Reset</button></span>
</div>
<div class="stage" tabindex="0" role="application" aria-label="Scatter plot of checkpoints. Left and right arrows follow a run, up and down change the run, plus and minus zoom, 0 resets.">
<canvas class="points"></canvas><canvas class="overlay"></canvas><div class="tooltip" hidden></div>
</div>
<div class="ramp"></div>
<p class="status" role="status"></p>
<figcaption>{caption} <span class="hint">Wheel or pinch zooms, dragging moves, a double click resets; pointing at a checkpoint shows its whole run. With the keyboard: arrows, + and −, 0.</span></figcaption>
<script type="application/json">{data}</script>
</figure>
"#,
        caption = escape(caption)
    )
}

fn is_finite(p: &TrajectoryPoint) -> bool {
    p.x.is_finite() && p.y.is_finite()
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values
        .filter(|v| v.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        })
}

/// Maps `value` to `0..=top` as `low..=low + span` maps to the whole.
fn quantise(value: f64, low: f64, span: f64, top: u16) -> u16 {
    if span > 0.0 {
        ((value - low) / span * f64::from(top)).round() as u16
    } else {
        top / 2
    }
}

fn view(embedding: &Embedding) -> Value {
    let points = || {
        embedding
            .trajectories
            .iter()
            .flat_map(|t| &t.points)
            .filter(|p| is_finite(p))
    };
    let (left, right) = range(points().map(|p| p.x));
    let (bottom, top) = range(points().map(|p| p.y));
    let (worst, best) = range(points().map(|p| p.accuracy));
    let span = (right - left).max(top - bottom);

    let (mut places, mut epochs, mut accuracies) = (Vec::new(), Vec::new(), Vec::new());
    for p in points() {
        for (value, low) in [(p.x, left), (p.y, bottom)] {
            places.extend(quantise(value, low, span, u16::MAX).to_le_bytes());
        }
        epochs.extend(p.epoch.to_le_bytes());
        let accuracy = if p.accuracy.is_finite() {
            quantise(p.accuracy, worst, best - worst, UNKNOWN - 1)
        } else {
            UNKNOWN
        };
        accuracies.extend(accuracy.to_le_bytes());
    }
    let known = worst <= best;
    json!({
        "xLabel": embedding.x_label,
        "yLabel": embedding.y_label,
        "runs": embedding.trajectories.iter().map(|t| t.run.as_str()).collect::<Vec<_>>(),
        "lengths": embedding
            .trajectories
            .iter()
            .map(|t| t.points.iter().filter(|p| is_finite(p)).count())
            .collect::<Vec<_>>(),
        "places": BASE64.encode(&places),
        "epochs": BASE64.encode(&epochs),
        "accuracies": BASE64.encode(&accuracies),
        "accuracyRange": if known { json!([worst, best]) } else { Value::Null },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Trajectory;

    fn embedding(points: Vec<TrajectoryPoint>) -> Embedding {
        Embedding {
            title: "</script><script>alert(1)</script>".into(),
            x_label: "</script>".into(),
            y_label: String::new(),
            ticks: false,
            trajectories: vec![Trajectory {
                run: "</script>".into(),
                points,
            }],
        }
    }

    fn point(x: f64, y: f64) -> TrajectoryPoint {
        TrajectoryPoint {
            x,
            y,
            epoch: 7,
            accuracy: f64::NAN,
        }
    }

    #[test]
    fn no_text_can_end_the_data_element() {
        let html = scatter(&[embedding(vec![point(0.0, 0.0)])], "</script>");
        assert_eq!(html.matches("</script>").count(), 1);
        assert_eq!(html.matches("<script").count(), 1);
    }

    #[test]
    fn both_axes_share_the_scale_of_the_longer_one() {
        let value = view(&embedding(vec![point(-1.0, 0.0), point(1.0, 1.0)]));
        // x 0 and 65535, y 0 and 32768, little-endian.
        assert_eq!(
            value["places"],
            BASE64.encode([0, 0, 0, 0, 255, 255, 0, 128])
        );
        assert_eq!(value["epochs"], BASE64.encode([7, 0, 0, 0, 7, 0, 0, 0]));
        assert_eq!(value["accuracies"], BASE64.encode([255; 4]));
        assert_eq!(value["accuracyRange"], Value::Null);
    }

    #[test]
    fn points_that_are_not_finite_are_left_out_and_counted_out() {
        let value = view(&embedding(vec![point(f64::NAN, 0.0), point(1.0, 1.0)]));
        assert_eq!(value["lengths"], json!([1]));
    }
}
