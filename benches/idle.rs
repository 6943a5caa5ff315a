//! What connections cost that do nothing but stay alive.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::hint::black_box;
use std::time::Duration;

use common::endpoint::{Endpoint, Received};
use common::input::{self, PAYLOAD, PING, PONG};
use criterion::Criterion;
use websans::{Config, Connection, Deadlines, Io, RecvBuf, SendBuf, Session};

const PINGS: usize = 1000;

/// What a session looks after that a connection does not: the time.
fn session(c: &mut Criterion) {
    let mut group = c.benchmark_group("idle/Session");
    let config = Config::default();
    let start = || {
        let connection = Connection::server(config);
        Session::open(connection, Deadlines::default(), Duration::ZERO)
    };
    let (mut rx, mut tx) = (RecvBuf::new(), SendBuf::new());

    let (mut ws, mut now) = (start(), Duration::ZERO);
    group.bench_function("bytes received", |b| {
        b.iter(|| {
            now += Duration::from_millis(1);
            ws.handle_read(black_box(1), now);
            assert!(matches!(ws.next_event(&mut rx, &mut tx), Ok(None)));
            assert_eq!(ws.next_io(&tx, now), Io::Read);
            assert_eq!(ws.next_timeout(), Some(now + Duration::from_secs(20)));
        });
    });

    let mut ws = start();
    group.bench_function("nothing due", |b| {
        b.iter(|| {
            ws.handle_timeout(black_box(Duration::from_secs(19)));
            assert!(matches!(ws.next_event(&mut rx, &mut tx), Ok(None)));
        });
    });

    let (mut ws, mut now) = (start(), Duration::ZERO);
    group.bench_function("ping due, sent and answered", |b| {
        b.iter(|| {
            now += Duration::from_secs(20);
            ws.handle_timeout(black_box(now));
            assert!(matches!(ws.next_event(&mut rx, &mut tx), Ok(None)));
            assert_eq!(ws.next_io(&tx, now), Io::Write);
            let n = tx.as_slice().len();
            tx.consume(n);
            ws.handle_written(n, now);
            ws.handle_flushed(now);
            ws.handle_read(1, now);
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
    session(&mut c);
    connections(&mut c);
    c.final_summary();
}
