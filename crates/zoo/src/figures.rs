//! The figures of the paper's Tables 2 and 3 for one zoo, and how far they lie from the paper's.
//!
//! The paper says neither what its averages leave out nor how ties fall. [`Counting`] names what it
//! may have counted, so that each way can be tried.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use report::paper::PaperRow;
use trajectory::scoring::{ClusterOrder, PairsOf};

/// Purity, ordered initial epochs and share of ordered epochs: the three columns of the tables.
pub type Figures = [f64; 3];

/// Models of the paper's zoos.
const PAPER_MODELS: usize = 250;

/// How purity is averaged over clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PurityOf {
    /// Every cluster counts once, a single checkpoint as pure.
    Clusters,
    /// Every cluster of two checkpoints or more counts once.
    ClustersOfTwo,
    /// Every checkpoint counts once: weighted by size.
    Checkpoints,
}

impl PurityOf {
    /// What is averaged, in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clusters => "clusters",
            Self::ClustersOfTwo => "clusters of two or more",
            Self::Checkpoints => "checkpoints",
        }
    }
}

/// What may have been counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counting {
    /// How purity is averaged.
    pub purity: PurityOf,
    /// Whether only a cluster's own pairs of epochs count; clusters without a pair are then left
    /// out. Otherwise the pairs of the whole run count, in every cluster.
    pub own_pairs: bool,
}

impl Counting {
    /// As in our tables: every cluster, the pairs of the whole run, the plain mean of purity.
    pub const OURS: Self = Self {
        purity: PurityOf::Clusters,
        own_pairs: false,
    };

    /// How the paper seems to have counted: in the rows whose clusters are not pure its averages are no
    /// multiples of 1/250, so clusters without a pair of epochs are left out.
    pub const PAPERS: Self = Self {
        purity: PurityOf::Checkpoints,
        own_pairs: true,
    };

    /// Every way there is.
    pub fn all() -> impl Iterator<Item = Self> {
        use PurityOf::{Checkpoints, Clusters, ClustersOfTwo};
        let both = |purity| [false, true].map(|own_pairs| Self { purity, own_pairs });
        [Clusters, ClustersOfTwo, Checkpoints]
            .into_iter()
            .flat_map(both)
    }

    /// The three figures of one space. NaN where nothing is left to count.
    pub fn figures(self, clusters: &[ClusterOrder]) -> Figures {
        self.of(clusters.iter())
    }

    fn of<'a>(self, clusters: impl Iterator<Item = &'a ClusterOrder>) -> Figures {
        let (mut purity, mut initial, mut ordered) = <(Mean, Mean, Mean)>::default();
        for cluster in clusters {
            let (own, size) = (cluster.score.epochs as f64, cluster.size as f64);
            match self.purity {
                PurityOf::Checkpoints => purity.add_many(own, size),
                PurityOf::ClustersOfTwo if cluster.size < 2 => {}
                PurityOf::Clusters | PurityOf::ClustersOfTwo => purity.add(own / size),
            }
            let pairs = if self.own_pairs {
                PairsOf::Cluster
            } else {
                PairsOf::Run {
                    epochs: cluster.run_epochs,
                }
            };
            if let Some(fraction) = cluster.score.fraction(pairs) {
                initial.add(cluster.score.initial as f64);
                ordered.add(fraction);
            }
        }
        [purity, initial, ordered].map(Mean::value)
    }

    /// Where each figure of another zoo of 250 models of the same recipe would lie in 95 of 100
    /// cases, by a bootstrap over clusters: `draws` differences between this zoo, drawn again, and
    /// one of 250 clusters drawn from it, about what was found.
    ///
    /// Clusters are models as long as every run lies in a cluster of its own; where runs have
    /// merged, the interval is approximate.
    pub fn intervals(self, clusters: &[ClusterOrder], draws: usize, seed: u64) -> [(f64, f64); 3] {
        let found = self.figures(clusters);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut drawn = |count: usize| {
            let picked: Vec<&ClusterOrder> = (0..count)
                .filter_map(|_| {
                    let at = (u128::from(rng.next_u64()) * clusters.len() as u128) >> 64;
                    clusters.get(at as usize)
                })
                .collect();
            self.of(picked.into_iter())
        };
        let mut differences: [Vec<f64>; 3] = Default::default();
        for _ in 0..draws {
            let (one, other) = (drawn(clusters.len()), drawn(PAPER_MODELS));
            for (list, (one, other)) in differences.iter_mut().zip(one.into_iter().zip(other)) {
                list.push(one - other);
            }
        }
        let mut intervals = [(f64::NAN, f64::NAN); 3];
        for ((interval, list), found) in intervals.iter_mut().zip(&mut differences).zip(found) {
            list.retain(|difference| !difference.is_nan());
            list.sort_unstable_by(f64::total_cmp);
            let quantile = |share: f64| {
                let at = (share * list.len().saturating_sub(1) as f64).round() as usize;
                list.get(at).copied().unwrap_or(f64::NAN)
            };
            *interval = (found + quantile(0.025), found + quantile(0.975));
        }
        intervals
    }
}

