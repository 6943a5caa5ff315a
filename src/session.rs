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

mod application;
mod event;
mod io;
mod timers;

use core::time::Duration;

pub use self::event::{PartialSessionEvent, SessionError, SessionEvent};
pub use self::io::Io;

use self::timers::{Due, Stage, Timers};
use crate::buffer::{RecvBuf, SendBuf};
use crate::connection::{Connection, Role, State, Step};
use crate::deadlines::Deadlines;
use crate::error::{Error, Timeout};
use crate::frame::Opcode;
use crate::handshake::{ClientHandshake, HandshakeError, ServerHandshake};
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
/// ```
/// use core::time::Duration;
/// use websans::{Config, Connection, Deadlines, Io, RecvBuf, SendBuf, Session, SessionEvent};
///
/// let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
/// let (deadlines, connection) = (Deadlines::default(), Connection::server(Config::default()));
/// let mut ws = Session::open(connection, deadlines, Duration::ZERO);
/// # let mut network: Vec<&[u8]> = vec![b"", b"\x81\x85\x00\x00\x00\x00Hello"];
/// # let mut read = |rx: &mut RecvBuf| network.pop().map_or(0, |it| { rx.extend(it); it.len() });
/// # let (start, mut received) = (std::time::Instant::now(), String::new());
/// loop {
///     while let Ok(Some(event)) = ws.next_event(&mut rx, &mut tx) {
///         if let SessionEvent::Text(text) = event {
/// #           received.push_str(text);
///             ws.send_text(text, &mut tx)?;
///         }
///     }
///     match ws.next_io(&tx, start.elapsed()) {
///         Io::Read | Io::Drain => {
///             let n = read(&mut rx); // socket.read(rx.spare_mut())
///             ws.handle_read(n, start.elapsed());
///         }
///         Io::Write => {
///             let n = tx.as_slice().len(); // socket.write(tx.as_slice())
///             tx.consume(n);
///             ws.handle_written(n, start.elapsed());
///         }
///         Io::Flush => ws.handle_flushed(start.elapsed()),
///         Io::ShutDown => ws.handle_shut_down(), // socket.shutdown(Shutdown::Write)
///         Io::Close => break,
///     }
/// }
/// # assert_eq!(received, "Hello");
/// # Ok::<(), websans::SendError>(())
/// ```
///
/// **Memory.** It owns no heap memory beside that of its [`Connection`]; its size is below 512
/// bytes. The buffers are the caller's, and while they are empty they can serve any number of
/// sessions in turn.
#[derive(Debug)]
// Each is a fact of the transport, and none follows from another.
#[allow(clippy::struct_excessive_bools)]
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
    Server(ServerHandshake),
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
        Self::new(Phase::Server(handshake), Role::Server, deadlines, now)
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
            Phase::Server(handshake) => handshake.handle_eof(),
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
    /// read, for the close frame that explains it may be there, or the response to a client; a
    /// server that has not answered the request ends with [`HandshakeError::Eof`].
    pub fn handle_write_error(&mut self, tx: &mut SendBuf) {
        self.write_lost = true;
        tx.clear();
        match &mut self.phase {
            Phase::Open(connection) => connection.end_writing(),
            Phase::Server(_) => {
                self.refuse(HandshakeError::Eof { received: 0 });
            }
            Phase::Client(_) | Phase::Refused => {}
        }
    }

    /// Says that it is `now`, and that the transport had nothing more to read and took nothing
    /// more until now. To be called when [`next_timeout`](Self::next_timeout) has come; earlier it
    /// does no harm. Then [`next_event`](Self::next_event) acts on the deadlines that have passed.
    ///
    /// What came in time counts however late the caller looks, provided that it reads the
    /// transport before it calls this. While [`Io::Write`] or [`Io::Flush`] is asked for it need not
    /// read: meanwhile only the deadlines of writing and of the end pass.
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
        let is_late = self.timers.due(self.stage()) == Some(Due::Handshake);
        if let (true, Phase::Client(handshake)) = (is_late, &mut self.phase) {
            // What has come of a response is all of it: a refusal without the rest of its body.
            handshake.handle_eof();
        }
        match &mut self.phase {
            Phase::Server(handshake) if !handshake.is_asked() => {
                match handshake.next_request(rx, tx) {
                    Ok(None) => {}
                    Ok(Some(request)) => return Ok(Some(SessionEvent::Request(request))),
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
                Err(HandshakeError::Eof { .. }) if is_late && !self.eof => {
                    return Err(self.refuse(HandshakeError::Timeout));
                }
                Err(error) => return Err(self.refuse(error)),
            },
            Phase::Refused => rx.discard(),
            Phase::Server(_) | Phase::Open(_) => {}
        }
        self.check_time(tx).map(|()| None)
    }

    /// Acts on the deadlines that have passed.
    fn check_time(&mut self, tx: &mut SendBuf) -> Result<(), SessionError> {
        while let Some(due) = self.timers.due(self.stage()) {
            match (due, &mut self.phase) {
                (Due::Handshake, Phase::Server(handshake)) => {
                    let error = handshake.handle_timeout(tx);
                    self.refuse(error);
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
                (Due::Handshake | Due::Ping, _) => break,
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
        if self.write_lost {
            connection.end_writing();
        }
        self.phase = Phase::Open(connection);
        self.timers.opened();
    }

    fn stage(&self) -> Stage {
        match &self.phase {
            _ if self.over => Stage::Over,
            Phase::Server(_) | Phase::Client(_) => Stage::Connecting,
            Phase::Open(connection) if connection.state() == State::Open => Stage::Open,
            Phase::Open(_) | Phase::Refused => Stage::Ending,
        }
    }
}
