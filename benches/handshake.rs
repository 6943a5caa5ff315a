//! The opening handshake on both sides, beside httparse and the accept key alone: what a server
//! cannot do without.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::hint::black_box;

use common::input::{ANSWER, NONCE, REQUEST, RESPONSE, URL};
use criterion::Criterion;
use websans::{
    ClientHandshake, Config, Connection, MaskingKeySource, NoEntropy, RecvBuf, Request, Response,
    SendBuf, ServerHandshake,
};

/// The buffers of the caller, which go from one handshake to the next.
#[derive(Default)]
struct Buffers {
    rx: RecvBuf,
    tx: SendBuf,
    written: Vec<u8>,
}

impl Buffers {
    fn accept(&mut self, mut request: &[u8]) -> Connection {
        let mut handshake = ServerHandshake::new(Config::default());
        self.rx.read_from(&mut request).expect("reads from memory");
        let request = handshake.next_request(&mut self.rx, &mut self.tx);
        let request = request.expect("is valid").expect("is whole");
        let ws = request.accept(&Response::new(), &mut self.tx).expect("accepts");
        self.write();
        ws
    }

    fn connect(&mut self, request: &Request, config: Config, mut response: &[u8]) -> Connection {
        let handshake = ClientHandshake::new(request, config, &mut self.tx);
        let mut handshake = handshake.expect("has a key");
        self.write();
        self.rx.read_from(&mut response).expect("reads from memory");
        let response = handshake.next_response(&mut self.rx).expect("is valid").expect("is whole");
        response.into_connection().expect("is accepted")
    }

    fn write(&mut self) {
        self.written.clear();
        self.tx.write_to(&mut self.written).expect("writes to memory");
    }
}

/// Finds the key with httparse and writes the answer, without looking at anything else.
fn httparse_and_accept_key(mut request: &[u8], head: &mut Vec<u8>, written: &mut Vec<u8>) {
    head.clear();
    std::io::Read::read_to_end(&mut request, head).expect("reads from memory");
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut request = httparse::Request::new(&mut headers);
    assert!(request.parse(head).is_ok_and(|status| status.is_complete()));
    let key = request.headers.iter().find(|header| header.name == "Sec-WebSocket-Key");
    let accept = websans::accept_key(key.expect("is there").value);
    written.clear();
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Accept: ";
    for part in [head.as_bytes(), &accept, b"\r\n\r\n"] {
        written.extend_from_slice(part);
    }
}

/// The key that [`RESPONSE`] answers.
fn nonce(key: &mut [u8]) -> Result<(), NoEntropy> {
    key.copy_from_slice(NONCE.get(..key.len()).ok_or(NoEntropy)?);
    Ok(())
}

fn main() {
    let mut c: Criterion = common::criterion();
    let mut group = c.benchmark_group("handshake");
    let mut buffers = Buffers::default();

    drop(buffers.accept(REQUEST.as_bytes()));
    assert_eq!(buffers.written, ANSWER.as_bytes());
    group.bench_function("server", |b| {
        b.iter(|| buffers.accept(black_box(REQUEST.as_bytes())));
    });

    let (mut head, mut written) = (Vec::new(), Vec::new());
    httparse_and_accept_key(REQUEST.as_bytes(), &mut head, &mut written);
    assert_eq!(written, ANSWER.as_bytes());
    group.bench_function("httparse and accept key alone", |b| {
        b.iter(|| {
            httparse_and_accept_key(black_box(REQUEST.as_bytes()), &mut head, &mut written);
            black_box(&written);
        });
    });

    let config = Config::default().masking_keys(MaskingKeySource(nonce));
    let request = Request::new(URL).expect("a URI");
    drop(buffers.connect(&request, config, RESPONSE.as_bytes()));
    let sent = std::str::from_utf8(&buffers.written).expect("is ASCII");
    assert!(sent.starts_with("GET /chat?room=7 HTTP/1.1\r\nHost: server.example.com\r\n"));
    assert!(sent.contains("\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
    group.bench_function("client", |b| {
        b.iter(|| buffers.connect(&request, config, black_box(RESPONSE.as_bytes())));
    });
    group.bench_function("client's URI", |b| {
        b.iter(|| Request::new(black_box(URL)).expect("a URI"));
    });
    group.finish();
    c.final_summary();
}
