//! A training in memory that is followed.

use crate::answers::{Answer, fine_or_finding, said};
use crate::arrays::Arrays;
use crate::asked::Asked;
use crate::errors::refuse;
use crate::work::{Reporter, work};
use checkpoint_store::foreign::TrainerState;
use modeltrail::watch;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Follows one training, checkpoint by checkpoint.
#[pyclass(module = "modeltrail._modeltrail", frozen)]
pub(crate) struct Watcher {
    watcher: Arc<Mutex<watch::Watcher>>,
}

/// What a trainer says at one checkpoint, as far as it knows.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Trainer {
    learning_rates: Vec<f64>,
    base_rates: Vec<f64>,
    scheduled_rates: Vec<f64>,
    weight_decays: Vec<f64>,
    optimiser_steps: Option<u64>,
    batch_size: Option<u64>,
}

impl From<Trainer> for TrainerState {
    fn from(trainer: Trainer) -> Self {
        Self {
            learning_rates: trainer.learning_rates,
            base_rates: trainer.base_rates,
            scheduled_rates: trainer.scheduled_rates,
            weight_decays: trainer.weight_decays,
            optimiser_steps: trainer.optimiser_steps,
            batch_size: trainer.batch_size,
            ..Self::default()
        }
    }
}

#[pymethods]
impl Watcher {
    /// A watcher that has seen nothing, or goes on from a state.
    #[new]
    #[pyo3(signature = (asked, accredited, state))]
    fn new(
        py: Python<'_>,
        asked: Asked,
        accredited: Option<PathBuf>,
        state: Option<Vec<u8>>,
    ) -> PyResult<Self> {
        let options = asked.options(py)?;
        let watcher = work(py, None, move |_: &Reporter<watch::Watcher>| {
            let accredited = accredited.as_deref();
            match state {
                Some(state) => watch::Watcher::restored(&state, accredited, &options),
                None => watch::Watcher::in_memory(accredited, &options),
            }
        })?;
        Ok(Self {
            watcher: Arc::new(Mutex::new(watcher)),
        })
    }

    /// Judges the checkpoint of a step.
    fn push(
        &self,
        py: Python<'_>,
        step: u64,
        arrays: &Arrays,
        trainer: Option<Trainer>,
    ) -> PyResult<Answer> {
        let (watcher, arrays) = (Arc::clone(&self.watcher), Arc::new(arrays.held().clone()));
        let trainer = trainer.map(TrainerState::from);
        work(py, None, move |_: &Reporter<Answer>| {
            let mut watcher = watcher.lock().unwrap_or_else(PoisonError::into_inner);
            let observed = watcher.push(step, &arrays, trainer)?;
            let status = fine_or_finding(observed.alarm().is_none());
            said(&observed, &[], status)
        })
    }

    /// The step that was given last.
    #[getter]
    fn newest(&self, py: Python<'_>) -> Option<u64> {
        let watcher = &self.watcher;
        py.detach(|| {
            let watcher = watcher.lock().unwrap_or_else(PoisonError::into_inner);
            watcher.newest()
        })
    }

    /// That it is followed by sketches, if it is.
    #[getter]
    fn sketched(&self, py: Python<'_>) -> Option<String> {
        let watcher = &self.watcher;
        py.detach(|| {
            let watcher = watcher.lock().unwrap_or_else(PoisonError::into_inner);
            watcher.is_sketched()
        })
    }

    /// All that is known, to go on from.
    fn state(&self, py: Python<'_>) -> PyResult<Py<PyBytes>> {
        let watcher = Arc::clone(&self.watcher);
        let bytes = work(py, None, move |_: &Reporter<Option<Vec<u8>>>| {
            let watcher = watcher.lock().unwrap_or_else(PoisonError::into_inner);
            watcher.to_bytes()
        });
        match bytes {
            Ok(Some(bytes)) => Ok(PyBytes::new(py, &bytes).unbind()),
            Ok(None) => Err(refuse(
                py,
                "there is no state before the first checkpoint: push one",
            )),
            Err(error) => Err(error),
        }
    }

    /// The titles of the rows that it prints.
    #[staticmethod]
    fn titles() -> String {
        watch::Observation::titles(false)
    }
}
