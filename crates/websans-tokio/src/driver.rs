//! One connection: its transport, and the session that says what to do with it.
//!
//! `WebSocket` owns a driver, the halves share one. The calls of the transport are in `driver/io.rs`.

mod io;

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};
use websans::{
    CloseCode, PartialSessionEvent, RecvBuf, SendBuf, SendError, Session, SessionError,
    SessionEvent, Timeout,
};

use self::io::Only;
use crate::error::{Deadline, Error};
use crate::message::{CloseFrame, Message, Part};
use crate::pool;
use crate::shutdown::Member;

/// Messages to this size are copied out of the receive buffer, which then stays. A larger one is
/// handed over with its memory.
const COPIED: usize = 64 << 10;

// Each is a fact of its own, and none follows from another.
#[allow(clippy::struct_excessive_bools)]
pub(crate) struct Driver<S> {
    pub(crate) stream: S,
    pub(crate) session: Session,
    /// There are none while nothing is in them.
    rx: Option<Box<RecvBuf>>,
    tx: Option<Box<SendBuf>>,
    start: Instant,
    /// Set to when the session wants to be woken, or to an earlier time.
    timer: Option<Pin<Box<Sleep>>>,
    close_frame: Option<Box<CloseFrame>>,
    read_error: Option<std::io::Error>,
    write_error: Option<std::io::Error>,
    /// Something that was accepted for sending has been lost.
    lost: bool,
    over: bool,
    /// How the connection ended has been told to the caller.
    told: bool,
    /// What may close it from elsewhere, until it is over.
    member: Option<Member>,
    /// Messages are thrown away, since the connection was closed from elsewhere.
    discards: bool,
    /// Parts of a message were delivered, and its last was not.
    within_message: bool,
    /// It was cut off, since it was not over in time for a shutdown.
    cut_off: bool,
    /// Counts what the other half may wait for: bytes that were written, and the end.
    pub(crate) progress: u32,
}

