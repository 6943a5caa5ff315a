//! A [`Session`] over a transport of tokio: it does what the session asks of the transport, and
//! nothing else.

use std::io::{self, ErrorKind};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::select;
use tokio::time::{Instant, sleep_until, timeout};
use websans::{
    ClientHandshake, CloseCode, CloseFrame, Config, HandshakeError, Io, RecvBuf, SendBuf,
    ServerHandshake, Session, SessionError, SessionEvent,
};
use websans_cli::command_line::Failure;
use websans_cli::connect;
use websans_cli::transport::Transport;

use crate::options::{PATIENCE, Target};

/// How long the way to the server may take: its name, TCP, a proxy, TLS.
const CONNECT_DEADLINE: Duration = Duration::from_secs(8);

/// How much of a refusal's body is shown.
const MAX_BODY: usize = 4096;

pub(crate) struct Link<T> {
    pub(crate) ws: Session,
    pub(crate) rx: RecvBuf,
    pub(crate) tx: SendBuf,
    from: ReadHalf<T>,
    to: WriteHalf<T>,
    start: Instant,
    /// What was wrong with the transport, if it broke.
    pub(crate) broken: Option<io::Error>,
}

enum Done {
    Read(io::Result<usize>),
    Wrote(io::Result<usize>),
    Flushed(io::Result<()>),
    ShutDown(io::Result<()>),
    TimedOut,
}

impl<T: Transport> Link<T> {
    pub(crate) fn server(transport: T, config: Config) -> Self {
        let ws = Session::server(ServerHandshake::new(config), Duration::ZERO);
        Self::new(transport, ws, SendBuf::new())
    }

    fn new(transport: T, ws: Session, tx: SendBuf) -> Self {
        let (from, to) = tokio::io::split(transport);
        let start = Instant::now();
        Self { ws, rx: RecvBuf::new(), tx, from, to, start, broken: None }
    }

    /// Does the next thing with the transport, once all events have been taken; `false` when the
    /// session is over. A caller that has no room for what would come says that it is not `reading`.
    ///
    /// It may be dropped at any await: nothing is lost.
    pub(crate) async fn step(&mut self, reading: bool) -> bool {
        let now = self.start.elapsed();
        let io = self.ws.next_io(&self.tx, now);
        let may_read = reading && self.ws.wants_read();
        let timer = self.ws.next_timeout().map(|at| self.start + at);
        let timed_out = async {
            match timer {
                Some(at) if reading => sleep_until(at).await,
                // What has come counts, and it has not been looked at.
                _ => std::future::pending().await,
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
            Io::Read if reading => select! {
                n = self.from.read(self.rx.spare_mut()) => Done::Read(n),
                () = timed_out => Done::TimedOut,
            },
            Io::Read => std::future::pending().await,
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
        self.report(done);
        true
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
    pub(crate) fn failure(&mut self, error: SessionError) -> Failure {
        match self.broken.take() {
            Some(broken) => format!("the connection broke: {broken}").into(),
            None => error.into(),
        }
    }

    /// Ends a session from which nothing more is wanted: what waits is written, and the transport
    /// is closed such that it arrives.
    pub(crate) async fn end(&mut self) {
        loop {
            while let Ok(Some(_)) = self.ws.next_event(&mut self.rx, &mut self.tx) {}
            if !self.step(true).await {
                return;
            }
        }
    }
}

/// Opens a connection to the server.
pub(crate) async fn open(target: &Target) -> Result<Link<Box<dyn Transport>>, Failure> {
    let opened = connect::open(target.request.uri(), target.proxy.as_ref(), &target.tls);
    let opened = timeout(CONNECT_DEADLINE, opened).await;
    let transport = opened
        .map_err(|_| format!("no connection to the server within {CONNECT_DEADLINE:?}"))??;
    let mut tx = SendBuf::new();
    let handshake = ClientHandshake::new(&target.request, target.config, &mut tx)?;
    let mut link = Link::new(transport, Session::client(handshake, Duration::ZERO), tx);
    loop {
        match link.ws.next_event(&mut link.rx, &mut link.tx) {
            Ok(Some(SessionEvent::Accepted(response))) => {
                let subprotocol = response.subprotocol().map(str::to_owned);
                report_opened(target, subprotocol.as_deref(), &link.ws);
                return Ok(link);
            }
            Ok(Some(SessionEvent::Refused(response))) => {
                let location = match response.status() {
                    300..=399 => response.header("Location"),
                    _ => None,
                };
                let refused = Refused {
                    status: response.status(),
                    reason: response.reason().to_owned(),
                    location: location.map(|to| String::from_utf8_lossy(to).into_owned()),
                    body: response.body().to_vec(),
                };
                link.end().await;
                return Err(refused.into());
            }
            Ok(Some(_) | None) => {}
            Err(error) => {
                let failure = match error {
                    SessionError::Handshake(HandshakeError::Timeout) => {
                        format!("the server has not answered within {PATIENCE:?}").into()
                    }
                    error => link.failure(error),
                };
                link.end().await;
                return Err(failure);
            }
        }
        if !link.step(true).await {
            return Err("the connection ended before it was open".into());
        }
    }
}

fn report_opened(target: &Target, subprotocol: Option<&str>, ws: &Session) {
    if !target.verbose {
        return;
    }
    let subprotocol = subprotocol.map_or(String::new(), |name| format!(", subprotocol {name}"));
    let deflate = ws.connection().and_then(websans::Connection::permessage_deflate);
    let deflate = if deflate.is_some() { ", permessage-deflate" } else { "" };
    crate::stdio::tell(&format!("connected to {}{subprotocol}{deflate}", target.request.uri()));
}

/// What the server's close frame means for the exit status.
pub(crate) fn judge(code: Option<CloseCode>, reason: &str) -> Result<(), Failure> {
    match code {
        None | Some(CloseCode::NORMAL_CLOSURE) => Ok(()),
        Some(_) => Err(format!("the server closed with {}", closed(code, reason)).into()),
    }
}

/// A close code and a reason as they are shown.
pub(crate) fn closed(code: Option<CloseCode>, reason: &str) -> String {
    match code {
        None => "no code".to_owned(),
        Some(code) if reason.is_empty() => code.to_string(),
        Some(code) => format!("{code}: {reason:?}"),
    }
}

/// The close frame, as its own.
pub(crate) fn owned(frame: &CloseFrame<'_>) -> (Option<CloseCode>, String) {
    (frame.code, frame.reason.to_owned())
}

/// The server answered the opening handshake with something else than 101.
#[derive(Debug)]
pub(crate) struct Refused {
    status: u16,
    reason: String,
    location: Option<String>,
    body: Vec<u8>,
}

impl Refused {
    /// Shows the body on standard error, as far as it is text.
    pub(crate) fn show_body(&self) {
        let shown = self.body.get(..MAX_BODY).unwrap_or(&self.body);
        let text = String::from_utf8_lossy(shown);
        let text = text.trim_end();
        if !text.is_empty() {
            crate::stdio::tell(&crate::stdio::printable(text));
        }
        if shown.len() < self.body.len() {
            crate::stdio::tell(&format!("… {} bytes in all", self.body.len()));
        }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the server refused with status {} {}", self.status, self.reason)?;
        match &self.location {
            Some(location) => write!(f, ": see {location}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Refused {}
