//! Sessions on a readiness API: mio, and so epoll, kqueue and the like. A connection that is idle
//! has no buffers: it borrows the pair of the event loop.

use std::io::{ErrorKind, Write};
use std::{mem, net::Shutdown, time::Duration};

use mio::net::TcpStream;
use websans::{Io, RecvBuf, SendBuf, Session, SessionEvent};

/// While so much waits to be written no more events are taken.
const BACKLOG: u64 = 64 << 10;

/// The buffers of an event loop.
#[derive(Default)]
pub(crate) struct Buffers {
    rx: RecvBuf,
    tx: SendBuf,
}

/// One connection.
pub(crate) struct Peer {
    pub(crate) ws: Session,
    pub(crate) socket: TcpStream,
    /// Its own buffers, while part of a message has come, or while its socket is full.
    rx: Option<Box<RecvBuf>>,
    tx: Option<Box<SendBuf>>,
}

impl Peer {
    /// `tx` holds what the session has queued, if it has.
    pub(crate) fn new(socket: TcpStream, ws: Session, tx: Option<Box<SendBuf>>) -> Self {
        Self { ws, socket, rx: None, tx }
    }

    /// Goes on until the socket can do no more: `false` when the session is over. To be called when
    /// the socket is ready for anything, when [`Session::next_timeout`] has come, and after
    /// something was sent.
    pub(crate) fn drive(
        &mut self,
        buffers: &mut Buffers,
        now: Duration,
        mut handle: impl FnMut(&mut Session, SessionEvent<'_>, &mut SendBuf),
    ) -> bool {
        let mut rx = self.rx.take().map_or_else(|| mem::take(&mut buffers.rx), |own| *own);
        let mut tx = self.tx.take().map_or_else(|| mem::take(&mut buffers.tx), |own| *own);
        let mut is_late = self.ws.next_timeout().is_some_and(|at| at <= now);
        let goes_on = loop {
            // After an error the session says how to go on to the end.
            while tx.len() < BACKLOG
                && let Ok(Some(event)) = self.ws.next_event(&mut rx, &mut tx)
            {
                handle(&mut self.ws, event, &mut tx);
            }
            let io = self.ws.next_io(&tx, now);
            let done = match io {
                Io::Read | Io::Drain => rx.read_from(&mut self.socket),
                Io::Write => self.socket.write(tx.as_slice()),
                Io::Flush => Ok(0), // TCP has nothing to flush
                Io::ShutDown => self.socket.shutdown(Shutdown::Write).map(|()| 0),
                Io::Close => break false,
            };
            match (done, io) {
                (Ok(n), Io::Read | Io::Drain) => self.ws.handle_read(n, now),
                (Ok(n), Io::Write) => {
                    tx.consume(n);
                    self.ws.handle_written(n, now);
                }
                (Ok(_), Io::Flush) => self.ws.handle_flushed(now),
                (Ok(_), _) => self.ws.handle_shut_down(),
                (Err(error), _) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    // What has come until now has been counted; then the time is.
                    ErrorKind::WouldBlock if mem::take(&mut is_late) => self.ws.handle_timeout(now),
                    ErrorKind::WouldBlock => break true,
                    _ if matches!(io, Io::Read | Io::Drain) => self.ws.handle_read(0, now),
                    _ => self.ws.handle_write_error(&mut tx),
                },
            }
        };
        match rx.is_empty() {
            true => buffers.rx = rx,
            false => self.rx = Some(Box::new(rx)),
        }
        match tx.is_empty() {
            true => buffers.tx = tx,
            false => self.tx = Some(Box::new(tx)),
        }
        goes_on
    }
}
