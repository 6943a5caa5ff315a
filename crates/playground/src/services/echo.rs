//! Sends every message back. Texts that begin with a slash are orders:
//!
//! ```text
//! /ping              sends a ping, and says how long the pong took
//! /fragments TEXT    sends the text back in three frames, with a ping between them
//! /close CODE TEXT   closes with a code and a reason; without a code, with neither
//! /drop              closes TCP without a close frame
//! ```

use std::time::Duration;

use websans::{CloseCode, Message, SessionEvent};

use super::Service;
use crate::peers::{PeerId, Peers};

pub(crate) struct Echo;

impl Service for Echo {
    fn path(&self) -> &'static str {
        "/echo"
    }

    fn max_message_size(&self) -> u64 {
        8 << 20
    }

    fn subprotocols(&self) -> &'static [&'static str] {
        &["echo.playground"]
    }

    fn receive(&mut self, from: PeerId, event: SessionEvent<'_>, peers: &mut Peers) {
        match event {
            SessionEvent::Text(text) => match text.strip_prefix('/') {
                Some(order) if obey(order, from, peers) => {}
                _ => peers.send_text(from, text),
            },
            SessionEvent::Binary(data) => peers.send(from, Message::binary(data)),
            SessionEvent::Pong(payload) => pong(payload, from, peers),
            _ => {}
        }
    }
}

/// Whether it was an order.
fn obey(order: &str, from: PeerId, peers: &mut Peers) -> bool {
    let (word, rest) = order.split_once(' ').unwrap_or((order, ""));
    match word {
        // The ping carries the time at which it was sent, and the pong brings it back.
        "ping" => ping(from, peers),
        "fragments" if !rest.is_empty() => fragments(rest, from, peers),
        "close" => return close(rest, from, peers),
        "drop" => peers.abort(from),
        _ => return false,
    }
    true
}

fn ping(to: PeerId, peers: &mut Peers) {
    peers.ping(to, &nanoseconds(peers.clock()).to_be_bytes());
}

/// Control frames may come between the fragments of a message (RFC 6455 §5.4).
fn fragments(text: &str, to: PeerId, peers: &mut Peers) {
    let boundary = |text: &str, parts: usize| {
        text.char_indices().map(|(at, _)| at).find(|at| at * parts >= text.len())
    };
    let (start, rest) = text.split_at(boundary(text, 3).unwrap_or(text.len()));
    let (middle, end) = rest.split_at(boundary(rest, 2).unwrap_or(rest.len()));
    peers.send(to, Message::text(start).part(false));
    peers.send(to, Message::text(middle).part(false));
    ping(to, peers);
    peers.send(to, Message::text(end).part(true));
}

fn close(order: &str, from: PeerId, peers: &mut Peers) -> bool {
    let (code, reason) = order.split_once(' ').unwrap_or((order, ""));
    match code.parse::<u16>().map(CloseCode::from) {
        Ok(code) if code.is_sendable() => peers.close(from, code, reason),
        Err(_) if order.is_empty() => peers.close(from, None, ""),
        _ => return false,
    }
    true
}

fn pong(payload: &[u8], from: PeerId, peers: &mut Peers) {
    if let Ok(sent) = payload.try_into() {
        let took = nanoseconds(peers.clock()).saturating_sub(u64::from_be_bytes(sent));
        let took = Duration::from_nanos(took);
        peers.send_text(from, &format!("The pong has come, {took:.1?} after the ping."));
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
