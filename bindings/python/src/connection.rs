//! A connection after its opening handshake.

use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use websans::{CloseCode, Error, Message, RecvBuf, SendBuf, SendError};

use crate::buffers::{Data, Lent, TextData, lock};
use crate::config::{AgreedDeflate, Config};
use crate::detach::{Pace, detached};
use crate::errors;
use crate::events::Received;

/// Which endpoint of a connection this is.
#[pyclass(frozen, eq, hash, skip_from_py_object, module = "websans")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::upper_case_acronyms)]
pub(crate) enum Role {
    /// The endpoint that opened the connection. It masks what it sends.
    CLIENT,
    /// The endpoint that accepted it.
    SERVER,
}

/// Where a connection stands.
#[pyclass(frozen, eq, hash, skip_from_py_object, module = "websans")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::upper_case_acronyms)]
pub(crate) enum State {
    /// Messages flow both ways.
    OPEN,
    /// One of the two close frames is missing.
    CLOSING,
    /// Both close frames have passed, or the connection failed.
    CLOSED,
}

impl From<websans::Role> for Role {
    fn from(role: websans::Role) -> Self {
        match role {
            websans::Role::Client => Self::CLIENT,
            websans::Role::Server => Self::SERVER,
        }
    }
}

impl From<websans::State> for State {
    fn from(state: websans::State) -> Self {
        match state {
            websans::State::Open => Self::OPEN,
            websans::State::Closing => Self::CLOSING,
            websans::State::Closed => Self::CLOSED,
        }
    }
}

/// How a connection ended: what a browser's CloseEvent tells.
#[pyclass(frozen, get_all, eq, module = "websans")]
#[derive(PartialEq)]
pub(crate) struct CloseStatus {
    /// The code of the peer's close frame, or 1005 if it had none. After a failure the code that went
    /// out because of it, or 1006 if none could.
    code: u16,
    /// The reason in the peer's close frame; empty after a failure.
    reason: String,
    /// Whether both close frames have passed.
    clean: bool,
    /// Whether the connection failed before the peer's close frame came.
    failed: bool,
}

impl From<websans::CloseStatus<'_>> for CloseStatus {
    fn from(status: websans::CloseStatus<'_>) -> Self {
        Self {
            code: status.code.number(),
            reason: status.reason.to_owned(),
            clean: status.clean,
            failed: status.failed,
        }
    }
}

#[pymethods]
impl CloseStatus {
    fn __repr__(&self) -> String {
        let python = |it: bool| if it { "True" } else { "False" };
        let (clean, failed) = (python(self.clean), python(self.failed));
        let Self { code, reason, .. } = self;
        format!("CloseStatus(code={code}, reason={reason:?}, clean={clean}, failed={failed})")
    }
}

/// A WebSocket connection after its opening handshake.
///
/// It does no I/O. Bytes that the transport brings go into receive_data(), its end into
/// receive_eof(). next_event() says what they mean. What the send methods and the replies to the
/// peer's frames put together is in data_to_send(), to be written to the transport after every call.
///
/// ServerHandshake.accept() and ClientHandshake.connection() make it, or server() and client() after
/// a handshake that was made elsewhere.
///
/// It may be used by several threads: each call waits for the one before it.
#[pyclass(frozen, weakref, module = "websans")]
pub(crate) struct Connection {
    inner: Mutex<Inner>,
}

pub(crate) struct Inner {
    connection: websans::Connection,
    rx: Lent<RecvBuf>,
    tx: Lent<SendBuf>,
    pace: Pace,
}

impl Connection {
    /// With what is in the buffers of its handshake.
    pub(crate) fn new(
        connection: websans::Connection,
        rx: Lent<RecvBuf>,
        tx: Lent<SendBuf>,
    ) -> Self {
        Self { inner: Mutex::new(Inner { connection, rx, tx, pace: Pace::default() }) }
    }

    fn send(
        &self,
        py: Python<'_>,
        size: usize,
        send: impl FnOnce(&mut websans::Connection, &mut SendBuf) -> Result<(), SendError> + Send,
    ) -> PyResult<()> {
        let mut inner = lock(py, &self.inner);
        let Inner { connection, tx, .. } = &mut *inner;
        let deflate = connection.permessage_deflate().is_some();
        let tx_buf = tx.fetch();
        let result = detached(py, size, deflate, || send(connection, tx_buf));
        tx.give_back();
        drop(inner);
        result.map_err(errors::send)
    }

