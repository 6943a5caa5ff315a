//! Heads of HTTP/1.1 in bytes as types of the `http` crate: a server that answers other requests on
//! the same port, and a client whose request is put together elsewhere.

use alloc::string::String;
use alloc::vec;

use httparse::{EMPTY_HEADER, Status};

use super::accept_key::{self, Key};
use super::client::ClientHandshake;
use super::error::{HandshakeError, HeadPart, InvalidHandshake, InvalidUri};
use super::fields::{self, Fields, Single, elements, has_token, is_field};
use super::head::{Head, begins_as_request};
use super::server::ServerHandshake;
use super::uri;
use crate::buffer::{RecvBuf, SendBuf};
use crate::config::Config;

impl ServerHandshake {
    /// The head of a request, whatever it asks for, as a value that is independent of the buffer;
    /// `None` when that takes more bytes. What follows the head, such as the body of a POST, stays
    /// in `rx`.
    ///
    /// It is for a server that answers other requests on the same port:
    /// [`IncomingRequest::from_http`](crate::IncomingRequest::from_http) says whether it is an
    /// opening handshake, and [`IncomingRequest::accept`](crate::IncomingRequest::accept) answers
    /// that in bytes. The method is any, the version HTTP/1.0 or HTTP/1.1. For
    /// the next request of the same connection there is a new `ServerHandshake`.
    ///
    /// Errors: as for [`next_request`](Self::next_request), for a head that is malformed or over a
    /// limit; the response that tells the client has been queued in `tx`.
    ///
    /// ```
    /// use websans::{Config, HandshakeError, IncomingRequest, RecvBuf, SendBuf, ServerHandshake};
    ///
    /// let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    /// rx.extend(b"GET /health HTTP/1.1\r\nHost: server.example.com\r\n\r\n");
    /// let mut handshake = ServerHandshake::new(Config::default());
    /// let request = handshake.next_http(&mut rx, &mut tx)?.expect("the head is whole");
    /// match IncomingRequest::from_http(&request, Config::default()) {
    ///     Ok(request) => drop(request.accept(&websans::Response::new(), &mut tx)),
    ///     Err(HandshakeError::NotAnUpgrade { .. }) if request.uri().path() == "/health" => {
    ///         // socket.write_all(b"HTTP/1.1 204 No Content\r\n\r\n")?;
    ///     }
    ///     Err(error) => drop(error.to_http(request.version())),
    /// }
    /// # assert!(tx.is_empty());
    /// # Ok::<(), HandshakeError>(())
    /// ```
    pub fn next_http(
        &mut self,
        rx: &mut RecvBuf,
        tx: &mut SendBuf,
    ) -> Result<Option<http::Request<()>>, HandshakeError> {
        self.accept_any_request();
        self.next_head(rx, tx, |head, bytes, _| request(head, bytes))
    }
}

fn request(head: Head, bytes: &[u8]) -> Result<http::Request<()>, HandshakeError> {
    let malformed = |part| HandshakeError::MalformedHead { part };
    begins_as_request(bytes)?;
    let mut headers = vec![EMPTY_HEADER; head.field_count()];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(bytes) {
        Ok(Status::Complete(len)) if len == bytes.len() => {}
        Err(httparse::Error::HeaderName) => return Err(malformed(HeadPart::HeaderName)),
        Err(httparse::Error::HeaderValue) => return Err(malformed(HeadPart::HeaderValue)),
        Err(httparse::Error::Token | httparse::Error::Version) => {
            return Err(malformed(HeadPart::RequestLine));
        }
        _ => return Err(malformed(HeadPart::LineEnd)),
    }
    let mut request = http::Request::new(());
    *request.version_mut() = match parsed.version {
        Some(0) => http::Version::HTTP_10,
        _ => http::Version::HTTP_11,
    };
    let method = parsed.method.unwrap_or_default();
    *request.method_mut() = method.parse().map_err(|_| malformed(HeadPart::RequestLine))?;
    let target = parsed.path.unwrap_or_default();
    *request.uri_mut() = target.parse().map_err(|_| malformed(HeadPart::RequestTarget))?;
    for header in parsed.headers.iter() {
        let name = http::HeaderName::from_bytes(header.name.as_bytes())
            .map_err(|_| malformed(HeadPart::HeaderName))?;
        let value = http::HeaderValue::from_bytes(header.value)
            .map_err(|_| malformed(HeadPart::HeaderValue))?;
        let added = request.headers_mut().try_append(name, value);
        added.map_err(|_| HandshakeError::TooManyHeaders { limit: head.field_count() })?;
    }
    Ok(request)
}

