//! One task drives a connection, over any transport that tokio can read and write: TCP, TLS, what
//! an HTTP server hands over after `Upgrade`, a stream of HTTP/2.
//!
//! It reads nothing before everything is written, so a peer that does not read what it gets is not
//! served faster than it reads, and nothing piles up.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;
use tokio::select;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use websans::{
    CloseCode, Config, Connection, Event, IncomingRequest, Keepalive, KeepaliveConfig,
    KeepaliveTimeout, Message, PermessageDeflate, RecvBuf, Rejection, Response, SendBuf, SendError,
    ServerHandshake, State,
};
use websans_cli::transport::{Transport, close, write};

/// What every server here agrees to: messages up to 32 MiB, permessage-deflate.
#[must_use]
pub fn config() -> Config {
    Config::default().max_message_size(32 << 20).permessage_deflate(PermessageDeflate::default())
}

/// For services with nothing to protect: any page on the web may use them.
#[must_use]
pub fn any_origin(_: &IncomingRequest<'_>) -> bool {
    true
}

/// The opening handshake over HTTP/1.1, for a path that does not matter. `None` if the request was
/// refused, or there was none in time.
///
/// Browsers let any page on the web connect to any server, with the user's cookies: `allow` says
/// whether the origin may do that.
pub async fn accept(
    transport: &mut impl Transport,
    config: Config,
    allow: impl Fn(&IncomingRequest<'_>) -> bool,
) -> io::Result<Option<(Connection, RecvBuf, SendBuf)>> {
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut handshake = ServerHandshake::new(config);
    let deadline = KeepaliveConfig::default().handshake.unwrap_or(Duration::MAX);
    let accepted = timeout(deadline, async {
        loop {
            match handshake.next_request(&mut rx, &mut tx) {
                Ok(Some(request)) if !allow(&request) => {
                    let forbidden = Rejection::new(403).map_err(io::Error::other)?;
                    request.reject(&forbidden, &mut tx);
                    return Ok(None);
                }
                Ok(Some(request)) => {
                    let ws = request.accept(&Response::new(), &mut tx);
                    return ws.map(Some).map_err(io::Error::other);
                }
                Ok(None) => {}
                // The HTTP answer that says what is wrong has been queued.
                Err(_) => return Ok(None),
            }
            let n = transport.read(rx.spare_mut()).await?;
            if n == 0 {
                return Ok(None);
            }
            rx.advance(n);
        }
    });
    let Some(ws) = accepted.await.unwrap_or(Ok(None))? else {
        write(transport, &mut tx).await?;
        close(transport).await?;
        return Ok(None);
    };
    Ok(Some((ws, rx, tx)))
}

/// Sends every message back until the connection ends; `stop` ends it with 1001.
pub async fn echo(
    transport: &mut impl Transport,
    (ws, rx, tx): (Connection, RecvBuf, SendBuf),
    stop: &CancellationToken,
) -> io::Result<()> {
    let start = Instant::now();
    let mut keepalive = Keepalive::new(KeepaliveConfig::default(), Duration::ZERO);
    keepalive.handle_open(Duration::ZERO);
    Echo { ws, rx, tx, start, keepalive }.run(transport, stop).await?;
    close(transport).await
}

struct Echo {
    ws: Connection,
    rx: RecvBuf,
    tx: SendBuf,
    start: Instant,
    keepalive: Keepalive,
}

impl Echo {
    async fn run(
        &mut self,
        transport: &mut impl Transport,
        stop: &CancellationToken,
    ) -> io::Result<()> {
        loop {
            let ended = self.answer(transport).await?;
            write(transport, &mut self.tx).await?;
            if ended {
                return Ok(());
            }
            let now = self.start.elapsed();
            self.keepalive.handle_incomplete(!self.rx.is_empty(), now);
            let next =
                self.keepalive.next_timeout().map_or(Duration::MAX, |at| at.saturating_sub(now));
            select! {
                n = transport.read(self.rx.spare_mut()) => match n? {
                    0 => return Ok(()),
                    n => {
                        self.rx.advance(n);
                        self.keepalive.handle_received(self.start.elapsed());
                    }
                },
                () = stop.cancelled(), if self.ws.state() == State::Open => {
                    let _ = self.ws.close(CloseCode::GOING_AWAY, "", &mut self.tx);
                    self.keepalive.handle_close(self.start.elapsed());
                }
                () = sleep(next) => match self.keepalive.handle_timeout(self.start.elapsed()) {
                    None => {}
                    Some(KeepaliveTimeout::Ping) => {
                        self.ws.send_ping(b"", &mut self.tx).map_err(io::Error::other)?;
                    }
                    Some(_) => return Err(ErrorKind::TimedOut.into()),
                },
            }
        }
    }

    /// Sends back what has arrived. Whether the connection has ended, with everything queued that
    /// is to be said.
    async fn answer(&mut self, transport: &mut impl Transport) -> io::Result<bool> {
        loop {
            let message = match self.ws.next_event(&mut self.rx, &mut self.tx) {
                Ok(Some(Event::Text(text))) => Message::text(text),
                Ok(Some(Event::Binary(data))) => Message::binary(data),
                Ok(Some(Event::Ping(_) | Event::Pong(_))) => continue,
                Ok(None) => return Ok(false),
                Ok(Some(Event::Close(_))) | Err(_) => return Ok(true),
            };
            self.keepalive.handle_message(self.start.elapsed());
            match self.ws.send(message.clone(), &mut self.tx) {
                Err(SendError::Full { .. }) => {
                    write(transport, &mut self.tx).await?;
                    self.ws.send(message, &mut self.tx).map_err(io::Error::other)?;
                }
                // Our close frame is out, and it was the last.
                Err(SendError::Closed) => {}
                sent => sent.map_err(io::Error::other)?,
            }
        }
    }
}
