//! The tables of the report: what each peer does, and what the machine does.

use std::rc::Rc;

use crate::{
    handshake,
    io::Pipe,
    measure::{Plan, Runner, Stat, take_turns, timed},
    peers::{Peer, Round},
    wire::{Framing, Wire, check_frames},
    workload::{Content, Message, Role, Sink, check_messages, messages, messages_of},
};

pub struct Table {
    pub id: &'static str,
    pub title: &'static str,
    pub unit: &'static str,
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
}

pub struct Row {
    pub name: String,
    pub cells: Vec<Option<Stat>>,
}

type Peers = [Box<dyn Peer>];

/// One workload: a table with a column for each variant.
pub struct Workload {
    pub id: &'static str,
    title: &'static str,
    columns: Vec<(String, Task)>,
}

#[derive(Clone, Copy)]
enum Task {
    Decode(Content, usize),
    Fragmented(Content, usize, Option<usize>),
    Encode(Role, usize),
    Echo(Content, usize),
    Accept,
    Connect,
    Inflate(usize),
    Deflate(usize),
}

const SIZES: [usize; 7] = [16, 64, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20];
const ENCODED: [usize; 4] = [16, 1 << 10, 64 << 10, 1 << 20];
const ECHOED: [usize; 5] = [16, 125, 1 << 10, 16 << 10, 64 << 10];

pub fn workloads() -> Vec<Workload> {
    let of = |id, title, sizes: &[usize], task: &dyn Fn(usize) -> Task| Workload {
        id,
        title,
        columns: sizes.iter().map(|&size| (name_of(size), task(size))).collect(),
    };
    let fragmented =
        |content, size, ping, name: &str| (name.to_owned(), Task::Fragmented(content, size, ping));
    vec![
        of("decode-binary", "Server decode, binary", &SIZES, &|size| {
            Task::Decode(Content::Binary, size)
        }),
        of("decode-ascii", "Server decode, ASCII text", &SIZES, &|size| {
            Task::Decode(Content::Ascii, size)
        }),
        of("decode-mixed", "Server decode, mixed text", &SIZES, &|size| {
            Task::Decode(Content::Mixed, size)
        }),
        Workload {
            id: "fragmented",
            title: "Server decode, 1 MiB of text in fragments (4 KiB: a ping after every 8)",
            columns: vec![
                fragmented(Content::Ascii, 4096, Some(8), "ASCII, 4 KiB"),
                fragmented(Content::Mixed, 4096, Some(8), "mixed, 4 KiB"),
                fragmented(Content::Ascii, 125, None, "ASCII, 125 B"),
                fragmented(Content::Mixed, 125, None, "mixed, 125 B"),
            ],
        },
        of("encode-server", "Encode as a server, binary", &ENCODED, &|size| {
            Task::Encode(Role::Server, size)
        }),
        of("encode-client", "Encode as a client (masked), binary", &ENCODED, &|size| {
            Task::Encode(Role::Client, size)
        }),
        of("echo-binary", "Echo as a server, binary", &ECHOED, &|size| {
            Task::Echo(Content::Binary, size)
        }),
        of("echo-mixed", "Echo as a server, mixed text", &ECHOED, &|size| {
            Task::Echo(Content::Mixed, size)
        }),
        Workload {
            id: "handshake",
            title: "Opening handshake, a connection made and dropped",
            columns: vec![
                ("server".to_owned(), Task::Accept),
                ("client".to_owned(), Task::Connect),
            ],
        },
        Workload {
            id: "deflate",
            title: "permessage-deflate, JSON-like text",
            columns: vec![
                ("inflate 1 KiB".to_owned(), Task::Inflate(1 << 10)),
                ("inflate 64 KiB".to_owned(), Task::Inflate(64 << 10)),
                ("deflate 1 KiB".to_owned(), Task::Deflate(1 << 10)),
                ("deflate 64 KiB".to_owned(), Task::Deflate(64 << 10)),
            ],
        },
    ]
}

pub fn name_of(size: usize) -> String {
    match size {
        0x10_0000.. => format!("{} MiB", size >> 20),
        0x400.. => format!("{} KiB", size >> 10),
        _ => format!("{size} B"),
    }
}

impl Workload {
    /// Measures all peers, after a check that each does what is asked.
    pub fn run(&self, plan: Plan, peers: &Peers) -> Table {
        let mut rows: Vec<_> = peers
            .iter()
            .map(|peer| Row { name: peer.name().to_owned(), cells: Vec::new() })
            .collect();
        for (name, task) in &self.columns {
            eprintln!("  {}, {name}", self.title);
            let runners = peers.iter().map(|peer| task.runner(peer.as_ref())).collect();
            for (row, stat) in rows.iter_mut().zip(take_turns(plan, runners)) {
                row.cells.push(stat);
            }
        }
        let columns = self.columns.iter().map(|(name, _)| name.clone()).collect();
        Table { id: self.id, title: self.title, unit: "ns a message", columns, rows }
    }
}

