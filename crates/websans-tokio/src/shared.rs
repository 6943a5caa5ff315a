//! What the two halves of a connection share: the transport, everything that writes, the timers.
//!
//! ```text
//! ReadHalf:  Reader, RecvBuf ──┐
//!                              ├─ Mutex<Shared>: transport, Writer, SendBuf, Keepalive
//! WriteHalf ───────────────────┘
//! ```
//!
//! The lock is held while something is polled, never while something is awaited. Messages are
//! decoded outside of it.

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use atomic_waker::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep, sleep_until};
use websans::{Keepalive, KeepaliveTimeout, RecvBuf, Reply, SendBuf, SendError, Writer};

use crate::error::{Deadline, Error};
use crate::options::Options;

/// How much is read at once while nothing waits, onto the stack.
const READ: usize = 16 << 10;

pub(crate) struct Shared<S> {
    pub(crate) stream: S,
    pub(crate) writer: Writer,
    pub(crate) tx: SendBuf,
    pub(crate) keepalive: Keepalive,
    pub(crate) output: Output,
    pub(crate) tasks: Arc<Tasks>,
    /// Wakes all of `tasks`.
    waker: Waker,
    start: Instant,
    /// At the latest when the next deadline of `keepalive` passes.
    timer: Option<Pin<Box<Sleep>>>,
    /// While the transport takes nothing: until when that is put up with.
    stalled: Option<Pin<Box<Sleep>>>,
    write_timeout: Option<Duration>,
    /// The transport has bytes that it may not have passed on.
    unflushed: bool,
    close_is_sent: bool,
}

/// Whether the transport takes bytes.
pub(crate) enum Output {
    Open,
    /// It failed: with what, until that has been told to who writes. What has come can still be
    /// read.
    Broken(Option<io::Error>),
    /// The peer took nothing for too long.
    Stalled,
    /// The connection is over.
    Over,
}

/// The tasks that wait: a transport keeps one waker, and both halves may wait for it to take bytes.
#[derive(Default)]
pub(crate) struct Tasks {
    pub(crate) reading: AtomicWaker,
    pub(crate) writing: AtomicWaker,
}

impl Wake for Tasks {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.reading.wake();
        self.writing.wake();
    }
}

