//! One session whose peer, transport and clock are a list of operations, against a model of its
//! deadlines that keeps the whole history and looks through it.

use std::time::Duration;

use websans::{
    CloseCode, Config, Deadlines, Error, HandshakeError, Io, RecvBuf, Response, SendBuf,
    ServerHandshake, Session, SessionError, SessionEvent, Timeout,
};

use crate::Steps;
use crate::input::Input;
use crate::wire::frame;

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Begun,
    /// Bytes came.
    Received,
    /// The opening handshake was done.
    Opened,
    /// A whole message was delivered.
    Delivered,
    /// Whether a message was incomplete, after all events.
    Incomplete(bool),
    /// Whether something was to be written.
    Writes(bool),
    /// The transport took something, or nothing.
    Taken(bool),
    /// A ping of the session's own was queued.
    Pinged,
    /// The end had begun when the transport was asked for.
    Ending,
    /// The clock was looked at.
    Waited,
}

/// How long each may take; `None` for ever.
#[derive(Clone, Copy, Debug)]
struct Times {
    handshake: Option<Duration>,
    ping: Option<Duration>,
    pong: Option<Duration>,
    message: Option<Duration>,
    write: Option<Duration>,
    close: Option<Duration>,
}

/// What has happened, and when.
struct History(Vec<(Duration, What)>);

impl History {
    /// The last time of it, and how many things happened after that.
    fn last(&self, of: impl Fn(What) -> bool) -> Option<(usize, Duration)> {
        let place = self.0.iter().rposition(|(_, what)| of(*what))?;
        Some((place, self.0[place].0))
    }

    fn place(&self, of: impl Fn(What) -> bool) -> Option<usize> {
        self.last(of).map(|(place, _)| place)
    }

    fn is_open(&self) -> bool {
        self.place(|what| what == What::Opened).is_some()
    }

    /// Something waits since then, and nothing was taken.
    fn waiting(&self, before: usize) -> Option<Duration> {
        let history = &self.0[..before];
        let ended = history
            .iter()
            .rposition(|(_, what)| matches!(what, What::Taken(true) | What::Writes(false)));
        let since = history[ended.map_or(0, |place| place + 1)..].iter();
        since
            .clone()
            .find(|(_, what)| matches!(what, What::Writes(true) | What::Taken(false)))
            .map(|(at, _)| *at)
    }

    /// Whether the transport had taken nothing while something waited, before this happened.
    fn refused(&self, before: usize) -> bool {
        let history = &self.0[..before];
        let ended = history
            .iter()
            .rposition(|(_, what)| matches!(what, What::Taken(true) | What::Writes(false)));
        let from = ended.map_or(0, |place| place + 1);
        (from..before).any(|place| match self.0[place] {
            (_, What::Taken(false)) => true,
            (at, What::Waited) => self.waiting(place).is_some_and(|since| since < at),
            _ => false,
        })
    }

    /// The last sign that the peer lives.
    fn alive(&self) -> Option<(usize, Duration)> {
        let opened = self.place(|what| what == What::Opened)?;
        (opened..self.0.len()).rev().find_map(|place| match self.0[place] {
            (at, What::Opened | What::Received) => Some((place, at)),
            (at, What::Taken(true)) if self.refused(place) => Some((place, at)),
            _ => None,
        })
    }

    fn is_writing(&self) -> bool {
        let last = self.last(|what| matches!(what, What::Writes(_)));
        last.is_some_and(|(place, _)| self.0[place].1 == What::Writes(true))
    }

    /// Since when a message has been incomplete.
    fn incomplete(&self) -> Option<Duration> {
        let ended = self.place(|what| matches!(what, What::Delivered | What::Incomplete(false)));
        let since = self.0[ended.map_or(0, |place| place + 1)..].iter();
        since.clone().find(|(_, what)| *what == What::Incomplete(true)).map(|(at, _)| *at)
    }

    /// Until when the clock was looked at, in any state and when the peer was listened to.
    fn waited(&self) -> (Duration, Duration) {
        let (mut any, mut listening, mut writing) = (self.0[0].0, self.0[0].0, false);
        for (at, what) in &self.0 {
            match what {
                What::Waited if writing => any = *at,
                What::Waited => (any, listening) = (*at, *at),
                What::Writes(it) => writing = *it,
                _ => {}
            }
        }
        (any, listening)
    }

