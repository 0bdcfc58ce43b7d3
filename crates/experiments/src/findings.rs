//! What an experiment found out: text, tables, figures and numbers.

use report::table::Table;
use serde_json::{Map, Value};

/// A figure and what it shows.
pub struct Figure {
    /// File name without extension.
    pub name: String,
    /// What it shows.
    pub caption: String,
    /// The picture itself.
    pub svg: String,
}

/// What one experiment found out.
#[derive(Default)]
pub struct Findings {
    /// Heading.
    pub title: &'static str,
    /// How it was done and how to read it; blank lines part paragraphs.
    pub text: String,
    /// Its tables, in order.
    pub tables: Vec<Table>,
    /// Its figures, in order.
    pub figures: Vec<Figure>,
    /// Everything, for machines.
    pub json: Value,
    /// Headline figures, each beside its sample size under `n_…`.
    pub summary: Map<String, Value>,
}

impl Findings {
    /// Adds a headline figure and the number of samples it rests on.
    pub fn headline(&mut self, name: &str, value: f64, samples: usize) {
        self.summary.insert(name.to_owned(), Value::from(value));
        self.summary
            .insert(format!("n_{name}"), Value::from(samples));
    }
}