impl ClientHandshake {
    /// Queues a request that was put together elsewhere. Its fields are sent as they are, in the
    /// order of the map, the values byte for byte, and of the fields that a handshake must have
    /// (§4.1) those that are missing are added: `Host` from an absolute URI, `Upgrade`,
    /// `Connection`, `Sec-WebSocket-Version`, and `Sec-WebSocket-Key`.
    ///
    /// The subprotocols are those that the request offers. A `Sec-WebSocket-Extensions` of its own
    /// takes the place of the offer of permessage-deflate; the answer must fit
    /// [`Config::permessage_deflate`] all the same.
    ///
    /// Errors: [`InvalidHandshake::Method`] where it is not a GET over HTTP/1.1,
    /// [`InvalidHandshake::Uri`], [`InvalidHandshake::Header`] where a field is not as it must be,
    /// [`InvalidHandshake::Subprotocol`], [`InvalidHandshake::DuplicateSubprotocol`],
    /// [`InvalidHandshake::NoEntropy`].
    ///
    /// ```
    /// use websans::{ClientHandshake, Config, SendBuf};
    ///
    /// let request = http::Request::get("ws://server.example.com/chat?room=1")
    ///     .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    ///     .header("Authorization", "Bearer Q2hhdA")
    ///     .body(())?;
    /// let mut tx = SendBuf::new();
    /// let handshake = ClientHandshake::from_http(&request, Config::default(), &mut tx)?;
    /// let sent = std::str::from_utf8(tx.as_slice())?;
    /// assert!(sent.starts_with("GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com\r\n"));
    /// assert!(sent.contains("\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_http<B>(
        request: &http::Request<B>,
        config: Config,
        tx: &mut SendBuf,
    ) -> Result<Self, InvalidHandshake> {
        if request.method() != http::Method::GET || request.version() != http::Version::HTTP_11 {
            return Err(InvalidHandshake::Method);
        }
        // §3: the path is "/" if it is empty.
        let resource_name = request.uri().path_and_query().map_or("", |it| it.as_str());
        let slash = match resource_name.as_bytes().first() {
            None | Some(b'?') => "/",
            Some(b'/') => "",
            Some(_) => return Err(InvalidUri::ResourceName { at: 0 }.into()),
        };
        let given = Given::of(Fields::Map(request.headers()))?;
        let host = given.host(request.uri())?;
        let key = match given.key {
            Some(key) => key,
            None => accept_key::generate(config.masking_keys)?,
        };
        let handshake = Self::start_upgrade(given.subprotocols.into(), &key, config);

        for part in ["GET ", slash, resource_name, " HTTP/1.1\r\n"] {
            tx.push(part.as_bytes());
        }
        let [own_host, others @ ..] = fields::of_client(host.unwrap_or_default(), &key);
        if host.is_some() {
            write(own_host.0, own_host.1, tx);
        }
        for (name, value) in Fields::Map(request.headers()).iter() {
            write(name, value, tx);
        }
        let is_given = [given.upgrade, given.connection, given.key.is_some(), given.version];
        for ((name, value), is_given) in others.into_iter().zip(is_given) {
            if !is_given {
                write(name, value, tx);
            }
        }
        if let (false, Some(offer)) = (given.extensions, handshake.extensions_offer()) {
            write(fields::EXTENSIONS, offer.as_bytes(), tx);
        }
        tx.push(b"\r\n");
        Ok(handshake)
    }
}

fn write(name: &str, value: &[u8], tx: &mut SendBuf) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        tx.push(part);
    }
}

