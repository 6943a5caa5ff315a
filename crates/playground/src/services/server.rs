//! Reports what the server does to the pages that look: figures once a second, and, if a page asks
//! for them, the frames of its own connections.
//!
//! ```text
//! page ─► "watch"   the frames, from now on; "rest": no more
//! page ◄─ {"connections": 3, "bytes_each": 900, "every": 1.0, "messages": [12, 14], "bytes": [310, 2800]}
//!         {"frames": [{"connection", "path", "at", "verdict", "state", "from", "opcode", …}, …], "left_out": 0}
//!         {"error": "…"}
//! ```
//!
//! Pairs are received and sent. The messages of this service do not count.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;
use websans::{Message, PreparedMessage, SessionEvent};

use super::Service;
use crate::connection::Page;
use crate::figures::Figures;
use crate::frames::Log;
use crate::peers::{PeerId, Peers};

/// How often figures are reported.
const EVERY: Duration = Duration::from_secs(1);

/// How soon frames are reported, so that those of one moment go together.
const SOON: Duration = Duration::from_millis(40);

#[derive(Default)]
pub(crate) struct Server {
    pages: BTreeMap<PeerId, Option<Watch>>,
    /// The last report of figures, and when that was.
    figures: Figures,
    reported: Duration,
    /// When frames were reported last.
    told: Duration,
}

type Watch = (Page, Rc<RefCell<Log>>);

impl Service for Server {
    fn path(&self) -> &'static str {
        "/server"
    }

    fn open(&mut self, page: PeerId, peers: &mut Peers) {
        peers.leave_out_of_figures(page);
        if self.pages.is_empty() {
            (self.figures, self.reported) = (peers.figures(), peers.now());
        }
        self.pages.insert(page, None);
    }

    fn receive(&mut self, page: PeerId, event: SessionEvent<'_>, peers: &mut Peers) {
        match event {
            SessionEvent::Text("watch") => match peers.watch(page) {
                Ok(watch) => {
                    self.pages.insert(page, Some(watch));
                }
                Err(problem) => report(page, &json!({ "error": problem }), peers),
            },
            SessionEvent::Text("rest") => self.rest(page, peers),
            _ => {}
        }
    }

    fn gone(&mut self, page: PeerId, _: bool, peers: &mut Peers) {
        self.rest(page, peers);
        self.pages.remove(&page);
    }

    fn next_tick(&self) -> Option<Duration> {
        let figures = (!self.pages.is_empty()).then_some(self.reported + EVERY);
        let has_frames = self.logs().any(|(_, log)| !log.borrow().is_empty());
        figures.into_iter().chain(has_frames.then_some(self.told + SOON)).min()
    }

    fn tick(&mut self, peers: &mut Peers) {
        let now = peers.now();
        if now >= self.told + SOON {
            self.told = now;
            for (page, log) in self.logs() {
                // Meanwhile the log keeps the newest frames.
                if !log.borrow().is_empty() && !peers.is_behind(page) {
                    // To send may write what others wait for, and those frames go into the log.
                    let frames = log.borrow_mut().take();
                    report(page, &frames, peers);
                }
            }
        }
        if now >= self.reported + EVERY {
            self.report_figures(now, peers);
        }
    }
}

impl Server {
    fn rest(&mut self, page: PeerId, peers: &mut Peers) {
        if let Some(Some((page, _))) = self.pages.get_mut(&page).map(Option::take) {
            peers.stop_watching(page);
        }
    }

    fn logs(&self) -> impl Iterator<Item = (PeerId, &RefCell<Log>)> {
        self.pages.iter().filter_map(|(&page, watch)| Some((page, &*watch.as_ref()?.1)))
    }

    fn report_figures(&mut self, now: Duration, peers: &mut Peers) {
        let (before, figures) = (self.figures, peers.figures());
        let every = now.saturating_sub(self.reported).as_secs_f64();
        (self.figures, self.reported) = (figures, now);
        let (messages, bytes) = (figures.messages - before.messages, figures.bytes - before.bytes);
        let report = PreparedMessage::new(Message::text(
            json!({
                "connections": peers.len() - self.pages.len(),
                "bytes_each": peers.bytes_each(),
                "every": every,
                "messages": [messages.received, messages.sent],
                "bytes": [bytes.received, bytes.sent],
            })
            .to_string(),
        ));
        for &page in self.pages.keys() {
            if !peers.is_behind(page) {
                peers.report(page, &report);
            }
        }
    }
}

fn report(to: PeerId, value: &serde_json::Value, peers: &mut Peers) {
    peers.report(to, &PreparedMessage::new(Message::text(value.to_string())));
}
