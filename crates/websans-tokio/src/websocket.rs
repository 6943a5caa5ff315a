//! A connection: its two halves, side by side.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytestring::ByteString;
use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};
use websans::{AgreedDeflate, CloseCode, Connection, PreparedMessage, RecvBuf, SendBuf};

use crate::error::Error;
use crate::message::Message;
use crate::options::Options;
use crate::read_half::ReadHalf;
use crate::shared::{Shared, lock};
use crate::write_half::WriteHalf;

/// A WebSocket connection over a transport `S`: a [`Stream`] of messages, and a [`Sink`] for them.
///
/// It is made by [`connect`](crate::connect), [`client`](crate::client) and
/// [`accept`](crate::accept). Dropping it closes the transport and says nothing to the peer, which
/// takes that for a failure; [`close`](Self::close) says goodbye.
pub struct WebSocket<S> {
    pub(crate) read: ReadHalf<S>,
    pub(crate) write: WriteHalf<S>,
}

/// What the peer's close frame said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    /// Why it closed; `None` if it did not say.
    pub code: Option<CloseCode>,
    /// In words, at most 123 bytes; often empty.
    pub reason: ByteString,
}

/// Two halves that are not of the same connection.
pub struct ReuniteError<S>(pub ReadHalf<S>, pub WriteHalf<S>);

impl<S> WebSocket<S> {
    /// A connection whose opening handshake was made elsewhere, as by hyper or over HTTP/2, with
    /// what has been received after it.
    ///
    /// # Panics
    /// As [`tokio::time::sleep`] does, outside of a tokio runtime with a timer: once it is awaited.
    #[must_use]
    pub fn after_handshake(
        stream: S,
        connection: Connection,
        received: RecvBuf,
        options: &Options,
    ) -> Self {
        Self::new(stream, connection, received, SendBuf::new(), options)
    }

    pub(crate) fn new(
        stream: S,
        connection: Connection,
        rx: RecvBuf,
        tx: SendBuf,
        options: &Options,
    ) -> Self {
        let role = connection.role();
        let (reader, writer) = connection.split();
        let shared = Arc::new(Mutex::new(Shared::new(stream, writer, tx, options)));
        let write = WriteHalf::new(Arc::clone(&shared), options.write_buffer);
        Self { read: ReadHalf::new(shared, reader, rx, role), write }
    }

    /// The two halves, for two tasks. [`ReadHalf::reunite`] puts them together again.
    #[must_use]
    pub fn split(self) -> (ReadHalf<S>, WriteHalf<S>) {
        (self.read, self.write)
    }

    /// What the peer's close frame said: known when [`next`](Self::next) has returned `None`.
    #[must_use]
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.read.close_frame()
    }

    /// The subprotocol that was agreed on, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.read.subprotocol()
    }

    /// What was agreed on of permessage-deflate, if it was.
    #[must_use]
    pub fn permessage_deflate(&self) -> Option<AgreedDeflate> {
        self.read.permessage_deflate()
    }

    /// Looks at the transport, as for the peer's address. It must not be read or written.
    pub fn with_stream<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&lock(self.write.shared()).stream)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// The next message; `None` when the connection has been closed, with both close frames. See
    /// [`ReadHalf::next`].
    ///
    /// An error is the last that comes before `None`. Cancel-safe: whatever is dropped while it
    /// waits, no message and no part of one is lost.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        self.read.next().await
    }

    /// Sends a message, and waits until the transport has taken it. See [`WriteHalf::send`].
    ///
    /// Meanwhile nothing is read. If the peer does the same, both wait, until
    /// [`Options::write_timeout`] ends it: whoever sends much while much may come
    /// [splits](Self::split) the connection.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.write.send(message).await
    }

    /// Sends a message without waiting for the transport as long as there is room. See
    /// [`WriteHalf::feed`].
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.write.feed(message).await
    }

    /// Sends a message that was encoded once, for many connections. See
    /// [`WriteHalf::send_prepared`].
    pub async fn send_prepared(&mut self, message: &PreparedMessage) -> Result<(), Error> {
        self.write.send_prepared(message).await
    }

    /// Waits until the transport has taken all that was sent.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.write.flush().await
    }

    /// Sends a close frame, after which nothing can be sent; messages may still come. See
    /// [`WriteHalf::send_close`].
    pub async fn send_close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> Result<(), Error> {
        self.write.send_close(code, reason).await
    }

    /// Closes the connection: sends a close frame, and waits for the peer's and for the end of the
    /// transport. Messages that still come are thrown away.
    ///
    /// The code is one of 1000–1003, 1007–1014, 3000–4999, or `None` for none; the reason has at
    /// most 123 bytes. Errors as for [`next`](Self::next), and [`Error::Send`] for a code or a
    /// reason that cannot be sent. Dropped while it waits, it can be called again.
    pub async fn close(
        &mut self,
        code: impl Into<Option<CloseCode>>,
        reason: &str,
    ) -> Result<(), Error> {
        if let Err(error @ Error::Send(_)) = self.write.queue_close(code.into(), reason) {
            return Err(error);
        }
        // If nothing can be written any more, the peer may still have closed it.
        while let Some(message) = self.next().await {
            message?;
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<S> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().read.poll_message(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for WebSocket<S> {
    fn is_terminated(&self) -> bool {
        self.read.is_terminated()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocket<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.get_mut().write).poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        Pin::new(&mut self.get_mut().write).start_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.get_mut().write).poll_flush(cx)
    }

    /// Sends a close frame with 1000, unless one was sent before. The stream ends when the peer
    /// has answered.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.get_mut().write).poll_close(cx)
    }
}

impl<S> fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("read", &self.read).finish_non_exhaustive()
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
