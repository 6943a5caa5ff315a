//! What can be done to a server, and what it owes who does it.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use flate2::{Compress, Compression, FlushCompress};
use mio::net::TcpStream;
use socket2::SockRef;
use websans::frame::{FrameHeader, Opcode};
use websans::mask::Mask;

use crate::PATIENCE;
use crate::server::{self, Kind, MAX_MESSAGE_SIZE, PATH};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// How much of a flood is written at a time.
const WAVE: usize = 16 << 10;

/// As much of what the server says is kept.
const MEMORY: usize = 16 << 10;

/// How much later than its deadline a server may be: it looks at them once a second, and machines
/// are busy.
const SLACK: Duration = Duration::from_secs(8);

macro_rules! attacks {
    ($($name:ident: $words:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Attack { $($name,)* }

        impl Attack {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];
        }

        impl fmt::Display for Attack {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$name => $words,)* })
            }
        }
    };
}

attacks! {
    Silence: "connects, and is silent",
    SlowHead: "a head, one byte now and then",
    EndlessHead: "a head without an end",
    NoHttp: "garbage instead of a head",
    HalfHead: "half a head, and half-closes",
    Mute: "opens, and is silent",
    Garbage: "garbage instead of frames",
    GiantLength: "announces 2^63 - 1 bytes",
    Overflow: "announces 2^64 - 1 bytes",
    Announcer: "announces all it may, sends a byte now and then",
    UnreadPings: "pings without end, reads nothing",
    UnreadMessages: "messages without end, reads nothing",
    TinyFragments: "fragments of one byte without end",
    EmptyFragments: "empty fragments without end",
    Bomb: "a deflate bomb",
    Corrupt: "corrupt deflate",
    BadText: "text that is not UTF-8",
    Unmasked: "a frame that is not masked",
    BigControl: "a ping of 126 bytes",
    BadClose: "a close frame with code 1006",
    Reset: "resets TCP within a frame",
    HalfClose: "half-closes TCP within a message",
    LateEnd: "closes, and goes on sending",
}

/// What the server does to who attacks like this, and how soon.
enum Owed {
    /// It answers with this HTTP status, and closes.
    Status(u16),
    /// It closes with this code.
    Close(u16),
    /// It closes TCP, with or without a word.
    End,
    /// It bears it for as long as this test takes.
    Nothing,
}

enum Then {
    Nothing,
    /// Goes on with these bytes, one after the other, over and over.
    Trickle(Vec<u8>),
    /// Goes on with these bytes, over and over, a wave at a time.
    Flood(Rc<[u8]>, Duration),
    HalfClose,
    Reset,
}

struct Plan {
    /// The opening handshake, whose answer is awaited. Without it the attack is on the handshake.
    request: Option<String>,
    first: Vec<u8>,
    then: Then,
    reads: bool,
    owed: Owed,
    within: Duration,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    /// Waits a little.
    Waiting,
    /// Says the first thing.
    Attacking,
    /// Goes on.
    GoingOn,
}

pub(crate) struct Hostile {
    pub(crate) attack: Attack,
    plan: Plan,
    phase: Phase,
    out: Vec<u8>,
    written: usize,
    trickled: usize,
    /// The first that was received: the answer to the request, and then frames.
    received: Vec<u8>,
    /// When it was connected.
    connected: Option<Duration>,
    /// When the attack began.
    since: Option<Duration>,
    ended_it: bool,
}

/// How far it has come.
pub(crate) enum Progress {
    GoesOn,
    /// It wants to be called again after this time.
    Wake(Duration),
    /// The server has ended the connection, or we have.
    Over,
}

/// What all attacks have in common, made once.
#[derive(Clone)]
pub(crate) struct Arsenal {
    kind: Kind,
    host: String,
    bomb: Rc<[u8]>,
    pings: Rc<[u8]>,
    messages: Rc<[u8]>,
    tiny: Rc<[u8]>,
    empty: Rc<[u8]>,
    fields: Rc<[u8]>,
}

