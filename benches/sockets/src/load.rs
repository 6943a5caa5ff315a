//! The load: one thread, on a core that is not the server's.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream as Blocking};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::frame::{Batch, Echoes, Payloads};
use crate::handshake::Handshake;

/// A server that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much is read at once.
const READ: usize = 256 << 10;

/// Where a server is.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    pub addr: SocketAddr,
    pub path: &'a str,
}

/// What was measured from the first message sent to the last one received.
pub struct Echoed {
    pub messages: u64,
    pub elapsed: Duration,
    /// From the writing of a batch to each of its messages, in nanoseconds.
    pub latencies: Vec<u64>,
}

/// Connections that send batches of messages, each when the one before has come back.
pub struct Load {
    poll: Poll,
    payloads: Payloads,
    connections: Vec<Connection>,
    depth: usize,
    buffer: Vec<u8>,
}

struct Connection {
    socket: TcpStream,
    batch: Batch,
    written: usize,
    echoes: Echoes,
    /// The number of the next message.
    next: u64,
    /// How many messages have not come back.
    outstanding: usize,
    sent_at: Instant,
}

impl Load {
    /// Connects, and makes the opening handshakes.
    pub fn new(target: Target<'_>, count: usize, size: usize, depth: usize) -> io::Result<Self> {
        let poll = Poll::new()?;
        let payloads = Payloads::new(size, count);
        let mut connections = Vec::with_capacity(count);
        for index in 0..count {
            let socket = open(target)?;
            socket.set_nonblocking(true)?;
            let mut socket = TcpStream::from_std(socket);
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut socket, Token(index), interest)?;
            let next = (index as u64) << 40;
            connections.push(Connection {
                socket,
                batch: Batch::new(&payloads, index, depth),
                written: 0,
                echoes: Echoes::new(next),
                next,
                outstanding: 0,
                sent_at: Instant::now(),
            });
        }
        Ok(Self { poll, payloads, connections, depth, buffer: vec![0; READ] })
    }

    /// Sends batches for so long, at least one on each connection, and waits until all that was
    /// sent has come back.
    pub fn run(&mut self, time: Duration) -> io::Result<Echoed> {
        let start = Instant::now();
        let end = start + time;
        let mut latencies = Vec::new();
        for connection in &mut self.connections {
            connection.send(self.depth)?;
        }
        let mut busy = self.connections.len();
        let mut events = Events::with_capacity(self.connections.len());
        let mut now = start;
        while busy > 0 {
            self.poll.poll(&mut events, Some(PATIENCE))?;
            if events.is_empty() {
                return Err(io::Error::new(ErrorKind::TimedOut, "an echo did not come"));
            }
            for event in &events {
                let Token(index) = event.token();
                let connection = &mut self.connections[index];
                connection.write()?;
                if connection.outstanding == 0 {
                    continue;
                }
                loop {
                    let read = match connection.socket.read(&mut self.buffer) {
                        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                        Ok(read) => read,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error),
                    };
                    let piece = &self.buffer[..read];
                    let messages = connection.echoes.receive(piece, &self.payloads, index)?;
                    connection.answer_pings()?;
                    now = Instant::now();
                    let latency = (now - connection.sent_at).as_nanos() as u64;
                    latencies.extend(std::iter::repeat_n(latency, messages));
                    connection.outstanding =
                        connection.outstanding.checked_sub(messages).ok_or_else(|| {
                            io::Error::new(ErrorKind::InvalidData, "more echoes than messages")
                        })?;
                    if connection.outstanding == 0 && messages > 0 {
                        if now < end {
                            connection.send(self.depth)?;
                        } else {
                            busy -= 1;
                        }
                    }
                    // There will be an event for what comes later.
                    if read < self.buffer.len() {
                        break;
                    }
                }
            }
        }
        Ok(Echoed { messages: latencies.len() as u64, elapsed: now - start, latencies })
    }
}

