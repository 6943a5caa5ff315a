//! A client's request, as a server sees it (RFC 6455 §4.2).

use alloc::boxed::Box;

use super::accept_key::{self, Key, accept_key};
use super::error::{HandshakeError, InvalidHandshake};
use super::extensions::{Extension, Extensions};
use super::fields::{self, Fields, Headers, Single, elements, has_token, is_field};
use super::head::{self, Head, Target};
use super::negotiation;
use super::outgoing::{Rejection, Response};
use super::uri;
use crate::buffer::SendBuf;
use crate::config::Config;
use crate::connection::{Agreed, Connection, Role};

/// A request for a WebSocket connection: well-formed, and now to be accepted or rejected.
///
/// It borrows the [`RecvBuf`](crate::RecvBuf), so nothing more can be received before it is
/// decided on; the bytes after it wait there. Dropping it sends nothing.
///
/// Browsers let any page on the web connect to any server, with the user's cookies: unless that
/// is wanted, look at the [`origin`](Self::origin), or let in only what
/// [`is_same_origin`](Self::is_same_origin) (§10.2).
#[derive(Clone, Debug)]
#[must_use = "a request is to be accepted or rejected"]
pub struct IncomingRequest<'b> {
    target: Target<'b>,
    host: &'b str,
    origin: Option<&'b str>,
    form: Form<'b>,
    fields: Fields<'b>,
    config: Config,
}

/// How a request asks for a WebSocket connection.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "http"), allow(dead_code))]
pub(crate) enum Form<'b> {
    /// HTTP/1.1 (RFC 6455 §4.2.1): `Upgrade`, with the value of `Sec-WebSocket-Key`.
    Upgrade(&'b Key),
    /// HTTP/2 and HTTP/3 (RFC 8441 §5, RFC 9220): nothing in it is to be answered.
    ExtendedConnect,
}

