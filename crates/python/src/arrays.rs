//! A checkpoint of arrays that Python owns.

use crate::errors::raise;
use crate::in_place::{InPlace, Loaded};
use checkpoint_store::foreign::{self, Bytes, Element, Layout};
use pyo3::prelude::*;
use std::sync::Arc;

/// Named arrays of one checkpoint, read in place when they are asked about.
#[pyclass(module = "modeltrail._modeltrail")]
#[derive(Debug, Default, Clone)]
pub(crate) struct Arrays {
    held: foreign::Arrays,
}

impl Arrays {
    pub(crate) fn held(&self) -> &foreign::Arrays {
        &self.held
    }
}

/// Where the values of an array are.
#[derive(FromPyObject)]
enum Where {
    /// Address, bytes, and what keeps them alive.
    Place((usize, u64, Py<PyAny>)),
    /// Bytes, and what brings them here.
    Elsewhere((u64, Py<PyAny>)),
}

#[pymethods]
impl Arrays {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Adds an array: its name, its number type and bytes an element, its shape, its strides in elements if
    /// it is not row-major, whether it is big-endian, and where its values are.
    #[pyo3(signature = (name, dtype, itemsize, shape, strides, big_endian, values))]
    #[allow(clippy::too_many_arguments)]
    fn add(
        &mut self,
        py: Python<'_>,
        name: String,
        dtype: &str,
        itemsize: u64,
        shape: Vec<u64>,
        strides: Option<Vec<u64>>,
        big_endian: bool,
        values: Where,
    ) -> PyResult<()> {
        let bytes: Arc<dyn Bytes> = match values {
            Where::Place((address, length, owner)) => {
                Arc::new(InPlace::new(address, length, owner))
            }
            Where::Elsewhere((length, load)) => Arc::new(Loaded::new(load, length)),
        };
        let layout = Layout {
            strides,
            big_endian,
        };
        let added = match element(dtype) {
            Some(element) => self.held.add(name, element, &shape, &layout, bytes),
            None => self
                .held
                .add_unread(name, (dtype, itemsize), &shape, &layout, bytes),
        };
        added.map_err(|error| raise(py, &error.into()))
    }

    /// Notes something that is no tensor of the model, and why.
    fn leave_out(&mut self, name: String, why: String) {
        self.held.leave_out(name, why);
    }

    /// Notes what the checkpoint claims to be: a step, an epoch, a seed.
    fn claim(&mut self, field: &str, value: u64) {
        self.held.claim(field, value);
    }

    /// Notes which run it claims to be of.
    fn claim_run(&mut self, run: &str) {
        self.held.claim_run(run);
    }

    /// Notes that its name was made up.
    fn is_unnamed(&mut self) {
        self.held.is_unnamed();
    }

    fn __len__(&self) -> usize {
        self.held.len()
    }
}

/// The number type of this name, as NumPy and PyTorch call it.
fn element(dtype: &str) -> Option<Element> {
    Some(match dtype {
        "float64" => Element::F64,
        "float32" => Element::F32,
        "float16" => Element::F16,
        "bfloat16" => Element::Bf16,
        "int64" => Element::I64,
        "int32" => Element::I32,
        "int16" => Element::I16,
        "int8" => Element::I8,
        "uint64" => Element::U64,
        "uint32" => Element::U32,
        "uint16" => Element::U16,
        "uint8" => Element::U8,
        "bool" => Element::Bool,
        "float8_e4m3fn" => Element::F8E4M3,
        "float8_e4m3fnuz" => Element::F8E4M3Fnuz,
        "float8_e5m2" => Element::F8E5M2,
        "float8_e5m2fnuz" => Element::F8E5M2Fnuz,
        "float8_e8m0fnu" => Element::F8E8M0,
        _ => return None,
    })
}
