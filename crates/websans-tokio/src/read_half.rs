//! The half that reads: from the transport to messages, and on to the end of the connection.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use websans::{
    AgreedDeflate, CloseCode, Event, KeepaliveTimeout, Reader, RecvBuf, Role, SendError,
};

use crate::error::{Deadline, Error};
use crate::message::Message;
use crate::shared::{Output, Shared, lock};
use crate::websocket::{CloseFrame, ReuniteError, WebSocket};
use crate::write_half::WriteHalf;

/// Text up to this length is copied, which costs less than to validate it once more.
const COPIED: usize = 16 << 10;

/// The half of a [`WebSocket`] that receives messages: a [`Stream`] of them.
///
/// It also keeps the connection alive: it answers pings and the close frame, sends pings of its
/// own, and watches over the deadlines. This goes on while [`next`](Self::next) is awaited, whether
/// or not the other half does anything, or is there at all.
pub struct ReadHalf<S> {
    shared: Arc<Mutex<Shared<S>>>,
    reader: Reader,
    rx: RecvBuf,
    role: Role,
    phase: Phase,
    /// Messages were delivered since the transport was read.
    delivered: bool,
    close_frame: Option<Box<CloseFrame>>,
}

enum Phase {
    Open,
    /// There will be no more messages. What was said is written, the transport shut down, and its
    /// end awaited: to close TCP while something that the peer has sent is unread would reset it,
    /// and a reset may overtake the data before it.
    Ending(Ending),
    Over,
}

struct Ending {
    error: Option<Error>,
    shut_down: bool,
    /// The peer has shut its side down.
    eof: bool,
}

impl<S> ReadHalf<S> {
    pub(crate) fn new(
        shared: Arc<Mutex<Shared<S>>>,
        reader: Reader,
        rx: RecvBuf,
        role: Role,
    ) -> Self {
        Self { shared, reader, rx, role, phase: Phase::Open, delivered: false, close_frame: None }
    }

    /// What the peer's close frame said: known when [`next`](Self::next) has returned `None`.
    #[must_use]
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.close_frame.as_deref()
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

    /// Puts the two halves of one connection together again; if they are of two, gives them back.
    // Not larger than what it returns otherwise.
    #[allow(clippy::result_large_err)]
    pub fn reunite(self, write: WriteHalf<S>) -> Result<WebSocket<S>, ReuniteError<S>> {
        if Arc::ptr_eq(&self.shared, write.shared()) {
            Ok(WebSocket { read: self, write })
        } else {
            Err(ReuniteError(self, write))
        }
    }

    /// Ends the connection as soon as what has been said is out.
    fn end(&mut self, error: Option<Error>) {
        self.rx.clear();
        self.rx.release();
        self.phase = Phase::Ending(Ending { error, shut_down: false, eof: false });
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> ReadHalf<S> {
    /// The next message; `None` when the connection has been closed, with both close frames.
    ///
    /// An error is the last that comes before `None`. Cancel-safe: whatever is dropped while it
    /// waits, no message and no part of one is lost.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    pub(crate) fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Message, Error>>> {
        if let Phase::Open = self.phase
            && let Some(message) = ready!(self.poll_open(cx))
        {
            return Poll::Ready(Some(Ok(message)));
        }
        if let Phase::Ending(ending) = &mut self.phase {
            ready!(ending.poll(cx, &mut lock(&self.shared), self.role));
            let error = ending.error.take();
            lock(&self.shared).end_output(Output::Over);
            self.phase = Phase::Over;
            return Poll::Ready(error.map(Err));
        }
        Poll::Ready(None)
    }

    /// The next message; `None` when there will be no more.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let mut replied = false;
        loop {
            let event = match self.reader.next_event(&mut self.rx) {
                Ok(Some(event)) => event,
                Ok(None) => match ready!(self.poll_bytes(cx)) {
                    Ok(()) => continue,
                    Err(error) => {
                        lock(&self.shared).end_output(Output::Over);
                        self.end(Some(error));
                        return Poll::Ready(None);
                    }
                },
                Err(error) => {
                    self.fail(error);
                    return Poll::Ready(None);
                }
            };
            if let Some(reply) = event.reply() {
                replied = true;
                let queued = lock(&self.shared).reply(&reply);
                if let Err(error) = queued {
                    self.fail(error);
                    return Poll::Ready(None);
                }
            }
            let message = match event {
                Event::Text(text) if text.len() <= COPIED => Message::Text(text.into()),
                Event::Text(_) => Message::Text(self.rx.take_text().into()),
                Event::Binary(_) => Message::Binary(self.rx.take_bytes()),
                Event::Ping(_) | Event::Pong(_) => continue,
                Event::Close(frame) => {
                    let reason = frame.reason.into();
                    self.close_frame = Some(Box::new(CloseFrame { code: frame.code, reason }));
                    self.end(None);
                    return Poll::Ready(None);
                }
            };
            self.delivered = true;
            if replied {
                // The pong goes out now, however long it takes until the next call, which tells if
                // it could not.
                let _ = lock(&self.shared).poll_write(0);
            }
            return Poll::Ready(Some(message));
        }
    }

