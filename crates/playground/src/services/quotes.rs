//! Prices of a simulated market, many times a second to every page.
//!
//! Each message is encoded once for all pages. The server skips a round for a page whose socket has
//! not taken the round before, and for a page that has not drawn the last [`AHEAD`] rounds. A page
//! says from time to time which round it has drawn, because the server does not see what waits in
//! the system and in the browser. For a client that never says so, only its socket counts.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::json;
use websans::{Message, PreparedMessage, SessionEvent};

use super::Service;
use crate::peers::{PeerId, Peers};

/// Names, and the prices to begin with.
const STOCKS: [(&str, f64); 8] = [
    ("FRAME", 142.0),
    ("MASK", 37.5),
    ("PING", 8.8),
    ("PONG", 9.1),
    ("OPCODE", 255.0),
    ("DEFLATE", 76.92),
    ("UPGRADE", 101.0),
    ("FIN", 64.55),
];

/// How many past rounds a page gets when it connects.
const HISTORY: usize = 240;

/// How many rounds may be on the way to a page.
const AHEAD: u64 = 30;

pub(crate) struct Quotes {
    every: Duration,
    next: Duration,
    /// Counts the rounds, so that a page sees what it has missed.
    round: u64,
    prices: [f64; STOCKS.len()],
    history: VecDeque<[f64; STOCKS.len()]>,
    pages: BTreeMap<PeerId, Page>,
}

/// A page that gets prices.
#[derive(Default)]
struct Page {
    /// The last round that was sent to it.
    sent: u64,
    /// The last one that it has drawn, if it tells.
    drawn: Option<u64>,
}

impl Quotes {
    pub(crate) fn new(every: Duration) -> Self {
        let mut quotes = Self {
            every,
            next: Duration::ZERO,
            round: 0,
            prices: STOCKS.map(|(_, price)| price),
            history: VecDeque::with_capacity(HISTORY),
            pages: BTreeMap::new(),
        };
        for _ in 0..HISTORY {
            quotes.trade();
        }
        quotes
    }

    /// A round of a random walk that tends back to where it began.
    fn trade(&mut self) {
        for (price, (_, mean)) in self.prices.iter_mut().zip(STOCKS) {
            let step = fastrand::f64() + fastrand::f64() - 1.0;
            *price += *price * step * 0.004 + (mean - *price) * 0.002;
        }
        self.round += 1;
        self.history.truncate(HISTORY - 1);
        self.history.push_front(self.prices.map(cents));
    }
}

impl Service for Quotes {
    fn path(&self) -> &'static str {
        "/quotes"
    }

    fn open(&mut self, page: PeerId, peers: &mut Peers) {
        if self.pages.is_empty() {
            self.next = peers.now();
        }
        self.pages.insert(page, Page::default());
        let names = STOCKS.map(|(name, _)| name);
        let history: Vec<_> = self.history.iter().rev().collect();
        let every = self.every.as_millis();
        let start = json!({
            "names": names, "round": self.round, "every": every, "history": history,
        });
        peers.send_text(page, &start.to_string());
    }

    fn receive(&mut self, page: PeerId, event: SessionEvent<'_>, _: &mut Peers) {
        if let (SessionEvent::Text(round), Some(page)) = (event, self.pages.get_mut(&page)) {
            page.drawn = round.parse().ok();
        }
    }

    fn gone(&mut self, page: PeerId, _: bool, _: &mut Peers) {
        self.pages.remove(&page);
    }

    /// The market rests while no page is connected.
    fn next_tick(&self) -> Option<Duration> {
        (!self.pages.is_empty()).then_some(self.next)
    }

    fn tick(&mut self, peers: &mut Peers) {
        self.trade();
        // Rounds for which there was no time are left out.
        self.next = (self.next + self.every).max(peers.now());
        let prices = json!({ "round": self.round, "prices": self.history.front() });
        let message = PreparedMessage::new(Message::text(prices.to_string()));
        for (&id, page) in &mut self.pages {
            let on_the_way = page.drawn.map_or(0, |drawn| page.sent.saturating_sub(drawn));
            if on_the_way < AHEAD && !peers.is_behind(id) {
                peers.send_prepared(id, &message);
                page.sent = self.round;
            }
        }
    }
}

fn cents(price: f64) -> f64 {
    (price * 100.0).round() / 100.0
}
