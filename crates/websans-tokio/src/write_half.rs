//! The half that writes: from messages to the transport.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};
use websans::{CloseCode, PreparedMessage, SendBuf, SendError, Writer};

use crate::error::Error;
use crate::message::Message;
use crate::shared::{Shared, lock};

/// The half of a [`WebSocket`](crate::WebSocket) that sends messages: a [`Sink`] for them.
///
/// When it is dropped the other half goes on. Nobody reads after that one has been dropped: then
/// pings are not answered, and nothing says that the connection is over but that sending fails.
pub struct WriteHalf<S> {
    shared: Arc<Mutex<Shared<S>>>,
    write_buffer: u64,
}

impl<S> WriteHalf<S> {
    pub(crate) fn new(shared: Arc<Mutex<Shared<S>>>, write_buffer: usize) -> Self {
        Self { shared, write_buffer: write_buffer as u64 }
    }

    pub(crate) fn shared(&self) -> &Arc<Mutex<Shared<S>>> {
        &self.shared
    }

    fn queue(
        &mut self,
        add: impl FnOnce(&mut Writer, &mut SendBuf) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        let shared = &mut *lock(&self.shared);
        if shared.is_output_open() {
            Ok(add(&mut shared.writer, &mut shared.tx)?)
        } else {
            Err(shared.output_error())
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WriteHalf<S> {
    /// Sends a message, and waits until the transport has taken it.
    ///
    /// If it is dropped before it has ended, the message is sent whole or not at all, and what
    /// remains of it goes out with what is sent next, or while the other half reads. An
    /// [`Error::Send`] has changed nothing; any other says that the connection is over.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Sends a message, and waits only as long as more than [`Options::write_buffer`] bytes wait to
    /// be written. For many messages in a row; [`flush`](Self::flush) at the end.
    ///
    /// [`Options::write_buffer`]: crate::Options::write_buffer
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        self.ready().await?;
        self.queue(|writer, tx| writer.send(message.borrowed(), tx))
    }

    /// [`send`](Self::send)s a message that was encoded once, for many connections. It is not
    /// compressed.
    pub async fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), Error> {
        self.ready().await?;
        self.queue(|writer, tx| writer.send_prepared(message, tx))?;
        self.flush().await
    }

    /// Waits until the transport has taken all that was sent.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_write(cx, 0)).await
    }

    /// Sends a close frame, after which nothing can be sent; messages may still come, and when
    /// the peer has answered the other half ends with `None`.
    ///
    /// The code is one of 1000–1003, 1007–1014, 3000–4999, or `None` for none; the reason has at
    /// most 123 bytes. If the closing handshake has begun already, there is nothing to do.
    pub async fn send_close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> Result<(), Error> {
        self.queue_close(code.into(), reason)?;
        closed_is_done(self.flush().await)
    }

    pub(crate) fn queue_close(
        &mut self,
        code: Option<CloseCode>,
        reason: &str,
    ) -> Result<(), Error> {
        closed_is_done(self.queue(|writer, tx| writer.close(code, reason, tx)))
    }

    async fn ready(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_write(cx, self.write_buffer)).await
    }

    fn poll_write(&self, cx: &mut Context<'_>, most: u64) -> Poll<Result<(), Error>> {
        let shared = &mut *lock(&self.shared);
        shared.tasks.writing.register(cx.waker());
        let result = ready!(shared.poll_write(most));
        shared.tasks.writing.take();
        Poll::Ready(result.map_err(|()| shared.output_error()))
    }
}

/// Whoever closes a connection that is closed has got what it asked for.
fn closed_is_done(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(Error::Send(SendError::Closed)) => Ok(()),
        result => result,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WriteHalf<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_write(cx, self.write_buffer)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.get_mut().queue(|writer, tx| writer.send(message.borrowed(), tx))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_write(cx, 0)
    }

    /// Sends a close frame with 1000, unless one was sent before.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        this.queue_close(Some(CloseCode::NORMAL_CLOSURE), "")?;
        this.poll_write(cx, 0).map(closed_is_done)
    }
}

impl<S> fmt::Debug for WriteHalf<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}
