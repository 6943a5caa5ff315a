//! A room: who is there, what was said, and what is to be told of it.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use serde_json::json;

use crate::peers::PeerId;

/// How soon the members learn of who has come or gone. It takes longer in a large room.
pub(super) const NEWS_AFTER: Duration = Duration::from_millis(150);
const FOR_EACH_MEMBER: Duration = Duration::from_micros(200);

/// How many messages are kept for those who join.
const HISTORY: usize = 50;

/// How many names are listed at most.
const LISTED: usize = 50;

#[derive(Default)]
pub(crate) struct Room {
    pub(super) members: BTreeMap<Rc<str>, PeerId>,
    /// As they were sent.
    history: VecDeque<String>,
    /// When to tell who has come and gone, if anyone has.
    pub(super) news_at: Option<Duration>,
    came: Vec<Rc<str>>,
    left: Vec<Rc<str>>,
    lost: Vec<Rc<str>>,
}

impl Room {
    pub(super) fn came(&mut self, name: &Rc<str>, now: Duration) {
        list(&mut self.came, name);
        self.schedule(now);
    }

    pub(super) fn gone(&mut self, name: &Rc<str>, clean: bool, now: Duration) {
        list(if clean { &mut self.left } else { &mut self.lost }, name);
        self.schedule(now);
    }

    pub(super) fn remember(&mut self, message: String) {
        self.history.truncate(HISTORY - 1);
        self.history.push_front(message);
    }

    /// What who joins is told.
    pub(super) fn welcome(&self, room: &str, you: &str) -> String {
        let history: Vec<&str> = self.history.iter().rev().map(String::as_str).collect();
        // It is JSON already.
        let history = history.join(",");
        let (room, you) = (json!(room), json!(you));
        format!(r#"{{"room":{room},"you":{you},"history":[{history}]}}"#)
    }

    /// What the members are told of each other.
    pub(super) fn news(&mut self) -> String {
        self.news_at = None;
        let here: Vec<&str> = self.members.keys().take(LISTED).map(|name| &**name).collect();
        let names = |list: &mut Vec<Rc<str>>| -> Vec<String> {
            list.drain(..).map(|name| name.to_string()).collect()
        };
        let (came, left, lost) =
            (names(&mut self.came), names(&mut self.left), names(&mut self.lost));
        let count = self.members.len();
        json!({ "count": count, "here": here, "came": came, "left": left, "lost": lost })
            .to_string()
    }

    fn schedule(&mut self, now: Duration) {
        let crowd = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        let after = NEWS_AFTER + FOR_EACH_MEMBER.saturating_mul(crowd);
        self.news_at.get_or_insert(now + after);
    }
}

fn list(names: &mut Vec<Rc<str>>, name: &Rc<str>) {
    if names.len() < LISTED {
        names.push(Rc::clone(name));
    }
}
