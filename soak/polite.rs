//! Peers that do as they should: what they send must come back, every byte of it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use fastrand::Rng;
use mio::net::TcpStream;
use websans::{
    ClientHandshake, CloseCode, Config, Connection, Event, Message, PermessageDeflate, RecvBuf,
    Request, SendBuf,
};

use crate::Failure;
use crate::crowd::Stage;

/// As many messages are under way at a time.
const UNDER_WAY: usize = 3;

/// Of every length that UTF-8 has.
const LETTERS: [char; 5] = ['a', 'é', '→', '😀', ' '];

enum Phase {
    Handshake(ClientHandshake),
    Open(Connection),
    /// The server has said goodbye, and so have we.
    Told,
}

/// What is to come back.
enum Sent {
    Text(String),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
}

pub(crate) struct Polite {
    phase: Phase,
    rx: RecvBuf,
    tx: SendBuf,
    rng: Rng,
    under_way: VecDeque<Sent>,
    /// What has come back.
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Polite {
    pub(crate) fn new(url: &str, mut rng: Rng) -> Result<Self, Failure> {
        let mut config = Config::default();
        if rng.bool() {
            let takeover = rng.bool();
            let deflate = PermessageDeflate::default().client_no_context_takeover(takeover);
            config = config.permessage_deflate(deflate);
        }
        let (rx, mut tx) = (RecvBuf::new(), SendBuf::new());
        let handshake = ClientHandshake::new(&Request::new(url)?, config, &mut tx)?;
        let (phase, under_way) = (Phase::Handshake(handshake), VecDeque::new());
        Ok(Self { phase, rx, tx, rng, under_way, messages: 0, bytes: 0 })
    }

    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Handshake(_))
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.is_open() && self.under_way.is_empty()
    }

    /// Says something, and when it will again.
    pub(crate) fn speak(&mut self, socket: &mut TcpStream) -> Result<Duration, Failure> {
        if let (Phase::Open(ws), true) = (&mut self.phase, self.under_way.len() < UNDER_WAY) {
            let sent = say(ws, &mut self.tx, &mut self.rng)?;
            self.under_way.push_back(sent);
        }
        // Now and then half of it waits until the next time.
        let half = self.tx.as_slice().len() / 2;
        if half > 0 && self.rng.u8(..) < 32 {
            match socket.write(self.tx.as_slice().get(..half).unwrap_or_default()) {
                Ok(n) => self.tx.consume(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        } else {
            self.write(socket)?;
        }
        Ok(Duration::from_millis(self.rng.u64(100..700)))
    }

    fn write(&mut self, socket: &mut TcpStream) -> io::Result<()> {
        match self.tx.write_to(socket) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// The socket is ready. Whether the connection goes on; an error is one of the server's.
    pub(crate) fn ready(&mut self, socket: &mut TcpStream, stage: Stage) -> Result<bool, Failure> {
        loop {
            self.handle(stage)?;
            self.write(socket)?;
            match self.rx.read_from(socket) {
                Ok(0) if matches!(self.phase, Phase::Told) => return Ok(false),
                Ok(0) => {
                    let lost = self.under_way.len();
                    return Err(format!("ended by the server, {lost} messages under way").into());
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn handle(&mut self, stage: Stage) -> Result<(), Failure> {
        if let Phase::Handshake(handshake) = &mut self.phase {
            let Some(response) = handshake.next_response(&mut self.rx)? else { return Ok(()) };
            self.phase = Phase::Open(response.into_connection()?);
        }
        let Phase::Open(ws) = &mut self.phase else { return Ok(()) };
        while let Some(event) = ws.next_event(&mut self.rx, &mut self.tx)? {
            if let Event::Close(frame) = event {
                if stage == Stage::Stopping && frame.code == Some(CloseCode::GOING_AWAY) {
                    self.phase = Phase::Told;
                    return Ok(());
                }
                return Err(format!("closed: {frame:?}").into());
            }
            if let Event::Ping(_) = event {
                continue;
            }
            let sent = self.under_way.pop_front().ok_or("more came back than was sent")?;
            self.bytes += match (&sent, event) {
                (Sent::Text(sent), Event::Text(text)) if sent == text => text.len() as u64,
                (Sent::Binary(sent), Event::Binary(data)) if sent == data => data.len() as u64,
                (Sent::Pong(sent), Event::Pong(payload)) if sent == payload => 0,
                _ => return Err("something else came back".into()),
            };
            self.messages += 1;
        }
        Ok(())
    }
}

/// Sends a message, of which most are short, or a ping.
fn say(ws: &mut Connection, tx: &mut SendBuf, rng: &mut Rng) -> Result<Sent, Failure> {
    let len = match rng.u8(..) {
        0..2 => rng.usize(64 << 10..=256 << 10),
        2..12 => rng.usize(..64 << 10),
        12..64 => rng.usize(..4 << 10),
        64.. => rng.usize(..=125),
    };
    let sent = match rng.u8(..10) {
        0 => {
            let payload: Vec<u8> = (0..len.min(125)).map(|_| rng.u8(..)).collect();
            ws.send_ping(&payload, tx)?;
            return Ok(Sent::Pong(payload));
        }
        1..5 => Sent::Text((0..=len / 3).filter_map(|_| rng.choice(LETTERS)).collect()),
        _ if rng.bool() => Sent::Binary(vec![rng.u8(..); len]),
        _ => Sent::Binary((0..len).map(|_| rng.u8(..)).collect()),
    };
    let (first, rest) = match &sent {
        Sent::Text(text) => {
            let cut = text.char_indices().map(|(at, _)| at).find(|at| *at >= text.len() / 3);
            let (first, rest) = text.split_at(cut.unwrap_or(0));
            (Message::text(first), Message::text(rest))
        }
        Sent::Binary(data) | Sent::Pong(data) => {
            let (first, rest) = data.split_at(data.len() / 3);
            (Message::binary(first), Message::binary(rest))
        }
    };
    match &sent {
        _ if rng.u8(..4) == 0 => {
            ws.send(first.part(false), tx)?;
            ws.send(rest.part(true), tx)?;
        }
        Sent::Text(text) => ws.send_text(text, tx)?,
        Sent::Binary(data) | Sent::Pong(data) => ws.send_binary(data, tx)?,
    }
    Ok(sent)
}
