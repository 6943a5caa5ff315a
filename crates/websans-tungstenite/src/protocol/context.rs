//! A connection without its transport, which each call brings. All transitions between the states
//! of the closing handshake, as tungstenite has them, are here.
//!
//! ```text
//!          close() ─► ClosedByUs ──close frame──► CloseAcknowledged ──┐
//! Active ──┤                                                          ├─EOF (a server: reply written)─► Terminated
//!          close frame ─► ClosedByPeer ───────────────────────────────┘
//!          violation ─► Failed
//! ```

use std::io::{self, Read, Write};

use bytes::Bytes;
use websans::frame::MAX_CONTROL_PAYLOAD;
use websans::{Event, Reader, RecvBuf};

use super::config::limit;
use super::frame::coding::{CloseCode, Control, OpCode};
use super::outgoing::{Outgoing, check_close, check_control};
use super::{CloseFrame, Message, Role, WebSocketConfig, frame::Utf8Bytes, spare};
use crate::error::{Error, ProtocolError, Result, violation};
use crate::extensions;

/// A connection without its transport. See [`WebSocket`](super::WebSocket).
#[derive(Debug)]
pub struct WebSocketContext {
    role: Role,
    state: State,
    reader: Reader,
    received: RecvBuf,
    outgoing: Outgoing,
    /// What is to be sent before the next message, at most one.
    pending: Option<Pending>,
    /// Something that was pending has been written and not flushed.
    unflushed: bool,
    config: WebSocketConfig,
}

/// Messages that are shorter are copied out of the buffer, which stays for the next; longer ones take
/// its memory with them, if they fill most of it.
const COPIED: usize = 48 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Active,
    ClosedByUs,
    ClosedByPeer,
    CloseAcknowledged,
    Terminated,
    /// The peer broke the protocol. Reading says how again and again; what waits can be flushed.
    Failed(websans::Error),
}

/// What reading obliges to send (§5.5.1, §5.5.2), or a pong of the application.
#[derive(Debug)]
enum Pending {
    Pong(Bytes),
    Close(Option<CloseFrame>),
}

impl State {
    /// After our close frame the peer may still send, until it has closed, too.
    fn can_read(self) -> bool {
        matches!(self, Self::Active | Self::ClosedByUs)
    }

    #[inline]
    fn check_not_terminated(self) -> Result<()> {
        if self == Self::Terminated { Err(Error::AlreadyClosed) } else { Ok(()) }
    }
}

impl WebSocketContext {
    /// After a handshake that agreed on `config.extensions`.
    ///
    /// # Panics
    ///
    /// If `max_write_buffer_size` is not greater than `write_buffer_size`.
    #[must_use]
    pub fn new(role: Role, config: Option<WebSocketConfig>) -> Self {
        let config = config.unwrap_or_default();
        config.assert_valid();
        let connection = extensions::connection(role, config.limits(), &config.extensions);
        let (reader, writer) = connection.split();
        Self {
            role,
            state: State::Active,
            reader,
            received: RecvBuf::new(),
            outgoing: Outgoing::new(role, writer),
            pending: None,
            unflushed: false,
            config,
        }
    }

    /// The same, with bytes that were read after the handshake.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    #[must_use]
    pub fn from_partially_read(part: Vec<u8>, role: Role, config: Option<WebSocketConfig>) -> Self {
        let mut context = Self::new(role, config);
        context.received.extend(&part);
        context
    }

    /// Changes settings, the limits from the next frame on. What the handshake agreed on stays, as
    /// does `accept_unmasked_frames`.
    ///
    /// # Panics
    ///
    /// As [`new`](Self::new).
    pub fn set_config(&mut self, set_func: impl FnOnce(&mut WebSocketConfig)) {
        let before = self.config;
        set_func(&mut self.config);
        self.config.assert_valid();
        self.config.extensions = before.extensions;
        self.config.accept_unmasked_frames = before.accept_unmasked_frames;
        self.reader.set_max_message_size(limit(self.config.max_message_size));
        self.reader.set_max_frame_size(limit(self.config.max_frame_size));
    }

    /// The settings, with what was agreed on in `extensions`.
    #[must_use]
    pub fn get_config(&self) -> &WebSocketConfig {
        &self.config
    }

    /// Whether messages may still come.
    #[must_use]
    pub fn can_read(&self) -> bool {
        self.state.can_read()
    }

    /// Whether messages may still be sent.
    #[must_use]
    pub fn can_write(&self) -> bool {
        self.state == State::Active
    }

