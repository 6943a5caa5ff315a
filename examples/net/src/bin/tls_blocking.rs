//! An echo server for `wss://` URIs: TLS by rustls, over blocking sockets, with a thread for each
//! connection. The adapter is that of `examples/echo_server.rs`; a TLS stream is read from and
//! written to as a socket is.
//!
//! `cargo run --release -p net --bin tls_blocking -- --help`

#[path = "../../../adapters/blocking.rs"]
mod blocking;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use blocking::{Blocking, Transport};
use net::command_line::{Failure, ServerArguments, complain, exit_code, print_listening};
use net::echo::config;
use net::tls;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use websans::{CloseCode, Response, SendBuf, SendError, ServerHandshake, Session, SessionEvent};

const HELP: &str = "\
Sends every WebSocket message back, over TLS with a new certificate for localhost.

Usage: tls_blocking [OPTION]... [ADDR]

  ADDR          where to listen [default: 127.0.0.1:9001]; port 0 means any
  --cert FILE   write the certificate there, in PEM, for clients that are to trust it
  --help        print this

Ctrl-C closes every connection with 1001.
";

/// Each takes a thread, and systems can have only so many.
const MAX_CONNECTIONS: usize = 1000;

/// How often a thread that waits for its peer looks whether the server is to end.
const TICK: Duration = Duration::from_millis(200);

/// How long all connections together may take to close.
const END: Duration = Duration::from_secs(5);

/// Whether Ctrl-C was pressed.
static ENDING: AtomicBool = AtomicBool::new(false);

fn main() -> ExitCode {
    exit_code(run())
}

fn run() -> Result<(), Failure> {
    let arguments = ServerArguments::parse(HELP, true)?;
    let tls = tls::self_signed(arguments.cert.as_deref(), &["http/1.1"])?;
    let listener = TcpListener::bind(&arguments.addr)
        .map_err(|error| format!("cannot listen at {}: {error}", arguments.addr))?;
    let addr = listener.local_addr()?;
    ctrlc::set_handler(move || {
        ENDING.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(addr);
    })?;
    print_listening("wss", addr)?;
    // Every connection holds a reference.
    let places = Arc::new(());
    while !ENDING.load(Ordering::Relaxed) {
        let accepted = listener.accept().and_then(|(stream, _)| {
            if Arc::strong_count(&places) > MAX_CONNECTIONS {
                return Ok(()); // closes it
            }
            let (tls, place) = (Arc::clone(&tls), Arc::clone(&places));
            // A server serves the next one, however this one ends.
            let connection = move || {
                let _ = serve(stream, tls);
                drop(place);
            };
            thread::Builder::new().spawn(connection).map(drop)
        });
        if let Err(error) = accepted {
            complain(&format!("cannot take a connection: {error}"));
            thread::sleep(Duration::from_millis(100));
        }
    }
    let deadline = Instant::now() + END;
    while Arc::strong_count(&places) > 1 && Instant::now() < deadline {
        thread::sleep(TICK / 10);
    }
    Ok(())
}

/// TLS over a socket.
struct Tls(StreamOwned<ServerConnection, TcpStream>);

impl Read for Tls {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Tls {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Transport for Tls {
    fn socket(&self) -> &TcpStream {
        &self.0.sock
    }

    /// Ends TLS, then TCP.
    fn shut_down(&mut self) -> io::Result<()> {
        self.0.conn.send_close_notify();
        self.0.flush()?;
        self.0.sock.shutdown(Shutdown::Write)
    }
}

fn serve(socket: TcpStream, tls: Arc<ServerConfig>) -> Result<(), Failure> {
    let transport = Tls(StreamOwned::new(ServerConnection::new(tls)?, socket));
    let ws = Session::server(ServerHandshake::new(config()), Duration::ZERO);
    let mut peer = Blocking::new(transport, ws, SendBuf::new(), TICK)?;
    let mut result = Ok(());
    let mut answer = |ws: &mut Session, event: SessionEvent<'_>, tx: &mut SendBuf| {
        result = result.and(respond(ws, event, tx));
    };
    while peer.step(&mut answer)? {
        if ENDING.load(Ordering::Relaxed) {
            // If it cannot be closed it is closing already.
            let closed = peer.ws.close(CloseCode::GOING_AWAY, "", &mut peer.tx);
            if let Err(SendError::Connecting) = closed {
                break; // before the handshake there is nobody to say goodbye to
            }
        }
    }
    Ok(result?)
}

fn respond(ws: &mut Session, event: SessionEvent<'_>, tx: &mut SendBuf) -> Result<(), SendError> {
    match event {
        // Nothing can be wrong with a response that chooses nothing.
        SessionEvent::Request(request) => {
            ws.accept(&request, &Response::new(), tx).map_err(|_| SendError::Connecting)
        }
        SessionEvent::Text(text) if ws.is_open() => ws.send_text(text, tx),
        SessionEvent::Binary(data) if ws.is_open() => ws.send_binary(data, tx),
        _ => Ok(()),
    }
}
