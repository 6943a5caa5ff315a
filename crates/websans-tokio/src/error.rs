//! What can go wrong.

use std::fmt;
use std::io;

use websans::{HandshakeError, InvalidHandshake, SendError};

/// Why there is no connection, why it ended, or why something was not sent.
///
/// What [`next`](crate::WebSocket::next) returns is final: it says how the connection failed. An
/// [`Error::Send`] has changed nothing. Each is one line that says which rule was broken and what
/// was seen; [`source`](std::error::Error::source) is the same as a value.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The transport failed, or could not be opened.
    Io(io::Error),
    /// There is no connection: what the peer sent is no opening handshake, or not a right one. A
    /// server has answered it with the status that fits.
    Handshake(HandshakeError),
    /// The server refused the connection.
    Refused(Box<Refused>),
    /// The application rejected the request: see
    /// [`Options::accept_with`](crate::Options::accept_with).
    Rejected,
    /// What the application asked for cannot stand in an opening handshake.
    Request(InvalidHandshake),
    /// The peer broke the protocol or a limit and has been told so, or it went without a close
    /// frame ([`websans::Error::Eof`]).
    Protocol(websans::Error),
    /// What the application asked for cannot be sent, as when the connection is closed.
    Send(SendError),
    /// A deadline has passed.
    Timeout(Deadline),
    /// There is no connection, since [`Shutdown::close`](crate::Shutdown::close) was called. A server
    /// has answered a request that had come with 503.
    ShuttingDown,
    /// The URI begins with `wss://`, and the feature `rustls` is off: hand a TLS stream to
    /// [`Options::client`](crate::Options::client).
    TlsMissing,
    /// TLS cannot be used as asked for: the host is no name that a certificate can have, or the
    /// configuration is not usable. (That TLS itself fails is an [`Error::Io`].)
    Tls(Box<dyn std::error::Error + Send + Sync>),
}

/// Which deadline has passed. All have defaults, and can be changed or switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Deadline {
    /// [`Deadlines::handshake`](crate::Deadlines::handshake): from the beginning of
    /// `connect` or `accept` until it returns.
    Handshake,
    /// [`Deadlines::pong`](crate::Deadlines::pong): nothing came from the peer, not
    /// even after a ping.
    Pong,
    /// [`Deadlines::message`](crate::Deadlines::message): a message was begun, and not
    /// ended.
    Message,
    /// [`Deadlines::close`](crate::Deadlines::close): our close frame was not answered.
    Close,
    /// [`Deadlines::write`](crate::Deadlines::write): the peer took nothing.
    Write,
    /// [`Shutdown::close`](crate::Shutdown::close): the connection was not over by then.
    Shutdown,
}

/// A server's refusal: an HTTP response other than 101.
///
/// Redirections are among them. Whether to follow one is for the application, which knows whether
/// the credentials that it sent may go there.
#[derive(Clone, PartialEq, Eq)]
pub struct Refused {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Refused {
    /// The status, such as 401.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The value of the first header field of that name, whose case does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All header fields, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The body, or as much as came of it; at most 64 KiB.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl Error {
    /// What is said to who sends on a connection that is over.
    pub(crate) const CLOSED: Self = Self::Send(SendError::Closed);
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the transport failed: {error}"),
            Self::Handshake(error) => fmt::Display::fmt(error, f),
            Self::Refused(refused) => fmt::Display::fmt(refused, f),
            Self::Rejected => f.write_str("the application rejected the request"),
            Self::Request(error) => fmt::Display::fmt(error, f),
            Self::Protocol(error) => fmt::Display::fmt(error, f),
            Self::Send(error) => fmt::Display::fmt(error, f),
            Self::Timeout(deadline) => fmt::Display::fmt(deadline, f),
            Self::ShuttingDown => f.write_str("no connections are made during a shutdown"),
            Self::TlsMissing => f.write_str(
                "wss:// needs the feature rustls of websans-tokio, or a TLS stream of your own",
            ),
            Self::Tls(error) => write!(f, "cannot use TLS: {error}"),
        }
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Handshake => "the opening handshake took too long",
            Self::Pong => "the peer has not answered a ping in time",
            Self::Message => "the peer has not ended a message in time",
            Self::Close => "the peer has not answered the close frame in time",
            Self::Write => "the peer has taken nothing of what was sent for too long",
            Self::Shutdown => "the connection was not over when the shutdown had to be",
        })
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        HandshakeError::Refused { status: self.status }.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Handshake(error) => Some(error),
            Self::Refused(refused) => Some(refused),
            Self::Request(error) => Some(error),
            Self::Protocol(error) => Some(error),
            Self::Send(error) => Some(error),
            Self::Tls(error) => Some(&**error),
            Self::Rejected | Self::Timeout(_) | Self::ShuttingDown | Self::TlsMissing => None,
        }
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values hold cookies and passwords, which are not for logs.
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Refused")
            .field("status", &self.status)
            .field("headers", &names)
            .field("body", &String::from_utf8_lossy(&self.body))
            .finish()
    }
}

impl std::error::Error for Refused {}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        match error {
            HandshakeError::Timeout => Self::Timeout(Deadline::Handshake),
            error => Self::Handshake(error),
        }
    }
}

impl From<websans::Timeout> for Deadline {
    fn from(timeout: websans::Timeout) -> Self {
        match timeout {
            websans::Timeout::Message => Self::Message,
            websans::Timeout::Write => Self::Write,
            websans::Timeout::Close => Self::Close,
            _ => Self::Pong,
        }
    }
}

impl From<InvalidHandshake> for Error {
    fn from(error: InvalidHandshake) -> Self {
        Self::Request(error)
    }
}

impl From<websans::Error> for Error {
    fn from(error: websans::Error) -> Self {
        match error {
            websans::Error::Timeout(timeout) => Self::Timeout(timeout.into()),
            error => Self::Protocol(error),
        }
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}
