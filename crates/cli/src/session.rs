//! One connection, from TCP to its end: a loop that sends what the input brings, prints what the
//! server sends, and waits for both, for the transport and for the clock at once.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::select;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use websans::{
    ClientHandshake, CloseCode, CloseFrame, Connection, Event, Keepalive, KeepaliveConfig,
    KeepaliveTimeout, RecvBuf, SendBuf, SendError,
};
use websans_cli::command_line::Failure;
use websans_cli::connect;
use websans_cli::transport::{self, Transport, drain};

use crate::Final;
use crate::arguments::Options;
use crate::stdio::{Input, Item, Output};

/// How long the way to the server and the opening handshake may take together.
const OPENING_DEADLINE: Duration = Duration::from_secs(8);

/// How long the server may take to answer our close frame.
const CLOSE_DEADLINE: Duration = Duration::from_secs(8);

/// How long to wait, once the outcome is certain, for our last bytes to be written and for the
/// server to close TCP.
const LINGER: Duration = Duration::from_secs(1);

/// From how many bytes on in our buffer the input is not read.
const MAX_QUEUED: u64 = 64 << 10;

/// Opens a connection, and ends with it: an error, unless it ends as it should.
pub(crate) async fn run(
    options: &Options,
    input: &mut Input,
    output: &Output,
) -> Result<(), Failure> {
    let (ws, rx, transport) = open(options, Instant::now() + OPENING_DEADLINE).await?;
    let (from, to) = tokio::io::split(transport);
    let config = KeepaliveConfig {
        ping_interval: options.ping_interval,
        pong: options.ping_interval,
        message: None,
        close: None,
        handshake: None,
    };
    let mut keepalive = Keepalive::new(config, Duration::ZERO);
    keepalive.handle_open(Duration::ZERO);
    let mut session = Session {
        ws,
        rx,
        tx: SendBuf::new(),
        from,
        to,
        unflushed: false,
        start: Instant::now(),
        keepalive,
        patience: None,
        eof: false,
    };
    let result = session.converse(input, output).await;
    // The close frame that answers the server's, or tells it what it did wrong.
    let _ = timeout(LINGER, session.close()).await;
    match result {
        // There is nothing more to send over another one.
        Err(failure) if session.patience.is_some() => Err(Final(failure.to_string()).into()),
        result => result,
    }
}

async fn open(
    options: &Options,
    deadline: Instant,
) -> Result<(Connection, RecvBuf, Box<dyn Transport>), Failure> {
    let too_late = || format!("the server has not answered within {OPENING_DEADLINE:?}");
    let opened = connect::open(options.request.uri(), options.proxy.as_ref(), &options.tls);
    let mut transport = timeout_at(deadline, opened).await.map_err(|_| too_late())??;
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut handshake = ClientHandshake::new(&options.request, options.config, &mut tx)?;
    let written =
        timeout_at(deadline, websans_cli::transport::write(&mut transport, &mut tx)).await;
    written.map_err(|_| too_late())?.map_err(|error| broken(&error))?;
    let response = loop {
        if let Some(response) = handshake.next_response(&mut rx)? {
            break response;
        }
        match timeout_at(deadline, transport.read(rx.spare_mut())).await {
            Ok(Ok(0)) => handshake.handle_eof(),
            Ok(n) => rx.advance(n.map_err(|error| broken(&error))?),
            // A refusal of which only the rest of the body is missing says more than the clock.
            Err(_) => {
                handshake.handle_eof();
                let rest = handshake.next_response(&mut rx).map_err(|_| too_late())?;
                break rest.ok_or_else(too_late)?;
            }
        }
    };
    let location = match response.status() {
        300..=399 => response.header("Location"),
        _ => None,
    };
    let location = location.map(|to| format!(": see {}", String::from_utf8_lossy(to)));
    match response.into_connection() {
        Ok(ws) => Ok((ws, rx, transport)),
        Err(error) => Err(format!("{error}{}", location.unwrap_or_default()).into()),
    }
}

struct Session {
    ws: Connection,
    rx: RecvBuf,
    tx: SendBuf,
    from: ReadHalf<Box<dyn Transport>>,
    to: WriteHalf<Box<dyn Transport>>,
    /// TLS may hold back some of what it was given.
    unflushed: bool,
    start: Instant,
    keepalive: Keepalive,
    /// Once our close frame is queued: until when the server may take to answer it.
    patience: Option<Instant>,
    eof: bool,
}

/// What has arrived.
enum Arrived {
    Message(Vec<u8>),
    End(Result<(), Failure>),
    Nothing,
}

