//! What can go wrong.
//!
//! The kinds are tungstenite's, to the letter: programs match on them without a wildcard. What
//! websans knows beyond them is an [`Error::Io`] of the kind `InvalidData` whose source is the
//! [`websans::Error`]: corrupt compressed data, a length that is not in its shortest form.

use std::{io, str, string};

#[cfg(feature = "handshake")]
use http::{HeaderName, Response};

use crate::protocol::Message;
use crate::protocol::frame::coding::Data;

/// The result of everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection has ended as it should: both close frames have passed, and for a client the
    /// server has closed the transport. Drop it.
    #[error("Connection closed normally")]
    ConnectionClosed,
    /// Something was asked of a connection that had ended before, with an error or with
    /// [`ConnectionClosed`](Self::ConnectionClosed).
    #[error("Trying to work with closed connection")]
    AlreadyClosed,
    /// The transport's error, `WouldBlock` included, which alone is not final.
    #[error("IO error: {0}")]
    Io(#[from] io::Error),
    /// TLS failed. The variant is there without the features for TLS, too.
    #[error("TLS error: {0}")]
    Tls(#[from] TlsError),
    /// A limit was exceeded.
    #[error("Space limit exceeded: {0}")]
    Capacity(#[from] CapacityError),
    /// The peer, or the caller, broke the protocol.
    #[error("WebSocket protocol error: {0}")]
    Protocol(#[from] ProtocolError),
    /// The message would take what waits to be written over `max_write_buffer_size`. It is handed
    /// back: flush, then write it again.
    #[error("Write buffer is full")]
    WriteBufferFull(Box<Message>),
    /// Text is not UTF-8.
    #[error("UTF-8 encoding error: {0}")]
    Utf8(String),
    /// The head of a handshake is longer than any should be.
    #[error("Attack attempt detected")]
    AttackAttempt,
    /// The URL cannot be connected to.
    #[error("URL error: {0}")]
    Url(#[from] UrlError),
    /// The server answered the handshake with another status than 101, or the callback rejected it.
    #[error("HTTP error: {}", .0.status())]
    #[cfg(feature = "handshake")]
    Http(Box<Response<Option<Vec<u8>>>>),
    /// The `http` crate does not take a value.
    #[error("HTTP format error: {0}")]
    #[cfg(feature = "handshake")]
    HttpFormat(#[from] http::Error),
}

impl From<str::Utf8Error> for Error {
    fn from(error: str::Utf8Error) -> Self {
        Self::Utf8(error.to_string())
    }
}

impl From<string::FromUtf8Error> for Error {
    fn from(error: string::FromUtf8Error) -> Self {
        Self::Utf8(error.to_string())
    }
}

#[cfg(feature = "handshake")]
impl From<http::header::ToStrError> for Error {
    fn from(error: http::header::ToStrError) -> Self {
        Self::Utf8(error.to_string())
    }
}

#[cfg(feature = "handshake")]
macro_rules! http_format {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::HttpFormat(error.into())
            }
        }
    )*};
}

#[cfg(feature = "handshake")]
http_format!(
    http::header::InvalidHeaderValue,
    http::header::InvalidHeaderName,
    http::uri::InvalidUri,
    http::status::InvalidStatusCode,
);

#[cfg(feature = "handshake")]
impl From<httparse::Error> for Error {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => CapacityError::TooManyHeaders.into(),
            error => ProtocolError::HttparseError(error).into(),
        }
    }
}

/// Which limit was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CapacityError {
    /// A head has more than [`MAX_HEADERS`](crate::handshake::headers::MAX_HEADERS) header fields.
    #[error("Too many headers")]
    TooManyHeaders,
    /// A message or a frame is over its limit.
    #[error("Message too long: {size} > {max_size}")]
    MessageTooLong {
        /// Its size in bytes, as far as it was announced.
        size: usize,
        /// The limit, in bytes.
        max_size: usize,
    },
}

/// What is wrong with the subprotocol that a server chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubProtocolError {
    /// It chose one, and none was offered.
    #[error("Server sent a subprotocol but none was requested")]
    ServerSentSubProtocolNoneRequested,
    /// It chose one that was not offered.
    #[error("Server sent an invalid subprotocol")]
    InvalidSubProtocol,
    /// It chose none of those that were offered.
    #[error("Server sent no subprotocol")]
    NoSubProtocol,
}

