//! How connections are made, and what holds for them.

#[cfg(feature = "rustls")]
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use websans::{Config, IncomingRequest, KeepaliveConfig, Rejection, Request, Response};

use crate::error::{Deadline, Error};
use crate::handshake;
use crate::transport::{self, Transport};
use crate::websocket::WebSocket;

/// What holds for a connection, and how to make one with it. One value serves any number of them.
///
/// ```
/// use std::time::Duration;
/// use websans_tokio::{Config, KeepaliveConfig, Options, PermessageDeflate};
///
/// let options = Options::new()
///     .config(
///         Config::default()
///             .max_message_size(1 << 20)
///             .permessage_deflate(PermessageDeflate::default()),
///     )
///     .keepalive(KeepaliveConfig {
///         ping_interval: Some(Duration::from_secs(5)),
///         ..KeepaliveConfig::default()
///     });
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) config: Config,
    pub(crate) keepalive: KeepaliveConfig,
    pub(crate) write_buffer: usize,
    pub(crate) write_timeout: Option<Duration>,
    #[cfg(feature = "rustls")]
    pub(crate) tls: Option<Arc<tokio_rustls::rustls::ClientConfig>>,
}

impl Options {
    /// The defaults, each explained at its setter.
    #[must_use]
    pub fn new() -> Self {
        Self {
            config: Config::default().max_queued(None),
            keepalive: KeepaliveConfig::default(),
            write_buffer: 64 << 10,
            write_timeout: Some(Duration::from_secs(30)),
            #[cfg(feature = "rustls")]
            tls: None,
        }
    }

    /// The limits on what is received, and permessage-deflate. The defaults are those of
    /// [`Config`]: messages of at most 16 MiB, no compression.
    ///
    /// [`write_buffer`](Self::write_buffer) takes the place of [`Config::max_queued`].
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config.max_queued(None);
        self
    }

    /// The deadlines for the opening handshake, for pongs, messages and the closing handshake, and
    /// how often to ping. The defaults are those of [`KeepaliveConfig`]: a ping after 20 seconds
    /// without a byte from the peer, and 20 seconds for the answer.
    #[must_use]
    pub fn keepalive(mut self, keepalive: KeepaliveConfig) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// How many bytes may wait to be written before sending waits for the transport. Default
    /// 64 KiB; 0 means that every message waits for those before it.
    ///
    /// A message of any size is taken while no more than this waits, so that at most this and one
    /// message is held.
    #[must_use]
    pub fn write_buffer(mut self, bytes: usize) -> Self {
        self.write_buffer = bytes;
        self
    }

    /// How long the transport may take nothing while something waits to be written; `None` for
    /// ever. Default 30 seconds. A peer that does not read is dropped after it.
    #[must_use]
    pub fn write_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.write_timeout = timeout.into();
        self
    }

    /// How to speak TLS for `wss://` in [`connect`](Self::connect), as with certificates of your
    /// own. Default: Mozilla's root certificates.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, config: Arc<tokio_rustls::rustls::ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Connects to a server: over TCP, and TLS if the URI begins with `wss://`.
    ///
    /// ```no_run
    /// # async fn f() -> Result<(), websans_tokio::Error> {
    /// use websans_tokio::{Options, Request};
    ///
    /// let request = Request::new("ws://127.0.0.1:9001/chat")?
    ///     .header("Authorization", "Bearer Q2hhdA")?
    ///     .subprotocol("chat")?;
    /// let ws = Options::new().connect(&request).await?;
    /// assert_eq!(ws.subprotocol(), Some("chat"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Errors: [`Error::Io`], [`Error::Handshake`], [`Error::Refused`], [`Error::Timeout`],
    /// [`Error::TlsMissing`], [`Error::Tls`].
    pub async fn connect(&self, request: &Request) -> Result<WebSocket<Transport>, Error> {
        self.in_time(async {
            let stream = transport::connect(request.uri(), self).await?;
            handshake::client(request, stream, self).await
        })
        .await
    }

    /// Makes a client's opening handshake over a transport that is connected already: TLS of
    /// another kind, a proxy, a Unix socket.
    ///
    /// A TCP socket is best set to `set_nodelay(true)`: frames are written whole.
    pub async fn client<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        request: &Request,
        stream: S,
    ) -> Result<WebSocket<S>, Error> {
        self.in_time(handshake::client(request, stream, self)).await
    }

    /// Makes a server's opening handshake, for whatever path and from whatever origin.
    ///
    /// A TCP socket is best set to `set_nodelay(true)`: frames are written whole.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> Result<WebSocket<S>, Error> {
        self.accept_with(stream, |_| Ok(Response::new())).await
    }

    /// Makes a server's opening handshake, and lets the application decide on the request: by its
    /// path, its origin, its header fields. Then this returns the connection, or
    /// [`Error::Rejected`] when the rejection has been sent.
    ///
    /// ```no_run
    /// # async fn f(socket: tokio::net::TcpStream) -> Result<(), websans_tokio::Error> {
    /// use websans_tokio::{Options, Rejection, Response};
    ///
    /// let not_found = Rejection::new(404)?.body("no such service\n")?;
    /// let forbidden = Rejection::new(403)?;
    /// let ws = Options::new()
    ///     .accept_with(socket, |request| match request.path() {
    ///         "/chat" if request.is_same_origin() => {
    ///             Ok(Response::new().subprotocol(request.choose_subprotocol(&["chat"])))
    ///         }
    ///         "/chat" => Err(forbidden),
    ///         _ => Err(not_found),
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn accept_with<'a, S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        decide: impl FnOnce(&IncomingRequest<'_>) -> Result<Response<'a>, Rejection<'a>>,
    ) -> Result<WebSocket<S>, Error> {
        self.in_time(handshake::accept(stream, self, decide)).await
    }

    /// It is on the heap while it lasts: what goes on for long, the future of the caller, is not to
    /// be as large.
    async fn in_time<T>(
        &self,
        handshake: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let handshake = Box::pin(handshake);
        match self.keepalive.handshake {
            None => handshake.await,
            Some(time) => {
                timeout(time, handshake).await.unwrap_or(Err(Error::Timeout(Deadline::Handshake)))
            }
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
