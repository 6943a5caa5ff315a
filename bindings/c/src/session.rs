//! A connection from its opening handshake to the end of its transport, with its deadlines.

use core::time::Duration;

use websans::{ClientHandshake, Connection, Event, Io, ServerHandshake, Session, SessionEvent};

use crate::boundary::{In, Opaque, Out, Outcome, Ptr, guard, guard_or, handles};
use crate::buffers::{websans_recv_buf, websans_send_buf};
use crate::config::{Settings, websans_config, websans_deadlines};
use crate::connection::websans_connection;
use crate::event::{websans_event, websans_event_kind};
use crate::incoming::{Request, websans_request};
use crate::outgoing::{self, websans_accept, websans_connect, websans_reject};
use crate::random::{Random, with_random};
use crate::response::{Response, websans_response};
use crate::send::Endpoint;
use crate::status::{Failure, websans_error, websans_status};

/// A connection from its opening handshake to the end of its transport, with its deadlines.
pub struct websans_session(Opaque);

handles! {
    websans_session(0x0053_4553): Inner;
}

pub(crate) struct Inner {
    pub(crate) core: Session,
    random: Option<Random>,
    settings: Settings,
    /// What waits for an answer.
    request: Owned<websans_request>,
    response: Owned<websans_response>,
}

/// A handle that belongs to another one, and is freed with it.
struct Owned<K: crate::boundary::Kind>(Ptr<K>);

impl<K: crate::boundary::Kind> Owned<K> {
    fn set(&mut self, value: K::Value) -> Ptr<K> {
        *self = Self(Ptr::new(value));
        self.0
    }
}

impl<K: crate::boundary::Kind> Drop for Owned<K> {
    fn drop(&mut self) {
        self.0.free();
    }
}

impl Endpoint for Inner {
    #[inline]
    fn random(&self) -> Option<Random> {
        self.random
    }

    #[inline]
    fn connected(&mut self) -> Outcome<&mut Connection> {
        Ok(self.core.connected()?)
    }
}

impl Inner {
    fn new(core: Session, settings: Settings) -> Self {
        let (request, response) = (Owned(Ptr::NULL), Owned(Ptr::NULL));
        Self { core, random: settings.random, settings, request, response }
    }
}

/// What the transport is to do next.
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum websans_io {
    /// Write what the send buffer holds, consume what was written, and report it with
    /// `websans_session_handle_written`. If the transport takes nothing now, report 0, and wait until
    /// it does; where `websans_session_wants_read` says so it may be read meanwhile.
    Write = 0,
    /// Flush the transport, if it has a buffer of its own, and report it with
    /// `websans_session_handle_flushed`.
    Flush = 1,
    /// Read into the receive buffer, and report it with `websans_session_handle_read`.
    Read = 2,
    /// Shut down the transport's write side (`shutdown(fd, SHUT_WR)`, TLS's close_notify), and report
    /// it with `websans_session_handle_shut_down`.
    ShutDown = 3,
    /// Read, throw away what comes, and report it with `websans_session_handle_read`. To close a TCP
    /// socket while something is unread resets the connection, and the reset may overtake what was
    /// written.
    Drain = 4,
    /// Close the transport. Nothing comes after this. Also after an error.
    Close = 5,
}

/// A server's session, which waits for the request. A `config` of NULL stands for the defaults.
///
/// Times are in nanoseconds since any moment that the program keeps to, such as
/// `clock_gettime(CLOCK_MONOTONIC)`.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_server(
    config: Ptr<websans_config>,
    now: u64,
    out: Out<Ptr<websans_session>>,
) -> websans_status {
    guard(|| {
        let (out, settings) = (out.required()?, Settings::of(config)?);
        let handshake = ServerHandshake::new(settings.core);
        let session = Session::server(handshake, Duration::from_nanos(now));
        out.set(Ptr::new(Inner::new(session, settings)));
        Ok(())
    })
}

/// A client's session, whose request has been queued in `tx`. A `config` of NULL stands for the
/// defaults.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_client(
    connect: In<websans_connect>,
    config: Ptr<websans_config>,
    tx: Ptr<websans_send_buf>,
    now: u64,
    out: Out<Ptr<websans_session>>,
) -> websans_status {
    guard(|| {
        let (out, settings) = (out.required()?, Settings::of(config)?);
        let request = outgoing::connect(connect)?;
        let handshake = tx.with(|tx| {
            let new = || ClientHandshake::new(&request, settings.core, tx);
            Ok(with_random(settings.random, new)?)
        })?;
        let session = Session::client(handshake, Duration::from_nanos(now));
        out.set(Ptr::new(Inner::new(session, settings)));
        Ok(())
    })
}

