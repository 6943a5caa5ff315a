//! What is counted. Each workload is run once before, so that buffers and tables are there; what
//! it did then is compared with what it should do. A name that ends in `_per_50` is of a workload
//! of 50 messages; the others are of [`MESSAGES`].

#![allow(dead_code)] // in the modules that it shares with the other benches

#[path = "../../common/endpoint.rs"]
mod endpoint;
#[path = "../../common/input.rs"]
mod input;

use std::hint::black_box;

use endpoint::{Endpoint, Received};
use gungraun::prelude::*;
use input::Content;
use websans::{
    ClientHandshake, Config, Connection, MaskingKeySource, NoEntropy, RecvBuf, Request, Response,
    SendBuf, ServerHandshake,
};

/// How many messages a workload is, or handshakes.
const MESSAGES: usize = 1000;

/// An endpoint that has just done what it is to do again.
struct Work {
    endpoint: Endpoint,
    wire: Vec<u8>,
    expected: Received,
}

fn decoder(endpoint: Endpoint, from_client: bool, content: Content, len: usize) -> Box<Work> {
    let payload = content.bytes(len);
    let wire = input::frame(from_client, true, content.opcode(), &payload).repeat(MESSAGES);
    let expected = Received { messages: MESSAGES, bytes: MESSAGES * len };
    let mut work = Box::new(Work { endpoint, wire, expected });
    let Work { endpoint, wire, .. } = &mut *work;
    let (received, delivered, _) = endpoint.record(|endpoint| endpoint.decode(wire));
    assert_eq!(received, expected);
    assert!(delivered == payload.repeat(MESSAGES), "other messages than were sent");
    work
}

fn at_server(content: Content, len: usize) -> Box<Work> {
    decoder(Endpoint::server(), true, content, len)
}

fn at_client(content: Content, len: usize) -> Box<Work> {
    decoder(Endpoint::client(), false, content, len)
}

#[library_benchmark]
#[bench::server_binary_16(at_server(Content::Binary, 16))]
#[bench::server_binary_64(at_server(Content::Binary, 64))]
#[bench::server_binary_125(at_server(Content::Binary, 125))]
#[bench::server_ascii_16(at_server(Content::Ascii, 16))]
#[bench::server_ascii_64(at_server(Content::Ascii, 64))]
#[bench::server_ascii_125(at_server(Content::Ascii, 125))]
#[bench::server_mixed_16(at_server(Content::Mixed, 16))]
#[bench::server_mixed_64(at_server(Content::Mixed, 64))]
#[bench::server_mixed_125(at_server(Content::Mixed, 125))]
#[bench::client_binary_16(at_client(Content::Binary, 16))]
#[bench::client_binary_64(at_client(Content::Binary, 64))]
#[bench::client_binary_125(at_client(Content::Binary, 125))]
#[bench::client_ascii_64(at_client(Content::Ascii, 64))]
fn decode(mut work: Box<Work>) -> Box<Work> {
    let received = work.endpoint.decode(black_box(&work.wire));
    assert_eq!(received, work.expected);
    work
}

/// Messages of four fragments of 4 KiB, with a ping within: few enough bytes that it is not
/// memcpy that is counted.
fn in_fragments(content: Content) -> Box<Work> {
    const COUNT: usize = 50;
    let payload = content.bytes(16 << 10);
    let message = input::fragments(content.opcode(), &payload, 4 << 10, 3);
    let expected = Received { messages: COUNT, bytes: COUNT * payload.len() };
    let mut work =
        Box::new(Work { endpoint: Endpoint::server(), wire: message.repeat(COUNT), expected });
    let Work { endpoint, wire, .. } = &mut *work;
    let (received, delivered, written) = endpoint.record(|endpoint| endpoint.decode(wire));
    assert_eq!(received, expected);
    assert!(delivered == payload.repeat(COUNT), "other messages than were sent");
    assert!(written == input::frame(false, true, input::PONG, input::PAYLOAD).repeat(COUNT));
    work
}

#[library_benchmark]
#[bench::binary_4x4k_per_50(in_fragments(Content::Binary))]
#[bench::ascii_4x4k_per_50(in_fragments(Content::Ascii))]
fn fragmented(mut work: Box<Work>) -> Box<Work> {
    let received = work.endpoint.decode(black_box(&work.wire));
    assert_eq!(received, work.expected);
    work
}

struct Sending {
    endpoint: Endpoint,
    message: Vec<u8>,
}

fn from_server(len: usize) -> Box<Sending> {
    let mut sending = Sending { endpoint: Endpoint::server(), message: Content::Binary.bytes(len) };
    let Sending { endpoint, message } = &mut sending;
    let ((), _, written) = endpoint.record(|endpoint| endpoint.encode(message, MESSAGES));
    assert!(written == input::frame(false, true, input::BINARY, message).repeat(MESSAGES));
    Box::new(sending)
}

/// With the default source of masking keys, so each frame has another.
fn from_client(len: usize) -> Box<Sending> {
    let mut sending = Sending { endpoint: Endpoint::client(), message: Content::Binary.bytes(len) };
    let Sending { endpoint, message } = &mut sending;
    let ((), _, written) = endpoint.record(|endpoint| endpoint.encode(message, MESSAGES));
    assert_eq!(written.len(), MESSAGES * (6 + len));
    for frame in written.chunks(6 + len) {
        let (head, masked) = frame.split_at(6);
        assert_eq!(head[..2], [0x80 | input::BINARY, 0x80 | len as u8]);
        assert_eq!(&input::mask(masked, [head[2], head[3], head[4], head[5]]), message);
    }
    Box::new(sending)
}

