//! Two tasks drive a connection: one reads, one writes, and neither waits for the other. What the
//! peer sends comes out of a `Stream`; what goes into a `Sink` is sent to it.
//!
//! ```text
//!              ┌─ reading task: Reader, RecvBuf ──── messages ───► Incoming (Stream)
//!  transport ──┤         │ Reply: a bounded channel
//!              │         ▼
//!              └─ writing task: Writer, SendBuf ◄─── messages ──── Outgoing (Sink)
//! ```
//!
//! The peer's close frame is answered when the `Sink` has been dropped, so that what the application
//! has still to say to what came before it is said.
//!
//! Every channel is bounded. Whoever does not take its messages is not read from; a peer that does
//! not read is written to no more, and then dropped.

use std::future::{pending, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_util::{Sink, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::select;
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, PollSender};
use websans::{
    CloseCode, Connection, Event, Keepalive, KeepaliveConfig, KeepaliveTimeout, MAX_REASON_LEN,
    Reader, RecvBuf, Reply, SendBuf, SendError, Writer,
};
use websans_cli::transport::{LINGER, Transport, WRITE_DEADLINE, drain, write};

/// How long the application may go on when the peer has closed.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How many messages may wait in each direction.
const WAITING: usize = 4;

/// How many replies may wait.
const REPLIES: usize = 16;

/// From how many bytes on what waits is written, before more is taken.
const BATCH: u64 = 64 << 10;

/// A message, as the application's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
}

/// What the peer sends. It ends with the peer's close frame, or with the connection. When it is
/// dropped, messages are received all the same, and thrown away.
#[derive(Debug)]
pub struct Incoming(mpsc::Receiver<Message>);

/// What is sent to the peer. To drop it closes the connection with 1000, or as the peer has, once
/// [`Incoming`] has ended.
#[derive(Debug)]
pub struct Outgoing(PollSender<Order>);

/// What the application asks the writing task for.
#[derive(Debug)]
enum Order {
    Send(Message),
    Close(CloseCode, String),
}

/// The connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended;

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection has ended")
    }
}

impl std::error::Error for Ended {}

/// Starts the two tasks. `stop` closes the connection with 1001. The third result ends when both
/// tasks have, and the transport is closed.
pub fn spawn(
    transport: impl Transport + 'static,
    (ws, rx, tx): (Connection, RecvBuf, SendBuf),
    stop: CancellationToken,
) -> (Incoming, Outgoing, impl Future<Output = io::Result<()>>) {
    let (from, to) = tokio::io::split(transport);
    let (reader, writer) = ws.split();
    let (messages, incoming) = mpsc::channel(WAITING);
    let (outgoing, orders) = mpsc::channel(WAITING);
    let (obligations, obliged) = mpsc::channel(REPLIES);
    let closing = CancellationToken::new();
    let reading = Reading {
        from,
        ws: reader,
        rx,
        messages: Some(messages),
        obligations,
        closing: closing.clone(),
        is_closing: false,
        start: Instant::now(),
        keepalive: Keepalive::new(KeepaliveConfig::default(), Duration::ZERO),
    };
    let (orders, obliged) = (Some(orders), Some(obliged));
    let writing = Writing { to, ws: writer, tx, orders, obliged, close: None, closing, stop };
    let (reading, writing) = (tokio::spawn(reading.run()), tokio::spawn(writing.run()));
    let ended = async move {
        let (read, written) = (reading.await?, writing.await?);
        read.and(written)
    };
    (Incoming(incoming), Outgoing(PollSender::new(outgoing)), ended)
}

impl Stream for Incoming {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.0.poll_recv(cx)
    }
}

impl Outgoing {
    /// Sends a close frame, after what has been sent before it; of the reason as much as fits.
    pub async fn close_with(mut self, code: CloseCode, reason: &str) -> Result<(), Ended> {
        let ends = reason.char_indices().map(|(at, character)| at + character.len_utf8());
        let end = ends.take_while(|end| *end <= MAX_REASON_LEN).last().unwrap_or(0);
        let reason = reason.get(..end).unwrap_or_default().to_owned();
        poll_fn(|cx| self.0.poll_reserve(cx)).await.map_err(|_| Ended)?;
        self.0.send_item(Order::Close(code, reason)).map_err(|_| Ended)
    }
}

impl Sink<Message> for Outgoing {
    type Error = Ended;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        Poll::Ready(ready!(self.0.poll_reserve(cx)).map_err(|_| Ended))
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Ended> {
        self.0.send_item(Order::Send(message)).map_err(|_| Ended)
    }

    /// The writing task never leaves anything lying about.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        self.0.close();
        Poll::Ready(Ok(()))
    }
}

struct Reading<T> {
    from: ReadHalf<T>,
    ws: Reader,
    rx: RecvBuf,
    messages: Option<mpsc::Sender<Message>>,
    obligations: mpsc::Sender<Reply>,
    /// Our close frame has been queued.
    closing: CancellationToken,
    /// That has been noted.
    is_closing: bool,
    start: Instant,
    keepalive: Keepalive,
}

impl<T: Transport> Reading<T> {
    async fn run(mut self) -> io::Result<()> {
        self.keepalive.handle_open(Duration::ZERO);
        let result = self.read().await;
        self.messages = None;
        // That ends the writing task, too, once it has written what waits.
        drop(self.obligations);
        // To leave something unread would reset the transport, and might cost the peer our last
        // bytes.
        let _ = timeout(LINGER, drain(&mut self.from)).await;
        result
    }

