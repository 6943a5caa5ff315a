//! The tests, one file a topic.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod cancel;
mod closing;
mod deadlines;
mod findings;
mod halves;
mod handshake;
mod messages;
mod shutdown;
mod support;
#[cfg(feature = "rustls")]
mod tls;
mod tungstenite;