impl<S> Driver<S> {
    /// `session` began at the time `start`, and `tx` holds what it has queued.
    pub(crate) fn new(
        stream: S,
        session: Session,
        rx: RecvBuf,
        tx: SendBuf,
        start: Instant,
        member: Option<Member>,
    ) -> Self {
        Self {
            stream,
            session,
            rx: (!rx.is_empty()).then(|| Box::new(rx)),
            tx: (!tx.is_empty()).then(|| Box::new(tx)),
            start,
            timer: None,
            close_frame: None,
            read_error: None,
            write_error: None,
            lost: false,
            over: false,
            told: false,
            member,
            discards: false,
            within_message: false,
            cut_off: false,
            progress: 0,
        }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn close_frame(&self) -> Option<&CloseFrame> {
        self.close_frame.as_deref()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over && self.told
    }

    /// How many bytes wait to be written.
    pub(crate) fn queued(&self) -> u64 {
        self.tx.as_ref().map_or(0, |tx| tx.len())
    }

    /// The next message, or part of one, that has come; `None` when that takes more bytes, or when
    /// there will be no more.
    fn take_message(&mut self, partial: bool, replied: &mut bool) -> Option<Part> {
        loop {
            let rx = self.rx.get_or_insert_with(pool::recv_buf);
            let tx = self.tx.get_or_insert_with(pool::send_buf);
            let queued = tx.len();
            let event = if partial {
                self.session.next_partial(rx, tx)
            } else {
                self.session.next_event(rx, tx).map(|event| event.map(whole))
            };
            // A small message is copied; a large one is taken out when the event is gone.
            let taken = match event {
                Ok(Some(SessionEvent::Text(websans::Part { data, first, last }))) => {
                    let copied = (data.len() <= COPIED).then(|| Message::from(data));
                    (copied, true, first, last)
                }
                Ok(Some(SessionEvent::Binary(websans::Part { data, first, last }))) => {
                    let copied = (data.len() <= COPIED).then(|| Message::from(data));
                    (copied, false, first, last)
                }
                Ok(Some(SessionEvent::Close(frame))) => {
                    let reason = frame.reason.into();
                    self.close_frame = Some(Box::new(CloseFrame { code: frame.code, reason }));
                    continue;
                }
                Ok(Some(_)) => {
                    *replied = true;
                    continue;
                }
                Ok(None) | Err(_) => {
                    self.lost |= tx.len() < queued;
                    return None;
                }
            };
            let (data, first, last) = match taken {
                (Some(copied), _, first, last) => (copied, first, last),
                (None, true, first, last) => (rx.take_text().into(), first, last),
                (None, false, first, last) => (rx.take_bytes().into(), first, last),
            };
            return Some(Part { data, first, last });
        }
    }

    /// Hands the next event of the opening handshake to `handle`: whether there was one.
    fn take_opening(
        &mut self,
        handle: impl FnOnce(SessionEvent<'_>, &mut Session, &mut SendBuf) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let rx = self.rx.get_or_insert_with(pool::recv_buf);
        let tx = self.tx.get_or_insert_with(pool::send_buf);
        match self.session.next_event(rx, tx) {
            Ok(Some(event)) => handle(event, &mut self.session, tx).map(|()| true),
            Ok(None) => Ok(false),
            Err(SessionError::Handshake(error)) => Err(error.into()),
            Err(SessionError::Connection(error)) => Err(error.into()),
            Err(_) => Err(Error::CLOSED),
        }
    }

    /// Wakes the task when a shutdown begins, or is given less time. It comes before the look at
    /// whether there is one, so that none is missed in between.
    fn register(&self, cx: &Context<'_>) {
        if let Some(member) = &self.member {
            member.register(cx.waker());
        }
    }

    pub(crate) fn is_shutting_down(&self) -> bool {
        self.member.as_ref().is_some_and(Member::is_closing)
    }

    /// Closes the connection if a shutdown has begun.
    fn obey_shutdown(&mut self) {
        self.discards |= self.is_shutting_down()
            && self.session.is_open()
            && self.close(Some(CloseCode::GOING_AWAY), "").is_ok();
    }

    /// Gives back buffers in which nothing is.
    fn give_back(&mut self) {
        pool::give_back_recv(&mut self.rx);
        pool::give_back_send(&mut self.tx);
    }

    /// Queues what `add` sends.
    pub(crate) fn queue(
        &mut self,
        add: impl FnOnce(&mut Session, &mut SendBuf) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        let tx = self.tx.get_or_insert_with(pool::send_buf);
        match add(&mut self.session, tx) {
            Ok(()) => Ok(()),
            Err(error) => {
                pool::give_back_send(&mut self.tx);
                match error {
                    SendError::Closed if self.lost => Err(self.why_lost()),
                    error => Err(error.into()),
                }
            }
        }
    }

    /// Queues a close frame. After one there is nothing to do.
    pub(crate) fn close(&mut self, code: Option<CloseCode>, reason: &str) -> Result<(), Error> {
        match self.queue(|session, tx| session.close(code, reason, tx)) {
            Err(Error::Send(SendError::Closed)) => Ok(()),
            result => result,
        }
    }

    /// Why what was sent has not arrived.
    fn why_lost(&mut self) -> Error {
        if self.cut_off {
            return Error::Timeout(Deadline::Shutdown);
        }
        match self.session.error() {
            Some(SessionError::Connection(websans::Error::Timeout(
                timeout @ (Timeout::Write | Timeout::Close),
            ))) => Error::Timeout(timeout.into()),
            _ => self.write_error.take().map_or(Error::CLOSED, Error::Io),
        }
    }

    /// How the connection ended, once: `None` after both close frames.
    fn end(&mut self) -> Option<Error> {
        if std::mem::replace(&mut self.told, true) {
            return None;
        }
        match self.session.error() {
            _ if self.cut_off => Some(Error::Timeout(Deadline::Shutdown)),
            Some(SessionError::Connection(websans::Error::Eof { .. }))
                if self.read_error.is_some() =>
            {
                self.read_error.take().map(Error::Io)
            }
            Some(SessionError::Connection(websans::Error::Timeout(timeout))) => {
                Some(Error::Timeout(timeout.into()))
            }
            Some(SessionError::Connection(error)) => Some(Error::Protocol(error)),
            Some(SessionError::Handshake(error)) => Some(error.into()),
            _ if self.session.close_status().is_some_and(|status| status.clean) => None,
            _ => {
                let broken = || std::io::Error::from(std::io::ErrorKind::BrokenPipe);
                Some(Error::Io(self.write_error.take().unwrap_or_else(broken)))
            }
        }
    }
}

/// A whole message is the only part of itself.
#[allow(clippy::needless_pass_by_value)] // as the result replaces it
fn whole(event: SessionEvent<'_>) -> PartialSessionEvent<'_> {
    match event {
        SessionEvent::Text(data) => {
            SessionEvent::Text(websans::Part { data, first: true, last: true })
        }
        SessionEvent::Binary(data) => {
            SessionEvent::Binary(websans::Part { data, first: true, last: true })
        }
        SessionEvent::Close(frame) => SessionEvent::Close(frame),
        // Nothing else concerns a connection that is open.
        _ => SessionEvent::Pong(&[]),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// The next message or part of one, `None` at the end; an error is the last before that.
    pub(crate) fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
        partial: bool,
    ) -> Poll<Option<Result<Part, Error>>> {
        loop {
            let mut replied = false;
            if let Some(part) = self.take_message(partial, &mut replied) {
                if self.discards && !self.within_message {
                    continue;
                }
                self.within_message = !part.last;
                if replied {
                    // A pong does not wait until the application has handled the message.
                    let _ = self.poll_io(cx, Only::Writing);
                }
                return Poll::Ready(Some(Ok(part)));
            }
            if self.over {
                self.give_back();
                return Poll::Ready(self.end().map(Err));
            }
            self.register(cx);
            self.obey_shutdown();
            ready!(self.poll_io(cx, Only::Everything));
        }
    }

    /// Waits until no more than `most` bytes wait to be written; with 0, until the transport was
    /// flushed, too.
    pub(crate) fn poll_written(
        &mut self,
        cx: &mut Context<'_>,
        most: u64,
    ) -> Poll<Result<(), Error>> {
        if most == 0 || self.queued() > most {
            ready!(self.poll_io(cx, Only::Writing));
        }
        Poll::Ready(if self.lost { Err(self.why_lost()) } else { Ok(()) })
    }

    /// Queues what `add` sends, once no more than `most` bytes wait to be written, and less than
    /// [`Config::max_queued`](websans::Config::max_queued) allows.
    pub(crate) fn poll_queue(
        &mut self,
        cx: &mut Context<'_>,
        most: u64,
        add: &mut impl FnMut(&mut Session, &mut SendBuf) -> Result<(), SendError>,
    ) -> Poll<Result<(), Error>> {
        if self.queued() > most {
            ready!(self.poll_io(cx, Only::Writing));
        }
        match self.queue(&mut *add) {
            Err(Error::Send(SendError::Full { .. })) => {
                ready!(self.poll_io(cx, Only::Writing));
                Poll::Ready(self.queue(add))
            }
            result => Poll::Ready(result),
        }
    }

    /// Makes the opening handshake: until there is a connection and all that was queued is written,
    /// or until it has failed and the transport has been closed.
    pub(crate) fn poll_open(
        &mut self,
        cx: &mut Context<'_>,
        failed: &mut Option<Error>,
        handle: &mut impl FnMut(SessionEvent<'_>, &mut Session, &mut SendBuf) -> Result<(), Error>,
    ) -> Poll<Result<(), Error>> {
        loop {
            while !self.cut_off && self.session.connection().is_none() {
                match self.take_opening(&mut *handle) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        failed.get_or_insert(error);
                        break;
                    }
                }
            }
            if self.cut_off {
                failed.get_or_insert(Error::ShuttingDown);
            }
            if failed.is_none() && self.session.connection().is_some() {
                return self.poll_written(cx, 0);
            }
            if self.over {
                return Poll::Ready(Err(failed.take().unwrap_or(Error::CLOSED)));
            }
            self.register(cx);
            if self.poll_io(cx, Only::Everything).is_pending() {
                // What has been refused ends in the time that the shutdown leaves.
                if failed.is_some() || !self.is_shutting_down() {
                    return Poll::Pending;
                }
                self.cut_off(cx);
            }
        }
    }
}
