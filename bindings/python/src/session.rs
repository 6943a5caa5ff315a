//! A connection from its opening handshake to the end of its transport, with its deadlines.

use std::sync::Mutex;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use websans::{CloseCode, Io, Message, RecvBuf, SendBuf, SendError, SessionError, SessionEvent};

use crate::buffers::{Data, Lent, TextData, lock};
use crate::config::{AgreedDeflate, Config};
use crate::connection::{CloseStatus, Role, State, part_of};
use crate::deadlines::{Deadlines, duration};
use crate::detach::{Pace, detached};
use crate::errors;
use crate::events::Received;
use crate::fields::Fields;
use crate::incoming::{Request, Response};
use crate::pending::PendingRequest;

/// What the transport of a Session is to do next.
#[pyclass(frozen, eq, hash, skip_from_py_object, module = "websans")]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::upper_case_acronyms)]
pub(crate) enum Action {
    /// Write what data_to_send() returns.
    WRITE,
    /// Read, and hand what comes to receive_data() or receive_eof().
    READ,
    /// Shut down the write side, and report it with shut_down().
    #[allow(non_camel_case_types)]
    SHUT_DOWN,
    /// Read and throw away, but report the end with receive_eof(): closing now would reset the
    /// connection, and the reset may overtake what was written.
    DRAIN,
    /// Close the transport. Nothing comes after it.
    CLOSE,
}

/// A connection from its opening handshake to the end of its transport, with its deadlines.
///
/// It does no I/O and reads no clock: `now` is a number of seconds since any moment, such as
/// time.monotonic(). A program drives it with a loop of four steps:
///
/// 1. Take events: `for event in session`. The first is the Request at a server, the Response at a
///    client. HandshakeError and ProtocolError end the events, not the loop.
/// 2. Write what data_to_send(now) returns.
/// 3. Do what next_action(now) says.
/// 4. If that takes long, wait until next_timeout() at most, and call handle_timeout(now) then.
#[pyclass(frozen, weakref, module = "websans")]
pub(crate) struct Session {
    inner: Mutex<Inner>,
}

struct Inner {
    session: websans::Session,
    request: PendingRequest,
    rx: Lent<RecvBuf>,
    tx: Lent<SendBuf>,
    pace: Pace,
}

impl Session {
    fn new(session: websans::Session, request: PendingRequest, tx: Lent<SendBuf>) -> Self {
        let (rx, pace) = (Lent::default(), Pace::default());
        Self { inner: Mutex::new(Inner { session, request, rx, tx, pace }) }
    }

    fn next(&self, py: Python<'_>, partial: bool) -> PyResult<Option<Py<PyAny>>> {
        let next = lock(py, &self.inner).next(py, partial);
        match next {
            Ok(Some(Next::Event(event))) => event.into_object(py).map(Some),
            Ok(Some(Next::Request(request))) => Ok(Some(Py::new(py, *request)?.into_any())),
            Ok(Some(Next::Response(response))) => Ok(Some(Py::new(py, *response)?.into_any())),
            Ok(None) => Ok(None),
            Err(SessionError::Connection(error)) => Err(errors::protocol(error)),
            Err(SessionError::Handshake(error)) => Err(errors::handshake(error)),
            Err(error) => Err(PyRuntimeError::new_err(error.to_string())),
        }
    }

    fn send(
        &self,
        py: Python<'_>,
        size: usize,
        send: impl FnOnce(&mut websans::Session, &mut SendBuf) -> Result<(), SendError> + Send,
    ) -> PyResult<()> {
        let mut inner = lock(py, &self.inner);
        let Inner { session, tx, .. } = &mut *inner;
        let deflate = session.connection().is_some_and(|it| it.permessage_deflate().is_some());
        let tx_buf = tx.fetch();
        let result = detached(py, size, deflate, || send(session, tx_buf));
        tx.give_back();
        drop(inner);
        result.map_err(errors::send)
    }
}

/// What happened, without having run Python code.
enum Next {
    Event(Received),
    Request(Box<Request>),
    Response(Box<Response>),
}

