//! An echo server for `wss://` URIs: TLS by rustls, over blocking sockets, with a thread for each
//! connection. A TLS stream is read from and written to as a socket is; only that what was written
//! must be flushed, too.
//!
//! `cargo run --release -p net --bin tls_blocking -- --help`

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use net::command_line::{Failure, ServerArguments, complain, exit_code, print_listening};
use net::echo::config;
use net::tls;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use websans::{
    CloseCode, Connection, Event, Keepalive, KeepaliveConfig, KeepaliveTimeout, Message, RecvBuf,
    Response, SendBuf, SendError, ServerHandshake, State,
};
use websans_cli::transport::{LINGER, WRITE_DEADLINE};

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
                let _ = Peer::new(stream, tls).and_then(Peer::serve);
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

/// The other end: TLS with it, the buffers to and from it, and its deadlines.
struct Peer {
    stream: StreamOwned<ServerConnection, TcpStream>,
    rx: RecvBuf,
    tx: SendBuf,
    connected: Instant,
    keepalive: Keepalive,
}

/// What a connection has waited for.
enum Wake {
    Received,
    PingDue,
    Ending,
    Eof,
}

impl Peer {
    fn new(stream: TcpStream, tls: Arc<ServerConfig>) -> Result<Self, Failure> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(WRITE_DEADLINE))?;
        stream.set_read_timeout(Some(TICK))?;
        Ok(Self {
            stream: StreamOwned::new(ServerConnection::new(tls)?, stream),
            rx: RecvBuf::new(),
            tx: SendBuf::new(),
            connected: Instant::now(),
            keepalive: Keepalive::new(KeepaliveConfig::default(), Duration::ZERO),
        })
    }

    fn serve(mut self) -> Result<(), Failure> {
        if let Some(mut ws) = self.handshake()? {
            self.keepalive.handle_open(self.connected.elapsed());
            self.echo(&mut ws)?;
        }
        Ok(self.close()?)
    }

    /// `None` if the request was refused, or there was none.
    fn handshake(&mut self) -> Result<Option<Connection>, Failure> {
        let mut handshake = ServerHandshake::new(config());
        loop {
            match handshake.next_request(&mut self.rx, &mut self.tx) {
                Ok(Some(request)) => {
                    return Ok(Some(request.accept(&Response::new(), &mut self.tx)?));
                }
                Ok(None) => {}
                // The HTTP answer that says what is wrong has been queued.
                Err(_) => {
                    self.write()?;
                    return Ok(None);
                }
            }
            if let Wake::Eof | Wake::Ending = self.wait(true)? {
                return Ok(None);
            }
        }
    }

    fn echo(&mut self, ws: &mut Connection) -> Result<(), Failure> {
        loop {
            let ended = self.answer(ws)?;
            // Nothing is read before everything is written: a peer that does not read what it
            // gets is not served faster than it reads, and nothing piles up here.
            self.write()?;
            if ended {
                return Ok(());
            }
            match self.wait(ws.state() == State::Open)? {
                Wake::Received => {}
                Wake::PingDue => ws.send_ping(b"", &mut self.tx)?,
                Wake::Ending => {
                    ws.close(CloseCode::GOING_AWAY, "", &mut self.tx)?;
                    self.keepalive.handle_close(self.connected.elapsed());
                }
                Wake::Eof => return Ok(()),
            }
        }
    }

    /// Sends back what has arrived. Whether the connection has ended, with everything queued that
    /// is to be said.
    fn answer(&mut self, ws: &mut Connection) -> Result<bool, Failure> {
        loop {
            let message = match ws.next_event(&mut self.rx, &mut self.tx) {
                Ok(Some(Event::Text(text))) => Message::text(text),
                Ok(Some(Event::Binary(data))) => Message::binary(data),
                Ok(Some(Event::Ping(_) | Event::Pong(_))) => continue,
                Ok(None) => return Ok(false),
                Ok(Some(Event::Close(_))) | Err(_) => return Ok(true),
            };
            self.keepalive.handle_message(self.connected.elapsed());
            match ws.send(message.clone(), &mut self.tx) {
                Err(SendError::Full { .. }) => {
                    self.tx.write_to(&mut self.stream)?;
                    ws.send(message, &mut self.tx)?;
                }
                // Our close frame is out, and it was the last.
                Err(SendError::Closed) => {}
                sent => sent?,
            }
        }
    }

    /// rustls takes what it is given and encrypts it; to write all of that to the socket is asked
    /// for separately.
    fn write(&mut self) -> io::Result<()> {
        self.tx.write_to(&mut self.stream)?;
        self.stream.flush()
    }

    /// Until bytes have come from the peer, or a deadline has passed, or the server is to end.
    fn wait(&mut self, may_end: bool) -> io::Result<Wake> {
        loop {
            let now = self.connected.elapsed();
            self.keepalive.handle_incomplete(!self.rx.is_empty(), now);
            match self.keepalive.handle_timeout(now) {
                None => {}
                Some(KeepaliveTimeout::Ping) => return Ok(Wake::PingDue),
                Some(_) => return Err(ErrorKind::TimedOut.into()),
            }
            if may_end && ENDING.load(Ordering::Relaxed) {
                return Ok(Wake::Ending);
            }
            match self.rx.read_from(&mut self.stream) {
                // TCP without the end of TLS: for us the close frame says what the end is.
                Ok(0) => return Ok(Wake::Eof),
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Wake::Eof),
                Ok(_) => {
                    self.keepalive.handle_received(self.connected.elapsed());
                    return Ok(Wake::Received);
                }
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends TLS, then TCP, such that what was written arrives: to close it while something that
    /// the peer has sent is unread would reset it, and a reset may overtake the data before it.
    fn close(&mut self) -> io::Result<()> {
        self.stream.conn.send_close_notify();
        self.stream.flush()?;
        self.stream.sock.shutdown(Shutdown::Write)?;
        let deadline = Instant::now() + LINGER;
        while Instant::now() < deadline {
            match self.stream.sock.read(&mut [0; 8192]) {
                Ok(0) => break,
                Err(error) if !is_timeout(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Systems differ in what they call it.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