impl<'b> IncomingRequest<'b> {
    /// What is asked for (§3): the path and the query, as sent, such as `/chat?room=1`.
    #[must_use]
    pub fn resource_name(&self) -> &'b str {
        self.target.resource_name
    }

    /// The path as sent, without the query. It begins with "/".
    #[must_use]
    pub fn path(&self) -> &'b str {
        self.resource_name().split_once('?').map_or(self.resource_name(), |(path, _)| path)
    }

    /// The query as sent, without the "?"; `None` without one.
    #[must_use]
    pub fn query(&self) -> Option<&'b str> {
        self.resource_name().split_once('?').map(|(_, query)| query)
    }

    /// The host that the client means to talk to, and the port if it is not the default one.
    ///
    /// Whoever is deceived into connecting (DNS rebinding) says another one: compare it with the
    /// names of the server where that matters.
    #[must_use]
    pub fn host(&self) -> &'b str {
        self.host
    }

    /// The origin of the script that made the request, such as `https://example.com`, or `null`.
    /// Browsers always send it; others need not.
    #[must_use]
    pub fn origin(&self) -> Option<&'b str> {
        self.origin
    }

    /// Whether no other site's script made this request: the host and port of the origin are
    /// those of [`host`](Self::host), or there is no origin, and so no browser.
    ///
    /// Of the scheme no more is known than that it is `http` or `https`.
    #[must_use]
    pub fn is_same_origin(&self) -> bool {
        self.origin.is_none_or(|origin| is_same_origin(origin, self.host))
    }

    /// The value of the first header field of that name, whose case does not matter.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        self.fields.values(name).next()
    }

    /// All header fields, in order; see [`Headers`].
    #[must_use]
    pub fn headers(&self) -> Headers<'b> {
        self.fields.iter()
    }

    /// The subprotocols that the client offers, those it prefers first.
    pub fn subprotocols(&self) -> impl Iterator<Item = &'b str> + use<'b> {
        self.fields.values(fields::PROTOCOL).flat_map(elements).filter_map(fields::token)
    }

    /// The first of `supported` that the client offers.
    ///
    /// ```no_run
    /// # fn f(request: websans::IncomingRequest<'_>, tx: &mut websans::SendBuf)
    /// # -> Result<(), websans::InvalidHandshake> {
    /// use websans::Response;
    ///
    /// let chosen = request.choose_subprotocol(&["chat.v2", "chat"]);
    /// let ws = request.accept(&Response::new().subprotocol(chosen), tx)?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn choose_subprotocol<'a>(&self, supported: &[&'a str]) -> Option<&'a str> {
        supported.iter().copied().find(|name| self.offers_subprotocol(name))
    }

    /// The extensions that the client offers, those it prefers first.
    pub fn extensions(&self) -> impl Iterator<Item = Extension<'b>> + use<'b> {
        // None of them is malformed: see `check`.
        self.fields.values(fields::EXTENSIONS).flat_map(Extensions::new).filter_map(Result::ok)
    }

    /// Accepts: queues the response, after which the server may send.
    ///
    /// Errors when the subprotocol was not offered, or when the request was an extended CONNECT
    /// ([`InvalidHandshake::ExtendedConnect`]). Nothing is sent then, and the request can still be
    /// rejected.
    pub fn accept(
        &self,
        response: &Response<'_>,
        tx: &mut SendBuf,
    ) -> Result<Connection, InvalidHandshake> {
        let Form::Upgrade(key) = self.form else {
            return Err(InvalidHandshake::ExtendedConnect);
        };
        let (agreed, extensions) = self.agree(response)?;
        let mut head = *b"HTTP/1.1 101 Switching Protocols\r\n\
            Upgrade: websocket\r\n\
            Connection: Upgrade\r\n\
            Sec-WebSocket-Accept: ____________________________";
        if let Some(place) = head.last_chunk_mut() {
            *place = accept_key(key);
        }
        tx.push(&head);
        if let Some(subprotocol) = &agreed.subprotocol {
            tx.push(b"\r\nSec-WebSocket-Protocol: ");
            tx.push(subprotocol.as_bytes());
        }
        if let Some(extensions) = &extensions {
            tx.push(b"\r\nSec-WebSocket-Extensions: ");
            tx.push(extensions.as_bytes());
        }
        match response.fields.as_slice() {
            [] => tx.push(b"\r\n\r\n"),
            lines => {
                tx.push(b"\r\n");
                tx.push(lines);
                tx.push(b"\r\n");
            }
        }
        Ok(self.connection(agreed))
    }

    /// Rejects: queues the response, after which the transport is to be closed. It says
    /// `Connection: close`, and whatever the client sends after it is not looked at.
    pub fn reject(&self, rejection: &Rejection<'_>, tx: &mut SendBuf) {
        rejection.write(tx);
    }

    #[cfg(feature = "http")]
    pub(crate) fn form(&self) -> Form<'b> {
        self.form
    }

    /// What accepting settles, and the extensions that go into the response (§4.2.2 4).
    pub(crate) fn agree(
        &self,
        response: &Response<'_>,
    ) -> Result<(Agreed, Option<Box<str>>), InvalidHandshake> {
        if response.subprotocol.is_some_and(|name| !self.offers_subprotocol(name)) {
            return Err(InvalidHandshake::SubprotocolNotOffered);
        }
        let mut agreed =
            Agreed { subprotocol: response.subprotocol.map(Box::from), ..Agreed::default() };
        let extensions = negotiation::answer(self.extensions(), &self.config, &mut agreed);
        Ok((agreed, extensions))
    }

    pub(crate) fn connection(&self, agreed: Agreed) -> Connection {
        Connection::after_handshake(Role::Server, &self.config, agreed)
    }

    fn offers_subprotocol(&self, name: &str) -> bool {
        self.subprotocols().any(|offered| offered == name)
    }
}

