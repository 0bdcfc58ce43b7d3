//! Statistics that every analysis needs, each written once.
//!
//! | function | gives |
//! |---|---|
//! | [`median`], [`quantile`], [`quantile_of_sorted`] | order statistics of a sample |
//! | [`auroc`] | how well a score separates two samples |
//! | [`Ridge`] | linear regression with a penalty chosen by cross-validation |
//! | [`statistics`] | mean, variance and quantiles of the weights of every layer |

mod auroc;
mod layers;
mod quantiles;
mod ridge;

pub use auroc::auroc;
pub use layers::{NAMES, statistics};
pub use quantiles::{median, quantile, quantile_of_sorted};
pub use ridge::{Ridge, with_products};
