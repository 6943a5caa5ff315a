//! The same handshake over the types of the `http` crate, for servers and clients that leave HTTP
//! to hyper, axum, h2 and the like: over HTTP/1.1, and over HTTP/2 and HTTP/3, where it is an
//! extended CONNECT (RFC 8441, RFC 9220). The checks are those of `request.rs` and `client.rs`.
//!
//! The `http` crate has no place for the pseudo-header `:protocol`; each library keeps it in an
//! extension of its own. That is why it is an argument here.

use alloc::string::String;
use alloc::vec::Vec;

use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};

use super::accept_key::{self, accept_key};
use super::client::ClientHandshake;
use super::error::{HandshakeError, HeadPart, InvalidHandshake, InvalidUri};
use super::fields::{self, Fields};
use super::head::Target;
use super::outgoing::{self, AutomaticRejection, Rejection, Request, Response};
use super::request::{Form, IncomingRequest, Required};
use super::uri;
use crate::config::Config;
use crate::connection::Connection;

/// The only value of `:protocol` that concerns us (RFC 8441 §5).
const WEBSOCKET: &str = "websocket";

/// For servers that leave HTTP to hyper, axum, h2 and the like.
impl<'b> IncomingRequest<'b> {
    /// Reads the client's opening handshake (§4.2.1) from a request that was parsed elsewhere.
    ///
    /// Over HTTP/2 and HTTP/3 it is
    /// [`from_extended_connect`](Self::from_extended_connect).
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
            version => return Err(http_version(version)),
        }
        if request.method() != Method::GET {
            return Err(HandshakeError::Method { head: request.method() == Method::HEAD });
        }
        let target = target(request.uri())?;
        let fields = Fields::Map(request.headers());
        Ok(Self::new(target, &Required::of_upgrade(fields.iter())?, fields, &config))
    }

    /// Reads the client's opening handshake from an extended CONNECT request (RFC 8441 §5 for
    /// HTTP/2, RFC 9220 for HTTP/3), for which the server has sent
    /// `SETTINGS_ENABLE_CONNECT_PROTOCOL`. `protocol` is the pseudo-header `:protocol`, which h2
    /// and hyper keep in the request's extensions; it must be `websocket`.
    ///
    /// When the request has been answered, its stream is the transport: DATA frames carry the
    /// bytes, `END_STREAM` ends them.
    ///
    /// Errors: [`HandshakeError`]; [`to_http`](HandshakeError::to_http) is what to answer.
    ///
    /// ```
    /// use websans::{Config, IncomingRequest, Response};
    ///
    /// let request = http::Request::connect("https://server.example.com/chat")
    ///     .version(http::Version::HTTP_2)
    ///     .header("Sec-WebSocket-Version", "13")
    ///     .header("Sec-WebSocket-Protocol", "chat, superchat")
    ///     .body(())?;
    /// // let protocol = request.extensions().get::<hyper::ext::Protocol>() …
    /// let protocol = "websocket";
    /// let request = IncomingRequest::from_extended_connect(&request, protocol, Config::default())?;
    /// assert_eq!((request.host(), request.path()), ("server.example.com", "/chat"));
    /// let chosen = request.choose_subprotocol(&["superchat"]);
    /// let (response, ws) = request.accept_http(&Response::new().subprotocol(chosen))?;
    /// assert_eq!(response.status(), 200);
    /// // … answer with the response, and drive ws with the stream.
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_extended_connect<B>(
        request: &'b http::Request<B>,
        protocol: &str,
        config: Config,
    ) -> Result<Self, HandshakeError> {
        if request.version() < Version::HTTP_2 {
            return Err(http_version(request.version()));
        }
        if request.method() != Method::CONNECT {
            return Err(HandshakeError::NotConnect { head: request.method() == Method::HEAD });
        }
        if protocol != WEBSOCKET {
            return Err(HandshakeError::ConnectProtocol);
        }
        check_received(request.headers())?;
        let target = target(request.uri())?;
        let fields = Fields::Map(request.headers());
        let required = Required::of_extended_connect(fields.iter(), target.authority)?;
        Ok(Self::new(target, &required, fields, &config))
    }

    /// Accepts, as [`accept`](Self::accept) does, with a response that is to be sent elsewhere:
    /// 101, or 200 to an extended CONNECT.
    ///
    /// Errors when the subprotocol was not offered, or when a field of the response has no place
    /// over HTTP/2 ([`InvalidHandshake::ConnectionSpecific`]).
    pub fn accept_http(
        &self,
        response: &Response<'_>,
    ) -> Result<(http::Response<()>, Connection), InvalidHandshake> {
        let (agreed, extensions) = self.agree(response)?;
        let mut answer = http::Response::new(());
        if let Form::Upgrade(key) = self.form() {
            *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let map = answer.headers_mut();
            add(map, fields::UPGRADE, b"websocket")?;
            add(map, fields::CONNECTION, b"Upgrade")?;
            add(map, fields::ACCEPT, &accept_key(key))?;
        }
        let map = answer.headers_mut();
        if let Some(subprotocol) = &agreed.subprotocol {
            add(map, fields::PROTOCOL, subprotocol.as_bytes())?;
        }
        if let Some(extensions) = &extensions {
            add(map, fields::EXTENSIONS, extensions.as_bytes())?;
        }
        for (name, value) in response.fields.iter() {
            add(map, name, value)?;
        }
        if let Form::ExtendedConnect = self.form() {
            check_sent(map)?;
        }
        Ok((answer, self.connection(agreed)))
    }
}

