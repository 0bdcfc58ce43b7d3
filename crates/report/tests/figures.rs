//! Figures through the public API: structure, size, determinism and bad input.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod synthetic;

use report::{
    Error, Scale,
    colour::run_colour,
    figure::{
        Embedding, Leaf, RunDendrogram, SpreadPanel, SpreadSeries, Trajectory, TrajectoryPoint,
        WeightStatistics, ZooDendrogram, embedding, geometry, run_dendrograms, spread,
        training_curves, weight_statistics, zoo_dendrogram,
    },
    linkage::{Linkage, Merge},
};

#[test]
fn a_whole_zoo_fits_the_sizes_it_was_given_and_comes_out_the_same_twice() {
    let figures = synthetic::figures(250, 50);
    for (name, svg) in &figures {
        let limit = match *name {
            "fig5" | "fig6" | "fig7" => 260_000,
            "fig8" | "fig9" | "fig9-log" => 400_000,
            _ => 60_000,
        };
        assert!(svg.len() <= limit, "{name}: {} bytes", svg.len());
    }
    assert_eq!(figures, synthetic::figures(250, 50));
    let page = synthetic::page(250, 50, figures).to_html();
    assert!(page.len() <= 5_000_000, "{} bytes", page.len());
}

#[test]
fn a_dendrogram_of_200_000_leaves_is_bounded_by_the_picture() {
    let (linkage, leaves) = synthetic::MLP.linkage(4000, 50, 0);
    let svg = zoo_dendrogram(&ZooDendrogram {
        title: String::new(),
        linkage,
        leaf_runs: leaves.iter().map(|l| l.run).collect(),
        clusters: 4000,
        scale: Scale::Linear,
    })
    .unwrap();
    assert!(svg.len() < 1_500_000, "{} bytes", svg.len());
}

/// Three runs of two checkpoints; the first two runs are one cluster of three and a singleton.
fn small_zoo(clusters: usize) -> ZooDendrogram {
    let merge = |left, right, height| Merge {
        left,
        right,
        height,
    };
    let merges = vec![
        merge(0, 2, 1.0),
        merge(4, 5, 2.0),
        merge(6, 1, 3.0),
        merge(7, 8, 10.0),
        merge(9, 3, 11.0),
    ];
    ZooDendrogram {
        title: "small".into(),
        linkage: Linkage::new(6, merges).unwrap(),
        leaf_runs: vec![0, 0, 1, 1, 2, 2],
        clusters,
        scale: Scale::Linear,
    }
}

#[test]
fn clusters_of_one_run_take_its_colour_and_others_are_said_to_be_mixed() {
    let cut = zoo_dendrogram(&small_zoo(3)).unwrap();
    let pure = format!("stroke=\"{}\"", run_colour(2, 3).hex());
    assert!(cut.contains(&pure));
    assert!(cut.contains("cluster of several runs"));
    assert!(cut.contains("joins the 3 clusters"));
    // Six clusters of six leaves: every merge joins clusters, so no cluster is drawn.
    let leaves = zoo_dendrogram(&small_zoo(6)).unwrap();
    assert!(!leaves.contains(&pure));
    assert!(!leaves.contains("cluster of several runs"));
    let whole = zoo_dendrogram(&small_zoo(1)).unwrap();
    assert!(!whole.contains("joins the"));
}

#[test]
fn the_height_of_a_merge_is_read_off_the_axis() {
    // Linear from 0 to 11.33: the merge at 10 spans its siblings at 10/11.33 of the axis.
    let svg = zoo_dendrogram(&small_zoo(1)).unwrap();
    let tick = |label: &str| -> f64 {
        let end = svg.find(&format!(">{label}</text>")).unwrap();
        let y = svg[..end].rfind(" y=\"").unwrap() + 4;
        svg[y..].split('"').next().unwrap().parse().unwrap()
    };
    let (zero, ten) = (tick("0"), tick("10"));
    assert!(ten < zero);
    // Ticks stand 0.35 of their size below their line.
    let line = ten - 11.0 * 0.35;
    let crossbars = crossbars(&svg);
    // Four of the five merges join runs; the fifth is drawn in its run's colour.
    assert_eq!(crossbars.len(), 4);
    let nearest = crossbars.iter().map(|y| (y - line).abs());
    assert!(
        nearest.fold(f64::MAX, f64::min) < 0.3,
        "{line}: {crossbars:?}"
    );
}

