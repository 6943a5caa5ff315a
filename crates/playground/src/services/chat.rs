//! Rooms in which people talk. All messages are JSON texts:
//!
//! ```text
//! page ─► {"join": "lobby", "name": "Ada"}    goes to a room, and leaves the one before
//!         {"say": "Hello"}
//! page ◄─ {"room": "lobby", "you": "Ada", "history": [{"from", "say", "at"}, …]}
//!         {"from": "Ada", "say": "Hello", "at": 1700000000000}
//!         {"count": 2, "here": ["Ada", …], "came": ["Ada"], "left": [], "lost": []}
//!         {"error": "…"}
//! ```
//!
//! Each message is encoded once for all members. Members are told of arrivals and departures in
//! batches, less often the larger the room is: otherwise ten thousand arrivals would mean a hundred
//! million messages. A member that does not read is closed (see [`Peers::send`]); when it comes back
//! it gets the history.

mod room;

use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use websans::{CloseCode, Message, PreparedMessage, SessionEvent};

use self::room::Room;
use super::Service;
use crate::peers::{PeerId, Peers};

const MAX_ROOMS: usize = 100;
const MAX_NAME: usize = 32;
const MAX_TEXT: usize = 2000;

/// How many messages a member may send within [`WHILE`].
const MAX_MESSAGES: u32 = 20;
const WHILE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(crate) struct Chat {
    rooms: HashMap<Rc<str>, Room>,
    members: HashMap<PeerId, Member>,
    next_tick: Option<Duration>,
}

struct Member {
    room: Rc<str>,
    name: Rc<str>,
    /// How many messages it has sent since when.
    sent: u32,
    since: Duration,
}

impl Service for Chat {
    fn path(&self) -> &'static str {
        "/chat"
    }

    fn receive(&mut self, from: PeerId, event: SessionEvent<'_>, peers: &mut Peers) {
        let message = match event {
            SessionEvent::Text(text) => serde_json::from_str::<Value>(text).unwrap_or_default(),
            SessionEvent::Binary(_) => {
                return peers.close(from, CloseCode::UNSUPPORTED_DATA, "text only");
            }
            _ => return,
        };
        let field = |name: &str| message.get(name).and_then(Value::as_str).map(str::trim);
        let result = match (field("join"), field("name"), field("say")) {
            (Some(room), Some(name), _) => self.join(from, room, name, peers),
            (_, _, Some(text)) => self.say(from, text, peers),
            _ => Err("that is not understood"),
        };
        if let Err(problem) = result {
            peers.send_text(from, &json!({ "error": problem }).to_string());
        }
    }

    fn gone(&mut self, peer: PeerId, clean: bool, peers: &mut Peers) {
        self.leave(peer, clean, peers);
    }

    fn next_tick(&self) -> Option<Duration> {
        self.next_tick
    }

    /// Tells the rooms whose time has come who is there.
    fn tick(&mut self, peers: &mut Peers) {
        let now = peers.now();
        for room in self.rooms.values_mut() {
            if room.news_at.is_some_and(|at| at <= now) {
                let news = PreparedMessage::new(Message::text(room.news()));
                for &member in room.members.values() {
                    peers.send_prepared(member, &news);
                }
            }
        }
        self.next_tick = self.rooms.values().filter_map(|room| room.news_at).min();
    }
}

impl Chat {
    fn join(
        &mut self,
        peer: PeerId,
        room: &str,
        name: &str,
        peers: &mut Peers,
    ) -> Result<(), &'static str> {
        if !is_name(room) || !is_name(name) {
            return Err("names have 1 to 32 characters");
        }
        self.leave(peer, true, peers);
        if !self.rooms.contains_key(room) && self.rooms.len() >= MAX_ROOMS {
            // Empty rooms are kept for their history, as long as there is room for them.
            self.rooms.retain(|_, room| !room.members.is_empty());
            if self.rooms.len() >= MAX_ROOMS {
                return Err("there are too many rooms");
            }
        }
        let key: Rc<str> = room.into();
        let room = self.rooms.entry(Rc::clone(&key)).or_default();
        let mut name: Rc<str> = name.into();
        if room.members.contains_key(&name) {
            name = format!("{name} #{peer}").into();
            if room.members.contains_key(&name) {
                return Err("that name is taken");
            }
        }
        room.members.insert(Rc::clone(&name), peer);
        room.came(&name, peers.now());
        peers.send_text(peer, &room.welcome(&key, &name));
        let member = Member { room: key, name, sent: 0, since: peers.now() };
        self.members.insert(peer, member);
        self.tick_by(peers.now());
        Ok(())
    }

    fn say(&mut self, from: PeerId, text: &str, peers: &mut Peers) -> Result<(), &'static str> {
        let now = peers.now();
        let member = self.members.get_mut(&from).ok_or("join a room first")?;
        if text.is_empty() || text.len() > MAX_TEXT {
            return Err("a message has 1 to 2000 bytes");
        }
        if now >= member.since + WHILE {
            (member.sent, member.since) = (0, now);
        }
        member.sent += 1;
        if member.sent > MAX_MESSAGES {
            return Err("not so fast");
        }
        let room = self.rooms.get_mut(&member.room).ok_or("the room is gone")?;
        let at = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        let text = json!({ "from": *member.name, "say": text, "at": at }).to_string();
        let message = PreparedMessage::new(Message::text(&text));
        for &to in room.members.values() {
            peers.send_prepared(to, &message);
        }
        room.remember(text);
        Ok(())
    }

    fn leave(&mut self, peer: PeerId, clean: bool, peers: &mut Peers) {
        let Some(member) = self.members.remove(&peer) else { return };
        if let Some(room) = self.rooms.get_mut(&member.room) {
            room.members.remove(&member.name);
            room.gone(&member.name, clean, peers.now());
            self.tick_by(peers.now());
        }
    }

    fn tick_by(&mut self, now: Duration) {
        let at = now + room::NEWS_AFTER;
        self.next_tick = Some(self.next_tick.map_or(at, |next| next.min(at)));
    }
}

fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.chars().count()) && !name.contains(char::is_control)
}
