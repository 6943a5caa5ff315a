//! A server that sends every message back, on blocking sockets and a thread per connection.
//!
//! `cargo run --release --example echo_server -- --help`

#[path = "adapters/blocking.rs"]
mod blocking;

use std::error::Error;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lexopt::prelude::{Long, Short, Value, ValueExt};
use websans::{
    CloseCode, Config, Message, PermessageDeflate, Response, SendBuf, SendError, ServerHandshake,
    Session, SessionEvent,
};

use blocking::Blocking;

const HELP: &str = "\
Sends every WebSocket message back.

Usage: echo_server [OPTION]... [ADDR]

  ADDR                       where to listen [default: 127.0.0.1:9001]; port 0 means any
  --max-message-size BYTES   close with 1009 what is larger [default: 33554432]
  --subprotocol NAME         speak this subprotocol; may be repeated, the first one that a
                             client offers is chosen
  --no-deflate               do not agree to permessage-deflate
  --help                     print this

On SIGINT, SIGTERM and SIGHUP everybody is told goodbye, with 1001, before it ends.
";

/// All that a connection's thread needs: messages are kept in buffers, not on the stack.
const STACK_SIZE: usize = 128 << 10;

/// Each takes a thread, and systems can have only so many.
const MAX_CONNECTIONS: usize = 10_000;

/// This server has been told to end.
static STOPPING: AtomicBool = AtomicBool::new(false);

/// How often a thread that waits for its peer looks at that.
const TICK: Duration = Duration::from_secs(1);

/// How long the connections have for their closing handshakes then.
const GOODBYE: Duration = Duration::from_secs(5);

struct Options {
    addr: String,
    subprotocols: Vec<String>,
    config: Config,
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        let mut addr = None;
        let mut subprotocols = Vec::new();
        let deflate = PermessageDeflate::default();
        let mut config = Config::default().max_message_size(32 << 20).permessage_deflate(deflate);
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("max-message-size") => {
                    config = config.max_message_size(arguments.value()?.parse::<u64>()?);
                }
                Long("subprotocol") => subprotocols.push(arguments.value()?.string()?),
                Long("no-deflate") => config = config.permessage_deflate(None),
                Long("help") | Short('h') => {
                    print!("{HELP}");
                    std::process::exit(0);
                }
                Value(value) if addr.is_none() => addr = Some(value.string()?),
                _ => return Err(argument.unexpected()),
            }
        }
        let addr = addr.unwrap_or_else(|| "127.0.0.1:9001".into());
        Ok(Self { addr, subprotocols, config })
    }
}

fn main() -> ExitCode {
    match Options::parse().map_err(Into::into).and_then(listen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn listen(options: Options) -> Result<(), Box<dyn Error>> {
    // Every connection takes a descriptor. If there cannot be more, `accept` will say so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let listener = TcpListener::bind(&options.addr)
        .map_err(|error| format!("cannot listen at {}: {error}", options.addr))?;
    let addr = listener.local_addr()?;
    ctrlc::set_handler(move || {
        STOPPING.store(true, Ordering::Relaxed);
        // `accept` waits for somebody.
        let _ = TcpStream::connect(addr);
    })?;
    println!("listening on ws://{addr}");
    io::stdout().flush()?;

    let options = Arc::new(options);
    while !STOPPING.load(Ordering::Relaxed) {
        let accepted = listener.accept().and_then(|(stream, _)| {
            // Every connection holds one reference.
            if Arc::strong_count(&options) > MAX_CONNECTIONS {
                return Ok(()); // closes it
            }
            let options = Arc::clone(&options);
            let thread = thread::Builder::new().stack_size(STACK_SIZE);
            thread.spawn(move || handle(stream, &options)).map(drop)
        });
        if let Err(error) = accepted {
            // Out of descriptors, threads or memory, most often. The connections that there are
            // go on, and when some of them have ended it will work again.
            let _ = writeln!(io::stderr(), "cannot take a connection: {error}");
            thread::sleep(Duration::from_millis(100));
        }
    }
    // Nobody else can connect.
    drop(listener);
    let deadline = Instant::now() + GOODBYE;
    while Arc::strong_count(&options) > 1 && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn handle(stream: TcpStream, options: &Options) {
    // A server serves the next one, however this one ended.
    let _ = serve(stream, options);
}

/// From the handshake to the last byte. Errors are those of the socket's settings: the session
/// deals with all others.
fn serve(stream: TcpStream, options: &Options) -> io::Result<()> {
    let ws = Session::server(ServerHandshake::new(options.config), Duration::ZERO);
    let mut peer = Blocking::new(stream, ws, SendBuf::new(), TICK)?;
    let subprotocols: Vec<&str> = options.subprotocols.iter().map(String::as_str).collect();
    while peer.step(|ws, event, tx| respond(ws, event, tx, &subprotocols))? {
        if STOPPING.load(Ordering::Relaxed) {
            // If it cannot be closed it is closing already.
            let closed = peer.ws.close(CloseCode::GOING_AWAY, "", &mut peer.tx);
            if let Err(SendError::Connecting) = closed {
                break; // before the handshake there is nobody to say goodbye to
            }
        }
    }
    Ok(())
}

fn respond(ws: &mut Session, event: SessionEvent<'_>, tx: &mut SendBuf, subprotocols: &[&str]) {
    let message = match event {
        SessionEvent::Request(request) => {
            // Any path will do, and any origin: there is nothing here to protect.
            let chosen = request.choose_subprotocol(subprotocols);
            let accepted = ws.accept(&request, &Response::new().subprotocol(chosen), tx);
            debug_assert_eq!(accepted, Ok(()), "only what is offered is chosen");
            return;
        }
        SessionEvent::Text(text) => Message::text(text),
        SessionEvent::Binary(data) => Message::binary(data),
        // The pong, or the answer to the close frame, has been queued.
        _ => return,
    };
    // Nothing follows our close frame; the peer sent this before that reached it.
    let sent = ws.send(message, tx);
    debug_assert!(matches!(sent, Ok(()) | Err(SendError::Closed)), "{sent:?}");
}
