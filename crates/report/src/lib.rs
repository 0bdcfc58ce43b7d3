//! Figures, tables and one self-contained HTML page: plain data in, strings out.
//!
//! Nothing here reads or writes files, and nothing here computes a result: callers supply points,
//! trees and scores, and get SVG, Markdown or HTML back. The same data give the same bytes.
//!
//! | For | see |
//! |---|---|
//! | the paper's figures 3 to 9, geometry and training curves | [`figure`] |
//! | a chart of any experiment, a matrix of numbers or colours | [`figure::chart`], [`figure::matrix`] |
//! | the tree that a dendrogram draws | [`linkage`] |
//! | who is whose parent, one line a model | [`family_tree`] |
//! | tables in Markdown and HTML | [`table`] |
//! | the paper's Tables 2 and 3 beside ours | [`paper`] |
//! | a page with figures, tables and an interactive scatter plot | [`html`] |
//! | the colours of runs and scales | [`colour`] |
//! | what a terminal shows | [`terminal`] |
//!
//! # Example
//!
//! ```
//! use report::figure::{ModelStatistics, WeightStatistics, weight_statistics};
//! use report::html::{Block, Page, Section};
//!
//! let models = vec![ModelStatistics { mean: 0.01, standard_deviation: 0.4, accuracy: 0.83 }];
//! let svg = weight_statistics(&[WeightStatistics { title: "MLP".into(), models }]);
//! let page = Page {
//!     title: "A zoo".into(),
//!     summary: "Where its models lie.".into(),
//!     facts: vec![("seeds".into(), "1".into())],
//!     sections: vec![Section {
//!         title: "Weights".into(),
//!         blocks: vec![Block::Figure { svg, caption: "One model.".into() }],
//!     }],
//! };
//! assert!(page.to_html().contains("<h2>Weights</h2>"));
//! ```
//!
//! # What the tests do not cover
//!
//! Whether a figure looks right: tests check structure, size and bytes. `cargo run -p modeltrail-report
//! --example gallery -- DIR` writes every figure and a page from synthetic runs, to be looked at.

#![forbid(unsafe_code)]

mod area;
mod axes;
pub mod colour;
mod colour_bar;
mod error;
pub mod family_tree;
pub mod figure;
pub mod html;
mod legend;
pub mod linkage;
pub mod paper;
mod scale;
mod scatter;
mod strokes;
mod style;
mod svg;
pub mod table;
pub mod terminal;

pub use error::Error;
pub use scale::Scale;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
