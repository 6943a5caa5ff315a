//! `Keepalive` against a model that keeps the history and looks through it.

#![no_main]

use std::time::Duration;

use websans::{Keepalive, KeepaliveConfig, KeepaliveTimeout};
use websans_fuzz::heap::{Meter, balanced};
use websans_fuzz::input::Input;

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Begun,
    Open,
    Received,
    Close,
    Incomplete(bool),
    Message,
    Reported(KeepaliveTimeout),
}

/// What has happened, and when. Of what makes no difference nothing is noted.
struct History(Vec<(Duration, What)>);

impl History {
    fn last(&self, of: impl Fn(What) -> bool) -> Option<Duration> {
        self.0.iter().rev().find(|(_, what)| of(*what)).map(|(at, _)| *at)
    }

    fn has(&self, what: What) -> bool {
        self.0.iter().any(|(_, it)| *it == what)
    }

    fn is_over(&self) -> bool {
        [
            KeepaliveTimeout::Handshake,
            KeepaliveTimeout::Pong,
            KeepaliveTimeout::Message,
            KeepaliveTimeout::Close,
        ]
        .into_iter()
        .any(|timeout| self.has(What::Reported(timeout)))
    }

    fn is_open(&self) -> bool {
        self.has(What::Open) && !self.has(What::Close) && !self.is_over()
    }

    fn note(&mut self, at: Duration, what: What) {
        let counts = match what {
            What::Open => !self.has(What::Open) && !self.has(What::Close) && !self.is_over(),
            What::Received => self.is_open(),
            What::Close => !self.has(What::Close) && !self.is_over(),
            What::Message => self.is_incomplete(),
            What::Begun | What::Incomplete(_) | What::Reported(_) => true,
        };
        if counts {
            self.0.push((at, what));
        }
    }

    fn is_incomplete(&self) -> bool {
        let last = self.0.iter().rev().find(|(_, what)| matches!(what, What::Incomplete(_)));
        last.is_some_and(|(_, what)| *what == What::Incomplete(true))
    }

    /// When a message becomes too old.
    fn message(&self, config: &KeepaliveConfig) -> Option<Duration> {
        let mut since = None;
        for (at, what) in self.0.iter().rev() {
            match what {
                What::Incomplete(true) => since = Some(*at),
                // What is incomplete now began after that.
                What::Message => {
                    since = Some(*at);
                    break;
                }
                What::Incomplete(false) => break,
                _ => {}
            }
        }
        since?.checked_add(config.message?).filter(|_| self.is_open())
    }

    /// The other deadlines.
    fn phase(&self, config: &KeepaliveConfig) -> Option<(Duration, KeepaliveTimeout)> {
        if self.is_over() {
            return None;
        }
        let begun = self.last(|what| what == What::Begun)?;
        let alive = self.last(|what| matches!(what, What::Open | What::Received));
        let pinged = self.last(|what| what == What::Reported(KeepaliveTimeout::Ping));
        let was_pinged = self.0.iter().rev().find_map(|(_, what)| match what {
            What::Open | What::Received => Some(false),
            What::Reported(KeepaliveTimeout::Ping) => Some(true),
            _ => None,
        });
        let (since, after, timeout) = if let Some(at) = self.last(|what| what == What::Close) {
            (at, config.close, KeepaliveTimeout::Close)
        } else if alive.is_none() {
            (begun, config.handshake, KeepaliveTimeout::Handshake)
        } else if was_pinged == Some(true) && config.pong.is_some() {
            (pinged?, config.pong, KeepaliveTimeout::Pong)
        } else {
            let interval = config.ping_interval.map(|it| it.max(Duration::from_nanos(1)));
            (alive.max(pinged)?, interval, KeepaliveTimeout::Ping)
        };
        Some((since.checked_add(after?)?, timeout))
    }

    fn next(&self, config: &KeepaliveConfig) -> Option<Duration> {
        self.message(config).into_iter().chain(self.phase(config).map(|(at, _)| at)).min()
    }

    fn due(&self, config: &KeepaliveConfig, now: Duration) -> Option<KeepaliveTimeout> {
        let message = self.message(config).map(|at| (at, KeepaliveTimeout::Message));
        let mut due = message.into_iter().chain(self.phase(config)).filter(|(at, _)| *at <= now);
        due.next().map(|(_, timeout)| timeout)
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| balanced(|| {
    let mut input = Input(data);
    let [handshake, ping, pong, close, huge, message, default, _] = input.flags();
    let mut after = |on: bool| {
        let seconds = u64::from(input.byte());
        let duration = if huge { Duration::MAX } else { Duration::from_secs(seconds) };
        on.then_some(duration)
    };
    let mut config = KeepaliveConfig {
        handshake: after(handshake),
        ping_interval: after(ping),
        pong: after(pong),
        message: after(message),
        close: after(close),
    };
    if default {
        config = KeepaliveConfig::default();
    }
    let mut now = Duration::from_secs(u64::from(input.byte()));
    let mut meter = Meter::default();
    let mut keepalive = meter.run(|| Keepalive::new(config, now));
    let mut history = History(vec![(now, What::Begun)]);
    while !input.is_empty() {
        let (op, n) = (input.byte(), input.byte());
        // Time stands still, goes on, or goes backwards, which counts as standing still.
        let given = match op >> 4 {
            0 => now.saturating_sub(Duration::from_secs(u64::from(n))),
            15 => Duration::MAX,
            scale => now.saturating_add(Duration::from_secs(u64::from(n % (scale << 2)))),
        };
        now = now.max(given);
        let incomplete = n & 1 == 1;
        let expected = history.due(&config, now);
        match op % 7 {
            0 => history.note(now, What::Open),
            1 => history.note(now, What::Received),
            2 => history.note(now, What::Close),
            3 => history.note(now, What::Incomplete(incomplete)),
            4 => history.note(now, What::Message),
            _ => {
                if let Some(timeout) = expected {
                    history.note(now, What::Reported(timeout));
                }
            }
        }
        meter.run(|| match op % 7 {
            0 => keepalive.handle_open(given),
            1 => keepalive.handle_received(given),
            2 => keepalive.handle_close(given),
            3 => keepalive.handle_incomplete(incomplete, given),
            4 => keepalive.handle_message(given),
            _ => assert_eq!(keepalive.handle_timeout(given), expected),
        });
        assert_eq!(keepalive.next_timeout(), history.next(&config));
    }
    assert_eq!(meter.peak(), 0, "it allocates nothing");
}));
