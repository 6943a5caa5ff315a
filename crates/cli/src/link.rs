//! A [`Session`] over a transport of tokio: it does what the session asks of the transport, and
//! nothing else.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::select;
use tokio::time::{Instant, sleep_until, timeout};
use websans::{
    Config, Connection, Deadlines, Io, RecvBuf, SendBuf, ServerHandshake, Session, SessionError,
};

use crate::command_line::Failure;
use crate::transport::Transport;

/// How much may lie unread in the buffer when the transport is read only to see whether the peer
/// lives.
const MAX_UNREAD: usize = 64 << 10;

/// One connection: its session, the bytes to and from it, and its transport.
pub struct Link<T> {
    /// The session.
    pub ws: Session,
    /// What has come.
    pub rx: RecvBuf,
    /// What waits to be written.
    pub tx: SendBuf,
    from: ReadHalf<T>,
    to: WriteHalf<T>,
    start: Instant,
    /// What was wrong with the transport, if it broke.
    pub broken: Option<io::Error>,
}

enum Done {
    Read(io::Result<usize>),
    Wrote(io::Result<usize>),
    Flushed(io::Result<()>),
    ShutDown(io::Result<()>),
    TimedOut,
}

impl<T: Transport> Link<T> {
    /// A server's, from the opening handshake on.
    pub fn server(transport: T, config: Config) -> Self {
        let ws = Session::server(ServerHandshake::new(config), Duration::ZERO);
        Self::new(transport, ws, SendBuf::new())
    }

    /// Of a connection whose opening handshake was made elsewhere.
    pub fn open(transport: T, connection: Connection) -> Self {
        let ws = Session::open(connection, Deadlines::default(), Duration::ZERO);
        Self::new(transport, ws, SendBuf::new())
    }

    /// `ws` begins at the time zero; `tx` holds what it has queued.
    pub fn new(transport: T, ws: Session, tx: SendBuf) -> Self {
        let (from, to) = tokio::io::split(transport);
        let start = Instant::now();
        Self { ws, rx: RecvBuf::new(), tx, from, to, start, broken: None }
    }

    /// Does the next thing with the transport, once all events have been taken; `false` when the
    /// session is over. A caller that has no room for what would come says that it is not
    /// `reading`. Then it is read only when a deadline has come, for what has come until then counts.
    ///
    /// It may be dropped at any await: nothing is lost.
    pub async fn step(&mut self, reading: bool) -> bool {
        let now = self.start.elapsed();
        let io = self.ws.next_io(&self.tx, now);
        let may_read = reading && self.ws.wants_read();
        // Behind what lies unread may be what would put a deadline off.
        let is_blind = io == Io::Read && !reading && self.rx.len() >= MAX_UNREAD;
        let timer = self.ws.next_timeout().filter(|_| !is_blind).map(|at| self.start + at);
        let timed_out = async {
            match timer {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let mut nowhere = [0; 4096];
        let done = match io {
            Io::Write => select! {
                n = self.to.write(self.tx.as_slice()) => Done::Wrote(n),
                n = self.from.read(self.rx.spare_mut()), if may_read => Done::Read(n),
                () = timed_out => Done::TimedOut,
            },
            Io::Flush => select! {
                flushed = self.to.flush() => Done::Flushed(flushed),
                n = self.from.read(self.rx.spare_mut()), if may_read => Done::Read(n),
                () = timed_out => Done::TimedOut,
            },
            Io::Read => select! {
                n = self.from.read(self.rx.spare_mut()), if may_read => Done::Read(n),
                () = timed_out => Done::TimedOut,
            },
            Io::ShutDown => select! {
                shut_down = self.to.shutdown() => Done::ShutDown(shut_down),
                () = timed_out => Done::TimedOut,
            },
            Io::Drain => select! {
                n = self.from.read(&mut nowhere) => {
                    self.ws.handle_read(n.unwrap_or(0), self.start.elapsed());
                    return true;
                }
                () = timed_out => Done::TimedOut,
            },
            Io::Close => return false,
        };
        let done = match done {
            Done::TimedOut if io == Io::Read && !may_read => self.look().await,
            done => done,
        };
        self.report(done);
        true
    }

    /// Reads what has come until now, where nothing was read before.
    async fn look(&mut self) -> Done {
        if !self.ws.wants_read() || self.rx.len() >= MAX_UNREAD {
            return Done::TimedOut;
        }
        let read = timeout(Duration::ZERO, self.from.read(self.rx.spare_mut())).await;
        read.map_or(Done::TimedOut, Done::Read)
    }

    fn report(&mut self, done: Done) {
        let now = self.start.elapsed();
        let failed = match done {
            Done::Read(Ok(n)) => {
                self.rx.advance(n);
                return self.ws.handle_read(n, now);
            }
            Done::Read(Err(error)) => {
                self.broken.get_or_insert(error);
                return self.ws.handle_read(0, now);
            }
            Done::Wrote(Ok(0)) => ErrorKind::WriteZero.into(),
            Done::Wrote(Ok(n)) => {
                self.tx.consume(n);
                return self.ws.handle_written(n, now);
            }
            Done::Flushed(Ok(())) => return self.ws.handle_flushed(now),
            Done::ShutDown(Ok(())) => return self.ws.handle_shut_down(),
            Done::TimedOut => return self.ws.handle_timeout(now),
            Done::Wrote(Err(error)) | Done::Flushed(Err(error)) | Done::ShutDown(Err(error)) => {
                error
            }
        };
        self.broken.get_or_insert(failed);
        self.ws.handle_write_error(&mut self.tx);
    }

    /// Why the connection has failed: what the transport says explains more than that it ended.
    pub fn failure(&mut self, error: SessionError) -> Failure {
        match self.broken.take() {
            Some(broken) => format!("the connection broke: {broken}").into(),
            None => error.into(),
        }
    }

    /// Ends a session from which nothing more is wanted: what waits is written, and the transport
    /// is closed such that it arrives.
    pub async fn end(&mut self) {
        loop {
            while let Ok(Some(_)) = self.ws.next_event(&mut self.rx, &mut self.tx) {}
            if !self.step(true).await {
                return;
            }
        }
    }
}
