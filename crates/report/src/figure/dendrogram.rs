//! Dendrograms: a few runs with one in detail (the paper's figure 4), and whole zoos (8 and 9).

use crate::{
    area::{Area, WIDTH, panel_title},
    axes::{Axis, Frame},
    colour::{Rgb, run_colour},
    error::Error,
    legend::{Entry, Mark, legend},
    linkage::{Layout, Linkage, Node},
    scale::{Domain, Scale},
    strokes::Strokes,
    svg::{Anchor, Svg, Text, text_width},
};

const ABOVE_CUT: Rgb = Rgb(170, 170, 170);
const MIXED: Rgb = Rgb(25, 25, 25);
/// Grid step and line width, in pixels.
const FINE: (f64, f64) = (0.1, 1.1);
const COARSE: (f64, f64) = (0.2, 0.5);
/// Size of the names of leaves, in pixels.
const NAME_SIZE: f64 = 10.0;
const HEIGHT_LABEL: &str = "merge height (Euclidean distance)";

/// Which checkpoint a leaf is. Used to colour and label, never to arrange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf {
    /// Index of its run.
    pub run: usize,
    /// Its epoch.
    pub epoch: u32,
}

/// The dendrogram of a few runs, with one of them to be shown in detail.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDendrogram {
    /// Title of the panel, as in "MLP".
    pub title: String,
    /// Linkage of the checkpoints of these runs.
    pub linkage: Linkage,
    /// One per leaf.
    pub leaves: Vec<Leaf>,
    /// Name of every run.
    pub run_names: Vec<String>,
    /// The run whose largest pure subtree is drawn in detail.
    pub detail: usize,
}

/// Dendrograms two to a row, pure subtrees coloured by run; beneath each, one run in detail with
/// its leaves labelled by epoch.
///
/// # Errors
/// [`Error::LeafLabels`], [`Error::UnnamedRun`].
pub fn run_dendrograms(zoos: &[RunDendrogram]) -> Result<String, Error> {
    const OVERVIEW: f64 = 300.0;
    let (cells, height) = Area::cells(zoos.len(), 2, 640.0);
    let mut svg = Svg::new(
        WIDTH,
        height,
        "Dendrograms of a few runs, and one run of each in detail",
    );
    for (zoo, column) in zoos.iter().zip(cells) {
        zoo.linkage.check_labels(zoo.leaves.len())?;
        let runs = zoo.run_names.len();
        if let Some((leaf, l)) = zoo.leaves.iter().enumerate().find(|(_, l)| l.run >= runs) {
            return Err(Error::UnnamedRun {
                leaf,
                run: l.run,
                runs,
            });
        }
        let leaf_runs: Vec<usize> = zoo.leaves.iter().map(|l| l.run).collect();
        let layout = Layout::new(&zoo.linkage, &leaf_runs);
        let overview = Area {
            height: OVERVIEW,
            ..column
        };
        draw_overview(&mut svg, overview, zoo, &layout);
        draw_detail(&mut svg, column.below(OVERVIEW + 22.0), zoo, &layout);
    }
    Ok(svg.finish())
}

fn draw_overview(svg: &mut Svg, area: Area, zoo: &RunDendrogram, layout: &Layout) {
    let area = panel_title(svg, area, &zoo.title);
    let all = 0..layout.nodes.len();
    let whole = Subtree {
        first: 0,
        size: zoo.linkage.leaves(),
        nodes: all,
    };
    let runs = zoo.run_names.len();
    let labels = Area {
        height: area.height - 16.0,
        ..area
    };
    let frame = draw_tree_axes(svg, labels, &whole, layout, Scale::Linear, "");
    let colour = |_: usize, node: &Node| node.run.map_or(ABOVE_CUT, |run| run_colour(run, runs));
    draw_tree(svg, &frame, &whole, &zoo.linkage, layout, FINE, colour);
    // Each run's name stands under its largest pure subtree.
    let mut names: Vec<(f64, usize)> = (0..runs)
        .filter_map(|run| largest_pure(layout, run).map(|i| (layout.nodes[i], run)))
        .map(|(node, run)| (frame.x(node.first as f64 + node.size as f64 / 2.0), run))
        .collect();
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut taken = f64::NEG_INFINITY;
    for (x, run) in names {
        let name = &zoo.run_names[run];
        let half = text_width(name, 11.0) / 2.0;
        if x - half > taken {
            let fill = run_colour(run, runs).mix(Rgb(0, 0, 0), 0.25).hex();
            let text = Text::new(name)
                .size(11.0)
                .anchor(Anchor::Middle)
                .fill(&fill);
            svg.text(x, area.bottom() - 2.0, &text);
            taken = x + half + 4.0;
        }
    }
}