/// Which rule of the protocol was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// RFC 6455 §4.1: the method of the handshake is GET.
    #[error("Unsupported HTTP method used - only GET is allowed")]
    WrongHttpMethod,
    /// §4.1: HTTP/1.1 or higher.
    #[error("HTTP version must be 1.1 or higher")]
    WrongHttpVersion,
    /// §4.1: `Connection: Upgrade` is missing.
    #[error("No \"Connection: upgrade\" header")]
    MissingConnectionUpgradeHeader,
    /// §4.1: `Upgrade: websocket` is missing.
    #[error("No \"Upgrade: websocket\" header")]
    MissingUpgradeWebSocketHeader,
    /// §4.1: `Sec-WebSocket-Version: 13` is missing.
    #[error("No \"Sec-WebSocket-Version: 13\" header")]
    MissingSecWebSocketVersionHeader,
    /// §4.1: `Sec-WebSocket-Key` is missing.
    #[error("No \"Sec-WebSocket-Key\" header")]
    MissingSecWebSocketKey,
    /// §4.1: `Sec-WebSocket-Key` is not 16 bytes in base64.
    #[cfg(not(tungstenite_0_29))]
    #[error("Invalid \"Sec-WebSocket-Key\" header value")]
    InvalidSecWebSocketKey,
    /// §4.1: `Sec-WebSocket-Accept` is missing, or does not belong to the key.
    #[error("Key mismatch in \"Sec-WebSocket-Accept\" header")]
    SecWebSocketAcceptKeyMismatch,
    /// §4.1: the server's subprotocol is none that was offered.
    #[error("SubProtocol error: {0}")]
    SecWebSocketSubProtocolError(SubProtocolError),
    /// §4.1: the client sent more than its request before it had an answer.
    #[error("Junk after client request")]
    JunkAfterRequest,
    /// A callback rejected a request with a status that says success.
    #[error("Custom response must not be successful")]
    CustomResponseSuccessful,
    /// A header field is missing, there twice, or says what was not asked for.
    #[error("Missing, duplicated or incorrect header {0}")]
    #[cfg(feature = "handshake")]
    InvalidHeader(Box<HeaderName>),
    /// The transport ended within the handshake.
    #[error("Handshake not finished")]
    HandshakeIncomplete,
    /// A head is not HTTP.
    #[error("httparse error: {0}")]
    #[cfg(feature = "handshake")]
    HttparseError(#[from] httparse::Error),
    /// §5.5.1: nothing is sent after a close frame.
    #[error("Sending after closing is not allowed")]
    SendAfterClosing,
    /// §5.5.1: the peer sent something after its close frame. Not reported here: it is ignored, as
    /// §1.4 has it.
    #[error("Remote sent after having closed")]
    ReceivedAfterClosing,
    /// §5.2: a reserved bit is set that no extension gives a meaning.
    #[error("Reserved bits are non-zero")]
    NonZeroReservedBits,
    /// §5.1: a client sent a frame that is not masked.
    #[error("Received an unmasked frame from client")]
    UnmaskedFrameFromClient,
    /// §5.1: a server sent a frame that is masked.
    #[error("Received a masked frame from server")]
    MaskedFrameFromServer,
    /// §5.5: a control frame is fragmented.
    #[error("Fragmented control frame")]
    FragmentedControlFrame,
    /// §5.5: a control frame has more than 125 bytes of payload, received or to be sent.
    #[error("Control frame too big (payload must be 125 bytes or less)")]
    ControlFrameTooBig,
    /// §5.2: a control opcode without a meaning. Not reported here: it is
    /// [`InvalidOpcode`](Self::InvalidOpcode).
    #[error("Unknown control frame type: {0}")]
    UnknownControlFrameType(u8),
    /// §5.2: a data opcode without a meaning. Not reported here: it is
    /// [`InvalidOpcode`](Self::InvalidOpcode).
    #[error("Unknown data frame type: {0}")]
    UnknownDataFrameType(u8),
    /// §5.4: a continuation frame while no message is in progress.
    #[error("Continue frame but nothing to continue")]
    UnexpectedContinueFrame,
    /// §5.4: a new message while another is in progress.
    #[error("While waiting for more fragments received: {0}")]
    ExpectedFragment(Data),
    /// §7.1.5: the transport ended without a close frame.
    #[error("Connection reset without closing handshake")]
    ResetWithoutClosingHandshake,
    /// §5.2: an opcode without a meaning.
    #[error("Encountered invalid opcode: {0}")]
    InvalidOpcode(u8),
    /// §5.5.1: the body of a close frame is one byte, or its code must not be on the wire.
    #[error("Invalid close sequence")]
    InvalidCloseSequence,
}