/// A session of a connection whose opening handshake is done. It takes the connection, which is
/// freed and must not be used any more, unless there is an error. `deadlines` of NULL stands for the
/// defaults.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_open(
    connection: Ptr<websans_connection>,
    deadlines: In<websans_deadlines>,
    now: u64,
    out: Out<Ptr<websans_session>>,
) -> websans_status {
    guard(|| {
        let (out, deadlines) = (out.required()?, websans_deadlines::of(deadlines)?);
        let connection = connection.take()?.ok_or(Failure::Status(websans_status::Null))?;
        let settings = Settings { random: connection.random, ..Settings::default() };
        let session = Session::open(connection.core, deadlines, Duration::from_nanos(now));
        out.set(Ptr::new(Inner::new(session, settings)));
        Ok(())
    })
}

/// Frees a session, and its request and response. NULL does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_free(session: Ptr<websans_session>) {
    session.free();
}

/// The next event, with messages whole; `event->kind` is WEBSANS_EVENT_KIND_NONE when that takes
/// more bytes, or time. What an event obliges to send has been queued in `tx`.
///
/// Errors from 200 on are final: every later call returns the same. What tells the peer has been
/// queued, and `websans_session_next_io` says how to go on.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_next_event(
    session: Ptr<websans_session>,
    rx: Ptr<websans_recv_buf>,
    tx: Ptr<websans_send_buf>,
    event: Out<websans_event>,
) -> websans_status {
    guard(|| {
        session.with(|it| {
            let Inner { core, random, settings, request, response } = it;
            rx.with(|rx| {
                tx.with(|tx| {
                    let next = with_random(*random, || core.next_event(rx, tx))?;
                    event.set_struct(&match next {
                        None => websans_event::NONE,
                        Some(SessionEvent::Text(text)) => websans_event::whole(Event::Text(text)),
                        Some(SessionEvent::Binary(it)) => websans_event::whole(Event::Binary(it)),
                        Some(other) => opening(other, settings, request, response),
                    })
                })
            })
        })
    })
}

/// The next event, with messages in parts, as `websans_connection_next_partial` has them.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_next_partial(
    session: Ptr<websans_session>,
    rx: Ptr<websans_recv_buf>,
    tx: Ptr<websans_send_buf>,
    event: Out<websans_event>,
) -> websans_status {
    guard(|| {
        session.with(|it| {
            let Inner { core, random, settings, request, response } = it;
            rx.with(|rx| {
                tx.with(|tx| {
                    let next = with_random(*random, || core.next_partial(rx, tx))?;
                    event.set_struct(&match next {
                        None => websans_event::NONE,
                        Some(SessionEvent::Text(it)) => websans_event::partial(Event::Text(it)),
                        Some(SessionEvent::Binary(it)) => websans_event::partial(Event::Binary(it)),
                        Some(other) => opening(other, settings, request, response),
                    })
                })
            })
        })
    })
}

/// An event other than a message.
fn opening<T, B>(
    event: SessionEvent<'_, T, B>,
    settings: &Settings,
    request: &mut Owned<websans_request>,
    response: &mut Owned<websans_response>,
) -> websans_event {
    match event {
        SessionEvent::Request(it) => {
            websans_event::request(request.set(Request::of(&it, *settings).of_session()))
        }
        SessionEvent::Accepted(it) => websans_event::response(
            websans_event_kind::Accepted,
            response.set(Response::of(&it).of_session()),
        ),
        SessionEvent::Refused(it) => websans_event::response(
            websans_event_kind::Refused,
            response.set(Response::of(&it).of_session()),
        ),
        SessionEvent::Ping(data) => websans_event::whole(Event::Ping(data)),
        SessionEvent::Pong(data) => websans_event::whole(Event::Pong(data)),
        SessionEvent::Close(frame) => websans_event::whole(Event::Close(frame)),
        _ => websans_event::NONE,
    }
}

/// A server: accepts the client's request, which is freed, and with which the opening handshake is
/// done. `accept` of NULL adds nothing.
///
/// Errors: WEBSANS_STATUS_ORDER where no request waits for an answer, WEBSANS_STATUS_REQUEST_… where
/// it cannot be accepted so. Nothing is sent then, and it can still be rejected.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_accept(
    session: Ptr<websans_session>,
    accept: In<websans_accept>,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    guard(|| {
        session.with(|it| {
            if it.request.0.is_null() {
                return Err(Failure::Status(websans_status::Order));
            }
            let session = &mut it.core;
            it.request.0.with(|request| {
                outgoing::with_accept(accept, |response| {
                    tx.with(|tx| request.with(|request| Ok(session.accept(request, response, tx)?)))
                })
            })?;
            it.request = Owned(Ptr::NULL);
            Ok(())
        })
    })
}

