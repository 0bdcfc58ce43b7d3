//! In which order the checkpoints of each run came: every method, space and share kept.

use super::thinned::{Null, Thinned, null_points};
use super::world::{SEED, World};
use crate::findings::{Figure, Findings};
use anyhow::Result;
use nalgebra::DMatrix;
use report::figure::chart::{Axis, Chart, Panel, Reference, Series, Style};
use report::table::{Column, Table};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use trajectory::assignment::Clusters;
use trajectory::dendrogram::Dendrogram;
use trajectory::minimum_spanning_tree::minimum_spanning_tree;
use trajectory::ordering::{
    Method, along_tree, by_merge_height, direct, edge_confidence, order, order_whitened,
    random_order,
};
use trajectory::scoring::{Estimate, score_each_order};
use trajectory::spanning_tree::SpanningTree;
use trajectory::whitening::Tensor;
use zoo_training::Architecture;

const TEXT: &str = "\
Checkpoints are shuffled, then runs are found by cutting the minimum spanning tree into as many \
clusters as there are runs, and each is ordered. Where a share of the checkpoints is kept, it is drawn \
at random before anything is computed, and \u{201c}consecutive\u{201d} means consecutive among the \
kept. Ordered: share of a run's pairs of successive epochs that stand next to each other in order. All \
orders but the paper's and the random one are directed by the same rule. Constants were set on even \
seeds; the rows are of odd seeds; \u{b1} is one standard error over runs.\n\n\
Whitened: the banded path is searched again in a metric in which the jitter of all runs' steps along \
the first order, pooled over runs and output units, is as strong in every input direction of a \
tensor; it needs the weights, so there is none in an SVD. Whitened by itself: the same for one run \
at a time, as if it were the only one.\n\n\
Edges: the stated confidence of each edge of the recommended order against the share that is right, \
pooled over zoos (but for those of one shared initialisation, whose clusters are no runs), spaces \
and shares kept. The random walk takes the step lengths of trained runs in \
random directions: its order can truly be found, since in many dimensions a walk does not come back. \
Independent points have no order to find; the confidence stated there is what it states of nothing.";

/// Dimensions beside the full space.
const SPACES: [usize; 6] = [500, 100, 50, 25, 10, 5];
/// Limits of the bins of stated confidence.
const BINS: [f64; 9] = [0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0];

struct Row {
    zoo: String,
    kept: f64,
    /// 0: all.
    dimension: usize,
    method: &'static str,
    ordered: Estimate,
    initial: Estimate,
    tau: Estimate,
    exact: Estimate,
}

pub(super) fn run(world: &World) -> Result<Findings> {
    let mut rows = Vec::new();
    let mut edges: Vec<(f64, bool)> = Vec::new();
    for zoo in &world.zoos {
        let name = &zoo.zoo.recipe.name;
        let control = !["mlp", "cnn", "mlp-hard"].contains(&name.as_str());
        for kept in [1.0, 0.3, 0.1] {
            let points = Thinned::new(zoo, kept)?;
            if points.runs() * 3 > points.matrix.ncols() {
                continue;
            }
            let space = Space {
                zoo: name,
                kept,
                dimension: 0,
                tensors: Some(tensors(zoo.zoo.recipe.architecture)),
            };
            space.order(&points, &points.matrix, &mut rows, &mut edges)?;
            if control {
                continue;
            }
            let most = points.matrix.nrows().min(points.matrix.ncols());
            let spaces: Vec<usize> = SPACES.into_iter().filter(|&d| d <= most).collect();
            let Some(&rank) = spaces.first() else {
                continue;
            };
            let svd = weightspace::svd::truncated(points.matrix.as_view(), rank)?;
            for dimension in spaces {
                let reduced = svd.coordinates_at(dimension)?.into_owned();
                let space = Space {
                    zoo: name,
                    kept,
                    dimension,
                    tensors: None,
                };
                space.order(&points, &reduced, &mut rows, &mut edges)?;
            }
        }
    }
    let nulls = nulls(world)?;

    let mut findings = Findings {
        title: "Order",
        text: TEXT.into(),
        tables: vec![table(&rows), reliability_table(&edges), nulls.0],
        figures: figures(&rows, &edges),
        json: json!({
            "rows": rows.iter().map(as_json).collect::<Vec<Value>>(),
            "edges": bins(&edges).iter().map(|bin| json!({
                "mean_confidence": bin.0, "share_right": bin.1, "edges": bin.2
            })).collect::<Vec<Value>>(),
            "nulls": nulls.1,
        }),
        ..Findings::default()
    };
    for (headline, zoo, dimension, tau) in [
        ("order_mlp_full", "mlp", 0, false),
        ("order_cnn_full", "cnn", 0, false),
        ("order_mlp_svd50", "mlp", 50, false),
        ("order_cnn_svd50", "cnn", 50, false),
        ("order_hard_full", "mlp-hard", 0, false),
        ("tau_mlp_full", "mlp", 0, true),
        ("tau_cnn_full", "cnn", 0, true),
    ] {
        let found = rows.iter().find(|row| {
            row.zoo == zoo
                && row.dimension == dimension
                && row.kept == 1.0
                && row.method == recommended(dimension)
        });
        if let Some(row) = found {
            let estimate = if tau { row.tau } else { row.ordered };
            findings.headline(headline, estimate.value, estimate.samples);
        }
    }
    Ok(findings)
}

