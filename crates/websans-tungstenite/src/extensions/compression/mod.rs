//! Compression of messages.

pub mod deflate;
