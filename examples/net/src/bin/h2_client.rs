//! A client over HTTP/2 (RFC 8441), on the crate h2: there is no socket to read and write here,
//! but DATA frames, with a flow control of their own. So it also shows how any other source and
//! sink of bytes drives a connection.
//!
//! `cargo run --release -p net --bin h2_client -- --help`

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use lexopt::prelude::{Long, Short, Value, ValueExt};
use net::command_line::{Failure, exit_code, print_help};
use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio::select;
use tokio::time::{sleep, timeout};
use websans::{
    ClientHandshake, CloseCode, Config, Connection, Event, PermessageDeflate, RecvBuf, Request,
    SendBuf, WsUri,
};
use websans_cli::tls::{self, Trust};
use websans_cli::{connect, transport};

const HELP: &str = "\
Sends each line of standard input as a text message over HTTP/2, and prints each text message that
it receives as a line.

Usage: h2_client [OPTION]... URL

  URL                 such as wss://127.0.0.1:9001/echo; over ws:// the server must speak HTTP/2
                      without being asked to
  --subprotocol NAME  offer this subprotocol; may be repeated, preferred ones first
  --cacert FILE       trust the certificates in this file, in PEM, and no others
  --insecure          trust any certificate
  --help              print this

It closes the connection at the end of the input.
";

/// How long the way to the stream may take: TCP, TLS, HTTP/2 and the opening handshake.
const OPENING_DEADLINE: Duration = Duration::from_secs(8);

/// How long the server may take to answer our close frame.
const CLOSE_DEADLINE: Duration = Duration::from_secs(8);

/// How long the end of the stream may take, once everything has been said.
const LINGER: Duration = Duration::from_secs(1);

/// From how many bytes on in our buffer no more lines are read.
const MAX_QUEUED: u64 = 64 << 10;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let code = exit_code(run().await);
    // Or the thread that reads the input would be waited for.
    std::process::exit(i32::from(code != ExitCode::SUCCESS))
}

async fn run() -> Result<(), Failure> {
    let (request, trust) = parse_arguments()?;
    let opened = timeout(OPENING_DEADLINE, open(&request, &trust)).await;
    let (ws, mut to, mut from) =
        opened.map_err(|_| format!("no connection within {OPENING_DEADLINE:?}"))??;
    let mut tx = SendBuf::new();
    let result = converse(ws, &mut to, &mut from, &mut tx).await;
    // The close frame that answers the server's, or tells it what it did wrong.
    let _ = timeout(LINGER, finish(&mut to, &mut from, &mut tx)).await;
    result
}

fn parse_arguments() -> Result<(Request, Trust), Failure> {
    let (mut url, mut subprotocols, mut trust) = (None, Vec::new(), Trust::System);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("subprotocol") => subprotocols.push(arguments.value()?.string()?),
            Long("cacert") => trust = Trust::File(arguments.value()?.into()),
            Long("insecure") => trust = Trust::Anybody,
            Long("help") | Short('h') => print_help(HELP),
            Value(value) if url.is_none() => url = Some(value.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let url = url.ok_or("no URL was given; --help tells how")?;
    let mut request =
        Request::new(&url).map_err(|error| format!("{url:?} is no WebSocket URL: {error}"))?;
    for name in &subprotocols {
        request = request.subprotocol(name)?;
    }
    Ok((request, trust))
}

/// From TCP to a stream of HTTP/2 that carries frames.
async fn open(
    request: &Request,
    trust: &Trust,
) -> Result<(Connection, SendStream<Bytes>, RecvStream), Failure> {
    let transport = connect_http2(request.uri(), trust).await?;
    let (send_request, mut connection) = h2::client::handshake(transport).await?;
    // RFC 8441 §3: the server says whether it knows extended CONNECT in its SETTINGS, which come
    // first of all: when it has answered a ping, they are here.
    let mut ping = connection.ping_pong().ok_or("h2 has no ping")?;
    tokio::spawn(connection);
    ping.ping(h2::Ping::opaque()).await?;
    if !send_request.is_extended_connect_protocol_enabled() {
        return Err("the server has no WebSockets over HTTP/2".into());
    }
    let config = Config::default()
        .max_message_size(32 << 20)
        .permessage_deflate(PermessageDeflate::default());
    let (handshake, mut sent) = ClientHandshake::new_extended_connect(request, config)?;
    sent.extensions_mut().insert(Protocol::from_static("websocket"));
    let (response, to): (ResponseFuture, _) =
        send_request.ready().await?.send_request(sent, false)?;
    let response = response.await?;
    let ws = handshake.check_http(&response)?;
    Ok((ws, to, response.into_body()))
}

async fn connect_http2(
    uri: &WsUri,
    trust: &Trust,
) -> Result<Box<dyn websans_cli::transport::Transport>, Failure> {
    let stream = connect::tcp(uri.host(), uri.port()).await?;
    if !uri.is_secure() {
        return Ok(Box::new(stream));
    }
    let stream = connect::secure(uri, stream, &tls::client(trust, &["h2"])?).await?;
    if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
        return Err("the server does not speak HTTP/2".into());
    }
    Ok(Box::new(stream))
}

