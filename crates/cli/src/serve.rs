//! `websans serve`: an echo, a room for all, or a program for each connection.

mod broadcast;
mod pipe;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use lexopt::prelude::ValueExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::select;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use websans::{
    CloseCode, Config, Message, PermessageDeflate, Rejection, Response, SendError, SessionEvent,
};
use websans_cli::command_line::{Failure, complain};
use websans_cli::link::Link;
use websans_cli::transport::interrupts;

use crate::open::{closed, owned};
use crate::options::Name;
use crate::stdio::{print_or_leave, version};
use crate::usage;

const HELP: &str = "\
Serves WebSocket connections.

Usage: websans serve echo [OPTION]... [ADDR]
       websans serve broadcast [OPTION]... [ADDR]
       websans serve pipe [OPTION]... [ADDR] -- PROGRAM [ARGUMENT]...

  echo       sends every message back
  broadcast  sends every message to all other connections
  pipe       starts the program for each connection: a text message is a line of its standard
             input, and a line of its standard output is a text message. The connection is closed
             with 1000 when the program ends well and with 1011 otherwise; the program's input
             ends with the connection, and it is killed if it goes on for seconds

  ADDR                          where to listen [default: 127.0.0.1:9001]; port 0 means any
  -b, --binary                  pipe: bytes are sent as binary messages, however they are cut, and
                                every message is passed on as it is
  -s, --subprotocol NAME        agree to this subprotocol; may be repeated, preferred ones first
      --any-origin              take requests of pages from any site [default: for pipe and
                                broadcast only of pages from this host, and of other programs]
      --max-message-size BYTES  close with 1009 what is larger [default: 33554432]
      --no-deflate              do not agree to permessage-deflate
  -v, --verbose                 report each connection and its end on standard error
  -h, --help                    print this
  -V, --version                 print the version

Ctrl-C closes every connection with 1001.
";

/// The transport of every connection here.
pub(crate) type Peer = Link<TcpStream>;

/// How many connections there may be at once; more wait until one ends.
const MAX_CONNECTIONS: usize = 10_000;

/// How long all connections together may take to close.
const END: Duration = Duration::from_secs(5);

/// From how many bytes on in the buffer nothing more is taken from elsewhere.
const MAX_QUEUED: u64 = 256 << 10;

#[derive(Clone, Debug)]
enum Service {
    Echo,
    Broadcast(broadcast::Room),
    Pipe(pipe::Program),
}

struct Options {
    addr: String,
    service: Service,
    subprotocols: Vec<String>,
    any_origin: bool,
    config: Config,
    verbose: bool,
}

fn parse(mut arguments: lexopt::Parser) -> Result<Options, Failure> {
    let (mut service, mut addr, mut binary) = (None, None, false);
    let (mut any_origin, mut verbose, mut subprotocols) = (false, false, Vec::new());
    let deflate = PermessageDeflate::default();
    let mut config = Config::default().max_message_size(32 << 20).permessage_deflate(deflate);
    // What follows `--` is the program: its options are not ours.
    let all: Vec<_> = arguments.raw_args()?.collect();
    let (ours, program) = match all.iter().position(|argument| argument == "--") {
        Some(at) => (all.get(..at).unwrap_or(&all), all.get(at + 1..).unwrap_or_default()),
        None => (&*all, &[][..]),
    };
    let mut arguments = lexopt::Parser::from_args(ours);
    while let Some(argument) = arguments.next().map_err(usage)? {
        let name = match Name::of(argument) {
            Ok(name) => name,
            Err(value) if service.is_none() => {
                service = Some(value.string().map_err(usage)?);
                continue;
            }
            Err(value) if addr.is_none() => {
                addr = Some(value.string().map_err(usage)?);
                continue;
            }
            Err(value) => return Err(usage(format!("too much: {}", value.to_string_lossy()))),
        };
        match name.as_str() {
            "b" | "binary" => binary = true,
            "s" | "subprotocol" => subprotocols.push(arguments.value()?.string().map_err(usage)?),
            "any-origin" => any_origin = true,
            "max-message-size" => {
                config = config.max_message_size(arguments.value()?.parse::<u64>().map_err(usage)?);
            }
            "no-deflate" => config = config.permessage_deflate(None),
            "v" | "verbose" => verbose = true,
            "h" | "help" => print_or_leave(HELP),
            "V" | "version" => version(),
            _ => return Err(name.unexpected()),
        }
    }
    let service = match service.as_deref() {
        Some("echo") => {
            any_origin = true; // there is nothing to protect
            Service::Echo
        }
        Some("broadcast") => Service::Broadcast(broadcast::Room::new()),
        Some("pipe") => match program.split_first() {
            Some((name, rest)) => Service::Pipe(pipe::Program::new(name, rest, binary)),
            None => return Err(usage("serve pipe takes `-- PROGRAM`")),
        },
        Some(other) => return Err(usage(format!("there is no service {other}; see --help"))),
        None => return Err(usage("serve takes echo, broadcast or pipe; see --help")),
    };
    if !program.is_empty() && !matches!(service, Service::Pipe(_)) {
        return Err(usage("only serve pipe takes a program"));
    }
    let addr = addr.unwrap_or_else(|| "127.0.0.1:9001".into());
    Ok(Options { addr, service, subprotocols, any_origin, config, verbose })
}

