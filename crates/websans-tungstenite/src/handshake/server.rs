//! A server's handshake (RFC 6455 §4.2).

use std::io::{self, Read, Write};
use std::marker::PhantomData;

use http::header::{self, HeaderMap};
use http::{Method, StatusCode, Version};
use httparse::Status;

use super::client::{contains_token, is_key};
use super::headers::{FromHttparse, MAX_HEADERS};
use super::machine::{HandshakeMachine, StageResult, TryParse, worth_trying_head};
use super::{HandshakeRole, MidHandshake, ProcessingResult, derive_accept_key};
use crate::error::{CapacityError, Error, ProtocolError, Result, UrlError};
use crate::protocol::{Role, WebSocket, WebSocketConfig};
use crate::version::invalid_key;

/// A client's request.
pub type Request = http::Request<()>;

/// The response that accepts it.
pub type Response = http::Response<()>;

/// The response that rejects it.
pub type ErrorResponse = http::Response<Option<String>>;

/// The response that accepts a request: its status and the fields that it must have.
///
/// Errors: what the request lacks.
pub fn create_response(request: &Request) -> Result<Response> {
    create_response_with_body(request, || ())
}

/// [`create_response`] with a body.
pub fn create_response_with_body<T1, T2>(
    request: &http::Request<T1>,
    generate_body: impl FnOnce() -> T2,
) -> Result<http::Response<T2>> {
    if request.method() != Method::GET {
        return Err(ProtocolError::WrongHttpMethod.into());
    }
    if request.version() < Version::HTTP_11 {
        return Err(ProtocolError::WrongHttpVersion.into());
    }
    let headers = request.headers();
    if !contains_token(headers, header::CONNECTION, "Upgrade") {
        return Err(ProtocolError::MissingConnectionUpgradeHeader.into());
    }
    if !is_websocket(headers) {
        return Err(ProtocolError::MissingUpgradeWebSocketHeader.into());
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(ProtocolError::MissingSecWebSocketVersionHeader.into());
    }
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .ok_or(Error::Protocol(ProtocolError::MissingSecWebSocketKey))?;
    if let (false, Some(error)) = (is_key(key), invalid_key()) {
        return Err(error.into());
    }
    Ok(http::Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .version(request.version())
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()))
        .body(generate_body())?)
}

/// Writes the head of a response.
pub fn write_response<T>(mut w: impl io::Write, response: &http::Response<T>) -> Result<()> {
    write!(w, "{} {}\r\n", version(response.version())?, response.status())?;
    for (name, value) in response.headers() {
        write!(w, "{name}: {}\r\n", value.to_str()?)?;
    }
    write!(w, "\r\n")?;
    Ok(())
}

pub(super) fn version(version: Version) -> Result<&'static str> {
    match version {
        Version::HTTP_09 => Ok("HTTP/0.9"),
        Version::HTTP_10 => Ok("HTTP/1.0"),
        Version::HTTP_11 => Ok("HTTP/1.1"),
        _ => Err(ProtocolError::WrongHttpVersion.into()),
    }
}

/// Whether `Upgrade` is `websocket`.
pub(super) fn is_websocket(headers: &HeaderMap) -> bool {
    let value = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}

impl TryParse for Request {
    fn try_parse(data: &[u8]) -> Result<Option<(usize, Self)>> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        Ok(match request.parse(data)? {
            Status::Partial => None,
            Status::Complete(size) => Some((size, Self::from_httparse(request)?)),
        })
    }

    fn worth_trying(data: &[u8], tried: usize, seen: usize) -> bool {
        worth_trying_head(data, tried, seen)
    }
}

impl<'h, 'b: 'h> FromHttparse<httparse::Request<'h, 'b>> for Request {
    fn from_httparse(raw: httparse::Request<'h, 'b>) -> Result<Self> {
        if raw.method != Some("GET") {
            return Err(ProtocolError::WrongHttpMethod.into());
        }
        if raw.version != Some(1) {
            return Err(ProtocolError::WrongHttpVersion.into());
        }
        let path = raw.path.ok_or(Error::Url(UrlError::NoPathOrQuery))?;
        let mut request = Self::new(());
        *request.uri_mut() = path.parse()?;
        *request.headers_mut() = HeaderMap::from_httparse(raw.headers)?;
        Ok(request)
    }
}

/// Decides on a client's request: a function, mostly.
pub trait Callback: Sized {
    /// Looks at the request, and returns `response`, with more header fields perhaps, to accept it, or
    /// another one to reject it.
    ///
    /// `response` has what was agreed on of extensions; without that field they are not used.
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse>;
}

impl<F> Callback for F
where
    F: FnOnce(&Request, Response) -> Result<Response, ErrorResponse>,
{
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        self(request, response)
    }
}

/// Accepts every request.
#[derive(Clone, Copy, Debug)]
pub struct NoCallback;

impl Callback for NoCallback {
    fn on_request(self, _: &Request, response: Response) -> Result<Response, ErrorResponse> {
        Ok(response)
    }
}

