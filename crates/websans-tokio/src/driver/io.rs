//! What the session asks for, done with the transport.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::sleep_until;
use websans::{Io, SendBuf};

use super::Driver;
use crate::pool;

/// How many slices one vectored write takes.
const SLICES: usize = 32;

/// How often the clock is looked at while a write stalls and nothing is read.
const TICK: Duration = Duration::from_secs(1);

/// What is to be done with the transport, as far as a call cares.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Only {
    Writing,
    Everything,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Does with the transport what the session asks for. It is ready when there may be more events,
    /// or the connection is over; with [`Only::Writing`] when nothing is left to write.
    pub(super) fn poll_io(&mut self, cx: &mut Context<'_>, only: Only) -> Poll<()> {
        let mut ticked = false;
        loop {
            let now = self.now();
            if self.cut_at().is_some_and(|at| at <= now) {
                self.cut_off(cx);
                return Poll::Ready(());
            }
            let tx = self.tx.get_or_insert_with(pool::send_buf);
            let done = match self.session.next_io(tx, now) {
                Io::Write => match poll_write(&mut self.stream, cx, tx) {
                    Poll::Ready(Ok(n)) => {
                        tx.consume(n);
                        self.session.handle_written(n, now);
                        Poll::Ready(Ok(()))
                    }
                    Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                    Poll::Pending => {
                        self.session.handle_written(0, now);
                        Poll::Pending
                    }
                },
                Io::Flush => {
                    let done = Pin::new(&mut self.stream).poll_flush(cx);
                    match done {
                        Poll::Ready(Ok(())) => self.session.handle_flushed(now),
                        Poll::Ready(Err(_)) => {}
                        Poll::Pending => self.session.handle_written(0, now),
                    }
                    done
                }
                Io::Close => {
                    self.end_transport(cx);
                    return Poll::Ready(());
                }
                _ if only == Only::Writing => {
                    self.give_back();
                    return Poll::Ready(());
                }
                Io::Read => Poll::Pending,
                Io::Drain => {
                    ready!(self.poll_read_or_time(cx));
                    if let Some(rx) = &mut self.rx {
                        rx.clear();
                    }
                    return Poll::Ready(());
                }
                Io::ShutDown => {
                    let done = Pin::new(&mut self.stream).poll_shutdown(cx);
                    if let Poll::Ready(Ok(())) = done {
                        self.session.handle_shut_down();
                    }
                    done
                }
            };
            match done {
                Poll::Ready(Ok(())) => self.progress = self.progress.wrapping_add(1),
                Poll::Ready(Err(error)) => self.fail_writing(error),
                Poll::Pending if only == Only::Everything => return self.poll_read_or_time(cx),
                Poll::Pending => {
                    self.give_back();
                    ready!(self.poll_stalled(cx, &mut ticked));
                }
            }
        }
    }

    /// Nothing is to be done with the transport any more.
    fn end_transport(&mut self, cx: &mut Context<'_>) {
        if let Some(tx) = &mut self.tx {
            self.lost |= !tx.is_empty();
            tx.clear();
        }
        (self.over, self.timer) = (true, None);
        // The caller may keep the transport for long; the peer is not to wait for that.
        let _ = Pin::new(&mut self.stream).poll_shutdown(cx);
        // Only now may the application be told that the connection has ended.
        self.member = None;
        self.progress = self.progress.wrapping_add(1);
        self.give_back();
    }

    /// When the connection is to be over for a shutdown.
    fn cut_at(&self) -> Option<Duration> {
        self.member.as_ref()?.ends_at(self.start)
    }

    /// Ends the connection at once, for a shutdown.
    pub(super) fn cut_off(&mut self, cx: &mut Context<'_>) {
        // If only the peer's end of the transport is missing, all has been said.
        if !self.session.close_status().is_some_and(|status| status.clean) {
            let now = self.now();
            let tx = self.tx.get_or_insert_with(pool::send_buf);
            // What the transport takes at once costs no time: the close frame, if nothing stalls.
            while !tx.is_empty()
                && let Poll::Ready(Ok(n)) = poll_write(&mut self.stream, cx, tx)
            {
                tx.consume(n);
            }
            self.lost |= !tx.is_empty();
            self.session.handle_write_error(tx);
            self.session.handle_read(0, now);
            self.cut_off = true;
        }
        self.end_transport(cx);
    }

    /// Nothing can be written any more.
    fn fail_writing(&mut self, error: io::Error) {
        let tx = self.tx.get_or_insert_with(pool::send_buf);
        self.lost |= !tx.is_empty();
        self.session.handle_write_error(tx);
        self.write_error.get_or_insert(error);
        self.progress = self.progress.wrapping_add(1);
    }

    /// Reads, or waits until a deadline passes.
    fn poll_read_or_time(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.session.wants_read() {
            let rx = self.rx.get_or_insert_with(pool::recv_buf);
            let mut buf = ReadBuf::new(rx.spare_mut());
            let done = Pin::new(&mut self.stream).poll_read(cx, &mut buf);
            let n = buf.filled().len();
            rx.advance(n);
            let now = self.now();
            match done {
                Poll::Ready(Ok(())) => {
                    self.session.handle_read(n, now);
                    return Poll::Ready(());
                }
                Poll::Ready(Err(error)) => {
                    self.read_error = Some(error);
                    self.session.handle_read(0, now);
                    return Poll::Ready(());
                }
                Poll::Pending => {}
            }
        }
        self.give_back();
        loop {
            let (now, cut_at) = (self.now(), self.cut_at());
            if cut_at.is_some_and(|at| at <= now) {
                self.cut_off(cx);
                return Poll::Ready(());
            }
            let next = self.session.next_timeout();
            if next.is_some_and(|at| at <= now) {
                self.session.handle_timeout(now);
                // It has been silent for a while: memory that can be made anew is given back.
                if let Ok(connection) = self.session.connected() {
                    connection.release();
                }
                return Poll::Ready(());
            }
            let Some(at) = next.into_iter().chain(cut_at).min() else { return Poll::Pending };
            ready!(self.poll_timer(cx, at));
        }
    }

    /// Waits for the deadline of a write that stalls, or for that of a shutdown, while nothing is
    /// read. What else the session waits for has to wait, so the clock is only looked at now and
    /// then.
    fn poll_stalled(&mut self, cx: &mut Context<'_>, ticked: &mut bool) -> Poll<()> {
        self.register(cx);
        loop {
            let (now, cut_at) = (self.now(), self.cut_at());
            if cut_at.is_some_and(|at| at <= now) {
                return Poll::Ready(());
            }
            let next = self.session.next_timeout();
            if next.is_some_and(|at| at <= now) && !std::mem::replace(ticked, true) {
                self.session.handle_timeout(now);
                return Poll::Ready(());
            }
            let next = next.map(|at| if at <= now { now.saturating_add(TICK) } else { at });
            let Some(at) = next.into_iter().chain(cut_at).min() else { return Poll::Pending };
            ready!(self.poll_timer(cx, at));
            *ticked = false;
        }
    }

    /// Waits until `at`, or until an earlier time for which the timer is set: most deadlines are put
    /// off by every read, and to set it anew costs more than to look once too early.
    fn poll_timer(&mut self, cx: &mut Context<'_>, at: Duration) -> Poll<()> {
        let Some(at) = self.start.checked_add(at) else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() > at {
            timer.as_mut().reset(at);
        }
        ready!(timer.as_mut().poll(cx));
        if timer.deadline() < at {
            timer.as_mut().reset(at);
        }
        Poll::Ready(())
    }
}

/// Writes all that waits, in one call if the transport takes slices.
fn poll_write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    tx: &SendBuf,
) -> Poll<io::Result<usize>> {
    let stream = Pin::new(stream);
    let first = tx.as_slice();
    let n = if first.len() as u64 == tx.len() || !stream.is_write_vectored() {
        ready!(stream.poll_write(cx, first))?
    } else {
        let mut slices = [io::IoSlice::new(&[]); SLICES];
        let count = tx.io_slices(&mut slices);
        ready!(stream.poll_write_vectored(cx, slices.get(..count).unwrap_or_default()))?
    };
    Poll::Ready(if n == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(n) })
}