impl Task {
    fn runner(self, peer: &dyn Peer) -> Option<Runner> {
        let whole = |content, size| Wire::new(&messages(content, size), Framing::Whole);
        match self {
            Self::Decode(content, size) => {
                reading(peer, &whole(content, size), false, |pipe| peer.decode(pipe))
            }
            Self::Fragmented(content, size, ping) => {
                let framing = Framing::Fragments { size, ping };
                let wire = Wire::new(&messages_of(content, 1 << 20, 2), framing);
                reading(peer, &wire, false, |pipe| peer.decode(pipe))
            }
            Self::Echo(content, size) => {
                reading(peer, &whole(content, size), true, |pipe| peer.echo(pipe))
            }
            Self::Inflate(size) => {
                let wire = Wire::new(&messages(Content::Json, size), Framing::Deflate);
                reading(peer, &wire, false, |pipe| peer.inflate(pipe))
            }
            Self::Encode(role, size) => {
                writing(peer, role, messages(Content::Binary, size), |pipe, messages| {
                    peer.encode(pipe, role, messages)
                })
            }
            Self::Deflate(size) => {
                writing(peer, Role::Server, messages(Content::Json, size), |pipe, messages| {
                    peer.deflate(pipe, messages)
                })
            }
            Self::Accept => accepting(peer),
            Self::Connect => connecting(peer),
        }
    }
}

/// A peer that reads `wire` and delivers its messages (or sends them back).
fn reading(
    peer: &dyn Peer,
    wire: &Wire,
    echo: bool,
    open: impl Fn(Pipe) -> Option<Round>,
) -> Option<Runner> {
    let (pipe, mut sink) = (Pipe::new(), Sink::new());
    let mut round = open(pipe.clone())?;
    let (bytes, count) = (Rc::clone(&wire.bytes), wire.messages.len());
    let size = wire.messages.iter().map(|message| message.data.len()).sum::<usize>();
    // Twice, so that a connection that carries state from round to round shows it.
    for _ in 0..2 {
        pipe.load(&bytes);
        pipe.record();
        sink.record(count);
        round(&mut sink);
        let (written, delivered) = (pipe.recorded(), sink.recorded());
        let sent_back: &[Message] = if echo { &wire.messages } else { &[] };
        let check = check_frames(Role::Server, sent_back, wire.pings, &written)
            .and_then(|()| if echo { Ok(()) } else { check_messages(&wire.messages, &delivered) });
        check.unwrap_or_else(|error| panic!("{}: {error}", peer.name()));
    }
    let name = peer.name();
    Some(Runner::new(count, move || {
        pipe.load(&bytes);
        sink.expect(count);
        let time = timed(|| round(&mut sink));
        assert!(pipe.is_drained(), "{name} leaves bytes unread");
        assert_eq!((sink.messages, sink.bytes), (count, size), "{name} loses messages");
        time
    }))
}

/// A peer that writes messages.
fn writing(
    peer: &dyn Peer,
    role: Role,
    messages: Rc<[Message]>,
    open: impl Fn(Pipe, &Rc<[Message]>) -> Option<Round>,
) -> Option<Runner> {
    let (pipe, mut sink) = (Pipe::new(), Sink::new());
    let mut round = open(pipe.clone(), &messages)?;
    pipe.record();
    round(&mut sink);
    let written = pipe.recorded();
    check_frames(role, &messages, 0, &written)
        .unwrap_or_else(|error| panic!("{}: {error}", peer.name()));
    pipe.written();
    let (name, len) = (peer.name(), written.len() as u64);
    Some(Runner::new(messages.len(), move || {
        let time = timed(|| round(&mut sink));
        // A compressor that keeps its window writes a little less from the second round on.
        let now = pipe.written();
        assert!(now > len / 2 && now <= len + len / 8, "{name} writes {now} bytes, not {len}");
        time
    }))
}

/// How many handshakes make a round.
const HANDSHAKES: usize = 64;

fn accepting(peer: &dyn Peer) -> Option<Runner> {
    let (pipe, mut sink) = (Pipe::new(), Sink::new());
    let mut round = peer.accept(pipe.clone())?;
    let request: Rc<[u8]> = handshake::REQUEST.as_bytes().into();
    let name = peer.name();
    pipe.load(&request);
    pipe.record();
    round(&mut sink);
    handshake::check_response(&pipe.recorded()).unwrap_or_else(|error| panic!("{name}: {error}"));
    Some(Runner::new(HANDSHAKES, move || {
        sink.expect(HANDSHAKES);
        let time = timed(|| {
            for _ in 0..HANDSHAKES {
                pipe.load(&request);
                round(&mut sink);
            }
        });
        assert_eq!(sink.messages, HANDSHAKES, "{name} refuses a handshake");
        time
    }))
}

