//! The same handshake over the types of the `http` crate, for servers and clients that leave HTTP
//! to hyper, axum and the like. The checks are those of `request.rs` and `client.rs`.

use alloc::string::String;
use alloc::vec::Vec;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};

use super::accept_key::accept_key;
use super::client::ClientHandshake;
use super::error::{HandshakeError, HeadPart, InvalidHandshake, InvalidUri};
use super::fields::{self, Fields};
use super::head::Target;
use super::outgoing::{self, AutomaticRejection, Rejection, Request, Response};
use super::request::{IncomingRequest, Required};
use super::uri;
use crate::config::Config;
use crate::connection::Connection;

/// For servers that leave HTTP to hyper, axum and the like.
impl<'b> IncomingRequest<'b> {
    /// Reads the client's opening handshake (§4.2.1) from a request that was parsed elsewhere.
    ///
    /// Errors: [`HandshakeError`]; [`to_http`](HandshakeError::to_http) is what to answer.
    ///
    /// ```
    /// use websans::{Config, IncomingRequest, Response};
    ///
    /// let request = http::Request::get("/chat")
    ///     .header("Host", "server.example.com")
    ///     .header("Upgrade", "websocket")
    ///     .header("Connection", "Upgrade")
    ///     .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    ///     .header("Sec-WebSocket-Version", "13")
    ///     .body(())?;
    /// let request = IncomingRequest::from_http(&request, Config::default())?;
    /// let (response, ws) = request.accept_http(&Response::new())?;
    /// assert_eq!(response.status(), 101);
    /// assert_eq!(response.headers()["Sec-WebSocket-Accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    /// // … answer with the response, and drive ws with what the transport becomes.
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_http<B>(
        request: &'b http::Request<B>,
        config: Config,
    ) -> Result<Self, HandshakeError> {
        match request.version() {
            Version::HTTP_11 => {}
            Version::HTTP_09 => return Err(HandshakeError::HttpVersion { major: 0, minor: 9 }),
            Version::HTTP_10 => return Err(HandshakeError::HttpVersion { major: 1, minor: 0 }),
            Version::HTTP_2 => return Err(HandshakeError::HttpVersion { major: 2, minor: 0 }),
            _ => return Err(HandshakeError::HttpVersion { major: 3, minor: 0 }),
        }
        if request.method() != Method::GET {
            return Err(HandshakeError::Method { head: request.method() == Method::HEAD });
        }
        let malformed = HandshakeError::MalformedHead { part: HeadPart::RequestTarget };
        let target = target(request.uri()).ok_or(malformed)?;
        let fields = Fields::Map(request.headers());
        Ok(Self::new(target, &Required::of(fields.iter())?, fields, &config))
    }

    /// Accepts, as [`accept`](Self::accept) does, with a response that is to be sent elsewhere.
    ///
    /// Errors when the subprotocol was not offered.
    pub fn accept_http(
        self,
        response: &Response<'_>,
    ) -> Result<(http::Response<()>, Connection), InvalidHandshake> {
        let (agreed, extensions) = self.agree(response)?;
        let mut answer = http::Response::new(());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let map = answer.headers_mut();
        add(map, fields::UPGRADE, b"websocket")?;
        add(map, fields::CONNECTION, b"Upgrade")?;
        add(map, fields::ACCEPT, &accept_key(self.key()))?;
        if let Some(subprotocol) = &agreed.subprotocol {
            add(map, fields::PROTOCOL, subprotocol.as_bytes())?;
        }
        if let Some(extensions) = &extensions {
            add(map, fields::EXTENSIONS, extensions.as_bytes())?;
        }
        for (name, value) in response.fields.iter() {
            add(map, name, value)?;
        }
        Ok((answer, self.connection(agreed)))
    }
}