    /// The next message. Before that, what earlier ones oblige to send is written and flushed, as far
    /// as the transport takes it.
    ///
    /// After a close frame, read on until [`Error::ConnectionClosed`].
    ///
    /// Errors: [`Error::ConnectionClosed`] at the end, [`Error::AlreadyClosed`] after it, what the peer
    /// did wrong, and the transport's, of which only `WouldBlock` is not final.
    pub fn read<Stream: Read + Write>(&mut self, stream: &mut Stream) -> Result<Message> {
        self.state.check_not_terminated()?;
        if self.pending.is_some() || self.unflushed {
            match self.flush(stream) {
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.unflushed = true;
                }
                result => result?,
            }
        } else if self.is_over_for_server() {
            self.state = State::Terminated;
            return Err(Error::ConnectionClosed);
        }
        if let State::Failed(error) = self.state {
            return Err(violation(error));
        }
        while self.state.can_read() {
            match self.reader.next_event(&mut self.received) {
                Ok(Some(Event::Text(text))) if text.len() < COPIED => {
                    return Ok(Message::Text(text.into()));
                }
                Ok(Some(Event::Binary(data))) if data.len() < COPIED => {
                    return Ok(Message::Binary(Bytes::copy_from_slice(data)));
                }
                Ok(Some(Event::Text(_))) => {
                    return Ok(Message::Text(self.received.take_text().into()));
                }
                Ok(Some(Event::Binary(_))) => {
                    return Ok(Message::Binary(self.received.take_bytes()));
                }
                Ok(Some(Event::Ping(payload))) => {
                    let payload = Bytes::copy_from_slice(payload);
                    if self.state == State::Active {
                        self.set_pending(Pending::Pong(payload.clone()));
                    }
                    return Ok(Message::Ping(payload));
                }
                Ok(Some(Event::Pong(payload))) => {
                    return Ok(Message::Pong(Bytes::copy_from_slice(payload)));
                }
                Ok(Some(Event::Close(frame))) => {
                    let frame = frame.code.map(|code| CloseFrame {
                        code: code.number().into(),
                        reason: frame.reason.into(),
                    });
                    return Ok(self.closed_by_peer(frame));
                }
                Ok(None) => {
                    if self.receive(stream)? == 0 {
                        return Err(self.ended());
                    }
                }
                // A code that must not be on the wire is answered, and told, as 1002.
                Err(websans::Error::CloseCode { .. }) => {
                    let code = CloseCode::Protocol;
                    let reason = Utf8Bytes::from_static("Protocol violation");
                    return Ok(self.closed_by_peer(Some(CloseFrame { code, reason })));
                }
                Err(error) => return Err(self.fail(error, stream)),
            }
        }
        self.drain(stream)
    }

    /// Queues a message. What is queued is written if it has become more than `write_buffer_size`,
    /// and flushed if something was pending.
    ///
    /// Errors: [`Error::WriteBufferFull`] with the message, [`ProtocolError::SendAfterClosing`],
    /// [`Error::AlreadyClosed`], [`ProtocolError::ControlFrameTooBig`], and the transport's; after
    /// those the message is queued all the same.
    pub fn write<Stream>(&mut self, stream: &mut Stream, message: Message) -> Result<()>
    where
        Stream: Read + Write,
    {
        self.state.check_not_terminated()?;
        if self.state != State::Active {
            return Err(ProtocolError::SendAfterClosing.into());
        }
        match message {
            Message::Close(frame) => return self.close(stream, frame),
            // It takes the place of one that waits, and is flushed by the application.
            Message::Pong(payload) => {
                check_control(&payload)?;
                self.set_pending(Pending::Pong(payload));
                return self.write_pending(stream).map(|_| ());
            }
            message => {
                let compressing = self.config.extensions.permessage_deflate.is_some();
                let closes = is_raw_close(&message);
                self.outgoing.push(message, self.config.max_write_buffer_size, compressing)?;
                if closes {
                    self.state = State::ClosedByUs;
                }
                self.write_if_much(stream)?;
            }
        }
        if self.write_pending(stream)? { self.flush(stream) } else { Ok(()) }
    }

    /// Writes what is pending and queued, and flushes the transport.
    ///
    /// Errors: [`Error::ConnectionClosed`] of a server that has answered the peer's close frame, and
    /// the transport's.
    pub fn flush<Stream: Read + Write>(&mut self, stream: &mut Stream) -> Result<()> {
        self.write_pending(stream)?;
        self.outgoing.write_to(stream)?;
        stream.flush()?;
        self.unflushed = false;
        Ok(())
    }

    /// Queues a close frame, if none was, and flushes. Then read until [`Error::ConnectionClosed`].
    ///
    /// Errors: [`ProtocolError::InvalidCloseSequence`] for a code that must not be on the wire,
    /// [`ProtocolError::ControlFrameTooBig`] for a reason of more than 123 bytes, both of which change
    /// nothing; and as [`flush`](Self::flush).
    pub fn close<Stream>(&mut self, stream: &mut Stream, code: Option<CloseFrame>) -> Result<()>
    where
        Stream: Read + Write,
    {
        if self.state == State::Active {
            check_close(code.as_ref())?;
            // Nothing may follow the close frame, so that a pong has to go before it.
            if let Some(Pending::Pong(payload)) = self.pending.take() {
                self.outgoing.push_pong(&payload)?;
            }
            self.outgoing.push_close(code.as_ref())?;
            self.state = State::ClosedByUs;
            self.write_if_much(stream)?;
        }
        self.flush(stream)
    }

    /// Reads once: how many bytes came. With nothing half-way the buffer is the thread's.
    fn receive(&mut self, stream: &mut impl Read) -> Result<usize> {
        spare::take_recv(&mut self.received);
        match stream.read(self.received.spare_mut()) {
            Ok(n) => {
                self.received.advance(n);
                Ok(n)
            }
            Err(error) => {
                spare::give_recv(&mut self.received);
                Err(self.or_closed(error))
            }
        }
    }

    /// The peer has closed: what still comes is ignored (§1.4), until its end comes.
    fn drain(&mut self, stream: &mut impl Read) -> Result<Message> {
        self.received.clear();
        spare::take_recv(&mut self.received);
        loop {
            match stream.read(self.received.spare_mut()) {
                Ok(0) => return Err(self.ended()),
                Ok(_) => {}
                Err(error) => {
                    spare::give_recv(&mut self.received);
                    return Err(self.or_closed(error));
                }
            }
        }
    }

    /// The transport has ended.
    fn ended(&mut self) -> Error {
        spare::give_recv(&mut self.received);
        match std::mem::replace(&mut self.state, State::Terminated) {
            State::ClosedByPeer | State::CloseAcknowledged => Error::ConnectionClosed,
            _ => ProtocolError::ResetWithoutClosingHandshake.into(),
        }
    }

    /// A peer that has closed may reset the transport.
    fn or_closed(&self, error: io::Error) -> Error {
        if !self.state.can_read() && error.kind() == io::ErrorKind::ConnectionReset {
            Error::ConnectionClosed
        } else {
            Error::Io(error)
        }
    }

    fn closed_by_peer(&mut self, frame: Option<CloseFrame>) -> Message {
        if self.state == State::Active {
            self.state = State::ClosedByPeer;
            self.set_pending(Pending::Close(frame.clone()));
        } else {
            self.state = State::CloseAcknowledged;
        }
        Message::Close(frame)
    }

    /// The peer broke the protocol: it is told, if the transport takes it at once. What it does not
    /// take waits for [`flush`](Self::flush).
    fn fail(&mut self, error: websans::Error, stream: &mut impl Write) -> Error {
        if self.config.report_violations && self.state == State::Active {
            self.pending = None;
            self.outgoing.push_failure(error);
            // Of two errors the first is told.
            let _ = self.outgoing.write_to(stream).and_then(|()| stream.flush());
        }
        self.state = State::Failed(error);
        violation(error)
    }

    /// A close frame stays; a pong gives way to what comes later (§5.5.3).
    fn set_pending(&mut self, pending: Pending) {
        if !matches!(self.pending, Some(Pending::Close(_))) {
            self.pending = Some(pending);
        }
    }

    /// A server that has nothing more to receive ends the connection when it has answered.
    #[inline]
    fn is_over_for_server(&self) -> bool {
        use State::{CloseAcknowledged, ClosedByPeer, Terminated};
        self.role == Role::Server
            && matches!(self.state, ClosedByPeer | CloseAcknowledged | Terminated)
    }

    /// Queues what is pending. Whether it, or what was pending before, is to be flushed.
    #[inline]
    fn write_pending(&mut self, stream: &mut impl Write) -> Result<bool> {
        if self.pending.is_none() && !self.is_over_for_server() {
            return Ok(self.unflushed);
        }
        self.push_pending(stream)
    }

    fn push_pending(&mut self, stream: &mut impl Write) -> Result<bool> {
        let to_flush = match self.pending.take() {
            None => self.unflushed,
            Some(Pending::Close(frame)) => {
                self.outgoing.push_close(frame.as_ref())?;
                self.write_if_much(stream)?;
                true
            }
            Some(Pending::Pong(payload)) => {
                let len =
                    self.outgoing.len().saturating_add(self.outgoing.frame_len(payload.len()));
                let fits = len <= self.config.max_write_buffer_size;
                if fits {
                    self.outgoing.push_pong(&payload)?;
                    self.write_if_much(stream)?;
                } else {
                    self.pending = Some(Pending::Pong(payload));
                }
                fits
            }
        };
        if self.is_over_for_server() {
            // §7.1.1: the server closes the transport first.
            self.outgoing.write_to(stream)?;
            self.state = State::Terminated;
            return Err(Error::ConnectionClosed);
        }
        Ok(to_flush)
    }

    #[inline]
    fn write_if_much(&mut self, stream: &mut impl Write) -> Result<()> {
        if self.outgoing.len() <= self.config.write_buffer_size {
            return Ok(());
        }
        self.outgoing.write_to(stream).map_err(|error| self.or_closed(error))
    }
}

/// Nothing may follow a close frame, whoever made it (RFC 6455 §5.5.1).
#[inline]
fn is_raw_close(message: &Message) -> bool {
    let Message::Frame(frame) = message else { return false };
    frame.header().opcode == OpCode::Control(Control::Close)
}

const _: () = assert!(MAX_CONTROL_PAYLOAD == 125);
