//! What connections cost that do nothing but stay alive.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::hint::black_box;
use std::time::Duration;

use common::endpoint::{Endpoint, Received};
use common::input::{self, PAYLOAD, PING, PONG};
use criterion::Criterion;
use websans::{Config, Connection, Keepalive, KeepaliveConfig, KeepaliveTimeout, RecvBuf, SendBuf};

const PINGS: usize = 1000;

fn keepalive(c: &mut Criterion) {
    let mut group = c.benchmark_group("idle/Keepalive");
    let start = || {
        let mut keepalive = Keepalive::new(KeepaliveConfig::default(), Duration::ZERO);
        keepalive.handle_open(Duration::ZERO);
        keepalive
    };

    let (mut keepalive, mut now) = (start(), Duration::ZERO);
    group.bench_function("bytes received", |b| {
        b.iter(|| {
            now += Duration::from_millis(1);
            keepalive.handle_received(black_box(now));
            keepalive.handle_incomplete(false, now);
            let next = keepalive.next_timeout();
            assert_eq!(next, Some(now + Duration::from_secs(20)));
        });
    });

    let mut keepalive = start();
    group.bench_function("nothing due", |b| {
        b.iter(|| assert_eq!(keepalive.handle_timeout(black_box(Duration::from_secs(19))), None));
    });

    let (mut keepalive, mut now) = (start(), Duration::ZERO);
    group.bench_function("ping due, and answered", |b| {
        b.iter(|| {
            now += Duration::from_secs(20);
            assert_eq!(keepalive.handle_timeout(black_box(now)), Some(KeepaliveTimeout::Ping));
            keepalive.handle_received(now);
        });
    });
}

fn connections(c: &mut Criterion) {
    let mut group = c.benchmark_group("idle/Connection");
    group.bench_function("open and drop", |b| {
        b.iter(|| Connection::server(black_box(Config::default())));
    });

    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());
    let mut ws = Connection::server(Config::default());
    group.bench_function("nothing received", |b| {
        b.iter(|| assert_eq!(ws.next_event(black_box(&mut rx), &mut tx), Ok(None)));
    });

    group.throughput(common::messages(PINGS));
    let wire = input::frame(true, true, PING, PAYLOAD).repeat(PINGS);
    let mut endpoint = Endpoint::server();
    let (received, _, written) = endpoint.record(|endpoint| endpoint.decode(&wire));
    assert_eq!(received, Received::default());
    assert!(written == input::frame(false, true, PONG, PAYLOAD).repeat(PINGS));
    group.bench_function("pings answered", |b| {
        b.iter(|| assert_eq!(endpoint.decode(black_box(&wire)), Received::default()));
    });

    let mut endpoint = Endpoint::server();
    group.bench_function("pings sent", |b| {
        b.iter(|| {
            for _ in 0..PINGS {
                endpoint.ws.send_ping(black_box(PAYLOAD), &mut endpoint.tx).expect("sends");
            }
            assert_eq!(endpoint.tx.len(), (PINGS * (2 + PAYLOAD.len())) as u64);
            endpoint.tx.consume(usize::MAX);
        });
    });
}

fn main() {
    let mut c = common::criterion();
    keepalive(&mut c);
    connections(&mut c);
    c.final_summary();
}