    async fn read(&mut self) -> io::Result<()> {
        loop {
            if self.take_events().await? {
                return Ok(());
            }
            let now = self.start.elapsed();
            self.keepalive.handle_incomplete(!self.rx.is_empty(), now);
            let next =
                self.keepalive.next_timeout().map_or(Duration::MAX, |at| at.saturating_sub(now));
            select! {
                n = self.from.read(self.rx.spare_mut()) => match n? {
                    0 => {
                        self.ws.handle_eof();
                        return self.ws.next_event(&mut self.rx).map(drop).map_err(io::Error::other);
                    }
                    n => {
                        self.rx.advance(n);
                        self.keepalive.handle_received(self.start.elapsed());
                    }
                },
                () = self.closing.cancelled(), if !self.is_closing => {
                    self.is_closing = true;
                    self.keepalive.handle_close(self.start.elapsed());
                }
                () = self.obligations.closed() => return Err(ErrorKind::BrokenPipe.into()),
                () = sleep(next) => match self.keepalive.handle_timeout(self.start.elapsed()) {
                    None => {}
                    Some(KeepaliveTimeout::Ping) => self.oblige(&Reply::ping(b"")).await?,
                    Some(_) => return Err(ErrorKind::TimedOut.into()),
                },
            }
        }
    }

    /// Hands on what has arrived. Whether that was the last.
    async fn take_events(&mut self) -> io::Result<bool> {
        loop {
            let event = match self.ws.next_event(&mut self.rx) {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(false),
                Err(error) => {
                    self.oblige(&error.reply()).await?;
                    return Ok(true);
                }
            };
            let reply = event.reply();
            let message = match event {
                Event::Text(text) => Some(Message::Text(text.to_owned())),
                Event::Binary(_) => Some(Message::Binary(self.rx.take_binary())),
                Event::Ping(_) | Event::Pong(_) | Event::Close(_) => None,
            };
            if let Some(reply) = reply {
                self.oblige(&reply).await?;
            }
            if let Some(message) = message {
                self.keepalive.handle_message(self.start.elapsed());
                if let Some(messages) = &self.messages
                    && messages.send(message).await.is_err()
                {
                    self.messages = None;
                }
            }
            if !self.ws.is_open() {
                return Ok(true);
            }
        }
    }

    async fn oblige(&mut self, reply: &Reply) -> io::Result<()> {
        self.obligations.send(*reply).await.map_err(|_| ErrorKind::BrokenPipe.into())
    }
}

struct Writing<T> {
    to: WriteHalf<T>,
    ws: Writer,
    tx: SendBuf,
    /// `None` when there will be none any more, as also of the next.
    orders: Option<mpsc::Receiver<Order>>,
    obliged: Option<mpsc::Receiver<Reply>>,
    /// What answers the peer's close frame, and until when it may wait.
    close: Option<(Reply, Instant)>,
    closing: CancellationToken,
    stop: CancellationToken,
}

impl<T: Transport> Writing<T> {
    async fn run(mut self) -> io::Result<()> {
        loop {
            write(&mut self.to, &mut self.tx).await?;
            if !self.ws.is_open() {
                (self.orders, self.close) = (None, None);
                self.closing.cancel();
            }
            if self.obliged.is_none() && self.close.is_none() {
                break;
            }
            let last_words = self.close.as_ref().map(|(_, until)| *until);
            select! {
                biased;
                obligation = next(&mut self.obliged) => match obligation {
                    Some(obligation) => self.fulfil(&obligation)?,
                    None => self.obliged = None,
                },
                () = self.stop.cancelled(), if self.ws.is_open() => {
                    self.close(CloseCode::GOING_AWAY, "")?;
                }
                order = next(&mut self.orders) => match order {
                    Some(order) => self.execute(order)?,
                    None => self.close(CloseCode::NORMAL_CLOSURE, "")?,
                },
                () = until(last_words) => self.close(CloseCode::NORMAL_CLOSURE, "")?,
            }
        }
        timeout(WRITE_DEADLINE, self.to.shutdown()).await?
    }

    fn fulfil(&mut self, reply: &Reply) -> io::Result<()> {
        if reply.close_body().is_some() && !reply.is_failure() {
            self.close = Some((*reply, Instant::now() + LAST_WORDS));
            return Ok(());
        }
        self.ws.reply(reply, &mut self.tx).or_else(unless_closed)
    }

    /// Encodes this, and what else is there, to be written at once.
    fn execute(&mut self, mut order: Order) -> io::Result<()> {
        loop {
            match order {
                Order::Send(Message::Text(text)) => self.ws.send_text(&text, &mut self.tx),
                Order::Send(Message::Binary(data)) => self.ws.send_binary(&data, &mut self.tx),
                Order::Close(code, reason) => return self.close(code, &reason),
            }
            .or_else(unless_closed)?;
            match &mut self.orders {
                Some(orders) if self.tx.len() < BATCH => match orders.try_recv() {
                    Ok(next) => order = next,
                    Err(_) => return Ok(()),
                },
                _ => return Ok(()),
            }
        }
    }

    /// Answers the peer's close frame, or else sends one of our own.
    fn close(&mut self, code: CloseCode, reason: &str) -> io::Result<()> {
        match self.close.take() {
            Some((reply, _)) => self.ws.reply(&reply, &mut self.tx),
            None => self.ws.close(code, reason, &mut self.tx),
        }
        .or_else(unless_closed)
    }
}

/// What comes next; never, when there will be nothing.
async fn next<T>(receiver: &mut Option<mpsc::Receiver<T>>) -> Option<T> {
    match receiver {
        Some(receiver) => receiver.recv().await,
        None => pending().await,
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => pending().await,
    }
}

/// Our close frame was the last that is sent; what comes too late is dropped.
fn unless_closed(error: SendError) -> io::Result<()> {
    match error {
        SendError::Closed => Ok(()),
        error => Err(io::Error::other(error)),
    }
}
