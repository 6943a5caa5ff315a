//! A connection in one piece.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use websans::{
    AgreedDeflate, CloseCode, Connection, PreparedMessage, RecvBuf, SendBuf, SendError, Session,
};

use crate::driver::Driver;
use crate::error::Error;
use crate::message::{CloseFrame, Message, Part};
use crate::options::Options;

/// A WebSocket connection over a transport `S`: a [`Stream`] of messages, and a [`Sink`] for them.
///
/// [`connect`](crate::connect), [`client`](crate::client) and [`accept`](crate::accept) make one.
/// Dropping it closes the transport without a word, which the peer takes for a failure;
/// [`close`](Self::close) sends a close frame first.
pub struct WebSocket<S> {
    pub(crate) driver: Driver<S>,
    pub(crate) write_buffer: u64,
}

impl<S> WebSocket<S> {
    /// A connection whose opening handshake was made elsewhere, as by hyper or over HTTP/2, with
    /// what has been received after it.
    ///
    /// # Panics
    /// When it is awaited outside of a tokio runtime with a timer, as [`tokio::time::sleep`] does.
    #[must_use]
    pub fn after_handshake(
        stream: S,
        connection: Connection,
        received: RecvBuf,
        options: &Options,
    ) -> Self {
        let session = Session::open(connection, options.deadlines, Duration::ZERO);
        let (tx, start, member) = (SendBuf::new(), Instant::now(), options.join());
        let driver = Driver::new(stream, session, received, tx, start, member);
        Self::new(driver, options)
    }

    pub(crate) fn new(driver: Driver<S>, options: &Options) -> Self {
        Self { driver, write_buffer: options.write_buffer as u64 }
    }

    /// What the peer's close frame said: known when [`next`](Self::next) has returned `None`.
    #[must_use]
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.driver.close_frame()
    }

    /// The subprotocol that was agreed on, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.driver.session.connection()?.subprotocol()
    }

    /// What was agreed on of permessage-deflate, if it was.
    #[must_use]
    pub fn permessage_deflate(&self) -> Option<AgreedDeflate> {
        self.driver.session.connection()?.permessage_deflate()
    }

    /// How long the peer took to answer the last ping that was sent because it was silent. It
    /// includes the time that ping and pong waited in buffers.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.driver.session.round_trip_time()
    }

    /// How many bytes wait to be written, frame headers included.
    #[must_use]
    pub fn queued(&self) -> u64 {
        self.driver.queued()
    }

    /// Looks at the transport, as for the peer's address. It must not be read or written.
    pub fn with_stream<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.driver.stream)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// The next message; `None` when both close frames have passed. An error is the last that comes
    /// before `None`.
    ///
    /// What was [fed](Self::feed) is written before this waits for the peer. Cancel-safe: a future
    /// that is dropped while it waits loses no message and no part of one.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.poll_message(cx)).await
    }

    /// The next part of a message: as much as has come, so that a message may be larger than memory,
    /// or than one would like to wait for. [`Config::max_message_size`] applies all the same. The
    /// rest is as for [`next`](Self::next), and the two can be mixed: `next` then returns what is
    /// left of the message.
    ///
    /// [`Config::max_message_size`]: crate::Config::max_message_size
    pub async fn next_part(&mut self) -> Option<Result<Part, Error>> {
        poll_fn(|cx| self.driver.poll_message(cx, true)).await
    }

    /// Sends a message, and waits until the transport has taken it.
    ///
    /// Meanwhile nothing is read. If the peer does the same, both wait until
    /// [`Deadlines::write`](crate::Deadlines::write) has passed: [split](Self::into_split) a
    /// connection that sends much while much may come.
    ///
    /// A future that is dropped before it has ended has sent the message whole or not at all. Without
    /// an error the transport has the whole message; [`Error::Send`] has changed nothing; any other
    /// error says that the connection is over, and that what the peer has got is not known.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Queues a message, and waits only while more than
    /// [`Options::write_buffer`](crate::Options::write_buffer) bytes wait to be written.
    ///
    /// What is queued is written by [`next`](Self::next) before it waits for the peer, by
    /// [`flush`](Self::flush) and by [`send`](Self::send). So a server that answers with `feed`
    /// writes once for all requests that came in one read:
    ///
    /// ```no_run
    /// # async fn f(socket: tokio::net::TcpStream) -> Result<(), websans_tokio::Error> {
    /// let mut ws = websans_tokio::accept(socket).await?;
    /// while let Some(message) = ws.next().await {
    ///     ws.feed(message?).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        let message = message.into();
        self.queue(|session, tx| session.send(message.clone().into_owned(), tx)).await
    }

    /// Queues a part of a message, as [`feed`](Self::feed) does; `last` ends the message. Pings and
    /// close frames go out between the parts. All parts are of the same kind, text or binary.
    pub async fn feed_part(&mut self, part: impl Into<Message>, last: bool) -> Result<(), Error> {
        let part = part.into();
        self.queue(|session, tx| session.send(part.clone().into_owned().part(last), tx)).await
    }

    /// [Sends](Self::send) a message that was encoded once, for many connections.
    pub async fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), Error> {
        self.queue(|session, tx| session.send_prepared(message, tx)).await?;
        self.flush().await
    }

    /// Waits until the transport has taken all that was sent. After a clean end nothing is left, and
    /// this is no error.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.driver.poll_written(cx, 0)).await
    }

    /// Sends a close frame, after which nothing can be sent; messages may still come until the peer
    /// answers, and then [`next`](Self::next) returns `None`.
    ///
    /// The code is one of 1000–1003, 1007–1014, 3000–4999, or `None` for none; the reason has at
    /// most 123 bytes. If the closing handshake has begun already, there is nothing to do.
    pub async fn send_close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> Result<(), Error> {
        self.driver.close(code.into(), reason)?;
        self.flush().await
    }

    /// Closes the connection: sends a close frame, and waits for the peer's and for the end of the
    /// transport. Messages that still come are thrown away.
    ///
    /// The code and the reason are as for [`send_close`](Self::send_close). Errors as for
    /// [`next`](Self::next), and [`Error::Send`] for a code or a reason that cannot be sent. A future
    /// that was dropped while it waited can be made again.
    pub async fn close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> Result<(), Error> {
        if let Err(error @ Error::Send(_)) = self.driver.close(code.into(), reason) {
            return Err(error);
        }
        // If nothing can be written any more, the peer may still have closed it.
        while let Some(message) = self.next().await {
            message?;
        }
        Ok(())
    }

    /// Queues what `add` sends, once there is room.
    async fn queue(
        &mut self,
        mut add: impl FnMut(&mut Session, &mut SendBuf) -> Result<(), SendError>,
    ) -> Result<(), Error> {
        poll_fn(|cx| self.driver.poll_queue(cx, self.write_buffer, &mut add)).await
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        let part = ready!(self.driver.poll_message(cx, false));
        Poll::Ready(part.map(|part| part.map(|part| part.data)))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_message(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for WebSocket<S> {
    fn is_terminated(&self) -> bool {
        self.driver.is_over()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocket<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        this.driver.poll_written(cx, this.write_buffer.max(1))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.get_mut().driver.queue(|session, tx| session.send(message.into_owned(), tx))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().driver.poll_written(cx, 0)
    }

    /// Sends a close frame with 1000, unless one was sent before. The stream ends when the peer
    /// has answered.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        this.driver.close(Some(CloseCode::NORMAL_CLOSURE), "")?;
        this.driver.poll_written(cx, 0)
    }
}

impl<S> fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("role", &self.driver.session.role())
            .field("close_frame", &self.close_frame())
            .finish_non_exhaustive()
    }
}
