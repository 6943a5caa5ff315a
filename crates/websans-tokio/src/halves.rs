//! The two halves of a connection, for two tasks.
//!
//! They share the driver under a lock, which is held while something is polled and never while
//! something is awaited. A transport keeps one waker, so that it wakes both tasks; what one half
//! does that the other may wait for wakes the other.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use atomic_waker::AtomicWaker;
use bytestring::ByteString;
use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};
use websans::{AgreedDeflate, CloseCode, PreparedMessage, SendBuf, SendError, Session};

use crate::driver::Driver;
use crate::error::Error;
use crate::message::{CloseFrame, Message, Part};
use crate::websocket::WebSocket;

/// The half of a [`WebSocket`] that receives messages: a [`Stream`] of them.
///
/// What reading obliges the endpoint to send, pongs and the answer to a close frame, goes out even
/// if the other half does nothing. When this half is dropped nothing is read any more: pings are not
/// answered, and sending fails when the peer has had enough.
pub struct ReadHalf<S>(Shared<S>);

/// The half of a [`WebSocket`] that sends messages: a [`Sink`] for them.
///
/// When it is dropped the other half goes on.
pub struct WriteHalf<S>(Shared<S>);

/// Two halves that are not of the same connection.
pub struct ReuniteError<S>(pub ReadHalf<S>, pub WriteHalf<S>);

struct Shared<S> {
    driver: Arc<Mutex<Driver<S>>>,
    tasks: Arc<Tasks>,
    /// Wakes both `tasks`.
    waker: Waker,
    write_buffer: u64,
}

#[derive(Default)]
struct Tasks {
    reading: AtomicWaker,
    writing: AtomicWaker,
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

impl<S> WebSocket<S> {
    /// The two halves, for two tasks. [`ReadHalf::reunite`] puts them together again.
    #[must_use]
    pub fn into_split(self) -> (ReadHalf<S>, WriteHalf<S>) {
        let Self { driver, write_buffer } = self;
        let tasks = Arc::<Tasks>::default();
        let waker = Waker::from(Arc::clone(&tasks));
        let read = Shared { driver: Arc::new(Mutex::new(driver)), tasks, waker, write_buffer };
        let write = Shared {
            driver: Arc::clone(&read.driver),
            tasks: Arc::clone(&read.tasks),
            waker: read.waker.clone(),
            write_buffer,
        };
        (ReadHalf(read), WriteHalf(write))
    }
}

impl<S> Shared<S> {
    /// A panic of the transport in another task does not spread to this one.
    fn lock(&self) -> MutexGuard<'_, Driver<S>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Polls for the task of one half, and wakes that of the other when something has happened that
    /// it may wait for.
    fn poll<T>(
        &self,
        cx: &Context<'_>,
        (own, other): (&AtomicWaker, &AtomicWaker),
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        own.register(cx.waker());
        let driver = &mut *self.lock();
        let before = driver.progress;
        let result = poll(driver, &mut Context::from_waker(&self.waker));
        if driver.progress != before {
            other.wake();
        }
        if result.is_ready() {
            own.take();
        }
        result
    }

    fn poll_reading<T>(
        &self,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.poll(cx, (&self.tasks.reading, &self.tasks.writing), poll)
    }

    fn poll_writing<T>(
        &self,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut Driver<S>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.poll(cx, (&self.tasks.writing, &self.tasks.reading), poll)
    }
}

impl<S> ReadHalf<S> {
    /// What the peer's close frame said: known when [`next`](Self::next) has returned `None`.
    #[must_use]
    pub fn close_frame(&self) -> Option<CloseFrame> {
        self.0.lock().close_frame().cloned()
    }

    /// The subprotocol that was agreed on, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<ByteString> {
        self.0.lock().session.connection()?.subprotocol().map(ByteString::from)
    }

    /// What was agreed on of permessage-deflate, if it was.
    #[must_use]
    pub fn permessage_deflate(&self) -> Option<AgreedDeflate> {
        self.0.lock().session.connection()?.permessage_deflate()
    }

