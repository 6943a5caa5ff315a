//! What programs depend on, as tungstenite has it, and what is new.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

mod deflate;
mod handshake;
mod pipe;
mod protocol;