#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.add_many(value, 1.0);
    }

    fn add_many(&mut self, sum: f64, count: f64) {
        self.sum += sum;
        self.count += count;
    }

    fn value(self) -> f64 {
        self.sum / self.count
    }
}

/// The paper's three figures of one space.
pub fn of_paper(row: &PaperRow) -> Figures {
    [
        row.cluster_purity,
        row.ordered_initial_epochs,
        row.ordered_epochs,
    ]
}

/// How far figures lie from the paper's: the root mean square of ours ÷ the paper's − 1, over all
/// figures of all spaces. 0.1 is "10 % off". Infinite where a figure is missing.
pub fn distance(ours: &[Figures], paper: &[PaperRow]) -> f64 {
    let paper: Vec<Figures> = paper.iter().map(of_paper).collect();
    if ours.is_empty() || ours.len() != paper.len() {
        return f64::INFINITY;
    }
    let off = ours.iter().flatten().zip(paper.iter().flatten());
    let squares: f64 = off.map(|(ours, paper)| (ours / paper - 1.0).powi(2)).sum();
    let distance = (squares / (3 * ours.len()) as f64).sqrt();
    if distance.is_nan() {
        f64::INFINITY
    } else {
        distance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trajectory::scoring::score_each_order;

    /// A run of four in order, one of which only (2, 1) is left in a mixed cluster, and a single.
    fn clusters() -> Vec<ClusterOrder> {
        let runs = [0, 0, 0, 0, 1, 1, 0, 2];
        let epochs = [1, 2, 3, 4, 2, 1, 5, 1];
        score_each_order(&[vec![0, 1, 2, 3], vec![4, 5, 6], vec![7]], &runs, &epochs).unwrap()
    }

    #[test]
    fn every_way_of_counting_counts_as_by_hand() {
        let count = |purity, own_pairs| Counting { purity, own_pairs }.figures(&clusters());
        let close = |ours: Figures, by_hand: Figures| {
            for (ours, by_hand) in ours.iter().zip(by_hand) {
                assert!((ours - by_hand).abs() < 1e-12, "{ours} {by_hand}");
            }
        };
        // The run of cluster 3 has one epoch, thus no pair, and is left out of both orders.
        let mixed = 2.0 / 3.0;
        close(
            count(PurityOf::Clusters, false),
            [(2.0 + mixed) / 3.0, 2.0, 0.375],
        );
        close(
            count(PurityOf::ClustersOfTwo, true),
            [(1.0 + mixed) / 2.0, 2.0, 0.5],
        );
        close(count(PurityOf::Checkpoints, true), [7.0 / 8.0, 2.0, 0.5]);
    }

    #[test]
    fn an_interval_holds_what_was_found_and_is_a_point_where_nothing_varies() {
        let counting = Counting::OURS;
        let [_, initial, _] = counting.figures(&clusters());
        let [_, (low, high), _] = counting.intervals(&clusters(), 500, 1);
        assert!(low < initial && initial < high, "{low} {high}");
        let same = vec![clusters()[0]; 20];
        assert_eq!(counting.intervals(&same, 100, 1)[1], (4.0, 4.0));
    }

    #[test]
    fn the_distance_is_the_share_by_which_figures_are_off() {
        let paper = &report::paper::TABLE_3;
        let exact: Vec<Figures> = paper.iter().map(of_paper).collect();
        assert_eq!(distance(&exact, paper), 0.0);
        let tenth: Vec<Figures> = exact.iter().map(|row| row.map(|x| x * 1.1)).collect();
        assert!((distance(&tenth, paper) - 0.1).abs() < 1e-12);
        assert_eq!(distance(&exact[1..], paper), f64::INFINITY);
    }
}
