//! One task drives a connection, over any transport that tokio can read and write: TCP, TLS, what
//! an HTTP server hands over after `Upgrade`, a stream of HTTP/2.
//!
//! The [`Link`] does what the session asks of the transport. Nothing is read while much waits to be
//! written, so a peer is served only as fast as it reads, and nothing piles up.

use std::io;

use tokio::select;
use tokio_util::sync::CancellationToken;
use websans::{
    CloseCode, Config, IncomingRequest, PermessageDeflate, Rejection, Response, SendError,
    SessionEvent,
};
use websans_cli::link::Link;
use websans_cli::transport::Transport;

/// From so many bytes on that wait to be written no more is read.
const BACKLOG: u64 = 64 << 10;

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
/// refused, or there was none in time; then the transport is closed.
///
/// Browsers let any page on the web connect to any server, with the user's cookies: `allow` says
/// whether the origin may do that.
pub async fn accept<T: Transport>(
    transport: T,
    config: Config,
    allow: impl Fn(&IncomingRequest<'_>) -> bool,
) -> io::Result<Option<Link<T>>> {
    let mut link = Link::server(transport, config);
    loop {
        match link.ws.next_event(&mut link.rx, &mut link.tx) {
            Ok(Some(SessionEvent::Request(request))) if allow(&request) => {
                let accepted = link.ws.accept(&request, &Response::new(), &mut link.tx);
                return accepted.map(|()| Some(link)).map_err(io::Error::other);
            }
            Ok(Some(SessionEvent::Request(_))) => {
                let forbidden = Rejection::new(403).map_err(io::Error::other)?;
                link.ws.reject(&forbidden, &mut link.tx).map_err(io::Error::other)?;
            }
            // The HTTP response that says what is wrong has been queued.
            Ok(_) | Err(_) => {}
        }
        if !link.step(true).await {
            return Ok(None);
        }
    }
}

/// Sends every message back until the connection ends; `stop` ends it with 1001.
pub async fn echo<T: Transport>(mut link: Link<T>, stop: &CancellationToken) -> io::Result<()> {
    loop {
        while link.tx.len() < BACKLOG {
            let sent = match link.ws.next_event(&mut link.rx, &mut link.tx) {
                Ok(Some(SessionEvent::Text(text))) => link.ws.send_text(text, &mut link.tx),
                Ok(Some(SessionEvent::Binary(data))) => link.ws.send_binary(data, &mut link.tx),
                Ok(Some(_)) => Ok(()),
                // After an error the session says how to go on to the end.
                Ok(None) | Err(_) => break,
            };
            sent.or_else(unless_closed)?;
        }
        let (reading, is_open) = (link.tx.len() < BACKLOG, link.ws.is_open());
        select! {
            more = link.step(reading) => if !more { break },
            () = stop.cancelled(), if is_open => {
                link.ws.close(CloseCode::GOING_AWAY, "", &mut link.tx).or_else(unless_closed)?;
            }
        }
    }
    link.ws.error().map_or(Ok(()), |error| Err(io::Error::other(error)))
}

/// Our close frame was the last that is sent: the peer sent this before that reached it.
pub(crate) fn unless_closed(error: SendError) -> io::Result<()> {
    if error == SendError::Closed { Ok(()) } else { Err(io::Error::other(error)) }
}