impl Arsenal {
    pub(crate) fn new(kind: Kind, host: String) -> Self {
        let fill = |unit: &[u8]| Rc::from(unit.repeat(WAVE / unit.len() + 1));
        let too_much = usize::try_from(MAX_MESSAGE_SIZE).unwrap_or(usize::MAX) + 1;
        Self {
            kind,
            host,
            bomb: compressed(&vec![0; too_much]).into(),
            pings: fill(&frame(Opcode::PING, &[b'p'; 125])),
            messages: fill(&frame(Opcode::BINARY, &[b'm'; 4000])),
            tiny: fill(&fragment(b"x")),
            empty: fill(&fragment(b"")),
            fields: fill(b"X-Filler: and so on, and so on, and so on\r\n"),
        }
    }

    fn request(&self, more: &str) -> String {
        let host = &self.host;
        format!(
            "GET {PATH} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n"
        )
    }

    #[allow(clippy::too_many_lines)] // a table
    fn plan(&self, attack: Attack, rng: &mut Rng) -> Plan {
        use Attack as A;
        let (handshake, silence) = (server::HANDSHAKE + SLACK, server::SILENCE + SLACK);
        let begun = self.request("").into_bytes();
        let endless = if self.kind == Kind::Playground { 400 } else { 431 };
        let deflate = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        let rest = Duration::from_millis(100);
        let text = |payload: &[u8]| frame(Opcode::TEXT, payload);
        let garbage: Vec<u8> = (0..600).map(|_| rng.u8(..)).collect();
        let header = |len| header(FrameHeader::new(Opcode::BINARY, len));
        let overflow = [&[0x82, 0xFF], &[0xFF; 8][..], &KEY].concat();
        let (request, first, then, owed, within) = match attack {
            A::Silence => (None, vec![], Then::Nothing, Owed::End, handshake),
            A::SlowHead => (None, vec![], Then::Trickle(begun), Owed::End, handshake),
            A::EndlessHead => {
                let line = format!("GET {PATH} HTTP/1.1\r\n").into();
                let flood = Then::Flood(Rc::clone(&self.fields), rest);
                (None, line, flood, Owed::Status(endless), PATIENCE)
            }
            A::NoHttp => {
                let garbage = [&garbage[..], b"\r\n\r\n"].concat();
                (None, garbage, Then::Nothing, Owed::Status(400), PATIENCE)
            }
            A::HalfHead => {
                let half = begun.get(..60).unwrap_or_default().to_vec();
                (None, half, Then::HalfClose, Owed::End, PATIENCE)
            }
            A::Mute => (Some(""), vec![], Then::Nothing, Owed::End, silence),
            // Not random in the first byte: what it is an error of should be known.
            A::Garbage => (
                Some(""),
                [&[0xB3], &garbage[..]].concat(),
                Then::Nothing,
                Owed::Close(1002),
                PATIENCE,
            ),
            A::GiantLength => {
                (Some(""), header(u64::MAX >> 1), Then::Nothing, Owed::Close(1009), PATIENCE)
            }
            A::Overflow => (Some(""), overflow, Then::Nothing, Owed::Close(1002), PATIENCE),
            A::Announcer => {
                let header = header(MAX_MESSAGE_SIZE);
                (Some(""), header, Then::Trickle(vec![0]), Owed::Nothing, PATIENCE)
            }
            A::UnreadPings => {
                let flood = Then::Flood(Rc::clone(&self.pings), rest);
                (Some(""), vec![], flood, Owed::End, silence)
            }
            A::UnreadMessages => {
                let flood = Then::Flood(Rc::clone(&self.messages), rest);
                (Some(""), vec![], flood, Owed::End, silence)
            }
            A::TinyFragments | A::EmptyFragments => {
                let fragments = if attack == A::TinyFragments { &self.tiny } else { &self.empty };
                let first = wire(FrameHeader::new(Opcode::TEXT, 1).with_fin(false), b"x");
                let flood = Then::Flood(Rc::clone(fragments), rest);
                (Some(""), first, flood, Owed::Close(1008), 2 * PATIENCE)
            }
            A::Bomb => {
                let bomb = FrameHeader::new(Opcode::BINARY, self.bomb.len() as u64);
                let bomb = wire(bomb.with_rsv1(true), &self.bomb);
                (Some(deflate), bomb, Then::Nothing, Owed::Close(1009), PATIENCE)
            }
            A::Corrupt => {
                let corrupt = wire(FrameHeader::new(Opcode::BINARY, 1).with_rsv1(true), &[0x07]);
                (Some(deflate), corrupt, Then::Nothing, Owed::Close(1007), PATIENCE)
            }
            A::BadText => (Some(""), text(b"ab\xff"), Then::Nothing, Owed::Close(1007), PATIENCE),
            A::Unmasked => {
                (Some(""), b"\x81\x02hi".to_vec(), Then::Nothing, Owed::Close(1002), PATIENCE)
            }
            A::BigControl => {
                let ping = frame(Opcode::PING, &[0; 126]);
                (Some(""), ping, Then::Nothing, Owed::Close(1002), PATIENCE)
            }
            A::BadClose => {
                let close = frame(Opcode::CLOSE, &1006_u16.to_be_bytes());
                (Some(""), close, Then::Nothing, Owed::Close(1002), PATIENCE)
            }
            A::Reset => (Some(""), half_a_frame(), Then::Reset, Owed::Nothing, PATIENCE),
            A::HalfClose => (Some(""), half_a_frame(), Then::HalfClose, Owed::End, PATIENCE),
            A::LateEnd => {
                let close = frame(Opcode::CLOSE, &1000_u16.to_be_bytes());
                let flood = Then::Flood(Rc::clone(&self.pings), rest);
                (Some(""), close, flood, Owed::Close(1000), PATIENCE)
            }
        };
        let request = request.map(|more| self.request(more));
        let reads = !matches!(attack, A::UnreadPings | A::UnreadMessages);
        Plan { request, first, then, reads, owed, within }
    }
}