async fn converse(
    mut ws: Connection,
    to: &mut SendStream<Bytes>,
    from: &mut RecvStream,
    tx: &mut SendBuf,
) -> Result<(), Failure> {
    let mut rx = RecvBuf::new();
    let mut lines = BufReader::new(stdin()).lines();
    let (mut input_ended, mut eof) = (false, false);
    let mut interrupted = std::pin::pin!(transport::ctrl_c());
    let mut deadline = std::pin::pin!(sleep(Duration::MAX));
    loop {
        while let Some(event) = ws.next_event(&mut rx, tx)? {
            match event {
                Event::Text(text) => writeln!(io::stdout(), "{text}")?,
                Event::Close(frame) => {
                    return match frame.code {
                        None | Some(CloseCode::NORMAL_CLOSURE) => Ok(()),
                        Some(code) => Err(format!("the server closed with {code}").into()),
                    };
                }
                Event::Binary(_) | Event::Ping(_) | Event::Pong(_) => {}
            }
        }
        if eof {
            ws.handle_eof();
            return Ok(ws.next_event(&mut rx, tx).map(drop)?);
        }
        select! {
            data = from.data() => match data {
                Some(data) => {
                    let data = data?;
                    rx.extend(&data);
                    // The server may send as much again.
                    from.flow_control().release_capacity(data.len())?;
                }
                None => eof = true,
            },
            sent = send(to, tx), if !tx.is_empty() => sent?,
            line = lines.next_line(), if !input_ended && tx.len() < MAX_QUEUED => {
                if let Some(line) = line? {
                    ws.send_text(&line, tx)?;
                } else {
                    input_ended = true;
                    ws.close(CloseCode::NORMAL_CLOSURE, "", tx)?;
                    deadline.set(sleep(CLOSE_DEADLINE));
                }
            }
            result = &mut interrupted, if !input_ended => {
                result?;
                input_ended = true;
                ws.close(CloseCode::GOING_AWAY, "", tx)?;
                deadline.set(sleep(CLOSE_DEADLINE));
            }
            () = &mut deadline => {
                return Err(format!("the server has not closed within {CLOSE_DEADLINE:?}").into());
            }
        }
    }
}

/// Sends of what waits as much as the flow control of HTTP/2 lets us. Nothing has been sent if this
/// is dropped before it is done.
async fn send(to: &mut SendStream<Bytes>, tx: &mut SendBuf) -> Result<(), Failure> {
    to.reserve_capacity(tx.as_slice().len());
    while to.capacity() == 0 {
        let granted = std::future::poll_fn(|cx| to.poll_capacity(cx)).await;
        granted.ok_or("the stream has ended")??;
    }
    let n = to.capacity().min(tx.as_slice().len());
    let data = tx.as_slice().get(..n).unwrap_or_default();
    to.send_data(Bytes::copy_from_slice(data), false)?;
    tx.consume(n);
    Ok(())
}

/// Sends what waits and the end of the stream, and waits for its other end.
async fn finish(
    to: &mut SendStream<Bytes>,
    from: &mut RecvStream,
    tx: &mut SendBuf,
) -> Result<(), Failure> {
    while !tx.is_empty() {
        send(to, tx).await?;
    }
    to.send_data(Bytes::new(), true)?;
    while let Some(data) = from.data().await {
        from.flow_control().release_capacity(data?.len())?;
    }
    Ok(())
}
