//! A session over anything that has the traits `AsyncRead` and `AsyncWrite` of futures, with timers
//! of smol: all of the I/O, and nothing else.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Instant;

use smol::Timer;
use smol::io::{AsyncRead, AsyncWrite};
use websans::{Io, RecvBuf, SendBuf, Session, SessionEvent};

/// While so much waits to be written no more events are taken.
const BACKLOG: u64 = 64 << 10;

/// One connection: its transport, the bytes to and from it, and its session.
pub(crate) struct Peer<T> {
    pub(crate) ws: Session,
    pub(crate) tx: SendBuf,
    rx: RecvBuf,
    transport: T,
    start: Instant,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Peer<T> {
    /// `ws` begins at the time zero; `tx` holds what it has queued.
    pub(crate) fn new(transport: T, ws: Session, tx: SendBuf) -> Self {
        Self { ws, tx, rx: RecvBuf::new(), transport, start: Instant::now() }
    }

    /// Takes all events that there are, and waits for the next piece of I/O: `false` when the session
    /// is over. It may be dropped at any time, and nothing is lost: so it can be raced against
    /// whatever else has something to send.
    pub(crate) async fn step(
        &mut self,
        mut handle: impl FnMut(&mut Session, SessionEvent<'_>, &mut SendBuf),
    ) -> bool {
        // After an error the session says how to go on to the end.
        while self.tx.len() < BACKLOG
            && let Ok(Some(event)) = self.ws.next_event(&mut self.rx, &mut self.tx)
        {
            handle(&mut self.ws, event, &mut self.tx);
        }
        let io = self.ws.next_io(&self.tx, self.start.elapsed());
        if io == Io::Close {
            return false;
        }
        let next = self.ws.next_timeout().and_then(|at| self.start.checked_add(at));
        let mut timer = pin!(next.map_or_else(Timer::never, Timer::at));
        let done = poll_fn(|cx| match self.poll_io(io, cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => timer.as_mut().poll(cx).map(|_| None),
        });
        let done = done.await;
        let now = self.start.elapsed();
        match (done, io) {
            (None, _) => self.ws.handle_timeout(now),
            (Some(Ok(n)), Io::Read) => {
                self.rx.advance(n);
                self.ws.handle_read(n, now);
            }
            (Some(Ok(n)), Io::Drain) => self.ws.handle_read(n, now),
            (Some(Ok(n)), Io::Write) => {
                self.tx.consume(n);
                self.ws.handle_written(n, now);
            }
            (Some(Ok(_)), Io::Flush) => self.ws.handle_flushed(now),
            (Some(Ok(_)), _) => self.ws.handle_shut_down(),
            (Some(Err(error)), _) if error.kind() == ErrorKind::Interrupted => {}
            (Some(Err(_)), Io::Read | Io::Drain) => self.ws.handle_read(0, now),
            (Some(Err(_)), _) => self.ws.handle_write_error(&mut self.tx),
        }
        true
    }

    fn poll_io(&mut self, io: Io, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let transport = Pin::new(&mut self.transport);
        match io {
            Io::Read | Io::Drain => transport.poll_read(cx, self.rx.spare_mut()),
            Io::Write => transport.poll_write(cx, self.tx.as_slice()),
            Io::Flush => transport.poll_flush(cx).map_ok(|()| 0),
            Io::ShutDown => transport.poll_close(cx).map_ok(|()| 0),
            Io::Close => Poll::Pending,
        }
    }
}
