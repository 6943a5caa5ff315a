//! What can go wrong in a handshake, in two families that are never mixed: what the peer sent
//! ([`HandshakeError`]), or what the caller asked for ([`InvalidHandshake`]).

use core::fmt;

use crate::masking_key::NoEntropy;

/// Why there is no connection: what the peer sent, or failed to send.
///
/// It is final: every later call returns the same error, and nothing more is parsed. A server has
/// queued the HTTP answer with [`status`](Self::status); a client answers nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The first bytes cannot be HTTP, as when TLS is spoken to a port without it. 400.
    NotHttp {
        /// The first byte that has no place where it stands.
        byte: u8,
    },
    /// RFC 9112 §2 to §5: the head of the message is malformed. 400.
    MalformedHead {
        /// Where.
        part: HeadPart,
    },
    /// §4.2.1 1: the version of HTTP is not 1.1, or a higher one with the same major version; for
    /// an extended CONNECT, that it is less than 2. 505.
    HttpVersion {
        /// The major version as sent.
        major: u8,
        /// The minor version as sent.
        minor: u8,
    },
    /// §4.2.1 1: the method is not GET. 405.
    Method {
        /// Whether it is HEAD, to which a response has no body.
        head: bool,
    },
    /// RFC 8441 §4: over HTTP/2 or HTTP/3, and the method is not CONNECT. 405.
    NotConnect {
        /// Whether it is HEAD, to which a response has no body.
        head: bool,
    },
    /// RFC 8441 §5: the `:protocol` of an extended CONNECT is not `websocket`. 501, as RFC 9220 §3
    /// has it.
    ConnectProtocol,
    /// RFC 9113 §8.2.2: a field that says something of an HTTP/1.1 connection, over HTTP/2 or
    /// HTTP/3. 400.
    ConnectionSpecific {
        /// Its name.
        header: &'static str,
    },
    /// The head is over [`Config::max_head_size`](crate::Config::max_head_size). 431.
    HeadTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The head has more fields than [`Config::max_headers`](crate::Config::max_headers). 431.
    TooManyHeaders {
        /// The limit, in header fields.
        limit: usize,
    },
    /// The request announces a body, and what follows the request must be frames. 400.
    Body {
        /// `Content-Length` or `Transfer-Encoding`.
        header: &'static str,
    },
    /// §4.2.1 3 and 4: a request, but not one for a WebSocket connection. 426.
    NotAnUpgrade {
        /// `Upgrade` if it lacks "websocket", `Connection` if it lacks "Upgrade".
        header: &'static str,
    },
    /// §4.2.1 6: the version of the WebSocket protocol is not 13. 426.
    Version,
    /// §4.1, §4.2.1: a field that must be there is not. 400.
    MissingHeader {
        /// Its name.
        header: &'static str,
    },
    /// §11.3: a field that may be there once is repeated. 400.
    DuplicateHeader {
        /// Its name.
        header: &'static str,
    },
    /// §4.3: the value of a field does not conform to its grammar, or is not the one it must be.
    /// 400.
    InvalidHeader {
        /// Its name.
        header: &'static str,
    },
    /// §4.1: `Sec-WebSocket-Accept` does not answer the key that was sent.
    AcceptMismatch,
    /// §4.1: the server chose a subprotocol that was not offered.
    SubprotocolNotOffered,
    /// §4.1: the server chose an extension that was not offered.
    ExtensionNotOffered,
    /// RFC 7692 §7.1: the server's parameters of permessage-deflate are malformed, or more than
    /// was offered.
    ExtensionParameters,
    /// §4.1: the server refused, with a status other than 101; over HTTP/2 and HTTP/3, with one
    /// that is not 200–299 (RFC 8441 §5). See
    /// [`IncomingResponse`](crate::IncomingResponse).
    Refused {
        /// The status, 200–999.
        status: u16,
    },
    /// The request, or the response, has been handed out before: a connection has only one.
    Finished,
    /// The opening handshake took too long. 408.
    Timeout,
    /// The transport ended within the peer's head.
    Eof {
        /// How many bytes of it had come.
        received: usize,
    },
}

/// Which part of a head is malformed (RFC 9112).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadPart {
    /// §3: the request line is not a method, a target and a version.
    RequestLine,
    /// §3.2: the target is neither a path nor an absolute `http` or `https` URI.
    RequestTarget,
    /// §4: the status line is not a version, a status and a reason.
    StatusLine,
    /// §5: the name of a field, or the colon after it. A line that continues the one before it
    /// counts as one without a name.
    HeaderName,
    /// §5: the value of a field.
    HeaderValue,
    /// §2.2: a line ends without CR LF.
    LineEnd,
}

