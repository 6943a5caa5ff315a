//! A session over a blocking socket, or TLS over one: all of the I/O, and nothing else.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use websans::{Io, RecvBuf, SendBuf, Session, SessionEvent};

/// While so much waits to be written no more events are taken: a peer is served only as fast as it
/// reads, and nothing piles up here.
const BACKLOG: u64 = 64 << 10;

/// What is read and written, and the socket below it.
pub(crate) trait Transport: Read + Write {
    fn socket(&self) -> &TcpStream;

    fn shut_down(&mut self) -> io::Result<()> {
        self.socket().shutdown(Shutdown::Write)
    }
}

impl Transport for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

/// One connection: its transport, the bytes to and from it, and its session.
pub(crate) struct Blocking<T = TcpStream> {
    pub(crate) ws: Session,
    pub(crate) tx: SendBuf,
    rx: RecvBuf,
    transport: T,
    start: Instant,
    /// How long a call may wait for the transport, if no deadline is earlier.
    tick: Duration,
    /// How long one may wait now.
    wait: Duration,
}

impl<T: Transport> Blocking<T> {
    /// `ws` begins at the time zero; `tx` holds what it has queued.
    pub(crate) fn new(transport: T, ws: Session, tx: SendBuf, tick: Duration) -> io::Result<Self> {
        // Disable Nagle's algorithm: each frame is written whole, so waiting only adds delay.
        transport.socket().set_nodelay(true)?;
        let (rx, start) = (RecvBuf::new(), Instant::now());
        Ok(Self { ws, tx, rx, transport, start, tick, wait: Duration::ZERO })
    }

    /// Takes all events that there are, and does the next piece of I/O: whether there will be more.
    /// It waits for the transport at most as long as a tick.
    pub(crate) fn step(
        &mut self,
        mut handle: impl FnMut(&mut Session, SessionEvent<'_>, &mut SendBuf),
    ) -> io::Result<bool> {
        // After an error the session says how to go on to the end.
        while self.tx.len() < BACKLOG
            && let Ok(Some(event)) = self.ws.next_event(&mut self.rx, &mut self.tx)
        {
            handle(&mut self.ws, event, &mut self.tx);
        }
        let io = self.ws.next_io(&self.tx, self.start.elapsed());
        let left = self.ws.next_timeout().map(|at| at.saturating_sub(self.start.elapsed()));
        // A timeout of zero would mean none.
        let wait = left.unwrap_or(self.tick).clamp(Duration::from_millis(1), self.tick);
        if wait != self.wait {
            self.wait = wait;
            self.transport.socket().set_read_timeout(Some(wait))?;
            self.transport.socket().set_write_timeout(Some(wait))?;
        }
        let done = match io {
            Io::Read | Io::Drain => self.rx.read_from(&mut self.transport),
            Io::Write => self.transport.write(self.tx.as_slice()),
            Io::Flush => self.transport.flush().map(|()| 0),
            Io::ShutDown => self.transport.shut_down().map(|()| 0),
            Io::Close => return Ok(false),
        };
        let now = self.start.elapsed();
        match (done, io) {
            (Ok(n), Io::Read | Io::Drain) => self.ws.handle_read(n, now),
            (Ok(n), Io::Write) => {
                self.tx.consume(n);
                self.ws.handle_written(n, now);
            }
            (Ok(_), Io::Flush) => self.ws.handle_flushed(now),
            (Ok(_), _) => self.ws.handle_shut_down(),
            (Err(error), _) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock | ErrorKind::TimedOut => self.ws.handle_timeout(now),
                _ if matches!(io, Io::Read | Io::Drain) => self.ws.handle_read(0, now),
                _ => self.ws.handle_write_error(&mut self.tx),
            },
        }
        Ok(true)
    }
}