const BANDED: &str = "banded path";
const WHITENED: &str = "banded path, whitened";
const ALONE: &str = "banded path, each run whitened by itself";

/// What to use in a space: noise is whitened along a tensor's inputs, which an SVD mixes up.
fn recommended(dimension: usize) -> &'static str {
    match dimension {
        0 => WHITENED,
        _ => BANDED,
    }
}

fn tensors(architecture: Architecture) -> Vec<Tensor> {
    let layout = architecture.layout().iter();
    layout
        .map(|tensor| Tensor::of_shape(tensor.shape))
        .collect()
}

/// Where checkpoints of a zoo are put in order.
struct Space<'a> {
    zoo: &'a str,
    kept: f64,
    /// 0: all weights.
    dimension: usize,
    /// The tensors that the coordinates are, if they are weights.
    tensors: Option<Vec<Tensor>>,
}

/// As [`order_whitened`], one run at a time.
fn each_alone(
    points: &DMatrix<f32>,
    tensors: &[Tensor],
    clusters: &Clusters,
) -> Result<Vec<Vec<u32>>> {
    let each = clusters.iter().map(|members| {
        let columns: Vec<usize> = members.iter().map(|&leaf| leaf as usize).collect();
        let own = points.select_columns(&columns);
        let cluster = Clusters::from_labels(&vec![0; members.len()])?;
        let (orders, _) = order_whitened(own.as_view(), tensors, &cluster, SEED)?;
        let leaves = orders.concat();
        Ok(leaves.iter().map(|&leaf| members[leaf as usize]).collect())
    });
    each.collect()
}

impl Space<'_> {
    /// Orders the points by every method, scores the odd seeds, and notes how sure the recommended
    /// method was of each edge of theirs.
    fn order(
        &self,
        truth: &Thinned,
        matrix: &DMatrix<f32>,
        rows: &mut Vec<Row>,
        edges: &mut Vec<(f64, bool)>,
    ) -> Result<()> {
        let &Self {
            zoo,
            kept,
            dimension,
            ref tensors,
        } = self;
        let points = matrix.as_view();
        let tree_edges = minimum_spanning_tree(points)?;
        let tree = SpanningTree::new(points.ncols(), &tree_edges)?;
        let dendrogram = Dendrogram::of(&tree);
        let clusters = dendrogram.cut_into(truth.runs())?;
        let directed = |orders: Vec<Vec<u32>>| -> Result<Vec<Vec<u32>>> {
            let directed = direct(points, &orders)?;
            Ok(directed.into_iter().map(|order| order.leaves).collect())
        };
        let banded = order(points, &clusters, Method::RECOMMENDED, SEED)?;
        let whitened = match tensors {
            Some(tensors) => Some(order_whitened(points, tensors, &clusters, SEED)?),
            None => None,
        };
        let (recommended, confidence) = match &whitened {
            Some((orders, white)) => (orders, edge_confidence(white.as_view(), orders, SEED)?),
            None => (&banded, edge_confidence(points, &banded, SEED)?),
        };
        for (order, confidence) in recommended.iter().zip(&confidence) {
            for (pair, &confidence) in order.windows(2).zip(confidence) {
                let [x, y] = [pair[0] as usize, pair[1] as usize];
                // Clusters of runs from one initialisation are no runs, so their edges say nothing.
                if truth.odd(x) && !zoo.contains("shared") {
                    let next = truth.ranks[x].abs_diff(truth.ranks[y]) == 1;
                    edges.push((confidence, truth.labels[x] == truth.labels[y] && next));
                }
            }
        }
        let tree_paths = along_tree(&tree, &clusters, SEED)?;
        let tree_paths = tree_paths.into_iter().map(|path| path.leaves).collect();
        let by = |method| order(points, &clusters, method, SEED);
        let mut methods: Vec<(&'static str, Vec<Vec<u32>>)> = vec![
            ("random", random_order(&clusters, SEED)),
            (
                "merge height (paper)",
                by_merge_height(&dendrogram, &clusters, SEED)?,
            ),
            ("tree path", directed(tree_paths)?),
            ("spectral", directed(by(Method::Spectral)?)?),
            ("shortest path", directed(by(Method::ShortestPath)?)?),
            (BANDED, directed(banded)?),
        ];
        if let (Some(tensors), Some((orders, _))) = (tensors, whitened) {
            methods.push((WHITENED, directed(orders)?));
            methods.push((ALONE, directed(each_alone(matrix, tensors, &clusters)?)?));
        }
        for (method, orders) in methods {
            let scores = score_each_order(&orders, &truth.labels, &truth.ranks)?;
            let odd: Vec<_> = scores
                .iter()
                .zip(&orders)
                .filter(|(_, order)| truth.odd(order[0] as usize))
                .map(|(score, _)| score)
                .collect();
            let share = |score: &trajectory::scoring::ClusterOrder| {
                score.score.consecutive as f64 / (score.run_epochs.max(2) - 1) as f64
            };
            let mean = |value: &dyn Fn(&trajectory::scoring::ClusterOrder) -> Option<f64>| {
                Estimate::mean(
                    &odd.iter()
                        .filter_map(|score| value(score))
                        .collect::<Vec<f64>>(),
                )
            };
            rows.push(Row {
                zoo: zoo.to_owned(),
                kept,
                dimension,
                method,
                ordered: mean(&|score| Some(share(score))),
                initial: mean(&|score| Some(score.score.initial as f64)),
                tau: mean(&|score| score.score.kendall_tau),
                exact: mean(&|score| Some(f64::from(u8::from(share(score) == 1.0)))),
            });
        }
        Ok(())
    }
}

