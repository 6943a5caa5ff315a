//! A client's side of the opening handshake (RFC 6455 §4.1).

use alloc::borrow::Cow;
use alloc::boxed::Box;

use super::accept_key::{self, Accept, Key, accept_key};
use super::body::Body;
use super::error::{HandshakeError, InvalidHandshake};
use super::extensions::Extensions;
use super::fields::{self, Fields, Single, elements, has_token, is_field};
use super::head::{self, Head, HeadSearch, StartLine};
use super::negotiation;
use super::outgoing::Request;
use super::response::IncomingResponse;
use crate::buffer::{RecvBuf, SendBuf};
use crate::config::Config;
use crate::connection::Agreed;
#[cfg(feature = "http")]
use crate::connection::{Connection, Role};

/// A connection in the state CONNECTING, at a client: it has sent its request and waits for the
/// server's response.
///
/// ```
/// use websans::{ClientHandshake, Config, RecvBuf, Request, SendBuf};
/// # use websans::{Response, ServerHandshake};
///
/// let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
/// let request = Request::new("ws://server.example.com/chat")?
///     .header("Origin", "http://example.com")?
///     .subprotocol("chat")?;
/// // … connect a socket to request.uri().host() and request.uri().port() …
/// let config = Config::default();
/// # let config = config.masking_keys(websans::MaskingKeySource(|key| Ok(key.fill(7))));
/// let mut handshake = ClientHandshake::new(&request, config, &mut tx)?;
/// let ws = loop {
///     // tx.write_to(&mut socket)?, then rx.read_from(&mut socket)?, or:
///     # let (mut server_rx, mut server_tx) = (RecvBuf::new(), SendBuf::new());
///     # server_rx.extend(tx.as_slice());
///     # let mut server = ServerHandshake::new(Config::default());
///     # let request = server.next_request(&mut server_rx, &mut SendBuf::new())?.unwrap();
///     # request.accept(&Response::new().subprotocol("chat"), &mut server_tx)?;
///     # let received = server_tx.as_slice();
///     rx.extend(received);
///     if let Some(response) = handshake.next_response(&mut rx)? {
///         break response.into_connection()?;
///     }
/// };
/// assert_eq!(ws.subprotocol(), Some("chat"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ClientHandshake {
    config: Config,
    expected: Expected,
    state: State,
    eof: bool,
}

#[derive(Debug)]
enum State {
    Connecting(HeadSearch),
    Refused {
        head: Head,
        body: Body,
    },
    /// The response was handed out, or the handshake has failed.
    Over(HandshakeError),
}

