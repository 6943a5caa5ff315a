//! What the peer says in the opening handshake (RFC 6455 section 4), as objects.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// A client's request for a WebSocket connection: well-formed, and now to be accepted or rejected.
///
/// Browsers let any page on the web connect to any server, with the user's cookies. Unless that is
/// wanted, look at origin, or let in only what is_same_origin.
#[pyclass(frozen, get_all, weakref, module = "websans")]
pub(crate) struct Request {
    /// What is asked for: the path and the query, as sent.
    resource_name: Py<PyString>,
    /// The path as sent, without the query.
    path: Py<PyString>,
    /// The query as sent, without the "?"; None without one.
    query: Option<Py<PyString>>,
    /// The host that the client means to talk to, and the port if it is not the default one.
    host: Py<PyString>,
    /// The origin of the script that made the request. Browsers always send it; others need not.
    origin: Option<Py<PyString>>,
    /// Whether no other site's script made this request.
    is_same_origin: bool,
    /// All header fields in order, with the names in lower case.
    headers: Vec<(Py<PyBytes>, Py<PyBytes>)>,
    /// The subprotocols that the client offers, those it prefers first.
    subprotocols: Vec<Py<PyString>>,
    /// The extensions that the client offers, as in the header field.
    extensions: Vec<Py<PyString>>,
}

#[pymethods]
impl Request {
    /// The value of the first header field of that name, whose case does not matter.
    fn header(&self, py: Python<'_>, name: &str) -> Option<Py<PyBytes>> {
        header(py, &self.headers, name)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<websans.Request {}>", self.resource_name.bind(py).to_str()?))
    }
}

impl Request {
    pub(crate) fn new(py: Python<'_>, request: &websans::IncomingRequest<'_>) -> Self {
        let text = |text: &str| PyString::new(py, text).unbind();
        Self {
            resource_name: text(request.resource_name()),
            path: text(request.path()),
            query: request.query().map(text),
            host: text(request.host()),
            origin: request.origin().map(text),
            is_same_origin: request.is_same_origin(),
            headers: headers(py, request.headers()),
            subprotocols: request.subprotocols().map(text).collect(),
            extensions: request.extensions().map(|it| text(&it.to_string())).collect(),
        }
    }
}

/// A server's response: it has accepted, or it has refused. A redirection is a refusal as any other.
#[pyclass(frozen, get_all, weakref, module = "websans")]
pub(crate) struct Response {
    /// The status: 101 if the server has accepted.
    status: u16,
    /// The reason phrase, often empty.
    reason: Py<PyString>,
    /// All header fields in order, with the names in lower case.
    headers: Vec<(Py<PyBytes>, Py<PyBytes>)>,
    /// The body of a refusal, at most 64 KiB of it.
    body: Py<PyBytes>,
    /// Whether body is all of it.
    body_is_complete: bool,
    /// The subprotocol that the server chose.
    subprotocol: Option<Py<PyString>>,
}

#[pymethods]
impl Response {
    /// Whether the server has accepted.
    #[getter]
    fn is_accepted(&self) -> bool {
        self.status == 101
    }

    /// The value of the first header field of that name, whose case does not matter.
    fn header(&self, py: Python<'_>, name: &str) -> Option<Py<PyBytes>> {
        header(py, &self.headers, name)
    }

    fn __repr__(&self) -> String {
        format!("<websans.Response {}>", self.status)
    }
}

impl Response {
    pub(crate) fn new(py: Python<'_>, response: &websans::IncomingResponse<'_>) -> Self {
        Self {
            status: response.status(),
            reason: PyString::new(py, response.reason()).unbind(),
            headers: headers(py, response.headers()),
            body: PyBytes::new(py, response.body()).unbind(),
            body_is_complete: response.body_is_complete(),
            subprotocol: response.subprotocol().map(|it| PyString::new(py, it).unbind()),
        }
    }
}

fn headers(py: Python<'_>, headers: websans::Headers<'_>) -> Vec<(Py<PyBytes>, Py<PyBytes>)> {
    headers
        .map(|(name, value)| {
            let name = name.to_ascii_lowercase();
            (PyBytes::new(py, name.as_bytes()).unbind(), PyBytes::new(py, value).unbind())
        })
        .collect()
}

fn header(
    py: Python<'_>,
    headers: &[(Py<PyBytes>, Py<PyBytes>)],
    name: &str,
) -> Option<Py<PyBytes>> {
    let mut matching = headers
        .iter()
        .filter(|(it, _)| it.bind(py).as_bytes().eq_ignore_ascii_case(name.as_bytes()));
    matching.next().map(|(_, value)| value.clone_ref(py))
}