/// Reading the client's opening handshake (§4.2.1).
impl<'b> IncomingRequest<'b> {
    pub(crate) fn parse(
        head: Head,
        bytes: &'b [u8],
        config: &Config,
    ) -> Result<Self, HandshakeError> {
        let (line, block) = bytes.split_at_checked(head.start_line_len).unwrap_or_default();
        let target = head::request_line(line)?;
        let required = head::read_fields(head, block, |headers| {
            Required::of_upgrade(headers.iter().map(|header| (header.name, header.value)))
        })?;
        Ok(Self::new(target, &required, Fields::Lines(block), config))
    }

    pub(crate) fn new(
        target: Target<'b>,
        required: &Required<'b>,
        fields: Fields<'b>,
        config: &Config,
    ) -> Self {
        // RFC 9112 §3.2.2: a target in absolute form overrides the field.
        let host = target.authority.unwrap_or(required.host);
        let Required { origin, form, .. } = *required;
        Self { target, host, origin, form, fields, config: *config }
    }
}

/// The fields that a request must have, and `Origin`, after all have been checked.
pub(crate) struct Required<'b> {
    host: &'b str,
    origin: Option<&'b str>,
    form: Form<'b>,
}

impl<'b> Required<'b> {
    /// Of a request over HTTP/1.1 (§4.2.1).
    pub(crate) fn of_upgrade(
        fields: impl Iterator<Item = (&'b str, &'b [u8])>,
    ) -> Result<Self, HandshakeError> {
        Found::of(fields).check_upgrade()
    }

    /// Of an extended CONNECT (RFC 8441 §5), whose `:authority` stands for `Host`.
    #[cfg(feature = "http")]
    pub(crate) fn of_extended_connect(
        fields: impl Iterator<Item = (&'b str, &'b [u8])>,
        authority: Option<&'b str>,
    ) -> Result<Self, HandshakeError> {
        Found::of(fields).check_extended_connect(authority)
    }
}

/// What there is of the fields that matter, however many lines they come in.
struct Found<'b> {
    host: Single<'b>,
    origin: Single<'b>,
    key: Single<'b>,
    version: Single<'b>,
    websocket: bool,
    upgrade: bool,
    body: Option<&'static str>,
    subprotocols: List,
    extensions: List,
}

impl<'b> Found<'b> {
    #[inline]
    fn of(fields: impl Iterator<Item = (&'b str, &'b [u8])>) -> Self {
        let mut found = Self::new();
        for (name, value) in fields {
            found.take(name, value);
        }
        found
    }

    fn new() -> Self {
        Self {
            host: Single::new(fields::HOST),
            origin: Single::new(fields::ORIGIN),
            key: Single::new(fields::KEY),
            version: Single::new(fields::VERSION),
            websocket: false,
            upgrade: false,
            body: None,
            subprotocols: List::new(fields::PROTOCOL),
            extensions: List::new(fields::EXTENSIONS),
        }
    }

    fn take(&mut self, name: &str, value: &'b [u8]) {
        match name.len() {
            4 if is_field!(name, fields::HOST) => self.host.set(value),
            6 if is_field!(name, fields::ORIGIN) => self.origin.set(value),
            7 if is_field!(name, fields::UPGRADE) => {
                self.websocket |= has_token(value, "websocket");
            }
            10 if is_field!(name, fields::CONNECTION) => {
                self.upgrade |= has_token(value, "Upgrade");
            }
            14 if is_field!(name, fields::CONTENT_LENGTH) && value != b"0" => {
                self.body = Some(fields::CONTENT_LENGTH);
            }
            17 if is_field!(name, fields::KEY) => self.key.set(value),
            17 if is_field!(name, fields::TRANSFER_ENCODING) => {
                self.body = Some(fields::TRANSFER_ENCODING);
            }
            21 if is_field!(name, fields::VERSION) => self.version.set(value),
            22 if is_field!(name, fields::PROTOCOL) => {
                self.subprotocols.add(elements(value).map(fields::is_token));
            }
            24 if is_field!(name, fields::EXTENSIONS) => {
                self.extensions.add(Extensions::new(value).map(|extension| extension.is_ok()));
            }
            _ => {}
        }
    }

