//! The paper's Tables 2 and 3, and ours beside them.

use crate::table::{Column, Table};

/// One row of the paper's Table 2 or 3.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaperRow {
    /// Dimension of the space; the first row of each table is the full weight space.
    pub dimension: usize,
    /// Mean purity of the clusters.
    pub cluster_purity: f64,
    /// Mean number of epochs in order from the first on.
    pub ordered_initial_epochs: f64,
    /// Share of neighbouring pairs in order.
    pub ordered_epochs: f64,
}

const fn row(dimension: usize, purity: f64, initial: f64, ordered: f64) -> PaperRow {
    PaperRow {
        dimension,
        cluster_purity: purity,
        ordered_initial_epochs: initial,
        ordered_epochs: ordered,
    }
}

/// Table 2: the MLP zoo.
pub const TABLE_2: [PaperRow; 7] = [
    row(2160, 1.0, 4.512, 0.357),
    row(500, 1.0, 4.632, 0.339),
    row(100, 1.0, 4.532, 0.325),
    row(50, 1.0, 4.212, 0.303),
    row(25, 1.0, 3.684, 0.273),
    row(10, 1.0, 2.916, 0.227),
    row(5, 0.843, 2.038, 0.177),
];

/// Table 3: the CNN zoo.
pub const TABLE_3: [PaperRow; 7] = [
    row(1376, 1.0, 20.184, 0.693),
    row(500, 1.0, 21.848, 0.732),
    row(100, 1.0, 18.632, 0.689),
    row(50, 1.0, 17.728, 0.675),
    row(25, 1.0, 15.852, 0.643),
    row(10, 0.896, 12.094, 0.568),
    row(5, 0.465, 8.175, 0.471),
];

/// A mean with its standard error, where there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The mean.
    pub value: f64,
    /// Its standard error.
    pub standard_error: Option<f64>,
}

impl Estimate {
    fn format(&self, decimals: usize) -> String {
        match self.standard_error {
            Some(error) => format!("{:.decimals$} ± {error:.decimals$}", self.value),
            None => format!("{:.decimals$}", self.value),
        }
    }
}

impl From<f64> for Estimate {
    fn from(value: f64) -> Self {
        Self {
            value,
            standard_error: None,
        }
    }
}

/// How well an order of the checkpoints agrees with their epochs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrderScores {
    /// Mean number of epochs in order from the first on.
    pub ordered_initial_epochs: Estimate,
    /// Share of neighbouring pairs in order.
    pub ordered_epochs: Estimate,
    /// Kendall's rank correlation with the epochs.
    pub kendall_tau: Option<f64>,
}

/// Our result in one space.
#[derive(Debug, Clone, PartialEq)]
pub struct OurRow {
    /// Name of the space, as in "full" or "svd-50".
    pub space: String,
    /// Its dimension; the paper's row of the same dimension stands beside it.
    pub dimension: usize,
    /// Mean purity of the clusters.
    pub cluster_purity: Estimate,
    /// Purity weighted by cluster size.
    pub cluster_purity_weighted: Estimate,
    /// Number of clusters of one checkpoint.
    pub singletons: usize,
    /// Number of checkpoints in the largest cluster.
    pub largest_cluster: usize,
    /// Scores of the paper's order, by merge height.
    pub height_order: OrderScores,
    /// Scores of the order along the cluster's minimum spanning tree.
    pub path_order: OrderScores,
    /// Share of neighbouring pairs by merge height if ties fell as the truth has them.
    pub leaked_ordered_epochs: Estimate,
    /// Share of neighbouring pairs that a random order has.
    pub random_ordered_epochs: Estimate,
}

/// The paper's table beside ours, one row per row of ours; where the paper has no row of that
/// dimension, its cells hold a dash.
#[must_use]
pub fn comparison(caption: &str, paper: &[PaperRow], ours: &[OurRow]) -> Table {
    let rows = ours
        .iter()
        .map(|row| {
            let paper = paper.iter().find(|p| p.dimension == row.dimension);
            let cell = |value: fn(&PaperRow) -> f64| {
                paper.map_or_else(|| "–".into(), |p| format!("{:.3}", value(p)))
            };
            let tau = row.path_order.kendall_tau;
            vec![
                space_name(row),
                cell(|p| p.cluster_purity),
                row.cluster_purity.format(3),
                row.cluster_purity_weighted.format(3),
                row.singletons.to_string(),
                row.largest_cluster.to_string(),
                cell(|p| p.ordered_initial_epochs),
                row.height_order.ordered_initial_epochs.format(2),
                row.path_order.ordered_initial_epochs.format(2),
                cell(|p| p.ordered_epochs),
                row.height_order.ordered_epochs.format(3),
                row.path_order.ordered_epochs.format(3),
                row.leaked_ordered_epochs.format(3),
                row.random_ordered_epochs.format(3),
                tau.map_or_else(|| "–".into(), |tau| format!("{tau:.3}")),
            ]
        })
        .collect();
    Table {
        caption: caption.into(),
        columns: vec![
            Column::text("space"),
            Column::number("cluster purity", "paper"),
            Column::number("cluster purity", "ours"),
            Column::number("cluster purity", "weighted"),
            Column::number("clusters", "singletons"),
            Column::number("clusters", "largest"),
            Column::number("ordered initial epochs", "paper"),
            Column::number("ordered initial epochs", "ours"),
            Column::number("ordered initial epochs", "by path"),
            Column::number("ordered epochs", "paper"),
            Column::number("ordered epochs", "ours"),
            Column::number("ordered epochs", "by path"),
            Column::number("ordered epochs", "ties leaked"),
            Column::number("ordered epochs", "random"),
            Column::number("Kendall τ", "by path"),
        ],
        rows,
    }
}

