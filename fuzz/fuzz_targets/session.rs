//! Two sessions from the opening handshake to the end of the transport, driven by a list of
//! operations over a transport that cuts, stalls, breaks and brings bytes of its own, in simulated
//! time; or one, whose deadlines are those of a model that keeps the whole history.

#![no_main]

use std::collections::VecDeque;
use std::time::Duration;

use websans::{
    ClientHandshake, CloseCode, Config, Deadlines, Io, RecvBuf, Rejection, Request, Response,
    SendBuf, SendError, ServerHandshake, Session, SessionError, SessionEvent,
};
use websans_fuzz::deadlines;
use websans_fuzz::input::Input;
use websans_fuzz::wire::FIXED_KEY;
use websans_fuzz::{Steps, says_why};

/// One direction of the transport.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    ended: bool,
    broken: bool,
    room: Option<usize>,
}

struct End {
    ws: Session,
    rx: RecvBuf,
    tx: SendBuf,
    error: Option<SessionError>,
    /// How many messages were accepted for sending, and how many came; each is its number.
    sent: u32,
    received: u32,
    rejects: bool,
    is_over: bool,
}

impl End {
    fn new(ws: Session, tx: SendBuf, rejects: bool) -> Self {
        let rx = RecvBuf::new();
        Self { ws, rx, tx, error: None, sent: 0, received: 0, rejects, is_over: false }
    }

    fn send(&mut self) {
        match self.ws.send_binary(&self.sent.to_be_bytes(), &mut self.tx) {
            Ok(()) => self.sent += 1,
            Err(error) => assert!(
                matches!(error, SendError::Connecting | SendError::Closed | SendError::Full { .. }),
                "{error}"
            ),
        }
    }

    fn events(&mut self, forged: bool) {
        let mut steps = Steps::at_most(self.rx.len() + 10);
        loop {
            steps.step();
            match self.ws.next_event(&mut self.rx, &mut self.tx) {
                Ok(None) => return,
                Ok(Some(event)) => {
                    assert!(self.error.is_none(), "an event after an error");
                    match event {
                        SessionEvent::Request(_) if self.rejects => {
                            let rejection = Rejection::new(403).unwrap();
                            self.ws.reject(&rejection, &mut self.tx).unwrap();
                        }
                        SessionEvent::Request(request) => {
                            self.ws.accept(&request, &Response::new(), &mut self.tx).unwrap();
                        }
                        SessionEvent::Binary(data) if !forged => {
                            assert_eq!(data, self.received.to_be_bytes(), "lost or doubled");
                            self.received += 1;
                        }
                        _ => {}
                    }
                }
                Err(error) => {
                    assert_eq!(*self.error.get_or_insert(error), error, "sticky");
                    says_why(&error);
                    return;
                }
            }
        }
    }

    /// One round of the loop that drives a session: whether something was done.
    fn round(
        &mut self,
        from: &mut Pipe,
        to: &mut Pipe,
        most: usize,
        now: Duration,
        forged: bool,
    ) -> bool {
        if self.is_over {
            return false;
        }
        self.events(forged);
        match self.ws.next_io(&self.tx, now) {
            io @ (Io::Read | Io::Drain) => self.read(from, most, io == Io::Drain, now),
            Io::Write if to.broken => {
                self.ws.handle_write_error(&mut self.tx);
                true
            }
            Io::Write => {
                let piece = self.tx.as_slice();
                let n = piece.len().min(most).min(to.room.unwrap_or(usize::MAX));
                to.bytes.extend(&piece[..n]);
                to.room = to.room.map(|room| room - n);
                self.tx.consume(n);
                self.ws.handle_written(n, now);
                n > 0 || (self.ws.wants_read() && self.read(from, most, false, now))
            }
            Io::Flush => {
                self.ws.handle_flushed(now);
                true
            }
            Io::ShutDown => {
                to.ended = true;
                self.ws.handle_shut_down();
                true
            }
            Io::Close => {
                (to.ended, from.broken, self.is_over) = (true, true, true);
                true
            }
        }
    }

    fn read(&mut self, from: &mut Pipe, most: usize, drain: bool, now: Duration) -> bool {
        let n = from.bytes.len().min(most);
        if n == 0 && !from.ended {
            return false;
        }
        let bytes: Vec<u8> = from.bytes.drain(..n).collect();
        if !drain {
            self.rx.extend(&bytes);
        }
        self.ws.handle_read(n, now);
        true
    }
}

fn seconds(n: u8) -> Option<Duration> {
    (n > 0).then(|| Duration::from_secs(n.into()))
}