/// What every method makes of points without a story.
fn nulls(world: &World) -> Result<(Table, Value)> {
    let mut table = Table {
        caption: "Nulls: a random walk with the step lengths of trained runs, and independent \
                  points"
            .into(),
        columns: vec![
            Column::text("points"),
            Column::text("method"),
            Column::number("", "adjacent pairs recovered"),
            Column::number("", "mean stated confidence"),
        ],
        rows: Vec::new(),
    };
    let mut json = Vec::new();
    for null in null_points(world)? {
        let Null {
            name,
            matrix,
            labels,
            ranks,
        } = null;
        let clusters = Clusters::from_labels(&labels)?;
        let points = matrix.as_view();
        let plain = |name, method| -> Result<_> {
            Ok((name, order(points, &clusters, method, SEED)?, None))
        };
        let layout = tensors(Architecture::Mlp);
        let (orders, white) = order_whitened(points, &layout, &clusters, SEED)?;
        for (method, orders, white) in [
            plain("spectral", Method::Spectral)?,
            plain("shortest path", Method::ShortestPath)?,
            plain(BANDED, Method::RECOMMENDED)?,
            (WHITENED, orders, Some(white)),
        ] {
            let among = white.as_ref().map_or(points, |white| white.as_view());
            let confidence = edge_confidence(among, &orders, SEED)?;
            let pairs: Vec<f64> = orders
                .iter()
                .flat_map(|order| order.windows(2))
                .map(|pair| ranks[pair[0] as usize].abs_diff(ranks[pair[1] as usize]))
                .map(|apart| f64::from(u8::from(apart == 1)))
                .collect();
            let right = Estimate::mean(&pairs);
            let stated = Estimate::mean(&confidence.concat());
            table.rows.push(vec![
                name.to_owned(),
                method.to_owned(),
                format!("{:.3}", right.value),
                format!("{:.3}", stated.value),
            ]);
            json.push(json!({
                "points": name, "method": method,
                "adjacent_pairs_recovered": right, "stated_confidence": stated,
            }));
        }
    }
    Ok((table, Value::Array(json)))
}

fn space(dimension: usize) -> String {
    match dimension {
        0 => "full".into(),
        dimension => format!("svd{dimension}"),
    }
}

