//! A client's handshake (RFC 6455 §4.1).

use std::io::{Read, Write};
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Version};
use httparse::Status;
use websans::MaskingKeySource;

use super::headers::{FromHttparse, MAX_HEADERS};
use super::machine::{HandshakeMachine, StageResult, TryParse, worth_trying_head};
use super::server::{is_websocket, version};
use super::{HandshakeRole, MidHandshake, ProcessingResult, derive_accept_key};
use crate::client::uri_mode;
use crate::error::{Error, ProtocolError, Result, SubProtocolError, UrlError};
use crate::protocol::{Role, WebSocket, WebSocketConfig};

/// A client's request.
pub type Request = http::Request<()>;

/// A server's response, with what has come of its body.
pub type Response = http::Response<Option<Vec<u8>>>;

/// The fields that a request must have, in the order in which they go out, before all others.
const REQUIRED: [(&str, HeaderName); 5] = [
    ("Host", header::HOST),
    ("Connection", header::CONNECTION),
    ("Upgrade", header::UPGRADE),
    ("Sec-WebSocket-Version", header::SEC_WEBSOCKET_VERSION),
    ("Sec-WebSocket-Key", header::SEC_WEBSOCKET_KEY),
];

/// A client's handshake.
#[derive(Debug)]
pub struct ClientHandshake<S> {
    /// What `Sec-WebSocket-Accept` must be.
    accept_key: String,
    /// The subprotocols that were offered.
    subprotocols: Option<Vec<String>>,
    config: Option<WebSocketConfig>,
    stream: PhantomData<S>,
}

impl<S: Read + Write> ClientHandshake<S> {
    /// Begins: what `config.extensions` offers is added to the request.
    pub fn start(
        stream: S,
        mut request: Request,
        config: Option<WebSocketConfig>,
    ) -> Result<MidHandshake<Self>> {
        if request.method() != Method::GET {
            return Err(ProtocolError::WrongHttpMethod.into());
        }
        if request.version() < Version::HTTP_11 {
            return Err(ProtocolError::WrongHttpVersion.into());
        }
        uri_mode(request.uri())?;
        let subprotocols = match request.headers().get(header::SEC_WEBSOCKET_PROTOCOL) {
            None => None,
            Some(list) => {
                Some(list.to_str()?.split(',').map(|one| one.trim().to_owned()).collect())
            }
        };
        if let Some(offer) = config.map(|config| config.extensions.offer()).transpose()?.flatten() {
            request.headers_mut().append(header::SEC_WEBSOCKET_EXTENSIONS, offer);
        }
        let (head, key) = generate_request(request)?;
        let role = Self {
            accept_key: derive_accept_key(key.as_bytes()),
            subprotocols,
            config,
            stream: PhantomData,
        };
        Ok(MidHandshake { role, machine: HandshakeMachine::start_write(stream, head) })
    }
}

impl<S> ClientHandshake<S> {
    /// §4.1: what the client must check of the response.
    fn check(&self, response: &Response) -> Result<()> {
        let headers = response.headers();
        if !is_websocket(headers) {
            return Err(ProtocolError::MissingUpgradeWebSocketHeader.into());
        }
        if !contains_token(headers, header::CONNECTION, "Upgrade") {
            return Err(ProtocolError::MissingConnectionUpgradeHeader.into());
        }
        let accept_key = headers.get(header::SEC_WEBSOCKET_ACCEPT);
        if accept_key.is_none_or(|key| key != &self.accept_key) {
            return Err(ProtocolError::SecWebSocketAcceptKeyMismatch.into());
        }
        let chosen = headers.get(header::SEC_WEBSOCKET_PROTOCOL);
        let wrong = match (chosen, &self.subprotocols) {
            (None, None) => return Ok(()),
            (None, Some(_)) => SubProtocolError::NoSubProtocol,
            (Some(_), None) => SubProtocolError::ServerSentSubProtocolNoneRequested,
            (Some(chosen), Some(offered)) => {
                let chosen = chosen.to_str()?;
                if offered.iter().any(|offered| offered == chosen) {
                    return Ok(());
                }
                SubProtocolError::InvalidSubProtocol
            }
        };
        Err(ProtocolError::SecWebSocketSubProtocolError(wrong).into())
    }
}

