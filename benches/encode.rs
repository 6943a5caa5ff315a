//! Messages sent: as a server, as a client (masked), and as a server with payloads that the
//! application owns, which are written from where they lie.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::hint::black_box;
use std::sync::Arc;

use common::endpoint::{Endpoint, check_frames};
use common::input::{Content, name_of};
use criterion::{BenchmarkId, Criterion};

const LENGTHS: [usize; 7] = [16, 64, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20];

/// How many bytes one round moves at least.
const ROUND: usize = 128 << 10;

type Send = fn(&mut Endpoint, &Arc<[u8]>, usize);

fn bench(c: &mut Criterion, name: &str, open: fn() -> Endpoint, send: Send) {
    let mut group = c.benchmark_group(format!("encode/{name}"));
    for len in LENGTHS {
        let message = Arc::from(Content::Binary.bytes(len));
        let count = (ROUND / len).max(2);
        let mut endpoint = open();
        let ((), _, written) = endpoint.record(|endpoint| send(endpoint, &message, count));
        check_frames(&written, &message, count, name == "client");
        group.throughput(common::messages(count));
        group.bench_function(BenchmarkId::from_parameter(name_of(len)), |b| {
            b.iter(|| send(&mut endpoint, black_box(&message), count));
        });
    }
}

fn main() {
    let mut c = common::criterion();
    bench(&mut c, "server", Endpoint::server, |endpoint, message, n| endpoint.encode(message, n));
    bench(&mut c, "server, owned", Endpoint::server, Endpoint::encode_owned);
    bench(&mut c, "client", Endpoint::client, |endpoint, message, n| endpoint.encode(message, n));
    c.final_summary();
}
