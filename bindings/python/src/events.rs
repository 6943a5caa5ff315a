//! What the peer sent, as small immutable objects.

use pyo3::basic::CompareOp;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

/// The methods that make a value of an event: it is as good as a tuple of its fields.
macro_rules! event {
    ($name:ident($($field:ident),*), { $($new:tt)* }) => {
        #[pymethods]
        impl $name {
            $($new)*

            #[classattr]
            fn __match_args__(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
                PyTuple::new(py, Self::FIELDS)
            }

            fn __richcmp__<'py>(
                &self,
                other: &Bound<'py, PyAny>,
                op: CompareOp,
            ) -> PyResult<Bound<'py, PyAny>> {
                let py = other.py();
                let Ok(other) = other.cast_exact::<Self>() else {
                    return Ok(py.NotImplemented().into_bound(py));
                };
                match op {
                    CompareOp::Eq | CompareOp::Ne => {
                        self.fields(py)?.rich_compare(other.get().fields(py)?, op)
                    }
                    _ => Ok(py.NotImplemented().into_bound(py)),
                }
            }

            fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
                self.fields(py)?.hash()
            }

            fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
                let mut fields = Vec::new();
                for (name, value) in Self::FIELDS.iter().zip(self.fields(py)?.iter()) {
                    fields.push(format!("{name}={}", value.repr()?));
                }
                Ok(format!("{}({})", stringify!($name), fields.join(", ")))
            }

            fn __reduce__<'py>(
                slf: &Bound<'py, Self>,
            ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
                Ok((slf.get_type().into_any(), slf.get().fields(slf.py())?))
            }
        }

        impl $name {
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),*];

            fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
                ($(&self.$field,)*).into_pyobject(py)
            }
        }
    };
}

/// A text message (RFC 6455 section 5.6), or with Connection.next_part() a part of one.
#[pyclass(frozen, get_all, module = "websans")]
pub(crate) struct Text {
    /// The text.
    data: Py<PyString>,
    /// Whether the message begins with it.
    first: bool,
    /// Whether the message ends with it.
    last: bool,
}

/// A binary message (RFC 6455 section 5.6), or with Connection.next_part() a part of one.
#[pyclass(frozen, get_all, module = "websans")]
pub(crate) struct Binary {
    /// The bytes.
    data: Py<PyBytes>,
    /// Whether the message begins with them.
    first: bool,
    /// Whether the message ends with them.
    last: bool,
}

/// A ping (RFC 6455 section 5.5.2). The pong that answers it is in Connection.data_to_send().
#[pyclass(frozen, get_all, module = "websans")]
pub(crate) struct Ping {
    /// At most 125 bytes.
    payload: Py<PyBytes>,
}

/// A pong (RFC 6455 section 5.5.3), whether a ping asked for it or not.
#[pyclass(frozen, get_all, module = "websans")]
pub(crate) struct Pong {
    /// At most 125 bytes.
    payload: Py<PyBytes>,
}

/// The peer's close frame (RFC 6455 section 5.5.1): no event comes after it. The reply, if one was
/// still to be sent, is in Connection.data_to_send().
#[pyclass(frozen, get_all, module = "websans")]
pub(crate) struct Close {
    /// The close code, or None where the frame had no body.
    code: Option<u16>,
    /// The reason, often empty.
    reason: Py<PyString>,
}

event!(Text(data, first, last), {
    #[new]
    #[pyo3(signature = (data, first=true, last=true))]
    fn new(data: Py<PyString>, first: bool, last: bool) -> Self {
        Self { data, first, last }
    }
});

event!(Binary(data, first, last), {
    #[new]
    #[pyo3(signature = (data, first=true, last=true))]
    fn new(data: Py<PyBytes>, first: bool, last: bool) -> Self {
        Self { data, first, last }
    }
});

event!(Ping(payload), {
    #[new]
    fn new(payload: Py<PyBytes>) -> Self {
        Self { payload }
    }
});

event!(Pong(payload), {
    #[new]
    fn new(payload: Py<PyBytes>) -> Self {
        Self { payload }
    }
});

event!(Close(code, reason), {
    #[new]
    #[pyo3(signature = (code, reason=None))]
    fn new(py: Python<'_>, code: Option<u16>, reason: Option<Py<PyString>>) -> Self {
        Self { code, reason: reason.unwrap_or_else(|| PyString::new(py, "").unbind()) }
    }
});

/// An event whose payload is a Python object already, and which is not one itself yet. Making the
/// payload runs no Python code, making the object may.
pub(crate) enum Received {
    Text { data: Py<PyString>, first: bool, last: bool },
    Binary { data: Py<PyBytes>, first: bool, last: bool },
    Ping(Py<PyBytes>),
    Pong(Py<PyBytes>),
    Close { code: Option<u16>, reason: Py<PyString> },
}

impl Received {
    pub(crate) fn whole(py: Python<'_>, event: websans::Event<'_>) -> Self {
        match event {
            websans::Event::Text(text) => Self::text(py, text, true, true),
            websans::Event::Binary(data) => Self::binary(py, data, true, true),
            websans::Event::Ping(payload) => Self::Ping(PyBytes::new(py, payload).unbind()),
            websans::Event::Pong(payload) => Self::Pong(PyBytes::new(py, payload).unbind()),
            websans::Event::Close(frame) => Self::Close {
                code: frame.code.map(u16::from),
                reason: PyString::new(py, frame.reason).unbind(),
            },
        }
    }

    pub(crate) fn part(py: Python<'_>, event: websans::PartialEvent<'_>) -> Self {
        match event {
            websans::Event::Text(part) => Self::text(py, part.data, part.first, part.last),
            websans::Event::Binary(part) => Self::binary(py, part.data, part.first, part.last),
            websans::Event::Ping(payload) => Self::whole(py, websans::Event::Ping(payload)),
            websans::Event::Pong(payload) => Self::whole(py, websans::Event::Pong(payload)),
            websans::Event::Close(frame) => Self::whole(py, websans::Event::Close(frame)),
        }
    }

    pub(crate) fn text(py: Python<'_>, data: &str, first: bool, last: bool) -> Self {
        Self::Text { data: PyString::new(py, data).unbind(), first, last }
    }

    pub(crate) fn binary(py: Python<'_>, data: &[u8], first: bool, last: bool) -> Self {
        Self::Binary { data: PyBytes::new(py, data).unbind(), first, last }
    }

    pub(crate) fn into_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(match self {
            Self::Text { data, first, last } => Py::new(py, Text { data, first, last })?.into_any(),
            Self::Binary { data, first, last } => {
                Py::new(py, Binary { data, first, last })?.into_any()
            }
            Self::Ping(payload) => Py::new(py, Ping { payload })?.into_any(),
            Self::Pong(payload) => Py::new(py, Pong { payload })?.into_any(),
            Self::Close { code, reason } => Py::new(py, Close { code, reason })?.into_any(),
        })
    }
}
