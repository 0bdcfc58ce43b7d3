//! Arrays that Python owns, read where they lie.
//!
//! The only unsafe code of the module: bytes are copied out of memory that Python keeps alive, never
//! borrowed. A thread that changes an array meanwhile changes which numbers are read.
#![allow(unsafe_code)]

use checkpoint_store::foreign::Bytes;
use pyo3::prelude::*;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// The bytes of an array, and the object that keeps them alive.
#[derive(Debug)]
pub(crate) struct InPlace {
    address: usize,
    length: u64,
    _owner: Py<PyAny>,
}

impl InPlace {
    /// `length` bytes from an address on, as long as the owner lives. Whoever calls takes both from the
    /// owner: `modeltrail._arrays`.
    pub(crate) fn new(address: usize, length: u64, owner: Py<PyAny>) -> Self {
        Self {
            address,
            length,
            _owner: owner,
        }
    }
}

impl Bytes for InPlace {
    fn length(&self) -> u64 {
        self.length
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if buffer.is_empty() {
            return Ok(());
        }
        let start = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.address.checked_add(offset));
        let start = start.filter(|_| self.address != 0);
        let start = start.ok_or(io::ErrorKind::UnexpectedEof)?;
        // SAFETY: the owner, which this holds, keeps `length` bytes from `address` on alive; the range was
        // checked to lie in them, and the buffer is memory of our own, so that the two do not overlap.
        unsafe {
            std::ptr::copy_nonoverlapping(
                std::ptr::with_exposed_provenance::<u8>(start),
                buffer.as_mut_ptr(),
                buffer.len(),
            );
        }
        Ok(())
    }
}

/// An array that is brought into memory when it is read, and let go when it was read to its end: of a
/// GPU, or in an order that no strides describe.
#[derive(Debug)]
pub(crate) struct Loaded {
    load: Py<PyAny>,
    length: u64,
    here: Mutex<Option<Arc<InPlace>>>,
}

impl Loaded {
    /// So many bytes that a function returns, as a tuple of address, length and owner.
    pub(crate) fn new(load: Py<PyAny>, length: u64) -> Self {
        Self {
            load,
            length,
            here: Mutex::new(None),
        }
    }

    fn load(&self) -> io::Result<Arc<InPlace>> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = here.as_ref() {
            return Ok(Arc::clone(here));
        }
        let loaded = Python::attach(|py| {
            let loaded = self.load.call0(py)?;
            loaded.extract::<(usize, u64, Py<PyAny>)>(py)
        });
        let (address, length, owner) = loaded.map_err(io::Error::other)?;
        if length < self.length {
            return Err(io::Error::other("the array was made smaller meanwhile"));
        }
        let loaded = Arc::new(InPlace::new(address, length, owner));
        *here = Some(Arc::clone(&loaded));
        Ok(loaded)
    }
}

impl Bytes for Loaded {
    fn length(&self) -> u64 {
        self.length
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.load()?.read(buffer, offset)?;
        if offset.saturating_add(buffer.len() as u64) >= self.length {
            *self.here.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Ok(())
    }
}