impl Rejection<'_> {
    /// The response to a request that was parsed elsewhere. The connection is to be closed after
    /// it, as it says.
    ///
    /// Errors when there are more header fields than the `http` crate takes.
    pub fn to_http(&self) -> Result<http::Response<Vec<u8>>, InvalidHandshake> {
        let mut answer = final_response(self.status, Vec::from(self.body))?;
        for (name, value) in self.fields.iter() {
            add(answer.headers_mut(), name, value)?;
        }
        Ok(answer)
    }
}

impl HandshakeError {
    /// The response that tells the client, with [`status`](Self::status); `None` where none can.
    #[must_use]
    pub fn to_http(&self) -> Option<http::Response<String>> {
        let AutomaticRejection { status, fields, body } = AutomaticRejection::of(*self)?;
        let mut answer = final_response(status, body).ok()?;
        for (name, value) in fields {
            add(answer.headers_mut(), name, value.as_bytes()).ok()?;
        }
        Some(answer)
    }
}

/// For clients that leave HTTP to hyper and the like.
impl ClientHandshake {
    /// The request, to be sent elsewhere. Its URI is the resource name, so it goes to the host
    /// that [`Request::uri`] says.
    ///
    /// Errors: [`InvalidHandshake::NoEntropy`], or more than the `http` crate takes.
    pub fn new_http(
        request: &Request,
        config: Config,
    ) -> Result<(Self, http::Request<()>), InvalidHandshake> {
        let (handshake, key) = Self::start(request, config)?;
        let mut sent = http::Request::new(());
        *sent.uri_mut() = request
            .uri()
            .resource_name()
            .parse::<Uri>()
            .map_err(|_| InvalidUri::ResourceName { at: usize::from(u16::MAX) })?;
        let map = sent.headers_mut();
        add(map, fields::HOST, request.uri().authority().as_bytes())?;
        add(map, fields::UPGRADE, b"websocket")?;
        add(map, fields::CONNECTION, b"Upgrade")?;
        add(map, fields::KEY, &key)?;
        add(map, fields::VERSION, b"13")?;
        for (name, value) in handshake.offers(request) {
            add(map, name, value.as_bytes())?;
        }
        for (name, value) in request.fields().iter() {
            add(map, name, value)?;
        }
        Ok((handshake, sent))
    }

    /// The connection, if the response to the request of [`new_http`](Self::new_http) accepts it.
    ///
    /// Errors: [`HandshakeError`]; [`HandshakeError::Refused`] with any status but 101.
    pub fn check_http<B>(self, response: &http::Response<B>) -> Result<Connection, HandshakeError> {
        match response.status().as_u16() {
            101 => {}
            status => return Err(HandshakeError::Refused { status }),
        }
        self.connection(Fields::Map(response.headers()))
    }
}

fn target(uri: &Uri) -> Option<Target<'_>> {
    let resource_name = uri.path_and_query()?.as_str();
    let authority = uri.authority().map(http::uri::Authority::as_str);
    if authority.is_some_and(|authority| uri::authority(authority).is_err()) {
        return None;
    }
    resource_name.starts_with('/').then_some(Target { authority, resource_name })
}

fn final_response<B>(status: u16, body: B) -> Result<http::Response<B>, InvalidHandshake>
where
    B: AsRef<[u8]>,
{
    let len = alloc::format!("{}", body.as_ref().len());
    let mut answer = http::Response::new(body);
    *answer.status_mut() =
        StatusCode::from_u16(status).map_err(|_| InvalidHandshake::Status { status })?;
    for (name, value) in outgoing::final_fields(status) {
        add(answer.headers_mut(), name, value.as_bytes())?;
    }
    if outgoing::has_content_length(status) {
        add(answer.headers_mut(), fields::CONTENT_LENGTH, len.as_bytes())?;
    }
    Ok(answer)
}

fn add(map: &mut HeaderMap, name: &str, value: &[u8]) -> Result<(), InvalidHandshake> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| InvalidHandshake::HeaderName)?;
    let value = HeaderValue::from_bytes(value).map_err(|_| InvalidHandshake::HeaderValue)?;
    map.try_append(name, value).map_err(|_| InvalidHandshake::HeaderName)?;
    Ok(())
}