fn table(rows: &[Row]) -> Table {
    let plus = |estimate: &Estimate, digits: usize| match estimate.standard_error {
        Some(error) => format!("{:.digits$} \u{b1} {error:.digits$}", estimate.value),
        None => format!("{:.digits$}", estimate.value),
    };
    Table {
        caption: "Order by zoo, space, share kept and method; odd seeds".into(),
        columns: vec![
            Column::text("zoo"),
            Column::number("", "kept"),
            Column::text("space"),
            Column::text("method"),
            Column::number("", "ordered"),
            Column::number("", "initial epochs"),
            Column::number("", "Kendall \u{3c4}"),
            Column::number("", "exactly right"),
            Column::number("", "n"),
        ],
        rows: rows
            .iter()
            .map(|row| {
                vec![
                    row.zoo.clone(),
                    format!("{:.0} %", 100.0 * row.kept),
                    space(row.dimension),
                    row.method.to_owned(),
                    plus(&row.ordered, 4),
                    plus(&row.initial, 1),
                    plus(&row.tau, 4),
                    format!("{:.3}", row.exact.value),
                    row.ordered.samples.to_string(),
                ]
            })
            .collect(),
    }
}

fn as_json(row: &Row) -> Value {
    json!({
        "zoo": row.zoo, "kept": row.kept, "space": space(row.dimension), "method": row.method,
        "ordered": row.ordered, "initial": row.initial, "kendall_tau": row.tau,
        "exactly_right": row.exact,
    })
}

/// Mean stated confidence, share right and number of edges of every bin that has any.
fn bins(edges: &[(f64, bool)]) -> Vec<(f64, f64, usize)> {
    BINS.windows(2)
        .filter_map(|limits| {
            let inside: Vec<&(f64, bool)> = edges
                .iter()
                .filter(|edge| edge.0 >= limits[0] && (edge.0 < limits[1] || limits[1] == 1.0))
                .collect();
            let n = inside.len();
            (n > 0).then(|| {
                let stated = inside.iter().map(|edge| edge.0).sum::<f64>() / n as f64;
                let right = inside.iter().filter(|edge| edge.1).count() as f64 / n as f64;
                (stated, right, n)
            })
        })
        .collect()
}

fn reliability_table(edges: &[(f64, bool)]) -> Table {
    Table {
        caption: "Edges of the recommended order: stated confidence and share right; odd seeds"
            .into(),
        columns: ["mean confidence", "share right", "edges"]
            .map(|title| Column::number("", title))
            .into(),
        rows: bins(edges)
            .iter()
            .map(|&(stated, right, n)| {
                vec![format!("{stated:.3}"), format!("{right:.3}"), n.to_string()]
            })
            .collect(),
    }
}

fn figures(rows: &[Row], edges: &[(f64, bool)]) -> Vec<Figure> {
    let panel = |zoo: &str| {
        let of_zoo: Vec<&Row> = rows
            .iter()
            .filter(|row| row.zoo == zoo && row.kept == 1.0)
            .collect();
        let mut dimensions: Vec<usize> = of_zoo.iter().map(|row| row.dimension).collect();
        dimensions.dedup();
        let mut names: Vec<&'static str> = of_zoo.iter().map(|row| row.method).collect();
        let mut seen = BTreeSet::new();
        names.retain(|name| *name != ALONE && seen.insert(*name));
        Panel {
            title: zoo.to_owned(),
            x: Axis::named("space", dimensions.iter().map(|&d| space(d))),
            y: Axis::linear("ordered pairs").within(0.0, 1.0),
            series: names
                .iter()
                .map(|name| {
                    let points = dimensions.iter().enumerate().filter_map(|(x, dimension)| {
                        let row = of_zoo
                            .iter()
                            .find(|row| row.method == *name && row.dimension == *dimension)?;
                        Some((x as f64, row.ordered.value))
                    });
                    let series = Series::new(name, points.collect()).styled(Style::LineAndMarkers);
                    if *name == "random" {
                        series.as_baseline()
                    } else {
                        series
                    }
                })
                .collect(),
            references: Vec::new(),
        }
    };
    let reliability = Panel {
        title: "Edges".into(),
        x: Axis::linear("stated confidence").within(0.0, 1.0),
        y: Axis::linear("share right").within(0.0, 1.0),
        series: vec![
            Series::new(
                "edges",
                bins(edges).iter().map(|bin| (bin.0, bin.1)).collect(),
            )
            .styled(Style::LineAndMarkers),
        ],
        references: vec![Reference::diagonal("calibrated")],
    };
    let figure = |name: &str, caption: &str, panels: Vec<Panel>| Figure {
        name: name.into(),
        caption: caption.into(),
        svg: Chart {
            title: caption.into(),
            columns: 3,
            panels,
        }
        .to_svg(),
    };
    vec![
        figure(
            "order_by_space",
            "Share of ordered pairs by space and method, odd seeds",
            ["mlp", "cnn", "mlp-hard"].map(panel).into(),
        ),
        figure(
            "order_edges",
            "Stated confidence of edges and share that is right, odd seeds",
            vec![reliability],
        ),
    ]
}