impl Hostile {
    pub(crate) fn new(attack: Attack, arsenal: &Arsenal, rng: &mut Rng) -> Self {
        let plan = arsenal.plan(attack, rng);
        let (phase, out) = match &plan.request {
            Some(request) => (Phase::Opening, request.clone().into_bytes()),
            None => (Phase::Waiting, Vec::new()),
        };
        Self {
            attack,
            plan,
            phase,
            out,
            written: 0,
            trickled: 0,
            received: Vec::new(),
            connected: None,
            since: None,
            ended_it: false,
        }
    }

    /// TCP is connected. When there is something to do by the clock.
    pub(crate) fn connected(&mut self, now: Duration, rng: &mut Rng) -> Option<Duration> {
        self.connected = Some(now);
        if self.plan.request.is_some() {
            return None;
        }
        // The handshake's deadline runs.
        self.since = Some(now);
        Some(pause(rng))
    }

    /// The socket is ready, or the time has come (`due`).
    pub(crate) fn act(
        &mut self,
        socket: &mut TcpStream,
        now: Duration,
        due: bool,
        rng: &mut Rng,
    ) -> io::Result<Progress> {
        let opening = self.phase == Phase::Opening;
        if (self.plan.reads || opening) && self.read(socket)? {
            return Ok(Progress::Over);
        }
        if opening && self.received.windows(4).any(|end| end == b"\r\n\r\n") {
            self.phase = Phase::Waiting;
            return Ok(Progress::Wake(pause(rng)));
        }
        if self.phase == Phase::Waiting && due {
            self.phase = Phase::Attacking;
            self.since.get_or_insert(now);
            (self.out, self.written) = (self.plan.first.clone(), 0);
        } else if self.phase == Phase::GoingOn && due {
            return self.go_on(socket, now, rng);
        }
        if self.write(socket, now)? && self.phase == Phase::Attacking {
            self.phase = Phase::GoingOn;
            // So that the server has seen the first before the next.
            return Ok(Progress::Wake(Duration::from_millis(200)));
        }
        Ok(Progress::GoesOn)
    }

    fn go_on(
        &mut self,
        socket: &mut TcpStream,
        now: Duration,
        rng: &mut Rng,
    ) -> io::Result<Progress> {
        match &self.plan.then {
            Then::Nothing => Ok(Progress::GoesOn),
            Then::Trickle(bytes) => {
                let next = bytes.get(self.trickled % bytes.len()).copied();
                self.trickled += 1;
                self.out.extend(next);
                self.write(socket, now)?;
                Ok(Progress::Wake(Duration::from_millis(rng.u64(200..1000))))
            }
            Then::Flood(wave, rest) => {
                if self.written == self.out.len() {
                    (self.out, self.written) = (wave.to_vec(), 0);
                }
                let rest = *rest;
                self.write(socket, now)?;
                Ok(Progress::Wake(rest))
            }
            Then::HalfClose => {
                socket.shutdown(Shutdown::Write)?;
                Ok(Progress::GoesOn)
            }
            Then::Reset => {
                SockRef::from(&*socket).set_linger(Some(Duration::ZERO))?;
                self.ended_it = true;
                Ok(Progress::Over)
            }
        }
    }

