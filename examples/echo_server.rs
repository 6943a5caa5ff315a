//! A server that sends every message back, on blocking sockets and a thread per connection.
//!
//! `cargo run --release --example echo_server -- --help`

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lexopt::prelude::{Long, Short, Value, ValueExt};
use websans::{
    CloseCode, Config, Connection, Event, Keepalive, KeepaliveConfig, KeepaliveTimeout, Message,
    PermessageDeflate, RecvBuf, Response, SendBuf, SendError, ServerHandshake, State,
};

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

/// A peer that takes nothing for so long while there is something to write is dropped.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait for the peer to close TCP, once everything has been said.
const LINGER: Duration = Duration::from_millis(500);

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
    let mut peer = Peer::new(stream);
    // A server serves the next one, however this one ended.
    if peer.serve(options).is_ok() {
        let _ = peer.close();
    }
}

/// The other end: its socket, the buffers to and from it, and its deadlines.
struct Peer {
    stream: TcpStream,
    rx: RecvBuf,
    tx: SendBuf,
    connected: Instant,
    keepalive: Keepalive,
}

/// What is to be done after waiting.
enum Wake {
    /// See what has come, if anything, and whether this server has been told to end.
    Look,
    SendPing,
    /// The peer takes too long to finish a message.
    GiveUp,
    Leave,
}

impl Peer {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            rx: RecvBuf::new(),
            tx: SendBuf::new(),
            connected: Instant::now(),
            keepalive: Keepalive::new(KeepaliveConfig::default(), Duration::ZERO),
        }
    }

    /// From the handshake to the last byte. Errors are those of the socket: there is nothing left
    /// to say, or nobody to say it to.
    fn serve(&mut self, options: &Options) -> io::Result<()> {
        // Frames are written whole: to wait for more would only delay them.
        self.stream.set_nodelay(true)?;
        self.stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let Some(mut ws) = self.handshake(options)? else {
            return Ok(());
        };
        self.keepalive.handle_open(self.connected.elapsed());
        loop {
            let open = self.echo(&mut ws)?;
            if STOPPING.load(Ordering::Relaxed) && ws.state() == State::Open {
                ws.close(CloseCode::GOING_AWAY, "", &mut self.tx).map_err(io::Error::other)?;
                self.keepalive.handle_close(self.connected.elapsed());
            }
            // Nothing is read before everything is written: a peer that does not read what it
            // gets is not served faster than it reads, and nothing piles up here. This also sends
            // the pongs and the close frame.
            self.tx.write_to(&mut self.stream)?;
            if !open {
                return Ok(());
            }
            match self.wait()? {
                Wake::Look => {}
                Wake::SendPing => ws.send_ping(b"", &mut self.tx).map_err(io::Error::other)?,
                Wake::GiveUp => {
                    let code = CloseCode::POLICY_VIOLATION;
                    ws.close(code, "", &mut self.tx).map_err(io::Error::other)?;
                    return self.tx.write_to(&mut self.stream).map(drop);
                }
                Wake::Leave => return Ok(()),
            }
        }
    }

    /// `None` if the request was refused.
    fn handshake(&mut self, options: &Options) -> io::Result<Option<Connection>> {
        let subprotocols: Vec<&str> = options.subprotocols.iter().map(String::as_str).collect();
        let mut handshake = ServerHandshake::new(options.config);
        loop {
            match handshake.next_request(&mut self.rx, &mut self.tx) {
                Ok(Some(request)) => {
                    // Any path will do, and any origin: there is nothing here to protect.
                    let chosen = request.choose_subprotocol(&subprotocols);
                    let response = Response::new().subprotocol(chosen);
                    let ws = request.accept(&response, &mut self.tx);
                    return ws.map(Some).map_err(io::Error::other);
                }
                Ok(None) => {}
                // The HTTP answer that says what is wrong has been queued.
                Err(_) => {
                    self.tx.write_to(&mut self.stream)?;
                    return Ok(None);
                }
            }
            if matches!(self.wait()?, Wake::Leave) || STOPPING.load(Ordering::Relaxed) {
                return Ok(None);
            }
        }
    }

    /// Sends back every message that has arrived. Whether more can come.
    fn echo(&mut self, ws: &mut Connection) -> io::Result<bool> {
        loop {
            let message = match ws.next_event(&mut self.rx, &mut self.tx) {
                Ok(Some(Event::Text(text))) => Message::text(text),
                Ok(Some(Event::Binary(data))) => Message::binary(data),
                // The pong has been queued.
                Ok(Some(Event::Ping(_) | Event::Pong(_))) => continue,
                Ok(None) => return Ok(true),
                // The close frame that answers the peer's, or tells it what it did wrong, too.
                Ok(Some(Event::Close(_))) | Err(_) => return Ok(false),
            };
            self.keepalive.handle_message(self.connected.elapsed());
            let mut sent = ws.send(message.clone(), &mut self.tx);
            if let Err(SendError::Full { .. }) = sent {
                self.tx.write_to(&mut self.stream)?;
                sent = ws.send(message, &mut self.tx);
            }
            match sent {
                // Nothing follows our close frame; the peer sent this before it came there.
                Ok(()) | Err(SendError::Closed) => {}
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }

    /// Until bytes have come from the peer, or it is time to look at the clock.
    fn wait(&mut self) -> io::Result<Wake> {
        let now = self.connected.elapsed();
        self.keepalive.handle_incomplete(!self.rx.is_empty(), now);
        match self.keepalive.handle_timeout(now) {
            None => {}
            Some(KeepaliveTimeout::Ping) => return Ok(Wake::SendPing),
            Some(KeepaliveTimeout::Message) => return Ok(Wake::GiveUp),
            Some(_) => return Err(ErrorKind::TimedOut.into()),
        }
        let left = self.keepalive.next_timeout().map_or(TICK, |at| at.saturating_sub(now));
        // A timeout of zero would mean none.
        let timeout = left.clamp(Duration::from_millis(1), TICK);
        self.stream.set_read_timeout(Some(timeout))?;
        match self.rx.read_from(&mut self.stream) {
            Ok(0) => Ok(Wake::Leave),
            Ok(_) => {
                self.keepalive.handle_received(self.connected.elapsed());
                Ok(Wake::Look)
            }
            Err(error) if is_timeout(&error) => Ok(Wake::Look),
            Err(error) => Err(error),
        }
    }

    /// Closes TCP such that what was written arrives: to close it while something that the peer
    /// has sent is unread would reset it, and a reset may overtake the data before it.
    fn close(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        let deadline = Instant::now() + LINGER;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.stream.set_read_timeout(Some(left))?;
            if self.stream.read(&mut [0; 8192])? == 0 {
                return Ok(());
            }
        }
    }
}

/// Systems differ in what they call it.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
