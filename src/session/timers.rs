//! The clock of one session: since when what is awaited, and which deadline has passed.

use core::num::NonZeroU64;
use core::time::Duration;

use crate::deadlines::{Deadlines, Patience, nanoseconds};
use crate::error::Timeout;

/// Where the session stands, as far as time is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The opening handshake.
    Connecting,
    /// Messages flow.
    Open,
    /// The end has begun.
    Ending,
    /// There is nothing to wait for.
    Over,
}

/// What is to be done because of the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Handshake,
    /// To ping the peer.
    Ping,
    Expired(Timeout),
}

/// A time in nanoseconds, and one more, so that an `Option` of it is no larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment(NonZeroU64);

impl Moment {
    fn new(time: Duration) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanoseconds(time)))
    }

    /// When this has been waited for since then; `None` for never.
    fn after(self, patience: Patience) -> Option<Self> {
        self.0.checked_add(patience.nanoseconds()?).map(Self)
    }

    fn time(self) -> Duration {
        Duration::from_nanos(self.0.get() - 1)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Timers {
    deadlines: Deadlines,
    /// The latest time that was passed in.
    now: Moment,
    /// Until then the transport took nothing more: later deadlines of what waits to be written, and
    /// of the end, have not passed.
    waited: Moment,
    /// Until then it had nothing more, either: later deadlines of the peer have not passed.
    listened: Moment,
    /// The last sign that the peer lives, or the beginning of the opening handshake.
    alive: Moment,
    /// When the ping was sent that has not been answered by any byte.
    pinged: Option<Moment>,
    /// Since when a message has been incomplete.
    incomplete: Option<Moment>,
    /// Since when something has waited to be written, and nothing was taken.
    waiting: Option<Moment>,
    /// When the end began.
    ending: Option<Moment>,
    /// When the last ping was sent, whose pong tells the round-trip time, and its payload.
    probed: Option<Moment>,
    probe: u32,
    round_trip: Option<Moment>,
    /// Whether the transport has taken nothing while something waited.
    refused: bool,
    /// Whether the transport is to be written: many a driver does not read it then.
    writing: bool,
}

impl Timers {
    pub(super) fn new(deadlines: Deadlines, now: Duration) -> Self {
        let now = Moment::new(now);
        Self {
            deadlines,
            now,
            waited: now,
            listened: now,
            alive: now,
            pinged: None,
            incomplete: None,
            waiting: None,
            ending: None,
            probed: None,
            probe: 0,
            round_trip: None,
            refused: false,
            writing: false,
        }
    }

    /// Time never runs backwards.
    fn at(&mut self, now: Duration) -> Moment {
        self.now = self.now.max(Moment::new(now));
        self.now
    }

    /// Bytes have come from the peer. In the opening handshake they put nothing off.
    pub(super) fn received(&mut self, now: Duration, stage: Stage) {
        let now = self.at(now);
        if stage != Stage::Connecting {
            (self.alive, self.pinged) = (now, None);
        }
    }

    /// The transport has taken something, or all of it was flushed.
    pub(super) fn written(&mut self, now: Duration, stage: Stage) {
        // That a transport takes bytes is no sign of life by itself: the system buffers them. That
        // it does so again, after its buffer was full, is one.
        if self.refused {
            self.received(now, stage);
        }
        self.at(now);
        (self.waiting, self.refused) = (None, false);
    }

    /// The transport takes nothing.
    pub(super) fn refused(&mut self, now: Duration) {
        let now = self.at(now);
        self.waiting.get_or_insert(now);
        self.refused = true;
    }

    /// The transport had nothing more until now, and took nothing more.
    pub(super) fn waited(&mut self, now: Duration) {
        self.waited = self.at(now);
        if !self.writing {
            self.listened = self.waited;
        }
        self.refused |= self.waiting.is_some_and(|since| since < self.waited);
    }

    /// The opening handshake is done.
    pub(super) fn opened(&mut self) {
        self.alive = self.now;
    }

    /// Something waits to be written.
    pub(super) fn something_waits(&mut self, now: Duration) {
        let now = self.at(now);
        self.waiting.get_or_insert(now);
        self.writing = true;
    }

    pub(super) fn nothing_waits(&mut self) {
        (self.waiting, self.refused, self.writing) = (None, false, false);
    }

    /// The end has begun; only the first time counts.
    pub(super) fn ends(&mut self, now: Duration) {
        let now = self.at(now);
        self.ending.get_or_insert(now);
    }

    /// A message or a part of one was delivered: what is incomplete now began no earlier.
    pub(super) fn delivered(&mut self) {
        self.incomplete = None;
    }

    /// Whether a message is incomplete, when no more events can be made of what is there.
    pub(super) fn set_incomplete(&mut self, incomplete: bool) {
        self.incomplete = incomplete.then(|| self.incomplete.unwrap_or(self.now));
    }

    /// The payload of a ping that was due.
    pub(super) fn ping(&mut self) -> [u8; 4] {
        self.pinged = Some(self.now);
        self.probed = Some(self.now);
        self.probe = self.probe.wrapping_add(1);
        self.probe.to_be_bytes()
    }

    /// A pong has come.
    pub(super) fn ponged(&mut self, payload: &[u8]) {
        if payload == self.probe.to_be_bytes()
            && let Some(sent) = self.probed.take()
        {
            self.round_trip = Some(Moment::new(self.now.time().saturating_sub(sent.time())));
        }
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.map(Moment::time)
    }

    /// When the next deadline passes; `None` for never. One that has passed is no reason to wake
    /// again.
    pub(super) fn next(&self, stage: Stage) -> Option<Duration> {
        let all = self.deadlines(stage).into_iter().flatten();
        let coming = all.filter(|(at, due)| match due {
            Due::Ping | Due::Expired(Timeout::Pong | Timeout::Message) => {
                !self.writing && *at > self.listened
            }
            _ => *at > self.waited,
        });
        coming.map(|(at, _)| at.time()).min()
    }

    /// What is due first.
    pub(super) fn due(&self, stage: Stage) -> Option<Due> {
        let all = self.deadlines(stage).into_iter().flatten();
        let passed = all.filter(|(at, due)| match due {
            Due::Ping | Due::Expired(Timeout::Pong | Timeout::Message) => *at <= self.listened,
            _ => *at <= self.waited,
        });
        passed.min_by_key(|(at, _)| *at).map(|(_, due)| due)
    }

    /// Which deadline of what waits to be written has passed, if one has. They do not depend on what
    /// the peer sends.
    pub(super) fn given_up(&self, stage: Stage) -> Option<Timeout> {
        let all = self.deadlines(stage).into_iter().flatten();
        let passed = all.filter(|(at, _)| *at <= self.waited);
        let timeouts = passed.filter_map(|(at, due)| match due {
            Due::Expired(timeout @ (Timeout::Write | Timeout::Close)) => Some((at, timeout)),
            _ => None,
        });
        timeouts.min_by_key(|(at, _)| *at).map(|(_, timeout)| timeout)
    }

    fn deadlines(&self, stage: Stage) -> [Option<(Moment, Due)>; 3] {
        let Deadlines { handshake, ping_interval, pong, message, write, close } = self.deadlines;
        let after = |since: Option<Moment>, patience, due| {
            since.and_then(|since| since.after(patience)).map(|at| (at, due))
        };
        let write = after(self.waiting, write, Due::Expired(Timeout::Write));
        match stage {
            Stage::Connecting => [after(Some(self.alive), handshake, Due::Handshake), write, None],
            Stage::Open => {
                let message = after(self.incomplete, message, Due::Expired(Timeout::Message));
                let ping = after(self.pinged.or(Some(self.alive)), ping_interval, Due::Ping);
                // Without a deadline for its pong one ping follows the other.
                let pong = after(self.pinged, pong, Due::Expired(Timeout::Pong));
                [pong.or(ping), message, write]
            }
            Stage::Ending => {
                let close =
                    after(self.ending.or(Some(self.now)), close, Due::Expired(Timeout::Close));
                [close, write, None]
            }
            Stage::Over => [None; 3],
        }
    }
}
