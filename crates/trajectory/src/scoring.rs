//! How good an answer is: the only module that sees the truth.
//!
//! Truth is one run and one epoch per leaf. Runs are named by any numbers; analysed epochs count
//! from 1. Standard errors take clusters as the independent samples, which they are as long as
//! every run lies in one cluster; they say nothing about another zoo.

mod epoch_order;
mod estimate;
mod leaked_ties;
mod purity;

pub use epoch_order::{
    ClusterOrder, OrderScore, OrderScores, PairsOf, ordered, score_each_order, score_orders,
};
pub use estimate::Estimate;
pub use leaked_ties::by_merge_height_with_leaked_ties;
pub use purity::{Purity, purity};