impl Rejection<'_> {
    /// The response to a request that was parsed elsewhere, over `version` of HTTP. Over HTTP/1.1
    /// the connection is to be closed after it, as it says; later ones close streams.
    ///
    /// Errors when there are more header fields than the `http` crate takes, or one that HTTP/2
    /// forbids ([`InvalidHandshake::ConnectionSpecific`]).
    pub fn to_http(&self, version: Version) -> Result<http::Response<Vec<u8>>, InvalidHandshake> {
        let mut answer = final_response(self.status, version, Vec::from(self.body))?;
        for (name, value) in self.fields.iter() {
            add(answer.headers_mut(), name, value)?;
        }
        if version > Version::HTTP_11 {
            check_sent(answer.headers())?;
        }
        Ok(answer)
    }
}

impl HandshakeError {
    /// The response that tells the client, with [`status`](Self::status), over `version` of HTTP;
    /// `None` where none can.
    ///
    /// Over HTTP/2 and HTTP/3, which have no `Upgrade`, 400 takes the place of 426.
    #[must_use]
    pub fn to_http(&self, version: Version) -> Option<http::Response<String>> {
        let AutomaticRejection { status, fields, body } = AutomaticRejection::of(*self)?;
        let mut answer = final_response(status, version, body).ok()?;
        if status == 426 && version > Version::HTTP_11 {
            *answer.status_mut() = StatusCode::BAD_REQUEST;
        }
        for (name, value) in fields {
            add(answer.headers_mut(), name, value.as_bytes()).ok()?;
        }
        Some(answer)
    }
}

/// For clients that leave HTTP to hyper, h2 and the like.
impl ClientHandshake {
    /// The request, to be sent elsewhere. Its URI is the resource name, so it goes to the host
    /// that [`Request::uri`] says.
    ///
    /// Errors: [`InvalidHandshake::NoEntropy`], or more than the `http` crate takes.
    pub fn new_http(
        request: &Request,
        config: Config,
    ) -> Result<(Self, http::Request<()>), InvalidHandshake> {
        let key = accept_key::generate(config.masking_keys)?;
        let handshake = Self::start_upgrade(request.subprotocols().into(), &key, config);
        let mut sent = http::Request::new(());
        *sent.uri_mut() = request.uri().resource_name().parse::<Uri>().map_err(|_| TOO_LONG)?;
        let map = sent.headers_mut();
        for (name, value) in fields::of_client(request.uri().authority(), &key) {
            add(map, name, value)?;
        }
        handshake.add_fields(request, map)?;
        Ok((handshake, sent))
    }

