//! Messages received: from the bytes of a transport to what the application takes out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::hint::black_box;

use common::endpoint::{Endpoint, Received};
use common::input::{self, Content, name_of};
use criterion::{BenchmarkId, Criterion};

const LENGTHS: [usize; 7] = [16, 64, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20];

/// How many bytes one round moves at least.
const ROUND: usize = 128 << 10;

fn bench(c: &mut Criterion, at_server: bool, content: Content) {
    let role = if at_server { "server" } else { "client" };
    let mut group = c.benchmark_group(format!("decode/{role}/{}", content.name()));
    for len in LENGTHS {
        let (payload, messages) = (content.bytes(len), (ROUND / len).max(2));
        let wire = input::frame(at_server, true, content.opcode(), &payload).repeat(messages);
        let mut endpoint = if at_server { Endpoint::server() } else { Endpoint::client() };
        let expected = Received { messages, bytes: messages * len };
        let (received, delivered, _) = endpoint.record(|endpoint| endpoint.decode(&wire));
        assert_eq!(received, expected);
        assert!(delivered == payload.repeat(messages), "other messages than were sent");
        group.throughput(common::messages(messages));
        group.bench_function(BenchmarkId::from_parameter(name_of(len)), |b| {
            b.iter(|| assert_eq!(endpoint.decode(black_box(&wire)), expected));
        });
    }
}

fn main() {
    let mut c = common::criterion();
    for content in [Content::Binary, Content::Ascii, Content::Mixed] {
        bench(&mut c, true, content);
    }
    bench(&mut c, false, Content::Binary);
    c.final_summary();
}