/// Heights in pixels of the horizontal strokes in a dendrogram's first colour.
fn crossbars(svg: &str) -> Vec<f64> {
    let strokes = svg.find("stroke-linecap=\"square\"").unwrap();
    let start = svg[..strokes].rfind("d=\"").unwrap() + 3;
    let path = svg[start..].split('"').next().unwrap();
    let mut y = 0.0;
    let mut heights = Vec::new();
    for command in path
        .split_inclusive(|c: char| c.is_ascii_alphabetic())
        .collect::<Vec<_>>()
        .windows(2)
    {
        let name = command[0].chars().last().unwrap();
        let numbers = command[1].trim_end_matches(|c: char| c.is_ascii_alphabetic());
        // "12-3.4" and "12 3.4" are two numbers each.
        let spaced = numbers.replace('-', " -");
        let last: f64 = spaced.split_whitespace().last().unwrap().parse().unwrap();
        match name {
            'M' | 'm' | 'v' => y += last,
            'h' => heights.push(y),
            other => panic!("{other} in {path}"),
        }
    }
    heights
}

#[test]
fn labels_that_do_not_belong_to_the_tree_are_refused() {
    let mut zoo = small_zoo(3);
    zoo.leaf_runs.pop();
    let expected = Error::LeafLabels {
        leaves: 6,
        labels: 5,
    };
    assert_eq!(zoo_dendrogram(&zoo), Err(expected));
    let zoo = small_zoo(3);
    let runs = RunDendrogram {
        title: String::new(),
        linkage: zoo.linkage,
        leaves: zoo
            .leaf_runs
            .iter()
            .map(|&run| Leaf { run, epoch: 1 })
            .collect(),
        run_names: vec!["seed 0".into(), "seed 1".into()],
        detail: 0,
    };
    let error = run_dendrograms(&[runs]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "leaf 4 belongs to run 2, but only 2 runs are named"
    );
}

#[test]
fn the_detail_labels_every_leaf_by_its_epoch() {
    let (linkage, leaves) = synthetic::CNN.linkage(2, 40, 0);
    let svg = run_dendrograms(&[RunDendrogram {
        title: "CNN".into(),
        linkage,
        leaves,
        run_names: vec!["seed 5".into(), "seed 6".into()],
        detail: 1,
    }])
    .unwrap();
    assert!(svg.contains("seed 6 in detail"));
    for epoch in 1..=40 {
        assert!(svg.contains(&format!(">{epoch}</text>")), "epoch {epoch}");
    }
}

#[test]
fn empty_and_non_finite_data_make_a_figure_that_says_so() {
    let nowhere = TrajectoryPoint {
        x: f64::NAN,
        y: f64::INFINITY,
        epoch: 3,
        accuracy: f64::NAN,
    };
    let plane = |points| Embedding {
        title: String::new(),
        x_label: String::new(),
        y_label: String::new(),
        ticks: true,
        trajectories: vec![Trajectory {
            run: String::new(),
            points,
        }],
    };
    let panel = SpreadPanel {
        title: String::new(),
        y_label: String::new(),
        scale: Scale::Log,
        from_zero: false,
        series: vec![SpreadSeries::new("", &[1, 2], &[[f64::NAN; 5]; 2])],
    };
    let no_models = WeightStatistics {
        title: String::new(),
        models: vec![],
    };
    let no_leaves = ZooDendrogram {
        title: String::new(),
        linkage: Linkage::new(0, vec![]).unwrap(),
        leaf_runs: vec![],
        clusters: 250,
        scale: Scale::Log,
    };
    let empty = [
        embedding(&plane(vec![]), &[0, 9]),
        embedding(&plane(vec![nowhere]), &[0]),
        spread("", &[panel]),
        weight_statistics(&[no_models]),
        zoo_dendrogram(&no_leaves).unwrap(),
    ];
    for svg in empty {
        assert!(svg.contains("no data"), "{svg}");
    }
    let none = [
        weight_statistics(&[]),
        geometry(&[]),
        training_curves(&[]),
        spread("", &[]),
        run_dendrograms(&[]).unwrap(),
    ];
    for svg in none {
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert!(!svg.contains("NaN") && !svg.contains("inf\""));
    }
}