    /// An extended CONNECT request (RFC 8441 §5 for HTTP/2, RFC 9220 for HTTP/3), to be sent
    /// elsewhere, once the server's `SETTINGS_ENABLE_CONNECT_PROTOCOL` has come. Its URI makes
    /// `:scheme`, `:authority` and `:path`. The pseudo-header `:protocol`, which is `websocket`, is
    /// for the caller to add: h2 and hyper take it from the request's extensions.
    ///
    /// What the stream brings after the response, which [`check_http`](Self::check_http) is for,
    /// are frames.
    ///
    /// Errors when there is more than the `http` crate takes, or a field of the request that
    /// HTTP/2 forbids ([`InvalidHandshake::ConnectionSpecific`]).
    ///
    /// ```
    /// use websans::{ClientHandshake, Config, Request};
    ///
    /// let request = Request::new("wss://server.example.com/chat")?.subprotocol("chat")?;
    /// let (handshake, sent) = ClientHandshake::new_extended_connect(&request, Config::default())?;
    /// assert_eq!(sent.method(), "CONNECT");
    /// assert_eq!(sent.uri(), "https://server.example.com/chat");
    /// // sent.extensions_mut().insert(h2::ext::Protocol::from_static("websocket")); send it …
    /// let response = http::Response::builder().header("Sec-WebSocket-Protocol", "chat").body(())?;
    /// let ws = handshake.check_http(&response)?;
    /// assert_eq!(ws.subprotocol(), Some("chat"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new_extended_connect(
        request: &Request,
        config: Config,
    ) -> Result<(Self, http::Request<()>), InvalidHandshake> {
        let handshake = Self::start_extended_connect(request, config);
        let mut sent = http::Request::new(());
        *sent.method_mut() = Method::CONNECT;
        *sent.version_mut() = Version::HTTP_2;
        *sent.uri_mut() = Uri::builder()
            .scheme(if request.uri().is_secure() { Scheme::HTTPS } else { Scheme::HTTP })
            .authority(request.uri().authority())
            .path_and_query(request.uri().resource_name())
            .build()
            .map_err(|_| TOO_LONG)?;
        let map = sent.headers_mut();
        add(map, fields::VERSION, b"13")?;
        handshake.add_fields(request, map)?;
        check_sent(map)?;
        Ok((handshake, sent))
    }

    /// The connection, if the response accepts the request of [`new_http`](Self::new_http), or of
    /// [`new_extended_connect`](Self::new_extended_connect).
    ///
    /// Errors: [`HandshakeError`]; [`HandshakeError::Refused`] with any status but 101, or but
    /// those from 200 to 299 for an extended CONNECT.
    pub fn check_http<B>(self, response: &http::Response<B>) -> Result<Connection, HandshakeError> {
        let status = response.status().as_u16();
        if !self.accepts(status) {
            return Err(HandshakeError::Refused { status });
        }
        if self.is_extended_connect() {
            check_received(response.headers())?;
        }
        self.connection(Fields::Map(response.headers()))
    }

    /// The offers, and what the application adds.
    fn add_fields(&self, request: &Request, map: &mut HeaderMap) -> Result<(), InvalidHandshake> {
        for (name, value) in self.offers(request) {
            add(map, name, value.as_bytes())?;
        }
        for (name, value) in request.fields().iter() {
            add(map, name, value)?;
        }
        Ok(())
    }
}

/// The `http` crate takes URIs of less than 64 KiB.
const TOO_LONG: InvalidUri = InvalidUri::ResourceName { at: u16::MAX as usize };

fn http_version(version: Version) -> HandshakeError {
    let (major, minor) = match version {
        Version::HTTP_09 => (0, 9),
        Version::HTTP_10 => (1, 0),
        Version::HTTP_11 => (1, 1),
        Version::HTTP_2 => (2, 0),
        _ => (3, 0),
    };
    HandshakeError::HttpVersion { major, minor }
}

/// RFC 9113 §8.2.2, RFC 9114 §4.2: "An endpoint MUST NOT generate" them, and a message that has
/// one is malformed.
fn connection_specific(map: &HeaderMap) -> Option<&'static str> {
    let is_trailers = |te: &HeaderValue| te.as_bytes().eq_ignore_ascii_case(b"trailers");
    let fields = [
        fields::CONNECTION,
        fields::UPGRADE,
        fields::TRANSFER_ENCODING,
        "Keep-Alive",
        "Proxy-Connection",
    ];
    let found = fields.into_iter().find(|name| map.contains_key(*name));
    found.or_else(|| (!map.get_all("TE").iter().all(is_trailers)).then_some("TE"))
}

fn check_received(map: &HeaderMap) -> Result<(), HandshakeError> {
    let found = connection_specific(map);
    found.map_or(Ok(()), |header| Err(HandshakeError::ConnectionSpecific { header }))
}

fn check_sent(map: &HeaderMap) -> Result<(), InvalidHandshake> {
    let found = connection_specific(map);
    found.map_or(Ok(()), |header| Err(InvalidHandshake::ConnectionSpecific { header }))
}

fn target(uri: &Uri) -> Result<Target<'_>, HandshakeError> {
    let resource_name = uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
    let authority = uri.authority().map(http::uri::Authority::as_str);
    // RFC 8441 §5: "http" for "ws", "https" for "wss"; and so in `Target::parse`.
    let is_http = uri
        .scheme_str()
        .is_none_or(|it| it.eq_ignore_ascii_case("http") || it.eq_ignore_ascii_case("https"));
    if !is_http
        || !resource_name.starts_with('/')
        || authority.is_some_and(|authority| uri::authority(authority).is_err())
    {
        return Err(HandshakeError::MalformedHead { part: HeadPart::RequestTarget });
    }
    Ok(Target { authority, resource_name })
}

fn final_response<B>(
    status: u16,
    version: Version,
    body: B,
) -> Result<http::Response<B>, InvalidHandshake>
where
    B: AsRef<[u8]>,
{
    let len = alloc::format!("{}", body.as_ref().len());
    let mut answer = http::Response::new(body);
    *answer.status_mut() =
        StatusCode::from_u16(status).map_err(|_| InvalidHandshake::Status { status })?;
    let is_later = version > Version::HTTP_11;
    for (name, value) in outgoing::final_fields(status) {
        if is_later && [fields::CONNECTION, fields::UPGRADE].contains(name) {
            continue;
        }
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
