//! Bytes from and to Python, and the buffers between that idle connections do not have.

use std::cell::RefCell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyUnicodeDecodeError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt as _;
use pyo3::types::{PyByteArray, PyBytes, PyString};
use websans::{RecvBuf, SendBuf};

/// How many buffers of a kind a thread keeps for its connections.
const KEPT: usize = 4;

/// Boxed, for they move between here and the connections.
type Pool<T> = RefCell<Vec<Box<T>>>;

thread_local! {
    static RECEIVE: Pool<RecvBuf> = const { RefCell::new(Vec::new()) };
    static SEND: Pool<SendBuf> = const { RefCell::new(Vec::new()) };
}

/// A buffer that is there only while something is in it, and else is lent to other connections of
/// the thread. So an idle connection has none, and contexts of permessage-deflate that are not taken
/// over, which lie in the buffers, are shared and not made anew for every message.
#[derive(Default)]
pub(crate) struct Lent<T>(Option<Box<T>>);

/// What [`Lent`] asks of a buffer.
pub(crate) trait Buffer: Default + 'static {
    fn is_idle(&self) -> bool;
    fn with_pool<R>(use_pool: impl FnOnce(&mut Vec<Box<Self>>) -> R) -> Option<R>;
}

impl Buffer for RecvBuf {
    fn is_idle(&self) -> bool {
        self.is_empty()
    }

    fn with_pool<R>(use_pool: impl FnOnce(&mut Vec<Box<Self>>) -> R) -> Option<R> {
        RECEIVE.try_with(|pool| Some(use_pool(&mut *pool.try_borrow_mut().ok()?))).ok().flatten()
    }
}

impl Buffer for SendBuf {
    fn is_idle(&self) -> bool {
        self.is_empty()
    }

    fn with_pool<R>(use_pool: impl FnOnce(&mut Vec<Box<Self>>) -> R) -> Option<R> {
        SEND.try_with(|pool| Some(use_pool(&mut *pool.try_borrow_mut().ok()?))).ok().flatten()
    }
}

impl<T: Buffer> Lent<T> {
    /// The buffer, fetched if it was not there.
    pub(crate) fn fetch(&mut self) -> &mut T {
        self.0.get_or_insert_with(|| T::with_pool(Vec::pop).flatten().unwrap_or_default())
    }

    /// The buffer, if there is one.
    pub(crate) fn held(&self) -> Option<&T> {
        self.0.as_deref()
    }

    /// Gives the buffer back if nothing is in it.
    pub(crate) fn give_back(&mut self) {
        if let Some(buffer) = self.0.take_if(|buffer| buffer.is_idle()) {
            T::with_pool(|pool| {
                if pool.len() < KEPT {
                    pool.push(buffer);
                }
            });
        }
    }
}

impl Lent<SendBuf> {
    /// Takes all that waits to be written.
    pub(crate) fn take<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let Some(buffer) = &mut self.0 else { return Ok(PyBytes::new(py, &[])) };
        let first = buffer.as_slice();
        let (bytes, len) = if buffer.len() == first.len() as u64 {
            (PyBytes::new(py, first), first.len())
        } else {
            let len = buffer.slices().map(<[u8]>::len).sum();
            let join = |mut to: &mut [u8]| {
                for slice in buffer.slices() {
                    let (place, rest) = to.split_at_mut_checked(slice.len()).unwrap_or_default();
                    place.copy_from_slice(slice);
                    to = rest;
                }
                Ok(())
            };
            (PyBytes::new_with(py, len, join)?, len)
        };
        buffer.consume(len);
        self.give_back();
        Ok(bytes)
    }
}

/// Locks without holding up the interpreter. What a panic left behind is used as it is: the state
/// machine has no panics, and this one must not become a second.
pub(crate) fn lock<'a, T>(py: Python<'_>, mutex: &'a Mutex<T>) -> MutexGuard<'a, T> {
    mutex.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
}

/// Bytes that Python handed in.
pub(crate) enum Data<'py> {
    /// Immutable, so they are used where they lie.
    Bytes(Bound<'py, PyBytes>),
    /// Whatever could be changed meanwhile is copied.
    Copied(Vec<u8>),
}

impl Data<'_> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes.as_bytes(),
            Self::Copied(bytes) => bytes,
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Data<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.cast::<PyBytes>() {
            return Ok(Self::Bytes(bytes.to_owned()));
        }
        if let Ok(bytes) = object.cast::<PyByteArray>() {
            return Ok(Self::Copied(bytes.to_vec()));
        }
        copy(object).map(Self::Copied)
    }
}

#[cfg(feature = "buffer")]
fn copy(object: Borrowed<'_, '_, PyAny>) -> PyResult<Vec<u8>> {
    if let Ok(buffer) = pyo3::buffer::PyBuffer::<u8>::get(&object) {
        return buffer.to_vec(object.py());
    }
    copy_view(object)
}

#[cfg(not(feature = "buffer"))]
use copy_view as copy;

/// Through `memoryview`, which takes any element type and any layout.
fn copy_view(object: Borrowed<'_, '_, PyAny>) -> PyResult<Vec<u8>> {
    let view = pyo3::types::PyMemoryView::from(&object)?;
    Ok(view.call_method0("tobytes")?.cast::<PyBytes>()?.as_bytes().to_vec())
}

/// Text that Python handed in: a `str`, or its UTF-8 in bytes.
pub(crate) enum TextData<'py> {
    Str(Bound<'py, PyString>),
    Utf8(Data<'py>),
}

impl TextData<'_> {
    pub(crate) fn as_str(&self, py: Python<'_>) -> PyResult<&str> {
        match self {
            Self::Str(text) => text.to_str(),
            Self::Utf8(data) => std::str::from_utf8(data.as_slice()).map_err(|error| {
                match PyUnicodeDecodeError::new_utf8(py, data.as_slice(), error) {
                    Ok(exception) => PyErr::from_value(exception.into_any()),
                    Err(error) => error,
                }
            }),
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for TextData<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyString>() {
            Ok(text) => Ok(Self::Str(text.to_owned())),
            Err(_) => object.extract().map(Self::Utf8),
        }
    }
}
