//! A task drives a connection, and the application has two halves of it that know nothing of each
//! other. What the peer sends comes out of a `Stream`; what goes into a `Sink` is sent to it.
//!
//! ```text
//!              ┌─────────────────┐ ── messages ──► Incoming (Stream)
//!  transport ──┤ Link: Session   │ ◄─ one more ───
//!              └─────────────────┘ ◄─ messages ─── Outgoing (Sink)
//! ```
//!
//! A message is taken when [`Incoming`] is asked for it, so that an application that has answered
//! each before it asks for the next has answered all of them when the peer's close frame is.
//!
//! Nothing piles up: whoever does not take its messages is not read from, and a peer that does not
//! read is written to no more.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Sink, Stream};
use tokio::select;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, PollSender};
use websans::{CloseCode, MAX_REASON_LEN, SessionEvent};
use websans_cli::link::Link;
use websans_cli::transport::Transport;

use crate::echo::unless_closed;

/// How many messages may wait to be sent.
const WAITING: usize = 4;

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
pub struct Incoming {
    messages: mpsc::Receiver<Message>,
    asks: mpsc::Sender<()>,
    is_asking: bool,
}

/// What is sent to the peer. To drop it closes the connection with 1000.
#[derive(Debug)]
pub struct Outgoing(PollSender<Order>);

/// What the application asks for.
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

/// Starts the task. `stop` closes the connection with 1001. The third result ends when the
/// transport is closed.
pub fn spawn<T: Transport + 'static>(
    link: Link<T>,
    stop: CancellationToken,
) -> (Incoming, Outgoing, impl Future<Output = io::Result<()>>) {
    let (to_application, messages) = mpsc::channel(1);
    let (outgoing, orders) = mpsc::channel(WAITING);
    let (asks, asked) = mpsc::channel(1);
    let driver =
        Driver { link, messages: Some(to_application), asked, is_asked: false, orders, stop };
    let task = tokio::spawn(driver.run());
    let incoming = Incoming { messages, asks, is_asking: false };
    (incoming, Outgoing(PollSender::new(outgoing)), async move { task.await? })
}

impl Stream for Incoming {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        if !self.is_asking {
            // If it cannot be asked the task has ended, and so will the stream.
            self.is_asking = self.asks.try_send(()).is_ok();
        }
        let message = ready!(self.messages.poll_recv(cx));
        self.is_asking = false;
        Poll::Ready(message)
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

    /// The task never leaves anything lying about.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        self.0.close();
        Poll::Ready(Ok(()))
    }
}

struct Driver<T> {
    link: Link<T>,
    /// `None` when the application takes no more, or there will be none.
    messages: Option<mpsc::Sender<Message>>,
    asked: mpsc::Receiver<()>,
    /// The application waits for a message.
    is_asked: bool,
    orders: mpsc::Receiver<Order>,
    stop: CancellationToken,
}

impl<T: Transport> Driver<T> {
    async fn run(mut self) -> io::Result<()> {
        loop {
            self.take_events();
            let is_open = self.link.ws.is_open();
            if !is_open {
                self.orders.close();
            }
            let has_room = self.link.tx.len() < BATCH;
            let reading = has_room && self.takes_more();
            let awaits_demand = self.messages.is_some() && !self.is_asked;
            select! {
                more = self.link.step(reading) => if !more { break },
                asked = self.asked.recv(), if awaits_demand => match asked {
                    Some(()) => self.is_asked = true,
                    None => self.messages = None,
                },
                order = self.orders.recv(), if is_open && has_room => self.execute(order)?,
                () = self.stop.cancelled(), if is_open => self.close(CloseCode::GOING_AWAY, "")?,
            }
        }
        self.link.ws.error().map_or(Ok(()), |error| Err(io::Error::other(error)))
    }

    /// Whether what comes is of use now. Once our close frame is sent only the peer's is awaited:
    /// messages that nobody asks for do not hold it up.
    fn takes_more(&self) -> bool {
        self.is_asked || self.messages.is_none() || !self.link.ws.is_open()
    }

    fn take_events(&mut self) {
        while self.link.tx.len() < BATCH && self.takes_more() {
            let link = &mut self.link;
            let message = match link.ws.next_event(&mut link.rx, &mut link.tx) {
                Ok(Some(SessionEvent::Text(text))) => Message::Text(text.to_owned()),
                Ok(Some(SessionEvent::Binary(_))) => Message::Binary(link.rx.take_binary()),
                Ok(Some(SessionEvent::Close(_))) | Err(_) => {
                    self.messages = None;
                    return;
                }
                Ok(Some(_)) => continue,
                Ok(None) => return,
            };
            if std::mem::take(&mut self.is_asked)
                && let Some(messages) = &self.messages
                && messages.try_send(message).is_err()
            {
                self.messages = None;
            }
        }
    }

    /// Encodes this, and what else is there, to be written at once.
    fn execute(&mut self, mut order: Option<Order>) -> io::Result<()> {
        let link = &mut self.link;
        loop {
            match order {
                Some(Order::Send(Message::Text(text))) => link.ws.send_text(&text, &mut link.tx),
                Some(Order::Send(Message::Binary(data))) => {
                    link.ws.send_binary(&data, &mut link.tx)
                }
                Some(Order::Close(code, reason)) => return self.close(code, &reason),
                None => return self.close(CloseCode::NORMAL_CLOSURE, ""),
            }
            .or_else(unless_closed)?;
            if link.tx.len() >= BATCH {
                return Ok(());
            }
            match self.orders.try_recv() {
                Ok(next) => order = Some(next),
                Err(_) => return Ok(()),
            }
        }
    }

    fn close(&mut self, code: CloseCode, reason: &str) -> io::Result<()> {
        self.link.ws.close(code, reason, &mut self.link.tx).or_else(unless_closed)
    }
}
