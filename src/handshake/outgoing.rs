//! What the application sends: a client's request, a server's response or rejection. They are
//! checked while they are put together, so that nothing in them can end a line and begin another.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::{HandshakeError, InvalidHandshake};
use super::fields::{self, FieldLines};
use super::uri::WsUri;
use crate::buffer::SendBuf;

/// What a client asks for: a URI, subprotocols, and header fields of its own, such as `Origin`,
/// `Cookie` and `Authorization`. Given to [`ClientHandshake::new`](crate::ClientHandshake::new).
///
/// ```
/// use websans::Request;
///
/// let request = Request::new("wss://example.com/chat")?
///     .header("Authorization", "Bearer Q2hhdA")?
///     .subprotocol("chat.v2")?
///     .subprotocol("chat")?;
/// assert_eq!((request.uri().host(), request.uri().port()), ("example.com", 443));
///
/// let injection = Request::new("ws://example.com/")?.header("X", "a\r\nHost: b");
/// assert_eq!(injection.unwrap_err(), websans::InvalidHandshake::HeaderValue);
/// # Ok::<(), websans::InvalidHandshake>(())
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    uri: WsUri,
    /// A list, as it goes into the field.
    subprotocols: String,
    fields: FieldLines,
}

impl Request {
    /// A request to a `ws` or `wss` URI.
    ///
    /// Errors: [`InvalidHandshake::Uri`].
    pub fn new(uri: &str) -> Result<Self, InvalidHandshake> {
        Ok(Self::from(uri.parse::<WsUri>()?))
    }

    /// Adds a header field.
    ///
    /// Errors when the name is not a token, when the value contains a control character, or when
    /// it is a field that the handshake writes itself ([`InvalidHandshake::ReservedHeader`]).
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, InvalidHandshake> {
        self.fields.add(name, value.as_ref())?;
        Ok(self)
    }

    /// Offers a subprotocol; those that are offered first are preferred (§4.1 10).
    ///
    /// Errors when it is not a token, or has been offered already.
    pub fn subprotocol(mut self, name: &str) -> Result<Self, InvalidHandshake> {
        if !fields::is_token(name.as_bytes()) {
            return Err(InvalidHandshake::Subprotocol);
        }
        offer_subprotocol(&mut self.subprotocols, name)?;
        Ok(self)
    }

    /// Where to connect to.
    #[must_use]
    pub fn uri(&self) -> &WsUri {
        &self.uri
    }

    pub(crate) fn subprotocols(&self) -> &str {
        &self.subprotocols
    }

    pub(crate) fn fields(&self) -> &FieldLines {
        &self.fields
    }
}

/// Adds a subprotocol to a list, in which each may stand once (§4.1 10).
pub(crate) fn offer_subprotocol(list: &mut String, name: &str) -> Result<(), InvalidHandshake> {
    if list.split(", ").any(|offered| offered == name) {
        return Err(InvalidHandshake::DuplicateSubprotocol);
    }
    if !list.is_empty() {
        list.push_str(", ");
    }
    list.push_str(name);
    Ok(())
}

impl From<WsUri> for Request {
    fn from(uri: WsUri) -> Self {
        Self { uri, subprotocols: String::new(), fields: FieldLines::new() }
    }
}

/// How a server accepts: the subprotocol that it chose, and header fields of its own, such as
/// `Set-Cookie`. Given to [`IncomingRequest::accept`](crate::IncomingRequest::accept); one serves
/// any number of requests.
#[derive(Clone, Debug, Default)]
pub struct Response<'a> {
    pub(crate) subprotocol: Option<&'a str>,
    pub(crate) fields: FieldLines,
}

impl<'a> Response<'a> {
    /// No subprotocol and no further header fields.
    #[must_use]
    pub const fn new() -> Self {
        Self { subprotocol: None, fields: FieldLines::new() }
    }

    /// Sets the subprotocol, which must be one that the client offered; see
    /// [`choose_subprotocol`](crate::IncomingRequest::choose_subprotocol).
    #[must_use]
    pub fn subprotocol(mut self, name: impl Into<Option<&'a str>>) -> Self {
        self.subprotocol = name.into();
        self
    }

    /// Adds a header field. Errors as for [`Request::header`].
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, InvalidHandshake> {
        self.fields.add(name, value.as_ref())?;
        Ok(self)
    }
}

