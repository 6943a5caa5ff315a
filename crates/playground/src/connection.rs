//! One connection: a socket, its session, and what is kept for it.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::Shutdown;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::time::Duration;

use mio::net::TcpStream;
use websans::{
    Config, Deadlines, Io, PermessageDeflate, RecvBuf, SendBuf, ServerHandshake, Session,
};

use crate::figures::Moved;
use crate::frames::Tap;

/// What a connection asks for, before it is a WebSocket.
pub(crate) enum Http {
    /// The head of a request is coming.
    Head(Vec<u8>),
    /// The session has the request, and will refuse it. This page is what the client gets instead.
    Asked(Rc<[u8]>),
    /// A page, and how much of it was written.
    Page { bytes: Rc<[u8]>, written: usize },
    /// The session has the request.
    Done,
}

/// Names a page in a browser: a number that the page has drawn at random, and that no other page
/// knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Page(NonZeroU64);

impl Page {
    /// Finds it in the query of a request, as in `page=0123456789abcdef`.
    pub(crate) fn of(query: &str) -> Option<Self> {
        let digits = query.split('&').find_map(|field| field.strip_prefix("page="))?;
        NonZeroU64::new(u64::from_str_radix(digits, 16).ok()?).map(Self)
    }
}

/// A connection that belongs to a page.
#[derive(Clone, Copy)]
pub(crate) struct OfPage {
    pub(crate) page: Page,
    /// The path of its service.
    pub(crate) path: &'static str,
}

/// What came of trying to do what the session wants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Something was done, and there may be more.
    Some,
    /// The socket can do no more now.
    Blocked,
    /// The session is over.
    Over,
}

/// A connection has buffers of its own only while they hold something: an incomplete message, or
/// bytes that the socket did not take.
pub(crate) struct Peer {
    pub(crate) socket: TcpStream,
    pub(crate) ws: Session,
    pub(crate) http: Http,
    /// The index of the service that is to be told when the peer goes.
    pub(crate) service: Option<usize>,
    /// The page that it belongs to, if it has said so.
    pub(crate) page: Option<Box<OfPage>>,
    /// It reports figures, and does not count in them.
    pub(crate) reports: bool,
    /// Only while its page watches.
    pub(crate) tap: Option<Box<Tap>>,
    /// How many bytes its socket has moved since that was last counted.
    moved: Moved,
    /// It is to be removed without a word.
    pub(crate) is_aborted: bool,
    pub(crate) rx: Option<Box<RecvBuf>>,
    pub(crate) tx: Option<Box<SendBuf>>,
    /// How much memory its buffers had when that was last counted.
    pub(crate) counted: usize,
}

impl Peer {
    pub(crate) fn new(socket: TcpStream, now: Duration) -> Self {
        Self {
            socket,
            ws: Session::server(ServerHandshake::new(config()), now),
            http: Http::Head(Vec::new()),
            service: None,
            page: None,
            reports: false,
            tap: None,
            moved: Moved::default(),
            is_aborted: false,
            rx: None,
            tx: None,
            counted: 0,
        }
    }

    /// Takes how much its socket has moved, to be counted.
    pub(crate) fn take_moved(&mut self) -> Moved {
        let moved = mem::take(&mut self.moved);
        if self.reports { Moved::default() } else { moved }
    }

    /// How much memory its buffers have.
    pub(crate) fn memory(&self) -> usize {
        let head = if let Http::Head(head) = &self.http { head.capacity() } else { 0 };
        let rx = self.rx.as_ref().map_or(0, |rx| rx.capacity());
        let tap = self.tap.as_ref().map_or(0, |tap| tap.memory());
        head + rx + tap + self.tx.as_ref().map_or(0, |tx| tx.capacity())
    }

    /// Does what the session wants of the socket; `tx` holds what waits for it.
    pub(crate) fn perform(
        &mut self,
        io: Io,
        rx: &mut RecvBuf,
        tx: &mut SendBuf,
        now: Duration,
    ) -> Progress {
        match io {
            Io::Write => self.write(tx, now),
            Io::Flush => self.flush(tx, now),
            Io::Read => match self.read_into(rx) {
                Ok(n) => self.read(n, now),
                Err(error) => self.unread(&error, now),
            },
            Io::Drain => match self.socket.read(rx.spare_mut()) {
                Ok(n) => self.read(n, now),
                Err(error) => self.unread(&error, now),
            },
            Io::ShutDown => match self.socket.shutdown(Shutdown::Write) {
                Ok(()) => {
                    self.ws.handle_shut_down();
                    Progress::Some
                }
                Err(_) => self.lose_writing(tx),
            },
            Io::Close => Progress::Over,
        }
    }

