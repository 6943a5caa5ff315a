//! `libwebsans`: the crate `websans` for C. What a program in C needs to know stands in
//! `include/websans.h`, which `bindings/c/header` makes of the comments here.
//!
//! | module | what |
//! |---|---|
//! | `boundary` | pointers from C, handles, panics: all unsafe code but that of the next two |
//! | `foreign` | payloads that C owns |
//! | `random` | a source of masking keys that is written in C |
//! | `status`, `codes`, `texts` | error codes, and what the last error of a thread was |
//! | the others | one group of functions of the header each, without unsafe code |

mod boundary;
mod buffers;
mod codes;
mod config;
mod connection;
mod event;
mod foreign;
mod frame;
mod handshake;
mod incoming;
mod outgoing;
mod random;
mod response;
mod send;
mod session;
mod session_send;
mod status;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
mod texts;
