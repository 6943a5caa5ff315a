//! What the programs share. Each program shows one transport or one service, and is meant to be
//! copied together with the file of this crate that does its work:
//!
//! - [`echo`]: one task drives a connection, over any transport that tokio can read and write;
//! - [`split`]: a task drives a connection, behind a `Stream` and a `Sink`;
//! - [`server`]: a listener with an end: Ctrl-C closes every connection with 1001;
//! - [`tls`]: a server's certificate;
//! - [`command_line`]: arguments, and what is said when something goes wrong.
//!
//! A client's way to the server, through a proxy and through TLS, is in the library of
//! `crates/cli`.

pub mod command_line;
pub mod echo;
pub mod server;
pub mod split;
pub mod tls;
