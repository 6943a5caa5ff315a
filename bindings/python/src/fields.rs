//! Header fields that Python hands in, and what is sent with them.

use pyo3::prelude::*;
use pyo3::types::{PyMapping, PySequence, PyString};
use websans::Rejection;

use crate::buffers::{Data, TextData};
use crate::errors;

/// Header fields as Python gives them: a mapping, or pairs, of str or bytes.
#[derive(Default)]
pub(crate) struct Fields<'py>(Vec<(TextData<'py>, HeaderValue<'py>)>);

impl<'a, 'py> FromPyObject<'a, 'py> for Fields<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let pairs = match object.cast::<PyMapping>() {
            Ok(mapping) => mapping.items()?.into_any(),
            Err(_) => object.to_owned(),
        };
        let pair = |pair: PyResult<Bound<'py, PyAny>>| {
            let (name, value) = pair?.cast::<PySequence>()?.to_tuple()?.extract()?;
            Ok((name, value))
        };
        Ok(Self(pairs.try_iter()?.map(pair).collect::<PyResult<_>>()?))
    }
}

impl Fields<'_> {
    /// What a client asks for, with these fields.
    pub(crate) fn request(
        &self,
        py: Python<'_>,
        uri: &str,
        subprotocols: &[String],
    ) -> PyResult<websans::Request> {
        let mut request = websans::Request::new(uri).map_err(errors::invalid_handshake)?;
        for subprotocol in subprotocols {
            request = request.subprotocol(subprotocol).map_err(errors::invalid_handshake)?;
        }
        for (name, value) in &self.0 {
            request = request
                .header(name.as_str(py)?, value.0.as_slice())
                .map_err(errors::invalid_handshake)?;
        }
        Ok(request)
    }

    /// How a server accepts, with these fields.
    pub(crate) fn response<'a>(
        &self,
        py: Python<'_>,
        subprotocol: Option<&'a str>,
    ) -> PyResult<websans::Response<'a>> {
        let mut response = websans::Response::new().subprotocol(subprotocol);
        for (name, value) in &self.0 {
            response = response
                .header(name.as_str(py)?, value.0.as_slice())
                .map_err(errors::invalid_handshake)?;
        }
        Ok(response)
    }

    /// How a server refuses, with these fields.
    pub(crate) fn rejection<'a>(
        &self,
        py: Python<'_>,
        status: u16,
        body: Option<&'a Data<'_>>,
    ) -> PyResult<Rejection<'a>> {
        let mut rejection = Rejection::new(status).map_err(errors::invalid_handshake)?;
        for (name, value) in &self.0 {
            rejection = rejection
                .header(name.as_str(py)?, value.0.as_slice())
                .map_err(errors::invalid_handshake)?;
        }
        if let Some(body) = body.map(Data::as_slice).filter(|body| !body.is_empty()) {
            rejection = rejection.body(body).map_err(errors::invalid_handshake)?;
        }
        Ok(rejection)
    }
}

/// Latin-1 where it is a str, as in Python's own HTTP libraries.
pub(crate) struct HeaderValue<'py>(Data<'py>);

impl<'a, 'py> FromPyObject<'a, 'py> for HeaderValue<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyString>() {
            Ok(text) => Ok(Self(text.call_method1("encode", ("latin-1",))?.extract()?)),
            Err(_) => object.extract().map(Self),
        }
    }
}