fn draw_detail(svg: &mut Svg, area: Area, zoo: &RunDendrogram, layout: &Layout) {
    let Some(root) = largest_pure(layout, zoo.detail) else {
        return;
    };
    let name = &zoo.run_names[zoo.detail];
    let area = panel_title(svg, area, &format!("{name} in detail"));
    let node = layout.nodes[root];
    let subtree = Subtree {
        first: node.first,
        size: node.size,
        nodes: 0..root + 1,
    };
    let axes = Area {
        height: area.height - 34.0,
        ..area
    };
    let frame = draw_tree_axes(svg, axes, &subtree, layout, Scale::Linear, "");
    let colour = run_colour(zoo.detail, zoo.run_names.len());
    draw_tree(svg, &frame, &subtree, &zoo.linkage, layout, FINE, |_, _| {
        colour
    });
    let spacing = frame.plot.width / node.size as f64;
    let size = spacing.clamp(7.0, 10.0);
    let every = (size / spacing).ceil() as usize;
    for (i, &leaf) in layout.order[node.first..node.first + node.size]
        .iter()
        .enumerate()
        .step_by(every)
    {
        let epoch = zoo.leaves[leaf].epoch.to_string();
        let x = frame.x((node.first + i) as f64 + 0.5);
        let text = Text::new(&epoch).size(size).anchor(Anchor::End).upwards();
        svg.text(x + size * 0.35, frame.plot.bottom() + 4.0, &text);
    }
    let text = Text::new("epoch").anchor(Anchor::Middle);
    let middle = frame.plot.left + frame.plot.width / 2.0;
    svg.text(middle, area.bottom() - 4.0, &text);
}

/// The largest node all of whose leaves belong to `run`.
fn largest_pure(layout: &Layout, run: usize) -> Option<usize> {
    layout
        .nodes
        .iter()
        .enumerate()
        .filter(|(_, node)| node.run == Some(run))
        .max_by_key(|(_, node)| node.size)
        .map(|(i, _)| i)
}

/// The dendrogram of a whole zoo.
#[derive(Debug, Clone, PartialEq)]
pub struct ZooDendrogram {
    /// Title, as in "CNN, full weight space".
    pub title: String,
    /// Linkage of all checkpoints.
    pub linkage: Linkage,
    /// Run of every leaf.
    pub leaf_runs: Vec<usize>,
    /// Number of clusters the tree is cut into; 1 = not cut.
    pub clusters: usize,
    /// Scale of the heights: linear as in the paper, logarithmic to see into the clusters.
    pub scale: Scale,
}

/// A dendrogram of any number of leaves: clusters of one run in its colour, clusters of several
/// runs black, what joins the clusters grey. Lines that fall onto one fifth of a pixel become one, so
/// the file's size is bounded by the picture and not by the tree.
///
/// # Errors
/// [`Error::LeafLabels`].
pub fn zoo_dendrogram(zoo: &ZooDendrogram) -> Result<String, Error> {
    draw_zoo(zoo, &[])
}

/// As [`zoo_dendrogram`], with the name of every leaf below it: for trees of a few dozen leaves.
/// `names` are one per leaf; where there is no room, only every second, fifth, … is written.
///
/// # Errors
/// [`Error::LeafLabels`].
pub fn named_dendrogram(zoo: &ZooDendrogram, names: &[String]) -> Result<String, Error> {
    zoo.linkage.check_labels(names.len())?;
    draw_zoo(zoo, names)
}