/// Which of the fields that matter a request has, after they were checked (§4.1).
#[allow(clippy::struct_excessive_bools)] // none follows from another
struct Given<'a> {
    host: Option<&'a [u8]>,
    upgrade: bool,
    connection: bool,
    version: bool,
    key: Option<Key>,
    extensions: bool,
    /// A list, as it would go into one field.
    subprotocols: String,
}

impl<'a> Given<'a> {
    fn of(all: Fields<'a>) -> Result<Self, InvalidHandshake> {
        let invalid = |header| InvalidHandshake::Header { header };
        let mut host = Single::new(fields::HOST);
        let mut key = Single::new(fields::KEY);
        let mut version = Single::new(fields::VERSION);
        let (mut upgrade, mut connection) = (None, None);
        let mut extensions = false;
        let mut subprotocols = String::new();
        for (name, value) in all.iter() {
            match name {
                _ if is_field!(name, fields::HOST) => host.set(value),
                _ if is_field!(name, fields::KEY) => key.set(value),
                _ if is_field!(name, fields::VERSION) => version.set(value),
                _ if is_field!(name, fields::EXTENSIONS) => extensions = true,
                _ if is_field!(name, fields::UPGRADE) => {
                    upgrade = Some(upgrade.unwrap_or(false) || has_token(value, "websocket"));
                }
                _ if is_field!(name, fields::CONNECTION) => {
                    connection = Some(connection.unwrap_or(false) || has_token(value, "Upgrade"));
                }
                _ if is_field!(name, fields::CONTENT_LENGTH) && value != b"0" => {
                    return Err(invalid(fields::CONTENT_LENGTH));
                }
                _ if is_field!(name, fields::TRANSFER_ENCODING) => {
                    return Err(invalid(fields::TRANSFER_ENCODING));
                }
                _ if is_field!(name, fields::PROTOCOL) => {
                    for offered in elements(value) {
                        let offered =
                            fields::token(offered).ok_or(InvalidHandshake::Subprotocol)?;
                        super::outgoing::offer_subprotocol(&mut subprotocols, offered)?;
                    }
                }
                _ => {}
            }
        }
        let once = |field: Single<'a>, header| field.optional().map_err(|_| invalid(header));
        if once(version, fields::VERSION)?.is_some_and(|version| version != b"13") {
            return Err(invalid(fields::VERSION));
        }
        for (asks, header) in [(upgrade, fields::UPGRADE), (connection, fields::CONNECTION)] {
            if asks == Some(false) {
                return Err(invalid(header));
            }
        }
        let key = match once(key, fields::KEY)? {
            Some(key) => Some(*accept_key::check(key).ok_or(invalid(fields::KEY))?),
            None => None,
        };
        Ok(Self {
            host: once(host, fields::HOST)?,
            upgrade: upgrade.is_some(),
            connection: connection.is_some(),
            version: once(version, fields::VERSION)?.is_some(),
            key,
            extensions,
            subprotocols,
        })
    }

    /// The value of `Host` that is to be added, if there is none.
    fn host<'u>(&self, uri: &'u http::Uri) -> Result<Option<&'u str>, InvalidHandshake> {
        let scheme = uri.scheme_str();
        let is_web = |it: &str| ["ws", "wss", "http", "https"].contains(&it);
        if scheme.is_some_and(|scheme| !is_web(scheme)) {
            return Err(InvalidUri::Scheme.into());
        }
        let of_uri = uri.authority().map(http::uri::Authority::as_str);
        if of_uri.is_some_and(|authority| authority.contains('@')) {
            return Err(InvalidUri::Userinfo.into());
        }
        if let Some(authority) = of_uri {
            uri::authority(authority)?;
        }
        match (self.host, of_uri) {
            (Some(host), _) => {
                let host = fields::visible(host).filter(|host| uri::authority(host).is_ok());
                host.ok_or(InvalidHandshake::Header { header: fields::HOST })?;
                Ok(None)
            }
            (None, Some(authority)) => Ok(Some(authority)),
            (None, None) => Err(InvalidHandshake::Header { header: fields::HOST }),
        }
    }
}
