//! A connection after its opening handshake: the thin join of a [`Reader`] and a [`Writer`].
//!
//! The states and every transition between them stand in `state.rs`.

mod link;
mod reader;
mod state;
mod step;
mod writer;

use alloc::boxed::Box;
use core::fmt;

pub use self::reader::Reader;
pub use self::state::{CloseEvent, CloseStatus, State};
pub use self::writer::Writer;

use self::link::Link;
pub(crate) use self::step::Step;
use crate::buffer::{RecvBuf, SendBuf};
use crate::close::CloseCode;
use crate::config::Config;
use crate::deflate::{AgreedDeflate, Deflation, Inflation};
use crate::error::{Error, SendError};
use crate::event::{Event, PartialEvent};
use crate::frame::FrameHeader;
use crate::message::{Message, PreparedMessage};
use crate::payload::Payload;
use crate::reply::Reply;

/// Which endpoint we are. A client masks what it sends, a server does not (RFC 6455 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The endpoint that opened the connection.
    Client,
    /// The endpoint that accepted it.
    Server,
}

/// What the opening handshake settled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agreed {
    pub(crate) subprotocol: Option<Box<str>>,
    pub(crate) deflate: Option<AgreedDeflate>,
}

impl Agreed {
    #[cfg(feature = "deflate")]
    fn inflation(&self, role: Role) -> Option<Inflation> {
        self.deflate.as_ref().map(|agreed| Inflation::new(role, agreed))
    }

    #[cfg(feature = "deflate")]
    fn deflation(&self, role: Role, config: &Config) -> Option<Deflation> {
        let settings = config.permessage_deflate.unwrap_or_default();
        self.deflate.as_ref().and_then(|agreed| Deflation::new(role, agreed, &settings))
    }

    #[cfg(not(feature = "deflate"))]
    #[allow(clippy::unused_self)]
    fn inflation(&self, _: Role) -> Option<Inflation> {
        None
    }

    #[cfg(not(feature = "deflate"))]
    #[allow(clippy::unused_self)]
    fn deflation(&self, _: Role, _: &Config) -> Option<Deflation> {
        None
    }
}

/// A WebSocket connection after its opening handshake.
///
/// It is made by [`IncomingRequest::accept`](crate::IncomingRequest::accept) or
/// [`IncomingResponse::into_connection`](crate::IncomingResponse::into_connection), or by
/// [`server`](Self::server) and [`client`](Self::client) when the handshake was made elsewhere.
/// Over HTTP/2 and HTTP/3 (RFC 8441, RFC 9220) the feature `http` makes it, with subprotocol and
/// permessage-deflate: `IncomingRequest::from_extended_connect`.
///
/// Bytes from the peer go into a [`RecvBuf`], [`next_event`](Self::next_event) makes events of
/// them; whatever must be sent goes to a [`SendBuf`], from where the caller writes it. No method
/// does I/O, looks at a clock, blocks or panics.
///
/// **Memory.** It owns no heap memory while it is idle, but for the name of a subprotocol and the
/// contexts of permessage-deflate where those are taken over.
///
/// ```
/// use websans::{Config, Connection, Event, RecvBuf, SendBuf};
///
/// let (mut client, mut rx, mut tx) =
///     (Connection::client(Config::default()), RecvBuf::new(), SendBuf::new());
/// client.send_text("Hello", &mut tx)?;
///
/// let mut server = Connection::server(Config::default());
/// rx.extend(tx.as_slice()); // in place of a network
/// let event = server.next_event(&mut rx, &mut SendBuf::new())?;
/// assert_eq!(event, Some(Event::Text("Hello")));
/// assert_eq!(server.next_event(&mut rx, &mut SendBuf::new())?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    reader: Reader,
    writer: Writer,
}

impl Connection {
    /// The server's end of a connection whose handshake was made elsewhere.
    #[must_use]
    pub fn server(config: Config) -> Self {
        Self::after_handshake(Role::Server, &config, Agreed::default())
    }

