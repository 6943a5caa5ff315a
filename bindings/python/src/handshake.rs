//! The opening handshake (RFC 6455 section 4).

use std::sync::Mutex;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMapping, PySequence, PyString};
use websans::{InvalidHandshake, RecvBuf, Rejection, SendBuf};

use crate::buffers::{Data, Lent, TextData, lock};
use crate::config::Config;
use crate::connection::Connection;
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

/// A server's side of the opening handshake: it waits for a client's request.
///
/// Bytes that the transport brings go into receive_data() until next_request() returns the request.
/// Then accept() makes the Connection, or reject() answers with something else.
#[pyclass(frozen, weakref, module = "websans")]
pub(crate) struct ServerHandshake {
    inner: Mutex<Server>,
}

struct Server {
    config: websans::Config,
    handshake: websans::ServerHandshake,
    rx: Lent<RecvBuf>,
    tx: Lent<SendBuf>,
    /// What was received, as long as the request is not complete: the core's request borrows the
    /// buffer, and this one waits for its answer while more is received.
    head: Vec<u8>,
    /// Whether the head is a request that waits for its answer.
    waits: bool,
}

impl Server {
    fn next_request(&mut self, py: Python<'_>) -> Result<Option<Request>, websans::HandshakeError> {
        if self.waits {
            return Err(websans::HandshakeError::Finished);
        }
        let result = self.handshake.next_request(self.rx.fetch(), self.tx.fetch());
        let request = result.map(|request| request.map(|request| Request::new(py, &request)));
        if let Ok(Some(_)) = request {
            // What follows the head stays in the buffer, for the connection.
            let rest = self.rx.held().map_or(0, RecvBuf::len);
            self.head.truncate(self.head.len().saturating_sub(rest));
            self.waits = true;
        } else if request.is_err() {
            self.head = Vec::new();
        }
        self.rx.give_back();
        self.tx.give_back();
        request
    }

    /// Answers the request that waits, as it was received.
    fn answer<R>(
        &mut self,
        answer: impl FnOnce(websans::IncomingRequest<'_>, &mut SendBuf) -> Result<R, InvalidHandshake>,
    ) -> PyResult<R> {
        if !self.waits {
            return Err(PyRuntimeError::new_err("there is no request to answer"));
        }
        let mut rx = RecvBuf::new();
        rx.extend(&self.head);
        let mut handshake = websans::ServerHandshake::new(self.config);
        let request = handshake.next_request(&mut rx, self.tx.fetch());
        let request = request.map_err(errors::handshake)?;
        let request = request.ok_or_else(|| PyRuntimeError::new_err("there is no request"))?;
        let answered = answer(request, self.tx.fetch());
        self.tx.give_back();
        let answered = answered.map_err(errors::invalid_handshake)?;
        (self.waits, self.head) = (false, Vec::new());
        Ok(answered)
    }
}

#[pymethods]
impl ServerHandshake {
    #[new]
    #[pyo3(signature = (config=None))]
    fn new(config: Option<PyRef<'_, Config>>) -> Self {
        let config = Config::of(config);
        Self {
            inner: Mutex::new(Server {
                config,
                handshake: websans::ServerHandshake::new(config),
                rx: Lent::default(),
                tx: Lent::default(),
                head: Vec::new(),
                waits: false,
            }),
        }
    }

    /// Takes bytes that the transport has brought.
    fn receive_data(&self, py: Python<'_>, data: Data<'_>) {
        let mut inner = lock(py, &self.inner);
        let data = data.as_slice();
        if data.is_empty() {
            return;
        }
        inner.rx.fetch().extend(data);
        if !inner.waits {
            inner.head.extend_from_slice(data);
        }
    }

    /// Says that the transport has ended. next_request() raises HandshakeError if the request is not
    /// complete.
    fn receive_eof(&self, py: Python<'_>) {
        lock(py, &self.inner).handshake.handle_eof();
    }

    /// The request, once its head has been received; None when that takes more bytes.
    ///
    /// Raises HandshakeError, then and at every later call, for what is no such request. The
    /// response that tells the client is in data_to_send(), after which the transport is to be
    /// closed.
    fn next_request(&self, py: Python<'_>) -> PyResult<Option<Request>> {
        let request = lock(py, &self.inner).next_request(py);
        request.map_err(errors::handshake)
    }

    /// Accepts: makes the connection. The response is what its data_to_send() begins with.
    ///
    /// subprotocol: one of those that the client offers.
    /// headers: pairs of a name and a value, beside those that the handshake itself has.
    ///
    /// Raises InvalidHandshake, and the request still waits then.
    #[pyo3(signature = (subprotocol=None, headers=Fields::default()),
        text_signature = "($self, subprotocol=None, headers=())")]
    fn accept(
        &self,
        py: Python<'_>,
        subprotocol: Option<&str>,
        headers: Fields<'_>,
    ) -> PyResult<Connection> {
        let response = headers.response(py, subprotocol)?;
        let mut inner = lock(py, &self.inner);
        let connection = inner.answer(|request, tx| request.accept(&response, tx))?;
        let (rx, tx) = (std::mem::take(&mut inner.rx), std::mem::take(&mut inner.tx));
        Ok(Connection::new(connection, rx, tx))
    }

    /// Rejects: the response is in data_to_send(), after which the transport is to be closed.
    ///
    /// status: 200 to 599.
    /// headers: pairs of a name and a value, beside Content-Length and Connection.
    ///
    /// Raises InvalidHandshake, and the request still waits then.
    #[pyo3(signature = (status, headers=Fields::default(), body=None),
        text_signature = "($self, status, headers=(), body=b'')")]
    fn reject(
        &self,
        py: Python<'_>,
        status: u16,
        headers: Fields<'_>,
        body: Option<Data<'_>>,
    ) -> PyResult<()> {
        let rejection = headers.rejection(py, status, body.as_ref())?;
        let mut inner = lock(py, &self.inner);
        inner.answer(|request, tx| {
            request.reject(&rejection, tx);
            Ok(())
        })
    }

    /// What is to be written to the transport. It is returned once.
    fn data_to_send<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        lock(py, &self.inner).tx.take(py)
    }

    #[allow(clippy::unused_self)]
    fn __repr__(&self) -> &'static str {
        "<websans.ServerHandshake>"
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

