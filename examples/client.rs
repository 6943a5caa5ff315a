//! A client that sends the lines of standard input and prints the messages that it receives, on
//! blocking sockets: one thread reads from the server, one writes to it, one reads the input.
//!
//! `cargo run --release --example client -- --help`

#![expect(clippy::unwrap_used, reason = "only a panic poisons a lock, and nothing here panics")]

use std::error::Error;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::mem;
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use lexopt::prelude::{Long, Short, Value, ValueExt};
use websans::{
    ClientHandshake, CloseCode, CloseFrame, Config, Connection, Event, PermessageDeflate, Reader,
    RecvBuf, Reply, Request, SendBuf, SendError, Writer, WsUri,
};

const HELP: &str = "\
Sends each line of standard input as a text message, and prints each text message that it
receives as a line. Binary messages are passed over.

Usage: client [OPTION]... URL

  URL                           such as ws://127.0.0.1:9001/chat
  --subprotocol NAME            offer this subprotocol; may be repeated, preferred ones first
  --header 'NAME: VALUE'        send this HTTP header field; may be repeated
  --no-deflate                  do not offer permessage-deflate
  --no-client-context-takeover  compress every message by itself
  --help                        print this

It closes the connection at the end of the input. Exit status 0 means that this was answered, or
that the server closed the connection with code 1000 or none.
";

/// The largest message to print.
const MAX_MESSAGE_SIZE: u64 = 32 << 20;

/// The longest line to send: a file without line ends is not to fill the memory.
const MAX_LINE: u64 = 64 << 20;

/// How long finding the server's addresses may take, and how long trying them all.
const CONNECT_DEADLINE: Duration = Duration::from_secs(4);

/// How long that and the opening handshake may take together.
const OPENING_DEADLINE: Duration = Duration::from_secs(8);

/// How long the server may take to answer our close frame.
const CLOSE_DEADLINE: Duration = Duration::from_secs(8);

/// How long to wait, once the outcome is certain, for our last bytes to be written and for the
/// server to close TCP.
const LINGER: Duration = Duration::from_secs(1);

/// How often the reading thread looks at the clock.
const TICK: Duration = Duration::from_millis(250);

/// How much is written at once: whether that gets on is all that is known of a slow server.
const PIECE: usize = 64 << 10;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let Err(failure) = run() else { return ExitCode::SUCCESS };
    // It may quote the server: one line, whatever that said.
    let line = failure.to_string().replace(char::is_control, " ");
    let _ = writeln!(io::stderr(), "error: {line}");
    // This also ends the other threads, whatever they wait for.
    ExitCode::FAILURE
}

fn run() -> Result<(), Failure> {
    let (request, config) = parse_arguments()?;
    let (ws, rx, stream) = open(&request, config)?;
    let (reader, writer) = ws.split();
    let outbox = Arc::new(Outbox::new(writer));
    thread::Builder::new().spawn({
        let outbox = Arc::clone(&outbox);
        move || outbox.send_lines(&mut io::stdin().lock())
    })?;
    thread::Builder::new().spawn({
        let (outbox, stream) = (Arc::clone(&outbox), stream.try_clone()?);
        move || outbox.write_to(stream)
    })?;
    let result = print_messages(reader, rx, &stream, &outbox);
    let deadline = Instant::now() + LINGER;
    outbox.wait_until_written(LINGER);
    let _ = close(&stream, deadline);
    match outbox.outgoing.lock().unwrap().input.take() {
        Some(Err(error)) => Err(format!("standard input: {error}").into()),
        _ => result,
    }
}