    /// Whether all was written.
    fn write(&mut self, socket: &mut TcpStream, now: Duration) -> io::Result<bool> {
        while let Some(rest @ [_, ..]) = self.out.get(self.written..) {
            match socket.write(rest) {
                Ok(n) => {
                    self.written += n;
                    if !self.plan.reads && self.phase != Phase::Opening {
                        // Whoever is still read from is not silent.
                        self.since = Some(now);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Whether the server has ended the connection.
    fn read(&mut self, socket: &mut TcpStream) -> io::Result<bool> {
        let mut buffer = [0; 8192];
        loop {
            match socket.read(&mut buffer) {
                Ok(0) => return Ok(true),
                Ok(n) => {
                    let room = MEMORY.saturating_sub(self.received.len());
                    self.received.extend_from_slice(buffer.get(..n.min(room)).unwrap_or_default());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    /// The connection is over: what is wrong with that.
    pub(crate) fn judge(&self, now: Duration) -> Result<(), String> {
        if self.ended_it {
            return Ok(());
        }
        if self.phase == Phase::Opening || self.since.is_none() {
            return Err(format!("ended before it did anything: {}", self.said()));
        }
        match self.plan.owed {
            Owed::Nothing => return Err("ended by the server, which had to bear it".into()),
            Owed::End => {}
            Owed::Status(status) => {
                if !self.received.starts_with(format!("HTTP/1.1 {status} ").as_bytes()) {
                    return Err(format!("not answered with {status}: {}", self.said()));
                }
            }
            Owed::Close(code) => {
                let got = self.close_code();
                if got != Some(code) {
                    return Err(format!("not closed with {code}, but {got:?}: {}", self.said()));
                }
            }
        }
        self.late(now).map_or(Ok(()), |late| Err(format!("ended {late:.1?} too late")))
    }

    /// How much later it is than the server had to answer the handshake, or to end the connection.
    pub(crate) fn late(&self, now: Duration) -> Option<Duration> {
        let deadline = match (self.phase, &self.plan.owed) {
            (Phase::Opening, _) => self.connected? + PATIENCE,
            (_, Owed::Nothing) => return None,
            _ => self.since? + self.plan.within,
        };
        now.checked_sub(deadline).filter(|late| !late.is_zero())
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(self.received.get(..200).unwrap_or(&self.received)).into_owned()
    }

    /// The code of the close frame that the server has sent.
    fn close_code(&self) -> Option<u16> {
        let end = self.received.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
        let mut wire = self.received.get(end..)?;
        while let Ok(Some((header, len))) = FrameHeader::decode(wire) {
            let payload = wire.get(len..)?;
            if header.opcode() == Opcode::CLOSE {
                return payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            }
            wire = payload.get(usize::try_from(header.payload_len()).ok()?..)?;
        }
        None
    }
}

/// So that attacks do not come all at once.
fn pause(rng: &mut Rng) -> Duration {
    Duration::from_millis(rng.u64(..5000))
}

fn header(header: FrameHeader) -> Vec<u8> {
    header.with_masking_key(Some(KEY)).encode().to_vec()
}

fn wire(of: FrameHeader, payload: &[u8]) -> Vec<u8> {
    let mut wire = header(of);
    let start = wire.len();
    wire.extend_from_slice(payload);
    Mask::new(KEY).apply(wire.get_mut(start..).unwrap_or_default());
    wire
}

fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    wire(FrameHeader::new(opcode, payload.len() as u64), payload)
}

fn fragment(payload: &[u8]) -> Vec<u8> {
    wire(FrameHeader::new(Opcode::CONTINUATION, payload.len() as u64).with_fin(false), payload)
}

fn half_a_frame() -> Vec<u8> {
    let mut frame = frame(Opcode::TEXT, &[b'h'; 5000]);
    frame.truncate(2500);
    frame
}

/// As permessage-deflate has it (RFC 7692 §7.2.1).
fn compressed(message: &[u8]) -> Vec<u8> {
    let mut zlib = Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(message.len() / 100 + 1000);
    let done = zlib.compress_vec(message, &mut out, FlushCompress::Sync);
    debug_assert!(done.is_ok());
    out.truncate(out.len().saturating_sub(4));
    out
}