impl<S: Read + Write> HandshakeRole for ClientHandshake<S> {
    type IncomingData = Response;
    type InternalStream = S;
    type FinalResult = (WebSocket<S>, Response);

    fn stage_finished(
        &mut self,
        finish: StageResult<Response, S>,
    ) -> Result<ProcessingResult<S, Self::FinalResult>> {
        let (mut response, stream, tail) = match finish {
            StageResult::DoneWriting(stream) => {
                return Ok(ProcessingResult::Continue(HandshakeMachine::start_read(stream)));
            }
            StageResult::DoneReading { result, stream, tail } => (result, stream, tail),
        };
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            *response.body_mut() = Some(tail);
            return Err(Error::Http(Box::new(response)));
        }
        self.check(&response)?;
        if let Some(config) = &mut self.config {
            config.extensions = config.extensions.agreed_in(response.headers())?;
        }
        let socket = WebSocket::from_partially_read(stream, tail, Role::Client, self.config);
        Ok(ProcessingResult::Done((socket, response)))
    }
}

/// The head of a request as it goes out, and its `Sec-WebSocket-Key`. The fields are those of
/// `request` and no others.
pub fn generate_request(mut request: Request) -> Result<(Vec<u8>, String)> {
    let target = request.uri().path_and_query().ok_or(Error::Url(UrlError::NoPathOrQuery))?;
    let mut head = format!("GET {target} {}\r\n", version(request.version())?).into_bytes();
    let mut key = String::new();
    for (name, map_name) in REQUIRED {
        let value = request.headers_mut().remove(&map_name);
        let value = value.ok_or_else(|| ProtocolError::InvalidHeader(Box::new(map_name)))?;
        let text = value.to_str().map_err(|error| {
            Error::Utf8(format!("{error} for header name '{name}' with value: {value:?}"))
        })?;
        push_field(&mut head, name, text.as_bytes());
        key = text.to_owned(); // the last one is the key
    }
    for (map_name, value) in request.headers() {
        // As RFC 6455 writes them; there are servers that do not know them otherwise.
        let name = match *map_name {
            header::SEC_WEBSOCKET_PROTOCOL => "Sec-WebSocket-Protocol",
            header::SEC_WEBSOCKET_EXTENSIONS => "Sec-WebSocket-Extensions",
            header::ORIGIN => "Origin",
            _ => map_name.as_str(),
        };
        push_field(&mut head, name, value.as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    Ok((head, key))
}

fn push_field(head: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        head.extend_from_slice(part);
    }
}

/// Whether a list of tokens has this one.
pub(super) fn contains_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([' ', ',', '\t']))
        .any(|each| each.eq_ignore_ascii_case(token))
}

impl TryParse for Response {
    fn try_parse(data: &[u8]) -> Result<Option<(usize, Self)>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        Ok(match response.parse(data)? {
            Status::Partial => None,
            Status::Complete(size) => Some((size, Self::from_httparse(response)?)),
        })
    }

    fn worth_trying(data: &[u8], tried: usize, seen: usize) -> bool {
        worth_trying_head(data, tried, seen)
    }
}

impl<'h, 'b: 'h> FromHttparse<httparse::Response<'h, 'b>> for Response {
    fn from_httparse(raw: httparse::Response<'h, 'b>) -> Result<Self> {
        if raw.version != Some(1) {
            return Err(ProtocolError::WrongHttpVersion.into());
        }
        let mut response = Self::new(None);
        *response.status_mut() = StatusCode::from_u16(raw.code.unwrap_or_default())?;
        *response.headers_mut() = HeaderMap::from_httparse(raw.headers)?;
        Ok(response)
    }
}

/// A new `Sec-WebSocket-Key`: 16 random bytes in base64.
#[must_use]
#[allow(clippy::panic)]
pub fn generate_key() -> String {
    let mut key = [0; 16];
    let MaskingKeySource(fill) = MaskingKeySource::default();
    // The signature has no place for an error, and a key that can be foreseen must not go out.
    assert!(fill(&mut key).is_ok(), "the operating system has no random bytes");
    BASE64.encode(key)
}

/// Whether the value is 16 bytes in base64.
pub(super) fn is_key(value: &HeaderValue) -> bool {
    BASE64.decode(value).is_ok_and(|key| key.len() == 16)
}
