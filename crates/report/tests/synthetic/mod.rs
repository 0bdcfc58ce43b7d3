//! Synthetic zoos that look like trained ones: runs start apart and move by shrinking steps.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

pub(crate) mod charts;

use report::{
    Scale,
    figure::{
        Embedding, Leaf, ModelStatistics, RunDendrogram, Trajectory, TrajectoryPoint,
        WeightStatistics, ZooDendrogram, ZooGeometry, ZooTraining, embedding, geometry,
        run_dendrograms, training_curves, weight_statistics, zoo_dendrogram,
    },
    html::{Block, Page, Section},
    linkage::{Linkage, Merge},
    paper::{Estimate, OrderScores, OurRow, TABLE_2, TABLE_3, comparison},
};
use weightspace::statistics::quantile;

/// SplitMix64: enough randomness for pictures.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Roughly standard normal.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// What one zoo is like.
#[derive(Clone, Copy)]
pub(crate) struct Zoo {
    pub(crate) name: &'static str,
    pub(crate) seed: u64,
    pub(crate) first_step: f64,
    pub(crate) last_step: f64,
    pub(crate) between: f64,
    /// 0 = straight on, 1 = as noisy as a plateau.
    pub(crate) noise: f64,
    pub(crate) accuracy: f64,
}

pub(crate) const MLP: Zoo = Zoo {
    name: "MLP",
    seed: 1,
    first_step: 5.6,
    last_step: 0.21,
    between: 15.7,
    noise: 1.0,
    accuracy: 0.83,
};

pub(crate) const CNN: Zoo = Zoo {
    name: "CNN",
    seed: 2,
    first_step: 1.1,
    last_step: 0.086,
    between: 12.0,
    noise: 0.1,
    accuracy: 0.76,
};

impl Zoo {
    /// Length of the step into `epoch`, from `first_step` to `last_step` as a power law.
    fn step(&self, epoch: usize, epochs: usize) -> f64 {
        let slope = (self.last_step / self.first_step).ln() / (epochs as f64).ln();
        self.first_step * (epoch as f64).powf(slope)
    }

    fn accuracy(&self, random: &mut Random, epochs: usize) -> Vec<f64> {
        let last = (self.accuracy + 0.05 * random.normal()).clamp(0.2, 0.95);
        (1..=epochs)
            .map(|e| {
                0.1 + (last - 0.1) * (1.0 - (-(e as f64) / 9.0).exp()) + 0.004 * random.normal()
            })
            .collect()
    }

    pub(crate) fn embedding(&self, title: &str, runs: usize, epochs: usize) -> Embedding {
        let mut random = Random(self.seed);
        let side = (runs as f64).sqrt().ceil();
        let trajectories = (0..runs)
            .map(|run| {
                let (mut x, mut y) = (
                    (run as f64 % side + 0.3 * random.normal()) * 2.2,
                    ((run as f64 / side).floor() + 0.3 * random.normal()) * 1.7,
                );
                let mut heading = random.uniform() * std::f64::consts::TAU;
                let accuracy = self.accuracy(&mut random, epochs);
                let points = (1..=epochs)
                    .map(|epoch| {
                        let length = 0.25 * (epoch as f64).powf(-0.4);
                        heading += 0.25 * random.normal() * (0.3 + self.noise);
                        x += length * heading.cos() + 0.03 * self.noise * random.normal();
                        y += length * heading.sin() + 0.03 * self.noise * random.normal();
                        TrajectoryPoint {
                            x,
                            y,
                            epoch: epoch as u32,
                            accuracy: accuracy[epoch - 1],
                        }
                    })
                    .collect();
                Trajectory {
                    run: format!("seed {run}"),
                    points,
                }
            })
            .collect();
        Embedding {
            title: title.into(),
            x_label: "UMAP 1".into(),
            y_label: "UMAP 2".into(),
            ticks: false,
            trajectories,
        }
    }

    /// The minimum spanning tree of the runs: chains along the epochs (with the neighbours'
    /// distances of a noisy path), joined by almost equal edges. `torn` runs lose their first epoch
    /// to the nearest other run.
    pub(crate) fn linkage(&self, runs: usize, epochs: usize, torn: usize) -> (Linkage, Vec<Leaf>) {
        let mut random = Random(self.seed + 17);
        let mut edges: Vec<(f64, usize, usize)> = Vec::new();
        let mut leaves = Vec::new();
        for run in 0..runs {
            for e in 0..epochs {
                leaves.push(Leaf {
                    run,
                    epoch: e as u32 + 1,
                });
                let leaf = run * epochs + e;
                if e > 0 {
                    let jitter = 1.0 + 0.15 * self.noise * random.normal();
                    let height = self.step(e + 1, epochs) * jitter.abs().max(0.1);
                    let torn = e == 1 && run > 0 && run <= torn;
                    let from = if torn { leaf - epochs } else { leaf - 1 };
                    edges.push((height, from, leaf));
                }
            }
            if run > 0 {
                let height = self.between * (1.0 + 0.045 * random.normal());
                let other = (random.uniform() * run as f64) as usize;
                edges.push((height, other * epochs, run * epochs));
            }
        }
        (link(leaves.len(), edges), leaves)
    }
}