impl HandshakeError {
    /// The HTTP status that a server has answered with; `None` where none can be.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::NotHttp { .. }
            | Self::MalformedHead { .. }
            | Self::Body { .. }
            | Self::ConnectionSpecific { .. }
            | Self::MissingHeader { .. }
            | Self::DuplicateHeader { .. }
            | Self::InvalidHeader { .. } => Some(400),
            Self::Method { .. } | Self::NotConnect { .. } => Some(405),
            Self::NotAnUpgrade { .. } | Self::Version => Some(426),
            Self::Timeout => Some(408),
            Self::HeadTooLarge { .. } | Self::TooManyHeaders { .. } => Some(431),
            Self::ConnectProtocol => Some(501),
            Self::HttpVersion { .. } => Some(505),
            Self::AcceptMismatch
            | Self::SubprotocolNotOffered
            | Self::ExtensionNotOffered
            | Self::ExtensionParameters
            | Self::Refused { .. }
            | Self::Finished
            | Self::Eof { .. } => None,
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHttp { byte: 0x16 } => {
                f.write_str("not HTTP: the first byte is 0x16, as of a TLS handshake")
            }
            Self::NotHttp { byte } => write!(f, "not HTTP: byte {byte:#04x} in the first line"),
            Self::MalformedHead { part } => write!(f, "malformed HTTP: {part}"),
            Self::HttpVersion { major: 1, minor: 1 } => {
                f.write_str("an extended CONNECT is made over HTTP/2 or HTTP/3, not HTTP/1.1")
            }
            Self::HttpVersion { major, minor } => {
                write!(f, "HTTP/{major}.{minor} cannot be upgraded, only HTTP/1.1")
            }
            Self::Method { .. } => f.write_str("the method of the request is not GET"),
            Self::NotConnect { .. } => f.write_str("the method of the request is not CONNECT"),
            Self::ConnectProtocol => {
                f.write_str("the :protocol of the CONNECT request is not websocket")
            }
            Self::ConnectionSpecific { header } => {
                write!(f, "{header} has no place in a version of HTTP after 1.1")
            }
            Self::HeadTooLarge { limit } => {
                write!(f, "the head is over the limit of {limit} bytes")
            }
            Self::TooManyHeaders { limit } => {
                write!(f, "the head is over the limit of {limit} header fields")
            }
            Self::Body { header } => write!(f, "the request has a body: {header}"),
            Self::NotAnUpgrade { header } => {
                write!(f, "not a WebSocket request: {header} does not ask for it")
            }
            Self::Version => f.write_str("Sec-WebSocket-Version is not 13"),
            Self::MissingHeader { header } => write!(f, "{header} is missing"),
            Self::DuplicateHeader { header } => write!(f, "{header} is there more than once"),
            Self::InvalidHeader { header } => write!(f, "{header} has an invalid value"),
            Self::AcceptMismatch => {
                f.write_str("Sec-WebSocket-Accept does not answer the key that was sent")
            }
            Self::SubprotocolNotOffered => {
                f.write_str("the server chose a subprotocol that was not offered")
            }
            Self::ExtensionNotOffered => {
                f.write_str("the server chose an extension that was not offered")
            }
            Self::ExtensionParameters => f.write_str(
                "the server's parameters of permessage-deflate do not fit what was offered",
            ),
            Self::Refused { status } => {
                write!(f, "the server refused the handshake with status {status}")
            }
            Self::Finished => f.write_str("the handshake is finished"),
            Self::Timeout => f.write_str("the opening handshake took too long"),
            Self::Eof { received } => {
                write!(f, "the transport ended after {received} bytes of the opening handshake")
            }
        }
    }
}

impl fmt::Display for HeadPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RequestLine => "request line",
            Self::RequestTarget => "request target",
            Self::StatusLine => "status line",
            Self::HeaderName => "name of a header field",
            Self::HeaderValue => "value of a header field",
            Self::LineEnd => "a line that does not end with CR LF",
        })
    }
}

impl core::error::Error for HandshakeError {}