/// What is wrong with a URL.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It is `wss`, and no feature for TLS is on.
    #[error("TLS support not compiled in")]
    TlsFeatureNotEnabled,
    /// It has no host.
    #[error("No host name in the URL")]
    NoHostName,
    /// Nothing listens there.
    #[error("Unable to connect to {0}")]
    UnableToConnect(String),
    /// It is neither `ws` nor `wss`.
    #[error("URL scheme not supported")]
    UnsupportedUrlScheme,
    /// Its host is empty.
    #[error("URL contains empty host name")]
    EmptyHostName,
    /// It has neither path nor query.
    #[error("No path/query in URL")]
    NoPathOrQuery,
}

/// What went wrong with TLS. Other crates of a program may turn on more kinds of TLS than it uses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Of `native-tls`.
    #[cfg(feature = "native-tls")]
    #[error("native-tls error: {0}")]
    Native(Box<native_tls_crate::Error>),
    /// Of `rustls`.
    #[cfg(feature = "__rustls-tls")]
    #[error("rustls error: {0}")]
    Rustls(Box<rustls::Error>),
    /// The host is no name that a certificate could be for.
    #[cfg(feature = "__rustls-tls")]
    #[error("Invalid DNS name")]
    InvalidDnsName,
}

#[cfg(feature = "native-tls")]
impl From<native_tls_crate::Error> for TlsError {
    fn from(error: native_tls_crate::Error) -> Self {
        Self::Native(Box::new(error))
    }
}

#[cfg(feature = "__rustls-tls")]
impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Rustls(Box::new(error))
    }
}

/// What has no kind of its own here.
pub(crate) fn invalid_data(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Io(io::Error::new(io::ErrorKind::InvalidData, source))
}

/// What websans found wrong with what the peer sent.
pub(crate) fn violation(error: websans::Error) -> Error {
    use websans::Error as E;
    let size = |len: u64| usize::try_from(len).unwrap_or(usize::MAX);
    let too_long = |len, limit| {
        Error::Capacity(CapacityError::MessageTooLong { size: size(len), max_size: size(limit) })
    };
    Error::Protocol(match error {
        E::ReservedBit { .. } => ProtocolError::NonZeroReservedBits,
        E::ReservedOpcode { opcode } => ProtocolError::InvalidOpcode(opcode.number()),
        E::UnmaskedFrame { .. } => ProtocolError::UnmaskedFrameFromClient,
        E::MaskedFrame { .. } => ProtocolError::MaskedFrameFromServer,
        E::FragmentedControl { .. } => ProtocolError::FragmentedControlFrame,
        E::ControlTooLong { .. } => ProtocolError::ControlFrameTooBig,
        E::UnexpectedContinuation => ProtocolError::UnexpectedContinueFrame,
        E::ExpectedContinuation { opcode } => ProtocolError::ExpectedFragment(match opcode {
            websans::frame::Opcode::TEXT => Data::Text,
            _ => Data::Binary,
        }),
        E::CloseBodyOfOneByte | E::CloseCode { .. } => ProtocolError::InvalidCloseSequence,
        E::Eof { .. } => ProtocolError::ResetWithoutClosingHandshake,
        E::CloseReasonUtf8 { .. } | E::InvalidUtf8 { .. } => return Error::Utf8(error.to_string()),
        E::FrameTooLarge { len, limit } | E::MessageTooLarge { len, limit } => {
            return too_long(len, limit);
        }
        E::Frame(websans::frame::FrameError::LengthTopBit { len }) => {
            return too_long(len, u64::MAX >> 1);
        }
        _ => return invalid_data(error),
    })
}

/// Why websans did not send what it was asked to.
pub(crate) fn refusal(error: websans::SendError) -> Error {
    use websans::SendError as E;
    Error::Protocol(match error {
        E::Closed => ProtocolError::SendAfterClosing,
        E::ControlTooLong { .. } | E::ReasonTooLong { .. } => ProtocolError::ControlFrameTooBig,
        E::CloseCode { .. } | E::ReasonWithoutCode => ProtocolError::InvalidCloseSequence,
        _ => return invalid_data(error),
    })
}