fn draw_zoo(zoo: &ZooDendrogram, names: &[String]) -> Result<String, Error> {
    zoo.linkage.check_labels(zoo.leaf_runs.len())?;
    let layout = Layout::new(&zoo.linkage, &zoo.leaf_runs);
    let leaves = zoo.linkage.leaves();
    let runs = zoo.leaf_runs.iter().max().map_or(0, |r| r + 1);
    // Removing the k - 1 highest merges leaves k clusters.
    let first_above = layout.nodes.len() - zoo.clusters.saturating_sub(1).min(layout.nodes.len());
    let colour = |index: usize, node: &Node| match node.run {
        _ if index >= first_above => ABOVE_CUT,
        Some(run) => run_colour(run, runs),
        None => MIXED,
    };
    let mixed = (leaves..first_above).any(|i| layout.nodes[i].run.is_none());

    let (cells, height) = Area::cells(1, 1, 440.0);
    let mut svg = Svg::new(WIDTH, height, &zoo.title);
    let area = panel_title(&mut svg, cells[0], &zoo.title);
    let above = format!("joins the {} clusters", zoo.clusters);
    let mut entries = vec![Entry {
        mark: Mark::Spectrum,
        colour: String::new(),
        name: match runs {
            1 => "one run",
            _ => "cluster of one run, one colour per run",
        },
    }];
    if mixed {
        entries.push(Entry {
            mark: Mark::Block,
            colour: MIXED.hex(),
            name: "cluster of several runs",
        });
    }
    if zoo.clusters > 1 {
        entries.push(Entry {
            mark: Mark::Block,
            colour: ABOVE_CUT.hex(),
            name: &above,
        });
    }
    let area = legend(&mut svg, area, &entries);
    let whole = Subtree {
        first: 0,
        size: leaves,
        nodes: 0..layout.nodes.len(),
    };
    let of_runs = match runs {
        1 => String::new(),
        _ => format!(" of {runs} runs"),
    };
    let label = format!("{leaves} checkpoints{of_runs}, in the order of the tree");
    let below: Vec<String> = layout
        .order
        .iter()
        .filter_map(|&leaf| names.get(leaf).cloned())
        .collect();
    let longest = below.iter().map(|name| text_width(name, NAME_SIZE));
    let room = longest.fold(0.0, f64::max);
    let axes = Area {
        height: area.height - if room > 0.0 { room + 8.0 } else { 0.0 },
        ..area
    };
    let x_label = if below.is_empty() { label.as_str() } else { "" };
    let frame = draw_tree_axes(&mut svg, axes, &whole, &layout, zoo.scale, x_label);
    let fineness = if below.is_empty() { COARSE } else { FINE };
    draw_tree(
        &mut svg,
        &frame,
        &whole,
        &zoo.linkage,
        &layout,
        fineness,
        colour,
    );
    write_names(&mut svg, &frame, &below);
    Ok(svg.finish())
}

/// Names upright below the leaves, as many as there is room for.
fn write_names(svg: &mut Svg, frame: &Frame, names: &[String]) {
    let spacing = frame.plot.width / names.len().max(1) as f64;
    let every = ((NAME_SIZE + 1.0) / spacing).ceil().max(1.0) as usize;
    for (i, name) in names.iter().enumerate().step_by(every) {
        let x = frame.x(i as f64 + 0.5) + NAME_SIZE * 0.35;
        let text = Text::new(name)
            .size(NAME_SIZE)
            .anchor(Anchor::End)
            .upwards();
        svg.text(x, frame.plot.bottom() + 6.0, &text);
    }
}

/// A part of a dendrogram: consecutive leaves, and the nodes to look through for it.
struct Subtree {
    first: usize,
    size: usize,
    nodes: std::ops::Range<usize>,
}

impl Subtree {
    fn holds(&self, node: &Node) -> bool {
        node.first >= self.first && node.first + node.size <= self.first + self.size
    }
}

fn draw_tree_axes(
    svg: &mut Svg,
    area: Area,
    subtree: &Subtree,
    layout: &Layout,
    scale: Scale,
    x_label: &str,
) -> Frame {
    let heights = layout.nodes[subtree.nodes.clone()]
        .iter()
        .filter(|node| node.size > 1 && subtree.holds(node))
        .map(|node| node.height);
    let heights = match scale {
        Scale::Linear => {
            let highest = Domain::of(scale, heights).high;
            Domain::of(scale, [0.0, highest * 1.03])
        }
        Scale::Log => Domain::of(scale, heights).padded(0.05),
    };
    let x = Domain {
        scale: Scale::Linear,
        low: subtree.first as f64,
        high: (subtree.first + subtree.size.max(1)) as f64,
    }
    .padded(0.008);
    let frame = Frame::draw(
        svg,
        area,
        Axis::new(x, x_label).without_ticks(),
        Axis::new(heights, HEIGHT_LABEL),
    );
    if subtree.size < 2 {
        frame.no_data(svg);
    }
    frame
}

/// Draws every merge of the subtree as a bracket over its two sides.
fn draw_tree(
    svg: &mut Svg,
    frame: &Frame,
    subtree: &Subtree,
    linkage: &Linkage,
    layout: &Layout,
    (resolution, width): (f64, f64),
    colour: impl Fn(usize, &Node) -> Rgb,
) {
    let leaves = linkage.leaves();
    let mut strokes = Strokes::new(resolution);
    for index in subtree.nodes.clone() {
        let node = layout.nodes[index];
        if index < leaves || !subtree.holds(&node) {
            continue;
        }
        let merge = linkage.merges()[index - leaves];
        let colour = colour(index, &node);
        let top = frame.y(node.height);
        let sides = [merge.left, merge.right].map(|side| layout.nodes[side]);
        for side in sides {
            let foot = if side.size == 1 {
                frame.plot.bottom()
            } else {
                frame.y(side.height)
            };
            strokes.vertical(colour, frame.x(side.x), top, foot);
        }
        strokes.horizontal(colour, top, frame.x(sides[0].x), frame.x(sides[1].x));
    }
    strokes.draw(svg, width, &[ABOVE_CUT, MIXED]);
}