    /// Each deadline that runs, and whether it is one of the peer.
    fn running(&self, times: &Times, now: Duration, is_ending: bool) -> Vec<(Duration, bool)> {
        let mut all = Vec::new();
        let mut add = |since: Option<Duration>, after: Option<Duration>, of_peer| {
            all.extend(
                since
                    .zip(after)
                    .and_then(|(since, after)| Some((since.checked_add(after)?, of_peer))),
            );
        };
        add(self.waiting(self.0.len()), times.write, false);
        if is_ending {
            let begun = self.0.iter().find(|(_, what)| *what == What::Ending);
            add(Some(begun.map_or(now, |(at, _)| *at)), times.close, false);
        } else if !self.is_open() {
            add(Some(self.0[0].0), times.handshake, false);
        } else if let Some((place, alive)) = self.alive() {
            let pinged = self.last(|what| what == What::Pinged).filter(|(ping, _)| *ping > place);
            add(self.incomplete(), times.message, true);
            match (pinged, times.pong) {
                (Some((_, at)), Some(_)) => add(Some(at), times.pong, true),
                (pinged, _) => add(Some(pinged.map_or(alive, |(_, at)| at)), times.ping, true),
            }
        }
        all
    }

    fn next(&self, times: &Times, now: Duration, is_ending: bool) -> Option<Duration> {
        let ((any, listened), writing) = (self.waited(), self.is_writing());
        let running = self.running(times, now, is_ending).into_iter();
        let coming = running.filter(|(at, of_peer)| match of_peer {
            true => !writing && *at > listened,
            false => *at > any,
        });
        coming.map(|(at, _)| at).min()
    }
}

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

struct Lone {
    ws: Session,
    rx: RecvBuf,
    tx: SendBuf,
    times: Times,
    history: History,
    now: Duration,
    /// Half of a message has come.
    half: bool,
    /// Our close frame or the peer's, or a failure.
    is_ending: bool,
    is_over: bool,
}

impl Lone {
    fn note(&mut self, what: What) {
        self.history.0.push((self.now, what));
    }

    fn receive(&mut self, bytes: &[u8]) {
        if !self.ws.wants_read() {
            return;
        }
        self.rx.extend(bytes);
        self.ws.handle_read(bytes.len(), self.now);
        self.note(What::Received);
    }

    /// The peer says something, once its request has been answered.
    fn hear(&mut self, op: u8) {
        let key = Some([1, 2, 3, 4]);
        if !self.history.is_open() {
            return self.receive(REQUEST);
        }
        let text = frame(0x81, b"a whole message", key);
        let (first, rest) = text.split_at(9);
        match op {
            // Nothing comes between the parts of a frame.
            _ if self.half => {
                self.half = false;
                self.receive(rest);
            }
            0 => self.receive(&text),
            1 => {
                self.half = self.ws.wants_read();
                self.receive(first);
            }
            2 => self.receive(&frame(0x89, b"?", key)),
            _ => self.receive(&frame(0x88, &[], key)),
        }
    }

