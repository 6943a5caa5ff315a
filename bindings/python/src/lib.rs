//! The extension module `websans._websans`: the sans-IO level of the Python package.
//!
//! Everything that Python sees is documented in `python/websans/_websans.pyi` and in the docstrings
//! here. The package beside it (`python/websans`) adds the parts that do I/O.
//!
//! **Threads.** Every object holds its state in a mutex, so two threads may call the same connection:
//! one waits for the other. No Python code runs while a mutex is held, and so nothing can deadlock:
//! arguments are converted before, and only `str` and `bytes`, which the garbage collector does not
//! track, are made while it is.

mod buffers;
mod config;
mod connection;
mod deadlines;
mod detach;
mod errors;
mod events;
mod fields;
mod handshake;
mod incoming;
mod pending;
mod repr;
mod session;

use pyo3::prelude::*;

/// WebSocket (RFC 6455, RFC 7692) without I/O. Import it from `websans`.
#[pymodule(gil_used = false)]
mod _websans {
    #[pymodule_export]
    use super::config::{AgreedDeflate, Config, PermessageDeflate};
    #[pymodule_export]
    use super::connection::{CloseStatus, Connection, Role, State};
    #[pymodule_export]
    use super::deadlines::Deadlines;
    #[pymodule_export]
    use super::events::{Binary, Close, Ping, Pong, Text};
    #[pymodule_export]
    use super::handshake::{ClientHandshake, ServerHandshake};
    #[pymodule_export]
    use super::incoming::{Request, Response};
    #[pymodule_export]
    use super::session::{Action, Session};
}
