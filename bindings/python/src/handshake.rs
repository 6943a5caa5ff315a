//! The opening handshake (RFC 6455 section 4).

use std::sync::Mutex;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use websans::{RecvBuf, SendBuf};

use crate::buffers::{Data, Lent, lock};
use crate::config::Config;
use crate::connection::Connection;
use crate::errors;
use crate::fields::Fields;
use crate::incoming::{Request, Response};
use crate::pending::PendingRequest;

/// A server's side of the opening handshake: it waits for a client's request.
///
/// Bytes that the transport brings go into receive_data() until next_request() returns the request.
/// Then accept() makes the Connection, or reject() answers with something else.
#[pyclass(frozen, weakref, module = "websans")]
pub(crate) struct ServerHandshake {
    inner: Mutex<Server>,
}

struct Server {
    handshake: websans::ServerHandshake,
    request: PendingRequest,
    rx: Lent<RecvBuf>,
    tx: Lent<SendBuf>,
}

impl Server {
    fn next_request(&mut self, py: Python<'_>) -> Result<Option<Request>, websans::HandshakeError> {
        if self.request.waits() {
            return Err(websans::HandshakeError::Finished);
        }
        let result = self.handshake.next_request(self.rx.fetch(), self.tx.fetch());
        let request = result.map(|request| request.map(|request| Request::new(py, &request)));
        match &request {
            Ok(Some(_)) => self.request.complete(self.rx.held().map_or(0, RecvBuf::len)),
            Ok(None) => {}
            Err(_) => self.request.forget(),
        }
        self.rx.give_back();
        self.tx.give_back();
        request
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
                handshake: websans::ServerHandshake::new(config),
                request: PendingRequest::new(config),
                rx: Lent::default(),
                tx: Lent::default(),
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
        inner.request.extend(data);
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
    /// Raises InvalidHandshake, and the request still waits then; also where no request waits.
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
        let Server { request, tx, .. } = &mut *inner;
        let connection = request.answer(tx, |request, tx| request.accept(&response, tx))?;
        let (rx, tx) = (std::mem::take(&mut inner.rx), std::mem::take(&mut inner.tx));
        Ok(Connection::new(connection, rx, tx))
    }

    /// Rejects: the response is in data_to_send(), after which the transport is to be closed.
    ///
    /// status: 200 to 599.
    /// headers: pairs of a name and a value, beside Content-Length and Connection.
    ///
    /// Raises InvalidHandshake, and the request still waits then; also where no request waits.
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
        let Server { request, tx, .. } = &mut *inner;
        request.answer(tx, |request, tx| {
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
    /// Raises HandshakeError after one that refuses, and RuntimeError before there is one.
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