impl ClientHandshake {
    /// Queues the request. Of `config`, [`max_head_size`](Config::max_head_size) and
    /// [`max_headers`](Config::max_headers) apply to the response, and `Sec-WebSocket-Key` comes
    /// from [`masking_keys`](Config::masking_keys); the rest is for the connection.
    ///
    /// Errors: [`InvalidHandshake::NoEntropy`].
    pub fn new(
        request: &Request,
        config: Config,
        tx: &mut SendBuf,
    ) -> Result<Self, InvalidHandshake> {
        let key = accept_key::generate(config.masking_keys)?;
        let handshake = Self::start_upgrade(request.subprotocols().into(), &key, config);
        tx.push(b"GET ");
        tx.push(request.uri().resource_name().as_bytes());
        tx.push(b" HTTP/1.1\r\nHost: ");
        tx.push(request.uri().authority().as_bytes());
        tx.push(b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ");
        tx.push(&key);
        tx.push(b"\r\nSec-WebSocket-Version: 13\r\n");
        for (name, value) in handshake.offers(request) {
            for part in [name, ": ", &value, "\r\n"] {
                tx.push(part.as_bytes());
            }
        }
        tx.push(request.fields().as_slice());
        tx.push(b"\r\n");
        Ok(handshake)
    }

    /// Waits for the response to a request that offers these subprotocols with this key.
    pub(crate) fn start_upgrade(subprotocols: Box<str>, key: &Key, config: Config) -> Self {
        let state = State::Connecting(HeadSearch::new(StartLine::Response, &config));
        Self::start(subprotocols, config, Form::Upgrade(accept_key(key)), state)
    }

    /// There are no bytes of a response to wait for.
    #[cfg(feature = "http")]
    pub(crate) fn start_extended_connect(request: &Request, config: Config) -> Self {
        let state = State::Over(HandshakeError::Finished);
        Self::start(request.subprotocols().into(), config, Form::ExtendedConnect, state)
    }

    fn start(subprotocols: Box<str>, config: Config, form: Form, state: State) -> Self {
        Self { config, expected: Expected { form, subprotocols }, state, eof: false }
    }

    /// The value of `Sec-WebSocket-Extensions`, unless nothing is offered.
    pub(crate) fn extensions_offer(&self) -> Option<Box<str>> {
        negotiation::offer(&self.config)
    }

    /// The fields that offer subprotocols and extensions.
    pub(crate) fn offers<'r>(
        &self,
        request: &'r Request,
    ) -> impl Iterator<Item = (&'static str, Cow<'r, str>)> + use<'r> {
        let subprotocols = Some(request.subprotocols()).filter(|list| !list.is_empty());
        let extensions = self.extensions_offer();
        let subprotocols = subprotocols.map(|list| (fields::PROTOCOL, Cow::Borrowed(list)));
        let extensions = extensions.map(|list| (fields::EXTENSIONS, Cow::Owned(list.into())));
        subprotocols.into_iter().chain(extensions)
    }

    /// The response, once its head has been received, and the body of a refusal as far as its
    /// length is known; `None` when that takes more bytes. What follows it stays in `rx`.
    ///
    /// Interim responses, such as 103, are skipped. Their heads are held to the same rules, and count
    /// towards the limit on heads.
    ///
    /// Errors: [`HandshakeError`], final; the transport is to be closed. A refusal is no error
    /// before it is made [into a connection](IncomingResponse::into_connection).
    pub fn next_response<'b>(
        &mut self,
        rx: &'b mut RecvBuf,
    ) -> Result<Option<IncomingResponse<'b>>, HandshakeError> {
        match self.advance(rx) {
            Ok(None) => Ok(None),
            Ok(Some(End { head, outcome })) => self.finish(head, outcome, rx).map(Some),
            Err(error) => {
                self.state = State::Over(error);
                Err(error)
            }
        }
    }

    /// Notes that the transport will bring no more bytes, or that the caller will not wait for
    /// more. What is in the [`RecvBuf`] already is still decoded:
    /// [`next_response`](Self::next_response) returns the response if its head is whole, a refusal
    /// with as much of its body as there is, and [`HandshakeError::Eof`] otherwise.
    pub fn handle_eof(&mut self) {
        self.eof = true;
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Whether a response with this status accepts.
    #[cfg(feature = "http")]
    pub(crate) fn accepts(&self, status: u16) -> bool {
        match self.expected.form {
            Form::Upgrade(_) => status == 101,
            Form::ExtendedConnect => matches!(status, 200..=299),
        }
    }

    /// Whether the request was an extended CONNECT.
    #[cfg(feature = "http")]
    pub(crate) fn is_extended_connect(&self) -> bool {
        matches!(self.expected.form, Form::ExtendedConnect)
    }

    /// The connection, if the fields of a response that accepts are as they must be.
    #[cfg(feature = "http")]
    pub(crate) fn connection(self, fields: Fields<'_>) -> Result<Connection, HandshakeError> {
        let agreed = self.expected.check(fields.iter(), fields, &self.config)?;
        Ok(Connection::after_handshake(Role::Client, &self.config, agreed))
    }

    fn advance(&mut self, rx: &mut RecvBuf) -> Result<Option<End>, HandshakeError> {
        loop {
            match &mut self.state {
                State::Over(error) => return Err(*error),
                State::Refused { head, body } => {
                    let received = rx.unread().get(head.len..).unwrap_or_default();
                    if !body.advance(received) && !self.eof {
                        return Ok(None);
                    }
                    let body = core::mem::replace(body, Body::UntilEof);
                    return Ok(Some(End { head: *head, outcome: Outcome::Refused(body) }));
                }
                State::Connecting(search) => {
                    let Some(head) = search.advance(rx.unread())? else {
                        let received = rx.unread().len();
                        let eof = self.eof.then_some(HandshakeError::Eof { received });
                        return eof.map_or(Ok(None), Err);
                    };
                    let bytes = rx.unread().get(..head.len).unwrap_or_default();
                    match Outcome::of(head, bytes, &self.expected, &self.config)? {
                        None => {
                            search.start_again(head.len);
                            rx.lend(head.len);
                        }
                        Some(Outcome::Refused(body)) => self.state = State::Refused { head, body },
                        Some(outcome) => return Ok(Some(End { head, outcome })),
                    }
                }
            }
        }
    }

    /// Everything is there: consumes it from `rx`, and is over.
    fn finish<'b>(
        &mut self,
        head: Head,
        outcome: Outcome,
        rx: &'b mut RecvBuf,
    ) -> Result<IncomingResponse<'b>, HandshakeError> {
        let (agreed, mut body) = match outcome {
            Outcome::Accepted(agreed) => (agreed, Body::Length(0)),
            Outcome::Refused(body) => (Agreed::default(), body),
        };
        let body_len = body.len(rx.unread().get(head.len..).unwrap_or_default());
        let bytes = rx.lend(head.len + body_len);
        let (line, rest) = bytes.split_at_checked(head.start_line_len).unwrap_or_default();
        let (block, rest) =
            rest.split_at_checked(head.len - head.start_line_len).unwrap_or_default();
        let status = head::status_line(line)?;
        self.state = State::Over(match status.code {
            101 => HandshakeError::Finished,
            status => HandshakeError::Refused { status },
        });
        let (body, body_is_complete) = body.finish(rest);
        let (fields, config) = (Fields::Lines(block), self.config);
        Ok(IncomingResponse { status, fields, body, body_is_complete, agreed, config })
    }
}