    /// How long the peer took to answer a ping: [`WebSocket::round_trip_time`].
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.0.lock().session.round_trip_time()
    }

    /// Whether the other half is of the same connection.
    #[must_use]
    pub fn is_pair_of(&self, other: &WriteHalf<S>) -> bool {
        Arc::ptr_eq(&self.0.driver, &other.0.driver)
    }

    /// The connection in one piece again.
    ///
    /// Errors: gives back two halves that are not of the same connection.
    pub fn reunite(self, other: WriteHalf<S>) -> Result<WebSocket<S>, ReuniteError<S>> {
        if !self.is_pair_of(&other) {
            return Err(ReuniteError(self, other));
        }
        let Self(Shared { driver, tasks, waker, write_buffer }) = self;
        drop(other);
        match Arc::try_unwrap(driver) {
            Ok(driver) => {
                let driver = driver.into_inner().unwrap_or_else(PoisonError::into_inner);
                Ok(WebSocket { driver, write_buffer })
            }
            // There were two owners, of which one was dropped.
            Err(driver) => {
                let shared = |driver| Shared {
                    driver,
                    tasks: Arc::clone(&tasks),
                    waker: waker.clone(),
                    write_buffer,
                };
                let other = Arc::clone(&driver);
                Err(ReuniteError(ReadHalf(shared(driver)), WriteHalf(shared(other))))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> ReadHalf<S> {
    /// The next message: [`WebSocket::next`].
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// The next part of a message: [`WebSocket::next_part`].
    pub async fn next_part(&mut self) -> Option<Result<Part, Error>> {
        poll_fn(|cx| self.0.poll_reading(cx, |driver, cx| driver.poll_message(cx, true))).await
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        let part = ready!(self.0.poll_reading(cx, |driver, cx| driver.poll_message(cx, false)));
        Poll::Ready(part.map(|part| part.map(|part| part.data)))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WriteHalf<S> {
    /// Sends a message, and waits until the transport has taken it: [`WebSocket::send`].
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        self.queue(|session, tx| session.send(message.clone().into_owned(), tx)).await?;
        self.flush().await
    }

    /// Queues a message: [`WebSocket::feed`]. It goes out while the other half waits for the peer,
    /// or with [`flush`](Self::flush).
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        self.queue(|session, tx| session.send(message.clone().into_owned(), tx)).await?;
        self.0.tasks.reading.wake();
        Ok(())
    }

    /// Queues a part of a message: [`WebSocket::feed_part`].
    pub async fn feed_part(&mut self, part: impl Into<Message>, last: bool) -> Result<(), Error> {
        let part = part.into();
        self.queue(|session, tx| session.send(part.clone().into_owned().part(last), tx)).await?;
        self.0.tasks.reading.wake();
        Ok(())
    }

    /// Sends a message that was encoded once: [`WebSocket::send_prepared`].
    pub async fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), Error> {
        self.queue(|session, tx| session.send_prepared(message, tx)).await?;
        self.flush().await
    }

    /// Waits until the transport has taken all that was sent: [`WebSocket::flush`].
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_written(cx, 0)).await
    }

    /// Sends a close frame: [`WebSocket::send_close`]. When the peer has answered, the other half
    /// ends with `None`.
    pub async fn send_close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> Result<(), Error> {
        self.close(code.into(), reason)?;
        self.flush().await
    }

    /// The other half waits for another deadline from now on.
    fn close(&self, code: Option<CloseCode>, reason: &str) -> Result<(), Error> {
        self.0.lock().close(code, reason)?;
        self.0.tasks.reading.wake();
        Ok(())
    }

    async fn queue(
        &mut self,
        mut add: impl FnMut(&mut Session, &mut SendBuf) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        let most = self.0.write_buffer;
        let mut poll =
            |driver: &mut Driver<S>, cx: &mut Context<'_>| driver.poll_queue(cx, most, &mut add);
        poll_fn(|cx| self.0.poll_writing(cx, &mut poll)).await
    }

    fn poll_written(&self, cx: &Context<'_>, most: u64) -> Poll<Result<(), Error>> {
        self.0.poll_writing(cx, |driver, cx| driver.poll_written(cx, most))
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
        self.0.lock().is_over()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WriteHalf<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_written(cx, self.0.write_buffer.max(1))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.0.lock().queue(|session, tx| session.send(message.into_owned(), tx))?;
        self.0.tasks.reading.wake();
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_written(cx, 0)
    }

    /// Sends a close frame with 1000, unless one was sent before.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.close(Some(CloseCode::NORMAL_CLOSURE), "")?;
        self.poll_written(cx, 0)
    }
}

impl<S> fmt::Debug for ReadHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for WriteHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReuniteError").finish_non_exhaustive()
    }
}

impl<S> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of two connections")
    }
}

impl<S> std::error::Error for ReuniteError<S> {}
