//! Errors of the library as exceptions of Python: subclasses of `modeltrail.Error`, with attributes.

use modeltrail::Error;
use pyo3::prelude::*;

/// The exception that an error is.
pub(crate) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let limit = error.limit().map(|limit| (limit.name, limit.enough));
    let path = error.path().map(modeltrail::path::write);
    made(py, error.kind(), &error.to_line(), path, limit)
}

/// What is wrong with what was asked.
pub(crate) fn refuse(py: Python<'_>, message: &str) -> PyErr {
    made(py, "usage", message, None, None)
}

/// A defect of this program: it never leaves Python in pieces.
pub(crate) fn defect(py: Python<'_>, message: &str) -> PyErr {
    made(py, "internal", message, None, None)
}

fn made(
    py: Python<'_>,
    kind: &str,
    message: &str,
    path: Option<String>,
    limit: Option<(&str, u64)>,
) -> PyErr {
    let make = || -> PyResult<PyErr> {
        let module = py.import("modeltrail._errors")?;
        let exception = module
            .getattr("made")?
            .call1((kind, message, path, limit))?;
        Ok(PyErr::from_value(exception))
    };
    make().unwrap_or_else(|error| error)
}
