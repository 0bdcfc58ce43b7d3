//! Sketches: what is kept of checkpoints when their weights are gone.

use crate::answers::{Answer, fine_or_finding, said, write};
use crate::asked::Asked;
use crate::errors::refuse;
use crate::work::{Reporter, work};
use modeltrail::Error;
use modeltrail::collection::sketches::{self, Sketches};
use modeltrail::exchange::sketch::sketch as sketched;
use pyo3::prelude::*;
use std::path::PathBuf;
use weightspace::sketch::Parameters;

/// The sketch of one checkpoint.
#[pyclass(module = "modeltrail._modeltrail", frozen)]
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    kept: sketches::Kept,
}

impl Kept {
    pub(crate) fn kept(&self) -> &sketches::Kept {
        &self.kept
    }
}

#[pymethods]
impl Kept {
    /// One sketch out of its JSON, as a file of sketches holds it.
    #[staticmethod]
    fn from_json(py: Python<'_>, text: &str) -> PyResult<Self> {
        let kept = serde_json::from_str(text);
        let kept: sketches::Kept =
            kept.map_err(|error| refuse(py, &format!("this is not a sketch ({error})")))?;
        let found = sketches::check(&kept);
        found.map_err(|what| refuse(py, &what))?;
        Ok(Self { kept })
    }

    /// As a file of sketches holds it.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        let text = serde_json::to_string(&self.kept);
        text.map_err(|error| refuse(py, &format!("this sketch is no JSON ({error})")))
    }

    /// What the checkpoint was called.
    #[getter]
    fn name(&self) -> &str {
        &self.kept.name
    }

    /// The sketch: numbers whose distances are those of the weights, to a few percent.
    #[getter]
    fn values(&self) -> Vec<f32> {
        self.kept.sketch.values.clone()
    }

    /// The same sketch under another name.
    fn renamed(&self, name: String) -> Self {
        let mut kept = self.kept.clone();
        kept.name = name;
        Self { kept }
    }
}

/// `modeltrail sketch`: the answer, and the sketches, which are written if a file is named.
#[pyfunction]
pub(crate) fn sketch(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    asked: Asked,
    how: (Option<PathBuf>, bool),
    progress: Option<Py<PyAny>>,
) -> PyResult<(Answer, Vec<Kept>)> {
    let (out, allow_unread) = how;
    let options = asked.options(py)?;
    work(py, progress, move |_: &Reporter<(Answer, Vec<Kept>)>| {
        if let Some(out) = out.as_ref().filter(|out| out.exists()) {
            return Err(Error::Exists {
                path: out.clone(),
                others: 0,
            });
        }
        let name = out.clone().unwrap_or_default();
        let numbers = Parameters::default().tensor_dimensions;
        let file = sketched(&paths, &options, &name, allow_unread, numbers)?;
        if file.checkpoints() == 0 {
            return Err(match file.problems().first() {
                Some(problem) => Error::Unsuitable {
                    path: problem.path.clone(),
                    what: format!("no checkpoint could be sketched: {}", problem.message),
                    way_out: "Give at least one that can be read",
                },
                None => Error::NothingRead,
            });
        }
        if let Some(out) = &out {
            write(out, file.contents())?;
        }
        let all: Sketches =
            serde_json::from_slice(file.contents()).map_err(|error| Error::Unsuitable {
                path: name,
                what: format!("it is not a file of sketches ({error})"),
                way_out: "This is a defect of modeltrail",
            })?;
        let kept = all.checkpoints.into_iter().map(|kept| Kept { kept });
        let status = fine_or_finding(file.problems().is_empty());
        Ok((said(&file, &[], status)?, kept.collect()))
    })
}