    fn next(&self, py: Python<'_>, partial: bool) -> PyResult<Option<Py<PyAny>>> {
        let received = lock(py, &self.inner).next(py, partial);
        match received {
            Ok(Some(event)) => event.into_object(py).map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(errors::protocol(error)),
        }
    }
}

impl Inner {
    fn next(&mut self, py: Python<'_>, partial: bool) -> Result<Option<Received>, Error> {
        let Self { connection, rx, tx, pace } = self;
        let deflate = connection.permessage_deflate().is_some();
        let waiting = rx.held().map_or(0, RecvBuf::len);
        let size = pace.expected(waiting);
        let (rx_buf, tx_buf) = (rx.fetch(), tx.fetch());
        let result = if partial {
            detached(py, size, deflate, || connection.next_partial(rx_buf, tx_buf))
                .map(|event| event.map(|event| Received::part(py, event)))
        } else {
            detached(py, size, deflate, || connection.next_event(rx_buf, tx_buf))
                .map(|event| event.map(|event| Received::whole(py, event)))
        };
        pace.observe(waiting, rx.held().map_or(0, RecvBuf::len));
        rx.give_back();
        tx.give_back();
        result
    }
}

/// The message as the caller wants it: whole or a part, compressed or not.
pub(crate) fn part_of(message: Message<'_>, last: Option<bool>, compress: bool) -> Message<'_> {
    let message = match last {
        Some(last) => message.part(last),
        None => message,
    };
    if compress { message } else { message.uncompressed() }
}

#[pymethods]
impl Connection {
    /// The server's end of a connection whose handshake was made elsewhere.
    #[staticmethod]
    #[pyo3(signature = (config=None))]
    fn server(config: Option<PyRef<'_, Config>>) -> Self {
        let connection = websans::Connection::server(Config::of(config));
        Self::new(connection, Lent::default(), Lent::default())
    }

    /// The client's end of a connection whose handshake was made elsewhere.
    #[staticmethod]
    #[pyo3(signature = (config=None))]
    fn client(config: Option<PyRef<'_, Config>>) -> Self {
        let connection = websans::Connection::client(Config::of(config));
        Self::new(connection, Lent::default(), Lent::default())
    }

    /// Takes bytes that the transport has brought.
    fn receive_data(&self, py: Python<'_>, data: Data<'_>) {
        let data = data.as_slice();
        if !data.is_empty() {
            lock(py, &self.inner).rx.fetch().extend(data);
        }
    }

    /// Says that the transport has ended. If there was no close frame before, next_event() raises
    /// ProtocolError once it has returned all that was received.
    fn receive_eof(&self, py: Python<'_>) {
        lock(py, &self.inner).connection.handle_eof();
    }

    /// The next event in what was received, with messages whole; None when that takes more bytes.
    ///
    /// Raises ProtocolError, then and at every later call, when the peer breaks the protocol. The
    /// close frame that tells the peer is in data_to_send(), after which the transport is to be
    /// closed.
    fn next_event(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.next(py, false)
    }

    /// The next event in what was received, with messages in parts: as much as is there, however it
    /// was cut into frames and reads. Text is cut between characters.
    ///
    /// Raises ProtocolError as next_event() does.
    fn next_part(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.next(py, true)
    }

    /// An iterator over the events in what was received: next_event() until it returns None. When
    /// more has been received, iterating goes on.
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.next(py, false)
    }

    /// Sends a text message, a str or its UTF-8 in bytes.
    ///
    /// last: of a message in parts, whether this part is the last one. Without it the message is
    /// whole.
    /// compress: False for what is secret where an attacker can choose other parts of it and see how
    /// long it gets, and for what does not compress.
    ///
    /// Raises SendFailed, of which ConnectionClosing and BufferFull are kinds; nothing is sent then.
    #[pyo3(signature = (text, *, last=None, compress=true))]
    fn send_text(
        &self,
        py: Python<'_>,
        text: TextData<'_>,
        last: Option<bool>,
        compress: bool,
    ) -> PyResult<()> {
        let message = part_of(Message::text(text.as_str(py)?), last, compress);
        self.send(py, message.payload().len(), |connection, tx| connection.send(message, tx))
    }

    /// Sends a binary message. The arguments and exceptions are those of send_text().
    #[pyo3(signature = (data, *, last=None, compress=true))]
    fn send_binary(
        &self,
        py: Python<'_>,
        data: Data<'_>,
        last: Option<bool>,
        compress: bool,
    ) -> PyResult<()> {
        let message = part_of(Message::binary(data.as_slice()), last, compress);
        self.send(py, message.payload().len(), |connection, tx| connection.send(message, tx))
    }

    /// Sends a ping with at most 125 bytes of payload. Raises SendFailed.
    #[pyo3(signature = (payload=None), text_signature = "($self, payload=b'')")]
    fn send_ping(&self, py: Python<'_>, payload: Option<Data<'_>>) -> PyResult<()> {
        let payload = payload.as_ref().map_or(&[][..], Data::as_slice);
        self.send(py, 0, |connection, tx| connection.send_ping(payload, tx))
    }

    /// Sends a pong that no ping asked for. Raises SendFailed. Pings are answered without it.
    #[pyo3(signature = (payload=None), text_signature = "($self, payload=b'')")]
    fn send_pong(&self, py: Python<'_>, payload: Option<Data<'_>>) -> PyResult<()> {
        let payload = payload.as_ref().map_or(&[][..], Data::as_slice);
        self.send(py, 0, |connection, tx| connection.send_pong(payload, tx))
    }

    /// Sends a close frame, after which nothing can be sent.
    ///
    /// code: 1000-1003, 1007-1014, 3000-4999, or None for a frame without a body.
    /// reason: at most 123 bytes of UTF-8.
    ///
    /// Raises SendFailed.
    #[pyo3(signature = (code=Some(1000), reason=""), text_signature = "($self, code=1000, reason='')")]
    fn send_close(&self, py: Python<'_>, code: Option<u16>, reason: &str) -> PyResult<()> {
        let code = code.map(CloseCode::from);
        self.send(py, 0, |connection, tx| connection.close(code, reason, tx))
    }

    /// What is to be written to the transport, in this order. It is returned once.
    fn data_to_send<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        lock(py, &self.inner).tx.take(py)
    }

    /// Gives back the memory of the contexts of permessage-deflate, as far as it can be given back.
    /// The next message is compressed without reference to those before it.
    fn release(&self, py: Python<'_>) {
        lock(py, &self.inner).connection.release();
    }

    /// Which endpoint this is.
    #[getter]
    fn role(&self, py: Python<'_>) -> Role {
        lock(py, &self.inner).connection.role().into()
    }

    /// Where the connection stands.
    #[getter]
    fn state(&self, py: Python<'_>) -> State {
        lock(py, &self.inner).connection.state().into()
    }

    /// How the connection ended, once the peer's close frame has come or the connection has failed.
    #[getter]
    fn close_status(&self, py: Python<'_>) -> Option<CloseStatus> {
        lock(py, &self.inner).connection.close_status().map(CloseStatus::from)
    }

    /// The subprotocol that was agreed on, if any.
    #[getter]
    fn subprotocol(&self, py: Python<'_>) -> Option<String> {
        lock(py, &self.inner).connection.subprotocol().map(str::to_owned)
    }

    /// How many bytes were received that no event has delivered.
    #[getter]
    fn unread(&self, py: Python<'_>) -> usize {
        lock(py, &self.inner).rx.held().map_or(0, RecvBuf::len)
    }

    /// What was agreed on of permessage-deflate, if it was.
    #[getter]
    fn permessage_deflate(&self, py: Python<'_>) -> Option<AgreedDeflate> {
        lock(py, &self.inner).connection.permessage_deflate().map(AgreedDeflate::from)
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let inner = lock(py, &self.inner);
        let (role, state) = (inner.connection.role(), inner.connection.state());
        format!("<websans.Connection {role:?} {state:?}>")
            .to_lowercase()
            .replace("connection", "Connection")
    }
}