fn parse_arguments() -> Result<(Request, Config), Failure> {
    let (mut url, mut subprotocols, mut headers) = (None, Vec::new(), Vec::new());
    let mut deflate = Some(PermessageDeflate::default());
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("subprotocol") => subprotocols.push(arguments.value()?.string()?),
            Long("header") => headers.push(arguments.value()?.string()?),
            Long("no-deflate") => deflate = None,
            Long("no-client-context-takeover") => {
                deflate = deflate.map(|deflate| deflate.client_no_context_takeover(true));
            }
            Long("help") | Short('h') => {
                print!("{HELP}");
                std::process::exit(0);
            }
            Value(value) if url.is_none() => url = Some(value.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let url = url.ok_or("no URL was given; --help tells how")?;
    let mut request =
        Request::new(&url).map_err(|error| format!("{url:?} is no WebSocket URL: {error}"))?;
    for name in &subprotocols {
        request =
            request.subprotocol(name).map_err(|error| format!("--subprotocol {name}: {error}"))?;
    }
    for header in &headers {
        let (name, value) = header.split_once(':').ok_or("--header takes 'NAME: VALUE'")?;
        request = request
            .header(name, value.trim_matches([' ', '\t']))
            .map_err(|error| format!("--header {name}: {error}"))?;
    }
    let config = Config::default().max_message_size(MAX_MESSAGE_SIZE);
    Ok((request, config.permessage_deflate(deflate)))
}

fn open(request: &Request, config: Config) -> Result<(Connection, RecvBuf, TcpStream), Failure> {
    let deadline = Instant::now() + OPENING_DEADLINE;
    let mut stream = connect(request.uri())?;
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut handshake = ClientHandshake::new(request, config, &mut tx)?;
    tx.write_to(&mut stream)?;
    let response = loop {
        if let Some(response) = handshake.next_response(&mut rx)? {
            break response;
        }
        match rx.read_from(&mut ReadBy { deadline, stream: &stream }) {
            Ok(0) => break handshake.handle_eof(&mut rx)?,
            Ok(_) => {}
            // A refusal of which only the rest of the body is missing says more than the clock.
            Err(error) if is_timeout(&error) => {
                break handshake.handle_eof(&mut rx).map_err(|_| {
                    format!("the server has not answered within {OPENING_DEADLINE:?}")
                })?;
            }
            Err(error) => return Err(format!("the connection broke: {error}").into()),
        }
    };
    let location = match response.status() {
        300..=399 => response.header("Location"),
        _ => None,
    };
    let location = location.map(|to| format!(": see {}", String::from_utf8_lossy(to)));
    match response.into_connection() {
        Ok(ws) => Ok((ws, rx, stream)),
        Err(error) => Err(format!("{error}{}", location.unwrap_or_default()).into()),
    }
}

/// Tries each of the addresses that the host's name stands for.
fn connect(uri: &WsUri) -> Result<TcpStream, Failure> {
    if uri.is_secure() {
        return Err("wss:// is not supported: this example has no TLS".into());
    }
    let place = uri.authority();
    let addresses = resolve(uri).map_err(|error| format!("cannot find {place}: {error}"))?;
    let timeout = CONNECT_DEADLINE / u32::try_from(addresses.len().max(1))?;
    let mut failure = format!("{place} has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => {
                // Frames are written whole: to wait for more would only delay them.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failure = format!("cannot connect to {address}: {error}"),
        }
    }
    Err(failure.into())
}

/// In a thread of its own, as the system sets its own deadline for this.
fn resolve(uri: &WsUri) -> io::Result<Vec<SocketAddr>> {
    let (resolved, result) = mpsc::channel();
    let place = (uri.host().to_owned(), uri.port());
    thread::Builder::new().spawn(move || resolved.send(place.to_socket_addrs()))?;
    let addresses = result.recv_timeout(CONNECT_DEADLINE).map_err(|_| ErrorKind::TimedOut)??;
    Ok(addresses.collect())
}

/// Prints what comes until the connection ends: an error, unless it ends as it should.
fn print_messages(
    mut ws: Reader,
    mut rx: RecvBuf,
    mut stream: &TcpStream,
    outbox: &Outbox,
) -> Result<(), Failure> {
    stream.set_read_timeout(Some(TICK))?;
    let (mut patience, mut unwritten) = (CLOSE_DEADLINE, 0);
    loop {
        let round = Instant::now();
        while let Some(event) = ws.next_event(&mut rx).inspect_err(|error| {
            // The close frame that tells the server what it did wrong.
            let _ = outbox.reply(error.reply());
        })? {
            outbox
                .reply(event.reply())
                .map_err(|error| format!("the server's ping cannot be answered: {error}"))?;
            match event {
                Event::Text(text) => print_line(text)?,
                Event::Binary(_) | Event::Ping(_) | Event::Pong(_) => {}
                Event::Close(frame) => return judge(&frame),
            }
        }
        match rx.read_from(&mut stream) {
            Ok(0) => return Ok(ws.handle_eof(&rx)?),
            Err(error) if !is_timeout(&error) => {
                return Err(format!("the connection broke: {error}").into());
            }
            _ => {}
        }
        // Once our close frame is queued, the clock runs whenever nothing of what goes before it
        // is being written. A round that takes longer than the tick counts as one: it has waited
        // for whoever reads our output, and the server cannot help that.
        let outgoing = outbox.outgoing.lock().unwrap();
        if outgoing.input.is_some() && outgoing.unwritten() == unwritten {
            patience = patience.saturating_sub(round.elapsed().min(TICK));
            if patience.is_zero() {
                return Err(format!("the server has not closed within {CLOSE_DEADLINE:?}").into());
            }
        }
        unwritten = outgoing.unwritten();
    }
}

