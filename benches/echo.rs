//! A server that sends back what it receives.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::hint::black_box;

use common::endpoint::{Endpoint, Received};
use common::input::{self, Content, name_of};
use criterion::BenchmarkId;

const LENGTHS: [usize; 6] = [16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20];

/// How many bytes one round moves at least.
const ROUND: usize = 128 << 10;

fn main() {
    let mut c = common::criterion();
    for content in [Content::Binary, Content::Mixed] {
        let mut group = c.benchmark_group(format!("echo/{}", content.name()));
        for len in LENGTHS {
            let (payload, messages) = (content.bytes(len), (ROUND / len).max(2));
            let wire = input::frame(true, true, content.opcode(), &payload).repeat(messages);
            let back = input::frame(false, true, content.opcode(), &payload).repeat(messages);
            let mut endpoint = Endpoint::server();
            let expected = Received { messages, bytes: messages * len };
            let (received, _, written) = endpoint.record(|endpoint| endpoint.echo(&wire));
            assert_eq!(received, expected);
            assert!(written == back, "something else came back");
            group.throughput(common::messages(messages));
            group.bench_function(BenchmarkId::from_parameter(name_of(len)), |b| {
                b.iter(|| assert_eq!(endpoint.echo(black_box(&wire)), expected));
            });
        }
    }
    c.final_summary();
}
