//! permessage-deflate (RFC 7692) at its default level, with context takeover; zlib itself makes
//! what is read, and reads what is sent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::hint::black_box;

use common::endpoint::{Endpoint, Received};
use common::input::{self, Content, REQUEST, name_of};
use criterion::{BenchmarkId, Criterion};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use websans::frame::FrameHeader;
use websans::{Config, Event, PermessageDeflate, RecvBuf, Response, SendBuf, ServerHandshake};

const LENGTHS: [usize; 3] = [125, 1 << 10, 64 << 10];

/// How many bytes one round moves at least.
const ROUND: usize = 128 << 10;

const RSV1: u8 = 0x40;

/// What ends each message and is left out (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// A server that has agreed on permessage-deflate.
fn server() -> Endpoint {
    let config = Config::default().permessage_deflate(PermessageDeflate::default());
    let (mut handshake, mut rx) = (ServerHandshake::new(config), RecvBuf::new());
    let offer = "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    rx.extend(REQUEST.replace("\r\n\r\n", offer).as_bytes());
    let request = handshake.next_request(&mut rx, &mut SendBuf::new());
    let request = request.expect("is valid").expect("is whole");
    let ws = request.accept(&Response::new(), &mut SendBuf::new()).expect("accepts");
    assert!(ws.permessage_deflate().is_some());
    Endpoint::new(ws)
}

/// Without what went before, so that it can be read again and again.
fn compressed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 64);
    Compress::new(Compression::new(6), false)
        .compress_vec(message, &mut out, FlushCompress::Sync)
        .expect("compresses");
    out.strip_suffix(&TAIL).expect("all of it").to_vec()
}

/// Whether exactly that was written: so many times the message, compressed.
fn check(mut written: &[u8], message: &[u8], count: usize) {
    let mut inflate = Decompress::new(false);
    for _ in 0..count {
        let (header, len) = FrameHeader::decode(written).expect("a frame").expect("is whole");
        let end = len + usize::try_from(header.payload_len()).expect("is small");
        assert!(header.fin() && header.rsv1());
        let mut out = Vec::with_capacity(message.len() + 64);
        let input = [&written[len..end], &TAIL].concat();
        inflate.decompress_vec(&input, &mut out, FlushDecompress::Sync).expect("inflates");
        assert!(out == message, "another message than was sent");
        written = &written[end..];
    }
    assert!(written.is_empty(), "more than was to be sent");
}

fn main() {
    let mut c: Criterion = common::criterion();
    for len in LENGTHS {
        let (message, count) = (Content::Json.bytes(len), (ROUND / len).max(2));
        let name = BenchmarkId::from_parameter(name_of(len));

        let opcode = RSV1 | Content::Json.opcode();
        let wire = input::frame(true, true, opcode, &compressed(&message)).repeat(count);
        let mut endpoint = server();
        let expected = Received { messages: count, bytes: count * len };
        let (received, delivered, _) = endpoint.record(|endpoint| endpoint.decode(&wire));
        assert_eq!(received, expected);
        assert!(delivered == message.repeat(count), "other messages than were sent");
        let mut group = c.benchmark_group("deflate/inflate");
        group.throughput(common::bytes(count * len));
        group.bench_function(name.clone(), |b| {
            b.iter(|| assert_eq!(endpoint.decode(black_box(&wire)), expected));
        });
        group.finish();

        let mut endpoint = server();
        let ((), _, written) = endpoint.record(|endpoint| endpoint.encode(&message, count));
        check(&written, &message, count);
        let mut group = c.benchmark_group("deflate/deflate");
        group.throughput(common::bytes(count * len));
        group.bench_function(name, |b| {
            b.iter(|| endpoint.encode(black_box(&message), count));
        });
    }
    uncompressed(&mut c);
    c.final_summary();
}

/// What it costs to have it agreed on, for messages that are not compressed.
fn uncompressed(c: &mut Criterion) {
    let message = Content::Json.bytes(125);
    let wire = input::frame(true, true, Content::Json.opcode(), &message);
    let mut endpoint = server();
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    c.bench_function("deflate/agreed on, not used/125 B", |b| {
        b.iter(|| {
            rx.extend(black_box(&wire));
            let event = endpoint.ws.next_event(&mut rx, &mut tx).expect("no violation");
            assert!(matches!(event, Some(Event::Text(text)) if text.len() == message.len()));
        });
    });
}
