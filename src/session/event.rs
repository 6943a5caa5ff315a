//! What a session reports.

use core::fmt;

use crate::close::CloseFrame;
use crate::error::Error;
use crate::event::{Event, Part};
use crate::handshake::{HandshakeError, IncomingRequest, IncomingResponse};

/// What happened in a [`Session`](crate::Session). It borrows the [`RecvBuf`](crate::RecvBuf), not
/// the session, so that the session can send while an event is held.
///
/// `T` and `B` are how messages come, as in [`Event`].
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionEvent<'b, T = &'b str, B = &'b [u8]> {
    /// A server: the client's request. The application answers it with
    /// [`accept`](crate::Session::accept) or [`reject`](crate::Session::reject).
    Request(IncomingRequest<'b>),
    /// A client: the server has accepted with this response, and messages can be sent.
    Accepted(IncomingResponse<'b>),
    /// A client: the server has refused with this response, and the session ends.
    Refused(IncomingResponse<'b>),
    /// A text message (§5.6).
    Text(T),
    /// A binary message (§5.6).
    Binary(B),
    /// A ping (§5.5.2), at most 125 bytes. The pong has been queued.
    Ping(&'b [u8]),
    /// A pong (§5.5.3), at most 125 bytes, also one that answers a ping of the session's own.
    Pong(&'b [u8]),
    /// The peer's close frame (§5.5.1): nothing comes after it. The reply has been queued, if no
    /// close frame was sent before.
    Close(CloseFrame<'b>),
}

/// A [`SessionEvent`] of [`next_partial`](crate::Session::next_partial): messages come in parts.
pub type PartialSessionEvent<'b> = SessionEvent<'b, Part<&'b str>, Part<&'b [u8]>>;

impl<'b, T, B> From<Event<'b, T, B>> for SessionEvent<'b, T, B> {
    #[inline]
    fn from(event: Event<'b, T, B>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text),
            Event::Binary(data) => Self::Binary(data),
            Event::Ping(payload) => Self::Ping(payload),
            Event::Pong(payload) => Self::Pong(payload),
            Event::Close(frame) => Self::Close(frame),
        }
    }
}

/// Why a session has failed. It is final: the session still writes what waits, tells the peer if
/// it can, and closes the transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionError {
    /// The opening handshake: a server has answered with [`HandshakeError::status`].
    Handshake(HandshakeError),
    /// The connection: the close frame has the code [`Error::close_code`].
    Connection(Error),
}

impl From<HandshakeError> for SessionError {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<Error> for SessionError {
    fn from(error: Error) -> Self {
        Self::Connection(error)
    }
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Handshake(error) => fmt::Display::fmt(error, f),
            Self::Connection(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for SessionError {}