struct World {
    ends: [End; 2],
    /// What each end writes to.
    pipes: [Pipe; 2],
    now: Duration,
    /// The transport has brought bytes that nobody sent.
    forged: bool,
}

impl World {
    fn round(&mut self, who: usize, most: usize) -> bool {
        let [first, second] = &mut self.pipes;
        let (from, to) = if who == 0 { (second, first) } else { (first, second) };
        self.ends[who].round(from, to, most, self.now, self.forged)
    }

    fn settle(&mut self) {
        let mut steps = Steps::at_most(100_000);
        while [0, 1].map(|who| self.round(who, usize::MAX)) != [false, false] {
            steps.step();
        }
    }

    fn wait_until(&mut self, at: Duration) {
        self.now = self.now.max(at);
        for end in &mut self.ends {
            end.ws.handle_timeout(self.now);
        }
        self.settle();
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let [rejects, message, write, lone, ..] = input.flags();
    if lone {
        return deadlines::check(&mut input);
    }
    let close = Duration::from_secs(u64::from(input.byte()) + 1);
    let deadlines = Deadlines::default()
        .ping_interval(seconds(input.byte()))
        .pong(seconds(input.byte()))
        .message(message.then_some(Duration::from_mins(1)))
        .write(write.then_some(Duration::from_secs(10)))
        .close(close);
    let config = Config::default().masking_keys(FIXED_KEY).deadlines(deadlines).max_queued(200);
    let mut tx = SendBuf::new();
    let request = Request::new("ws://server.example.com/").unwrap();
    let client = ClientHandshake::new(&request, config, &mut tx).unwrap();
    let client = End::new(Session::client(client, Duration::ZERO), tx, false);
    let server = Session::server(ServerHandshake::new(config), Duration::ZERO);
    let server = End::new(server, SendBuf::new(), rejects);
    let mut world = World {
        ends: [client, server],
        pipes: [Pipe::default(), Pipe::default()],
        now: Duration::ZERO,
        forged: false,
    };
    let mut harmed = rejects;
    while !input.is_empty() {
        let op = input.byte();
        let who = usize::from(op >> 7);
        let argument = usize::from(input.byte());
        match op & 0x0F {
            0..=2 => world.ends[who].send(),
            3 => {
                let end = &mut world.ends[who];
                let _ = end.ws.send_ping(b"?", &mut end.tx);
            }
            4 => {
                let end = &mut world.ends[who];
                let _ = end.ws.close(CloseCode::NORMAL_CLOSURE, "done", &mut end.tx);
            }
            5..=9 => {
                world.round(who, argument + 1);
            }
            10 => {
                world.pipes[who].room = Some(argument);
                harmed = true;
            }
            11 => world.pipes[who].room = None,
            12 => {
                let soon = world.now + Duration::from_millis(argument as u64 * 100);
                harmed = true; // a deadline may pass
                world.wait_until(soon);
            }
            13 => {
                (world.pipes[who].ended, world.pipes[who].broken) = (true, true);
                harmed = true;
            }
            14 if !world.pipes[who].ended => {
                world.pipes[who].bytes.extend(input.take(argument));
                (world.forged, harmed) = (true, true);
            }
            _ => world.settle(),
        }
    }
    world.settle();
    // The opening handshake, a ping and its pong, and the end, of one and then of the other.
    let limit = world.now + Duration::from_secs(10 + 255 + 255 + 60) + 2 * close;
    let mut steps = Steps::at_most(100_000);
    while !world.ends.iter().all(|end| end.is_over) {
        steps.step();
        // It is refused before the opening handshake is done, and after the end has begun.
        for end in &mut world.ends {
            let _ = end.ws.close(CloseCode::NORMAL_CLOSURE, "", &mut end.tx);
        }
        world.settle();
        if world.ends.iter().all(|end| end.is_over) {
            break;
        }
        let next = world.ends.iter().filter(|end| !end.is_over);
        let next = next.filter_map(|end| end.ws.next_timeout()).min();
        world.wait_until(next.expect("one of them is to be woken, or both have ended"));
        assert!(world.now <= limit, "it takes too long");
    }
    let [client, server] = &world.ends;
    for (end, peer) in [(client, server), (server, client)] {
        assert!(end.received <= peer.sent);
        if !harmed {
            assert_eq!(end.error, None);
            assert_eq!(end.received, peer.sent, "what was accepted for sending is not lost");
            assert!(end.ws.close_status().unwrap().clean);
        }
    }
});
