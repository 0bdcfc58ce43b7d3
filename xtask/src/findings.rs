//! What a command found out: text, tables, figures and numbers.

use report::table::Table;
use serde_json::{Map, Value};

/// A figure and what it shows.
pub(crate) struct Figure {
    /// File name without extension.
    pub(crate) name: String,
    pub(crate) caption: String,
    pub(crate) svg: String,
}

/// What one experiment found out.
#[derive(Default)]
pub(crate) struct Findings {
    /// Heading.
    pub(crate) title: &'static str,
    /// How it was done and how to read it; blank lines part paragraphs.
    pub(crate) text: String,
    pub(crate) tables: Vec<Table>,
    pub(crate) figures: Vec<Figure>,
    /// Everything, for machines.
    pub(crate) json: Value,
    /// Headline figures, each beside its sample size under `n_…`.
    pub(crate) summary: Map<String, Value>,
}

impl Findings {
    /// Adds a headline figure and the number of samples it rests on.
    pub(crate) fn headline(&mut self, name: &str, value: f64, samples: usize) {
        self.summary.insert(name.to_owned(), Value::from(value));
        self.summary
            .insert(format!("n_{name}"), Value::from(samples));
    }
}