impl Session {
    /// Nothing in it waits for only one thing: a server that does not read is still read from, and
    /// one whose messages are not printed yet is still written to.
    async fn converse(&mut self, input: &mut Input, output: &Output) -> Result<(), Failure> {
        let mut interrupted = std::pin::pin!(transport::ctrl_c());
        let far = self.start + Duration::from_secs(1 << 30);
        // A message that there is no room for yet, and since when.
        let mut unprinted: Option<(Vec<u8>, Instant)> = None;
        loop {
            if unprinted.is_none() {
                match self.arrived(output)? {
                    Arrived::Message(message) => unprinted = Some((message, Instant::now())),
                    Arrived::End(result) => return result,
                    Arrived::Nothing if self.eof => {
                        self.ws.handle_eof();
                        return Ok(self.ws.next_event(&mut self.rx, &mut self.tx).map(drop)?);
                    }
                    Arrived::Nothing => {}
                }
            }
            let (open, reading) = (self.patience.is_none(), unprinted.is_none());
            let unsent = !self.tx.is_empty();
            let timer = self.keepalive.next_timeout().map_or(far, |at| self.start + at);
            select! {
                room = output.room(), if !reading => {
                    let room = room.map_err(|_| Final("cannot print".into()))?;
                    if let Some((message, since)) = unprinted.take() {
                        room.send(message);
                        // The server cannot help that.
                        self.patience = self.patience.map(|until| until + since.elapsed());
                        self.keepalive.handle_received(self.start.elapsed());
                    }
                }
                n = self.from.read(self.rx.spare_mut()), if reading => {
                    let n = n.map_err(|error| broken(&error))?;
                    self.rx.advance(n);
                    self.eof = n == 0;
                    self.keepalive.handle_received(self.start.elapsed());
                }
                n = write_or_flush(&mut self.to, self.tx.as_slice()), if unsent || self.unflushed => {
                    self.tx.consume(n.map_err(|error| broken(&error))?);
                    self.unflushed = unsent;
                    // A server that takes what we have sent is on its way to our close frame.
                    self.patience = self.patience.map(|_| Instant::now() + CLOSE_DEADLINE);
                }
                item = input.next(), if open && self.tx.len() < MAX_QUEUED => match item {
                    Some(Item::Text(text)) => self.ws.send_text(&text, &mut self.tx)?,
                    Some(Item::Binary(data)) => self.ws.send_binary(&data, &mut self.tx)?,
                    None => self.begin_close(CloseCode::NORMAL_CLOSURE)?,
                },
                result = &mut interrupted, if open => {
                    result?;
                    self.begin_close(CloseCode::GOING_AWAY)?;
                }
                () = sleep_until(timer), if reading => self.handle_timeout()?,
                () = sleep_until(self.patience.unwrap_or(far)), if reading => {
                    return Err(format!("the server has not closed within {CLOSE_DEADLINE:?}").into());
                }
            }
        }
    }

    /// The next message to print, or how the connection has ended.
    fn arrived(&mut self, output: &Output) -> Result<Arrived, Failure> {
        while let Some(event) = self.ws.next_event(&mut self.rx, &mut self.tx)? {
            return Ok(match event {
                Event::Text(text) => Arrived::Message(Vec::from(text)),
                Event::Binary(_) if output.is_binary() => Arrived::Message(self.rx.take_binary()),
                Event::Binary(_) | Event::Ping(_) | Event::Pong(_) => continue,
                Event::Close(frame) => Arrived::End(judge(&frame)),
            });
        }
        Ok(Arrived::Nothing)
    }

    fn begin_close(&mut self, code: CloseCode) -> Result<(), Failure> {
        self.ws.close(code, "", &mut self.tx)?;
        self.keepalive.handle_close(self.start.elapsed());
        self.patience = Some(Instant::now() + CLOSE_DEADLINE);
        Ok(())
    }

    fn handle_timeout(&mut self) -> Result<(), Failure> {
        match self.keepalive.handle_timeout(self.start.elapsed()) {
            None => Ok(()),
            Some(KeepaliveTimeout::Ping) => match self.ws.send_ping(b"", &mut self.tx) {
                // If nothing comes in time, it does not matter what it would have answered.
                Ok(()) | Err(SendError::Full { .. }) => Ok(()),
                Err(error) => Err(error.into()),
            },
            Some(_) => Err("the server has not answered a ping".into()),
        }
    }

    /// Writes what waits and closes TCP. It is for the server to close it first (RFC 6455 §7.1.1);
    /// and to close it while something that has come is unread would reset it, and might cost the
    /// server our last bytes.
    async fn close(&mut self) -> io::Result<()> {
        websans_cli::transport::write(&mut self.to, &mut self.tx).await?;
        self.to.shutdown().await?;
        drain(&mut self.from).await
    }
}

/// Writes some of what waits, or flushes where nothing does: only one of the two, so that nothing
/// is lost where something else comes first.
async fn write_or_flush(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() { to.flush().await.map(|()| 0) } else { to.write(bytes).await }
}

fn judge(frame: &CloseFrame<'_>) -> Result<(), Failure> {
    match frame.code {
        None | Some(CloseCode::NORMAL_CLOSURE) => Ok(()),
        Some(code) => Err(format!("the server closed with {code}: {:?}", frame.reason).into()),
    }
}

fn broken(error: &io::Error) -> Failure {
    format!("the connection broke: {error}").into()
}