    /// Takes all events, and asks what the transport is to do: the part of a driver's loop that is
    /// always the same.
    fn round(&mut self) {
        let (before, mut answered) = (self.tx.len(), false);
        let was_ending = self.is_ending;
        let mut steps = Steps::at_most(100);
        let result = loop {
            steps.step();
            match self.ws.next_event(&mut self.rx, &mut self.tx) {
                Ok(Some(SessionEvent::Request(request))) => {
                    self.ws.accept(&request, &Response::new(), &mut self.tx).unwrap();
                    self.history.0.push((self.now, What::Opened));
                    answered = true;
                }
                Ok(Some(SessionEvent::Text(_))) => {
                    self.history.0.push((self.now, What::Delivered));
                }
                Ok(Some(SessionEvent::Close(_))) => (self.is_ending, answered) = (true, true),
                Ok(Some(_)) => answered = true,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let ((waited, listened), open) = (self.history.waited(), self.history.is_open());
        let running = self.history.running(&self.times, self.now, was_ending);
        let is_due =
            running.iter().any(|(at, of_peer)| *at <= if *of_peer { listened } else { waited });
        // A message that may take no time at all is due as soon as a part of it is there.
        let is_due = is_due || (self.half && self.times.message == Some(Duration::ZERO));
        match result {
            Ok(()) if open => {
                let pinged = self.tx.len() > before && !answered;
                self.note(What::Incomplete(self.half));
                if pinged {
                    assert!(is_due && !self.is_ending, "a ping that was not due");
                    self.note(What::Pinged);
                }
            }
            Ok(()) => {}
            Err(error) => {
                let is_timeout = matches!(
                    error,
                    SessionError::Connection(Error::Timeout(
                        Timeout::Pong | Timeout::Message | Timeout::Write | Timeout::Close
                    )) | SessionError::Handshake(HandshakeError::Timeout)
                );
                assert!(is_timeout, "{error}");
                assert!(is_due || self.is_ending, "{error}, which was not due");
                self.is_ending = true;
            }
        }
        let io = self.ws.next_io(&self.tx, self.now);
        if io == Io::Close {
            self.is_over = true;
            return;
        }
        if self.is_ending {
            self.note(What::Ending);
        }
        self.note(What::Writes(matches!(io, Io::Write | Io::Flush)));
        if io == Io::ShutDown {
            self.ws.handle_shut_down();
        }
    }

    fn take(&mut self, n: usize) {
        if self.tx.is_empty() {
            return;
        }
        let n = n.min(self.tx.as_slice().len());
        self.tx.consume(n);
        self.ws.handle_written(n, self.now);
        self.note(What::Taken(n > 0));
        if self.tx.is_empty() {
            self.ws.handle_flushed(self.now);
            self.note(What::Taken(true));
        } else if n > 0 {
            // It goes on waiting, from now on.
            self.round();
        }
    }
}

/// Does what the input says, and compares.
pub fn check(input: &mut Input<'_>) {
    let [handshake, ping, pong, message, write, close, ..] = input.flags();
    let mut after = |on: bool| {
        let seconds = Duration::from_secs(u64::from(input.byte()));
        on.then_some(seconds)
    };
    let mut times = Times {
        handshake: after(handshake),
        ping: after(ping),
        pong: after(pong),
        message: after(message),
        write: after(write),
        close: after(close),
    };
    let deadlines = Deadlines::default()
        .handshake(times.handshake)
        .ping_interval(times.ping)
        .pong(times.pong)
        .message(times.message)
        .write(times.write)
        .close(times.close);
    // Less counts as that.
    times.ping = times.ping.map(|it| it.max(Duration::from_millis(1)));
    let now = Duration::from_secs(u64::from(input.byte()));
    let config = Config::default().deadlines(deadlines);
    let mut lone = Lone {
        ws: Session::server(ServerHandshake::new(config), now),
        rx: RecvBuf::new(),
        tx: SendBuf::new(),
        times,
        history: History(vec![(now, What::Begun)]),
        now,
        half: false,
        is_ending: false,
        is_over: false,
    };
    lone.round();
    while !input.is_empty() && !lone.is_over && lone.history.0.len() < 1000 {
        let (op, n) = (input.byte(), input.byte());
        lone.now += Duration::from_millis(u64::from(n) << (op >> 4));
        match op & 15 {
            op @ 0..=3 => lone.hear(op),
            4 => {
                let closed = lone.ws.close(CloseCode::NORMAL_CLOSURE, "", &mut lone.tx);
                lone.is_ending |= closed.is_ok();
            }
            5 => lone.take(1),
            6 => lone.take(0),
            7 => lone.take(usize::MAX),
            8 => drop(lone.ws.send_text("a message of ours", &mut lone.tx)),
            _ => {
                lone.ws.handle_timeout(lone.now);
                lone.note(What::Waited);
            }
        }
        lone.round();
        if !lone.is_over {
            let expected = lone.history.next(&lone.times, lone.now, lone.is_ending);
            assert_eq!(lone.ws.next_timeout(), expected, "{:?}", lone.history.0);
        }
    }
}