#[library_benchmark]
#[bench::server_16(from_server(16))]
#[bench::server_64(from_server(64))]
#[bench::server_125(from_server(125))]
#[bench::client_16(from_client(16))]
#[bench::client_64(from_client(64))]
#[bench::client_125(from_client(125))]
fn encode(mut sending: Box<Sending>) -> Box<Sending> {
    sending.endpoint.encode(black_box(&sending.message), MESSAGES);
    sending
}

fn echoing(content: Content) -> Box<Work> {
    let payload = content.bytes(64);
    let wire = input::frame(true, true, content.opcode(), &payload).repeat(MESSAGES);
    let expected = Received { messages: MESSAGES, bytes: MESSAGES * payload.len() };
    let mut work = Box::new(Work { endpoint: Endpoint::server(), wire, expected });
    let Work { endpoint, wire, .. } = &mut *work;
    let (received, _, written) = endpoint.record(|endpoint| endpoint.echo(wire));
    assert_eq!(received, expected);
    assert!(
        written == input::frame(false, true, content.opcode(), &payload).repeat(MESSAGES),
        "something else came back"
    );
    work
}

#[library_benchmark]
#[bench::server_binary_64(echoing(Content::Binary))]
#[bench::server_ascii_64(echoing(Content::Ascii))]
fn echo(mut work: Box<Work>) -> Box<Work> {
    let received = work.endpoint.echo(black_box(&work.wire));
    assert_eq!(received, work.expected);
    work
}

fn pinged() -> Box<Work> {
    let wire = input::frame(true, true, input::PING, input::PAYLOAD).repeat(MESSAGES);
    let mut work =
        Box::new(Work { endpoint: Endpoint::server(), wire, expected: Received::default() });
    let Work { endpoint, wire, expected } = &mut *work;
    let (received, _, written) = endpoint.record(|endpoint| endpoint.decode(wire));
    assert_eq!(received, *expected);
    let pong = input::frame(false, true, input::PONG, input::PAYLOAD);
    assert!(written == pong.repeat(MESSAGES), "not a pong to each ping");
    work
}

#[library_benchmark]
#[bench::to_pong(pinged())]
fn ping(mut work: Box<Work>) -> Box<Work> {
    let received = work.endpoint.decode(black_box(&work.wire));
    assert_eq!(received, work.expected);
    work
}

struct Opening {
    config: Config,
    request: Request,
    rx: RecvBuf,
    tx: SendBuf,
}

impl Opening {
    /// A request is read, and accepted.
    fn accept(&mut self) -> Connection {
        let mut handshake = ServerHandshake::new(self.config);
        self.rx.read_from(&mut black_box(input::REQUEST.as_bytes())).expect("reads from memory");
        let request = handshake.next_request(&mut self.rx, &mut self.tx);
        let request = request.expect("is valid").expect("is whole");
        request.accept(&Response::new(), &mut self.tx).expect("accepts")
    }

    /// A request is written, and its answer read.
    fn connect(&mut self) -> Connection {
        let handshake = ClientHandshake::new(&self.request, self.config, &mut self.tx);
        let mut handshake = handshake.expect("has a key");
        self.rx.read_from(&mut black_box(input::RESPONSE.as_bytes())).expect("reads from memory");
        let response = handshake.next_response(&mut self.rx).expect("is valid").expect("is whole");
        response.into_connection().expect("is accepted")
    }
}

/// The key that [`input::RESPONSE`] answers.
fn nonce(key: &mut [u8]) -> Result<(), NoEntropy> {
    key.copy_from_slice(input::NONCE.get(..key.len()).ok_or(NoEntropy)?);
    Ok(())
}

fn opening() -> Box<Opening> {
    let config = Config::default().masking_keys(MaskingKeySource(nonce));
    let request = Request::new(input::URL).expect("a URI");
    let mut opening = Box::new(Opening { config, request, rx: RecvBuf::new(), tx: SendBuf::new() });
    drop(opening.accept());
    assert_eq!(opening.tx.as_slice(), input::ANSWER.as_bytes());
    opening.tx.clear();
    drop(opening.connect());
    let request = std::str::from_utf8(opening.tx.as_slice()).expect("is ASCII");
    assert!(request.contains("\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
    opening.tx.clear();
    opening
}

#[library_benchmark]
#[bench::server_per_100(opening())]
fn accept(mut opening: Box<Opening>) -> Box<Opening> {
    for _ in 0..100 {
        black_box(opening.accept());
        opening.tx.consume(usize::MAX);
    }
    opening
}

#[library_benchmark]
#[bench::client_per_100(opening())]
fn connect(mut opening: Box<Opening>) -> Box<Opening> {
    for _ in 0..100 {
        black_box(opening.connect());
        opening.tx.consume(usize::MAX);
    }
    opening
}

library_benchmark_group!(
    name = all,
    benchmarks = [decode, fragmented, encode, echo, ping, accept, connect]
);

/// The same copying of larger pieces on processors that have a fast `rep movsb` and others.
fn config() -> LibraryBenchmarkConfig {
    let mut config = LibraryBenchmarkConfig::default();
    config.env("GLIBC_TUNABLES", "glibc.cpu.x86_rep_movsb_threshold=0x40000000");
    config
}

main!(config = config(), library_benchmark_groups = all);