/// A client's side of the opening handshake: it sends its request and waits for the response.
///
/// uri: a ws or wss URI.
/// subprotocols: what to offer, the preferred ones first.
/// headers: pairs of a name and a value, such as Origin and Authorization.
///
/// Raises InvalidHandshake for what cannot be sent.
///
/// What data_to_send() returns is to be written to the transport. Bytes that it brings go into
/// receive_data() until next_response() returns the response. Then connection() makes the Connection.
#[pyclass(frozen, weakref, module = "websans")]
pub(crate) struct ClientHandshake {
    uri: websans::WsUri,
    inner: Mutex<Client>,
}

struct Client {
    handshake: websans::ClientHandshake,
    rx: Lent<RecvBuf>,
    tx: Lent<SendBuf>,
    connection: Option<Result<websans::Connection, websans::HandshakeError>>,
}

impl Client {
    /// Takes the response, and keeps what becomes of it.
    fn next_response(
        &mut self,
        py: Python<'_>,
    ) -> Result<Option<Response>, websans::HandshakeError> {
        let response = self.handshake.next_response(self.rx.fetch());
        let response = response.map(|response| {
            response.map(|response| {
                let python = Response::new(py, &response);
                self.connection = Some(response.into_connection());
                python
            })
        });
        self.rx.give_back();
        response
    }
}

#[pymethods]
impl ClientHandshake {
    #[new]
    #[pyo3(signature = (uri, *, subprotocols=Vec::new(), headers=Fields::default(), config=None),
        text_signature = "(uri, *, subprotocols=(), headers=(), config=None)")]
    fn new(
        py: Python<'_>,
        uri: &str,
        subprotocols: Vec<String>,
        headers: Fields<'_>,
        config: Option<PyRef<'_, Config>>,
    ) -> PyResult<Self> {
        let request = headers.request(py, uri, &subprotocols)?;
        let mut tx = Lent::default();
        let handshake = websans::ClientHandshake::new(&request, Config::of(config), tx.fetch())
            .map_err(errors::invalid_handshake)?;
        let inner = Client { handshake, rx: Lent::default(), tx, connection: None };
        Ok(Self { uri: request.uri().clone(), inner: Mutex::new(inner) })
    }

    /// The host to connect to, and to verify with TLS. An IPv6 address comes without brackets.
    #[getter]
    fn host(&self) -> &str {
        self.uri.host()
    }

    /// The port to connect to.
    #[getter]
    fn port(&self) -> u16 {
        self.uri.port()
    }

    /// Whether the connection is to be made over TLS.
    #[getter]
    fn is_secure(&self) -> bool {
        self.uri.is_secure()
    }

    /// Takes bytes that the transport has brought.
    fn receive_data(&self, py: Python<'_>, data: Data<'_>) {
        let data = data.as_slice();
        if !data.is_empty() {
            lock(py, &self.inner).rx.fetch().extend(data);
        }
    }

    /// Says that the transport has ended. next_response() returns a refusal with its body as far as it
    /// was received, and raises HandshakeError if the response is not complete otherwise.
    fn receive_eof(&self, py: Python<'_>) {
        lock(py, &self.inner).handshake.handle_eof();
    }

    /// The response, once it has been received, with the body of a refusal as far as its length is
    /// known; None when that takes more bytes.
    ///
    /// Raises HandshakeError, then and at every later call, for what does not answer the request.
    fn next_response(&self, py: Python<'_>) -> PyResult<Option<Response>> {
        let response = lock(py, &self.inner).next_response(py);
        response.map_err(errors::handshake)
    }

    /// The connection, after a response that accepts. What followed the response is in it.
    ///
    /// Raises HandshakeError after one that refuses.
    fn connection(&self, py: Python<'_>) -> PyResult<Connection> {
        let mut inner = lock(py, &self.inner);
        let Some(connection) = inner.connection.take() else {
            return Err(PyRuntimeError::new_err("there is no response that accepts"));
        };
        let connection = connection.map_err(errors::handshake)?;
        let (rx, tx) = (std::mem::take(&mut inner.rx), std::mem::take(&mut inner.tx));
        Ok(Connection::new(connection, rx, tx))
    }

    /// What is to be written to the transport. It is returned once.
    fn data_to_send<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        lock(py, &self.inner).tx.take(py)
    }

    fn __repr__(&self) -> String {
        format!("<websans.ClientHandshake {}>", self.uri)
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
