//! A session over a blocking socket: all of the I/O, and nothing else.

use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use websans::{Io, RecvBuf, SendBuf, Session, SessionEvent};

/// While so much waits to be written no more events are taken: a peer is served only as fast as it
/// reads, and nothing piles up here.
const BACKLOG: u64 = 64 << 10;

/// One connection: its socket, the bytes to and from it, and its session.
pub(crate) struct Blocking {
    pub(crate) ws: Session,
    pub(crate) tx: SendBuf,
    rx: RecvBuf,
    socket: TcpStream,
    start: Instant,
    /// How long a call may wait for the socket, if no deadline is earlier.
    tick: Duration,
}

impl Blocking {
    /// `ws` begins at the time zero; `tx` holds what it has queued.
    pub(crate) fn new(
        socket: TcpStream,
        ws: Session,
        tx: SendBuf,
        tick: Duration,
    ) -> io::Result<Self> {
        // Frames are written whole: to wait for more would only delay them.
        socket.set_nodelay(true)?;
        Ok(Self { ws, tx, rx: RecvBuf::new(), socket, start: Instant::now(), tick })
    }

    /// Takes all events that there are, and does the next piece of I/O: whether there will be more.
    /// It waits for the socket at most as long as a tick.
    pub(crate) fn step(
        &mut self,
        mut handle: impl FnMut(&mut Session, SessionEvent<'_>, &mut SendBuf),
    ) -> io::Result<bool> {
        while self.tx.len() < BACKLOG {
            match self.ws.next_event(&mut self.rx, &mut self.tx) {
                Ok(Some(event)) => handle(&mut self.ws, event, &mut self.tx),
                // After an error the session says how to go on to the end.
                Ok(None) | Err(_) => break,
            }
        }
        let io = self.ws.next_io(&self.tx, self.start.elapsed());
        let left = self.ws.next_timeout().map(|at| at.saturating_sub(self.start.elapsed()));
        // A timeout of zero would mean none.
        let left = left.unwrap_or(self.tick).clamp(Duration::from_millis(1), self.tick);
        let result = match io {
            Io::Read | Io::Drain => {
                self.socket.set_read_timeout(Some(left))?;
                let read = self.rx.read_from(&mut self.socket);
                read.map(|n| self.ws.handle_read(n, self.start.elapsed()))
            }
            Io::Write => {
                self.socket.set_write_timeout(Some(left))?;
                let written = self.socket.write(self.tx.as_slice());
                written.map(|n| {
                    self.tx.consume(n);
                    self.ws.handle_written(n, self.start.elapsed());
                })
            }
            Io::Flush => {
                self.ws.handle_flushed(self.start.elapsed()); // TCP has nothing to flush
                Ok(())
            }
            Io::ShutDown => {
                self.socket.shutdown(Shutdown::Write).map(|()| self.ws.handle_shut_down())
            }
            Io::Close => return Ok(false),
        };
        match (result, io) {
            (Ok(()), _) => {}
            (Err(error), _) if error.kind() == ErrorKind::Interrupted => {}
            (Err(error), _)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
            {
                if io == Io::Write {
                    self.ws.handle_written(0, self.start.elapsed());
                }
                self.ws.handle_timeout(self.start.elapsed());
            }
            (Err(_), Io::Read | Io::Drain) => self.ws.handle_read(0, self.start.elapsed()),
            (Err(_), _) => self.ws.handle_write_error(&mut self.tx),
        }
        Ok(true)
    }
}
