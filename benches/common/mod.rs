//! What all benches share: inputs that are the same in every run, an endpoint with a transport in
//! memory, and how long to measure.

#![allow(dead_code, unreachable_pub)] // each bench is a program of its own, and needs a part
#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::must_use_candidate
)]

pub mod endpoint;
pub mod input;

use std::time::Duration;

use criterion::{Criterion, Throughput};

/// Short, so that all of `cargo bench -p websans-benches` takes a few minutes. The command line can say otherwise:
/// `cargo bench -p websans-benches --bench mask -- --help`.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .nresamples(2000)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(200))
        .without_plots()
        .configure_from_args()
}

/// So that the figures are bytes a second as well.
pub fn bytes(len: usize) -> Throughput {
    Throughput::Bytes(len as u64)
}

/// So that the figures are messages a second as well.
pub fn messages(count: usize) -> Throughput {
    Throughput::Elements(count as u64)
}
