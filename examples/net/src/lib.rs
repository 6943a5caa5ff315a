//! What the programs share. Each program shows one transport or one service, and is meant to be
//! copied together with the file of this crate that does its work:
//!
//! - [`echo`]: one task drives a connection, over any transport that tokio can read and write;
//! - [`split`]: two tasks drive a connection, behind a `Stream` and a `Sink`;
//! - [`server`]: a listener with an end: Ctrl-C closes every connection with 1001;
//! - [`connect`]: a client's way to the server, through a proxy and through TLS;
//! - [`tls`]: certificates, and who trusts them;
//! - [`command_line`]: arguments, and what is said when something goes wrong.

pub mod command_line;
pub mod connect;
pub mod echo;
pub mod server;
pub mod split;
pub mod tls;