/// Only the client's share is measured: the responses are made between its two halves.
fn connecting(peer: &dyn Peer) -> Option<Runner> {
    let mut client = peer.connect()?;
    let pipes: Vec<_> = (0..HANDSHAKES).map(|_| Pipe::new()).collect();
    let name = peer.name();
    Some(Runner::new(HANDSHAKES, move || {
        pipes.iter().for_each(|pipe| {
            pipe.clear();
            pipe.record();
        });
        let first = timed(|| client.request(&pipes));
        for pipe in &pipes {
            let response = handshake::response_to(&pipe.recorded());
            pipe.load(&response.unwrap_or_else(|error| panic!("{name}: {error}")));
        }
        let mut open = 0;
        let second = timed(|| open = client.response());
        assert_eq!(open, HANDSHAKES, "{name} refuses a response");
        first + second
    }))
}

/// How often each calls the transport: what a round in memory does not charge for.
pub fn calls(peers: &Peers) -> Table {
    let messages = messages(Content::Binary, 16);
    let wire = Wire::new(&messages, Framing::Whole);
    let rows = peers.iter().map(|peer| {
        let calls = |open: &dyn Fn(Pipe) -> Option<Round>, of: fn((usize, usize)) -> usize| {
            let (pipe, mut sink) = (Pipe::new(), Sink::new());
            let mut round = open(pipe.clone())?;
            pipe.load(&wire.bytes);
            pipe.calls();
            sink.expect(messages.len());
            round(&mut sink);
            let calls = of(pipe.calls()) as f64 * 1000.0 / messages.len() as f64;
            Some(Stat { min: calls, median: calls })
        };
        let cells = vec![
            calls(&|pipe| peer.decode(pipe), |(reads, _)| reads),
            calls(&|pipe| peer.encode(pipe, Role::Server, &messages), |(_, writes)| writes),
            calls(&|pipe| peer.echo(pipe), |(_, writes)| writes),
        ];
        Row { name: peer.name().to_owned(), cells }
    });
    Table {
        id: "calls",
        title: "Calls of the transport, 16 B messages",
        unit: "for 1000 messages",
        columns: ["decode: reads", "encode: writes", "echo: writes"].map(str::to_owned).into(),
        rows: rows.collect(),
    }
}

/// How small each compresses: a fast one may only be a careless one.
pub fn deflate_size(peers: &Peers) -> Table {
    let sizes = [1 << 10, 64 << 10];
    let rows = peers.iter().map(|peer| {
        let cells = sizes.map(|size| {
            let (pipe, messages) = (Pipe::new(), messages(Content::Json, size));
            let mut round = peer.deflate(pipe.clone(), &messages)?;
            round(&mut Sink::new());
            Some(Stat::exact(pipe.written() as usize / messages.len()))
        });
        Row { name: peer.name().to_owned(), cells: cells.into() }
    });
    Table {
        id: "deflate-size",
        title: "Size of a message after deflate",
        unit: "bytes",
        columns: sizes.map(name_of).into(),
        rows: rows.collect(),
    }
}

/// The memory of an idle server's connection after one echo.
pub fn memory(peers: &Peers) -> Table {
    let rows = peers.iter().map(|peer| {
        let heap = |size| {
            let wire = Wire::new(&messages_of(Content::Binary, size, 1), Framing::Whole);
            let (pipe, mut sink) = (Pipe::new(), Sink::new());
            pipe.load(&wire.bytes);
            sink.expect(1);
            peer.idle(&pipe, &mut sink).map(Stat::exact)
        };
        let cells = vec![heap(1 << 10), heap(64 << 10), peer.size().map(Stat::exact)];
        Row { name: peer.name().to_owned(), cells }
    });
    Table {
        id: "memory",
        title: "Memory of an idle server connection after one echo",
        unit: "bytes",
        columns: ["heap after 1 KiB", "heap after 64 KiB", "size of the struct"]
            .map(str::to_owned)
            .into(),
        rows: rows.collect(),
    }
}

/// Handles the first `count` of 4096 messages of 64 bytes, and nothing else, for a profiler.
pub fn count(peer: &dyn Peer, workload: &str, count: usize) -> Option<()> {
    let messages = messages_of(Content::Binary, 64, 4096);
    let role = match workload {
        "decode-binary" => return count_decoded(peer, &messages, count),
        "encode-server" => Role::Server,
        "encode-client" => Role::Client,
        _ => return None,
    };
    let (pipe, messages) = (Pipe::new(), messages.get(..count)?.into());
    peer.encode(pipe, role, &messages)?(&mut Sink::new());
    Some(())
}

fn count_decoded(peer: &dyn Peer, messages: &Rc<[Message]>, count: usize) -> Option<()> {
    let wire = Wire::new(messages, Framing::Whole);
    let (pipe, mut sink) = (Pipe::new(), Sink::new());
    let mut round = peer.decode(pipe.clone())?;
    pipe.load_part(&wire.bytes, *wire.ends.get(count.checked_sub(1)?)?);
    sink.expect(count);
    round(&mut sink);
    assert_eq!((sink.messages, sink.bytes), (count, 64 * count));
    Some(())
}