/// A panic of the transport, in another task, is not to spread to this one.
pub(crate) fn lock<S>(shared: &Mutex<Shared<S>>) -> MutexGuard<'_, Shared<S>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S> Shared<S> {
    pub(crate) fn new(stream: S, writer: Writer, tx: SendBuf, options: &Options) -> Self {
        let tasks = Arc::<Tasks>::default();
        let mut keepalive = Keepalive::new(options.keepalive, Duration::ZERO);
        keepalive.handle_open(Duration::ZERO);
        Self {
            stream,
            writer,
            tx,
            keepalive,
            output: Output::Open,
            waker: Waker::from(Arc::clone(&tasks)),
            tasks,
            start: Instant::now(),
            timer: None,
            stalled: None,
            write_timeout: options.write_timeout,
            unflushed: false,
            close_is_sent: false,
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn is_output_open(&self) -> bool {
        matches!(self.output, Output::Open)
    }

    /// Nothing will be written any more.
    pub(crate) fn end_output(&mut self, how: Output) {
        self.output = how;
        self.tx.clear();
        self.tx.release();
        self.stalled = None;
        self.tasks.writing.wake();
    }

    /// Why nothing can be written any more.
    pub(crate) fn output_error(&mut self) -> Error {
        match &mut self.output {
            Output::Broken(error) => error.take().map_or(Error::CLOSED, Error::Io),
            Output::Stalled => Error::Timeout(Deadline::Write),
            Output::Open | Output::Over => Error::CLOSED,
        }
    }

    /// Queues what reading obliges to send, as `Connection` does for one that is not split.
    pub(crate) fn reply(&mut self, reply: &Reply) -> Result<(), websans::Error> {
        if !self.is_output_open() {
            return Ok(());
        }
        match self.writer.reply(reply, &mut self.tx) {
            Err(SendError::TooManyReplies { limit }) => {
                Err(websans::Error::TooManyReplies { limit })
            }
            // The peer has closed; that our reply cannot be masked takes nothing from that.
            Err(_) if reply.close_body().is_none() => Err(websans::Error::NoEntropy),
            _ => Ok(()),
        }
    }

    pub(crate) fn ping(&mut self) -> Result<(), SendError> {
        if self.is_output_open() { self.writer.send_ping(b"", &mut self.tx) } else { Ok(()) }
    }

    /// Which deadline has passed.
    pub(crate) fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<KeepaliveTimeout> {
        loop {
            let now = self.now();
            if let Some(timeout) = self.keepalive.handle_timeout(now) {
                return Poll::Ready(timeout);
            }
            let next = self.keepalive.next_timeout();
            let Some(at) = next.and_then(|next| self.start.checked_add(next)) else {
                return Poll::Pending;
            };
            // Most deadlines are put off by every read. That the timer then goes off early costs
            // less than to set it anew each time.
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
            if timer.is_elapsed() || at < timer.deadline() {
                timer.as_mut().reset(at);
            }
            ready!(timer.as_mut().poll(cx));
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Shared<S> {
    /// Writes until at most `most` bytes wait, and flushes the transport if that is 0. An error
    /// says that nothing more can be written: why is `output`.
    pub(crate) fn poll_write(&mut self, most: u64) -> Poll<Result<(), ()>> {
        if !self.is_output_open() {
            return Poll::Ready(Err(()));
        }
        let mut cx = Context::from_waker(&self.waker);
        loop {
            if self.tx.len() <= most && (most > 0 || !self.unflushed) {
                break;
            }
            let stream = Pin::new(&mut self.stream);
            let written = if self.tx.is_empty() {
                stream.poll_flush(&mut cx).map_ok(|()| None)
            } else {
                stream.poll_write(&mut cx, self.tx.as_slice()).map_ok(Some)
            };
            match written {
                Poll::Ready(Ok(Some(0))) => {
                    self.end_output(Output::Broken(Some(ErrorKind::WriteZero.into())));
                    return Poll::Ready(Err(()));
                }
                Poll::Ready(Ok(n)) => {
                    self.tx.consume(n.unwrap_or(0));
                    self.unflushed = n.is_some();
                    // Who takes bytes, if only now and then, is alive, even if it says nothing.
                    if self.stalled.take().is_some() {
                        self.keepalive.handle_received(self.start.elapsed());
                    }
                }
                Poll::Ready(Err(error)) => {
                    self.end_output(Output::Broken(Some(error)));
                    return Poll::Ready(Err(()));
                }
                Poll::Pending => {
                    let Some(patience) = self.write_timeout else { return Poll::Pending };
                    let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
                    ready!(stalled.as_mut().poll(&mut cx));
                    self.end_output(Output::Stalled);
                    // The other half is to know, too.
                    self.tasks.reading.wake();
                    return Poll::Ready(Err(()));
                }
            }
        }
        if self.tx.is_empty() {
            self.tx.release();
            if !self.writer.is_open() && !self.close_is_sent {
                self.close_is_sent = true;
                self.keepalive.handle_close(self.start.elapsed());
                // From now on it waits for something else.
                self.tasks.reading.wake();
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once: how many bytes, 0 at the end.
    pub(crate) fn poll_read(&mut self, rx: &mut RecvBuf) -> Poll<io::Result<usize>> {
        poll_read(&mut self.stream, &mut Context::from_waker(&self.waker), rx)
    }

    pub(crate) fn poll_shutdown(&mut self) -> Poll<io::Result<()>> {
        let mut cx = Context::from_waker(&self.waker);
        Pin::new(&mut self.stream).poll_shutdown(&mut cx)
    }
}

/// Reads once: how many bytes, 0 at the end. While nothing is half-way it takes no memory to wait,
/// for the place to read to is on the stack.
pub(crate) fn poll_read<S: AsyncRead + Unpin>(
    stream: &mut S,
    cx: &mut Context<'_>,
    rx: &mut RecvBuf,
) -> Poll<io::Result<usize>> {
    let stream = Pin::new(stream);
    if rx.is_empty() {
        let mut place = [const { MaybeUninit::uninit() }; READ];
        let mut buf = ReadBuf::uninit(&mut place);
        ready!(stream.poll_read(cx, &mut buf))?;
        rx.extend(buf.filled());
        Poll::Ready(Ok(buf.filled().len()))
    } else {
        let mut buf = ReadBuf::new(rx.spare_mut());
        ready!(stream.poll_read(cx, &mut buf))?;
        let n = buf.filled().len();
        rx.advance(n);
        Poll::Ready(Ok(n))
    }
}