/// Kruskal's merges of the edges of a spanning tree.
fn link(leaves: usize, mut edges: Vec<(f64, usize, usize)>) -> Linkage {
    edges.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut parent: Vec<usize> = (0..2 * leaves).collect();
    let mut merges = Vec::new();
    for (height, a, b) in edges {
        let mut root = |mut node: usize| {
            while parent[node] != node {
                parent[node] = parent[parent[node]];
                node = parent[node];
            }
            node
        };
        let (left, right) = (root(a), root(b));
        let node = leaves + merges.len();
        parent[left] = node;
        parent[right] = node;
        merges.push(Merge {
            left,
            right,
            height,
        });
    }
    Linkage::new(leaves, merges).unwrap()
}

fn statistics(zoo: Zoo, runs: usize) -> WeightStatistics {
    let mut random = Random(zoo.seed + 5);
    let models = (0..runs)
        .map(|_| {
            let mean = -0.004 + 0.009 * random.normal();
            ModelStatistics {
                mean,
                standard_deviation: 0.36 + 0.006 * random.normal() - 0.3 * mean,
                accuracy: (zoo.accuracy + 3.0 * mean + 0.03 * random.normal()).clamp(0.2, 0.95),
            }
        })
        .collect();
    WeightStatistics {
        title: format!("{}: {runs} models at the last epoch", zoo.name),
        models,
    }
}

fn zoo_geometry(zoo: Zoo, runs: usize, epochs: usize) -> ZooGeometry {
    let mut random = Random(zoo.seed + 6);
    let last = epochs as u32;
    let mut of_runs = |from: usize, to: usize, value: &dyn Fn(usize, f64) -> f64| {
        (0..runs)
            .map(|_| {
                let own = random.normal();
                (from..=to)
                    .map(|e| value(e, 0.7 * own + 0.7 * random.normal()))
                    .collect()
            })
            .collect::<Vec<Vec<f64>>>()
    };
    let mut of_runs =
        |from, to, value: &dyn Fn(usize, f64) -> f64| over_runs(&of_runs(from, to, value));
    ZooGeometry {
        name: zoo.name.into(),
        step_epochs: (1..=last).collect(),
        step_lengths: of_runs(1, epochs, &|e, z| zoo.step(e, epochs) * (0.12 * z).exp()),
        turn_epochs: (1..last).collect(),
        turning_angles: of_runs(1, epochs - 1, &|e, z| {
            let plateau = zoo.noise * 75.0 * (1.0 - (-(e as f64) / 20.0).exp());
            (14.0 + plateau + 5.0 * z).clamp(0.0, 180.0)
        }),
    }
}

fn training(zoo: Zoo, runs: usize, epochs: usize) -> ZooTraining {
    let mut random = Random(zoo.seed + 7);
    let accuracy: Vec<Vec<f64>> = (0..runs)
        .map(|_| zoo.accuracy(&mut random, epochs))
        .collect();
    let mut loss = |offset: f64| -> Vec<Vec<f64>> {
        let of_run = |run: &Vec<f64>| {
            run.iter()
                .map(|a| 0.092 * (-1.2 * a).exp() + offset + 2e-4 * random.normal().abs())
                .collect()
        };
        accuracy.iter().map(of_run).collect()
    };
    ZooTraining {
        name: zoo.name.into(),
        epochs: (1..=epochs as u32).collect(),
        training_loss: over_runs(&loss(0.0)),
        test_loss: over_runs(&loss(0.001)),
        test_accuracy: over_runs(&accuracy),
    }
}

/// The 10, 25, 50, 75 and 90 % quantiles over runs of values `[run][epoch]`.
fn over_runs(runs: &[Vec<f64>]) -> Vec<[f64; 5]> {
    let epochs = runs.iter().map(Vec::len).min().unwrap_or(0);
    let at = |epoch: usize| {
        [0.1, 0.25, 0.5, 0.75, 0.9].map(|share| quantile(runs.iter().map(|run| run[epoch]), share))
    };
    (0..epochs).map(at).collect()
}

fn run_dendrogram(zoo: Zoo, epochs: usize) -> RunDendrogram {
    let (linkage, leaves) = zoo.linkage(5, epochs, 0);
    RunDendrogram {
        title: format!("{}, 5 runs", zoo.name),
        linkage,
        leaves,
        run_names: (0..5).map(|run| format!("seed {}", run * 37)).collect(),
        detail: 2,
    }
}

