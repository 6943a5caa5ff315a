//! The whole life of a connection, without I/O: opening handshake, messages, deadlines, closing
//! handshake, and the end of the transport.
//!
//! ```text
//!             bytes, EOF ──►┐ handle_read                  next_event ┌──► events
//!  what the transport took ►│ handle_written, …               next_io ├──► what the transport does next
//!                  the time ►│ handle_timeout             next_timeout └──► when to be woken
//!                            │
//!            opening ──► open ──► closing ──► draining ──► over
//!       (ServerHandshake,  (the states of Connection)
//!        ClientHandshake)
//! ```
//!
//! The states of the protocol are those of [`Connection`] and stand in `connection/state.rs`. What
//! a session adds is time (`timers.rs`) and the transport.

mod event;
mod timers;

use core::time::Duration;

pub use self::event::{Io, PartialSessionEvent, SessionError, SessionEvent};

use self::timers::{Due, Stage, Timers};
use crate::buffer::{RecvBuf, SendBuf};
use crate::close::CloseCode;
use crate::connection::{CloseStatus, Connection, Role, State, Step};
use crate::deadlines::Deadlines;
use crate::error::{Error, SendError, Timeout};
use crate::frame::Opcode;
use crate::handshake::{
    ClientHandshake, HandshakeError, IncomingRequest, InvalidHandshake, Rejection, Response,
    ServerHandshake,
};
use crate::message::{Message, PreparedMessage};
use crate::reply::Reply;

/// A connection from its opening handshake to the end of its transport, with its deadlines.
///
/// It does no I/O and reads no clock. A program drives it with a loop of four steps, in this order:
///
/// 1. Take events with [`next_event`](Self::next_event) until it returns `None` or an error, and
///    send what there is to send.
/// 2. Ask [`next_io`](Self::next_io) what the transport is to do, do it, and report it:
///    [`handle_read`](Self::handle_read), [`handle_written`](Self::handle_written),
///    [`handle_flushed`](Self::handle_flushed), [`handle_shut_down`](Self::handle_shut_down).
/// 3. If the transport can do none of it now, wait until it can, at most until
///    [`next_timeout`](Self::next_timeout).
/// 4. When that time has come, say so with [`handle_timeout`](Self::handle_timeout).
///
/// The loop goes on after an error, until `next_io` says [`Io::Close`]: what was accepted for
/// sending is written, the peer is told what was wrong, and the transport is closed such that all
/// of it arrives.
///
/// The time `now` is a duration since any moment that the caller keeps to, such as
/// `start.elapsed()`. A time before an earlier one counts as the earlier one.
///
/// ```no_run
/// use std::io::{ErrorKind, Read, Write};
/// use std::net::{Shutdown, TcpStream};
/// use std::time::{Duration, Instant};
/// use websans::{Config, Io, RecvBuf, Response, SendBuf, ServerHandshake, Session, SessionEvent};
///
/// fn serve(mut socket: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
///     let start = Instant::now();
///     let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
///     let mut ws = Session::server(ServerHandshake::new(Config::default()), Duration::ZERO);
///     loop {
///         while let Ok(Some(event)) = ws.next_event(&mut rx, &mut tx) {
///             match event {
///                 SessionEvent::Request(request) => {
///                     ws.accept(&request, &Response::new(), &mut tx)?;
///                 }
///                 SessionEvent::Text(text) => ws.send_text(text, &mut tx)?,
///                 _ => {}
///             }
///         }
///         let timeout = ws.next_timeout().map(|at| at.saturating_sub(start.elapsed()));
///         let timeout = timeout.map(|time| time.max(Duration::from_millis(1)));
///         socket.set_read_timeout(timeout)?;
///         socket.set_write_timeout(timeout)?;
///         let done = match ws.next_io(&tx, start.elapsed()) {
///             Io::Read | Io::Drain => {
///                 rx.read_from(&mut socket).map(|n| ws.handle_read(n, start.elapsed()))
///             }
///             Io::Write => {
///                 socket.write(tx.as_slice()).map(|n| {
///                     tx.consume(n);
///                     ws.handle_written(n, start.elapsed());
///                 })
///             }
///             Io::Flush => socket.flush().map(|()| ws.handle_flushed(start.elapsed())),
///             Io::ShutDown => socket.shutdown(Shutdown::Write).map(|()| ws.handle_shut_down()),
///             Io::Close => return Ok(()),
///         };
///         match done {
///             Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
///                 ws.handle_timeout(start.elapsed());
///             }
///             done => done?,
///         }
///     }
/// }
/// ```
///
/// **Memory.** It owns no heap memory beside that of its [`Connection`]; its size is below 512
/// bytes. The buffers are the caller's, and while they are empty they can serve any number of
/// sessions in turn.
#[derive(Debug)]
pub struct Session {
    phase: Phase,
    role: Role,
    timers: Timers,
    error: Option<SessionError>,
    /// The transport brings no more bytes.
    eof: bool,
    /// The transport takes no more bytes.
    write_lost: bool,
    /// The transport may hold bytes that it has not passed on.
    unflushed: bool,
    /// The transport's write side has been shut down.
    shut_down: bool,
    /// Everything that was to be said has been written.
    all_written: bool,
    /// A ping of the session's own may wait to be written.
    ping_waits: bool,
    over: bool,
}

