//! The compiled part of the Python module `modeltrail`: a thin layer over the library.
//!
//! Every question is asked on a thread of its own, without Python's lock, so that Ctrl-C is heard while
//! it is answered ([`work`]). Answers cross the border as the JSON document and the text that the command
//! prints; the classes around them are Python.

mod answers;
mod arrays;
mod asked;
mod command;
mod errors;
mod in_place;
mod matrices;
mod sketches;
mod watch;
mod work;

use pyo3::prelude::*;

/// The module `modeltrail._modeltrail`.
#[pymodule(gil_used = false)]
mod _modeltrail {
    use super::*;

    #[pymodule_export]
    use super::answers::{
        audit, diff, gate, hash, inspect, lineage, linkage, order, report, runs, tree, umap,
    };
    #[pymodule_export]
    use super::arrays::Arrays;
    #[pymodule_export]
    use super::command::run_command;
    #[pymodule_export]
    use super::matrices::{embed, link, reduce};
    #[pymodule_export]
    use super::sketches::{Kept, sketch};
    #[pymodule_export]
    use super::watch::Watcher;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