fn print_line(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .map_err(|error| format!("cannot print: {error}").into())
}

fn judge(frame: &CloseFrame<'_>) -> Result<(), Failure> {
    match frame.code {
        None | Some(CloseCode::NORMAL_CLOSURE) => Ok(()),
        Some(code) => Err(format!("the server closed with {code}: {:?}", frame.reason).into()),
    }
}

/// What the thread that reads the input and the one that reads from the server want to send, for
/// the one that writes. That holds no lock while it writes, so a server that takes nothing more
/// before it has got rid of its own messages is still read from.
///
/// Nothing grows without bound: the library says when enough lines or pongs wait.
struct Outbox {
    outgoing: Mutex<Outgoing>,
    changed: Condvar,
}

struct Outgoing {
    ws: Writer,
    tx: SendBuf,
    /// What the writing thread has taken out of `tx` and not written yet.
    in_flight: u64,
    /// Set at the end of the input: whether that was an error.
    input: Option<io::Result<()>>,
}

impl Outgoing {
    fn unwritten(&self) -> u64 {
        self.tx.len() + self.in_flight
    }
}

impl Outbox {
    fn new(ws: Writer) -> Self {
        let outgoing = Outgoing { ws, tx: SendBuf::new(), in_flight: 0, input: None };
        Self { outgoing: Mutex::new(outgoing), changed: Condvar::new() }
    }

    /// The thread that reads the input: sends its lines, and closes.
    fn send_lines(&self, input: &mut impl BufRead) {
        let result = loop {
            match read_line(input) {
                Ok(Some(line)) => self.send(&line),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let outgoing = &mut *self.outgoing.lock().unwrap();
        // It may have ended already.
        let _ = outgoing.ws.close(CloseCode::NORMAL_CLOSURE, "", &mut outgoing.tx);
        outgoing.input = Some(result);
        self.changed.notify_all();
    }

    fn send(&self, line: &str) {
        let full = |outgoing: &mut Outgoing| {
            let sent = outgoing.ws.send_text(line, &mut outgoing.tx);
            matches!(sent, Err(SendError::Full { .. }))
        };
        // Any other error means that the connection has ended; reading tells how.
        drop(self.changed.wait_while(self.outgoing.lock().unwrap(), full));
        self.changed.notify_all();
    }

    /// Queues what the server's messages, or its mistakes, oblige us to send.
    fn reply(&self, reply: Option<Reply>) -> Result<(), SendError> {
        let Some(reply) = reply else { return Ok(()) };
        let outgoing = &mut *self.outgoing.lock().unwrap();
        outgoing.ws.reply(&reply, &mut outgoing.tx)?;
        self.changed.notify_all();
        Ok(())
    }

    /// The thread that writes. An error means that the connection has ended; reading tells how.
    fn write_to(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut tx = SendBuf::new();
        loop {
            let outgoing = self.outgoing.lock().unwrap();
            let mut outgoing = self.changed.wait_while(outgoing, |it| it.tx.is_empty()).unwrap();
            mem::swap(&mut tx, &mut outgoing.tx);
            outgoing.in_flight = tx.len();
            drop(outgoing);
            self.changed.notify_all();
            while let Some(piece) = tx.as_slice().chunks(PIECE).next() {
                stream.write_all(piece)?;
                tx.consume(piece.len());
                self.outgoing.lock().unwrap().in_flight = tx.len();
            }
            self.changed.notify_all();
        }
    }

    fn wait_until_written(&self, timeout: Duration) {
        let outgoing = self.outgoing.lock().unwrap();
        drop(self.changed.wait_timeout_while(outgoing, timeout, |it| it.unwritten() > 0));
    }
}

/// The next line, without its end; `None` at the end of the input.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if input.take(MAX_LINE + 1).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 > MAX_LINE {
        return Err(io::Error::other(format!("a line is longer than {MAX_LINE} bytes")));
    }
    String::from_utf8(line).map(Some).map_err(io::Error::other)
}

/// Closes TCP. It is for the server to close it first (RFC 6455 §7.1.1); and to close it while
/// something that has come is unread would reset it, and might cost the server our last bytes.
fn close(stream: &TcpStream, deadline: Instant) -> io::Result<u64> {
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut ReadBy { deadline, stream }, &mut io::sink())
}

/// Reads from a socket as long as there is time: however little comes at once, it ends.
struct ReadBy<'a> {
    deadline: Instant,
    stream: &'a TcpStream,
}

impl Read for ReadBy<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buf)
    }
}

/// Systems differ in what they call it.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
