//! A message of 1 MiB received in fragments, with pings between them that are answered.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::hint::black_box;

use common::endpoint::{Endpoint, Received};
use common::input::{self, Content, name_of};
use criterion::BenchmarkId;

const MESSAGE: usize = 1 << 20;

/// How many fragments are between two pings.
const PING: usize = 8;

fn main() {
    let mut c = common::criterion();
    for content in [Content::Binary, Content::Ascii, Content::Mixed] {
        let mut group = c.benchmark_group(format!("fragmented/{}", content.name()));
        group.throughput(common::bytes(MESSAGE));
        for size in [125, 4 << 10, 64 << 10] {
            let payload = content.bytes(MESSAGE);
            let wire = input::fragments(content.opcode(), &payload, size, PING);
            let mut endpoint = Endpoint::server();
            let expected = Received { messages: 1, bytes: MESSAGE };
            let (received, delivered, written) = endpoint.record(|endpoint| endpoint.decode(&wire));
            assert_eq!(received, expected);
            assert!(delivered == payload, "another message than was sent");
            let pongs = (MESSAGE.div_ceil(size) - 1) / PING;
            assert!(
                written == input::frame(false, true, input::PONG, input::PAYLOAD).repeat(pongs)
            );
            group.bench_function(BenchmarkId::from_parameter(name_of(size)), |b| {
                b.iter(|| assert_eq!(endpoint.decode(black_box(&wire)), expected));
            });
        }
    }
    c.final_summary();
}
