//! What is measured, on which points, against whom.

/// One job, on one set of points.
pub(super) struct Work {
    pub(super) job: Job,
    pub(super) points: Source,
    pub(super) peers: &'static [Peer],
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    /// Minimum spanning tree and dendrogram.
    Linkage,
    /// Truncated SVD of this rank.
    Svd(usize),
    /// A picture in the plane.
    Umap,
    /// The order of the checkpoints of every run.
    Order,
}

/// Points that jobs are done on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// Every trained checkpoint of the zoo, all weights.
    Zoo,
    /// The same in 50 dimensions.
    Svd50,
    /// Four times as many in 50 dimensions.
    Crowd,
    /// MNIST's test images.
    Mnist,
}

/// How a contender is started.
#[derive(Clone, Copy)]
pub(super) enum Program {
    Ours,
    /// One of the scripts beside this file.
    Python(&'static str),
    /// The crate of Rust peers.
    Rust,
}

/// Another program that does the job.
pub(super) struct Peer {
    pub(super) name: &'static str,
    pub(super) program: Program,
    pub(super) method: &'static str,
}

const fn python(name: &'static str, script: &'static str, method: &'static str) -> Peer {
    Peer {
        name,
        program: Program::Python(script),
        method,
    }
}

const fn rust(name: &'static str) -> Peer {
    Peer {
        name,
        program: Program::Rust,
        method: name,
    }
}

const SCIPY: Peer = python("SciPy pdist + linkage", "linkage.py", "scipy");
const SKLEARN: Peer = python(
    "scikit-learn distances + SciPy linkage",
    "linkage.py",
    "sklearn",
);
const FASTCLUSTER: Peer = python("fastcluster linkage_vector", "linkage.py", "fastcluster");
const QUITEFASTMST: Peer = python("quitefastmst", "linkage.py", "quitefastmst");
const HDBSCAN: Peer = python("hdbscan Borůvka", "linkage.py", "hdbscan");
const KODAMA: Peer = rust("kodama");
const UMAP: &[Peer] = &[
    python("umap-learn", "umap_learn.py", "umap"),
    rust("manifolds-rs"),
];
const SVD: &[Peer] = &[
    python("NumPy Gram + SciPy subset eigh", "svd.py", "gram-subset"),
    python("NumPy Gram + SciPy eigh", "svd.py", "gram-full"),
    python(
        "NumPy Gram in f32 + SciPy subset eigh",
        "svd.py",
        "gram-single",
    ),
    python(
        "NumPy Gram + SciPy subset eigh, all in f32",
        "svd.py",
        "all-single",
    ),
    python("scikit-learn randomised", "svd.py", "randomised"),
];

pub(super) const WORKS: &[Work] = &[
    Work {
        job: Job::Linkage,
        points: Source::Zoo,
        peers: &[SCIPY, SKLEARN, FASTCLUSTER, QUITEFASTMST, KODAMA],
    },
    Work {
        job: Job::Linkage,
        points: Source::Svd50,
        peers: &[SKLEARN, FASTCLUSTER, QUITEFASTMST, HDBSCAN, KODAMA],
    },
    Work {
        job: Job::Linkage,
        points: Source::Crowd,
        peers: &[FASTCLUSTER, QUITEFASTMST, HDBSCAN],
    },
    Work {
        job: Job::Svd(50),
        points: Source::Zoo,
        peers: SVD,
    },
    Work {
        job: Job::Svd(500),
        points: Source::Zoo,
        peers: SVD,
    },
    Work {
        job: Job::Umap,
        points: Source::Zoo,
        peers: UMAP,
    },
    Work {
        job: Job::Umap,
        points: Source::Svd50,
        peers: UMAP,
    },
    Work {
        job: Job::Umap,
        points: Source::Mnist,
        peers: UMAP,
    },
    Work {
        job: Job::Order,
        points: Source::Zoo,
        peers: &[],
    },
];

impl Work {
    /// What the results call it.
    pub(super) fn name(&self) -> String {
        match self.job {
            Job::Linkage => "linkage".to_owned(),
            Job::Svd(rank) => format!("svd-{rank}"),
            Job::Umap => "umap".to_owned(),
            Job::Order => "order".to_owned(),
        }
    }

    /// Whether its name or that of its points starts so.
    pub(super) fn is(&self, wanted: &str) -> bool {
        let (job, points) = wanted.split_once(':').unwrap_or((wanted, ""));
        self.name().starts_with(job) && self.points.name().starts_with(points)
    }
}

impl Source {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Zoo => "zoo",
            Self::Svd50 => "svd-50",
            Self::Crowd => "crowd",
            Self::Mnist => "mnist",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn contenders_do_not_share_the_file_of_their_answers() {
        for work in WORKS {
            let peers = work.peers.iter().map(|peer| peer.method);
            let methods: BTreeSet<&str> = peers.chain(["ours"]).collect();
            assert_eq!(methods.len(), work.peers.len() + 1, "{}", work.name());
        }
    }
}
