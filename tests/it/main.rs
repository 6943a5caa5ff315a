//! The tests of the public API: one binary, a file a topic. `support` says how they are driven.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod closing;
mod control;
#[cfg(feature = "deflate")]
mod deflate;
mod framing;
mod halves;
mod handshake;
mod keepalive;
mod limits;
mod memory;
mod messages;
mod properties;
mod sending;
mod support;
mod tidy;
mod utf8;