/// A server: rejects the client's request, which is freed, and ends the session.
///
/// Errors: as for `websans_session_accept`.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_reject(
    session: Ptr<websans_session>,
    reject: In<websans_reject>,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    guard(|| {
        session.with(|it| {
            let session = &mut it.core;
            outgoing::with_reject(reject, |rejection| {
                tx.with(|tx| Ok(session.reject(rejection, tx)?))
            })?;
            it.request = Owned(Ptr::NULL);
            Ok(())
        })
    })
}

fn report(
    session: Ptr<websans_session>,
    report: impl FnOnce(&mut Session) -> Outcome,
) -> websans_status {
    guard(|| session.with(|it| report(&mut it.core)))
}

/// What the transport is to do next, once `websans_session_next_event` has returned all there was.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_next_io(
    session: Ptr<websans_session>,
    tx: Ptr<websans_send_buf>,
    now: u64,
) -> websans_io {
    guard_or(websans_io::Close, || {
        session.with(|it| {
            tx.with(|tx| {
                Ok(match it.core.next_io(tx, Duration::from_nanos(now)) {
                    Io::Write => websans_io::Write,
                    Io::Flush => websans_io::Flush,
                    Io::Read => websans_io::Read,
                    Io::ShutDown => websans_io::ShutDown,
                    Io::Drain => websans_io::Drain,
                    Io::Close => websans_io::Close,
                })
            })
        })
    })
}

/// Whether the transport may be read while it takes nothing. False after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_wants_read(session: Ptr<websans_session>) -> bool {
    guard_or(false, || session.with(|it| Ok(it.core.wants_read())))
}

/// Reports that the transport was read: `n` bytes are in the receive buffer, or were thrown away.
/// With 0 the transport has ended, and so it has after an error in reading; the end comes after what
/// was received.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_handle_read(
    session: Ptr<websans_session>,
    n: usize,
    now: u64,
) -> websans_status {
    report(session, |it| {
        it.handle_read(n, Duration::from_nanos(now));
        Ok(())
    })
}

/// Reports that the transport took `n` bytes, which were consumed. 0 says that it takes nothing now.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_handle_written(
    session: Ptr<websans_session>,
    n: usize,
    now: u64,
) -> websans_status {
    report(session, |it| {
        it.handle_written(n, Duration::from_nanos(now));
        Ok(())
    })
}

/// Reports that the transport was flushed, or has no buffer of its own.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_handle_flushed(
    session: Ptr<websans_session>,
    now: u64,
) -> websans_status {
    report(session, |it| {
        it.handle_flushed(Duration::from_nanos(now));
        Ok(())
    })
}

/// Reports that the write side of the transport was shut down, or that it has none that could be.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_handle_shut_down(
    session: Ptr<websans_session>,
) -> websans_status {
    report(session, |it| {
        it.handle_shut_down();
        Ok(())
    })
}

/// Reports that the transport takes no more bytes: writing, flushing or shutting down has failed.
/// What waits is dropped. What the peer has said is still read, for the close frame that explains it
/// may be there.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_handle_write_error(
    session: Ptr<websans_session>,
    tx: Ptr<websans_send_buf>,
) -> websans_status {
    report(session, |it| {
        tx.with(|tx| {
            it.handle_write_error(tx);
            Ok(())
        })
    })
}

/// Says that it is `now`, and that the transport had nothing more to read and took nothing more until
/// now. To be called when `websans_session_next_timeout` has come; earlier it does no harm. Then
/// `websans_session_next_event` acts on the deadlines that have passed.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_handle_timeout(
    session: Ptr<websans_session>,
    now: u64,
) -> websans_status {
    report(session, |it| {
        it.handle_timeout(Duration::from_nanos(now));
        Ok(())
    })
}

/// When to call `websans_session_handle_timeout`, in nanoseconds on the clock of `now`;
/// WEBSANS_UNLIMITED for never, and after an error.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_next_timeout(session: Ptr<websans_session>) -> u64 {
    guard_or(u64::MAX, || {
        session.with(|it| {
            let time = it.core.next_timeout();
            Ok(time.and_then(|it| u64::try_from(it.as_nanos()).ok()).unwrap_or(u64::MAX))
        })
    })
}

/// Why the session has failed. Errors: WEBSANS_STATUS_ORDER if it has not.
#[unsafe(no_mangle)]
pub extern "C" fn websans_session_error(
    session: Ptr<websans_session>,
    error: Out<websans_error>,
) -> websans_status {
    report(session, |it| {
        let failure = it.error().ok_or(Failure::Status(websans_status::Order))?;
        error.set_struct(&Failure::from(failure).to_error())
    })
}