    /// The client's end of a connection whose handshake was made elsewhere.
    #[must_use]
    pub fn client(config: Config) -> Self {
        Self::after_handshake(Role::Client, &config, Agreed::default())
    }

    /// [`server`](Self::server), with what that handshake agreed on of permessage-deflate. Of
    /// [`Config::permessage_deflate`], how to compress is taken, not what to agree on.
    ///
    /// ```
    /// use websans::{AgreedDeflate, Config, Connection};
    ///
    /// // The value of Sec-WebSocket-Extensions in the response:
    /// let answer = "permessage-deflate; client_no_context_takeover; server_max_window_bits=10";
    /// let agreed = AgreedDeflate::from_answer(answer.as_bytes())?;
    /// let ws = Connection::server_with(Config::default(), agreed);
    /// assert_eq!(ws.permessage_deflate(), Some(agreed));
    /// # Ok::<(), websans::HandshakeError>(())
    /// ```
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn server_with(config: Config, agreed: AgreedDeflate) -> Self {
        let agreed = Agreed { deflate: Some(agreed), ..Agreed::default() };
        Self::after_handshake(Role::Server, &config, agreed)
    }

    /// [`client`](Self::client), as [`server_with`](Self::server_with).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn client_with(config: Config, agreed: AgreedDeflate) -> Self {
        let agreed = Agreed { deflate: Some(agreed), ..Agreed::default() };
        Self::after_handshake(Role::Client, &config, agreed)
    }

    pub(crate) fn after_handshake(role: Role, config: &Config, agreed: Agreed) -> Self {
        let writer = Writer::new(role, config, agreed.deflation(role, config));
        Self { reader: Reader::new(role, config, agreed), writer }
    }

    /// The next event in what has been received, with messages whole; `None` when that takes more
    /// bytes. What an event obliges to send has been queued in `tx` when it is returned.
    ///
    /// If parts of the message were taken with [`next_partial`](Self::next_partial) before, the
    /// event holds what is left of it.
    ///
    /// After the peer's close frame there are no events: bytes that follow it are ignored.
    ///
    /// Errors: [`Error`], final; the close frame that tells the peer has been queued.
    #[inline]
    pub fn next_event<'b>(
        &mut self,
        rx: &'b mut RecvBuf,
        tx: &mut SendBuf,
    ) -> Result<Option<Event<'b>>, Error> {
        Ok(self.next_step(rx, tx, false)?.map(|step| step.event(rx)))
    }

    /// The next event in what has been received, with messages in parts: as much as is there, so
    /// that a message may be larger than memory.
    ///
    /// [`Config::max_message_size`] applies all the same. The rest is as for
    /// [`next_event`](Self::next_event).
    ///
    /// ```
    /// use websans::{Config, Connection, Event, Message, Part, RecvBuf, SendBuf};
    ///
    /// let mut ws = Connection::client(Config::default().max_message_size(None));
    /// let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    /// rx.extend(b"\x81\x0aHello");
    /// let part = Part { data: "Hello", first: true, last: false };
    /// assert_eq!(ws.next_partial(&mut rx, &mut tx)?, Some(Event::Text(part)));
    /// rx.extend(b"World");
    /// let part = Part { data: "World", first: false, last: true };
    /// assert_eq!(ws.next_partial(&mut rx, &mut tx)?, Some(Event::Text(part)));
    /// # Ok::<(), websans::Error>(())
    /// ```
    #[inline]
    pub fn next_partial<'b>(
        &mut self,
        rx: &'b mut RecvBuf,
        tx: &mut SendBuf,
    ) -> Result<Option<PartialEvent<'b>>, Error> {
        Ok(self.next_step(rx, tx, true)?.map(|step| step.partial_event(rx)))
    }

    /// Says that the transport has ended: it will bring no more bytes.
    ///
    /// The end comes after what has been received. Once [`next_event`](Self::next_event) has
    /// returned all of that, it returns [`Error::Eof`] if there was no close frame (§7.1.5), which
    /// is final. So this may be called early, and loses nothing.
    pub fn handle_eof(&mut self) {
        self.reader.handle_eof();
    }

    /// Sends a text message in one frame. See [`send`](Self::send).
    #[inline]
    pub fn send_text(&mut self, text: &str, tx: &mut SendBuf) -> Result<(), SendError> {
        self.writer.send_text(text, tx)
    }

    /// Sends a binary message in one frame. See [`send`](Self::send).
    #[inline]
    pub fn send_binary(&mut self, data: &[u8], tx: &mut SendBuf) -> Result<(), SendError> {
        self.writer.send_binary(data, tx)
    }

    /// Sends a message or a part of one: [`Writer::send`].
    #[inline]
    pub fn send(&mut self, message: Message<'_>, tx: &mut SendBuf) -> Result<(), SendError> {
        self.writer.send(message, tx)
    }

    /// Sends a message that was encoded once for many: [`Writer::send_prepared`].
    #[inline]
    pub fn send_prepared(
        &mut self,
        message: &PreparedMessage,
        tx: &mut SendBuf,
    ) -> Result<(), SendError> {
        self.writer.send_prepared(message, tx)
    }

    /// Announces a payload that comes from elsewhere: [`Writer::send_header`].
    pub fn send_header(
        &mut self,
        message: Message<'_>,
        len: u64,
        tx: &mut SendBuf,
    ) -> Result<(), SendError> {
        self.writer.send_header(message, len, tx)
    }

    /// Sends a frame as it is, unchecked: [`Writer::send_raw_frame`].
    pub fn send_raw_frame<'a>(
        &mut self,
        header: FrameHeader,
        payload: impl Into<Payload<'a>>,
        tx: &mut SendBuf,
    ) -> Result<(), SendError> {
        self.writer.send_raw_frame(header, payload, tx)
    }

    /// Sends a ping: [`Writer::send_ping`].
    pub fn send_ping(&mut self, payload: &[u8], tx: &mut SendBuf) -> Result<(), SendError> {
        self.writer.send_ping(payload, tx)
    }

    /// Sends an unsolicited pong: [`Writer::send_pong`].
    pub fn send_pong(&mut self, payload: &[u8], tx: &mut SendBuf) -> Result<(), SendError> {
        self.writer.send_pong(payload, tx)
    }

    /// Begins the closing handshake: [`Writer::close`].
    pub fn close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
        tx: &mut SendBuf,
    ) -> Result<(), SendError> {
        self.writer.close(code, reason, tx)
    }

    /// Where the connection stands.
    #[must_use]
    pub fn state(&self) -> State {
        State::of(self.reader.state.end(), self.writer.state)
    }

    /// Whether messages can be sent: no close frame was, and the connection has not failed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.writer.is_open()
    }

    /// How the connection ended, once the peer's close frame has come or the connection failed.
    #[must_use]
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        CloseStatus::of(self.reader.state.end(), self.reader.state.reason(), self.writer.state)
    }

    /// The subprotocol that was agreed on, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.reader.subprotocol()
    }

    /// What was agreed on of permessage-deflate, if it was.
    #[must_use]
    pub fn permessage_deflate(&self) -> Option<AgreedDeflate> {
        self.reader.permessage_deflate()
    }

    /// Gives back what memory of the compressor and the decompressor can be given back while the
    /// connection is idle: [`Reader::release`], [`Writer::release`].
    pub fn release(&mut self) {
        self.reader.release();
        self.writer.release();
    }

    /// The two halves, for two tasks. See [`Reader`] and [`Writer`]. This allocates what the two
    /// share: their states, and what was agreed on.
    #[must_use]
    pub fn split(self) -> (Reader, Writer) {
        let Self { mut reader, mut writer } = self;
        let link = Link::new(reader.agreed().clone(), &reader.state, writer.state);
        reader.link = Some(link.clone());
        writer.link = Some(link);
        (reader, writer)
    }

    /// The whole again, of the two halves of one connection.
    ///
    /// Errors: [`NotOneConnection`] gives back two halves that are of different connections.
    // The error is as large as what is returned otherwise.
    #[allow(clippy::result_large_err)]
    pub fn join(mut reader: Reader, mut writer: Writer) -> Result<Self, NotOneConnection> {
        match (&reader.link, &writer.link) {
            (Some(one), Some(other)) if one.is(other) => {
                (reader.link, writer.link) = (None, None);
                Ok(Self { reader, writer })
            }
            _ => Err(NotOneConnection(reader, writer)),
        }
    }

    /// Changes [`Config::max_message_size`], from the next frame on: once the peer has said who it
    /// is, for example.
    ///
    /// ```
    /// use websans::{Config, Connection, Error, RecvBuf, SendBuf};
    ///
    /// let mut ws = Connection::client(Config::default());
    /// ws.set_max_message_size(4);
    /// let mut rx = RecvBuf::new();
    /// rx.extend(b"\x81\x05Hello");
    /// let result = ws.next_event(&mut rx, &mut SendBuf::new());
    /// assert_eq!(result, Err(Error::MessageTooLarge { len: 5, limit: 4 }));
    /// ```
    pub fn set_max_message_size(&mut self, bytes: impl Into<Option<u64>>) {
        self.reader.set_max_message_size(bytes);
    }

    /// Changes [`Config::max_frame_size`], from the next frame on.
    pub fn set_max_frame_size(&mut self, bytes: impl Into<Option<u64>>) {
        self.reader.set_max_frame_size(bytes);
    }

    /// Which endpoint we are.
    #[must_use]
    pub fn role(&self) -> Role {
        self.writer.role()
    }

    /// The next event as a range of the buffer, for those who go on using the buffer before they
    /// return the event.
    #[inline]
    pub(crate) fn next_step(
        &mut self,
        rx: &mut RecvBuf,
        tx: &mut SendBuf,
        partial: bool,
    ) -> Result<Option<Step>, Error> {
        match self.reader.whole_message(rx) {
            Ok(None) => self.step(rx, tx, partial),
            Ok(step) => Ok(step),
            Err(error) => Err(self.fail(error, tx)),
        }
    }

    fn step(
        &mut self,
        rx: &mut RecvBuf,
        tx: &mut SendBuf,
        partial: bool,
    ) -> Result<Option<Step>, Error> {
        match self.reader.step(rx, partial) {
            Ok(Some(step)) if step.opcode().is_control() => {
                let reply = step.control_event::<(), ()>(rx).reply();
                match reply.map_or(Ok(()), |reply| self.reply(&reply, tx)) {
                    Ok(()) => Ok(Some(step)),
                    Err(error) => {
                        rx.discard();
                        Err(self.fail(error, tx))
                    }
                }
            }
            Ok(step) => Ok(step),
            Err(error) => Err(self.fail(error, tx)),
        }
    }

    pub(crate) fn reply(&mut self, reply: &Reply, tx: &mut SendBuf) -> Result<(), Error> {
        match self.writer.reply(reply, tx) {
            Err(SendError::TooManyReplies { limit }) => Err(Error::TooManyReplies { limit }),
            // The peer has closed; that our reply cannot be masked takes nothing from that.
            Err(_) if !reply.ends() => Err(Error::NoEntropy),
            _ => Ok(()),
        }
    }

    #[cold]
    pub(crate) fn fail(&mut self, error: Error, tx: &mut SendBuf) -> Error {
        let error = self.reader.state.fail(error);
        self.writer.fail(error, tx);
        error
    }

    /// Nothing can be sent any more.
    pub(crate) fn end_writing(&mut self) {
        self.writer.end();
    }
}

/// Two halves that are not of one connection, from [`Connection::join`].
#[derive(Debug)]
pub struct NotOneConnection(
    /// The half that reads.
    pub Reader,
    /// The half that writes.
    pub Writer,
);

impl fmt::Display for NotOneConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of two connections")
    }
}

impl core::error::Error for NotOneConnection {}
