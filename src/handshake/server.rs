//! A server's side of the opening handshake (RFC 6455 §4.2).

use super::error::HandshakeError;
use super::head::{Head, HeadSearch, StartLine};
use super::outgoing::AutomaticRejection;
use super::request::IncomingRequest;
use crate::buffer::{RecvBuf, SendBuf};
use crate::config::Config;

/// A connection in the state CONNECTING, at a server: it waits for the client's request.
///
/// ```
/// use websans::{Config, RecvBuf, Response, SendBuf, ServerHandshake};
/// # let mut network: &[u8] = b"GET /chat HTTP/1.1\r\n\
/// #     Host: server.example.com\r\n\
/// #     Upgrade: websocket\r\n\
/// #     Connection: Upgrade\r\n\
/// #     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
/// #     Origin: http://server.example.com\r\n\
/// #     Sec-WebSocket-Protocol: chat, superchat\r\n\
/// #     Sec-WebSocket-Version: 13\r\n\r\n";
///
/// let mut handshake = ServerHandshake::new(Config::default());
/// let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
/// let ws = loop {
///     // socket.read(rx.spare_mut()), or:
///     rx.extend(network.split_off(..network.len().min(10)).unwrap_or_default());
///     if let Some(request) = handshake.next_request(&mut rx, &mut tx)? {
///         assert_eq!(request.path(), "/chat");
///         assert!(request.is_same_origin());
///         let chosen = request.choose_subprotocol(&["superchat"]);
///         break request.accept(&Response::new().subprotocol(chosen), &mut tx)?;
///     }
/// };
/// // … write tx to the socket, and go on with ws, rx and tx.
/// assert_eq!(ws.subprotocol(), Some("superchat"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ServerHandshake {
    config: Config,
    state: State,
    eof: bool,
}

#[derive(Debug)]
enum State {
    Connecting(HeadSearch),
    /// The request was handed out, or the handshake has failed.
    Over(HandshakeError),
}

impl ServerHandshake {
    /// Waits for a request. Of `config`, [`max_head_size`](Config::max_head_size) and
    /// [`max_headers`](Config::max_headers) apply to it; the rest is for the connection.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let state = State::Connecting(HeadSearch::new(StartLine::Request, &config));
        Self { config, state, eof: false }
    }

    /// The request, once its head has been received; `None` when that takes more bytes. What
    /// follows the head stays in `rx`.
    ///
    /// A head costs time linear in its length, however it is cut into reads.
    ///
    /// Errors: [`HandshakeError`], final. The HTTP response that tells the client has been queued
    /// in `tx`; the transport is to be closed once that is written.
    pub fn next_request<'b>(
        &mut self,
        rx: &'b mut RecvBuf,
        tx: &mut SendBuf,
    ) -> Result<Option<IncomingRequest<'b>>, HandshakeError> {
        self.next_head(rx, tx, IncomingRequest::parse)
    }

    /// Heads may be those of any request, and not only of opening handshakes.
    #[cfg(feature = "http")]
    pub(crate) fn accept_any_request(&mut self) {
        if let State::Connecting(search) = &mut self.state {
            search.accept_any_request();
        }
    }

    pub(crate) fn next_head<'b, T>(
        &mut self,
        rx: &'b mut RecvBuf,
        tx: &mut SendBuf,
        parse: impl FnOnce(Head, &'b [u8], &Config) -> Result<T, HandshakeError>,
    ) -> Result<Option<T>, HandshakeError> {
        let search = match &mut self.state {
            State::Connecting(search) => search,
            State::Over(error) => return Err(*error),
        };
        let result = match search.advance(rx.unread()) {
            Ok(None) if self.eof => Err(HandshakeError::Eof { received: rx.unread().len() }),
            Ok(None) => return Ok(None),
            Ok(Some(head)) => parse(head, rx.lend(head.len), &self.config),
            Err(error) => Err(error),
        };
        let error = result.as_ref().err().copied();
        self.state = State::Over(error.unwrap_or(HandshakeError::Finished));
        if let Some(rejection) = error.and_then(AutomaticRejection::of) {
            rejection.write(tx);
        }
        result.map(Some)
    }

    /// Whether the request was handed out, so that the application has to answer it.
    pub(crate) fn is_asked(&self) -> bool {
        matches!(self.state, State::Over(HandshakeError::Finished))
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Notes that the transport will bring no more bytes. What is in the [`RecvBuf`] already is
    /// still decoded: [`next_request`](Self::next_request) returns the request if its head is
    /// whole, and [`HandshakeError::Eof`] otherwise.
    pub fn handle_eof(&mut self) {
        self.eof = true;
    }

    /// Gives up on a client that has not sent its request in time, or on a request that has been
    /// handed out and could not be answered in time: queues a response with status 408 in `tx`.
    /// The transport is to be closed once that is written.
    ///
    /// Not to be called after the request was accepted or rejected. The error is
    /// [`HandshakeError::Timeout`], final; if the handshake had failed before, nothing is queued
    /// and it is that error.
    pub fn handle_timeout(&mut self, tx: &mut SendBuf) -> HandshakeError {
        let error = HandshakeError::Timeout;
        match self.state {
            State::Over(error) if error != HandshakeError::Finished => return error,
            State::Connecting(_) | State::Over(_) => self.state = State::Over(error),
        }
        if let Some(rejection) = AutomaticRejection::of(error) {
            rejection.write(tx);
        }
        error
    }
}
