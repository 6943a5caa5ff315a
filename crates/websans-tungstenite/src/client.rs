//! A client's end of a connection.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};

use http::{HeaderName, Uri, header};

use crate::error::{Error, Result, UrlError};
use crate::handshake::HandshakeError;
use crate::handshake::client::{ClientHandshake, Request, Response, generate_key};
use crate::handshake::headers::FromHttparse;
use crate::protocol::{WebSocket, WebSocketConfig};
use crate::stream::{MaybeTlsStream, Mode, NoDelay};

/// Connects over TCP, and over TLS if the URL is `wss` and a feature for TLS is on, and makes the
/// opening handshake. Blocks. Follows up to `max_redirects` redirects.
pub fn connect_with_config<Req: IntoClientRequest>(
    request: Req,
    config: Option<WebSocketConfig>,
    max_redirects: u8,
) -> Result<(WebSocket<MaybeTlsStream<TcpStream>>, Response)> {
    let mut request = request.into_client_request()?;
    for _ in 0..max_redirects {
        match connect_once(request.clone(), config) {
            Err(Error::Http(response)) if response.status().is_redirection() => {
                let Some(location) = response.headers().get(header::LOCATION) else {
                    return Err(Error::Http(response));
                };
                *request.uri_mut() = location.to_str()?.parse()?;
            }
            result => return result,
        }
    }
    connect_once(request, config)
}

/// [`connect_with_config`] with the defaults, and up to 3 redirects.
pub fn connect<Req: IntoClientRequest>(
    request: Req,
) -> Result<(WebSocket<MaybeTlsStream<TcpStream>>, Response)> {
    connect_with_config(request, None, 3)
}

fn connect_once(
    request: Request,
    config: Option<WebSocketConfig>,
) -> Result<(WebSocket<MaybeTlsStream<TcpStream>>, Response)> {
    let uri = request.uri();
    let mode = uri_mode(uri)?;
    if matches!(mode, Mode::Tls) && !cfg!(any(feature = "native-tls", feature = "__rustls-tls")) {
        return Err(UrlError::TlsFeatureNotEnabled.into());
    }
    let host = uri.host().ok_or(Error::Url(UrlError::NoHostName))?;
    // RFC 3986 §3.2.2: the brackets are not part of the address.
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let port = uri.port_u16().unwrap_or(match mode {
        Mode::Plain => 80,
        Mode::Tls => 443,
    });
    let mut stream = (host, port)
        .to_socket_addrs()?
        .find_map(|address| TcpStream::connect(address).ok())
        .ok_or_else(|| Error::Url(UrlError::UnableToConnect(uri.to_string())))?;
    NoDelay::set_nodelay(&mut stream, true)?;
    #[cfg(any(feature = "native-tls", feature = "__rustls-tls"))]
    let result = crate::tls::client_tls_with_config(request, stream, config, None);
    #[cfg(not(any(feature = "native-tls", feature = "__rustls-tls")))]
    let result = client_with_config(request, MaybeTlsStream::Plain(stream), config);
    result.map_err(|error| match error {
        HandshakeError::Failure(error) => error,
        // A timeout of the socket, since it blocks.
        HandshakeError::Interrupted(_) => Error::Io(std::io::ErrorKind::WouldBlock.into()),
    })
}

/// Whether a URL is `ws` or `wss`.
pub fn uri_mode(uri: &Uri) -> Result<Mode> {
    match uri.scheme_str() {
        Some("ws") => Ok(Mode::Plain),
        Some("wss") => Ok(Mode::Tls),
        _ => Err(UrlError::UnsupportedUrlScheme.into()),
    }
}

/// Makes the opening handshake over a transport, with settings.
///
/// Errors: [`HandshakeError::Interrupted`] if the transport would block.
pub fn client_with_config<Stream, Req>(
    request: Req,
    stream: Stream,
    config: Option<WebSocketConfig>,
) -> Result<(WebSocket<Stream>, Response), HandshakeError<ClientHandshake<Stream>>>
where
    Stream: Read + Write,
    Req: IntoClientRequest,
{
    ClientHandshake::start(stream, request.into_client_request()?, config)?.handshake()
}

