//! A proxy that forwards frames as they come, without joining messages: nothing is held but what
//! one read brought, however large a message is.
//!
//! The opening handshake passes through from end to end, so the two ends agree on extensions and
//! subprotocols themselves. What they agreed on is theirs: reserved bits are kept, and compressed
//! payloads stay compressed. Only the masking is ours to redo (RFC 6455 §5.1).
//!
//! ```text
//!           masked frames ──► FrameDecoder ──► new masking key ──►
//!   client                                                         upstream
//!           ◄────────────────────────── FrameDecoder ◄── unmasked frames
//! ```
//!
//! `cargo run --release -p net --bin proxy -- --help`

mod forward;
mod handshake;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use lexopt::prelude::{Long, Short, Value, ValueExt};
use net::command_line::{Failure, exit_code, print_help, print_listening};
use net::server;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use websans::WsUri;
use websans_cli::tls::{self, Trust};
use websans_cli::transport;

const HELP: &str = "\
Forwards WebSocket connections to another server, frame by frame.

Usage: proxy [OPTION]... UPSTREAM [ADDR]

  UPSTREAM        the server, such as ws://127.0.0.1:9001 or wss://example.com/chat; its path
                  stands before that of each request
  ADDR            where to listen [default: 127.0.0.1:9002]; port 0 means any
  --cacert FILE   trust the certificates in this file, in PEM, and no others
  --help          print this

If the server breaks off, the client is told with 1014; if the client does, the server is told with
1001. A connection on which nothing moves for minutes is closed with 1001, and Ctrl-C closes all of
them with that.
";

struct Options {
    upstream: WsUri,
    addr: String,
    tls: Arc<ClientConfig>,
}

impl Options {
    fn parse() -> Result<Self, Failure> {
        let (mut upstream, mut addr, mut trust) = (None, None, Trust::System);
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("cacert") => trust = Trust::File(parser.value()?.into()),
                Long("help") | Short('h') => print_help(HELP),
                Value(value) if upstream.is_none() => upstream = Some(value.string()?),
                Value(value) if addr.is_none() => addr = Some(value.string()?),
                _ => return Err(argument.unexpected().into()),
            }
        }
        let url = upstream.ok_or("no upstream was given; --help tells how")?;
        let upstream: WsUri =
            url.parse().map_err(|error| format!("{url:?} is no WebSocket URL: {error}"))?;
        let trust = if upstream.is_secure() { trust } else { Trust::Anybody };
        Ok(Self {
            upstream,
            addr: addr.unwrap_or_else(|| "127.0.0.1:9002".into()),
            tls: tls::client(&trust, &["http/1.1"])?,
        })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run().await)
}

async fn run() -> Result<(), Failure> {
    let options = Arc::new(Options::parse()?);
    let listener = server::listen(&options.addr).await?;
    print_listening("ws", listener.local_addr()?)?;
    server::serve(listener, |stream, stop| serve(stream, Arc::clone(&options), stop)).await
}

async fn serve(
    mut client: TcpStream,
    options: Arc<Options>,
    stop: CancellationToken,
) -> io::Result<()> {
    match handshake::pass_on(&mut client, &options.upstream, &options.tls).await? {
        Some(open) => forward::forward(client, open, &stop).await,
        None => transport::close(&mut client).await,
    }
}