impl Connection {
    fn send(&mut self, depth: usize) -> io::Result<()> {
        self.batch.number(self.next);
        self.next += depth as u64;
        self.outstanding = depth;
        self.written = 0;
        self.sent_at = Instant::now();
        self.write()
    }

    fn write(&mut self) -> io::Result<()> {
        while self.outstanding > 0 && self.written < self.batch.bytes.len() {
            match self.socket.write(&self.batch.bytes[self.written..]) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Between two batches or messages, never within a frame: a pong is short enough to be
    /// written whole or to be an error.
    fn answer_pings(&mut self) -> io::Result<()> {
        if self.echoes.pongs.is_empty() {
            return Ok(());
        }
        if self.written < self.batch.bytes.len() {
            return Ok(()); // later
        }
        self.socket.write_all(&self.echoes.pongs)?;
        self.echoes.pongs.clear();
        Ok(())
    }
}

/// A connection after its opening handshake.
pub fn open(target: Target<'_>) -> io::Result<Blocking> {
    let mut socket = Blocking::connect(target.addr)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut handshake = Handshake::new(target.path);
    socket.write_all(handshake.request())?;
    let mut piece = [0; 1024];
    loop {
        let read = socket.read(&mut piece)?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if handshake.receive(&piece[..read])? {
            return Ok(socket);
        }
    }
}

/// Connections that have echoed one message each, and say nothing more.
pub struct Idle {
    sockets: Vec<Blocking>,
    payloads: Payloads,
}

impl Idle {
    pub fn new(size: usize, most: usize) -> Self {
        Self { sockets: Vec::with_capacity(most), payloads: Payloads::new(size, most) }
    }

    pub fn add(&mut self, target: Target<'_>) -> io::Result<()> {
        let index = self.sockets.len();
        let mut socket = open(target)?;
        let mut batch = Batch::new(&self.payloads, index, 1);
        batch.number(index as u64);
        socket.write_all(&batch.bytes)?;
        let mut echoes = Echoes::new(index as u64);
        let mut piece = [0; 1024];
        loop {
            let read = socket.read(&mut piece)?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if echoes.receive(&piece[..read], &self.payloads, index)? > 0 {
                self.sockets.push(socket);
                return Ok(());
            }
        }
    }
}

/// What was measured of opening handshakes.
pub struct Opened {
    pub handshakes: u64,
    pub elapsed: Duration,
}

/// Connects, makes the opening handshake and resets the connection, on so many at once and for so
/// long.
pub fn handshakes(target: Target<'_>, count: usize, time: Duration) -> io::Result<Opened> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(count);
    let mut slots = Vec::with_capacity(count);
    for index in 0..count {
        slots.push(Some(Opening::start(&poll, target, index)?));
    }
    let start = Instant::now();
    let end = start + time;
    let (mut handshakes, mut now, mut busy) = (0, start, count);
    let mut piece = [0; 1024];
    while busy > 0 {
        poll.poll(&mut events, Some(PATIENCE))?;
        if events.is_empty() {
            return Err(io::Error::new(ErrorKind::TimedOut, "an answer did not come"));
        }
        for event in &events {
            let Token(index) = event.token();
            let Some(opening) = &mut slots[index] else { continue };
            if !opening.advance(&mut piece)? {
                continue;
            }
            handshakes += 1;
            now = Instant::now();
            slots[index] = None;
            if now < end {
                slots[index] = Some(Opening::start(&poll, target, index)?);
            } else {
                busy -= 1;
            }
        }
    }
    Ok(Opened { handshakes, elapsed: now - start })
}

struct Opening {
    socket: TcpStream,
    handshake: Handshake,
    requested: bool,
}

impl Opening {
    fn start(poll: &Poll, target: Target<'_>, index: usize) -> io::Result<Self> {
        let mut socket = TcpStream::connect(target.addr)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut socket, Token(index), interest)?;
        Ok(Self { socket, handshake: Handshake::new(target.path), requested: false })
    }

    /// Whether the handshake has been made. The socket is then reset when it is dropped: it would
    /// keep its port for a minute otherwise, of which there are only some ten thousand.
    fn advance(&mut self, piece: &mut [u8]) -> io::Result<bool> {
        if !self.requested {
            if let Some(error) = self.socket.take_error()? {
                return Err(error);
            }
            match self.socket.peer_addr() {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(false),
                Err(error) => return Err(error),
            }
            self.socket.set_nodelay(true)?;
            self.socket.write_all(self.handshake.request())?;
            self.requested = true;
        }
        loop {
            match self.socket.read(piece) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    if self.handshake.receive(&piece[..read])? {
                        reset_on_drop(&self.socket)?;
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
}

fn reset_on_drop(socket: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(socket).set_linger(Some(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const SIZE: usize = 300;
    const CONNECTIONS: usize = 3;
    const DEPTH: usize = 4;

    /// What a server does to the frames that it sends back, in the order of their sending.
    type Fault = fn(count: usize, frame: Vec<u8>) -> Vec<u8>;

    /// A server for one test. It ends with the connections.
    fn server(fault: Fault) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        thread::spawn(move || {
            for socket in listener.incoming().take(CONNECTIONS) {
                let socket = socket.unwrap();
                thread::spawn(move || serve(socket, fault));
            }
        });
        addr
    }

    /// Ends with an error when the client goes.
    fn serve(mut socket: Blocking, fault: Fault) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            socket.read_exact(&mut byte)?;
            head.extend(byte);
        }
        let head = String::from_utf8_lossy(&head);
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = crate::handshake::accept_key(key);
        write!(socket, "HTTP/1.1 101 \r\nSec-WebSocket-Accept: {accept}\r\n\r\n")?;
        for count in 0.. {
            let mut frame = [0; 2 + 2 + 4 + SIZE];
            socket.read_exact(&mut frame)?;
            let mut echo = vec![frame[0], frame[1] & 0x7F, frame[2], frame[3]];
            echo.extend(frame[8..].iter().zip(frame[4..8].iter().cycle()).map(|(b, k)| b ^ k));
            socket.write_all(&fault(count, echo))?;
        }
        Ok(())
    }

    fn run(fault: Fault) -> io::Result<u64> {
        let target = Target { addr: server(fault), path: "/" };
        let mut load = Load::new(target, CONNECTIONS, SIZE, DEPTH)?;
        load.run(Duration::from_millis(50))?;
        Ok(load.run(Duration::ZERO)?.messages)
    }

    #[test]
    fn right_echoes_are_counted_and_each_connection_sends_one_batch_at_least() {
        assert_eq!(run(|_, frame| frame).unwrap(), (CONNECTIONS * DEPTH) as u64);
    }

    #[test]
    fn a_run_fails_with_the_first_echo_that_is_wrong() {
        let faults: [(&str, Fault); 5] =
            [
                ("wrong byte", |count, mut frame| {
                    frame[200] ^= u8::from(count == 5);
                    frame
                }),
                ("unexpected opcode", |count, mut frame| {
                    frame[0] ^= if count == 5 { 0x3 } else { 0 }; // text
                    frame
                }),
                ("another message", |count, frame| if count == 5 { vec![] } else { frame }),
                ("another message", |count, frame| {
                    if count == 5 { [frame.clone(), frame].concat() } else { frame }
                }),
                ("close frame", |count, frame| if count == 5 { vec![0x88, 0] } else { frame }),
            ];
        for (what, fault) in faults {
            let error = run(fault).unwrap_err().to_string();
            assert!(error.contains(what), "{error}, but not: {what}");
        }
    }

    #[test]
    fn an_idle_connection_has_echoed_its_message() {
        let target = Target { addr: server(|_, frame| frame), path: "/" };
        let mut idle = Idle::new(SIZE, 1);
        idle.add(target).unwrap();
        let target = Target { addr: server(|_, frame| frame[1..].to_vec()), path: "/" };
        assert!(idle.add(target).is_err());
    }
}