pub(crate) async fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let options = Arc::new(parse(arguments)?);
    let listener = TcpListener::bind(&options.addr)
        .await
        .map_err(|error| format!("cannot listen at {}: {error}", options.addr))?;
    let mut interrupts = interrupts();
    // So that it is heard from now on.
    tokio::task::yield_now().await;
    print_listening(&format!("ws://{}", listener.local_addr()?))?;

    // Every task holds a receiver, and is told that it is to end.
    let (stop, stopped) = watch::channel(false);
    let mut tasks = JoinSet::new();
    loop {
        let has_room = tasks.len() < MAX_CONNECTIONS;
        select! {
            result = interrupts.recv() => break result.unwrap_or(Ok(()))?,
            _ = tasks.join_next(), if !tasks.is_empty() => {}
            accepted = listener.accept(), if has_room => match accepted {
                Ok((stream, from)) => {
                    // Each frame is written whole, so waiting for more data only adds delay.
                    let _ = stream.set_nodelay(true);
                    let (options, stopped) = (Arc::clone(&options), stopped.clone());
                    tasks.spawn(async move {
                        let ended = serve(stream, &options, stopped).await;
                        if options.verbose {
                            crate::stdio::tell(&format!("{from}: {ended}"));
                        }
                    });
                }
                // Out of descriptors or memory, most often. Other connections go on.
                Err(error) => {
                    complain(&format!("cannot take a connection: {error}"));
                    sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    stop.send_replace(true);
    let ended = async { while tasks.join_next().await.is_some() {} };
    // Connections that have not closed by then are dropped.
    let _ = timeout(END, ended).await;
    Ok(())
}

/// Says where a server listens, as port 0 means any.
pub(crate) fn print_listening(url: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on {url}").and_then(|()| stdout.flush())
}

/// Serves one connection to its end, and says how it ended.
async fn serve(stream: TcpStream, options: &Options, mut stop: watch::Receiver<bool>) -> String {
    let mut peer = Link::server(stream, options.config);
    let Some(refused) = open(&mut peer, options, &mut stop).await else {
        let ended = match &options.service {
            Service::Echo => echo(&mut peer, &mut stop).await,
            Service::Broadcast(room) => room.serve(&mut peer, &mut stop).await,
            Service::Pipe(program) => program.serve(&mut peer, &mut stop).await,
        };
        peer.end().await;
        return ended;
    };
    peer.end().await;
    refused
}

/// The opening handshake; what went wrong if there is no connection.
async fn open(
    peer: &mut Peer,
    options: &Options,
    stop: &mut watch::Receiver<bool>,
) -> Option<String> {
    let names: Vec<&str> = options.subprotocols.iter().map(String::as_str).collect();
    loop {
        match peer.ws.next_event(&mut peer.rx, &mut peer.tx) {
            Ok(Some(SessionEvent::Request(request))) => {
                if !options.any_origin && !request.is_same_origin() {
                    let origin = request.origin().unwrap_or_default().to_owned();
                    // 403 is a status that may be rejected with.
                    let rejected = Rejection::new(403)
                        .and_then(|forbidden| peer.ws.reject(&forbidden, &mut peer.tx));
                    let problem = rejected.err().map_or(String::new(), |error| error.to_string());
                    return Some(format!("refused: the origin is {origin} {problem}"));
                }
                let response = Response::new().subprotocol(request.choose_subprotocol(&names));
                return match peer.ws.accept(&request, &response, &mut peer.tx) {
                    Ok(()) => None,
                    Err(error) => Some(error.to_string()),
                };
            }
            Ok(_) => {}
            Err(error) => return Some(error.to_string()),
        }
        select! {
            more = peer.step(true) => if !more { return Some("gone".into()) },
            () = stopped(stop) => return Some("stopped".into()),
        }
    }
}

async fn echo(peer: &mut Peer, stop: &mut watch::Receiver<bool>) -> String {
    loop {
        // What was not written yet is written first: a peer is served as fast as it reads.
        while peer.tx.len() < MAX_QUEUED {
            let sent = match peer.ws.next_event(&mut peer.rx, &mut peer.tx) {
                Ok(Some(SessionEvent::Text(text))) => {
                    peer.ws.send(Message::text(text), &mut peer.tx)
                }
                Ok(Some(SessionEvent::Binary(data))) => {
                    peer.ws.send(Message::binary(data), &mut peer.tx)
                }
                Ok(Some(SessionEvent::Close(frame))) => return closing(&frame),
                Ok(Some(_)) => Ok(()),
                Ok(None) => break,
                Err(error) => return peer.failure(error).to_string(),
            };
            if let Err(error) = sent.or_else(after_close) {
                return error.to_string();
            }
        }
        let (reading, is_open) = (peer.tx.len() < MAX_QUEUED, peer.ws.is_open());
        select! {
            more = peer.step(reading) => if !more { return "gone".into() },
            () = stopped(stop), if is_open => go_away(peer),
        }
    }
}

/// Waits for the end of the server.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the server is gone, which is an end, too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Closes with 1001, as the server ends.
fn go_away(peer: &mut Peer) {
    // If it cannot be closed it is closing already.
    let _ = peer.ws.close(CloseCode::GOING_AWAY, "", &mut peer.tx);
}

/// Nothing follows our close frame: the peer sent this before that reached it.
fn after_close(error: SendError) -> Result<(), SendError> {
    if error == SendError::Closed { Ok(()) } else { Err(error) }
}

fn closing(frame: &websans::CloseFrame<'_>) -> String {
    let (code, reason) = owned(frame);
    format!("closed with {}", closed(code, &reason))
}