impl Inner {
    fn next(&mut self, py: Python<'_>, partial: bool) -> Result<Option<Next>, SessionError> {
        let Self { session, request, rx, tx, pace } = self;
        let deflate = session.connection().is_some_and(|it| it.permessage_deflate().is_some());
        let waiting = rx.held().map_or(0, RecvBuf::len);
        let size = pace.expected(waiting);
        let (rx_buf, tx_buf) = (rx.fetch(), tx.fetch());
        let next = if partial {
            detached(py, size, deflate, || session.next_partial(rx_buf, tx_buf))
                .map(|event| event.and_then(|event| Next::part(py, event)))
        } else {
            detached(py, size, deflate, || session.next_event(rx_buf, tx_buf))
                .map(|event| event.and_then(|event| Next::whole(py, event)))
        };
        let rest = rx.held().map_or(0, RecvBuf::len);
        pace.observe(waiting, rest);
        match &next {
            Ok(Some(Next::Request(_))) => request.complete(rest),
            Ok(_) => {}
            Err(_) => request.forget(),
        }
        rx.give_back();
        tx.give_back();
        next
    }
}

impl Next {
    fn whole(py: Python<'_>, event: SessionEvent<'_>) -> Option<Self> {
        Some(match event {
            SessionEvent::Text(text) => Self::Event(Received::text(py, text, true, true)),
            SessionEvent::Binary(data) => Self::Event(Received::binary(py, data, true, true)),
            other => return Self::other(py, other),
        })
    }

    fn part(py: Python<'_>, event: websans::PartialSessionEvent<'_>) -> Option<Self> {
        Some(match event {
            SessionEvent::Text(it) => Self::Event(Received::text(py, it.data, it.first, it.last)),
            SessionEvent::Binary(it) => {
                Self::Event(Received::binary(py, it.data, it.first, it.last))
            }
            other => return Self::other(py, other),
        })
    }

    fn other<T, B>(py: Python<'_>, event: SessionEvent<'_, T, B>) -> Option<Self> {
        use websans::Event::{Close, Ping, Pong};
        Some(match event {
            SessionEvent::Request(it) => Self::Request(Box::new(Request::new(py, &it))),
            SessionEvent::Accepted(it) | SessionEvent::Refused(it) => {
                Self::Response(Box::new(Response::new(py, &it)))
            }
            SessionEvent::Ping(payload) => Self::Event(Received::whole(py, Ping(payload))),
            SessionEvent::Pong(payload) => Self::Event(Received::whole(py, Pong(payload))),
            SessionEvent::Close(frame) => Self::Event(Received::whole(py, Close(frame))),
            _ => return None,
        })
    }
}

#[pymethods]
impl Session {
    /// A server's session, which waits for the request. The event Request is to be answered with
    /// accept() or reject().
    #[staticmethod]
    #[pyo3(signature = (config=None, *, deadlines=None, now=0.0))]
    fn server(
        config: Option<PyRef<'_, Config>>,
        deadlines: Option<PyRef<'_, Deadlines>>,
        now: f64,
    ) -> PyResult<Self> {
        let config = Config::of(config).deadlines(Deadlines::of(deadlines)?);
        let handshake = websans::ServerHandshake::new(config);
        let session = websans::Session::server(handshake, duration(now)?);
        Ok(Self::new(session, PendingRequest::new(config), Lent::default()))
    }