#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // a session is in the larger one for most of its life
enum Phase {
    Server {
        handshake: ServerHandshake,
        /// The request was handed out, and the application has not answered it.
        asked: bool,
    },
    Client(ClientHandshake),
    Open(Connection),
    /// There will be no connection.
    Refused,
}

impl Session {
    /// A server's session, which waits for the request that begins the opening handshake. The
    /// deadlines are those of the handshake's [`Config`](crate::Config).
    #[must_use]
    pub fn server(handshake: ServerHandshake, now: Duration) -> Self {
        let deadlines = handshake.config().deadlines;
        Self::new(Phase::Server { handshake, asked: false }, Role::Server, deadlines, now)
    }

    /// A client's session, which has queued its request and waits for the response. The deadlines
    /// are those of the handshake's [`Config`](crate::Config).
    ///
    /// ```
    /// use core::time::Duration;
    /// use websans::{ClientHandshake, Config, Request, SendBuf, Session};
    ///
    /// let mut tx = SendBuf::new();
    /// let request = Request::new("ws://server.example.com/chat")?;
    /// let config = Config::default();
    /// # let config = config.masking_keys(websans::MaskingKeySource(|key| Ok(key.fill(7))));
    /// let handshake = ClientHandshake::new(&request, config, &mut tx)?;
    /// let session = Session::client(handshake, Duration::ZERO);
    /// assert_eq!(session.next_timeout(), Some(Duration::from_secs(10)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn client(handshake: ClientHandshake, now: Duration) -> Self {
        let deadlines = handshake.config().deadlines;
        Self::new(Phase::Client(handshake), Role::Client, deadlines, now)
    }

    /// A session of a connection whose opening handshake was made elsewhere.
    #[must_use]
    pub fn open(connection: Connection, deadlines: Deadlines, now: Duration) -> Self {
        let role = connection.role();
        Self::new(Phase::Open(connection), role, deadlines, now)
    }

    fn new(phase: Phase, role: Role, deadlines: Deadlines, now: Duration) -> Self {
        Self {
            phase,
            role,
            timers: Timers::new(deadlines, now),
            error: None,
            eof: false,
            write_lost: false,
            unflushed: false,
            shut_down: false,
            all_written: false,
            ping_waits: false,
            over: false,
        }
    }

    /// Reports that the transport was read: `n` bytes are in the [`RecvBuf`], or were thrown away
    /// for [`Io::Drain`]. With 0 the transport has ended, and so it has after an error in reading.
    ///
    /// The end comes after what was received: no event is lost.
    pub fn handle_read(&mut self, n: usize, now: Duration) {
        if n > 0 {
            let stage = self.stage();
            return self.timers.received(now, stage);
        }
        self.eof = true;
        match &mut self.phase {
            Phase::Server { handshake, .. } => handshake.handle_eof(),
            Phase::Client(handshake) => handshake.handle_eof(),
            Phase::Open(connection) => connection.handle_eof(),
            Phase::Refused => {}
        }
    }

    /// Reports that the transport took `n` bytes, which the caller has
    /// [consumed](SendBuf::consume). 0 says that it takes nothing now, and may be reported again.
    pub fn handle_written(&mut self, n: usize, now: Duration) {
        if n == 0 {
            return self.timers.refused(now);
        }
        let stage = self.stage();
        self.timers.written(now, stage);
        self.unflushed = true;
    }

    /// Reports that the transport was flushed, or has no buffer of its own.
    pub fn handle_flushed(&mut self, now: Duration) {
        let stage = self.stage();
        self.timers.written(now, stage);
        self.unflushed = false;
    }

    /// Reports that the write side of the transport was shut down, or that it has none of its own
    /// that could be.
    pub fn handle_shut_down(&mut self) {
        self.shut_down = true;
    }

    /// Reports that the transport takes no more bytes: writing, flushing or shutting down has
    /// failed. What waits is dropped and nothing more can be sent. What the peer has said is still
    /// read, for the close frame that explains it may be there.
    pub fn handle_write_error(&mut self, tx: &mut SendBuf) {
        self.write_lost = true;
        tx.clear();
        if let Phase::Open(connection) = &mut self.phase {
            connection.end_writing();
        }
    }

    /// Says that it is `now`, and that the transport had nothing more to read and took nothing
    /// more until now. To be called when [`next_timeout`](Self::next_timeout) has come; earlier it
    /// does no harm. Then [`next_event`](Self::next_event) acts on the deadlines that have passed.
    ///
    /// What came in time counts however late the caller looks, provided that it reads the
    /// transport before it calls this.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.timers.waited(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout); `None` for never.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        self.timers.next(self.stage())
    }

    /// The next event, with messages whole; `None` when that takes more bytes, or time. What an
    /// event obliges the endpoint to send has been queued in `tx` when it is returned.
    ///
    /// Errors: [`SessionError`], final: every later call returns the same. What tells the peer has
    /// been queued, and [`next_io`](Self::next_io) says how to go on.
    #[inline]
    pub fn next_event<'b>(
        &mut self,
        rx: &'b mut RecvBuf,
        tx: &mut SendBuf,
    ) -> Result<Option<SessionEvent<'b>>, SessionError> {
        if let Phase::Open(_) = self.phase {
            return Ok(self.next_step(rx, tx, false)?.map(|step| step.event(rx).into()));
        }
        self.next_opening(rx, tx)
    }

    /// The next event, with messages in parts: as much as is there. See
    /// [`Connection::next_partial`]; the rest is as for [`next_event`](Self::next_event).
    #[inline]
    pub fn next_partial<'b>(
        &mut self,
        rx: &'b mut RecvBuf,
        tx: &mut SendBuf,
    ) -> Result<Option<PartialSessionEvent<'b>>, SessionError> {
        if let Phase::Open(_) = self.phase {
            return Ok(self.next_step(rx, tx, true)?.map(|step| step.partial_event(rx).into()));
        }
        self.next_opening(rx, tx)
    }

    #[inline]
    fn next_step(
        &mut self,
        rx: &mut RecvBuf,
        tx: &mut SendBuf,
        partial: bool,
    ) -> Result<Option<Step>, SessionError> {
        let Phase::Open(connection) = &mut self.phase else { return Ok(None) };
        match connection.next_step(rx, tx, partial) {
            Ok(Some(step)) => {
                match step.opcode() {
                    Opcode::TEXT | Opcode::BINARY => self.timers.delivered(),
                    Opcode::PONG => self.timers.ponged(step.payload(rx)),
                    _ => {}
                }
                Ok(Some(step))
            }
            Ok(None) => {
                self.timers.set_incomplete(!rx.incoming.is_none());
                self.check_time(tx).map(|()| None)
            }
            Err(error) => {
                self.error.get_or_insert(error.into());
                // How long the end may take is still looked after.
                self.check_time(tx).map(|()| None)
            }
        }
    }

    fn next_opening<'b, T, B>(
        &mut self,
        rx: &'b mut RecvBuf,
        tx: &mut SendBuf,
    ) -> Result<Option<SessionEvent<'b, T, B>>, SessionError> {
        match &mut self.phase {
            Phase::Server { handshake, asked: asked @ false } => {
                match handshake.next_request(rx, tx) {
                    Ok(None) => {}
                    Ok(Some(request)) => {
                        *asked = true;
                        return Ok(Some(SessionEvent::Request(request)));
                    }
                    Err(error) => return Err(self.refuse(error)),
                }
            }
            Phase::Client(handshake) => match handshake.next_response(rx) {
                Ok(None) => {}
                Ok(Some(response)) if response.is_accepted() => {
                    self.begin(response.connection());
                    return Ok(Some(SessionEvent::Accepted(response)));
                }
                Ok(Some(response)) => {
                    self.refuse(HandshakeError::Refused { status: response.status() });
                    return Ok(Some(SessionEvent::Refused(response)));
                }
                Err(error) => return Err(self.refuse(error)),
            },
            Phase::Refused => rx.discard(),
            Phase::Server { .. } | Phase::Open(_) => {}
        }
        self.check_time(tx).map(|()| None)
    }

    /// Acts on the deadlines that have passed.
    fn check_time(&mut self, tx: &mut SendBuf) -> Result<(), SessionError> {
        while let Some(due) = self.timers.due(self.stage()) {
            match (due, &mut self.phase) {
                (Due::Handshake, Phase::Server { handshake, .. }) => {
                    let error = handshake.handle_timeout(tx);
                    self.refuse(error);
                }
                (Due::Handshake, _) => {
                    self.refuse(HandshakeError::Timeout);
                }
                (Due::Ping, Phase::Open(connection)) => {
                    let payload = self.timers.ping();
                    // While a ping waits to be written another one would say no more.
                    if tx.is_empty() || !self.ping_waits {
                        self.ping_waits = true;
                        if let Err(error) = connection.reply(&Reply::ping(&payload), tx) {
                            self.fail(error, tx);
                        }
                    }
                }
                (Due::Expired(timeout @ (Timeout::Pong | Timeout::Message)), _) => {
                    self.fail(Error::Timeout(timeout), tx);
                }
                (Due::Expired(timeout), _) => {
                    self.over = true;
                    // Only the peer's end of the transport is missing.
                    if self.is_finished() && tx.is_empty() && !self.unflushed {
                        self.all_written = !self.write_lost;
                    } else {
                        tx.clear();
                        self.write_lost = true;
                        self.fail(Error::Timeout(timeout), tx);
                    }
                }
                (Due::Ping, _) => break,
            }
        }
        self.error.map_or(Ok(()), Err)
    }

    /// The connection has failed.
    fn fail(&mut self, error: Error, tx: &mut SendBuf) {
        self.error.get_or_insert(error.into());
        if let Phase::Open(connection) = &mut self.phase {
            if self.write_lost {
                connection.end_writing();
            }
            connection.fail(error, tx);
        }
    }

    /// The opening handshake has failed.
    fn refuse(&mut self, error: HandshakeError) -> SessionError {
        self.phase = Phase::Refused;
        *self.error.get_or_insert(error.into())
    }

    fn begin(&mut self, mut connection: Connection) {
        if self.eof {
            connection.handle_eof();
        }
        self.phase = Phase::Open(connection);
        self.timers.opened();
    }

    /// What the transport is to do next, once [`next_event`](Self::next_event) has returned all
    /// there was.
    ///
    /// A server shuts down its side of the transport first, as §7.1.1 has it, and so does an
    /// endpoint after a failure; a client waits for the server. Both wait for the peer's end of the
    /// transport, at most until [`Deadlines::close`].
    pub fn next_io(&mut self, tx: &SendBuf, now: Duration) -> Io {
        if self.over {
            return Io::Close;
        }
        if self.stage() == Stage::Ending {
            self.timers.ends(now);
        }
        if !self.write_lost {
            if !tx.is_empty() || self.unflushed {
                self.timers.something_waits(now);
                return if tx.is_empty() { Io::Flush } else { Io::Write };
            }
            self.timers.nothing_waits();
            self.ping_waits = false;
        }
        if !self.is_finished() {
            return Io::Read;
        }
        self.all_written = !self.write_lost;
        let is_client_refused = self.role == Role::Client && matches!(self.phase, Phase::Refused);
        if self.eof || self.write_lost || is_client_refused {
            self.over = true;
            return Io::Close;
        }
        if !self.shut_down && (self.role == Role::Server || self.error.is_some()) {
            return Io::ShutDown;
        }
        Io::Drain
    }

    /// Whether the transport may be read while it takes nothing.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        !self.eof && !self.over
    }

    /// Whether no more events will come, and nothing more is to be said.
    fn is_finished(&self) -> bool {
        match &self.phase {
            Phase::Server { .. } | Phase::Client(_) => false,
            Phase::Open(connection) => connection.state() == State::Closed,
            Phase::Refused => true,
        }
    }

    fn stage(&self) -> Stage {
        match &self.phase {
            _ if self.over => Stage::Over,
            Phase::Server { .. } | Phase::Client(_) => Stage::Connecting,
            Phase::Open(connection) if connection.state() == State::Open => Stage::Open,
            Phase::Open(_) | Phase::Refused => Stage::Ending,
        }
    }

    /// A server: accepts the client's request, with which the opening handshake is done.
    ///
    /// Errors: as for [`IncomingRequest::accept`], and [`InvalidHandshake::NoRequest`] where no
    /// request waits for an answer. Nothing is sent then, and the request can still be rejected.
    pub fn accept(
        &mut self,
        request: &IncomingRequest<'_>,
        response: &Response<'_>,
        tx: &mut SendBuf,
    ) -> Result<(), InvalidHandshake> {
        self.check_asked()?;
        self.begin(request.accept(response, tx)?);
        Ok(())
    }

    /// A server: rejects the client's request, which ends the session.
    ///
    /// Errors: [`InvalidHandshake::NoRequest`] where no request waits for an answer.
    pub fn reject(
        &mut self,
        rejection: &Rejection<'_>,
        tx: &mut SendBuf,
    ) -> Result<(), InvalidHandshake> {
        self.check_asked()?;
        rejection.write(tx);
        self.phase = Phase::Refused;
        Ok(())
    }

    fn check_asked(&self) -> Result<(), InvalidHandshake> {
        match self.phase {
            Phase::Server { asked: true, .. } => Ok(()),
            _ => Err(InvalidHandshake::NoRequest),
        }
    }

    /// Sends a text message in one frame: [`Writer::send_text`](crate::Writer::send_text).
    ///
    /// Errors, here and for whatever is sent: as there, and [`SendError::Connecting`] before the
    /// opening handshake is done.
    #[inline]
    pub fn send_text(&mut self, text: &str, tx: &mut SendBuf) -> Result<(), SendError> {
        self.connected()?.send_text(text, tx)
    }

    /// Sends a binary message in one frame: [`Writer::send_binary`](crate::Writer::send_binary).
    #[inline]
    pub fn send_binary(&mut self, data: &[u8], tx: &mut SendBuf) -> Result<(), SendError> {
        self.connected()?.send_binary(data, tx)
    }

    /// Sends a message or a part of one: [`Writer::send`](crate::Writer::send).
    #[inline]
    pub fn send(&mut self, message: Message<'_>, tx: &mut SendBuf) -> Result<(), SendError> {
        self.connected()?.send(message, tx)
    }

    /// Sends a message that was encoded once for many connections:
    /// [`Writer::send_prepared`](crate::Writer::send_prepared).
    #[inline]
    pub fn send_prepared(
        &mut self,
        message: &PreparedMessage,
        tx: &mut SendBuf,
    ) -> Result<(), SendError> {
        self.connected()?.send_prepared(message, tx)
    }

    /// Sends a ping of the application's own: [`Writer::send_ping`](crate::Writer::send_ping). The
    /// session pings a silent peer by itself.
    pub fn send_ping(&mut self, payload: &[u8], tx: &mut SendBuf) -> Result<(), SendError> {
        self.connected()?.send_ping(payload, tx)
    }

    /// Sends an unsolicited pong: [`Writer::send_pong`](crate::Writer::send_pong).
    pub fn send_pong(&mut self, payload: &[u8], tx: &mut SendBuf) -> Result<(), SendError> {
        self.connected()?.send_pong(payload, tx)
    }

    /// Begins the closing handshake: [`Writer::close`](crate::Writer::close). Messages may still
    /// come until the peer answers.
    pub fn close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
        tx: &mut SendBuf,
    ) -> Result<(), SendError> {
        self.connected()?.close(code, reason, tx)
    }

    /// The connection, to send with it what the session has no method for; an error before the
    /// opening handshake is done, and after it has failed.
    ///
    /// Errors: [`SendError::Connecting`], [`SendError::Closed`].
    #[inline]
    pub fn connected(&mut self) -> Result<&mut Connection, SendError> {
        match &mut self.phase {
            Phase::Open(connection) => Ok(connection),
            Phase::Server { .. } | Phase::Client(_) => Err(SendError::Connecting),
            Phase::Refused => Err(SendError::Closed),
        }
    }

    /// The connection, once the opening handshake is done: its state, and what was agreed on.
    #[must_use]
    pub fn connection(&self) -> Option<&Connection> {
        match &self.phase {
            Phase::Open(connection) => Some(connection),
            _ => None,
        }
    }

    /// How the connection ended, once the peer's close frame has come or the connection failed. It
    /// is `clean` only when the transport has taken our close frame.
    #[must_use]
    pub fn close_status(&self) -> Option<CloseStatus<'_>> {
        let mut status = self.connection()?.close_status()?;
        status.clean &= self.all_written;
        Some(status)
    }

    /// Why the session has failed, if it has.
    #[must_use]
    pub fn error(&self) -> Option<SessionError> {
        self.error
    }

    /// The time between the last ping of the session's own that was answered and its pong. It
    /// includes the time that the ping and the pong waited in buffers.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.timers.round_trip()
    }

    /// Which endpoint this is.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }
}