    fn read_into(&mut self, rx: &mut RecvBuf) -> io::Result<usize> {
        let Some(tap) = &mut self.tap else { return rx.read_from(&mut self.socket) };
        tap.find_boundary(rx);
        let n = rx.read_from(&mut self.socket)?;
        let unread = rx.unread();
        tap.read(unread.get(unread.len().saturating_sub(n)..).unwrap_or_default());
        Ok(n)
    }

    /// The socket was read.
    pub(crate) fn read(&mut self, n: usize, now: Duration) -> Progress {
        self.moved.received(n);
        self.ws.handle_read(n, now);
        Progress::Some
    }

    /// Reading has failed.
    pub(crate) fn unread(&mut self, error: &io::Error, now: Duration) -> Progress {
        match error.kind() {
            ErrorKind::WouldBlock => Progress::Blocked,
            ErrorKind::Interrupted => Progress::Some,
            _ => self.read(0, now),
        }
    }

    /// Writes as much as the socket takes.
    pub(crate) fn write(&mut self, tx: &mut SendBuf, now: Duration) -> Progress {
        while !tx.is_empty() {
            match self.socket.write(tx.as_slice()) {
                Ok(n) => {
                    self.moved.sent(n);
                    if let Some(tap) = &mut self.tap {
                        tap.wrote(tx.as_slice().get(..n).unwrap_or_default(), &self.ws);
                    }
                    tx.consume(n);
                    self.ws.handle_written(n, now);
                }
                Err(error) => return self.unwritten(&error, tx, now),
            }
        }
        if let Http::Page { .. } = self.http {
            return self.flush(tx, now);
        }
        self.ws.handle_flushed(now); // TCP has nothing to flush
        Progress::Some
    }

    /// Puts the page in the place of what the session has said. The session takes it for what the
    /// transport has not passed on yet, and so it ends the connection behind it.
    pub(crate) fn show_page(&mut self, tx: &mut SendBuf, now: Duration) {
        if let Http::Asked(bytes) = &self.http {
            self.http = Http::Page { bytes: Rc::clone(bytes), written: 0 };
            tx.clear();
            self.ws.handle_written(1, now);
        }
    }

    /// A page is what has not been passed on.
    fn flush(&mut self, tx: &mut SendBuf, now: Duration) -> Progress {
        while let Http::Page { bytes, written } = &mut self.http
            && let Some(rest @ [_, ..]) = bytes.get(*written..)
        {
            match self.socket.write(rest) {
                Ok(n) => {
                    *written += n;
                    self.moved.sent(n);
                }
                Err(error) => return self.unwritten(&error, tx, now),
            }
        }
        self.ws.handle_flushed(now);
        Progress::Some
    }

    fn unwritten(&mut self, error: &io::Error, tx: &mut SendBuf, now: Duration) -> Progress {
        match error.kind() {
            ErrorKind::WouldBlock => {
                self.ws.handle_written(0, now);
                Progress::Blocked
            }
            ErrorKind::Interrupted => Progress::Some,
            _ => self.lose_writing(tx),
        }
    }

    fn lose_writing(&mut self, tx: &mut SendBuf) -> Progress {
        self.ws.handle_write_error(tx);
        Progress::Some
    }
}

/// Each connection takes as little memory as possible: without takeover of contexts, all connections
/// share the contexts of the event loop's two buffers.
fn config() -> Config {
    // A page has no reason to take long over closing.
    let deadlines = Deadlines::default().close(Duration::from_secs(3));
    let deflate = PermessageDeflate::default()
        .server_no_context_takeover(true)
        .client_no_context_takeover(true)
        .server_max_window_bits(12)
        .mem_level(5);
    Config::default()
        .deadlines(deadlines)
        .max_queued(256 << 10)
        .max_queued_replies(64 << 10)
        .permessage_deflate(deflate)
}