/// A response that can be handed out.
struct End {
    head: Head,
    outcome: Outcome,
}

enum Outcome {
    Accepted(Agreed),
    Refused(Body),
}

impl Outcome {
    /// `None` for an interim response.
    fn of(
        head: Head,
        bytes: &[u8],
        expected: &Expected,
        config: &Config,
    ) -> Result<Option<Self>, HandshakeError> {
        let (line, block) = bytes.split_at_checked(head.start_line_len).unwrap_or_default();
        let status = head::status_line(line)?;
        if (status.code, status.minor_version) == (101, 0) {
            return Err(HandshakeError::HttpVersion { major: 1, minor: 0 });
        }
        head::read_fields(head, block, |headers| {
            let pairs = headers.iter().map(|header| (header.name, header.value));
            Ok(match status.code {
                101 => Some(Self::Accepted(expected.check(pairs, Fields::Lines(block), config)?)),
                100..200 => None,
                _ => Some(Self::Refused(Body::of(status, pairs))),
            })
        })
    }
}

/// What a response must be like to accept the request that was sent.
#[derive(Debug)]
pub(crate) struct Expected {
    form: Form,
    /// Those that were offered: a list as it went into the field.
    subprotocols: Box<str>,
}

/// How the request asked for a WebSocket connection, and so what answers it.
#[derive(Debug)]
#[cfg_attr(not(feature = "http"), allow(dead_code))]
enum Form {
    /// HTTP/1.1: `Sec-WebSocket-Accept`, beside `Upgrade` and `Connection`.
    Upgrade(Accept),
    /// HTTP/2 and HTTP/3 (RFC 8441 §5): the status, and no field.
    ExtendedConnect,
}

impl Expected {
    /// The client's validation of the server's response (§4.1), but for its status. `pairs` are
    /// the same as `all`, in a form that costs nothing to iterate over.
    pub(crate) fn check<'b>(
        &self,
        pairs: impl Iterator<Item = (&'b str, &'b [u8])>,
        all: Fields<'b>,
        config: &Config,
    ) -> Result<Agreed, HandshakeError> {
        let mut upgrade = None;
        let mut connection = None;
        let mut accept = Single::new(fields::ACCEPT);
        let mut subprotocol = Single::new(fields::PROTOCOL);
        let mut has_extensions = false;
        for (name, value) in pairs {
            match name.len() {
                7 if is_field!(name, fields::UPGRADE) => {
                    let only = value.eq_ignore_ascii_case(b"websocket");
                    upgrade = Some(only && upgrade.unwrap_or(true));
                }
                10 if is_field!(name, fields::CONNECTION) => {
                    let has = has_token(value, "Upgrade");
                    connection = Some(has || connection.unwrap_or(false));
                }
                20 if is_field!(name, fields::ACCEPT) => accept.set(value),
                22 if is_field!(name, fields::PROTOCOL) => subprotocol.set(value),
                24 if is_field!(name, fields::EXTENSIONS) => has_extensions = true,
                _ => {}
            }
        }
        match &self.form {
            Form::Upgrade(expected) => {
                let asked = [(upgrade, fields::UPGRADE), (connection, fields::CONNECTION)];
                for (conforms, header) in asked {
                    match conforms {
                        None => return Err(HandshakeError::MissingHeader { header }),
                        Some(false) => return Err(HandshakeError::InvalidHeader { header }),
                        Some(true) => {}
                    }
                }
                if accept.required()? != expected {
                    return Err(HandshakeError::AcceptMismatch);
                }
            }
            Form::ExtendedConnect => {}
        }
        let subprotocol = subprotocol.optional()?.map(|name| self.offered(name)).transpose()?;
        let mut agreed = Agreed { subprotocol: subprotocol.map(Box::from), ..Agreed::default() };
        if has_extensions {
            let answers = || all.values(fields::EXTENSIONS).flat_map(Extensions::new);
            answers().try_for_each(|answer| answer.map(drop))?;
            negotiation::check_answer(answers().filter_map(Result::ok), config, &mut agreed)?;
        }
        Ok(agreed)
    }

    fn offered(&self, name: &[u8]) -> Result<&str, HandshakeError> {
        let offered = elements(self.subprotocols.as_bytes()).find(|offered| *offered == name);
        offered.and_then(fields::token).ok_or(HandshakeError::SubprotocolNotOffered)
    }
}