/// Why a handshake was not sent: what the caller asked for. Nothing has been queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidHandshake {
    /// §3: the URI is not a `ws` or `wss` URI.
    Uri(InvalidUri),
    /// RFC 9110 §5.1: the name of a header field must be a token.
    HeaderName,
    /// RFC 9110 §5.5: the value of a header field must not contain control characters, such as
    /// CR, LF and NUL.
    HeaderValue,
    /// §4.1 2: a request that was put together elsewhere is not a GET over HTTP/1.1.
    Method,
    /// §4.1: a field of a request that was put together elsewhere is missing, there more than once,
    /// or not as it must be.
    Header {
        /// Its name.
        header: &'static str,
    },
    /// A header field that the handshake writes itself: `Connection`, `Upgrade`, `Host`,
    /// `Content-Length`, `Transfer-Encoding`, or any `Sec-WebSocket-*`.
    ReservedHeader,
    /// §4.1 10: a subprotocol must be a token.
    Subprotocol,
    /// §4.1 10: the subprotocols that are offered must be unique.
    DuplicateSubprotocol,
    /// §4.2.2 4: a server may only choose a subprotocol that the client offered.
    SubprotocolNotOffered,
    /// A rejection has a final status, 200–599.
    Status {
        /// The status asked for.
        status: u16,
    },
    /// RFC 9110 §6.4.1: responses with this status have no body.
    Body {
        /// 204, 205 or 304.
        status: u16,
    },
    /// No request waits for an answer: none has come, or it has been answered.
    NoRequest,
    /// An extended CONNECT is not answered with bytes of HTTP/1.1, but with
    /// `IncomingRequest::accept_http`.
    ExtendedConnect,
    /// RFC 9113 §8.2.2: `Connection`, `Upgrade`, `Transfer-Encoding`, `Keep-Alive`,
    /// `Proxy-Connection`, or `TE` with anything but "trailers", over HTTP/2 or HTTP/3.
    ConnectionSpecific {
        /// Its name.
        header: &'static str,
    },
    /// The [`MaskingKeySource`](crate::MaskingKeySource), of which `Sec-WebSocket-Key` is made
    /// too, failed.
    NoEntropy,
}

impl From<InvalidUri> for InvalidHandshake {
    fn from(error: InvalidUri) -> Self {
        Self::Uri(error)
    }
}

impl From<NoEntropy> for InvalidHandshake {
    fn from(NoEntropy: NoEntropy) -> Self {
        Self::NoEntropy
    }
}

impl fmt::Display for InvalidHandshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uri(error) => fmt::Display::fmt(error, f),
            Self::HeaderName => f.write_str("the name of a header field must be a token"),
            Self::HeaderValue => {
                f.write_str("the value of a header field must not contain control characters")
            }
            Self::Method => f.write_str("an opening handshake is a GET over HTTP/1.1"),
            Self::Header { header } => {
                write!(f, "the request must have {header} once, and as RFC 6455 §4.1 has it")
            }
            Self::ReservedHeader => {
                f.write_str("this header field is written by the handshake itself")
            }
            Self::Subprotocol => f.write_str("a subprotocol must be a token"),
            Self::DuplicateSubprotocol => f.write_str("a subprotocol is offered twice"),
            Self::SubprotocolNotOffered => {
                f.write_str("the client has not offered this subprotocol")
            }
            Self::Status { status } => {
                write!(f, "a rejection has a status from 200 to 599, not {status}")
            }
            Self::Body { status } => write!(f, "a response with status {status} has no body"),
            Self::NoRequest => f.write_str("no request waits for an answer"),
            Self::ExtendedConnect => {
                f.write_str("an extended CONNECT is not answered with bytes of HTTP/1.1")
            }
            Self::ConnectionSpecific { header } => {
                write!(f, "{header} has no place in a version of HTTP after 1.1")
            }
            Self::NoEntropy => fmt::Display::fmt(&NoEntropy, f),
        }
    }
}

impl core::error::Error for InvalidHandshake {}

/// Why something is not a WebSocket URI (RFC 6455 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidUri {
    /// It does not begin with `ws://` or `wss://`.
    Scheme,
    /// It contains a user name; credentials go into the header field `Authorization`.
    Userinfo,
    /// The host is neither a name, nor an IPv4 address, nor an IPv6 address in brackets. A name that
    /// is not in ASCII takes the feature `idna`.
    Host,
    /// The port is not a number from 1 to 65535.
    Port,
    /// It has a fragment; where `#` is meant it must be written as `%23`.
    Fragment,
    /// The path or the query has a control character, or the path does not begin with "/".
    ResourceName {
        /// Where, in bytes from the beginning of the path.
        at: usize,
    },
}

impl fmt::Display for InvalidUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("a WebSocket URI begins with ws:// or wss://"),
            Self::Userinfo => f.write_str(
                "a WebSocket URI has no user name: credentials go into the field Authorization",
            ),
            Self::Host => f.write_str("the host of the URI is invalid"),
            Self::Port => f.write_str("the port of the URI is not a number from 1 to 65535"),
            Self::Fragment => f.write_str("a WebSocket URI has no fragment: write # as %23"),
            Self::ResourceName { at } => {
                write!(f, "byte {at} of the URI's path and query has no place there")
            }
        }
    }
}

impl core::error::Error for InvalidUri {}
