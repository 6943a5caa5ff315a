//! websans on a mio event loop: buffers are lent to whichever socket is ready, and what a read
//! brought is answered in one write.
//!
//! A connection keeps a buffer only while part of a message has come, or while its socket does not
//! take what is sent. It is not read from then, so that who does not read its echoes cannot ask for
//! more of them. Otherwise the next one gets the same buffers, which are in the cache still.

use std::io::{self, ErrorKind, Read};
use std::mem;

use mio::event::Event as Ready;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use websans::{Config, Connection, Event, RecvBuf, Response, SendBuf, ServerHandshake};

use crate::{Result, listen};

const LISTENER: Token = Token(usize::MAX);

/// How often one socket is read before it is the next one's turn.
const READS_AT_ONCE: usize = 16;

/// How many buffers of a kind are kept for whom they will be lent to.
const POOLED: usize = 16;

pub fn serve() -> Result {
    let poll = Poll::new()?;
    let mut listener = TcpListener::from_std(listen()?);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut server = Server { poll, clients: Slab::new(), pool: Pool::default() };
    let mut events = Events::with_capacity(1024);
    // Those that may have more to read than was read at once. mio does not tell again.
    let mut unfinished = Vec::new();
    loop {
        let timeout = (!unfinished.is_empty()).then_some(std::time::Duration::ZERO);
        server.poll.poll(&mut events, timeout)?;
        for id in mem::take(&mut unfinished) {
            if server.serve(id, true)? {
                unfinished.push(id);
            }
        }
        for event in &events {
            match event.token() {
                LISTENER => server.accept(&listener)?,
                Token(id) => {
                    if server.serve(id, has_ended(event))? {
                        unfinished.push(id);
                    }
                }
            }
        }
    }
}

/// Whether reading has to go on to the end of the stream. Otherwise a read that brings less than
/// there was room for was the last one, as there will be an event for what comes later.
fn has_ended(event: &Ready) -> bool {
    event.is_read_closed() || event.is_error()
}

/// What limits the queue is that no more is read before it is written.
fn config() -> Config {
    Config::default().max_queued(None)
}

struct Server {
    poll: Poll,
    clients: Slab<Client>,
    pool: Pool,
}

/// Buffers that nobody has. All are empty.
#[derive(Default)]
#[expect(clippy::vec_box, reason = "a client keeps the box, so that it is small without a buffer")]
struct Pool {
    rx: Vec<Box<RecvBuf>>,
    tx: Vec<Box<SendBuf>>,
}

impl Pool {
    fn put_rx(&mut self, rx: Box<RecvBuf>) {
        if self.rx.len() < POOLED {
            self.rx.push(rx);
        }
    }

    fn put_tx(&mut self, tx: Box<SendBuf>) {
        if self.tx.len() < POOLED {
            self.tx.push(tx);
        }
    }
}

struct Client {
    socket: TcpStream,
    phase: Phase,
    rx: Option<Box<RecvBuf>>,
    tx: Option<Box<SendBuf>>,
}

enum Phase {
    Opening(ServerHandshake),
    Open(Connection),
    /// What waits is written, and nothing is read.
    Closing,
}

/// What a turn has ended with.
#[derive(PartialEq)]
enum Turn {
    /// There will be an event when there is something to do.
    Idle,
    Unfinished,
    Over,
}

impl Server {
    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let mut socket = match listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            socket.set_nodelay(true)?;
            let entry = self.clients.vacant_entry();
            let interest = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().register(&mut socket, Token(entry.key()), interest)?;
            let phase = Phase::Opening(ServerHandshake::new(config()));
            entry.insert(Client { socket, phase, rx: None, tx: None });
        }
    }

    /// Whether the client has to be served again without an event.
    fn serve(&mut self, id: usize, to_end: bool) -> io::Result<bool> {
        let Some(client) = self.clients.get_mut(id) else { return Ok(false) };
        // An error of the socket is the end of this client, and nobody else's.
        let turn = client.turn(&mut self.pool, to_end).unwrap_or(Turn::Over);
        if turn == Turn::Over {
            let mut client = self.clients.remove(id);
            self.poll.registry().deregister(&mut client.socket)?;
        }
        Ok(turn == Turn::Unfinished)
    }
}

impl Client {
    /// Uses the buffers that this client has kept, or lent ones, which it gives back when they are
    /// empty.
    fn turn(&mut self, pool: &mut Pool, to_end: bool) -> io::Result<Turn> {
        let mut rx = self.rx.take().or_else(|| pool.rx.pop()).unwrap_or_default();
        let mut tx = self.tx.take().or_else(|| pool.tx.pop()).unwrap_or_default();
        let turn = self.receive(&mut rx, &mut tx, to_end);
        if matches!(turn, Err(_) | Ok(Turn::Over)) {
            rx.clear();
            tx.clear();
        }
        if rx.is_empty() {
            pool.put_rx(rx);
        } else {
            self.rx = Some(rx);
        }
        if tx.is_empty() {
            pool.put_tx(tx);
        } else {
            self.tx = Some(tx);
        }
        turn
    }

    fn receive(&mut self, rx: &mut RecvBuf, tx: &mut SendBuf, to_end: bool) -> io::Result<Turn> {
        for _ in 0..READS_AT_ONCE {
            match tx.write_to(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Turn::Idle),
                Err(error) => return Err(error),
            }
            if let Phase::Closing = self.phase {
                return Ok(Turn::Over);
            }
            let room = rx.spare_mut();
            let all = room.len();
            let read = match self.socket.read(room) {
                Ok(0) => return Ok(Turn::Over),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Turn::Idle),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            rx.advance(read);
            self.answer(rx, tx)?;
            if read < all && !to_end {
                // The batch is whole: its answer is written, and no read is wasted.
                return match tx.write_to(&mut self.socket) {
                    Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
                    Ok(_) if matches!(self.phase, Phase::Closing) => Ok(Turn::Over),
                    _ => Ok(Turn::Idle),
                };
            }
        }
        Ok(Turn::Unfinished)
    }

    /// Queues the echo of all that has come.
    fn answer(&mut self, rx: &mut RecvBuf, tx: &mut SendBuf) -> io::Result<()> {
        if let Phase::Opening(handshake) = &mut self.phase {
            match handshake.next_request(rx, tx) {
                Ok(None) => return Ok(()),
                Ok(Some(request)) => {
                    let ws = request.accept(&Response::new(), tx).map_err(io::Error::other)?;
                    self.phase = Phase::Open(ws);
                }
                // The HTTP response that says what is wrong has been queued.
                Err(_) => self.phase = Phase::Closing,
            }
        }
        let Phase::Open(ws) = &mut self.phase else { return Ok(()) };
        loop {
            let sent = match ws.next_event(rx, tx) {
                Ok(None) => return Ok(()),
                Ok(Some(Event::Text(text))) => ws.send_text(text, tx),
                Ok(Some(Event::Binary(data))) => ws.send_binary(data, tx),
                Ok(Some(Event::Ping(_) | Event::Pong(_))) => continue,
                // The close frame that answers the peer's, or says what is wrong, has been queued.
                Ok(Some(Event::Close(_))) | Err(_) => {
                    self.phase = Phase::Closing;
                    return Ok(());
                }
            };
            sent.map_err(io::Error::other)?;
        }
    }
}