/// How a server refuses: a status, header fields and a body. Given to
/// [`IncomingRequest::reject`](crate::IncomingRequest::reject).
///
/// ```
/// use websans::Rejection;
///
/// let rejection = Rejection::new(401)?
///     .header("WWW-Authenticate", "Basic realm=\"chat\"")?
///     .header("Content-Type", "text/plain")?
///     .body("Who are you?\n")?;
/// # Ok::<(), websans::InvalidHandshake>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rejection<'a> {
    pub(crate) status: u16,
    pub(crate) fields: FieldLines,
    pub(crate) body: &'a [u8],
}

impl<'a> Rejection<'a> {
    /// A rejection without a body.
    ///
    /// Errors when the status is not from 200 to 599.
    pub fn new(status: u16) -> Result<Self, InvalidHandshake> {
        if !matches!(status, 200..=599) {
            return Err(InvalidHandshake::Status { status });
        }
        Ok(Self { status, fields: FieldLines::new(), body: &[] })
    }

    /// Adds a header field. Errors as for [`Request::header`].
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Result<Self, InvalidHandshake> {
        self.fields.add(name, value.as_ref())?;
        Ok(self)
    }

    /// Sets the body.
    ///
    /// Errors when a response with that status has none: 204, 205 and 304.
    pub fn body(mut self, body: &'a (impl AsRef<[u8]> + ?Sized)) -> Result<Self, InvalidHandshake> {
        if matches!(self.status, 204 | 205 | 304) {
            return Err(InvalidHandshake::Body { status: self.status });
        }
        self.body = body.as_ref();
        Ok(self)
    }

    pub(crate) fn write(&self, tx: &mut SendBuf) {
        write_final(self.status, self.fields.as_slice(), self.body, tx);
    }
}

/// The answer that an error obliges to send: a status, and a body for whoever looks at it. An
/// error says nothing of what the peer sent, so there is nothing in the body to escape.
pub(crate) struct AutomaticRejection {
    pub(crate) status: u16,
    pub(crate) fields: &'static [(&'static str, &'static str)],
    pub(crate) body: String,
}

impl AutomaticRejection {
    pub(crate) fn of(error: HandshakeError) -> Option<Self> {
        let status = error.status()?;
        let fields: &[_] = match error {
            HandshakeError::Method { .. } => &[("Allow", "GET"), ("Content-Type", "text/plain")],
            HandshakeError::NotConnect { .. } => {
                &[("Allow", "CONNECT"), ("Content-Type", "text/plain")]
            }
            _ => &[("Content-Type", "text/plain")],
        };
        let body = match error {
            HandshakeError::Method { head: true } | HandshakeError::NotConnect { head: true } => {
                String::new()
            }
            _ => format!("{error}\n"),
        };
        Some(Self { status, fields, body })
    }

    pub(crate) fn write(&self, tx: &mut SendBuf) {
        let mut lines = FieldLines::new();
        for (name, value) in self.fields {
            let added = lines.add(name, value.as_bytes());
            debug_assert!(added.is_ok());
        }
        write_final(self.status, lines.as_slice(), self.body.as_bytes(), tx);
    }
}

/// The fields that every response but 101 has: it is final, and says where it ends.
pub(crate) fn final_fields(status: u16) -> &'static [(&'static str, &'static str)] {
    match status {
        // RFC 9110 §7.8: who sends `Upgrade` says so in `Connection`; §15.5.22: 426 sends it.
        // RFC 6455 §4.4: the version that would do.
        426 => &[
            (fields::CONNECTION, "close, Upgrade"),
            (fields::UPGRADE, "websocket"),
            (fields::VERSION, "13"),
        ],
        _ => &[(fields::CONNECTION, "close")],
    }
}

/// RFC 9110 §8.6: no `Content-Length` with 204; with 304 it would be that of another response.
pub(crate) const fn has_content_length(status: u16) -> bool {
    !matches!(status, 204 | 304)
}

fn write_final(status: u16, fields: &[u8], body: &[u8], tx: &mut SendBuf) {
    let mut head = Vec::from(format!("HTTP/1.1 {status} {}\r\n", reason(status)));
    for (name, value) in final_fields(status) {
        head.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if has_content_length(status) {
        head.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    head.extend_from_slice(fields);
    head.extend_from_slice(b"\r\n");
    tx.push(&head);
    tx.push(body);
}

/// The reason phrase of a status (RFC 9110 §15, RFC 6585); empty for one that is not listed.
const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        511 => "Network Authentication Required",
        _ => "",
    }
}