fn whole(zoo: Zoo, runs: usize, epochs: usize, torn: usize, scale: Scale) -> String {
    let (linkage, leaves) = zoo.linkage(runs, epochs, torn);
    zoo_dendrogram(&ZooDendrogram {
        title: format!("{}, full weight space", zoo.name),
        linkage,
        leaf_runs: leaves.iter().map(|l| l.run).collect(),
        clusters: runs,
        scale,
    })
    .unwrap()
}

/// Every figure with its file name.
pub(crate) fn figures(runs: usize, epochs: usize) -> Vec<(&'static str, String)> {
    let plane = |zoo: Zoo, name: &str| {
        let title = format!("{name}, {runs} runs of {epochs} epochs");
        let highlighted: Vec<usize> = (0..5).map(|i| i * runs / 5).collect();
        embedding(&zoo.embedding(&title, runs, epochs), &highlighted)
    };
    let zoos = [MLP, CNN];
    vec![
        (
            "fig3",
            weight_statistics(&[statistics(CNN, runs), statistics(MLP, runs)]),
        ),
        (
            "fig4",
            run_dendrograms(&zoos.map(|zoo| run_dendrogram(zoo, epochs))).unwrap(),
        ),
        ("fig5", plane(MLP, "MLP")),
        ("fig6", plane(CNN, "CNN")),
        ("fig7", plane(CNN, "CNN after SVD to 50 dimensions")),
        ("fig8", whole(MLP, runs, epochs, 0, Scale::Linear)),
        ("fig9", whole(CNN, runs, epochs, 5, Scale::Linear)),
        ("fig9-log", whole(CNN, runs, epochs, 5, Scale::Log)),
        (
            "geometry",
            geometry(&zoos.map(|zoo| zoo_geometry(zoo, runs, epochs))),
        ),
        (
            "training",
            training_curves(&zoos.map(|zoo| training(zoo, runs, epochs))),
        ),
    ]
}

fn rows(full: usize) -> Vec<OurRow> {
    [full, 500, 100, 50, 25, 10, 5]
        .into_iter()
        .map(|dimension| {
            let estimate = |value: f64, error: f64| Estimate {
                value,
                standard_error: Some(error),
            };
            let scores = |initial: f64, ordered: f64, tau: Option<f64>| OrderScores {
                ordered_initial_epochs: estimate(initial, 0.12),
                ordered_epochs: estimate(ordered, 0.007),
                kendall_tau: tau,
            };
            OurRow {
                space: match dimension {
                    d if d == full => "full".into(),
                    d => format!("svd-{d}"),
                },
                dimension,
                cluster_purity: estimate(0.996, 0.001),
                cluster_purity_weighted: 0.992.into(),
                singletons: 3,
                largest_cluster: 150,
                height_order: scores(5.38, 0.328, None),
                path_order: scores(49.2, 0.991, Some(0.998)),
                leaked_ordered_epochs: 0.45.into(),
                random_ordered_epochs: 0.02.into(),
            }
        })
        .collect()
}

/// A page like that of a whole reproduction.
pub(crate) fn page(runs: usize, epochs: usize, figures: Vec<(&'static str, String)>) -> Page {
    let figures = figures
        .into_iter()
        .map(|(name, svg)| Block::Figure {
            svg,
            caption: format!("{name}: synthetic runs, drawn to see whether the figure is legible."),
        })
        .collect();
    let section = |title: &str, blocks: Vec<Block>| Section {
        title: title.into(),
        blocks,
    };
    let facts = [
        ("written", "2026-11-23 15:00 UTC"),
        ("commit", "0123456789abcdef"),
        ("recipes", "mlp, cnn"),
        ("seeds", "0–249"),
        ("hardware", "2 cores, AVX-512"),
        ("wall time", "9 min 12 s"),
    ];
    Page {
        title: "Neural networks on their way through weight space".into(),
        summary: "Synthetic runs in place of trained ones.\n\nA second paragraph.".into(),
        facts: facts.map(|(a, b)| (a.into(), b.into())).into(),
        sections: vec![
            section(
                "Tables",
                vec![
                    Block::Text("The paper's values beside ours.".into()),
                    Block::Table(comparison("Table 2: MLP", &TABLE_2, &rows(2160))),
                    Block::Table(comparison("Table 3: CNN", &TABLE_3, &rows(1376))),
                ],
            ),
            section(
                "Explore",
                vec![Block::Scatter {
                    views: vec![
                        MLP.embedding("MLP", runs, epochs),
                        CNN.embedding("CNN", runs, epochs),
                        Zoo { seed: 9, ..CNN }.embedding("CNN, SVD 50", runs, epochs),
                    ],
                    caption: "UMAP of all checkpoints.".into(),
                }],
            ),
            section("Figures", figures),
            section(
                "Recipe",
                vec![Block::Verbatim(
                    "architecture = \"mlp\"\nlearning_rate = 0.03\nweight_decay = 0.0003\n".into(),
                )],
            ),
        ],
    }
}