    /// A request for something else learns that it should upgrade; what is wrong with an upgrade
    /// is said only to who asks for one.
    fn check_upgrade(self) -> Result<Required<'b>, HandshakeError> {
        self.check_body()?;
        let host = self.host()?;
        for (asks, header) in
            [(self.websocket, fields::UPGRADE), (self.upgrade, fields::CONNECTION)]
        {
            if !asks {
                return Err(HandshakeError::NotAnUpgrade { header });
            }
        }
        self.check_version()?;
        let key = accept_key::check(self.key.required()?).ok_or(self.key.invalid())?;
        Ok(Required { host, origin: self.rest()?, form: Form::Upgrade(key) })
    }

    /// RFC 8441 §5: `:protocol` has said what `Upgrade`, `Connection` and `Sec-WebSocket-Key` say,
    /// and the last is passed over.
    #[cfg(feature = "http")]
    fn check_extended_connect(
        self,
        authority: Option<&'b str>,
    ) -> Result<Required<'b>, HandshakeError> {
        self.check_body()?;
        // RFC 9113 §8.3.1: `Host` must not say something else.
        let host = match (authority, self.host.optional()?) {
            (Some(authority), None) => authority,
            (Some(authority), Some(host)) if authority.as_bytes().eq_ignore_ascii_case(host) => {
                authority
            }
            (Some(_), Some(_)) => return Err(self.host.invalid()),
            (None, _) => self.host()?,
        };
        self.check_version()?;
        Ok(Required { host, origin: self.rest()?, form: Form::ExtendedConnect })
    }

    #[inline]
    fn check_body(&self) -> Result<(), HandshakeError> {
        self.body.map_or(Ok(()), |header| Err(HandshakeError::Body { header }))
    }

    #[inline]
    fn host(&self) -> Result<&'b str, HandshakeError> {
        let host = fields::visible(self.host.required()?);
        host.filter(|host| uri::authority(host).is_ok()).ok_or(self.host.invalid())
    }

    #[inline]
    fn check_version(&self) -> Result<(), HandshakeError> {
        match self.version.optional()? {
            Some(b"13") => Ok(()),
            _ => Err(HandshakeError::Version),
        }
    }

    /// `Origin`, after what may be there and need not.
    #[inline]
    fn rest(&self) -> Result<Option<&'b str>, HandshakeError> {
        // One that cannot be read must not pass for one that is not there.
        let origin = match self.origin.optional()? {
            Some(value) => Some(fields::visible(value).ok_or(self.origin.invalid())?),
            None => None,
        };
        self.subprotocols.check()?;
        self.extensions.check()?;
        Ok(origin)
    }
}

/// A list of at least one element (§4.3), in any number of lines.
struct List {
    name: &'static str,
    is_there: bool,
    has_element: bool,
    is_malformed: bool,
}

impl List {
    const fn new(name: &'static str) -> Self {
        Self { name, is_there: false, has_element: false, is_malformed: false }
    }

    fn add(&mut self, conforming: impl Iterator<Item = bool>) {
        self.is_there = true;
        for conforms in conforming {
            self.has_element = true;
            self.is_malformed |= !conforms;
        }
    }

    fn check(&self) -> Result<(), HandshakeError> {
        if self.is_malformed || (self.is_there && !self.has_element) {
            return Err(HandshakeError::InvalidHeader { header: self.name });
        }
        Ok(())
    }
}

/// Compares the ASCII serialization of an origin (RFC 6454 §6.2) with a value of `Host`.
fn is_same_origin(origin: &str, host: &str) -> bool {
    let Some((scheme, origin)) = origin.split_once("://") else { return false };
    let default_port = match scheme {
        _ if scheme.eq_ignore_ascii_case("http") => 80,
        _ if scheme.eq_ignore_ascii_case("https") => 443,
        _ => return false,
    };
    let (Ok((origin, origin_port)), Ok((host, port))) =
        (uri::authority(origin), uri::authority(host))
    else {
        return false;
    };
    origin.eq_ignore_ascii_case(host)
        && origin_port.unwrap_or(default_port) == port.unwrap_or(default_port)
}