    /// Waits until bytes have come. Errors end the connection as it is.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let shared = &mut *lock(&self.shared);
        shared.tasks.reading.register(cx.waker());
        let now = shared.now();
        if std::mem::take(&mut self.delivered) {
            shared.keepalive.handle_message(now);
        }
        shared.keepalive.handle_incomplete(!self.rx.is_empty(), now);
        loop {
            // That the transport takes nothing any more is told to who writes; what has come from
            // it can still be read.
            let _ = shared.poll_write(0);
            if let Output::Stalled = shared.output {
                return Poll::Ready(Err(Error::Timeout(Deadline::Write)));
            }
            let timeout = match shared.poll_read(&mut self.rx) {
                Poll::Ready(Ok(0)) => {
                    self.reader.handle_eof();
                    return Poll::Ready(Ok(()));
                }
                Poll::Ready(Ok(_)) => {
                    shared.keepalive.handle_received(now);
                    // A message that trickles in must not go on for ever.
                    match shared.keepalive.handle_timeout(now) {
                        None => return Poll::Ready(Ok(())),
                        Some(timeout) => timeout,
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Error::Io(error))),
                Poll::Pending => {
                    self.rx.release(); // if it is empty
                    ready!(shared.poll_deadline(cx))
                }
            };
            match timeout {
                KeepaliveTimeout::Ping => {
                    // It has been silent for a while: memory that can be made anew is given back.
                    self.reader.release();
                    shared.writer.release();
                    match shared.ping() {
                        Ok(()) | Err(SendError::Closed) => {}
                        Err(error) => return Poll::Ready(Err(Error::Send(error))),
                    }
                }
                KeepaliveTimeout::Message => {
                    let reason = "a message takes too long";
                    let code = CloseCode::POLICY_VIOLATION;
                    if shared.writer.close(code, reason, &mut shared.tx).is_ok() {
                        // As far as it takes it now: that the peer is slow is why it is closed.
                        let _ = shared.poll_write(0);
                    }
                    return Poll::Ready(Err(Error::Timeout(Deadline::Message)));
                }
                KeepaliveTimeout::Close => {
                    return Poll::Ready(Err(Error::Timeout(Deadline::Close)));
                }
                KeepaliveTimeout::Handshake | KeepaliveTimeout::Pong => {
                    return Poll::Ready(Err(Error::Timeout(Deadline::Pong)));
                }
            }
        }
    }

    /// The peer broke the protocol, and is told so.
    fn fail(&mut self, error: websans::Error) {
        {
            let shared = &mut *lock(&self.shared);
            shared.writer.fail(error, &mut shared.tx);
        }
        self.end(Some(Error::Protocol(error)));
    }
}

impl Ending {
    fn poll<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        shared: &mut Shared<S>,
        role: Role,
    ) -> Poll<()> {
        shared.tasks.reading.register(cx.waker());
        let mut ignored = RecvBuf::new();
        loop {
            let written = match shared.poll_write(0) {
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(())) => return Poll::Ready(()),
                Poll::Pending => false,
            };
            // RFC 6455 §7.1.1: it is for the server to close TCP first, unless something is wrong.
            let turn = role == Role::Server || self.error.is_some() || self.eof;
            if written && turn && !self.shut_down {
                match shared.poll_shutdown() {
                    Poll::Ready(Ok(())) => self.shut_down = true,
                    Poll::Ready(Err(_)) => return Poll::Ready(()),
                    Poll::Pending => {}
                }
            }
            if self.shut_down && self.eof {
                return Poll::Ready(());
            }
            let read = if self.eof { Poll::Pending } else { shared.poll_read(&mut ignored) };
            let timeout = match read {
                Poll::Ready(Ok(0)) => {
                    self.eof = true;
                    None
                }
                Poll::Ready(Ok(_)) => {
                    ignored.clear();
                    let now = shared.now();
                    shared.keepalive.handle_timeout(now)
                }
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => Some(ready!(shared.poll_deadline(cx))),
            };
            match timeout {
                None | Some(KeepaliveTimeout::Ping) => {}
                Some(_) => return Poll::Ready(()),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for ReadHalf<S> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_message(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for ReadHalf<S> {
    fn is_terminated(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }
}

impl<S> fmt::Debug for ReadHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf")
            .field("role", &self.role)
            .field("close_frame", &self.close_frame)
            .finish_non_exhaustive()
    }
}
