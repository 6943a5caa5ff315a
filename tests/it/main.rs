//! The tests of the public API: one binary, a file a topic. `support` says how they are driven.

#![allow(unreachable_pub)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::large_stack_arrays,
    clippy::format_collect,
    clippy::items_after_statements,
    clippy::match_bool,
    clippy::trivially_copy_pass_by_ref,
    clippy::unnecessary_wraps
)]

mod closing;
mod control;
#[cfg(feature = "deflate")]
mod deflate;
mod errors;
mod framing;
mod halves;

mod handshake;
mod limits;
mod memory;
mod messages;
mod properties;
mod regressions;
mod retention;
mod sending;
mod session;
mod support;
mod taking;
mod tidy;
#[cfg(feature = "std")]
mod transport;
mod utf8;