/// Makes the opening handshake over a transport.
///
/// Errors: as [`client_with_config`].
pub fn client<Stream, Req>(
    request: Req,
    stream: Stream,
) -> Result<(WebSocket<Stream>, Response), HandshakeError<ClientHandshake<Stream>>>
where
    Stream: Read + Write,
    Req: IntoClientRequest,
{
    client_with_config(request, stream, None)
}

/// What a client's request can be made of: a URL, which gets the header fields that a handshake needs,
/// or a request that has them, and is sent as it is.
pub trait IntoClientRequest {
    /// The request.
    fn into_client_request(self) -> Result<Request>;
}

impl IntoClientRequest for &str {
    fn into_client_request(self) -> Result<Request> {
        self.parse::<Uri>()?.into_client_request()
    }
}

impl IntoClientRequest for &String {
    fn into_client_request(self) -> Result<Request> {
        self.as_str().into_client_request()
    }
}

impl IntoClientRequest for String {
    fn into_client_request(self) -> Result<Request> {
        self.as_str().into_client_request()
    }
}

impl IntoClientRequest for &Uri {
    fn into_client_request(self) -> Result<Request> {
        self.clone().into_client_request()
    }
}

impl IntoClientRequest for Uri {
    fn into_client_request(self) -> Result<Request> {
        let authority = self.authority().ok_or(Error::Url(UrlError::NoHostName))?.as_str();
        // `Host` has no userinfo (RFC 9110 §7.2).
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        if host.is_empty() {
            return Err(UrlError::EmptyHostName.into());
        }
        let request = Request::get("/")
            .header(header::HOST, host)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, generate_key());
        Ok(request.uri(self).body(())?)
    }
}

#[cfg(feature = "url")]
impl IntoClientRequest for &url::Url {
    fn into_client_request(self) -> Result<Request> {
        self.as_str().into_client_request()
    }
}

#[cfg(feature = "url")]
impl IntoClientRequest for url::Url {
    fn into_client_request(self) -> Result<Request> {
        self.as_str().into_client_request()
    }
}

impl IntoClientRequest for Request {
    fn into_client_request(self) -> Result<Request> {
        Ok(self)
    }
}

impl IntoClientRequest for httparse::Request<'_, '_> {
    fn into_client_request(self) -> Result<Request> {
        Request::from_httparse(self)
    }
}

/// A URL with more header fields and subprotocols.
///
/// ```no_run
/// use tungstenite::{ClientRequestBuilder, connect};
///
/// let request = ClientRequestBuilder::new("ws://127.0.0.1:9001/chat".parse().unwrap())
///     .with_header("Authorization", "Bearer token")
///     .with_sub_protocol("chat");
/// let (socket, response) = connect(request)?;
/// # Ok::<(), tungstenite::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ClientRequestBuilder {
    uri: Uri,
    headers: Vec<(String, String)>,
    subprotocols: Vec<String>,
}

impl ClientRequestBuilder {
    /// Of a URL.
    #[must_use]
    pub const fn new(uri: Uri) -> Self {
        Self { uri, headers: Vec::new(), subprotocols: Vec::new() }
    }

    /// Adds a header field.
    #[must_use]
    pub fn with_header<K: Into<String>, V: Into<String>>(mut self, key: K, value: V) -> Self {
        self.headers.push((key.into(), value.into()));
        self
    }

    /// Offers a subprotocol; the first one is preferred.
    #[must_use]
    pub fn with_sub_protocol<P: Into<String>>(mut self, protocol: P) -> Self {
        self.subprotocols.push(protocol.into());
        self
    }
}

impl IntoClientRequest for ClientRequestBuilder {
    fn into_client_request(self) -> Result<Request> {
        let mut request = self.uri.into_client_request()?;
        let headers = request.headers_mut();
        for (name, value) in self.headers {
            headers.append(HeaderName::try_from(name)?, value.parse()?);
        }
        if !self.subprotocols.is_empty() {
            headers.append(header::SEC_WEBSOCKET_PROTOCOL, self.subprotocols.join(", ").parse()?);
        }
        Ok(request)
    }
}