/// One of our figures beside the paper's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    /// The paper's.
    pub paper: f64,
    /// Ours.
    pub ours: f64,
    /// Where another zoo of the paper's size would have it in 95 of 100 cases.
    pub interval: (f64, f64),
}

impl Compared {
    /// Whether the paper's figure lies in the interval, to the three decimals that it is printed
    /// with.
    #[must_use]
    pub fn fits(&self) -> bool {
        let half = 0.0005;
        (self.interval.0 - half..=self.interval.1 + half).contains(&self.paper)
    }

    fn cells(&self, decimals: usize) -> [String; 3] {
        let (low, high) = self.interval;
        let mark = if self.fits() { "" } else { " ✗" };
        [
            format!("{:.3}", self.paper),
            format!("{:.decimals$}", self.ours),
            format!("{low:.decimals$} to {high:.decimals$}{mark}"),
        ]
    }
}

/// Which of our figures are the paper's: one row per space, with cluster purity, ordered initial
/// epochs and ordered epochs. A row fits if all three do.
#[must_use]
pub fn fit(caption: &str, spaces: &[(String, [Compared; 3])]) -> Table {
    let mut columns = vec![Column::text("space")];
    for group in ["cluster purity", "ordered initial epochs", "ordered epochs"] {
        columns.extend(["paper", "ours", "interval"].map(|title| Column::number(group, title)));
    }
    columns.push(Column::text("fits"));
    let rows = spaces.iter().map(|(space, [purity, initial, ordered])| {
        let fits = [purity, initial, ordered].iter().all(|one| one.fits());
        let mut cells = vec![space.clone()];
        cells.extend(purity.cells(3));
        cells.extend(initial.cells(2));
        cells.extend(ordered.cells(3));
        cells.push(if fits { "yes" } else { "no" }.to_owned());
        cells
    });
    Table {
        caption: caption.into(),
        columns,
        rows: rows.collect(),
    }
}

/// The dimension stands beside a name that does not end with it already.
fn space_name(row: &OurRow) -> String {
    let dimension = row.dimension.to_string();
    if row.space.ends_with(&dimension) {
        row.space.clone()
    } else {
        format!("{} ({dimension})", row.space)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_fits_only_if_all_its_figures_do() {
        let compared = |paper| Compared {
            paper,
            ours: 0.7,
            interval: (0.65, 0.7496),
        };
        let rows = [
            ("full".to_owned(), [compared(0.75); 3]),
            (
                "svd-5".to_owned(),
                [compared(0.75), compared(0.64), compared(0.7)],
            ),
        ];
        let table = fit("", &rows);
        assert_eq!(table.rows[0].last().unwrap(), "yes");
        assert_eq!(table.rows[1].last().unwrap(), "no");
        assert_eq!(table.rows[1][3], "0.650 to 0.750");
        assert_eq!(table.rows[1][6], "0.65 to 0.75 ✗");
        assert_eq!(table.columns.len(), table.rows[0].len());
    }

    #[test]
    fn ours_stands_beside_the_papers_row_of_the_same_dimension() {
        let scores = OrderScores {
            ordered_initial_epochs: Estimate {
                value: 15.6,
                standard_error: Some(2.2),
            },
            ordered_epochs: 0.697.into(),
            kendall_tau: Some(1.0),
        };
        let row = |dimension| OurRow {
            space: format!("svd-{dimension}"),
            dimension,
            cluster_purity: 1.0.into(),
            cluster_purity_weighted: 0.5.into(),
            singletons: 3,
            largest_cluster: 50,
            height_order: scores,
            path_order: scores,
            leaked_ordered_epochs: 0.75.into(),
            random_ordered_epochs: 0.02.into(),
        };
        let table = comparison("", &TABLE_3, &[row(10), row(7)]);
        let expected = [
            "svd-10",
            "0.896",
            "1.000",
            "0.500",
            "3",
            "50",
            "12.094",
            "15.60 ± 2.20",
            "15.60 ± 2.20",
            "0.568",
            "0.697",
            "0.697",
            "0.750",
            "0.020",
            "1.000",
        ];
        assert_eq!(table.rows[0], expected);
        assert_eq!(table.rows[1][1], "–");
        let full = OurRow {
            space: "full".into(),
            ..row(1376)
        };
        assert_eq!(comparison("", &TABLE_3, &[full]).rows[0][0], "full (1376)");
        assert_eq!(table.columns.len(), expected.len());
    }
}