    /// A client's session, whose request is in data_to_send(). The event Response says whether the
    /// server has accepted.
    ///
    /// The arguments and exceptions are those of ClientHandshake.
    #[staticmethod]
    #[pyo3(signature = (uri, *, subprotocols=Vec::new(), headers=Fields::default(), config=None,
        deadlines=None, now=0.0), text_signature = "(uri, *, subprotocols=(), headers=(), \
        config=None, deadlines=None, now=0.0)")]
    fn client(
        py: Python<'_>,
        uri: &str,
        subprotocols: Vec<String>,
        headers: Fields<'_>,
        config: Option<PyRef<'_, Config>>,
        deadlines: Option<PyRef<'_, Deadlines>>,
        now: f64,
    ) -> PyResult<Self> {
        let request = headers.request(py, uri, &subprotocols)?;
        let config = Config::of(config).deadlines(Deadlines::of(deadlines)?);
        let mut tx = Lent::default();
        let handshake = websans::ClientHandshake::new(&request, config, tx.fetch())
            .map_err(errors::invalid_handshake)?;
        let session = websans::Session::client(handshake, duration(now)?);
        Ok(Self::new(session, PendingRequest::none(config), tx))
    }

    /// Takes bytes that the transport has brought.
    fn receive_data(&self, py: Python<'_>, data: Data<'_>, now: f64) -> PyResult<()> {
        let (data, now) = (data.as_slice(), duration(now)?);
        if !data.is_empty() {
            let mut inner = lock(py, &self.inner);
            let Inner { session, request, rx, .. } = &mut *inner;
            rx.fetch().extend(data);
            request.extend(data);
            session.handle_read(data.len(), now);
        }
        Ok(())
    }

    /// Says that the transport has ended. It comes after what was received.
    fn receive_eof(&self, py: Python<'_>, now: f64) -> PyResult<()> {
        let now = duration(now)?;
        lock(py, &self.inner).session.handle_read(0, now);
        Ok(())
    }

    /// The next event in what was received, with messages whole; None when that takes more bytes, or
    /// time.
    ///
    /// Raises HandshakeError or ProtocolError, then and at every later call. What tells the peer is
    /// in data_to_send(), and next_action() says how to go on.
    fn next_event(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.next(py, false)
    }

    /// The next event in what was received, with messages in parts, as Connection.next_part() has
    /// them.
    fn next_part(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.next(py, true)
    }

    /// An iterator over the events in what was received: next_event() until it returns None.
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.next(py, false)
    }

    /// Accepts the request. The arguments and exceptions are those of ServerHandshake.accept().
    #[pyo3(signature = (subprotocol=None, headers=Fields::default()),
        text_signature = "($self, subprotocol=None, headers=())")]
    fn accept(
        &self,
        py: Python<'_>,
        subprotocol: Option<&str>,
        headers: Fields<'_>,
    ) -> PyResult<()> {
        let response = headers.response(py, subprotocol)?;
        let mut inner = lock(py, &self.inner);
        let Inner { session, request, tx, .. } = &mut *inner;
        request.answer(tx, |request, tx| session.accept(request, &response, tx))
    }

    /// Rejects the request. The arguments and exceptions are those of ServerHandshake.reject().
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
        let Inner { session, request, tx, .. } = &mut *inner;
        request.answer(tx, |_, tx| session.reject(&rejection, tx))
    }

    /// Sends a text message: Connection.send_text().
    #[pyo3(signature = (text, *, last=None, compress=true))]
    fn send_text(
        &self,
        py: Python<'_>,
        text: TextData<'_>,
        last: Option<bool>,
        compress: bool,
    ) -> PyResult<()> {
        let message = part_of(Message::text(text.as_str(py)?), last, compress);
        self.send(py, message.payload().len(), |session, tx| session.send(message, tx))
    }

    /// Sends a binary message: Connection.send_binary().
    #[pyo3(signature = (data, *, last=None, compress=true))]
    fn send_binary(
        &self,
        py: Python<'_>,
        data: Data<'_>,
        last: Option<bool>,
        compress: bool,
    ) -> PyResult<()> {
        let message = part_of(Message::binary(data.as_slice()), last, compress);
        self.send(py, message.payload().len(), |session, tx| session.send(message, tx))
    }

    /// Sends a ping of the application's own: Connection.send_ping(). A silent peer is pinged without
    /// it.
    #[pyo3(signature = (payload=None), text_signature = "($self, payload=b'')")]
    fn send_ping(&self, py: Python<'_>, payload: Option<Data<'_>>) -> PyResult<()> {
        let payload = payload.as_ref().map_or(&[][..], Data::as_slice);
        self.send(py, 0, |session, tx| session.send_ping(payload, tx))
    }

    /// Sends a pong that no ping asked for: Connection.send_pong().
    #[pyo3(signature = (payload=None), text_signature = "($self, payload=b'')")]
    fn send_pong(&self, py: Python<'_>, payload: Option<Data<'_>>) -> PyResult<()> {
        let payload = payload.as_ref().map_or(&[][..], Data::as_slice);
        self.send(py, 0, |session, tx| session.send_pong(payload, tx))
    }

    /// Begins the closing handshake: Connection.send_close(). Messages may come until the peer
    /// answers.
    #[pyo3(signature = (code=Some(1000), reason=""), text_signature = "($self, code=1000, reason='')")]
    fn send_close(&self, py: Python<'_>, code: Option<u16>, reason: &str) -> PyResult<()> {
        let code = code.map(CloseCode::from);
        self.send(py, 0, |session, tx| session.close(code, reason, tx))
    }

    /// What is to be written to the transport, in this order. It is returned once, and counts as
    /// written then.
    fn data_to_send<'py>(&self, py: Python<'py>, now: f64) -> PyResult<Bound<'py, PyBytes>> {
        let now = duration(now)?;
        let mut inner = lock(py, &self.inner);
        let Inner { session, tx, .. } = &mut *inner;
        let data = tx.take(py)?;
        let len = data.as_bytes().len();
        if len > 0 {
            session.handle_written(len, now);
            session.handle_flushed(now);
        }
        Ok(data)
    }

    /// What the transport is to do next, once the events have been taken.
    fn next_action(&self, py: Python<'_>, now: f64) -> PyResult<Action> {
        let now = duration(now)?;
        let mut inner = lock(py, &self.inner);
        let Inner { session, tx, .. } = &mut *inner;
        let io = loop {
            match session.next_io(tx.fetch(), now) {
                Io::Flush => session.handle_flushed(now),
                io => break io,
            }
        };
        tx.give_back();
        Ok(match io {
            Io::Write | Io::Flush => Action::WRITE,
            Io::Read => Action::READ,
            Io::ShutDown => Action::SHUT_DOWN,
            Io::Drain => Action::DRAIN,
            Io::Close => Action::CLOSE,
        })
    }

    /// Reports that the write side of the transport was shut down, or that it has none of its own.
    fn shut_down(&self, py: Python<'_>) {
        lock(py, &self.inner).session.handle_shut_down();
    }

    /// Reports that the transport takes no more bytes. What the peer has said is still read.
    fn write_failed(&self, py: Python<'_>) {
        let mut inner = lock(py, &self.inner);
        let Inner { session, tx, .. } = &mut *inner;
        session.handle_write_error(tx.fetch());
        tx.give_back();
    }

    /// When to call handle_timeout(), on the clock of `now`; None for never.
    fn next_timeout(&self, py: Python<'_>) -> Option<f64> {
        lock(py, &self.inner).session.next_timeout().map(|at| at.as_secs_f64())
    }

    /// Says that it is `now`, and that the transport had nothing more to read until now. Then
    /// next_event() acts on the deadlines that have passed.
    fn handle_timeout(&self, py: Python<'_>, now: f64) -> PyResult<()> {
        // A clock of floats may be a little early, and the session would wait for the rest of it.
        let now = duration(now)? + Duration::from_micros(1);
        lock(py, &self.inner).session.handle_timeout(now);
        Ok(())
    }

    /// Which endpoint this is.
    #[getter]
    fn role(&self, py: Python<'_>) -> Role {
        lock(py, &self.inner).session.role().into()
    }

    /// Where the connection stands; None before the opening handshake is done.
    #[getter]
    fn state(&self, py: Python<'_>) -> Option<State> {
        lock(py, &self.inner).session.connection().map(|it| it.state().into())
    }

    /// How the connection ended, once the peer's close frame has come or the connection has failed.
    #[getter]
    fn close_status(&self, py: Python<'_>) -> Option<CloseStatus> {
        lock(py, &self.inner).session.close_status().map(CloseStatus::from)
    }

    /// The subprotocol that was agreed on, if any.
    #[getter]
    fn subprotocol(&self, py: Python<'_>) -> Option<String> {
        lock(py, &self.inner).session.connection()?.subprotocol().map(str::to_owned)
    }

    /// What was agreed on of permessage-deflate, if it was.
    #[getter]
    fn permessage_deflate(&self, py: Python<'_>) -> Option<AgreedDeflate> {
        let inner = lock(py, &self.inner);
        inner.session.connection()?.permessage_deflate().map(AgreedDeflate::from)
    }

    /// The time between the newest of the session's pings that was answered and its pong, in seconds.
    #[getter]
    fn round_trip_time(&self, py: Python<'_>) -> Option<f64> {
        lock(py, &self.inner).session.round_trip_time().map(|it| it.as_secs_f64())
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let inner = lock(py, &self.inner);
        let role = format!("{:?}", inner.session.role()).to_lowercase();
        let state = inner.session.connection().map(|it| format!("{:?}", it.state()).to_lowercase());
        format!("<websans.Session {role} {}>", state.as_deref().unwrap_or("connecting"))
    }
}