/// A server's handshake.
#[derive(Debug)]
pub struct ServerHandshake<S, C> {
    callback: Option<C>,
    config: Option<WebSocketConfig>,
    /// What was answered, if that was no.
    rejection: Option<ErrorResponse>,
    stream: PhantomData<S>,
}

impl<S: Read + Write, C: Callback> ServerHandshake<S, C> {
    /// Begins.
    pub fn start(stream: S, callback: C, config: Option<WebSocketConfig>) -> MidHandshake<Self> {
        let role = Self { callback: Some(callback), config, rejection: None, stream: PhantomData };
        MidHandshake { role, machine: HandshakeMachine::start_read(stream) }
    }

    /// The response to a request, as it goes out.
    fn answer(&mut self, request: &Request, tail: &[u8]) -> Result<Vec<u8>> {
        if !tail.is_empty() {
            return Err(ProtocolError::JunkAfterRequest.into());
        }
        let mut response = create_response(request)?;
        let accepted = self.config.and_then(|it| it.extensions.accept_offers(request.headers()));
        if let Some((_, answer)) = &accepted {
            response.headers_mut().insert(header::SEC_WEBSOCKET_EXTENSIONS, answer.clone());
        }
        let response = match self.callback.take() {
            Some(callback) => callback.on_request(request, response),
            None => Ok(response),
        };
        let mut head = Vec::new();
        match response {
            Ok(response) => {
                let said = response.headers().get(header::SEC_WEBSOCKET_EXTENSIONS);
                if let Some(config) = &mut self.config {
                    config.extensions = accepted
                        .filter(|(_, answer)| said == Some(answer))
                        .map(|(agreed, _)| agreed)
                        .unwrap_or_default();
                }
                write_response(&mut head, &response)?;
            }
            Err(rejection) if rejection.status().is_success() => {
                return Err(ProtocolError::CustomResponseSuccessful.into());
            }
            Err(rejection) => {
                write_response(&mut head, &rejection)?;
                head.extend_from_slice(rejection.body().as_deref().unwrap_or("").as_bytes());
                self.rejection = Some(rejection);
            }
        }
        Ok(head)
    }
}

impl<S: Read + Write, C: Callback> HandshakeRole for ServerHandshake<S, C> {
    type IncomingData = Request;
    type InternalStream = S;
    type FinalResult = WebSocket<S>;

    fn stage_finished(
        &mut self,
        finish: StageResult<Request, S>,
    ) -> Result<ProcessingResult<S, WebSocket<S>>> {
        match finish {
            StageResult::DoneReading { mut stream, result, tail } => {
                let head = self.answer(&result, &tail);
                if let Err(error) = &head {
                    self.refuse(error, &mut stream);
                }
                Ok(ProcessingResult::Continue(HandshakeMachine::start_write(stream, head?)))
            }
            StageResult::DoneWriting(stream) => match self.rejection.take() {
                Some(rejection) => {
                    let rejection = rejection.map(|body| body.map(String::into_bytes));
                    Err(Error::Http(Box::new(rejection)))
                }
                None => {
                    let socket = WebSocket::from_raw_socket(stream, Role::Server, self.config);
                    Ok(ProcessingResult::Done(socket))
                }
            },
        }
    }

    /// Tells the client what is wrong with its request, if the transport takes it at once.
    fn refuse(&self, error: &Error, stream: &mut S) {
        if self.config.is_none_or(|config| config.report_violations)
            && let Some(response) = refusal(error)
        {
            // The caller gets the error of the handshake.
            let _ = stream.write_all(response.as_bytes()).and_then(|()| stream.flush());
        }
    }
}

/// What to answer to a request that is none (§4.2.2, §4.4); `None` where there is nobody to tell.
fn refusal(error: &Error) -> Option<String> {
    use ProtocolError as E;
    let (status, fields) = match error {
        Error::Protocol(E::HandshakeIncomplete | E::CustomResponseSuccessful) => return None,
        Error::Protocol(E::WrongHttpMethod) => ("405 Method Not Allowed", "Allow: GET\r\n"),
        Error::Protocol(E::MissingConnectionUpgradeHeader | E::MissingUpgradeWebSocketHeader) => {
            ("426 Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
        }
        Error::Protocol(E::MissingSecWebSocketVersionHeader) => {
            ("426 Upgrade Required", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
        }
        Error::Capacity(CapacityError::TooManyHeaders) | Error::AttackAttempt => {
            ("431 Request Header Fields Too Large", "")
        }
        Error::Protocol(_) | Error::HttpFormat(_) | Error::Utf8(_) => ("400 Bad Request", ""),
        _ => return None,
    };
    let connection = if fields.contains("Upgrade") { "close, Upgrade" } else { "close" };
    let body = format!("{error}\n");
    Some(format!(
        "HTTP/1.1 {status}\r\n{fields}Connection: {connection}\r\nContent-Type: text/plain\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}
