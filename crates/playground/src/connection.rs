//! One connection: a socket, what is done with it at present, and its deadlines.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use mio::net::TcpStream;
use websans::{Connection, Keepalive, KeepaliveConfig, RecvBuf, SendBuf};

/// The default deadlines, but that a page has no reason to take long over closing.
fn deadlines() -> KeepaliveConfig {
    KeepaliveConfig { close: Some(Duration::from_secs(3)), ..KeepaliveConfig::default() }
}

/// What a connection is, from accepting it to its end.
pub(crate) enum Phase {
    /// The head of an HTTP request is coming.
    Request { head: Vec<u8> },
    /// An HTTP response is going.
    Response { bytes: Rc<[u8]>, written: usize },
    /// A WebSocket.
    Open(Connection),
    /// Everything is said. What waits is written, then TCP is closed in our direction, and the
    /// peer is given time to do the same: to close it while something that the peer has sent is
    /// unread would reset it, and a reset may overtake the data before it.
    Ending { shut_down: bool },
    /// To be removed.
    Over,
}

/// It has buffers of its own only while they hold something: part of a message that has come, or
/// what the socket would not take.
pub(crate) struct Peer {
    pub(crate) socket: TcpStream,
    pub(crate) phase: Phase,
    /// The index of the service that is to be told when the peer goes.
    pub(crate) service: Option<usize>,
    pub(crate) closed_cleanly: bool,
    pub(crate) keepalive: Keepalive,
    pub(crate) rx: Option<Box<RecvBuf>>,
    pub(crate) tx: Option<Box<SendBuf>>,
    /// How much memory its buffers had when that was last counted.
    pub(crate) counted: usize,
}

impl Peer {
    pub(crate) fn new(socket: TcpStream, now: Duration) -> Self {
        Self {
            socket,
            phase: Phase::Request { head: Vec::new() },
            service: None,
            closed_cleanly: false,
            keepalive: Keepalive::new(deadlines(), now),
            rx: None,
            tx: None,
            counted: 0,
        }
    }

    /// How much memory its buffers have.
    pub(crate) fn memory(&self) -> usize {
        let head = if let Phase::Request { head } = &self.phase { head.capacity() } else { 0 };
        let rx = self.rx.as_ref().map_or(0, |rx| rx.capacity());
        head + rx + self.tx.as_ref().map_or(0, |tx| tx.capacity())
    }

    /// Writes what waits for this peer: whether nothing waits any more.
    pub(crate) fn write(&mut self, now: Duration) -> io::Result<bool> {
        if let Some(tx) = &mut self.tx {
            let before = tx.len();
            if !write(tx, &mut self.socket)? {
                if tx.len() < before {
                    // Whoever takes bytes is alive, even if it says nothing.
                    self.keepalive.handle_received(now);
                }
                return Ok(false);
            }
            self.tx = None;
        }
        if let Phase::Response { bytes, written } = &mut self.phase {
            while let Some(rest @ [_, ..]) = bytes.get(*written..) {
                match self.socket.write(rest) {
                    Ok(n) => *written += n,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            self.phase = Phase::Ending { shut_down: false };
        }
        if let Phase::Ending { shut_down: shut_down @ false } = &mut self.phase {
            *shut_down = true;
            self.socket.shutdown(Shutdown::Write)?;
        }
        Ok(true)
    }

    /// Reads and forgets: whether the end has come.
    pub(crate) fn read_to_end(&mut self, scratch: &mut [u8]) -> io::Result<bool> {
        loop {
            match self.socket.read(scratch) {
                Ok(0) => return Ok(true),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Writes as much as the socket takes: whether that was all.
pub(crate) fn write(tx: &mut SendBuf, socket: &mut TcpStream) -> io::Result<bool> {
    match tx.write_to(socket) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}
